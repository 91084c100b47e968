"""
Which file names have no business in a folder that the world can ask for. No I/O.
"""

from __future__ import annotations

import re

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
    """
    Return whether a folder called *name* must not be in a web root.
    """
    return name in _FOLDERS


def is_leftover_file(name: str) -> bool:
    """
    Return whether a file called *name* must not be in a web root.
    """
    return _NAMES.fullmatch(name) is not None and _HARMLESS.fullmatch(name) is None
