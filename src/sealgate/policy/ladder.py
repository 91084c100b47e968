"""
The three ladders: what each rank means, criterion by criterion.

A rung is met by any one of its alternatives, an alternative by all of its criteria,
and a criterion is a rule (:mod:`sealgate.policy.rules`) that was seen to be met. What
was not observed, or does not apply, never meets anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from sealgate.errors import BugError
from sealgate.policy.assets import AssetKind
from sealgate.policy.declarations import PROTOCOLS, Declaration
from sealgate.policy.finding import Status
from sealgate.policy.protection import RUNG_NAMES, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealgate.policy.finding import Verdict

WEB = frozenset([AssetKind.SITE, AssetKind.ROUTE, AssetKind.ENDPOINT])
STORES = frozenset([AssetKind.DROP, AssetKind.FILE, AssetKind.TABLE, AssetKind.DATABASE])
# What is behind one file server, and everything that is spoken to over SSH or FTP.
BEHIND = frozenset([AssetKind.DROP, AssetKind.TUNNEL])
CHANNELS = BEHIND | {AssetKind.FILE_SERVER}
# What payments go out to.
PAID = frozenset([AssetKind.PAYMENT_GATEWAY])
# Whatever may show a certificate.
TLS = WEB | CHANNELS
GUARDED = BEHIND | {AssetKind.ROUTE}


@dataclass(frozen=True, slots=True)
class Alternative:
    """
    One way to reach a rung: all of *criteria* (rule ids), for these *kinds* of asset.

    *site_asks* narrows it to routes where the site itself asks for the password
    (``True``) or where it does not (``False``). *protocols* narrows it to assets that are
    reached over exactly these: who has two doors must have locked both. *declared* narrows
    it to assets of that declaration.
    """

    name: str
    criteria: tuple[str, ...]
    kinds: frozenset[AssetKind]
    site_asks: bool | None = None
    protocols: frozenset[Declaration] | None = None
    declared: Declaration | None = None

    def applies(self, kind: AssetKind, declarations: frozenset[Declaration]) -> bool:
        """Return whether an asset of *kind*, so declared, can take this way."""
        asks = kind is AssetKind.ROUTE and Declaration.SITE_ASKS in declarations
        return (
            kind in self.kinds
            and self.site_asks in {None, asks}
            and self.protocols in {None, declarations & PROTOCOLS}
            and (self.declared is None or self.declared in declarations)
        )


@dataclass(frozen=True, slots=True)
class Rung:
    """One rank of one column, in a sentence and as alternatives (none for rank 0)."""

    column: Column
    rank: int
    text: str
    alternatives: tuple[Alternative, ...]


# RFC 9325; Mozilla "Intermediate".
_TLS_CHANNEL = (
    "transit-weak-version",
    "transit-weak-cipher",
    "transit-untrusted-chain",
    "transit-wrong-name",
    "transit-expired-certificate",
)
_TLS = ("transit-plaintext", *_TLS_CHANNEL)
# Mozilla "Modern", the hybrid group, and both sides by key.
_TLS_TOP = (
    "transit-tls-1-2-accepted",
    "transit-no-hybrid",
    "transit-classical-accepted",
    "transit-client-unauthenticated",
)
# RFC 4217, and TLS as above.
_FTP = (
    "transit-ftp-plaintext",
    "transit-ftp-injection",
    "transit-ftp-clear-data",
    "transit-ftp-clear-control",
    *_TLS_CHANNEL,
)
# RFC 9142, RFC 4253 and what has become weak since.
_SSH = (
    "transit-ssh-version-1",
    "transit-ssh-weak-kex",
    "transit-ssh-weak-cipher",
    "transit-ssh-weak-mac",
    "transit-ssh-weak-host-key",
    "transit-ssh-no-strict-kex",
)
_SSH_TOP = (
    "transit-ssh-no-hybrid",
    "transit-ssh-classical-accepted",
    "transit-ssh-old-cipher",
    "transit-ssh-password-accepted",
)


@dataclass(frozen=True, slots=True)
class _ProtocolCriteria:
    """
    What a protocol of file servers must show: *encrypted*, and what the highest rung adds to it.

    One server has drops of several classes. What is more than the rest of them need is asked of
    each session (*top_behind*); a server that stands for itself must ask it of everybody
    (*top*).
    """

    name: str
    encrypted: tuple[str, ...]
    top: tuple[str, ...]
    top_behind: tuple[str, ...]


_BY_PROTOCOL = {
    Declaration.SSH: _ProtocolCriteria(
        "SSH", _SSH, _SSH_TOP, ("transit-ssh-no-hybrid", "transit-weak-session")
    ),
    Declaration.FTP: _ProtocolCriteria(
        "FTPS", _FTP, _TLS_TOP, ("transit-no-hybrid", "transit-weak-session")
    ),
}


OVER_TLS = frozenset(
    one for one, asked in _BY_PROTOCOL.items() if "transit-untrusted-chain" in asked.encrypted
)
"""The protocols of file servers that show a certificate."""


def _over(
    kinds: frozenset[AssetKind], asked: Callable[[_ProtocolCriteria], tuple[str, ...]]
) -> tuple[Alternative, ...]:
    """Return one way for each choice of protocols: all that each of them is *asked* for."""
    return tuple(
        Alternative(
            " and ".join(_BY_PROTOCOL[one].name for one in chosen),
            tuple(dict.fromkeys(rule for one in chosen for rule in asked(_BY_PROTOCOL[one]))),
            kinds,
            protocols=frozenset(chosen),
        )
        for many in range(1, len(_BY_PROTOCOL) + 1)
        for chosen in combinations(_BY_PROTOCOL, many)
    )


_SERVER = frozenset([AssetKind.FILE_SERVER])
_NO_PROTOCOL: frozenset[Declaration] = frozenset()
# With no door declared nothing can be proven; this keeps it visible.
_UNSEEN_CHANNEL = Alternative(
    "no protocol", ("transit-unobserved",), CHANNELS, protocols=_NO_PROTOCOL
)
_ENCRYPTED = (
    Alternative("TLS", _TLS, WEB),
    *_over(CHANNELS, lambda one: one.encrypted),
    Alternative("egress", ("transit-egress-unverified",), PAID),
    _UNSEEN_CHANNEL,
)
# RFC 9421 over RFC 9530. The key is the one that the site publishes over TLS, so that
# must be worth believing.
_SIGNED = Alternative(
    "signed HTTP",
    (
        "transit-unsigned",
        "transit-untrusted-chain",
        "transit-wrong-name",
        "transit-expired-certificate",
    ),
    frozenset([AssetKind.SITE, AssetKind.ROUTE]),
    declared=Declaration.PLAIN_HTTP,
)
_HIGHLY_ENCRYPTED = (
    Alternative("TLS", (*_TLS, *_TLS_TOP), WEB),
    *_over(_SERVER, lambda one: (*one.encrypted, *one.top)),
    *_over(BEHIND, lambda one: (*one.encrypted, *one.top_behind)),
    _UNSEEN_CHANNEL,
)

LADDERS: dict[Column, tuple[Rung, ...]] = {
    Column.IN_TRANSIT: (
        Rung(Column.IN_TRANSIT, 0, "Nothing is asked of the channel.", ()),
        Rung(
            Column.IN_TRANSIT,
            1,
            "Integrity and origin can be checked. Any channel of the next rung gives that; so "
            "does plain HTTP, where it was declared, whose answers are signed with a key that the "
            "site publishes over TLS.",
            (*_ENCRYPTED, _SIGNED),
        ),
        Rung(
            Column.IN_TRANSIT,
            2,
            "TLS 1.2 or 1.3 with forward-secret AEAD suites, and a certificate that is "
            "trusted, in date and for this name; nothing is served in clear beside it. SSH "
            "with the algorithms of RFC 9142. FTPS with TLS on control and data.",
            _ENCRYPTED,
        ),
        Rung(
            Column.IN_TRANSIT,
            3,
            "TLS 1.3 only, a hybrid post-quantum group required, and both sides "
            "authenticated by key. SSH with a hybrid post-quantum exchange, AES-256-GCM or "
            "ChaCha20-Poly1305, and keys on both sides.",
            _HIGHLY_ENCRYPTED,
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
            "A public/private key and a country on the allow list, asked for before anything "
            "is shown; on a site before it sees the request, however the path is spelled.",
            (
                Alternative(
                    "gateway",
                    ("access-anonymous", "access-no-key", "transit-backend-unlocked"),
                    frozenset([AssetKind.ROUTE]),
                ),
                Alternative("file server", ("access-anonymous", "access-no-key"), BEHIND),
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
                    "file server",
                    ("access-anonymous", "access-no-key", "access-no-approval"),
                    BEHIND,
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


# A rung that nothing is asked for would be met by nobody's doing, or never be asked for at all.
for _column, _names in RUNG_NAMES.items():
    if [rung.rank for rung in LADDERS[_column]] != list(range(len(_names))):
        raise BugError(
            f'column "{_column}": its rungs in policy/ladder.py are not those of its names'
        )
if _BY_PROTOCOL.keys() != PROTOCOLS:
    raise BugError("the protocols of policy/declarations.py are not those of policy/ladder.py")


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
