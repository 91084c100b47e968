"""What a client is told when a message does not go on: the rule and the kinds, never a value."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING

from sealgate.gateway.model import ID_HEADER, REFUSAL_STYLE
from sealgate.inspection.model import BodyRefusal, titles

if TYPE_CHECKING:
    from sealgate.inspection.model import BodyRefusedError

# A time and a count, as the gateway writes them (:mod:`sealgate.gateway.translate.access_log`).
_ID = re.compile(rb"[0-9]{1,20}-[0-9]{1,20}")
# RFC 9110, 15. What the site did wrong is a bad gateway to the client.
_OF_ANSWER = 502
_OF_REQUEST = {
    BodyRefusal.ABOVE_CLASS: 422,
    BodyRefusal.UNREADABLE: 415,
    BodyRefusal.BUDGET: 413,
    BodyRefusal.FRAMING: 400,
    BodyRefusal.UNREACHABLE: 502,
}
_PHRASES = {
    400: "Bad Request",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    502: "Bad Gateway",
}


def refusal_answer(
    error: BodyRefusedError, *, of_request: bool, accept: bytes, head: bool, named: bytes = b""
) -> bytes:
    """
    Return a whole answer that tells of *error*; the connection is to be closed behind it.

    A page for who accepts HTML, else a problem (RFC 9457); with *head*, without its body. *named*
    is what the gateway's log calls the request, where it said so.
    """
    log_id = named.decode("ascii", "replace") if _ID.fullmatch(named) else ""
    status = _OF_REQUEST[error.refusal] if of_request else _OF_ANSWER
    detail = _detail(error, of_request=of_request)
    if b"text/html" in accept.lower():
        kind, body = (
            "text/html; charset=utf-8",
            _page(_PHRASES[status], detail, error.refusal, log_id),
        )
    else:
        problem = {
            "title": _PHRASES[status],
            "status": status,
            "detail": detail,
            "rule": error.refusal.value,
            "kinds": sorted(k.value for k in error.kinds),
            **({"id": log_id} if log_id else {}),
        }
        kind, body = "application/problem+json", json.dumps(problem).encode() + b"\n"
    told = f"{ID_HEADER}: {log_id}\r\n" if log_id else ""
    top = (
        f"HTTP/1.1 {status} {_PHRASES[status]}\r\n"
        f"content-type: {kind}\r\ncontent-length: {len(body)}\r\n"
        f"{told}"
        "cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return top.encode("ascii") + (b"" if head else body)


def _detail(error: BodyRefusedError, *, of_request: bool) -> str:
    if error.refusal is not BodyRefusal.ABOVE_CLASS:
        return f"{'The request' if of_request else 'The answer of the site'} was held back: {error.reason}."
    found = titles(error.kinds)
    if of_request:
        return f"This page may not take what was sent: {found}. Nothing of it reached the site."
    return f"The answer of the site was held back: this page may not show {found}."


def _page(title: str, detail: str, rule: BodyRefusal, log_id: str) -> bytes:
    facts = f"Rule: <code>{escape(rule.value)}</code>"
    if log_id:
        facts += f"<br>Id: <code>{escape(log_id)}</code>"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{REFUSAL_STYLE}</style><main><h1>{escape(title)}</h1>"
        f"<p>{escape(detail)}</p><p>{facts}</p></main></html>\n"
    ).encode()
