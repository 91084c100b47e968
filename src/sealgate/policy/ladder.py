"""
The three ladders: what each rank means, criterion by criterion.

A rung is met by any one of its alternatives, an alternative by all of its criteria,
and a criterion is a rule (:mod:`sealgate.policy.rules`) that was seen to be met. What
was not observed, or does not apply, never meets anything.

Rungs that DESIGN describes and this version cannot observe yet are left out on
purpose, so that nothing reaches them by accident: a signed response (RFC 9421) as the
other way to "protected" in transit, and SSH and FTPS as channels of a drop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.policy.finding import Declaration, Status
from sealgate.policy.inventory import AssetKind
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.policy.finding import Verdict

WEB = frozenset([AssetKind.SITE, AssetKind.ROUTE, AssetKind.ENDPOINT])
STORES = frozenset([AssetKind.DROP, AssetKind.FILE, AssetKind.TABLE, AssetKind.DATABASE])
GUARDED = frozenset([AssetKind.ROUTE, AssetKind.DROP])


@dataclass(frozen=True, slots=True)
class Alternative:
    """
    One way to reach a rung: all of *criteria* (rule ids), for these *kinds* of asset.

    *site_asks* narrows it to routes where the site itself asks for the password
    (``True``) or where it does not (``False``).
    """

    name: str
    criteria: tuple[str, ...]
    kinds: frozenset[AssetKind]
    site_asks: bool | None = None

    def applies(self, kind: AssetKind, declarations: frozenset[Declaration]) -> bool:
        """
        Return whether an asset of *kind*, so declared, can take this way.
        """
        asks = kind is AssetKind.ROUTE and Declaration.SITE_ASKS in declarations
        return kind in self.kinds and self.site_asks in {None, asks}


@dataclass(frozen=True, slots=True)
class Rung:
    """
    One rank of one column, in a sentence and as alternatives (none for rank 0).
    """

    column: Column
    rank: int
    text: str
    alternatives: tuple[Alternative, ...]


# RFC 9325; Mozilla "Intermediate".
_TLS = (
    "transit-plaintext",
    "transit-weak-version",
    "transit-weak-cipher",
    "transit-untrusted-chain",
    "transit-wrong-name",
    "transit-expired-certificate",
)
# Mozilla "Modern", the hybrid group, and both sides by key.
_TLS_BOTH_SIDES = (
    *_TLS,
    "transit-tls-1-2-accepted",
    "transit-no-hybrid",
    "transit-classical-accepted",
    "transit-client-unauthenticated",
)
# Nothing observes the channel of a drop yet; this keeps it visibly unproven.
_UNSEEN_CHANNEL = Alternative("drop", ("transit-unobserved",), frozenset([AssetKind.DROP]))
_ENCRYPTED = Alternative("TLS", _TLS, WEB)

LADDERS: dict[Column, tuple[Rung, ...]] = {
    Column.IN_TRANSIT: (
        Rung(Column.IN_TRANSIT, 0, "Nothing is asked of the channel.", ()),
        Rung(
            Column.IN_TRANSIT,
            1,
            "Integrity and origin can be checked. Any channel of the next rung gives that; "
            "a signed response will be another way, once Sealgate can verify one.",
            (_ENCRYPTED, _UNSEEN_CHANNEL),
        ),
        Rung(
            Column.IN_TRANSIT,
            2,
            "TLS 1.2 or 1.3 with forward-secret AEAD suites, and a certificate that is "
            "trusted, in date and for this name; nothing is served in clear beside it.",
            (_ENCRYPTED, _UNSEEN_CHANNEL),
        ),
        Rung(
            Column.IN_TRANSIT,
            3,
            "TLS 1.3 only, a hybrid post-quantum group required, and both sides "
            "authenticated by key.",
            (Alternative("TLS", _TLS_BOTH_SIDES, WEB), _UNSEEN_CHANNEL),
        ),
    ),
    Column.ACCESS: (
        Rung(Column.ACCESS, 0, "Anyone may have it.", ()),
        Rung(
            Column.ACCESS,
            1,
            "A knowledge factor: user name and password.",
            (
                Alternative("gateway", ("access-anonymous",), GUARDED, site_asks=False),
                Alternative(
                    "site",
                    ("access-site-unverified",),
                    frozenset([AssetKind.ROUTE]),
                    site_asks=True,
                ),
            ),
        ),
        Rung(
            Column.ACCESS,
            2,
            "A public/private key and a country on the allow list, asked for before the "
            "site sees the request, however the path is spelled.",
            (
                Alternative(
                    "gateway",
                    ("access-anonymous", "access-no-key", "transit-backend-unlocked"),
                    frozenset([AssetKind.ROUTE]),
                ),
                Alternative(
                    "drop", ("access-anonymous", "access-no-key"), frozenset([AssetKind.DROP])
                ),
            ),
        ),
        Rung(
            Column.ACCESS,
            3,
            "All of that, a second independent factor, and a time-boxed grant that another "
            "person approved.",
            (
                Alternative(
                    "gateway",
                    (
                        "access-anonymous",
                        "access-no-key",
                        "transit-backend-unlocked",
                        "access-no-approval",
                    ),
                    frozenset([AssetKind.ROUTE]),
                ),
                Alternative(
                    "drop",
                    ("access-anonymous", "access-no-key", "access-no-approval"),
                    frozenset([AssetKind.DROP]),
                ),
            ),
        ),
    ),
    Column.AT_REST: (
        Rung(Column.AT_REST, 0, "Nothing is asked of the store.", ()),
        Rung(
            Column.AT_REST,
            1,
            "Readable bytes, owner-only permissions and a keyed integrity record, or a "
            "sealed file whose key lies readable beside it.",
            (Alternative("store", ("at-rest-unobserved", "at-rest-unprotected"), STORES),),
        ),
        Rung(
            Column.AT_REST,
            2,
            "Sealed for a key that is kept apart, or an encrypted volume or the database's "
            "own encryption, observed on the host.",
            (
                Alternative(
                    "store",
                    ("at-rest-unobserved", "at-rest-unprotected", "at-rest-unsealed"),
                    STORES,
                ),
            ),
        ),
        Rung(
            Column.AT_REST,
            3,
            "Sealed for hybrid post-quantum recipients whose identities are not on the host.",
            (
                Alternative(
                    "store",
                    (
                        "at-rest-unobserved",
                        "at-rest-unprotected",
                        "at-rest-unsealed",
                        "at-rest-keys-on-host",
                    ),
                    STORES,
                ),
            ),
        ),
    ),
}


def reached(
    column: Column,
    kind: AssetKind,
    declarations: frozenset[Declaration],
    verdicts: Mapping[str, Verdict],
) -> int | None:
    """
    Return the highest rank in *column* that *verdicts* prove, every lower one included.

    ``None`` means that nothing is proven and nothing was seen to be wrong either: it
    was not observed.
    """
    proven = 0
    for rung in LADDERS[column][1:]:
        status = _status(rung, kind, declarations, verdicts)
        if status is not Status.MET:
            return None if proven == 0 and status is Status.NOT_OBSERVED else proven
        proven = rung.rank
    return proven


def criteria(
    column: Column,
    rank: int,
    kind: AssetKind,
    declarations: frozenset[Declaration],
    verdicts: Mapping[str, Verdict],
) -> tuple[str, ...]:
    """
    Return the rule ids that *rank* and every rank below it ask for in *column*.

    Of several alternatives the one is asked for that the fewest criteria are missing of.
    """
    asked: dict[str, None] = {}
    for rung in LADDERS[column][1 : rank + 1]:
        ways = [a for a in rung.alternatives if a.applies(kind, declarations)]
        best = min(ways, key=lambda way: _missing(way, verdicts), default=None)
        asked.update(dict.fromkeys(best.criteria if best else ()))
    return tuple(asked)


def _missing(way: Alternative, verdicts: Mapping[str, Verdict]) -> int:
    return sum(verdicts[rule].status is not Status.MET for rule in way.criteria)


def _status(
    rung: Rung,
    kind: AssetKind,
    declarations: frozenset[Declaration],
    verdicts: Mapping[str, Verdict],
) -> Status:
    found = Status.NOT_OBSERVED
    for way in rung.alternatives:
        if not way.applies(kind, declarations):
            continue
        statuses = {verdicts[rule].status for rule in way.criteria}
        if statuses == {Status.MET}:
            return Status.MET
        if Status.VIOLATED in statuses:
            found = Status.VIOLATED
    return found
