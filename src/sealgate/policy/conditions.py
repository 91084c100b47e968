"""
What a request carries that a door may ask for: its methods, parameters and credentials.

Everything is read as strictly as any server might. A method is also what an override names (a
header that reaches the site, or the parameter ``_method``); a parameter stands in the URL or in
a form or multipart body, under every name that PHP turns into its own; a cookie is known by every
such name. What cannot be read in one way (a body that is too long or was compressed, an odd
charset, multipart that no browser writes) counts as if it held whatever a door asks for.

This is a part of the specification (:mod:`sealgate.policy.routing`); it decides nothing alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from sealgate.policy.sites import CredentialKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealgate.policy.sites import Credential, CredentialPart, Door

# The most of a body that is held to be read. Forms are shorter; what is longer is not read at all.
MAX_BODY_BYTES = 64 * 1024
# The most that stands above a part of a form. PHP cuts a line there after 5,120 bytes, and reads on.
MAX_HEAD_BYTES = 1000
# By these, software lets a client name another method than the one that it sent.
OVERRIDE_HEADERS = ("x-http-method", "x-http-method-override", "x-method-override")
OVERRIDE_PARAMETER = "_method"
# The registry of RFC 9110, 16.1.1, and PURGE. What is not among them means any method.
METHODS = frozenset(
    [
        *("ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "CONNECT", "COPY", "DELETE"),
        *("GET", "HEAD", "LABEL", "LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL"),
        *("MKREDIRECTREF", "MKWORKSPACE", "MOVE", "OPTIONS", "ORDERPATCH", "PATCH", "POST"),
        *("PRI", "PROPFIND", "PROPPATCH", "PURGE", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH"),
        *("TRACE", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF"),
        "VERSION-CONTROL",
    ]
)
# Without a Content-Type, no software that we know looks for parameters in a body of these.
BODYLESS = ("GET", "HEAD", "OPTIONS")
# Charsets in which ASCII is written as ASCII, so that a name can be found.
CHARSETS = frozenset(
    ["ascii", "iso-8859-1", "iso-8859-15", "latin1", "us-ascii", "utf-8", "utf8", "windows-1252"]
)
_ONE_OF = "|".join(sorted(CHARSETS))
_CHARSET = rf"(?: *; *charset=(?:{_ONE_OF}|\"(?:{_ONE_OF})\"))?"
# Types whose bodies no software reads as a form. JSON is among them unless a door says otherwise.
JSON_TYPE = rf"(?i)application/(?:[a-z0-9.-]+\+)?json{_CHARSET}"
_MEDIA_TYPE = rf"(?:image|audio|video|font)/[a-z0-9.+-]+{_CHARSET}"
FORMLESS_TYPE = rf"{JSON_TYPE}|{_MEDIA_TYPE}"
MEDIA_TYPE = rf"(?i){_MEDIA_TYPE}"
_FORM_TYPE = re.compile(rf"application/x-www-form-urlencoded(?: *;|{_CHARSET})", re.IGNORECASE)
_OTHER_TYPE = re.compile(rf"(?!multipart/)[a-z0-9.+-]+/[a-z0-9.+-]+{_CHARSET}", re.IGNORECASE)
# RFC 2046, 5.1.1, without the comma, at which PHP ends a boundary.
_BOUNDARY = r"(?P<{0}>[A-Za-z0-9'()+_./:=?-]{{1,70}})"
_MULTIPART_TYPE = re.compile(
    r"(?i:multipart/form-data)(?i:; ?charset=utf-8)?; ?boundary="
    rf"(?:{_BOUNDARY.format('bare')}|\"{_BOUNDARY.format('quoted')}\")(?i:; ?charset=utf-8)?"
)
_TEXT = rb"[^\"\\\x00-\x1f\x7f]*"
_DISPOSITION = re.compile(
    rb"content-disposition: ?form-data; ?name=\"(?P<name>" + _TEXT + rb")\""
    rb"(?:; ?filename=\"" + _TEXT + rb"\")?(?:; ?filename\*=utf-8''[a-z0-9%._~!$&+^`|#-]*)?",
    re.IGNORECASE,
)
# What else browsers and programs write above a part of a form.
_PART_HEADER = re.compile(
    rb"content-type: ?(?!multipart/)[a-z0-9.+-]+/[a-z0-9.+-]+" + _CHARSET.encode() + rb""
    rb"|content-transfer-encoding: ?(?:7bit|8bit|binary)|content-length: ?[0-9]+",
    re.IGNORECASE,
)

# What some servers cut from the ends of a parameter, or end it at.
_CONTROL_IN_NAME = re.compile("[\x00-\x1f\x7f]")
_CUT_FROM_VALUE = "".join(chr(code) for code in (*range(0x21), 0x7F))

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """
    What a client sent, as far as doors ask for it.

    *headers* have names in lower case; values are bytes read as Latin-1. *body* is ``None`` where
    it is longer than :data:`MAX_BODY_BYTES`.
    """

    target: str
    method: str = "GET"
    headers: Pairs = ()
    body: bytes | None = b""

    def header(self, name: str) -> str | None:
        """Return every value of the header *name* in one, as proxies join them, or ``None``."""
        values = [value for key, value in self.headers if key == name]
        return ("; " if name == "cookie" else ",").join(values) if values else None


@dataclass(frozen=True, slots=True)
class Carried:
    """
    What a request carries, read once.

    *methods* are ``None`` where any may be meant, *in_body* where the body could not be read.
    *json* is the text of a JSON body, "" where there is none; ``None``, where it could not be read.
    """

    request: Request
    methods: frozenset[str] | None
    in_url: Pairs
    in_body: Pairs | None
    json: str | None


def carried(request: Request, *, overrides: bool) -> Carried:
    """Return what *request* carries. *overrides*: headers that name another method reach the site."""
    in_url = pairs(as_text(request.target.partition("?")[2]))
    in_body, json = _body(request)
    read = Carried(request, frozenset(), in_url, in_body, json)
    return Carried(request, _methods(read, overrides=overrides), in_url, in_body, json)


def fits(door: Door, read: Carried) -> bool:
    """Return whether the conditions of *door* may hold for what was *read* of a request."""
    if door.methods and not _names_method(door, read):
        return False
    if door.query is not None and not _has(read, door.query, door.query_value, json=door.json):
        return False
    return not door.credentials or any(
        all(_carries(part, read, json=door.json) for part in credential.parts)
        for credential in door.credentials
    )


def fits_literally(door: Door, request: Request) -> bool:
    """Return whether the conditions of *door* hold for *request* as it is written; bodies are not read."""
    if door.methods and request.method not in door.methods:
        return False
    query = request.target.partition("?")[2]
    if door.query is not None and not _literal(query, door.query, door.query_value):
        return False
    return not door.credentials or any(
        all(_literally_carries(part, request, query) for part in credential.parts)
        for credential in door.credentials
    )


def reads_bodies(door: Door) -> bool:
    """Return whether a body may tell whether *door* is meant."""
    return bool(door.query is not None or door.methods or any(map(_by_parameter, door.credentials)))


def _by_parameter(credential: Credential) -> bool:
    return any(part.kind is CredentialKind.PARAMETER for part in credential.parts)


def is_formless(request: Request, *, json: bool) -> bool:
    """
    Return whether no software looks for parameters in the body of *request*.

    *json*: what is told by JSON counts.
    """
    kind = request.header("content-type")
    if kind is None:
        return request.method in BODYLESS
    return re.fullmatch(MEDIA_TYPE if json else FORMLESS_TYPE, kind) is not None


def _methods(read: Carried, *, overrides: bool) -> frozenset[str] | None:
    named = [read.request.method.upper()]
    if overrides:
        for name in OVERRIDE_HEADERS:
            value = read.request.header(name)
            named += [] if value is None else re.split("[, \t]+", value.upper().strip(", \t"))
    if read.in_body is None:
        return None
    for name, value in (*read.in_url, *read.in_body):
        if OVERRIDE_PARAMETER in _names_read(name):
            named += [text.strip(_CUT_FROM_VALUE).upper() for text in _readings(value)]
    if not METHODS.issuperset(named):
        return None
    # RFC 9110, 9.3.2: what answers GET answers HEAD.
    return frozenset([*named, "GET"] if "HEAD" in named else named)


def _names_method(door: Door, read: Carried) -> bool:
    if read.methods is None or read.methods & set(door.methods):
        return True
    return door.json and (read.json is None or _is_member(read.json, OVERRIDE_PARAMETER))


def _has(read: Carried, name: str, value: str | None, *, json: bool) -> bool:
    if read.in_body is None or (json and read.json is None):
        return True
    if json and _is_member(read.json or "", name):
        return True
    return _among((*read.in_url, *read.in_body), name, value)


def _among(found: Iterable[tuple[str, str]], name: str, value: str | None) -> bool:
    wanted = mangled(name)
    begins = lower(value or "")
    return any(
        wanted in _names_read(key)
        and any(one.startswith(begins) for text in _readings(got) for one in _values_read(text))
        for key, got in found
    )


def _carries(part: CredentialPart, read: Carried, *, json: bool) -> bool:
    request, name = read.request, part.name
    match part.kind:
        case CredentialKind.AUTHORIZATION:
            value = request.header("authorization")
            return value is not None and (not name or name in _schemes(value))
        case CredentialKind.HEADER:
            return request.header(name) is not None
        case CredentialKind.COOKIE:
            wanted = mangled(name)
            for cookie in re.split("[;,]", request.header("cookie") or ""):
                for found in _names_read(cookie.partition("=")[0]):
                    if is_named(found, wanted):
                        return True
            return False
        case CredentialKind.PARAMETER:
            return _has(read, name, None, json=json)


def is_named(name: str, wanted: str) -> bool:
    """Return whether a cookie's *name* is *wanted*, which may begin and end in ``*``."""
    text = wanted.strip("*")
    if wanted.startswith("*") and wanted.endswith("*"):
        return text in name
    if wanted.endswith("*"):
        return name.startswith(text)
    return name.endswith(text) if wanted.startswith("*") else name == text


def _schemes(value: str) -> Iterator[str]:
    for one in lower(value).split(","):
        yield re.split("[ \t]", one.strip(" \t"), maxsplit=1)[0]


def _literally_carries(part: CredentialPart, request: Request, query: str) -> bool:
    match part.kind:
        case CredentialKind.AUTHORIZATION:
            value = request.header("authorization")
            return value is not None and part.name in {"", lower(value).partition(" ")[0]}
        case CredentialKind.HEADER:
            return request.header(part.name) is not None
        case CredentialKind.COOKIE:
            cookies = re.split("[;,]", request.header("cookie") or "")
            names = [c.partition("=")[0].lstrip(" ") for c in cookies if "=" in c]
            return any(is_named(name, part.name) for name in names)
        case CredentialKind.PARAMETER:
            return _literal(query, part.name, None)


def _literal(query: str, name: str, value: str | None) -> bool:
    for part in query.split("&"):
        found, _, text = part.partition("=")
        if found == name and text.startswith(value or ""):
            return True
    return False


def _body(request: Request) -> tuple[Pairs | None, str | None]:
    """Return the parameters in the body and the JSON text; ``None``, what could not be read."""
    kind = request.header("content-type")
    if request.body == b"" or is_formless(request, json=True):
        return (), ""
    plain = request.header("content-encoding") in {None, "", "identity"}
    if kind is not None and re.fullmatch(JSON_TYPE, kind):
        # A NUL byte shows another charset than UTF-8 (RFC 4627, 3).
        readable = plain and request.body is not None and b"\0" not in request.body
        return (), request.body.decode("latin-1") if readable and request.body else None
    if not plain or request.body is None:
        return None, None
    # What says that it is something else may yet be taken for JSON.
    return _parameters(kind, request.body), request.body.decode("latin-1")


def _parameters(kind: str | None, body: bytes) -> Pairs | None:
    found: Pairs | None = None
    if multipart := _MULTIPART_TYPE.fullmatch(kind or ""):
        found = _parts((multipart["bare"] or multipart["quoted"]).encode(), body)
    elif kind is None or _FORM_TYPE.fullmatch(kind) or _OTHER_TYPE.fullmatch(kind):
        known = kind is not None and _FORM_TYPE.fullmatch(kind)
        if known or b"content-disposition" not in body.lower():
            found = pairs(body.decode("latin-1"))
    for name, value in found or ():
        # HTML, 4.10.21.5: a field of this name tells the charset of the others.
        if "_charset_" in _names_read(name) and lower(value).strip(" \t\r\n") not in CHARSETS:
            return None
    return found


def _parts(boundary: bytes, body: bytes) -> Pairs | None:
    """Return the fields of a multipart form that is written as browsers write it, else ``None``."""
    delimiter = b"--" + boundary
    first, *parts = (b"\r\n" + body).split(b"\r\n" + delimiter)
    # Where the boundary stands in any other place, somebody may see a part there.
    if first or not parts or body.count(delimiter) != len(parts) or parts.pop() not in _ENDS:
        return None
    found = []
    for part in parts:
        head, blank, value = part.partition(b"\r\n\r\n")
        if len(head) > MAX_HEAD_BYTES:
            return None
        lines = head.split(b"\r\n")
        names = [m["name"] for line in lines if (m := _DISPOSITION.fullmatch(line))]
        others = [line for line in lines[1:] if _PART_HEADER.fullmatch(line)]
        if not blank or lines[0] or len(names) != 1 or len(others) != len(lines) - 2:
            return None
        found.append((names[0].decode("latin-1"), value.decode("latin-1")))
    return tuple(found)


_ENDS = (b"--", b"--\r\n")


def _is_member(text: str, name: str) -> bool:
    unescaped = re.sub(r"\\u00([0-7][0-9a-f])", lambda m: chr(int(m[1], 16)), lower(text))
    return _member(lower(name)).search(lower(unescaped)) is not None


@lru_cache
def _member(name: str) -> re.Pattern[str]:
    return re.compile(rf'"{re.escape(name)}"[ \t\r\n]*:')


def pairs(text: str) -> Pairs:
    """
    Return the names and values of a form in *text*, as they are written.

    ``;`` separates as well (HTML 4.01, B.2.2).
    """
    parts = [part.partition("=") for part in re.split("[&;]", text)]
    return tuple((name, value) for name, _, value in parts)


def _names_read(name: str) -> Iterator[str]:
    for reading in _readings(name):
        # PHP ends a name at NUL, others cut white space; what follows the last "]" is not part of it.
        text = _CONTROL_IN_NAME.split(reading.lstrip(_CUT_FROM_VALUE), maxsplit=1)[0]
        yield mangled(text)
        yield mangled(text.partition("[")[0])


def mangled(name: str) -> str:
    """Return a parameter's *name* (ASCII, or bytes as Latin-1) as PHP keeps it, folded."""
    return lower(re.sub(r"[. \[]", "_", name))


def _readings(text: str) -> Iterator[str]:
    current = text
    for _ in range(3):
        yield lower(current.replace("+", " "))
        current = decoded(current)


def _values_read(value: str) -> Iterator[str]:
    # Some software drops control characters anywhere, and white space at the ends.
    text = _CONTROL_IN_NAME.sub("", value).strip(" ")
    yield text
    if value[:1] in {"/", "\\", *_CUT_FROM_VALUE}:
        yield re.sub(r"[/\\]+", "/", "/" + text)


def as_text(text: str) -> str:
    """Return *text* as bytes read as Latin-1, so that nothing depends on a decoder's mercy."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def decoded(text: str) -> str:
    """Return *text* (bytes as Latin-1) with percent-encoded bytes decoded once."""
    return unquote_to_bytes(text.encode("latin-1")).decode("latin-1")


def lower(text: str) -> str:
    """Return *text* (bytes as Latin-1) with ASCII letters folded, and no others."""
    return text.encode("latin-1").lower().decode("latin-1")
