"""
What somebody proved, what that is worth on the ladder "access", and what is missing.

Pure: sign-in pages, file servers and the plan ask the same functions, so that all of them
demand the same and say it in the same words. Times are seconds since the epoch.

The ladder (DESIGN 1): 0 nothing; 1 a knowledge factor; 2 a key and an allowed country; 3 all
of that, a second independent factor that is fresh, and a running grant. A rung is reached
when nothing is missing for it, so :func:`rung_of` and :func:`missing` cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sealgate.identity.grants import GrantState
from sealgate.policy.protection import AccessRung

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from sealgate.identity.grants import Grant

# DESIGN 1 and issue "Identity": the second factor of rung 3.
FRESH_SECONDS = 300.0


class Factor(StrEnum):
    """One way to prove who somebody is."""

    PASSWORD = "password"  # noqa: S105  # the name of a factor
    PASSKEY = "passkey"
    CERTIFICATE = "client certificate"
    SSH_KEY = "SSH key"
    TOTP = "one-time code"
    RECOVERY_CODE = "recovery code"
    PROVIDER = "identity provider"
    PROVIDER_KEY = "key at the identity provider"


class _Kind(StrEnum):
    # Two factors of one kind can be lost in one accident, so they are not independent.
    KNOWLEDGE = "knowledge"
    AUTHENTICATOR = "authenticator"
    KEY_FILE = "key file"
    CODE = "code"


_KINDS = {
    Factor.PASSWORD: _Kind.KNOWLEDGE,
    Factor.PASSKEY: _Kind.AUTHENTICATOR,
    # A certificate and an SSH key usually lie in one home folder.
    Factor.CERTIFICATE: _Kind.KEY_FILE,
    Factor.SSH_KEY: _Kind.KEY_FILE,
    # A recovery code stands in for the one-time code of a lost device.
    Factor.TOTP: _Kind.CODE,
    Factor.RECOVERY_CODE: _Kind.CODE,
    # What another house asked for is a password, unless the operator declared it a key; and
    # that key may well be the very device that a passkey of ours lies on (ADR 23).
    Factor.PROVIDER: _Kind.KNOWLEDGE,
    Factor.PROVIDER_KEY: _Kind.AUTHENTICATOR,
}
KEYS = frozenset([Factor.PASSKEY, Factor.CERTIFICATE, Factor.SSH_KEY, Factor.PROVIDER_KEY])
# What begins a sign-in. A code alone is no more than a phone that lay about.
FIRST = KEYS | {Factor.PASSWORD, Factor.PROVIDER}
# What a person must be there for. A program shows a certificate or an SSH key by itself at
# each connection, so these are never fresh, however new the connection is; and a provider
# that asked for no key may have asked for nothing today. The proof of a key at a provider is
# as old as the provider says that it saw it.
PRESENT = frozenset(
    [
        *(Factor.PASSWORD, Factor.PASSKEY, Factor.TOTP, Factor.RECOVERY_CODE),
        Factor.PROVIDER_KEY,
    ]
)
PROVIDED = frozenset([Factor.PROVIDER, Factor.PROVIDER_KEY])
# What there is without an identity provider.
USUAL = tuple(factor for factor in Factor if factor not in PROVIDED)


@dataclass(frozen=True, slots=True)
class Proven:
    """
    One *factor* that somebody proved at the moment *at*.

    *key* names which one (a fingerprint, the id of a passkey), "" where there is one only.
    A passkey is proven only with the user verified (PIN or biometrics), a code only once.
    """

    factor: Factor
    at: float
    key: str = ""


class Need(StrEnum):
    """What can be missing."""

    SIGN_IN = "sign-in"
    KEY = "key"
    COUNTRY = "country"
    SECOND_FACTOR = "second factor"
    GRANT = "grant"


@dataclass(frozen=True, slots=True)
class Missing:
    """
    One thing that is missing: a *sentence* for the person it is about, and a *remedy*.

    Both are lower case without a full stop. *factors* are those of which any one would do,
    none where no factor can help.
    """

    need: Need
    sentence: str
    remedy: str
    factors: tuple[Factor, ...] = ()


def rung_of(
    proven: Iterable[Proven],
    country: str | None,
    allowed: Iterable[str],
    grant: Grant | None,
    now: float,
) -> AccessRung:
    """
    Return the rank on the ladder "access" of somebody who *proved* these factors.

    *country* is where they are, ``None`` when nobody knows; *allowed* are the countries on
    the list. *grant* is one for this very person and asset: look it up with both.
    """
    held, countries = tuple(proven), frozenset(allowed)
    rank = AccessRung.NONE
    for wanted in (AccessRung.LOW, AccessRung.HIGH, AccessRung.VERY_HIGH):
        if any(_missing(wanted, held, country, countries, grant, now, tuple(Factor))):
            break
        rank = wanted
    return rank


def missing(
    needed: AccessRung,
    proven: Iterable[Proven],
    country: str | None,
    allowed: Iterable[str],
    grant: Grant | None,
    now: float,
    *,
    ways: Collection[Factor] = USUAL,
    asset: str = "",
) -> tuple[Missing, ...]:
    """
    Return what is missing for the rank *needed*; nothing, when it is reached.

    *ways* are the factors that the channel can take at all: a file server does not offer
    passkeys, and only some sites have an identity provider. *asset* is the id to ask a grant
    for. Everything else is as for :func:`rung_of`.
    """
    offered = tuple(factor for factor in Factor if factor in ways)
    held, countries = tuple(proven), frozenset(allowed)
    return tuple(_missing(needed, held, country, countries, grant, now, offered, asset))


def second_factors(proven: Iterable[Proven], now: float) -> tuple[Proven, ...]:
    """Return what counts as a fresh second factor beside a key that was proven, newest first."""
    held = _believed(tuple(proven), now)
    fresh = [p for p in _seconds(held) if now - p.at < FRESH_SECONDS]
    return tuple(sorted(fresh, key=lambda p: -p.at))


def _missing(
    needed: AccessRung,
    proven: tuple[Proven, ...],
    country: str | None,
    allowed: frozenset[str],
    grant: Grant | None,
    now: float,
    ways: tuple[Factor, ...],
    asset: str = "",
) -> Iterator[Missing]:
    held = _believed(proven, now)
    if needed >= AccessRung.LOW and not any(p.factor in FIRST for p in held):
        first = FIRST if needed < AccessRung.HIGH else KEYS
        yield _sign_in(tuple(factor for factor in ways if factor in first))
    elif needed >= AccessRung.HIGH and not any(p.factor in KEYS for p in held):
        yield _key(tuple(factor for factor in ways if factor in KEYS))
    if needed >= AccessRung.HIGH and (country is None or country not in allowed):
        yield _country(country)
    if needed >= AccessRung.VERY_HIGH:
        if not second_factors(held, now):
            yield _second(held, now, ways)
        if grant is None or not grant.is_running(now):
            yield _grant(grant, now, asset)


def _believed(proven: tuple[Proven, ...], now: float) -> tuple[Proven, ...]:
    # A proof from the future means that a clock is wrong, and then nothing is known.
    return tuple(p for p in proven if p.at <= now)


def _seconds(held: tuple[Proven, ...]) -> tuple[Proven, ...]:
    # Independent of a key: there is one of another kind.
    kinds = {_KINDS[p.factor] for p in held if p.factor in KEYS}
    return tuple(p for p in held if p.factor in PRESENT and kinds - {_KINDS[p.factor]})


def _sign_in(factors: tuple[Factor, ...]) -> Missing:
    remedy = f"sign in with {_any_of(factors)}" if factors else "come in another way"
    return Missing(Need.SIGN_IN, "a sign-in is required", remedy, factors)


def _key(factors: tuple[Factor, ...]) -> Missing:
    remedy = f"sign in with {_any_of(factors)}" if factors else "come in another way"
    return Missing(Need.KEY, "a password is not enough, a key is required", remedy, factors)


def _country(country: str | None) -> Missing:
    told = "from an unknown country" if country is None else f"from {country}"
    return Missing(
        Need.COUNTRY,
        f"you come {told}, which is not on the list",
        "come from an allowed country, or ask whoever runs this server",
    )


def _second(held: tuple[Proven, ...], now: float, ways: tuple[Factor, ...]) -> Missing:
    keys = [p.factor for p in held if p.factor in KEYS]
    # What is asked for must be of another kind than some key that is there, or will be.
    kinds = {_KINDS[factor] for factor in keys} or {_Kind.KEY_FILE, _Kind.AUTHENTICATOR}
    fit = tuple(f for f in ways if f in PRESENT and kinds - {_KINDS[f]})
    remedy = f"prove yourself again with {_any_of(fit)}" if fit else "come in another way"
    limit = f"at most {FRESH_SECONDS / 60:.0f} minutes"
    stale = max((p.at for p in _seconds(held)), default=None)
    if stale is None:
        sentence = f"a second factor that is independent of the key and {limit} old is required"
    else:
        age = int((now - stale) // 60)
        sentence = f"your second factor is {age} minutes old, but must be {limit} old"
    return Missing(Need.SECOND_FACTOR, sentence, remedy, fit)


def _grant(grant: Grant | None, now: float, asset: str) -> Missing:
    sentence = "a grant that another person approved is required"
    named = f'"{asset}"' if asset else "ASSET"
    remedy = f"ask for one: sealgate grant ask {named} --reason REASON --for 2h"
    if grant is not None:
        state = grant.state(now)
        sentence += ", and yours "
        sentence += "ran out" if state is GrantState.RAN_OUT else f"is {state}"
        if state is GrantState.WAITING:
            remedy = f"have it approved: sealgate grant approve {grant.id}"
    return Missing(Need.GRANT, sentence, remedy)


_TOLD = {
    Factor.PASSWORD: "a password",
    Factor.PASSKEY: "a passkey",
    Factor.CERTIFICATE: "a client certificate",
    Factor.SSH_KEY: "an SSH key",
    Factor.TOTP: "a one-time code",
    Factor.RECOVERY_CODE: "a recovery code",
    Factor.PROVIDER: "an identity provider",
    Factor.PROVIDER_KEY: "a key at an identity provider",
}


def _any_of(factors: tuple[Factor, ...]) -> str:
    told = [_TOLD[factor] for factor in factors]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} or {told[-1]}"
