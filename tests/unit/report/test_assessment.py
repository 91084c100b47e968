from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sealgate.assess.classify import classify
from sealgate.assess.model import (
    Advice,
    Assessment,
    AssessRun,
    KindFound,
    NotLooked,
    Override,
    Sampled,
)
from sealgate.detect.catalogue import Kind
from sealgate.detect.model import Confidence
from sealgate.policy.assets import Asset, AssetKind
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.finding import Report
from sealgate.policy.requirements import required_of_data
from sealgate.report.assessment import (
    SCHEMA,
    render_assessment_csv,
    render_assessment_html,
    render_assessment_json,
    render_assessment_text,
)

ROOT = Path(__file__).parents[3]
NAME = "file /srv/<b>=1&x\x1b[2J"


def assessment(
    *kinds: KindFound,
    name: str = NAME,
    override: Override | None = None,
    gap: NotLooked | None = None,
    sampled: Sampled | None = None,
) -> Assessment:
    """Return the assessment of a file in which *kinds* were found."""
    weighed = classify(kinds, model=DEFAULT_MODEL, complete=gap is None, override=override)
    return Assessment(
        asset=Asset(name, AssetKind.FILE),
        format="text",
        kinds=kinds,
        weighed=weighed,
        required=required_of_data(weighed.classification, sensitive=weighed.sensitive),
        minimisation=(Advice("fax is never filled"),),
        not_looked=() if gap is None else (gap,),
        sampled=sampled,
    )


@pytest.fixture
def run() -> AssessRun:
    """Give a run with a found kind, an empty column, a sample, a decision and gaps."""
    gap = NotLooked("/srv/a.zip", "a zip archive: needs a later version", "file /srv/a.zip")
    link = NotLooked("=link", "a link that leads nowhere")
    email = KindFound(Kind.EMAIL, 3, 3, Confidence.CONFIRMED, ("line 1",), at_least=True)
    phone = KindFound(Kind.PHONE, 0, 0, Confidence.POSSIBLE, ("fax",))
    iban = KindFound(Kind.IBAN, 70, 70, Confidence.CONFIRMED, ("iban",), estimated=True)
    decision = Override("public", "press", "published", 0.0)
    return AssessRun(
        (
            assessment(email, phone),
            assessment(iban, name="table t", sampled=Sampled(7, 70)),
            assessment(email, name="file b", override=decision),
            assessment(name="file /srv/a.zip", gap=gap),
        ),
        Report((), 0, ()),
        (gap, link),
        1_800_000_000.0,
        excused=frozenset([link]),
    )


def test_text_tells_class_kinds_reasons_and_gaps(run: AssessRun) -> None:
    """Each asset has its class and why; what was not seen, and the sum, stand at the end."""
    text = render_assessment_text(run)
    for line in (
        "    restricted    email \u00d7at least 3, phone (empty column)",
        "    confidential  iban \u00d7about 70",
        "    because: IBAN (Encrypted Client/server Communication, Data Classification)",
        "    could go: fax is never filled",
        "    from the first 7 of 70 rows; counts are projected",
        "    decided: public by press: published; the data says restricted",
        "    /srv/a.zip: a zip archive: needs a later version",
        "    =link: a link that leads nowhere (decided)",
        "4 assets (1 secret, 1 confidential, 1 restricted, 1 public), 0 findings, 1 not looked at",
    ):
        assert line in text.splitlines()


def test_text_cannot_steer_a_terminal(run: AssessRun) -> None:
    """Control characters of a name are escaped, and without colour there are none at all."""
    assert "\x1b" not in render_assessment_text(run)
    coloured = render_assessment_text(run, colour=True)
    assert "\x1b[" in coloured
    assert "\x1b[2J" not in coloured


def test_json_has_the_documented_keys(run: AssessRun) -> None:
    """The value has its schema, and every key that the reference tells."""
    value = json.loads(render_assessment_json(run))
    assert value["schema"] == SCHEMA == "sealgate/assess/1"
    assert value["at"] == "2027-01-15T08:00:00+00:00"
    assert value["summary"] == {
        "assets": 4,
        "classes": {"secret": 1, "confidential": 1, "restricted": 1, "public": 1},
        "open": 0,
        "not_looked": 2,
        "open_not_looked": 1,
        "exit_code": 10,
    }
    first, second, third, fourth = value["assessments"]
    assert first["asset"] == NAME
    assert first["kinds"][0] == {
        "kind": "email",
        "title": "e-mail address",
        "category": "contact",
        "count": 3,
        "records": 3,
        "confidence": "confirmed",
        "where": ["line 1"],
        "estimated": False,
        "at_least": True,
    }
    assert second["sample"] == {"read": 7, "total": 70}
    assert third["decision"]["by"] == "press"
    assert (third["class"], third["computed_class"]) == ("public", "restricted")
    assert fourth["not_looked"][0]["reason"].endswith("needs a later version")
    assert [n["open"] for n in value["not_looked"]] == [True, False]


def test_every_key_is_in_the_reference(run: AssessRun) -> None:
    """Each key of the JSON, at any depth, stands in docs/reference/json-assess.md."""
    reference = (ROOT / "docs" / "reference" / "json-assess.md").read_text("utf-8")
    told = set(re.findall(r"`([a-z_]+)`", reference))
    classes = {c.id for c in DEFAULT_MODEL.classes}
    assert keys(json.loads(render_assessment_json(run))) - classes <= told


def keys(value: object) -> set[str]:
    """Return every key in *value*."""
    if isinstance(value, list):
        return {key for item in value for key in keys(item)}
    if isinstance(value, dict):
        return set(value) | {key for item in value.values() for key in keys(item)}
    return set()


def test_csv_has_one_line_per_kind_and_no_formula(run: AssessRun) -> None:
    """Assets without kinds and gaps without an asset have a line too."""
    rows = list(csv.reader(io.StringIO(render_assessment_csv(run))))
    assert {len(row) for row in rows} == {10}
    assert [row[4] for row in rows[1:]] == ["email", "phone", "iban", "email", "", ""]
    assert rows[-1][0] == "'=link"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onclick"}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_html_is_escaped_and_loads_nothing(run: AssessRun) -> None:
    """Names stand as text, and the page has no script and no reference to elsewhere."""
    reader = _Reader()
    reader.feed(render_assessment_html(run))
    assert "file /srv/<b>=1&x" in "".join(reader.text)
    assert not reader.tags & {"script", "img", "link", "iframe", "b"}
    assert any("decided by press" in text for text in reader.text)
