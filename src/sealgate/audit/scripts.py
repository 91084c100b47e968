"""
What a payment page runs, what it lets run, and how that compares with what was approved.

PCI DSS 4.0.1, 6.4.3 and 11.6.1. No I/O. Only the markup is read: what a script loads later
is seen by the browser's policy alone, and what a frame shows is its own page.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import urljoin, urlsplit

from sealgate.audit.markup import Tag, read_markup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealgate.audit.model import Response

ScriptPolicy = Literal["enforced", "reported", "none"]

MAX_SCRIPTS = 100
# HTML, 4.12.1.1 and WHATWG MIME Sniffing, 4.6: what a browser runs; other types are data.
_RUNS = re.compile(
    r"(?:|module|importmap|speculationrules"
    r"|(?:text|application)/(?:x-)?(?:java|ecma)script|text/(?:j|live)script"
    r"|text/javascript1[.][0-5])",
    re.IGNORECASE,
)
_INTEGRITY = re.compile(r"sha(?:256|384|512)-[A-Za-z0-9+/_-]{43,88}={0,2}")
# Attributes that hold a script: HTML, 8.1.8.2.
_HANDLER = re.compile(r"on[a-z]+")
# CSP 3, 2.3.1: a scheme alone, any host, or any host of a top-level domain.
_TOO_WIDE = re.compile(
    r"[a-z][a-z0-9+.-]*:|(?:[a-z][a-z0-9+.-]*://)?[*](?:[.][a-z0-9-]+)?(?::[0-9*]+)?(?:/.*)?"
)
# A nonce or hash that is none is ignored by browsers, and takes nothing back.
_NONCE = re.compile(r"'nonce-[a-z0-9+/_-]+={0,2}'")
_POLICY, _REPORTED = "content-security-policy", "content-security-policy-report-only"
_NARROWS = re.compile(r"'(?:nonce|sha(?:256|384|512))-[a-z0-9+/_-]+={0,2}'|'strict-dynamic'")
# URL Standard, 4.4: these are left out wherever they stand, controls and spaces in front.
_NOT_IN_URLS = dict.fromkeys(map(ord, "\t\n\r"))
_BEFORE_URLS = "".join(map(chr, range(0x21)))
# Pages in attributes of pages in attributes: deeper ones are told as a whole.
_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Script:
    """
    One script of a page. *name* is its address without query, or where it stands.

    *digest* is as in CSP ("sha256-…"), "" while nobody fetched it. *url* is where to fetch
    it, ``None`` for one that stands in the page. *foreign*: from another origin.
    *pinned*: the page says which content it must have (Subresource Integrity). *unread* is why
    it could not be fetched.
    """

    name: str
    digest: str = ""
    url: str | None = None
    foreign: bool = False
    pinned: bool = False
    unread: str = ""

    @property
    def shown(self) -> str:
        """Return name and digest for people."""
        if self.unread:
            return f"{self.name} (not read: {self.unread})"
        # One that stands in the page is named by its digest.
        return self.name if self.digest in self.name else f"{self.name} {self.digest}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a page runs against what somebody approved; each entry as people read it."""

    unapproved: tuple[str, ...]
    changed: tuple[str, ...]
    unpinned: tuple[str, ...]
    unread: tuple[str, ...] = ()


def read_scripts(markup: str, url: str, *, xml: bool = False) -> tuple[Script, ...]:
    """
    Return the scripts of the page *markup*, fetched from *url*, each once.

    A frame whose page stands in an attribute (``srcdoc``) is part of it: its scripts have
    the page's own origin.
    """
    found: dict[tuple[str, str, str | None], Script] = {}
    for script in _of_page(markup, url, url, _MAX_DEPTH, xml=xml):
        found.setdefault((script.name, script.digest, script.url), script)
    return tuple(found.values())


def _of_page(
    markup: str, base: str, url: str, depth: int, *, xml: bool = False
) -> Iterator[Script]:
    outer = base
    for item in read_markup(markup, xml=xml):
        if not isinstance(item, Tag) or item.closes:
            continue
        if item.name == "base" and base == outer and item.attributes.get("href"):
            base = _base(outer, item.attributes["href"])
        yield from _of_tag(item, base, url)
        page = item.attributes.get("srcdoc", "") if item.name == "iframe" else ""
        if page and depth:
            yield from _of_page(page, base, url, depth - 1)
        elif page:
            digest = digest_of(page.encode("utf-8", "surrogatepass"))
            yield Script(f"page of a frame {digest}", digest)


def _of_tag(tag: Tag, base: str, url: str) -> Iterator[Script]:
    given = tag.attributes
    if tag.name == "script" and _RUNS.fullmatch(given.get("type", "").partition(";")[0].strip()):
        source = given.get("src") or given.get("href") or given.get("xlink:href")
        if source:
            yield _fetched(source, base, url, given.get("integrity", ""))
        elif tag.content.strip():
            digest = digest_of(tag.content.encode("utf-8", "surrogatepass"))
            yield Script(f"inline script {digest}", digest)
    for name, value in given.items():
        if _HANDLER.fullmatch(name) and value.strip():
            digest = digest_of(value.encode("utf-8", "surrogatepass"))
            yield Script(f"{name} of a {tag.name} {digest}", digest)
        elif _is_script(value):
            digest = digest_of(value.encode("utf-8", "surrogatepass"))
            yield Script(f"javascript: in a {tag.name} {digest}", digest)


def _is_script(address: str) -> bool:
    plain = address.translate(_NOT_IN_URLS).lstrip(_BEFORE_URLS)
    return plain[:11].lower() == "javascript:"


def _fetched(source: str, base: str, url: str, integrity: str) -> Script:
    try:
        address = urljoin(base, source.strip()).partition("#")[0]
        there, here = urlsplit(address), urlsplit(url)
    except ValueError:
        return Script("script with a broken address", foreign=True)
    if there.scheme not in {"https", "http"}:
        # data: and blob: hold the script themselves.
        digest = digest_of(address.encode("utf-8", "surrogatepass"))
        return Script(f"{there.scheme}: script {digest}", digest, foreign=True)
    host = there.netloc.rpartition("@")[2]
    return Script(
        f"{there.scheme}://{host}{there.path}",
        url=address,
        foreign=(there.scheme, there.netloc) != (here.scheme, here.netloc),
        pinned=any(_INTEGRITY.fullmatch(word.partition("?")[0]) for word in integrity.split()),
    )


def _base(url: str, reference: str) -> str:
    try:
        return urljoin(url, reference.strip())
    except ValueError:
        return url


def digest_of(content: bytes) -> str:
    """Return the digest of a script as CSP and SRI write it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content).digest()).decode("ascii")


def with_digest(script: Script, content: bytes) -> Script:
    """Return *script* with the digest of what was fetched."""
    return replace(script, digest=digest_of(content))


def compare(scripts: tuple[Script, ...], approved: Mapping[str, frozenset[str]]) -> Comparison:
    """
    Return how *scripts* differ from what is *approved*: digests, by the script's name.

    Of one that could not be read only its name is compared.
    """
    unapproved = [s.shown for s in scripts if s.name not in approved]
    changed = [
        s.shown
        for s in scripts
        if s.name in approved and s.digest and s.digest not in approved[s.name]
    ]
    unpinned = [s.name for s in scripts if s.url is not None and s.foreign and not s.pinned]
    unread = [s.shown for s in scripts if s.unread]
    return Comparison(_unique(unapproved), _unique(changed), _unique(unpinned), _unique(unread))


def _unique(items: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))


def says_no_store(response: Response) -> bool:
    """Return whether *response* must not be kept (RFC 9111, 5.2.2.5)."""
    directives = ",".join(response.values("cache-control")).split(",")
    return any(item.strip().lower() == "no-store" for item in directives)


def nonces_of(response: Response) -> frozenset[str]:
    """Return the nonces in the policies of *response*, in lower case."""
    policies = (response.values(name) for name in (_POLICY, _REPORTED))
    words = ",".join(value for values in policies for value in values).lower()
    return frozenset(_NONCE.findall(words))


def script_policy(response: Response, known: frozenset[str] = frozenset()) -> ScriptPolicy:
    """
    Return what browsers do about scripts that *response* did not name.

    *known* are nonces that another answer had, too: whoever puts a script into the page knows
    them (CSP 3, 7.1), so a policy with one lets any script run.
    """
    if any(_names_scripts(value, known) for value in response.values(_POLICY)):
        return "enforced"
    if any(_names_scripts(value, known) for value in response.values(_REPORTED)):
        return "reported"
    return "none"


def _names_scripts(value: str, known: frozenset[str]) -> bool:
    # CSP 3, 2.2: several policies in one header are parted by commas.
    return any(_restricts(policy, known) for policy in value.split(","))


def _restricts(policy: str, known: frozenset[str]) -> bool:
    directives: dict[str, list[str]] = {}
    for part in policy.split(";"):
        name, *sources = part.split()[:200] or [""]
        directives.setdefault(name.lower(), [source.lower() for source in sources])
    # CSP 3, 6.8.3: the more specific directive counts, for elements and for handlers.
    elements = _first(directives, "script-src-elem", "script-src", "default-src")
    handlers = _first(directives, "script-src-attr", "script-src", "default-src")
    if elements is None or handlers is None:
        return False
    if known.intersection(elements):
        return False
    return _is_narrow(elements) and not _allows_inline(handlers)


def _first(directives: Mapping[str, list[str]], *names: str) -> list[str] | None:
    return next((directives[name] for name in names if name in directives), None)


def _is_narrow(words: list[str]) -> bool:
    if "'strict-dynamic'" in words:
        # CSP 3, 6.7.1.1: hosts and schemes are ignored then.
        return True
    return not any(map(_TOO_WIDE.fullmatch, words)) and not _allows_inline(words)


def _allows_inline(words: list[str]) -> bool:
    # CSP 3, 6.7.3.2: a nonce or a hash beside it takes 'unsafe-inline' back.
    return "'unsafe-inline'" in words and not any(map(_NARROWS.fullmatch, words))
