"""
What a passkey is, and the two ceremonies of WebAuthn as values. Pure.

W3C Web Authentication Level 3: *registration* (7.1) and *assertion* (7.2). The bytes of a
browser are judged by :mod:`sealgate.identity.adapters.webauthn`; challenges, which count
once and in one browser, are kept by :class:`Challenges`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sealgate.errors import SealgateError, UsageError
from sealgate.identity.begun import Begun, is_of_browser

# WebAuthn, 13.4.3: at least 16 bytes.
CHALLENGE_BYTES = 32
# WebAuthn, 14.6.1: 64 random bytes, which tell nothing about the user.
HANDLE_BYTES = 64
# WebAuthn, 15.1: with user verification required, 5 to 10 minutes are recommended.
CHALLENGE_SECONDS = 300.0
# How long a person has who was given a code to register a passkey with.
ENROLMENT_SECONDS = 86400.0
MOST_CHALLENGES = 20_000
# An office behind one address that comes in the morning; each that is given up counts five minutes.
MOST_CHALLENGES_PER_ADDRESS = 200
# WebAuthn Level 3, 5.1 and 7.1, step 25: no authenticator makes a longer one.
MOST_ID_BYTES = 1023
MOST_LABEL_CHARACTERS = 60


class Ceremony(StrEnum):
    """What a challenge was made for; it is worth nothing for the other."""

    REGISTRATION = "registration"
    ASSERTION = "assertion"


class PasskeyError(SealgateError):
    """What a browser sent is no proof; the message says nothing about what it held."""


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The site to which a passkey is bound: *id* is its domain, *origin* what browsers show."""

    id: str
    origin: str
    name: str


@dataclass(frozen=True, slots=True)
class Passkey:
    """
    What is kept of a passkey: its public half.

    *id* is the credential id in base64url. *site* is the relying party's id. *synced* tells
    that its authenticator copies it to other devices. *sign_count* is what it said last.
    """

    id: str
    identity: str
    public: bytes
    site: str
    label: str
    synced: bool
    sign_count: int
    added_at: float
    used_at: float | None = None
    revoked_at: float | None = None

    @property
    def handle(self) -> str:
        """Return what a person names it by, such as to revoke it."""
        return self.id

    @property
    def is_living(self) -> bool:
        """Return whether it still proves anything."""
        return self.revoked_at is None


@dataclass(frozen=True, slots=True)
class Challenge:
    """
    Random bytes for one ceremony: *name* is whose, "" when a passkey is to tell that.

    *browser* is the digest of a cookie that only the browser holds which asked, from *address*.
    """

    value: bytes
    ceremony: Ceremony
    site: str
    name: str
    made_at: float
    browser: str = ""
    address: str = ""


class Challenges:
    """
    The challenges that are out, in the memory of one process; each counts once, in its browser.

    Bounded as :class:`~sealgate.identity.begun.Begun` is. Safe for several threads.
    """

    def __init__(
        self, most: int = MOST_CHALLENGES, most_per_address: int = MOST_CHALLENGES_PER_ADDRESS
    ) -> None:
        self._out: Begun[Challenge] = Begun(most, most_per_address)

    def give(self, challenge: Challenge) -> None:
        """
        Have *challenge* count once from now on.

        Raises:
            UsageError: it is too short to be random.
        """
        if len(challenge.value) < CHALLENGE_BYTES:
            raise UsageError(f"a challenge has fewer than {CHALLENGE_BYTES} bytes")
        self._out.give(challenge.value, challenge, challenge.address)

    def take(
        self, value: bytes, browser: str, ceremony: Ceremony, site: str, now: float
    ) -> Challenge:
        """
        Return the challenge *value*, which counts no more after this.

        *browser* is the cookie that came with the answer.

        Raises:
            PasskeyError: it is not out, too old, of another browser, or for something else.
        """
        challenge = self._out.take(value)
        if challenge is None or not (
            is_of_browser(challenge.browser, browser)
            and challenge.ceremony is ceremony
            and challenge.site == site
            and challenge.made_at <= now < challenge.made_at + CHALLENGE_SECONDS
        ):
            raise PasskeyError(
                "the challenge is unknown, too old, used or of another browser", hint="try again"
            )
        return challenge

    def __len__(self) -> int:
        return len(self._out)


def checked_label(label: str) -> str:
    """
    Return *label*, by which a person tells passkeys apart.

    Raises:
        UsageError: it is too long, or holds characters that cannot be seen.
    """
    told = " ".join(label.split()) or "passkey"
    if len(told) > MOST_LABEL_CHARACTERS or not told.isprintable():
        raise UsageError(
            f"the name of a passkey must be at most {MOST_LABEL_CHARACTERS} visible characters",
            hint="such as: phone",
        )
    return told
