"""Short ways to say what was seen and what was not, and how looks at several names agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.declarations import Declaration
from sealgate.policy.observation import Fact, NotObserved, Observation, Vantage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sealgate.policy.observation import FactValue, Sighting

TLS_FACTS = (
    Fact.TLS_VERSIONS,
    Fact.TLS_CIPHERS,
    Fact.TLS_GROUP,
    Fact.TLS_HYBRID_OFFERED,
    Fact.TLS_CLASSICAL_ACCEPTED,
)
CERTIFICATE_FACTS = (
    Fact.CERTIFICATE_CHAIN_VALID,
    Fact.CERTIFICATE_CHAIN_FAULT,
    Fact.CERTIFICATE_NAME_MATCHES,
    Fact.CERTIFICATE_NOT_BEFORE,
    Fact.CERTIFICATE_NOT_AFTER,
    Fact.CERTIFICATE_KEY,
    Fact.CERTIFICATE_SIGNATURE,
    Fact.CERTIFICATE_OPERATOR,
    Fact.CERTIFICATE_PUBLIC,
    Fact.TLS_CLIENT_CERTIFICATE,
)
PAGE_FACTS = (
    Fact.HTTP_STATUS,
    Fact.COOKIES_INSECURE,
    Fact.COOKIES_SCRIPTABLE,
    Fact.MIXED_CONTENT,
    Fact.FORMS_PLAIN,
    Fact.FORMS_SENSITIVE,
    Fact.FORMS_GET,
    Fact.CARD_ELSEWHERE,
)
SSH_FACTS = (
    Fact.SSH_PROTOCOL,
    Fact.SSH_KEX,
    Fact.SSH_CIPHERS,
    Fact.SSH_MACS,
    Fact.SSH_HOST_KEY_ALGORITHMS,
    Fact.SSH_HOST_KEYS,
    Fact.SSH_STRICT_KEX,
    Fact.SSH_AUTH_METHODS,
)
FTP_FACTS = (
    Fact.FTP_TLS,
    Fact.FTP_PLAIN_LOGIN,
    Fact.FTP_INJECTION,
    Fact.FTP_PROT_CLEAR,
    Fact.FTP_CCC,
)
# What was seen to be wrong: each word of these, and whatever stands in these lists.
_WRONG_WORDS = {Fact.PLAIN_GET: "served", Fact.PLAIN_POST: "served"}
_LISTS_OF_WRONG = frozenset(
    [
        Fact.PLAIN_PAGES,
        Fact.PLAIN_FORMS,
        Fact.COOKIES_INSECURE,
        Fact.COOKIES_SCRIPTABLE,
        Fact.MIXED_CONTENT,
        Fact.FORMS_PLAIN,
        Fact.FORMS_SENSITIVE,
        Fact.FORMS_GET,
        Fact.CARD_ELSEWHERE,
        Fact.PAGE_STORABLE,
        Fact.SCRIPTS_UNAPPROVED,
        Fact.SCRIPTS_CHANGED,
        Fact.SCRIPTS_UNPINNED,
        Fact.EGRESS_REFUSED,
        Fact.LOCK_VARIANTS_OPEN,
        Fact.UPSTREAM_EXPOSED,
        Fact.LEFTOVERS_SERVED,
        Fact.FILES_IN_WEB_ROOT,
    ]
)
# What is looked at from outside; whether a data connection must resume the session of its
# control connection only shows to somebody who has signed in.
FILE_SERVER_FACTS = {
    Declaration.SSH: SSH_FACTS,
    Declaration.FTP: (*FTP_FACTS, *TLS_FACTS, *CERTIFICATE_FACTS),
}


def seen(
    asset: str,
    values: Mapping[Fact, FactValue],
    seen_by: str,
    vantage: Vantage = Vantage.OUTSIDE,
) -> list[Sighting]:
    """Return one observation of *asset* per fact in *values*."""
    return [Observation(asset, fact, value, vantage, seen_by) for fact, value in values.items()]


def unseen(
    asset: str, facts: Iterable[Fact], reason: str, vantage: Vantage = Vantage.OUTSIDE
) -> list[Sighting]:
    """Return that none of *facts* could be observed of *asset*, because of *reason*."""
    return [NotObserved(asset, fact, reason, vantage) for fact in facts]


def agreed(looks: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """
    Return *looks* at one asset, as one set of sightings for each of its doors.

    The policy takes the weakest of several observations by itself, but it prefers an
    observation to a gap. Here that would be wrong: what one of several looks at the same door
    could not see is not observed at all, unless another one saw that something is wrong: that
    stands, whatever was not seen. Doors stand for themselves: the policy judges each of them.
    """
    found: dict[tuple[str, Fact, Vantage, str], list[Sighting]] = {}
    for look in looks:
        found.setdefault((look.asset, look.fact, look.vantage, look.door), []).append(look)
    result: list[Sighting] = []
    for several in found.values():
        gaps = [look for look in several if isinstance(look, NotObserved)]
        wrong = [look for look in several if _is_wrong(look)]
        result += (wrong or gaps[:1]) if gaps else several
    return tuple(result)


def _is_wrong(look: Sighting) -> bool:
    if isinstance(look, NotObserved):
        return False
    if look.fact in _LISTS_OF_WRONG:
        return bool(look.value)
    return _WRONG_WORDS.get(look.fact) == look.value
