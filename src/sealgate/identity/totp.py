"""
One-time codes of an authenticator app, and the recovery codes for when it is lost. Pure.

Codes are TOTP (RFC 6238) in the form that every app takes: SHA-1, 30 seconds, six digits.
A code is accepted one step early or late (RFC 6238, 5.2) and never twice, nor any before it
(the same clause). Secrets and recovery codes are made of random bytes that are passed in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Protocol
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from sealgate.errors import UsageError

DIGITS = 6
STEP_SECONDS = 30
# RFC 6238, 5.2: at most one step for the delay of the network and of the person.
WINDOW_STEPS = 1
# RFC 4226, 4, R6: 160 bits are recommended.
SECRET_BYTES = 20
RECOVERY_CODES = 10
# 120 bits. NIST SP 800-63B-4, 3.1.2.2: of 112 and more, a plain approved hash is enough.
RECOVERY_BYTES = 15
_GROUP_CHARACTERS = 4
# Read with other letters for what looks the same; base32 has none of these digits.
_ALIKE = str.maketrans("018", "OIB")


class Opener(Protocol):
    """What opens the secrets of one-time codes while a server runs."""

    def open(self, name: str, sealed: bytes) -> bytes:
        """
        Return what was sealed for the user *name*.

        Raises:
            SealgateError: it was changed, is another user's, or the key cannot be had.
        """


class Sealer(Opener, Protocol):
    """What keeps the secrets of one-time codes unreadable beside the database."""

    def seal(self, name: str, secret: bytes) -> bytes:
        """
        Return the *secret* of the user *name* so that only :meth:`open` gives it back.

        Raises:
            SealgateError: the key that seals cannot be had.
        """


def code_at(secret: bytes, step: int) -> str:
    """Return the code of the 30 seconds number *step* since the epoch."""
    # SHA-1 is what apps compute; HMAC does not rest on collisions (RFC 6238, 1.2).
    made = TOTP(secret, DIGITS, SHA1(), STEP_SECONDS, enforce_key_length=False)  # noqa: S303
    return made.generate(step * STEP_SECONDS).decode("ascii")


def matching_step(secret: bytes, code: str, now: float, last: int) -> int | None:
    """
    Return the step whose *code* this is, ``None`` when it is none that may be used now.

    *last* is the step that was used last: it and everything before it are used up. Every
    step of the window is computed, so that time tells nothing.
    """
    typed = "".join(code.split()) if len(code) <= 2 * DIGITS else ""
    if not (typed.isascii() and typed.isdigit() and len(typed) == DIGITS):
        return None
    current, found = int(now // STEP_SECONDS), None
    for step in range(current - WINDOW_STEPS, current + WINDOW_STEPS + 1):
        if step >= 0 and hmac.compare_digest(code_at(secret, step), typed) and step > last:
            found = step if found is None else found
    return found


def provisioning_uri(secret: bytes, name: str, issuer: str) -> str:
    """Return the ``otpauth:`` URI that an authenticator app reads from a QR code."""
    # A colon parts issuer and account in the label, so neither may hold one.
    label = f"{quote(issuer.replace(':', '_'), safe='')}:{quote(name.replace(':', '_'), safe='')}"
    # Not urlencode: apps show its plus signs as they are.
    return (
        f"otpauth://totp/{label}?secret={_base32(secret)}&issuer={quote(issuer, safe='')}"
        f"&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
    )


def secret_text(secret: bytes) -> str:
    """Return *secret* as a person types it where there is no camera."""
    return _grouped(_base32(secret), " ")


def recovery_codes(random: bytes) -> tuple[str, ...]:
    """
    Return ten recovery codes, made of *random* (150 bytes).

    Raises:
        ValueError: there are too few bytes.
    """
    if len(random) < RECOVERY_CODES * RECOVERY_BYTES:
        raise ValueError("too few random bytes for recovery codes")
    pieces = (random[n * RECOVERY_BYTES :][:RECOVERY_BYTES] for n in range(RECOVERY_CODES))
    return tuple(enrolment_code(piece) for piece in pieces)


def enrolment_code(random: bytes) -> str:
    """Return *random* (15 bytes) as a code that a person types once."""
    return _grouped(_base32(random), "-")


def digest_of(code: str) -> str:
    """
    Return what is kept of a recovery or enrolment *code*: SHA-256 in hex.

    However it is typed: small letters, without hyphens, with 0 for O and 1 for I.
    """
    plain = "".join(c for c in code[:200].upper() if c.isalnum()).translate(_ALIKE)
    return hashlib.sha256(plain.encode(errors="replace")).hexdigest()


def checked_confirmation(secret: bytes, code: str, now: float) -> int:
    """
    Return the step of the first *code*, which shows that the app holds *secret*.

    Raises:
        UsageError: it is not the code of now.
    """
    step = matching_step(secret, code, now, -1)
    if step is None:
        raise UsageError(
            "that is not the code that the app should show now",
            hint="see whether the clocks of phone and server are right: timedatectl",
        )
    return step


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode("ascii").rstrip("=")


def _grouped(text: str, between: str) -> str:
    starts = range(0, len(text), _GROUP_CHARACTERS)
    return between.join(text[at : at + _GROUP_CHARACTERS] for at in starts)
