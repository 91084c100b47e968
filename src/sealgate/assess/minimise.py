"""
What need not be kept.

"Do neither transmit nor store any sensitive data if not absolutely required"
(guideline, Data Classification).

Pure. What a rule of the policy judges leaves here as an observation; the policy
decides. The rest (columns that nothing fills) is advice.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sealgate.assess.model import Advice
from sealgate.detect.catalogue import Kind, facts
from sealgate.policy.finding import Status
from sealgate.policy.observation import Fact, NotObserved, Observation, Vantage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealgate.assess.model import KindFound, Tallied
    from sealgate.policy.finding import Report
    from sealgate.policy.observation import Sighting

SEEN_BY = "assess"
# The rules of the policy that an assessment gives observations for.
WEB_ROOT_RULE = "minimise-file-in-web-root"
RULES = frozenset(["minimise-stored-cvv", "minimise-clear-password", WEB_ROOT_RULE])

# What no visitor may have, by name. Each folder or file name is compared in lower case.
_REPOSITORIES = frozenset([".git", ".svn", ".hg", ".bzr", "cvs"])
_SETTINGS_NAMES = frozenset([".htpasswd", ".env", ".npmrc", ".pypirc", ".netrc", ".pgpass"])
_KEY_NAMES = frozenset(["id_rsa", "id_ecdsa", "id_ed25519", "id_dsa"])
_KEY_ENDINGS = frozenset([".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx"])
_DUMP_ENDINGS = frozenset([".sql", ".dump", ".dmp", ".mdb", ".sqlite", ".sqlite3", ".db"])
_BACKUP_ENDINGS = frozenset(
    [".bak", ".backup", ".old", ".orig", ".save", ".swp", ".swo", ".copy", ".tmp"]
)
_PACKED = frozenset([".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tgz", ".7z", ".rar"])
_BACKUP_WORDS = ("backup", "dump", "export")
_DUMP_FORMATS = frozenset(["sqlite", "sql-dump"])


def sightings_of(asset: str, tallied: Tallied) -> tuple[Sighting, ...]:
    """
    Return what the policy may judge of the asset (by id) with *tallied* contents.

    Looked at only in part: what was found stands; what was not found is not observed.
    """
    found = tuple(
        facts(k.kind).kind.value for k in tallied.kinds if k.count and not facts(k.kind).storable
    )
    unseen = next((m.reason for m in tallied.missed if not m.partly), None)
    if not found and unseen is not None:
        return (NotObserved(asset, Fact.KINDS_NEVER_STORED, unseen, Vantage.HOST),)
    return (Observation(asset, Fact.KINDS_NEVER_STORED, found, Vantage.HOST, SEEN_BY),)


def exposed(
    relative: str, *, format_name: str = "", kinds: Iterable[KindFound] = ()
) -> tuple[str, str] | None:
    """
    Return what a file in a web root should not be there as, and the part that says so.

    *relative* is the path below the web root. The second value is the path to name:
    a repository is named once, not with each of its files. ``None``: nothing speaks
    against the file being there.
    """
    path = PurePosixPath(relative)
    parts = [part.lower() for part in path.parts]
    for depth, part in enumerate(parts):
        if part in _REPOSITORIES:
            return "repository", "/".join(path.parts[: depth + 1]) + "/"
    name = parts[-1] if parts else ""
    endings = [s.lower() for s in path.suffixes]
    last = endings[-1] if endings else ""
    what = None
    if name in _SETTINGS_NAMES or name.startswith(".env."):
        what = "settings"
    elif (
        name in _KEY_NAMES
        or last in _KEY_ENDINGS
        or any(k.kind is Kind.PRIVATE_KEY and k.count for k in kinds)
    ):
        what = "key"
    elif (
        last in _DUMP_ENDINGS
        or format_name in _DUMP_FORMATS
        or (last in _PACKED and _DUMP_ENDINGS.intersection(endings))
    ):
        what = "dump"
    elif (
        last in _BACKUP_ENDINGS
        or name.endswith("~")
        or (last in _PACKED and any(word in name for word in _BACKUP_WORDS))
    ):
        what = "backup"
    return None if what is None else (what, relative)


def web_root_sighting(asset: str, found: Sequence[str]) -> Observation:
    """Return the observation of a web root (by asset id) that holds *found* (shown paths)."""
    return Observation(
        asset, Fact.FILES_IN_WEB_ROOT, tuple(dict.fromkeys(found)), Vantage.HOST, SEEN_BY
    )


def advice(asset: str, tallied: Tallied, report: Report) -> tuple[Advice, ...]:
    """Return what of the asset (by id) could go: the policy's findings first."""
    judged = [
        Advice(finding.found, finding.rule.id)
        for finding in report.findings
        if finding.asset.id == asset
        and finding.rule.id in RULES
        and finding.status is Status.VIOLATED
    ]
    return (*judged, *(Advice(f"{c} is never filled") for c in tallied.empty_columns))
