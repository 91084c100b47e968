"""
What a stranger may try at a door by parameter, method or credential. No I/O.

Nothing here may change data: values are made up, a form holds only what the door asks for, and a
method that may write goes to a path below the door that no site has.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sealgate.audit.answers import is_for_now
from sealgate.policy.conditions import OVERRIDE_PARAMETER, Request
from sealgate.policy.inventory import CredentialKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.audit.model import Response
    from sealgate.policy.conditions import Pairs
    from sealgate.policy.inventory import Credential, CredentialPart, Door

# Also where a value is asked for and none is known: nobody's name, key, session or nonce.
MADE_UP = "sealgate-audit"
# A path that no site has.
NOWHERE = "/sealgate-audit-asks-for-nothing"
# Stands in each refusal of the gateway, and finds its line in the log.
_OWN_REFUSAL = "sealgate-id"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OVERRIDE = "x-http-method-override"
_BOUNDARY = "sealgateaudit"
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = f"multipart/form-data; boundary={_BOUNDARY}"


def requests_for(door: Door, *, overrides: bool) -> dict[str, Request]:
    """
    Return the requests that mean *door* by its conditions, each with what to call it.

    *overrides*: headers that name another method reach what is at the path. Where *door* means one path
    alone, a method that may write is left out.
    """
    found: dict[str, Request] = {}
    for told, headers, pairs in _credentials(door):
        for way, request in _ways(door, headers, pairs, overrides=overrides):
            found.setdefault(" with ".join(filter(None, (way, told))), request)
    return found


def untried(door: Door) -> tuple[str, ...]:
    """Return the methods of *door* that are not tried, since they might write."""
    return tuple(m for m in door.methods if door.exact and m not in _SAFE and m != "POST")


def refused(response: Response) -> bool | None:
    """
    Return whether the gateway itself refused; ``None`` when that cannot be told.

    A refusal of the site does not count: the request reached it. 5xx tells nothing (RFC 9110,
    15.6), nor does what is to be tried again later.
    """
    if response.status >= 500 or is_for_now(response):  # noqa: PLR2004  # RFC 9110, 15.6
        return None
    return response.status >= 300 and response.header(_OWN_REFUSAL) is not None  # noqa: PLR2004  # 15.4


def _credentials(door: Door) -> Iterator[tuple[str, Pairs, Pairs]]:
    # Of each: what to call it, its headers and its parameters.
    own: Pairs = ()
    if door.query is not None:
        own = ((door.query, MADE_UP if door.query_value is None else door.query_value),)
    if not door.credentials:
        yield "", (), own
    for credential in door.credentials:
        for told, headers, pairs in _made_up(credential):
            yield told, headers, own + pairs


def _made_up(credential: Credential) -> Iterator[tuple[str, Pairs, Pairs]]:
    parts = {kind: [p for p in credential.parts if p.kind is kind] for kind in CredentialKind}
    cookies = "; ".join(
        f"{part.name.replace('*', 'sealgateaudit')}={MADE_UP}"
        for part in parts[CredentialKind.COOKIE]
    )
    headers = tuple((part.name.lower(), MADE_UP) for part in parts[CredentialKind.HEADER])
    headers += (("cookie", cookies),) if cookies else ()
    pairs = tuple((part.name, MADE_UP) for part in parts[CredentialKind.PARAMETER])
    for scheme in _schemes(parts[CredentialKind.AUTHORIZATION]):
        told = str(credential) + (f" ({scheme})" if scheme else "")
        yield told, headers + _authorization(scheme), pairs


def _schemes(parts: list[CredentialPart]) -> tuple[str, ...]:
    if not parts:
        return ("",)
    return (parts[0].name.title(),) if parts[0].name else ("Basic", "Bearer")


def _authorization(scheme: str) -> Pairs:
    if not scheme:
        return ()
    pair = base64.b64encode(f"{MADE_UP}:{MADE_UP}".encode()).decode()
    return (("authorization", f"{scheme} {pair if scheme == 'Basic' else MADE_UP}"),)


def _ways(
    door: Door, headers: Pairs, pairs: Pairs, *, overrides: bool
) -> Iterator[tuple[str, Request]]:
    skipped = untried(door)
    for method in [m for m in door.methods if m not in skipped] or (
        [] if door.methods else ["GET"]
    ):
        yield method, Request(_target(door, method, pairs), method, headers)
        if not door.methods:
            continue
        # The request is judged by the method that was sent and by the one that is named.
        named = ((OVERRIDE_PARAMETER, method),)
        yield (
            f"POST with {OVERRIDE_PARAMETER}={method} in the URL",
            Request(_target(door, method, pairs + named), "POST", headers),
        )
        yield from _in_bodies(door, method, headers, pairs + named)
        if overrides:
            yield (
                f"POST with X-HTTP-Method-Override: {method}",
                Request(_target(door, method, pairs), "POST", (*headers, (_OVERRIDE, method))),
            )
    if pairs and (not door.methods or "POST" in door.methods):
        yield from _in_bodies(door, "POST" if door.methods else "GET", headers, pairs)


def _in_bodies(
    door: Door, method: str, headers: Pairs, pairs: Pairs
) -> Iterator[tuple[str, Request]]:
    # A value may be a password's place: only names are told.
    names = ", ".join(
        f"{name}={value}" if name == OVERRIDE_PARAMETER else name for name, value in pairs
    )
    target = _target(door, method, ())
    for told, content_type, body in (
        ("a form", _FORM, urlencode(pairs).encode()),
        ("a multipart form", _MULTIPART, _multipart(pairs)),
    ):
        yield (
            f"POST with {names} in {told}",
            Request(target, "POST", (*headers, ("content-type", content_type)), body),
        )


def _target(door: Door, method: str, pairs: Pairs) -> str:
    path = door.path.replace("*", "x")
    if method not in _SAFE and not door.exact:
        path = path.rstrip("/") + NOWHERE
    return f"{path}?{urlencode(pairs, safe='/')}" if pairs else path


def _multipart(pairs: Pairs) -> bytes:
    # RFC 7578, 4.
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in pairs
    ]
    return "".join([*parts, f"--{_BOUNDARY}--\r\n"]).encode()
