"""
What a page fetches, what its forms ask for, and where they send it. No I/O.

Only the markup is read: what a script builds later is not seen.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote_to_bytes, urljoin, urlsplit

from sealgate.audit.css import read_css
from sealgate.audit.markup import read_markup
from sealgate.detect.catalogue import InForm, Kind, kinds_where
from sealgate.detect.headers import Says, normal, rules_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.audit.markup import Tag

# Elements that a browser fetches by itself, and the attributes that name what
# (W3C Mixed Content, 3: both blockable and upgradeable). "*": of any element.
_FETCHED = {
    "*": ("background",),
    "applet": ("archive", "code"),
    "audio": ("src",),
    "embed": ("src",),
    "feimage": ("href", "xlink:href"),
    "frame": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href", "src"),
    "img": ("src", "lowsrc"),
    "input": ("src",),
    "object": ("data", "codebase"),
    "script": ("src", "href", "xlink:href"),
    "source": ("src",),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
# Attributes with several addresses (HTML, 4.8.4.2.1).
_SETS = {"img": "srcset", "source": "srcset", "link": "imagesrcset"}
_APART = re.compile(r"[\t\n\f\r ,]+")
_FETCHED_RELATIONS = {
    "stylesheet",
    "icon",
    "apple-touch-icon",
    "apple-touch-icon-precomposed",
    "mask-icon",
    "preload",
    "modulepreload",
    "manifest",
    "prefetch",
    "prerender",
}
_FRAMES = {"frame": "src", "iframe": "src", "embed": "src", "object": "data", "fencedframe": "src"}
_CARD = re.compile(
    r"card.?(?:no|num)|ccn(?:o|um)|credit.?card|\bpan\b|cvv|cvc|\bcsc\b", re.IGNORECASE
)
_CARD_AUTOCOMPLETE = {"cc-number", "cc-csc"}
_PASSWORD_AUTOCOMPLETE = {"current-password", "new-password"}
# HTML, 4.10.18.7.1: what these fields are filled with is about a person.
_PERSONAL_AUTOCOMPLETE = {
    *("name", "given-name", "additional-name", "family-name", "nickname", "username"),
    *("street-address", "address-line1", "address-line2", "address-line3", "postal-code"),
    *("address-level1", "address-level2", "address-level3", "bday", "bday-day", "bday-month"),
    *("bday-year", "sex", "tel", "tel-national", "tel-local", "email", "impp", "photo"),
}
_PERSONAL_TYPES = {"email", "tel"}
# Where a field says what it is for.
_NAMES = ("name", "id", "placeholder", "aria-label", "title")
_TYPED = {"", "text", "tel", "email", "number", "password", "date", "month", "url"}
_DIGITS = {"", "text", "tel", "number", "password"}
_OF_NOBODY = kinds_where(lambda kind: kind.in_form is InForm.NOBODY)
_OF_CARDS = kinds_where(lambda kind: kind.in_form is InForm.CARD)
_PASSWORDS = kinds_where(lambda kind: kind.in_form is InForm.PASSWORD)
# What is asked of a visitor as a name is a person's, in the words of the same languages.
_A_NAME = re.compile(
    r"_(?:(?:your|my|ihr|dein|su|tu|votre|il_tuo|uw|seu)_)?(?:name|nombre|nom|nome|naam)_"
)
_SIGN_IN = re.compile(
    r"log.?in|sign.?(?:in|on|up)|anmeld|konto|account|regist|passw|admin|checkout|kasse|pay"
    r"|connexion|compte|acced|acceso|iniciar|cuenta|inloggen|entra|user|member|contact|kontakt",
    re.IGNORECASE,
)
_HARMLESS_SCHEMES = {"https", "javascript", "about", "data", "blob", ""}
_REFRESH = re.compile(
    r"[\t\n\f\r ]*[0-9.]*[0-9.;, \t\n\f\r]*(?:url[\t\n\f\r ]*=[\t\n\f\r ]*)?", re.IGNORECASE
)
# Assignments and calls that go to another page, with the address as it stands.
_GOES = re.compile(
    r"\blocation(?:\.href)?[ \t]{0,9}=[ \t]{0,9}[\"'`]([^\"'`\n]{1,2000})[\"'`]"
    r"|\blocation\.(?:replace|assign)\([ \t]{0,9}[\"'`]([^\"'`\n]{1,2000})[\"'`]"
)
_NOT_IN_URLS = dict.fromkeys(map(ord, "\t\n\r"))
_MAX_LISTED = 20
_MAX_LINKS = 10_000
_MAX_LABEL = 100
_MAX_GOES = 20
# Pages in attributes of pages in attributes.
_MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class PageFacts:
    """
    What one page does: URLs are without query, because that may carry a value.

    *mixed* are parts over http, and forms that send there. *sensitive* is what its forms
    ask for ("password", "card"); *plain* are forms that send that, or what is about a
    person ("personal data"), without TLS; *by_get* those that put a password or card into
    the URL. *sign_in_links* are paths of the same host that look as if they led to a form,
    *links* all that it leads to. *leads_to* is where it goes by itself, or by a script,
    *refreshes* those that need none. *framed* are pages of the same host that it shows in frames,
    and *is_whole* says that those in its own attributes were all read. *sheets* are the
    style sheets that it fetches. *elsewhere* are other origins that its card forms send
    to, *frames* those that it shows.
    """

    mixed: tuple[str, ...]
    sensitive: tuple[str, ...]
    plain: tuple[str, ...]
    by_get: tuple[str, ...]
    sign_in_links: tuple[str, ...]
    links: tuple[str, ...] = ()
    leads_to: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    refreshes: tuple[str, ...] = ()
    framed: tuple[str, ...] = ()
    is_whole: bool = True


@dataclass(slots=True)
class _Control:
    given: Mapping[str, str]
    label: list[str]
    before: list[str]  # the text in front, which is all the label that some fields have


@dataclass(slots=True)
class _Form:
    actions: list[str | None]
    methods: list[str]
    controls: list[_Control] = field(default_factory=list)
    asks: set[str] = field(default_factory=set)


class _Page:
    def __init__(self) -> None:
        self.base: str | None = None
        self.fetched: list[str] = []
        self.sheets: list[str] = []
        self.styles: list[str] = []
        self.frames: list[str] = []
        self.inner: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.goes: list[str] = []
        self.refreshes: list[str] = []
        self.forms: list[_Form] = []
        self._by_id: dict[str, _Form] = {}
        self._claimed: list[tuple[str, _Control]] = []
        self._labels: dict[str, list[str]] = {}
        self._open: _Form | None = None
        self._link: str | None = None
        self._label: list[str] | None = None
        self._last_text: list[str] = []

    def read(self, markup: str, *, xml: bool) -> None:
        for item in read_markup(markup, xml=xml):
            if isinstance(item, str):
                self._take_text(item)
            elif not item.closes:
                self._take_tag(item)
            elif item.name == "form":
                self._open = None
            elif item.name == "a":
                self._link = None
            elif item.name == "label":
                self._label = None
        # The form that a field names may come later in the page than the field.
        for form_id, control in self._claimed:
            if form_id in self._by_id:
                _add_control(self._by_id[form_id], control)
        for form in self.forms:
            form.asks = set[str]().union(*map(self._asked, form.controls))

    def _kinds_of(self, control: _Control, *more: str) -> frozenset[Kind]:
        given = control.given
        texts = [given.get(name, "") for name in _NAMES]
        texts += [*control.label, *self._labels.get(given.get("id", ""), ()), *more]
        return frozenset[Kind]().union(*(_kinds(text[:_MAX_LABEL]) for text in texts if text))

    def _asked(self, control: _Control) -> set[str]:
        given = control.given
        kind = given.get("type", "").lower()
        filled = set(given.get("autocomplete", "").lower().split())
        named = " ".join((given.get("name", ""), given.get("id", "")))
        if kind == "password" and not _CARD.search(named):
            return {"password"}
        if _CARD_AUTOCOMPLETE & filled or (kind in _DIGITS and _CARD.search(named)):
            return {"card"}
        if kind not in _DIGITS:
            return set()
        kinds = self._kinds_of(control)
        if kinds & _OF_CARDS:
            return {"card"}
        return {"password"} if kinds & _PASSWORDS or _PASSWORD_AUTOCOMPLETE & filled else set()

    def is_personal(self, form: _Form) -> bool:
        return any(map(self._is_personal, form.controls))

    def _is_personal(self, control: _Control) -> bool:
        given = control.given
        kind = given.get("type", "").lower()
        if kind not in _TYPED:
            return False
        filled = set(given.get("autocomplete", "").lower().split())
        if kind in _PERSONAL_TYPES or filled & _PERSONAL_AUTOCOMPLETE:
            return True
        return bool(self._kinds_of(control, *control.before) - _OF_NOBODY)

    def _take_text(self, text: str) -> None:
        if text.isspace():
            return
        if self._link is not None and len(self.links) < _MAX_LINKS:
            self.links.append((self._link, text[:_MAX_LABEL]))
        said = " ".join(text[-4 * _MAX_LABEL :].split())[-_MAX_LABEL:]
        self._last_text = [said]
        if self._label is not None:
            self._label.append(said)

    def _take_tag(self, item: Tag) -> None:
        tag, given = item.name, item.attributes
        self._take_parts(tag, given)
        match tag:
            case "base" if self.base is None and given.get("href"):
                self.base = given["href"]
            case "a" | "area" if len(self.links) < _MAX_LINKS:
                href = given.get("href") or given.get("xlink:href")
                if href:
                    self._link = href if tag == "a" else None
                    self.links.append((href, f"{href} {given.get('title', '')}"))
            case "form" if self._open is None:
                self._begin_form(given)
            case "label":
                whose = given.get("for")
                self._label = self._labels.setdefault(whose, []) if whose else []
            case "input" | "button" | "select" | "textarea":
                self._take_control(given)
            case "style":
                self.styles.append(item.content)
            case "script" | "meta":
                self._take_way(item)
            case _:
                pass

    def _begin_form(self, given: Mapping[str, str]) -> None:
        # HTML, 13.2.6.4.7: a form inside a form is ignored.
        self._open = _Form([given.get("action")], [given.get("method", "get").lower()])
        self.forms.append(self._open)
        self._last_text = []
        if given.get("id"):
            self._by_id.setdefault(given["id"], self._open)

    def _take_way(self, item: Tag) -> None:
        if item.name == "script":
            found = _GOES.finditer(item.content)
            goals = [one.group(1) or one.group(2) for one in islice(found, _MAX_GOES)]
            self.goes += goals[: max(0, _MAX_GOES - len(self.goes))]
        elif item.attributes.get("http-equiv", "").strip().lower() == "refresh":
            goal = refresh_goal(item.attributes.get("content", ""))
            self.refreshes += [goal] if goal is not None else []

    def _take_parts(self, tag: str, given: Mapping[str, str]) -> None:
        names = (*_FETCHED["*"], *_FETCHED.get(tag, ()))
        self.fetched += [given[name] for name in names if given.get(name)]
        self.fetched += [url for url in _APART.split(given.get(_SETS.get(tag, ""), "")) if url]
        # SVG 2, 6.6: attributes for styles may refer to something as styles do.
        self.styles += [
            f"x{{{name}:{value}}}" if name != "style" else f"x{{{value}}}"
            for name, value in given.items()
            if "(" in value and (name == "style" or "url" in value.lower()[:_MAX_LABEL])
            if not name.startswith("on")
        ]
        if tag == "link" and given.get("href"):
            relations = set(given.get("rel", "").lower().split())
            if _FETCHED_RELATIONS & relations:
                self.fetched.append(given["href"])
            if "stylesheet" in relations:
                self.sheets.append(given["href"])
        if given.get(_FRAMES.get(tag, "")):
            self.frames.append(given[_FRAMES[tag]])
        if tag == "iframe" and given.get("srcdoc"):
            self.inner.append(given["srcdoc"])

    def _take_control(self, given: Mapping[str, str]) -> None:
        control = _Control(given, self._label if self._label is not None else [], self._last_text)
        self._last_text = []
        if given.get("form"):
            self._claimed.append((given["form"], control))
        elif self._open is not None:
            _add_control(self._open, control)
        else:
            # A field outside any form is sent by a script, to where nobody can see.
            self.forms.append(_Form(["javascript:"], ["post"]))
            _add_control(self.forms[-1], control)


def _add_control(form: _Form, control: _Control) -> None:
    given = control.given
    form.controls.append(control)
    if given.get("formaction"):
        form.actions.append(given["formaction"])
    if given.get("formmethod"):
        form.methods.append(given["formmethod"].lower())


@lru_cache(maxsize=4096)
def _kinds(text: str) -> frozenset[Kind]:
    header = normal(text)
    strong = {rule.kind for rule in rules_for(header) if rule.says is not Says.WEAK}
    named = {Kind.PERSON_NAME} if _A_NAME.fullmatch(header) else set[Kind]()
    return frozenset(strong | named)


def refresh_goal(value: str) -> str | None:
    """Return where a refresh (``5; url=/there``) leads, ``None`` when it only loads again."""
    # HTML, 4.2.5.3: seconds, a sign, and the address with or without "url=" and quotes.
    found = _REFRESH.match(value)
    goal = value[found.end() :] if found else ""
    if goal[:1] in {'"', "'"}:
        goal = goal[1:].partition(goal[0])[0]
    return goal.strip() or None


def read_page(markup: str, url: str, *, depth: int = _MAX_DEPTH, xml: bool = False) -> PageFacts:
    """
    Return what the page *markup*, fetched from *url*, does.

    Broken markup is read as far as it goes, as browsers do. A page in an attribute of a
    frame is part of it. *xml*: as XML is read (XHTML, SVG).
    """
    page = _Page()
    page.read(markup, xml=xml)
    base = joined(url, page.base or "")
    frames = [joined(base, reference) for reference in page.frames]
    texts = [*page.inner, *(text for one in frames if (text := _page_of_data(one)) is not None)]
    inner = [read_page(text, base, depth=depth - 1) for text in texts if depth]
    sheets = [joined(base, reference) for reference in page.sheets]
    parts = [joined(base, reference) for reference in page.fetched]
    for style in page.styles:
        sheet = read_css(style.replace("<![CDATA[", "").replace("]]>", ""))
        sheets += [joined(base, reference) for reference in sheet.imports]
        parts += [joined(base, reference) for reference in (*sheet.imports, *sheet.parts)]
    mixed = [shown_url(part) for part in parts if _scheme(part) == "http"]
    sensitive: set[str] = set()
    plain: list[str] = []
    by_get: list[str] = []
    elsewhere: list[str] = []
    for form in page.forms:
        # HTML, 4.10.21.3: without an action the form goes to the page's own address.
        goals = [joined(base, action) if action else url for action in form.actions]
        exposed = [goal for goal in goals if _scheme(goal) not in _HARMLESS_SCHEMES]
        sensitive |= form.asks
        asked = " and ".join(sorted(form.asks))
        if exposed and not asked and page.is_personal(form):
            asked = "personal data"
        if asked:
            plain += [f"{asked} to {shown_url(goal)}" for goal in exposed]
        else:
            mixed += [f"a form to {shown_url(goal)}" for goal in exposed if _scheme(goal) == "http"]
        if form.asks and ("get" in form.methods or not set(form.methods) <= {"post", "dialog"}):
            by_get.append(f"{asked} to {shown_url(goals[0])}")
        if "card" in form.asks:
            elsewhere += [shown_url(goal) for goal in goals if is_elsewhere(goal, url)]
    # On a page in clear everything is, so nothing is mixed.
    mixed = mixed if _scheme(url) == "https" else []
    return PageFacts(
        _listed([*mixed, *(item for one in inner for item in one.mixed)]),
        tuple(sorted(sensitive.union(*(one.sensitive for one in inner)))),
        _listed([*plain, *(item for one in inner for item in one.plain)]),
        _listed([*by_get, *(item for one in inner for item in one.by_get)]),
        _listed(_links(page, base, url, sign_in=True)),
        tuple(dict.fromkeys(_links(page, base, url, sign_in=False)))[:_MAX_LINKS],
        _listed([joined(base, goal) for goal in (*page.refreshes, *page.goes)]),
        _listed([*sheets, *(item for one in inner for item in one.sheets)]),
        _listed([*elsewhere, *(item for one in inner for item in one.elsewhere)]),
        _listed(
            [shown_url(f) for f in frames if is_elsewhere(f, url)]
            + [f for o in inner for f in o.frames]
        ),
        _listed([joined(base, goal) for goal in page.refreshes]),
        tuple(
            dict.fromkeys(
                [one.partition("#")[0] for one in frames if split_url(one).hostname]
                + [one for part in inner for one in part.framed]
            )
        ),
        (depth > 0 or not texts) and all(one.is_whole for one in inner),
    )


def _page_of_data(url: str) -> str | None:
    # RFC 2397, as the Fetch standard reads it: what is no picture or sound may be a page.
    scheme, _, rest = url.partition(":")
    if scheme.lower() != "data":
        return None
    kind, _, content = rest.partition(",")
    data = unquote_to_bytes(content.partition("#")[0])
    if kind.rstrip().lower().endswith("base64"):
        try:
            data = base64.b64decode(data + b"==", validate=False)
        except ValueError:
            return ""
    return data.decode("utf-8", "replace")


def _links(page: _Page, base: str, url: str, *, sign_in: bool) -> list[str]:
    here = urlsplit(url)
    own = {here.netloc, here.hostname or ""}
    goals = [
        joined(base, href) for href, text in page.links if not sign_in or _SIGN_IN.search(text)
    ]
    if not sign_in:
        forms = [form for form in page.forms if form.asks]
        goals += [joined(base, action) for form in forms for action in form.actions if action]
        goals += [joined(base, frame) for frame in page.frames]
    found = []
    for goal in goals:
        there = split_url(goal)
        # Never with a query: following one could do something.
        same = there.scheme == here.scheme and there.netloc == here.netloc
        # A link to the same host in clear leads to the same page there.
        clear = not sign_in and there.scheme == "http" and (there.hostname or "") in own
        if (same or clear) and not there.query:
            found.append(there.path or "/")
    return found


def is_elsewhere(goal: str, url: str) -> bool:
    """Return whether *goal* is a place of another host than *url*."""
    there, here = split_url(goal), split_url(url)
    return there.scheme in {"http", "https"} and there.hostname != here.hostname


def _listed(items: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))[:_MAX_LISTED]


def joined(base: str, reference: str) -> str:
    """Return the absolute URL that *reference* means on a page at *base*."""
    # URL Standard, 4.4: tabs and line ends are left out, a backslash is a slash.
    plain = reference.translate(_NOT_IN_URLS).strip()
    path, mark, rest = plain.partition("?")
    try:
        return urljoin(base, path.replace("\\", "/") + mark + rest)
    except ValueError:
        return base


def split_url(url: str) -> SplitResult:
    """Return the parts of *url*, all of them empty where it is none."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # a port that is none raises here
    except ValueError:
        return urlsplit("")
    return parts


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower() if ":" in url else ""


def shown_url(url: str) -> str:
    """Return what may be told of *url*: no user, password, query or fragment."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return _scheme(url) + ":"
    return f"{parts.scheme}://{host}{parts.path}" if host else f"{parts.scheme}:{parts.path}"
