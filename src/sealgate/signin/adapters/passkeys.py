"""Passkeys in the sign-in service: challenges given out, answers judged, new ones kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.errors import UsageError
from sealgate.identity.adapters.webauthn import (
    asserted_key,
    assertion_options,
    registration_options,
    verify_assertion,
    verify_registration,
)
from sealgate.identity.begun import digest
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.passkeys import (
    CHALLENGE_BYTES,
    Ceremony,
    Challenge,
    Challenges,
    PasskeyError,
    RelyingParty,
)
from sealgate.identity.throttle import Throttle, prefix

if TYPE_CHECKING:
    from sealgate.signin.adapters.backend import SignInBackend
    from sealgate.signin.model import SignedIn


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page gives to the browser as JSON, and the cookie of the browser that asked."""

    options: str
    browser: str = field(repr=False)


class Passkeys:
    """The ceremonies of WebAuthn at *backend*. Every method is to be called in a thread."""

    def __init__(self, backend: SignInBackend) -> None:
        self._backend = backend
        self._challenges = Challenges()
        self._codes = Throttle()

    def ask(self, caller: SignedIn) -> Asked:
        """Return the options of an assertion; any passkey of the site may answer."""
        party, browser = self._party(caller), secrets.token_urlsafe(CHALLENGE_BYTES)
        challenge = self._challenge(caller, party, Ceremony.ASSERTION, "", browser)
        return Asked(assertion_options(challenge, party), browser)

    def judge(self, caller: SignedIn, browser: str, response: str) -> tuple[str, Proven]:
        """
        Return who proved a passkey by *response*, and that proof.

        *browser* is the cookie that came with it.

        Raises:
            PasskeyError: it proves nothing.
        """
        backend, party = self._backend, self._party(caller)
        now = backend.now()
        key_id, value = asserted_key(response)
        challenge = self._challenges.take(value, browser, Ceremony.ASSERTION, party.id, now)
        key = backend.people.second_factors.passkey(key_id)
        if key is None:
            raise PasskeyError("the passkey is not known here", hint="sealgate user passkey NAME")
        handle = backend.people.second_factors.user_handle(key.identity)
        count = verify_assertion(response, challenge, party, key, handle)
        if not backend.people.second_factors.count_passkey(key, count, now=now):
            raise PasskeyError("the passkey was copied", hint="sealgate user passkey NAME")
        # It takes no wrong password back: who stole a key must not guess the rest for ever.
        backend.throttle.succeeded(key.identity, caller.address, now, forgives=False)
        return key.identity, Proven(Factor.PASSKEY, now, key.id)

    def ask_new(self, caller: SignedIn, code: str) -> Asked:
        """
        Return the options of a registration for whom the operator gave *code* to.

        Raises:
            PasskeyError: nobody was given that code, or there were too many attempts.
        """
        people, party, now = self._backend.people, self._party(caller), self._backend.now()
        # Nobody is named yet, so each address is counted by itself: a code has 120 bits, and
        # who tries some from elsewhere keeps nobody from registering.
        place = prefix(caller.address)
        if self._codes.attempt(place, place, now) > 0:
            raise PasskeyError("there were too many attempts", hint="try again later")
        name = people.second_factors.enrolment(code, now=now)
        if name is None:
            raise PasskeyError("the code is unknown, too old or used", hint="ask for another")
        self._codes.succeeded(place, place, now)
        browser = secrets.token_urlsafe(CHALLENGE_BYTES)
        challenge = self._challenge(caller, party, Ceremony.REGISTRATION, name, browser)
        handle, held = people.second_factors.user_handle(name), people.second_factors.passkeys(name)
        return Asked(registration_options(challenge, party, handle, held), browser)

    def keep(self, caller: SignedIn, browser: str, code: str, label: str, response: str) -> None:
        """
        Keep the passkey that *response* registers, and use *code* up.

        *browser* is the cookie that came with it.

        Raises:
            PasskeyError: it registers nothing, or the code is none (any more).
        """
        backend, party = self._backend, self._party(caller)
        now = backend.now()
        _, value = asserted_key(response)
        challenge = self._challenges.take(value, browser, Ceremony.REGISTRATION, party.id, now)
        try:
            key = verify_registration(response, challenge, party, label=label, now=now)
            backend.people.second_factors.add_passkey(key, code=code, by=challenge.name, now=now)
        except UsageError as error:
            raise PasskeyError(error.message, hint=error.hint) from error

    def _challenge(
        self, caller: SignedIn, party: RelyingParty, ceremony: Ceremony, name: str, browser: str
    ) -> Challenge:
        value, now = secrets.token_bytes(CHALLENGE_BYTES), self._backend.now()
        challenge = Challenge(value, ceremony, party.id, name, now, digest(browser), caller.address)
        self._challenges.give(challenge)
        return challenge

    def _party(self, caller: SignedIn) -> RelyingParty:
        # WebAuthn, 5.1.2: the domain of the page, or one above it; so that www.shop.example and
        # shop.example share passkeys where they are one site.
        host = caller.host.partition(":")[0].lower()
        above = host.endswith(f".{caller.site}")
        domain = caller.site if above else host
        return RelyingParty(
            domain, f"https://{caller.host.lower()}", self._backend.served.operator or caller.site
        )
