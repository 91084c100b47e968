"""
What a page fetches, what its forms ask for, and where they send it. No I/O.

Only the markup is read: what a script builds later is not seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from sealgate.audit.markup import read_markup

if TYPE_CHECKING:
    from collections.abc import Mapping

# Elements that a browser fetches by itself, and the attribute that names what
# (W3C Mixed Content, 3: both blockable and upgradeable).
_FETCHED = {
    "audio": ("src",),
    "embed": ("src",),
    "frame": ("src",),
    "iframe": ("src",),
    "img": ("src",),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src",),
    "track": ("src",),
    "video": ("src", "poster"),
}
_FETCHED_RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "manifest", "prefetch"}
_CARD = re.compile(
    r"card.?(?:no|num)|ccn(?:o|um)|credit.?card|\bpan\b|cvv|cvc|\bcsc\b", re.IGNORECASE
)
_CARD_AUTOCOMPLETE = {"cc-number", "cc-csc"}
_SIGN_IN = re.compile(
    r"log.?in|sign.?(?:in|on|up)|anmeld|konto|account|regist|passw|admin|checkout|kasse|pay",
    re.IGNORECASE,
)
_HARMLESS_SCHEMES = {"https", "javascript", "about", "data", "blob", ""}
_MAX_LISTED = 20
_MAX_LINKS = 10_000


@dataclass(frozen=True, slots=True)
class PageFacts:
    """
    What one page does: URLs are without query, because that may carry a value.

    *mixed* are subresources over http. *sensitive* is what its forms ask for
    ("password", "card"); *plain* are such forms that send it without TLS, *by_get*
    those that put it into the URL. *sign_in_links* are paths of the same origin that
    look as if they led to a form.
    """

    mixed: tuple[str, ...]
    sensitive: tuple[str, ...]
    plain: tuple[str, ...]
    by_get: tuple[str, ...]
    sign_in_links: tuple[str, ...]


@dataclass(slots=True)
class _Form:
    actions: list[str | None]
    methods: list[str]
    asks: set[str] = field(default_factory=set)


class _Page:
    def __init__(self) -> None:
        self.base: str | None = None
        self.fetched: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.forms: list[_Form] = []
        self._by_id: dict[str, _Form] = {}
        self._claimed: list[tuple[str, Mapping[str, str]]] = []
        self._open: _Form | None = None
        self._link: str | None = None

    def read(self, markup: str) -> None:
        for item in read_markup(markup):
            if isinstance(item, str):
                self._take_text(item)
            elif not item.closes:
                self._take_tag(item.name, item.attributes)
            elif item.name == "form":
                self._open = None
            elif item.name == "a":
                self._link = None
        # The form that a field names may come later in the page than the field.
        for form_id, given in self._claimed:
            if form_id in self._by_id:
                _add_control(self._by_id[form_id], given)

    def _take_text(self, text: str) -> None:
        if self._link is not None and not text.isspace() and len(self.links) < _MAX_LINKS:
            self.links.append((self._link, text))

    def _take_tag(self, tag: str, given: Mapping[str, str]) -> None:
        self.fetched += [given[name] for name in _FETCHED.get(tag, ()) if given.get(name)]
        match tag:
            case "base" if self.base is None and given.get("href"):
                self.base = given["href"]
            case "link" if _FETCHED_RELATIONS & set(given.get("rel", "").lower().split()):
                self.fetched.append(given.get("href", ""))
            case "a" if given.get("href") and len(self.links) < _MAX_LINKS:
                self._link = given["href"]
                self.links.append((given["href"], given["href"]))
            case "form" if self._open is None:
                # HTML, 13.2.6.4.7: a form inside a form is ignored.
                self._open = _Form([given.get("action")], [given.get("method", "get").lower()])
                self.forms.append(self._open)
                if given.get("id"):
                    self._by_id.setdefault(given["id"], self._open)
            case "input" | "button" | "select" | "textarea":
                self._take_control(given)
            case _:
                pass

    def _take_control(self, given: Mapping[str, str]) -> None:
        if given.get("form"):
            self._claimed.append((given["form"], given))
        elif self._open is not None:
            _add_control(self._open, given)
        else:
            # A field outside any form is sent by a script, to where nobody can see.
            self.forms.append(_Form(["javascript:"], ["post"]))
            _add_control(self.forms[-1], given)


def _add_control(form: _Form, given: Mapping[str, str]) -> None:
    named = " ".join((given.get("name", ""), given.get("id", "")))
    if given.get("type", "").lower() == "password" and not _CARD.search(named):
        form.asks.add("password")
    elif _CARD_AUTOCOMPLETE & set(given.get("autocomplete", "").lower().split()) or (
        given.get("type", "").lower() in {"", "text", "tel", "number", "password"}
        and _CARD.search(named)
    ):
        form.asks.add("card")
    if given.get("formaction"):
        form.actions.append(given["formaction"])
    if given.get("formmethod"):
        form.methods.append(given["formmethod"].lower())


def read_page(markup: str, url: str) -> PageFacts:
    """
    Return what the page *markup*, fetched from *url*, does.

    Broken markup is read as far as it goes, as browsers do.
    """
    page = _Page()
    page.read(markup)
    base = _joined(url, page.base or "")
    mixed = [_shown(u) for u in (_joined(base, f) for f in page.fetched) if _scheme(u) == "http"]
    sensitive: set[str] = set()
    plain: list[str] = []
    by_get: list[str] = []
    for form in page.forms:
        if not form.asks:
            continue
        sensitive |= form.asks
        asked = " and ".join(sorted(form.asks))
        # HTML, 4.10.21.3: without an action the form goes to the page's own address.
        goals = [_joined(base, action) if action else url for action in form.actions]
        plain += [f"{asked} to {_shown(g)}" for g in goals if _scheme(g) not in _HARMLESS_SCHEMES]
        if "get" in form.methods or not set(form.methods) <= {"post", "dialog"}:
            by_get.append(f"{asked} to {_shown(goals[0])}")
    return PageFacts(
        _listed(mixed),
        tuple(sorted(sensitive)),
        _listed(plain),
        _listed(by_get),
        _listed(_sign_in_links(page, base, url)),
    )


def _sign_in_links(page: _Page, base: str, url: str) -> list[str]:
    here = urlsplit(url)
    found = []
    for href, text in page.links:
        if not _SIGN_IN.search(text):
            continue
        there = urlsplit(_joined(base, href))
        # Never with a query: following one could do something.
        if (there.scheme, there.netloc) == (here.scheme, here.netloc) and not there.query:
            found.append(there.path or "/")
    return found


def _listed(items: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))[:_MAX_LISTED]


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference.strip())
    except ValueError:
        return base


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower() if ":" in url else ""


def _shown(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return _scheme(url) + ":"
    return f"{parts.scheme}://{host}{parts.path}" if host else f"{parts.scheme}:{parts.path}"
