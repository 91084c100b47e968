"""
What a password is before it is hashed: one spelling of it, and whether it may be chosen.

Pure; hashing is the work of :mod:`sealgate.identity.adapters.password_hash`. Preparation
follows the profile OpaqueString of RFC 8265, 4.2, for the FreeformClass of RFC 8264,
with one thing stricter: characters that need a context (joiners, Arabic digits) are not
judged by it. Joiners are refused, digits taken as they are.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from sealgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

# NIST SP 800-63B-4, 3.1.1.2: at least 15 characters where a password is the only factor.
LEAST_CHARACTERS = 15
# The same clause: at least 64 must fit. More than this is an attempt to burn our CPU.
MOST_BYTES = 1024
# Fewer different characters than this is a key held down, or a pattern of two or three.
LEAST_DIFFERENT = 5
# A name this short may well be part of a good password by chance.
LEAST_NAME_CHARACTERS = 4
# Control, format, surrogate, private use, unassigned; and separators of lines.
_UNFIT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def prepared(password: str) -> str | None:
    """
    Return the one spelling of *password* that is hashed, ``None`` when it has none.

    Spaces of any kind become the plain space, then NFC; case and width are kept
    (RFC 8265, 4.2.2). Doing it twice changes nothing.
    """
    # Cheap things first: who signs in may send megabytes.
    if not password or len(password) > MOST_BYTES:
        return None
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    ready = unicodedata.normalize("NFC", spaced)
    if any(unicodedata.category(c) in _UNFIT for c in ready):
        return None
    return ready if len(ready.encode()) <= MOST_BYTES else None


def checked_choice(name: str, password: str, common: Iterable[str] = ()) -> str:
    """
    Return *password* prepared, when the user *name* may choose it.

    *common* are passwords that are known to be used, one an entry; they are compared
    without regard to case. No other rule of composition is made (NIST SP 800-63B-4,
    3.1.1.2).

    Raises:
        UsageError: it is too short, too long, unfit, common or made from the name.
    """
    hint = "five words from a list are easy to keep and hard to guess"
    if len(password) > MOST_BYTES or len(password.encode(errors="replace")) > MOST_BYTES:
        raise UsageError(f"the password is longer than {MOST_BYTES} bytes", hint=hint)
    if password and prepared(password) is None:
        raise UsageError(
            "the password holds characters that cannot be typed everywhere",
            hint="use letters, digits, symbols and spaces",
        )
    ready = prepared(password) or ""
    if len(ready) < LEAST_CHARACTERS:
        raise UsageError(
            f"the password has {len(ready)} characters, "
            f"but at least {LEAST_CHARACTERS} are required",
            hint=hint,
        )
    if len(set(ready.casefold())) < LEAST_DIFFERENT:
        message = f"the password has fewer than {LEAST_DIFFERENT} different characters"
        raise UsageError(message, hint=hint)
    rest = len(_key(ready).replace(_key(name), ""))
    if len(name) >= LEAST_NAME_CHARACTERS and rest < LEAST_CHARACTERS // 2:
        raise UsageError("the password is little more than the user's name", hint=hint)
    if any(_key(entry.rstrip("\r\n")) == _key(ready) for entry in common):
        raise UsageError("the password is on the list of common passwords", hint=hint)
    return ready


def _key(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
