from __future__ import annotations

import pytest

from sealgate.assess.minimise import (
    RULES,
    advice,
    exposed,
    sightings_of,
    web_root_sighting,
)
from sealgate.assess.model import Advice, KindFound, Missed, Tallied
from sealgate.detect.catalogue import Kind
from sealgate.detect.model import Confidence
from sealgate.policy import rules
from sealgate.policy.assets import Asset, AssetKind
from sealgate.policy.evaluate import evaluate
from sealgate.policy.observation import NotObserved, Observation, Vantage
from sealgate.policy.protection import NO_PROTECTION
from sealgate.policy.requirements import AssetRequirement
from sealgate.policy.rules import find_rule


def found(kind: Kind, count: int = 1) -> KindFound:
    """Return *kind* as found *count* times."""
    return KindFound(kind, count, count, Confidence.LIKELY)


def test_the_rules_exist() -> None:
    """Every rule that an assessment speaks of is one of the policy's."""
    assert all(find_rule(rule) for rule in RULES)


def test_every_rule_on_what_lies_somewhere_is_answered() -> None:
    """A finding of one that is not in the table would be left out of the report."""
    lying = {
        rule.id
        for rule in rules.RULES
        if rule.id.startswith("minimise-") and rule.vantage is Vantage.HOST
    }
    assert lying == RULES


def test_what_must_not_be_stored_is_observed() -> None:
    """Codes and clear passwords are named by kind; other kinds and empty columns are not."""
    tallied = Tallied(
        (found(Kind.CARD_VERIFICATION), found(Kind.PASSWORD, 0), found(Kind.EMAIL)),
    )
    (sighting,) = sightings_of("table x", tallied)
    assert isinstance(sighting, Observation)
    assert sighting.value == ("card-verification",)


def test_what_was_not_looked_at_is_not_observed() -> None:
    """Where nothing was found and not everything was seen, nothing is said."""
    (sighting,) = sightings_of("file x", Tallied((), missed=(Missed("it is damaged"),)))
    assert isinstance(sighting, NotObserved)
    assert sighting.reason == "it is damaged"


def test_what_was_found_in_a_part_stands() -> None:
    """A file that was only seen in part is observed where something was found in it."""
    tallied = Tallied((found(Kind.PASSWORD),), missed=(Missed("it is damaged"),))
    (sighting,) = sightings_of("file x", tallied)
    assert isinstance(sighting, Observation)


def test_text_instead_of_rows_is_observed() -> None:
    """Every byte was seen, so that nothing was found counts."""
    (sighting,) = sightings_of("file x", Tallied((), missed=(Missed("broken", partly=True),)))
    assert isinstance(sighting, Observation)
    assert sighting.value == ()


@pytest.mark.parametrize(
    ("relative", "what"),
    [
        ("index.html", None),
        ("css/site.css", None),
        ("environment.html", None),
        ("key.html", None),
        ("download.zip", None),
        ("cert.pem", None),
        ("robots.txt", None),
        (".env", "settings"),
        (".env.production", "settings"),
        ("app/.htpasswd", "settings"),
        (".git/config", "repository"),
        ("a/.git/HEAD", "repository"),
        (".svn/entries", "repository"),
        ("dump.sql", "dump"),
        ("DUMP.SQL", "dump"),
        ("dump.sql.gz", "dump"),
        ("shop.sqlite", "dump"),
        ("index.php.bak", "backup"),
        ("index.php~", "backup"),
        (".index.php.swp", "backup"),
        ("backup-2026.tar.gz", "backup"),
        ("server.key", "key"),
        (".ssh/id_rsa", "key"),
    ],
)
def test_what_no_visitor_may_have_is_known_by_name(relative: str, what: str | None) -> None:
    """Repositories, settings, dumps, backups and keys are told; what sites serve is not."""
    result = exposed(relative)
    assert (result[0] if result else None) == what


def test_a_repository_is_named_once() -> None:
    """Each of its files names the repository, with the folder that it stands in."""
    assert exposed("shop/.git/refs/heads/main") == ("repository", "shop/.git/")


def test_content_tells_what_a_name_does_not() -> None:
    """A key or a dump under a harmless name is told too."""
    assert exposed("notes.txt", kinds=[found(Kind.PRIVATE_KEY)]) == ("key", "notes.txt")
    assert exposed("notes.txt", format_name="sql-dump") == ("dump", "notes.txt")
    assert exposed("cert.pem", kinds=[found(Kind.PRIVATE_KEY, 0)]) is None


def test_advice_is_what_the_policy_found_and_what_nothing_fills() -> None:
    """Findings of other assets are not told here; empty columns are."""
    root = Asset("file /srv/www/", AssetKind.FILE)
    table = Asset("table cards", AssetKind.TABLE)
    tallied = Tallied((found(Kind.CARD_VERIFICATION),), empty_columns=("fax",))
    report = evaluate(
        [AssetRequirement(asset, "public", NO_PROTECTION) for asset in (root, table)],
        [*sightings_of(table.id, tallied), web_root_sighting(root.id, [".git/", ".git/"])],
        accepted=(),
        now=0.0,
    )
    assert {f.rule.id for f in report.findings} == {
        "minimise-stored-cvv",
        "minimise-file-in-web-root",
    }
    assert advice(table.id, tallied, report) == (
        Advice("stores card-verification", "minimise-stored-cvv"),
        Advice("fax is never filled"),
    )
