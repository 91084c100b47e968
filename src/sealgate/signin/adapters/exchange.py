"""
What a request to the sign-in service says, and answers that are made of plain values.

Whether a form was sent by a page of ours is decided here, for every page.
"""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sealgate.gateway.model import (
    ADDRESS_HEADER,
    CERTIFICATE_HEADER,
    COUNTRY_HEADER,
    SESSION_COOKIE,
    SITE_HEADER,
)
from sealgate.identity.passkeys import PasskeyError
from sealgate.signin.model import SignedIn
from sealgate.signin.problems import UNAUTHORIZED, problem

if TYPE_CHECKING:
    from sealgate.signin.model import SignInState

FORM_COOKIE = f"{SESSION_COOKIE}-form"
FORM_TYPE = "application/x-www-form-urlencoded"
MOST_FORM_BYTES = 16 * 1024
ATTRIBUTES = "Path=/; Secure; HttpOnly"


def caller_of(request: Request) -> SignedIn:
    """Return who asks, as Envoy tells it."""
    headers = request.headers
    accept = headers.get("accept", "")
    return SignedIn(
        site=headers.get(SITE_HEADER, ""),
        host=headers.get("host", ""),
        address=headers.get(ADDRESS_HEADER, ""),
        country=_there(headers.get(COUNTRY_HEADER, "")),
        certificate=_there(headers.get(CERTIFICATE_HEADER, "")),
        token=cookie_of(request, SESSION_COOKIE),
        in_browser="text/html" in accept,
        language=headers.get("accept-language", ""),
    )


def _there(value: str) -> str | None:
    # Envoy writes "-" for what is not there, or leaves it out.
    return None if value in {"", "-"} else value


def cookie_of(request: Request, name: str) -> str:
    """Return the value of the cookie *name*, "" without one."""
    for line in request.headers.getlist("cookie"):
        for part in line.split(";"):
            # Not what Python finds white besides: another host may set "\xa0__Host-…".
            key, equals, value = part.strip(" \t").partition("=")
            if equals and key == name:
                return value
    return ""


def target_of(request: Request) -> str:
    """Return path and query of the request, as they were sent."""
    raw: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (raw + (b"?" + query if query else b"")).decode("latin-1")


def wanted_of(request: Request) -> str:
    """Return where somebody wants to go afterwards; anybody may have written it."""
    query: bytes = request.scope["query_string"]
    wishes = [value for key, value in parse_qsl(query.decode("latin-1")) if key == "to"]
    return wishes[0] if wishes else "/"


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form; none, when it is too large, or no form."""
    # Such a form lacks its token, and is refused for that.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        return {}
    body = await _body(request)
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True))
    except ValueError:
        return {}


async def json_of(request: Request) -> dict[str, Any]:
    """
    Return what a script of ours sent.

    Raises:
        PasskeyError: it is something else, or from somewhere else.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Another site's page cannot send this type, nor this header, without asking first (CORS).
    if kind != "application/json" or not is_ours(request, request.headers.get("x-form", "")):
        raise PasskeyError("this was not sent by our own page", hint="load the page again")
    try:
        read = json.loads(await _body(request))
    except (ValueError, RecursionError) as error:
        raise PasskeyError("this is no JSON", hint="load the page again") from error
    return read if isinstance(read, dict) else {}


def as_json(text: str) -> Response:
    """Return the answer to a script of ours."""
    return Response(text, 200, {"cache-control": "no-store"}, "application/json")


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_FORM_BYTES:
                return b""
    except ClientDisconnect:
        return b""
    return bytes(body)


def is_ours(request: Request, form: str) -> bool:
    """Return whether a form was sent by a page of ours on this very host."""
    headers = request.headers
    # Fetch Metadata, 2.3, and RFC 6454, 7: where a browser says it, it must be us.
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = f"https://{headers.get('host', '')}"
    if headers.get("origin", origin) != origin:
        return False
    cookie = cookie_of(request, FORM_COOKIE)
    return bool(cookie) and hmac.compare_digest(cookie.encode(), form.encode())


def set_session(answer: Response, token: str) -> None:
    """Have the browser keep *token* as its session."""
    answer.headers.append("set-cookie", f"{SESSION_COOKIE}={token}; {ATTRIBUTES}; SameSite=Lax")


def set_cookie(
    answer: Response, name: str, value: str, seconds: int, *, same_site: str = "Strict"
) -> None:
    """Have the browser keep *value* for so many *seconds*; with 0 it forgets the cookie."""
    answer.headers.append(
        "set-cookie", f"{name}={value}; {ATTRIBUTES}; SameSite={same_site}; Max-Age={seconds}"
    )


def latin(name: str) -> str:
    """Return *name* so that it arrives in UTF-8: headers are written in Latin-1."""
    return name.encode("utf-8").decode("latin-1")


def refusal(standing: SignInState, wanted: str) -> Response:
    """Return what a program is told that is not let in."""
    status, fields = problem(standing, wanted)
    headers = {"www-authenticate": "Sealgate"} if status == UNAUTHORIZED else {}
    return _problem_of(status, fields, headers)


def problem_answer(status: int, detail: str) -> Response:
    """Return a refusal as problem details (RFC 9457)."""
    return _problem_of(status, {"type": "about:blank", "status": status, "detail": detail}, {})


def _problem_of(status: int, fields: dict[str, Any], headers: dict[str, str]) -> Response:
    return Response(
        json.dumps(fields) + "\n",
        status,
        {"cache-control": "no-store", **headers},
        "application/problem+json",
    )
