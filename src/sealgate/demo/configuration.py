"""The ``sealgate.toml`` that follows from what the shop's database holds. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Which tables each part of the shop shows to whom comes there.
SHOWN: dict[str, tuple[str, ...]] = {
    "/": ("products", "news"),
    "/typo3": ("customers", "orders"),
}
# Whose like the partners deliver.
DELIVERED = ("customers", "orders")
# What each form of the shop writes.
COLLECTED: dict[str, tuple[str, ...]] = {
    "/login": ("customers",),
    "/checkout": ("customers", "orders"),
}
# Where people pay: a card is taken there, whatever the tables hold.
PAID = "/checkout"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens on loopback."""

    https: int
    http: int
    sftp: int
    ftps: int
    shop: int


@dataclass(frozen=True, slots=True)
class TableClass:
    """What the assessment said of one table: its class, and what was found as told."""

    classification: str
    found: str


def render_configuration(
    tables: Mapping[str, TableClass],
    order: Sequence[str],
    *,
    ports: Ports,
    database: str,
    now: float,
) -> str:
    """
    Return the configuration: each route gets the strictest class of what it shows.

    *order* lists the class ids, weakest first, *database* is the asset id of the shop's
    database, *now* is in seconds since the epoch. A person's own records, shown to that
    person, are ``restricted`` (DESIGN 1); forms get the transit of what they collect.
    """
    until = dt.datetime.fromtimestamp(now, tz=dt.UTC).date() + dt.timedelta(days=90)
    parts = [_HEAD.format(**asdict(ports))]
    shown = {path: _strictest(tables, names, order) for path, names in SHOWN.items()}
    parts.append(_because(tables, SHOWN["/"]) + _route("/", shown["/"]))
    for path, names in COLLECTED.items():
        collects = _strictest(tables, names, order)
        reason = f"# A form that writes {' and '.join(names)}: transit of what it takes.\n"
        pays = path == PAID
        if pays:
            collects = max([collects, "confidential"], key=order.index)
        parts.append(reason + _route(path, shown["/"], collects=collects, payment=pays))
    own = max(["restricted", shown["/"]], key=order.index)
    parts.append(
        "# A person's own records, shown to that person. The shop asks for the password.\n"
        + _route("/account", own, access="site")
    )
    parts.append(
        _because(tables, SHOWN["/typo3"])
        + _route("/typo3", shown["/typo3"], backend=True, admit="group:editors")
    )
    delivered = _strictest(tables, DELIVERED, order)
    parts.append(
        f"# Partners deliver orders here, so it is worth what {' and '.join(DELIVERED)} are.\n"
        + _DROP.format(classification=delivered)
    )
    parts.append(_ACCEPTED.format(until=until.isoformat(), database=database))
    return "\n".join(parts)


def _strictest(tables: Mapping[str, TableClass], names: Sequence[str], order: Sequence[str]) -> str:
    # A table that nobody assessed counts as the strictest class.
    classes = [tables[n].classification if n in tables else order[-1] for n in names]
    return max(classes, key=order.index)


def _because(tables: Mapping[str, TableClass], names: Sequence[str]) -> str:
    lines = [
        f"# {name}: {tables[name].classification} ({tables[name].found})"
        if name in tables
        else f"# {name}: not assessed, so the strictest class"
        for name in names
    ]
    return "\n".join(lines) + "\n"


def _route(
    path: str,
    classification: str,
    *,
    collects: str | None = None,
    access: str | None = None,
    backend: bool = False,
    admit: str | None = None,
    payment: bool = False,
) -> str:
    lines = ["[[site.route]]", f'path = "{path}"', f'class = "{classification}"']
    if collects:
        lines.append(f'collects = "{collects}"')
    if payment:
        # The page needs no script but the shop's own.
        lines += ["payment = true", """scripts = ["'self'"]"""]
    if access:
        lines.append(f'access = "{access}"')
    if backend:
        lines.append("backend = true")
    if admit:
        lines.append(f'admit = ["{admit}"]')
    return "\n".join(lines) + "\n"


_HEAD = """\
# Written by `sealgate demo` from what it found in the shop's database.

[listen]
https = "127.0.0.1:{https}"
http = "127.0.0.1:{http}"
sftp = "127.0.0.1:{sftp}"
ftps = "127.0.0.1:{ftps}"
ftps_domain = "localhost"

[operator]
name = "The Workshop Ltd"
country = "DE"
locality = "Kassel"

[access]
countries = ["DE"]
geo_database = "country.mmdb"

[keys]
protection = "passphrase"  # here a random one in memory, which is gone with the demo

[[site]]
domains = ["localhost"]
upstream = "http://127.0.0.1:{shop}"
preset = "typo3"
"""

_DROP = """\
[[drop]]
name = "partners"
class = "{classification}"
store = "file:partners"
admit = ["group:partners"]
quota = "100 MiB"
"""

_ACCEPTED = """\
# A risk that somebody took on. It ends by itself, and every report shows it. Take it out and
# `sealgate audit` ends with exit code 10.

[[accept]]
rule = "at-rest-unobserved"
asset = "{database}"
by = "the shop's owner"
reason = "the database lies in a temporary folder that goes with the demonstration"
until = {until}
"""
