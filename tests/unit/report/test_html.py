"""A report as a page: whole, harmless, and readable on every screen."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from sealgate.policy.finding import Report
from sealgate.report.html import render_html

if TYPE_CHECKING:
    from sealgate.policy.finding import Finding

AT = 1_795_478_400.0  # 2026-11-24 00:00 UTC


class Reader(HTMLParser):
    """What a browser would show of a page, and the tags in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.shown = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep one tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep a piece of text."""
        self.shown += data


def test_everything_of_the_report_is_in_it(report: Report) -> None:
    """Each asset, each finding with its clause and fix, each risk, and the closing line."""
    shown = Reader(render_html(report, at=AT)).shown
    assert "2026-11-24 00:00:00 UTC" in shown
    assert "findings" in shown
    assert shown.index("Findings") < shown.index("What each part requires")
    for asset in report.assets:
        assert asset.asset.id in shown
    for finding in report.findings:
        assert finding.rule.id in shown
        assert finding.fix.replace("`", "") in shown
        for citation in finding.rule.citations:
            assert str(citation) in shown
    assert "confidential, collects secret" in shown
    assert "Accepted by the head of IT, until 2027-03-31: confirmed by the host" in shown
    assert "Accepted risks that ended" in shown
    assert "Accepted risks that meet no finding" in shown
    assert "not observed: no route to host" in shown


def test_what_a_hostile_server_says_is_text(report: Report) -> None:
    """No markup, no control characters, and a policy that would let nothing run."""

    def worse(finding: Finding) -> Finding:
        return dataclasses.replace(finding, found="<script>alert(1)</script>\x1b[2J\u202e")

    hostile = dataclasses.replace(report, findings=tuple(map(worse, report.findings)))
    page = render_html(hostile, at=AT)
    reader = Reader(page)
    assert "<script>alert(1)</script>" in reader.shown
    assert not {tag for tag, _ in reader.tags} & {"script", "img", "link", "iframe", "form"}
    assert not {"\x1b", "\u202e"} & set(page)
    metas = [attrs for tag, attrs in reader.tags if tag == "meta"]
    policy = [a["content"] for a in metas if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]
    links = [attrs["href"] or "" for tag, attrs in reader.tags if tag == "a"]
    assert links
    assert all(link.startswith("https://") for link in links)


def test_it_is_one_page_for_every_screen() -> None:
    """Its language, one main heading, and colours for light and dark."""
    page = render_html(Report((), 0, ()), at=AT)
    reader = Reader(page)
    assert ("html", {"lang": "en"}) in reader.tags
    assert [tag for tag, _ in reader.tags].count("h1") == 1
    assert "color-scheme:light dark" in page
    assert "width=device-width" in page
    assert "0 findings" in reader.shown
