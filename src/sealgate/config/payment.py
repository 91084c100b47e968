"""``[[payment_gateway]]`` and ``[[confirm]]``, and what ``payment = true`` demands of a route."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealgate.config.reader import FileKind, nearest, quoted
from sealgate.config.values import UnfitError, holds_secret, read_domain, read_upstream
from sealgate.policy.assets import payment_gateway_asset
from sealgate.policy.confirming import POINT_IDS
from sealgate.policy.inventory import Confirmation, PaymentGateway
from sealgate.policy.protection import SENSITIVE_FLOOR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePath

    from sealgate.config.reader import Table
    from sealgate.policy.classification import ClassificationModel
    from sealgate.policy.inventory import Route, Site, Upstream

HTTPS_PORT = 443
_SELF = "'self'"
# CSP 3, 2.3.1: the hash of one script. Base64 of 32, 48 or 64 bytes.
_HASH = re.compile(r"'sha(?:256-[A-Za-z0-9+/]{43}=|384-[A-Za-z0-9+/]{64}|512-[A-Za-z0-9+/]{86}==)'")
_ORIGIN = re.compile(r"https://(?P<wildcard>[*][.])?(?P<host>[^/:?#@\s*]+)(?P<rest>.*)", re.DOTALL)
_REST = re.compile(r"(?::[1-9][0-9]{0,4})?(?:/[A-Za-z0-9._~!$&()*+=:@/-]*)?")
# What would let scripts in that nobody named.
_TOO_WIDE = frozenset(
    [
        *("'unsafe-inline'", "'unsafe-eval'", "'wasm-unsafe-eval'", "'unsafe-hashes'"),
        *("'strict-dynamic'", "'report-sample'", "*", "http:", "https:", "data:", "blob:"),
    ]
)
_REPORTS_PATH = re.compile(r"/(?!/)[A-Za-z0-9._~/-]*")
_MOST_SCRIPTS = 50


def read_payment_gateways(
    tables: Sequence[Table], sites: Sequence[Site], folder: PurePath
) -> tuple[PaymentGateway, ...]:
    """Return whom *tables* declare; a host belongs to one of them only."""
    found: list[PaymentGateway] = []
    owners: dict[str, str] = {}
    for table in tables:
        operator = table.text("operator")
        if operator and not operator.isprintable():
            table.fault(
                "operator", f"operator {quoted(operator)} must be printable", "write its name"
            )
            operator = None
        if operator and any(g.operator == operator for g in found):
            table.fault(
                "operator",
                f"payment gateway {quoted(operator)} is declared twice",
                "name all of its hosts in one",
            )
        authorities = table.file("ca", folder, FileKind.READABLE)
        hosts = _hosts(table, authorities, owners)
        if not sites:
            table.notes.add(
                table.path,
                "there is no site, so nothing is served that could go out to a payment gateway",
                "add a [[site]]",
            )
        if operator and hosts:
            found.append(PaymentGateway(operator, hosts, table.place()))
    return tuple(found)


def _hosts(table: Table, authorities: str | None, owners: dict[str, str]) -> tuple[Upstream, ...]:
    if table.good("hosts") and not table.texts("hosts"):
        table.fault("hosts", '"hosts" is empty', 'hosts = ["api.pay.example"]')
    found: list[Upstream] = []
    for index, text in enumerate(table.texts("hosts")):
        try:
            host = _host(text, authorities)
        except UnfitError as error:
            # What stands before an "@" may be a secret.
            shown = "a host" if holds_secret(text) else f"host {quoted(text)}"
            table.element_fault("hosts", index, f"{shown} {error}", error.hint)
            continue
        if host.host in owners:
            # One name leads to one place: a request says no more than the name.
            table.element_fault(
                "hosts",
                index,
                f"host {quoted(text)} is declared twice; first at {owners[host.host]}",
                "remove one",
            )
            continue
        owners[host.host] = str(table.notes.place((*table.path, "hosts", index)))
        found.append(host)
    return tuple(found)


def _host(text: str, authorities: str | None) -> Upstream:
    if "://" in text or "/" in text or "@" in text:
        raise UnfitError("must be a name without scheme and path", 'such as "api.pay.example"')
    name, _, port = text.partition(":")
    read_domain(name)
    upstream = read_upstream(f"https://{text}")
    return type(upstream)(
        "https", upstream.host, upstream.port if port else HTTPS_PORT, authorities
    )


def read_confirmed(
    tables: Sequence[Table], gateways: Sequence[PaymentGateway]
) -> tuple[Confirmation, ...]:
    """Return what *tables* confirm; whether it still holds is told when it is asked for."""
    assets = [payment_gateway_asset(gateway).id for gateway in gateways]
    found: list[Confirmation] = []
    for table in tables:
        point, asset = table.text("point"), table.text("asset")
        by, on = table.text("by"), table.date("on")
        if point and point not in POINT_IDS:
            table.fault(
                "point",
                f"point {quoted(point)} does not exist; the points are {', '.join(POINT_IDS)}",
                nearest(point, POINT_IDS, "point = {}") or "see `sealgate plan`",
            )
        if asset and asset not in assets:
            table.fault(
                "asset",
                f"asset {quoted(asset)} is no payment gateway that is declared here",
                f"asset = {quoted(assets[0])}" if assets else "add a [[payment_gateway]]",
            )
        if point and asset and by and on:
            found.append(Confirmation(point, asset, by, on, table.place()))
    return tuple(found)


def read_scripts(table: Table) -> tuple[str, ...]:
    """Return the sources that scripts of a page may come from; what is too wide is noted."""
    found: dict[str, None] = {}
    texts = table.texts("scripts")
    if len(texts) > _MOST_SCRIPTS:
        table.fault(
            "scripts",
            f'"scripts" names {len(texts)} sources, at most {_MOST_SCRIPTS} fit into a header',
            "name hosts instead of single files",
        )
    for index, text in enumerate(texts):
        why = _unfit_source(text)
        if why:
            table.element_fault(
                "scripts",
                index,
                f"script source {quoted(text)} {why}",
                'such as "\'self\'", "https://js.pay.example" or "\'sha256-…\'"',
            )
        found[text] = None
    return tuple(found)


def read_script_reports(table: Table) -> str:
    """Return where browsers report to, "" for nowhere; what is no such address is noted."""
    text = table.text("script_reports")
    if text is None:
        return ""
    if _REPORTS_PATH.fullmatch(text):
        return text
    found = _ORIGIN.fullmatch(text)
    if (
        found is None
        or found["wildcard"]
        or not _REST.fullmatch(found["rest"])
        or not _is_domain(found["host"])
    ):
        shown = '"script_reports"' if holds_secret(text) else f"script_reports {quoted(text)}"
        table.fault(
            "script_reports",
            f"{shown} must be an https address, or a path of the site",
            'such as script_reports = "https://reports.example/csp"',
        )
        return ""
    return text


def _unfit_source(text: str) -> str | None:
    if text.lower() in _TOO_WIDE:
        return "would let scripts run that nobody named"
    if text.lower().startswith("'nonce-"):
        return "is another one in each answer, so it cannot stand here"
    if text == _SELF or _HASH.fullmatch(text):
        return None
    found = _ORIGIN.fullmatch(text)
    if found is None or not _REST.fullmatch(found["rest"]) or not _is_domain(found["host"]):
        return "must be 'self', the hash of a script, or an https address"
    if found["wildcard"] and "." not in found["host"]:
        return "would let scripts run that nobody named"
    return None


def _is_domain(host: str) -> bool:
    try:
        read_domain(host)
    except UnfitError:
        return False
    return host.isascii()


def check_payment(table: Table, route: Route, model: ClassificationModel) -> None:
    """
    Note when *route* takes payments under less than what cards and accounts need.

    DESIGN 1, floors: rung 2 in transit and at rest, whatever the class is called.
    """
    shown = quoted(route.door.path)
    for key, given in (("scripts", route.scripts), ("script_reports", route.script_reports)):
        if given and not route.payment:
            table.fault(
                key,
                f"route {shown} has {key}, but is no page on which people pay",
                f"add payment = true, or remove {key}",
            )
    if not route.payment:
        return
    taken = route.collects or route.classification
    if not taken.required.meets(SENSITIVE_FLOOR):
        enough = next(
            (c for c in model.classes if c.required.meets(SENSITIVE_FLOOR)), model.strictest
        )
        table.fault(
            "payment",
            f"route {shown} takes payments, but what it collects is {quoted(taken.id)}; card and "
            "account data need to be encrypted in transit and at rest",
            f"collects = {quoted(enough.id)}",
        )
