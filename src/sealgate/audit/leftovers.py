"""
Which file names have no business in a folder that the world can ask for. No I/O.

What an answer to a question for one means stands here, too. The names that say it by themselves stand in :mod:`sealgate.policy.leftovers`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealgate.audit.answers import is_for_now
from sealgate.policy.leftovers import kind_of_name

if TYPE_CHECKING:
    from sealgate.audit.model import Response

# Folders whose presence tells it; nothing below them is listed.
_FOLDERS = frozenset([".git", ".svn", ".hg", ".bzr", "CVS", ".sealgate"])
_NAMES = re.compile(
    r"""
      \.env(?:\..+)?          # settings with passwords, of any stage
    | sealgate\.toml
    | \.ht(?:passwd|digest).*
    | .*\.(?:sql|dump|dmp)(?:\.(?:gz|bz2|xz|zst|zip))?   # database dumps
    | .*\.(?:sqlite3?|mdb|kdbx)
    | .*\.(?:bak|backup|old|orig|save|swp|swo|tmp)       # what editors and people leave
    | .*~
    | .*(?:backup|dump).*\.(?:zip|tar|tgz|t?gz|tar\.\w+|7z|rar)
    | .*\.(?:pem|key|p12|pfx)
    | id_(?:rsa|dsa|ecdsa|ed25519)
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Settings that a server reads by itself and never gives out, and samples of settings.
_HARMLESS = re.compile(r"\.env\.(?:example|sample|dist|template)", re.IGNORECASE)


def is_leftover_folder(name: str) -> bool:
    """Return whether a folder called *name* must not be in a web root."""
    return name in _FOLDERS


def is_leftover_file(name: str) -> bool:
    """Return whether a file called *name* must not be in a web root."""
    if _HARMLESS.fullmatch(name) is not None:
        return False
    return kind_of_name(name.lower()) is not None or _NAMES.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Question:
    """A path that strangers try first, and what its content looks like from the first byte on."""

    path: str
    sign: re.Pattern[bytes]


# A path that no site has.
NOWHERE = "/sealgate-audit-asks-for-nothing.bak"


class Told(Enum):
    """What an answer tells of the file that was asked for."""

    SERVED = auto()  # it is content of that kind
    ABSENT = auto()  # refused, not there, or what the site shows to anything
    UNCLEAR = auto()


# Each is held against the first bytes of an answer, and looks at a bounded piece of it.
_SETTINGS = re.compile(
    rb"(?:[ \t]{0,64}(?:#[^\r\n]{0,400})?\r?\n){0,64}(?:export )?[A-Z][A-Z0-9_]{1,60} ?="
)
_GIT_CONFIG = re.compile(rb"\s{0,64}\[(?:core|remote|branch|user|include)")
_GIT_HEAD = re.compile(rb"ref: refs/|[0-9a-f]{40}\s{0,8}\Z")
_SUBVERSION = re.compile(rb"SQLite format 3\x00|1[0-2]\r?\n|<wc-entries")
_PASSWORDS = re.compile(rb"[^\s:]{1,64}:(?:\$|\{|[./0-9A-Za-z]{13})")
_SOURCE = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,64}<\?(?:php|=|\s)|<%@?")
_SWAP = re.compile(rb"b0VIM ")
_SQL = re.compile(
    rb"(?:\xef\xbb\xbf)?\s{0,64}(?:--[ \-]|/\*|(?:create|insert|drop|set|use|begin|pragma|start|lock)\b)",
    re.IGNORECASE,
)
_ARCHIVE = re.compile(rb"PK\x03\x04|\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|.{257}ustar", re.DOTALL)
_DATABASE = re.compile(rb"SQLite format 3\x00")
_LOG = re.compile(
    rb"\s{0,64}(?:\[?\d{2,4}[-/. ](?:\d\d|[A-Z][a-z]{2})[-/. ]|\[[A-Z][a-z]{2} |PHP |[\d.:a-f]{3,45} - )"
)
_DS_STORE = re.compile(rb"\x00\x00\x00\x01Bud1")
QUESTIONS = (
    Question("/.env", _SETTINGS),
    Question("/.env.bak", _SETTINGS),
    Question("/.git/config", _GIT_CONFIG),
    Question("/.git/HEAD", _GIT_HEAD),
    Question("/.svn/entries", _SUBVERSION),
    Question("/.svn/wc.db", _SUBVERSION),
    Question("/.htpasswd", _PASSWORDS),
    Question("/.DS_Store", _DS_STORE),
    Question("/wp-config.php.bak", _SOURCE),
    Question("/wp-config.php~", _SOURCE),
    Question("/wp-config.php.old", _SOURCE),
    Question("/wp-config.php.txt", _SOURCE),
    Question("/.wp-config.php.swp", _SWAP),
    Question("/configuration.php.bak", _SOURCE),
    Question("/LocalSettings.php.bak", _SOURCE),
    Question("/LocalSettings.php~", _SOURCE),
    Question("/config.php.bak", _SOURCE),
    Question("/index.php.bak", _SOURCE),
    Question("/index.php~", _SOURCE),
    Question("/backup.sql", _SQL),
    Question("/dump.sql", _SQL),
    Question("/database.sql", _SQL),
    Question("/db.sqlite3", _DATABASE),
    Question("/backup.sql.gz", _ARCHIVE),
    Question("/backup.zip", _ARCHIVE),
    Question("/backup.tar.gz", _ARCHIVE),
    Question("/error_log", _LOG),
    Question("/debug.log", _LOG),
    Question("/wp-content/debug.log", _LOG),
    Question("/storage/logs/laravel.log", _LOG),
)
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s{0,256}(?:<!--.{0,400}?-->\s{0,64})?<(?:!doctype html|html|head|body|title|h1)\b",
    re.IGNORECASE | re.DOTALL,
)
_SHOWN, _ELSEWHERE, _REFUSED = range(200, 300), range(300, 400), range(400, 500)


def told_by(question: Question, answer: Response, anywhere: Response) -> Told:
    """Return what *answer* tells of *question*; *anywhere* is the answer to :data:`NOWHERE`."""
    if answer.status in _SHOWN:
        # Some say what they were asked for.
        usual = answer.body.replace(question.path.encode(), NOWHERE.encode())
        if (answer.status, usual) == (anywhere.status, anywhere.body):
            return Told.ABSENT
        if question.sign.match(answer.body):
            return Told.SERVED
        return Told.ABSENT if _PAGE.match(answer.body) else Told.UNCLEAR
    if answer.status in _ELSEWHERE:
        location = answer.header("location") or question.path
        return Told.UNCLEAR if _may_end_in(location, question.path) else Told.ABSENT
    # Neither "not there" nor "not for you" is what may be answered otherwise later.
    if answer.status in _REFUSED and not is_for_now(answer):
        return Told.ABSENT
    return Told.UNCLEAR


def _may_end_in(location: str, path: str) -> bool:
    # The same file in another place may be shown there; where an address that is none leads,
    # nobody knows.
    try:
        return urlsplit(location).path.endswith(path)
    except ValueError:
        return True
