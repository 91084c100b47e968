"""
What the sign-in service knows and keeps: identities, signing keys, failed attempts.

Every method is slow enough to be called in a thread, and safe there. A question that cannot
be answered (no database, no key) raises, and whoever asked refuses.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.errors import SealgateError, UsageError
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.adapters.token_keys import (
    IDENTITIES_FOLDER,
    RememberedKeys,
    TokenKeys,
)
from sealgate.identity.assertions import assertion
from sealgate.identity.factors import (
    KEYS,
    PROVIDED,
    Factor,
    Missing,
    Need,
    Proven,
    missing,
    rung_of,
)
from sealgate.identity.model import checked_name, normal
from sealgate.identity.sessions import SESSION_SECONDS, SignIn, session_of
from sealgate.identity.throttle import Throttle, prefix
from sealgate.identity.tokens import TokenError, current_key, issue, verify
from sealgate.identity.totp import DIGITS
from sealgate.policy.protection import AccessRung
from sealgate.signin.journey import is_admitted
from sealgate.signin.model import Issued, Known, ServedSites, SignInState

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.identity.model import Identity
    from sealgate.identity.sessions import Session
    from sealgate.identity.tokens import TokenKey
    from sealgate.identity.totp import Opener
    from sealgate.policy.inventory import IdentityProvider
    from sealgate.signin.id_tokens import Stated
    from sealgate.signin.model import ReturnPlace, SignedIn

# What a web page can ask for.
WAYS = (
    Factor.PASSWORD,
    Factor.PASSKEY,
    Factor.CERTIFICATE,
    Factor.TOTP,
    Factor.RECOVERY_CODE,
)
# That a sign-in is in use is written down so often, and not with each token.
_USED_SECONDS = 240.0
_NOBODY = "urn:sealgate:nobody"
_OWN_CERTIFICATE = Missing(
    Need.KEY,
    "a client certificate of yours that still counts is required on this connection",
    "choose your own certificate when the browser asks; sealgate key issue NAME makes one",
    (Factor.CERTIFICATE,),
)


class SignInBackend:
    """
    The state of one service process. *now* tells seconds since the epoch.

    *opener* opens the secrets of one-time codes, ``None`` where none are asked for.
    """

    def __init__(
        self,
        database: str,
        state_folder: str,
        served: ServedSites,
        now: Callable[[], float],
        opener: Opener | None = None,
    ) -> None:
        self.people = IdentityStore(database, state_folder)
        self.throttle = Throttle()
        self.opener = opener
        self._codes = Throttle()
        self.served = served
        self.now = now
        self._session_keys = RememberedKeys(TokenKeys(state_folder))
        self._identity_keys = RememberedKeys(TokenKeys(state_folder, IDENTITIES_FOLDER))

    def close(self) -> None:
        """Let go of the database."""
        self.people.close()

    def standing(self, caller: SignedIn, place: ReturnPlace) -> SignInState:
        """Return how *caller* stands before *place*."""
        now = self.now()
        known = self._known(caller, place, now)
        allowed = self.served.access.countries
        proven = known.proven if known is not None else ()
        rung = place.rung
        # Only there it is asked for a grant, which names an asset.
        asset = place.asset if rung >= AccessRung.VERY_HIGH else ""
        grant = None
        if known is not None and asset:
            grant = self.people.grants.latest(known.identity.name, asset)
        lacking = missing(
            rung, proven, caller.country, allowed, grant, now, ways=self._ways(), asset=asset
        )
        if place.needs_certificate and not any(p.factor is Factor.CERTIFICATE for p in proven):
            # The channel is one of keys, and the key must be of whoever signed in.
            others = (m for m in lacking if m.need not in {Need.SIGN_IN, Need.KEY})
            lacking = (_OWN_CERTIFICATE, *others)
        if known is not None and any(m.need is Need.SECOND_FACTOR for m in lacking):
            held = self._seconds(known.identity.name, caller)
            lacking = tuple(_within(item, held) for item in lacking)
        admit = place.route.admit
        admitted = known is not None and (
            is_admitted(admit, known.identity) if admit or rung >= AccessRung.HIGH else True
        )
        state = grant.state(now) if grant is not None else None
        return SignInState(place, known, lacking, admitted, caller.country, grant, state)

    def token(self, caller: SignedIn, standing: SignInState) -> Issued | None:
        """
        Return a new token for somebody who is known.

        ``None`` when it would be worth nothing.
        """
        known, now = standing.known, self.now()
        if known is None:
            return None
        sign_in, session = known.sign_in, known.session
        if sign_in is None:
            # By a certificate alone. A program that keeps no cookies asks like this each time.
            sign_in = self.people.sign_ins.bare(known.identity.name, caller.site, now=now)
            session = self._session(known.identity, sign_in, known.proven, caller, standing.place)
        elif now - sign_in.used_at > _USED_SECONDS:
            self.people.sign_ins.use(sign_in.id, now=now)
        if session is None:
            return None
        told = ""
        if standing.place.site.single_sign_on:
            told = assertion(session, current_key(self._identity_keys.keys(now), now))
        return Issued(issue(session, current_key(self.keys(), now), told), session.rung, told)

    def is_known(self, caller: SignedIn) -> bool:
        """
        Return whether *caller* shows a certificate, or a session that we signed of late.

        Whether either still counts is not looked at; so this asks no database.
        """
        if caller.certificate is not None:
            return True
        if not caller.token:
            return False
        now = self.now()
        try:
            verify(caller.token, self.keys(), site=caller.site, now=now, grace=SESSION_SECONDS)
        except (TokenError, SealgateError):
            return False
        return True

    def proved(
        self, caller: SignedIn, name: str, proof: Proven, since: int | None = None
    ) -> SignIn:
        """
        Keep that *name* gave *proof*: in the sign-in that *caller* is in, or in a new one.

        *since* is the generation of identities at which that began to be judged.

        Raises:
            UsageError: there is no such user any more.
            ChangedMeanwhileError: what was proven may not count any more.
        """
        now = self.now()
        current = self._sign_in(caller, now)
        if current is not None and current.name == normal(name):
            more = self.people.sign_ins.step_up(current.id, proof, now=now, since=since)
            if more is not None:
                return more
        return self.people.sign_ins.start(name, caller.site, [proof], now=now, since=since)

    def admit_provided(self, provider: IdentityProvider, who: Stated) -> str:
        """
        Return the account of the person whom *provider* vouches for, by name.

        Raises:
            UnadmittedError: they have none, and get none.
        """
        identity = self.people.provider_links.resolve(
            who.issuer,
            who.subject,
            who.name,
            adds_users=provider.adds_users,
            groups=(who.groups, {ours for _, ours in provider.groups}),
            roles=(who.roles, {ours for _, ours in provider.roles}),
            by=f"identity provider {provider.name}",
            now=self.now(),
        )
        return identity.name

    def code_of(self, caller: SignedIn, place: ReturnPlace) -> str | None:
        """
        Return whose one-time code may be tried, ``None`` where no key was proven.

        So nobody can guess codes, or make somebody wait, who holds no key of theirs.
        """
        known = self._known(caller, place, self.now())
        if known is None or not any(p.factor in KEYS for p in known.proven):
            return None
        return known.identity.name

    def wait_for_code(self, caller: SignedIn, name: str) -> float:
        """Count one attempt at a code of *name*; return 0 when it may be made, else how long to wait."""
        return self._codes.attempt(name, _pair(name, caller), self.now())

    def has_code(self, caller: SignedIn, name: str, code: str) -> Factor | None:
        """
        Return of which kind *code* of *name* is, ``None`` when it is none; it is used up.

        Raises:
            SealgateError: the key that opens the secrets cannot be had.
        """
        now, found = self.now(), None
        if len("".join(code.split())) <= DIGITS:
            if self.opener is not None and self.people.second_factors.check_totp(
                name, code, self.opener, now=now
            ):
                found = Factor.TOTP
        elif self.people.second_factors.check_recovery_code(name, code, now=now):
            found = Factor.RECOVERY_CODE
        if found is not None:
            self._codes.succeeded(name, _pair(name, caller), now)
        return found

    def wait(self, caller: SignedIn, name: str) -> float:
        """Count one attempt to be *name*; return 0 when it may be made, else how long to wait."""
        return self.throttle.attempt(_countable(name), caller.address, self.now())

    def is_usual(self, caller: SignedIn, name: str) -> bool:
        """Return whether *name* signed in from where *caller* is before."""
        return self.throttle.is_usual(_countable(name), caller.address, self.now())

    def has_password(self, caller: SignedIn, name: str, password: str) -> bool:
        """Return whether *password* is that of *name*; slow on purpose."""
        right = self.people.credentials.check_password(name, password)
        if right:
            self.throttle.succeeded(_countable(name), caller.address, self.now())
        return right

    def sign_out(self, caller: SignedIn) -> SignIn | None:
        """End the sign-in that *caller* is in, and return it."""
        now = self.now()
        current = self._sign_in(caller, now)
        if current is not None:
            self.people.sign_ins.end(current.id, by=current.name, now=now)
        return current

    def name_of(self, caller: SignedIn) -> str | None:
        """Return who is signed in."""
        current = self._sign_in(caller, self.now())
        return current.name if current is not None else None

    def keys(self) -> tuple[TokenKey, ...]:
        """Return the keys that tokens are signed with, read anew now and then."""
        return self._session_keys.keys(self.now())

    def _known(self, caller: SignedIn, place: ReturnPlace, now: float) -> Known | None:
        sign_in = self._sign_in(caller, now)
        shown = self._shown_certificate(caller, now)
        name = sign_in.name if sign_in is not None else (shown[0] if shown else _NOBODY)
        identity = self.people.identity(name)
        if identity is None:
            return None
        proven = self._kept(sign_in.proven if sign_in is not None else ())
        if shown is not None and shown[0] == identity.name:
            proven = (*proven, shown[1])
        session = None
        if sign_in is not None:
            session = self._session(identity, sign_in, proven, caller, place)
        return Known(identity, proven, sign_in, session)

    def _kept(self, proven: tuple[Proven, ...]) -> tuple[Proven, ...]:
        # A certificate is proven by the connection that it is shown on, and by no other. What
        # a provider vouched for counts while it is one of ours.
        return tuple(
            p
            for p in proven
            if p.factor is not Factor.CERTIFICATE and (p.factor not in PROVIDED or self._vouches(p))
        )

    def _vouches(self, proof: Proven) -> bool:
        return any(
            provider.issuer == proof.key
            and (proof.factor is Factor.PROVIDER or bool(provider.counts_as_key))
            for provider in self.served.providers
        )

    def _ways(self) -> tuple[Factor, ...]:
        providers = self.served.providers
        keys = any(provider.counts_as_key for provider in providers)
        more = [Factor.PROVIDER] * bool(providers) + [Factor.PROVIDER_KEY] * keys
        return (*WAYS, *more)

    def _session(
        self,
        identity: Identity,
        sign_in: SignIn,
        proven: tuple[Proven, ...],
        caller: SignedIn,
        place: ReturnPlace,
    ) -> Session | None:
        now, allowed = self.now(), self.served.access.countries
        grant = None
        if place.rung >= AccessRung.VERY_HIGH:
            grant = self.people.grants.running(identity.name, place.asset, now=now)
        held = replace(sign_in, proven=proven)
        session = session_of(identity, held, caller.country, allowed, grant, now)
        if session is None:
            return None
        if session.rung < AccessRung.VERY_HIGH:
            # Elsewhere a certificate opens by itself, so a token is worth no more without it.
            alone = rung_of(self._kept(proven), caller.country, allowed, None, now)
            rung = max(alone, min(session.rung, AccessRung.LOW))
            return replace(session, rung=rung, asset="")
        # RFC 8705, 3: it counts only on connections that show the same certificate.
        shown = next((p.key for p in proven if p.factor is Factor.CERTIFICATE), "")
        return replace(session, certificate=shown)

    def _seconds(self, name: str, caller: SignedIn) -> frozenset[Factor]:
        """Return which second factors *name* has, of those that the pages ask for."""
        held = set()
        if self.people.second_factors.totp_set_at(name) is not None:
            held.add(Factor.TOTP)
        if self.people.second_factors.recovery_codes_left(name):
            held.add(Factor.RECOVERY_CODE)
        here = {caller.site, caller.host.partition(":")[0].lower()}
        if any(
            key.is_living and key.site in here for key in self.people.second_factors.passkeys(name)
        ):
            held.add(Factor.PASSKEY)
        # Whether they have a key there, the provider knows.
        return frozenset(held) | {f for f in self._ways() if f is Factor.PROVIDER_KEY}

    def _sign_in(self, caller: SignedIn, now: float) -> SignIn | None:
        if caller.sign_in is not None:
            return caller.sign_in
        if not caller.token:
            return None
        try:
            # A token that ended names its sign-in still; whether that lives, the database says.
            session = verify(
                caller.token, self.keys(), site=caller.site, now=now, grace=SESSION_SECONDS
            )
        except TokenError:
            return None
        sign_in = self.people.sign_ins.find(session.id, now=now)
        fits = sign_in is not None and (sign_in.name, sign_in.site) == (session.name, caller.site)
        return sign_in if fits else None

    def _shown_certificate(self, caller: SignedIn, now: float) -> tuple[str, Proven] | None:
        if caller.certificate is None:
            return None
        held = self.people.credentials.certificate(caller.certificate)
        if held is None or not held.is_living(now):
            return None
        return held.identity, Proven(Factor.CERTIFICATE, now, held.fingerprint)


def _within(item: Missing, held: frozenset[Factor]) -> Missing:
    if item.need is not Need.SECOND_FACTOR:
        return item
    return replace(item, factors=tuple(f for f in item.factors if f in held))


def _pair(name: str, caller: SignedIn) -> str:
    # Codes are counted for a name at an address and for a name, never for an address alone:
    # whoever shares one with somebody who guesses need not wait.
    return f"{name} at {prefix(caller.address)}"


def _countable(name: str) -> str:
    # What is no name is nobody's, and all of it is counted together.
    try:
        return checked_name(name)
    except UsageError:
        return ""
