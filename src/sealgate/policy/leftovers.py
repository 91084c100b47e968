"""
What no site wants to serve, by its name: dot files, backups, dumps and logs.

One table for all: the gateway refuses these unless a route says otherwise, the plan lists them,
an audit asks for them from outside and looks for them in web roots. A name tells nothing for
sure, so a page may have one; hence a route may serve a kind of them (``leftovers``).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Leftover(StrEnum):
    """A kind of what was left behind, as ``sealgate.toml`` names it."""

    DOT_FILES = "dot files"  # a segment that begins with a dot, folders as well
    BACKUPS = "backups"  # of editors and people, of pages' source above all
    DUMPS = "dumps"  # databases, and their dumps
    LOGS = "logs"


# RFC 8615, 3: the one folder of that kind that is meant for visitors, at the root only.
WELL_KNOWN = ".well-known"
ENDINGS: dict[Leftover, frozenset[str]] = {
    Leftover.BACKUPS: frozenset(
        [
            "bak",
            "backup",
            "bck",
            "bk",
            "bkp",
            "copy",
            "old",
            "orig",
            "original",
            "rej",
            "sav",
            "save",
            "saved",
            "swn",
            "swo",
            "swp",
            "temp",
            "tmp",
        ]
    ),
    Leftover.DUMPS: frozenset(
        [
            "accdb",
            "db",
            "db3",
            "dmp",
            "dump",
            "kdbx",
            "ldf",
            "mdb",
            "mdf",
            "mysql",
            "pgdump",
            "psql",
            "rdb",
            "sql",
            "sqlite",
            "sqlite3",
            "sqlitedb",
        ]
    ),
    Leftover.LOGS: frozenset(["log"]),
}
KIND_OF_ENDING = {ending: kind for kind, endings in ENDINGS.items() for ending in endings}
NAMES: dict[str, Leftover] = {
    "error_log": Leftover.LOGS,
    "php_error_log": Leftover.LOGS,
    "php_errorlog": Leftover.LOGS,
    "access_log": Leftover.LOGS,
    "ssl_error_log": Leftover.LOGS,
    "ssl_access_log": Leftover.LOGS,
}
# Around another file, whose own ending then tells.
PACKED = frozenset(
    [
        "7z",
        "br",
        "bz2",
        "gz",
        "lz4",
        "lzma",
        "rar",
        "tar",
        "tbz",
        "tbz2",
        "tgz",
        "txz",
        "xz",
        "z",
        "zip",
        "zst",
    ]
)
# An archive whose name has one of these words was made to be kept, not to be shown.
KEPT_WORDS: dict[str, Leftover] = {
    **dict.fromkeys(
        ["bak", "backup", "backups", "htdocs", "wwwroot", "publichtml"], Leftover.BACKUPS
    ),
    **dict.fromkeys(["dump", "dumps", "mysqldump", "pgdump", "sqldump"], Leftover.DUMPS),
}
# What a server runs, and gives out as text under any other ending.
SOURCES = frozenset(
    ["asp", "aspx", "cfm", "jsp", "jspx", "php", "php3", "php4", "php5", "php7", "php8", "phtml"]
)
_COUNTS = "0123456789-_"


def kind_of_name(name: str) -> Leftover | None:
    """
    Return what *name*, in small letters, is by its ending; ``None`` for a name like any other.

    A dot at its beginning says nothing here (see :func:`kinds_of_path`).
    """
    if len(name) > 1 and (name[-1] == "~" or (name[0] == "#" and name[-1] == "#")):
        return Leftover.BACKUPS
    return NAMES.get(name) or _by_ending(name.split("."))


def _by_ending(parts: list[str]) -> Leftover | None:
    packed = counted = False
    last = ""
    while len(parts) > 1 and (parts[-1] in PACKED or not parts[-1].strip(_COUNTS)):
        packed = packed or parts[-1] in PACKED
        counted = True
        last = parts.pop()
    kept = _kept(parts[0]) if packed else None
    if len(parts) == 1:
        return kept
    ending = parts[-1]
    # What Debian calls the source of a package (deb-src-control(5)): no editor packs its copy.
    if ending == "orig" and last == "tar":
        return kept
    kind = KIND_OF_ENDING.get(ending) or KIND_OF_ENDING.get(ending.rstrip(_COUNTS)) or kept
    return kind or (Leftover.BACKUPS if _is_source(parts, counted=counted) else None)


def _kept(stem: str) -> Leftover | None:
    words = stem.replace("-", "_").split("_")
    return next((KEPT_WORDS[word] for word in words if word in KEPT_WORDS), None)


def _is_source(parts: Sequence[str], *, counted: bool) -> bool:
    ending = parts[-1]
    # config.php.1, config.php.gz
    if counted and ending in SOURCES:
        return True
    # config.php.txt
    if ending == "txt" and parts[-2] in SOURCES:
        return True
    # config.php_bak, config.php-old2
    head, _, tail = ending.replace("-", "_").partition("_")
    return head in SOURCES and tail.rstrip(_COUNTS) in ENDINGS[Leftover.BACKUPS]


def kinds_of_path(segments: Sequence[str]) -> frozenset[Leftover]:
    """
    Return what the path of *segments*, in small letters and none empty, asks for.

    Endings count in the last segment, dots in every one.
    """
    found: set[Leftover] = set()
    if any(s[0] == "." and (at or s != WELL_KNOWN) for at, s in enumerate(segments)):
        found.add(Leftover.DOT_FILES)
    if segments and (kind := kind_of_name(segments[-1])):
        found.add(kind)
    return frozenset(found)
