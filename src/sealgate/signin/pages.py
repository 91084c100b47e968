"""
The sign-in pages as HTML. Pure: what is unsafe in a page is escaped here, nowhere else.

They work without JavaScript, but for passkeys; every field has a label, an error is told
where a screen reader speaks it (WCAG 2.2: 1.3.1, 1.3.5, 3.3.1, 3.3.2, 4.1.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from sealgate.gateway.model import OWN_PATH
from sealgate.identity.factors import Factor, Need
from sealgate.identity.grants import GrantState
from sealgate.signin.journey import HOME, OIDC_PATH, SIGN_IN, sign_in_link
from sealgate.signin.words import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.identity.factors import Missing
    from sealgate.policy.inventory import IdentityProvider
    from sealgate.signin.model import ReturnPlace, SignInState

STYLE_PATH, SCRIPT_PATH = f"{OWN_PATH}/style.css", f"{OWN_PATH}/passkey.js"
CODE_PATH, SIGN_OUT_PATH = f"{OWN_PATH}/code", f"{OWN_PATH}/sign-out"
PASSKEY_PATH, NEW_PASSKEY_PATH = f"{OWN_PATH}/passkey", f"{OWN_PATH}/passkey/new"
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    # Not "no-referrer": browsers would send "Origin: null" with our own forms.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
# Text and the edges of what can be used keep the contrasts of WCAG 2.2 (1.4.3, 1.4.11) in
# both schemes; nothing is wider than a screen of 320 pixels (1.4.10).
STYLE = """\
:root{color-scheme:light dark;--ink:#1b1b1b;--page:#fff;--faint:#4d4d4d;--edge:#595959;--act:#0b4f8a;\
--on-act:#fff;--bad:#b00020;--bad-soft:#fdecee;--why-soft:#eef4fa;--code-soft:#f2f2f2;--focus:#a85c00}
@media (prefers-color-scheme:dark){:root{--ink:#ececec;--page:#16181b;--faint:#b8bcc2;--edge:#9aa0a8;\
--act:#8cc4ff;--on-act:#0b1c2c;--bad:#ff9aa2;--bad-soft:#3a1a1e;--why-soft:#1b2a3a;--code-soft:#262a2f;\
--focus:#ffb454}}
body{font:1.1em/1.5 system-ui,sans-serif;max-width:34em;margin:3em auto;padding:0 1em;\
color:var(--ink);background:var(--page);overflow-wrap:break-word}
h1{line-height:1.2}
a{color:var(--act)}
label{display:block;margin:1em 0 .2em;font-weight:600}
input[type=text],input[type=password]{font:inherit;width:100%;box-sizing:border-box;padding:.5em;\
border:1px solid var(--edge);border-radius:.2em;color:inherit;background:var(--page)}
button{font:inherit;margin:1em 0;padding:.6em 1.4em;border:0;border-radius:.2em;background:var(--act);\
color:var(--on-act);cursor:pointer}
button:focus-visible,input:focus-visible,a:focus-visible{outline:3px solid var(--focus);outline-offset:2px}
.error{border-left:.3em solid var(--bad);padding:.5em 1em;background:var(--bad-soft)}
.why{border-left:.3em solid var(--act);padding:.5em 1em;background:var(--why-soft)}
code{display:block;padding:.5em 1em;background:var(--code-soft);overflow-wrap:anywhere;font-size:.85em}
small{color:var(--faint)}
@media (max-width:30em){body{margin:1em auto}}
"""
# How a grant came to its end, in the words of the pages.
_OVER = {
    GrantState.RAN_OUT: "grant ran out",
    GrantState.ENDED: "grant ended",
    GrantState.DENIED: "grant denied",
    GrantState.LAPSED: "grant lapsed",
}
_WHY = ("", "why low", "why high", "why very high")


@dataclass(frozen=True, slots=True)
class Paper:
    """
    What every page of one answer has in common: language, operator, the form's own token.

    *providers* are those that one may sign in through.
    """

    language: str = "en"
    operator: str = ""
    form: str = ""
    providers: tuple[IdentityProvider, ...] = ()

    def say(self, sentence: str, **blanks: str) -> str:
        """Return the *sentence*, escaped, with escaped *blanks* filled in."""
        text = escape(LANGUAGES[self.language][sentence])
        return text.format(**{key: escape(value) for key, value in blanks.items()})

    def page(self, title: str, *parts: str, script: bool = False) -> str:
        """Return a whole page."""
        foot = self.say("operator", operator=self.operator) if self.operator else ""
        loaded = f'<script src="{SCRIPT_PATH}" defer></script>' if script else ""
        return (
            f'<!doctype html><html lang="{self.language}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f'<title>{title}</title><link rel="stylesheet" href="{STYLE_PATH}">{loaded}</head>'
            f"<body><main><h1>{title}</h1>{''.join(parts)}</main>"
            f"<footer><small>{foot}</small></footer></body></html>\n"
        )

    def hidden(self, wanted: str) -> str:
        """Return the fields of a form that nobody sees."""
        return (
            f'<input type="hidden" name="form" value="{escape(self.form)}">'
            f'<input type="hidden" name="to" value="{escape(wanted)}">'
        )


def sign_in_page(paper: Paper, standing: SignInState, wanted: str, error: str = "") -> str:
    """
    Return the page that says what *wanted* needs and why, and asks for what is missing.

    *error* is a sentence that was made by :meth:`Paper.say`.
    """
    parts = [why(paper, standing.place, wanted)]
    if error:
        parts.append(f'<p class="error" role="alert">{error}</p>')
    known = standing.known
    if known is not None:
        name = known.identity.name
        parts.append(f"<p>{paper.say('signed in as', name=name)}</p>")
    script = False
    for item in _askable(standing.missing):
        match item.need:
            case Need.SIGN_IN | Need.KEY:
                if standing.place.needs_certificate:
                    parts.append(f'<p class="error">{paper.say("own certificate")}</p>')
                parts += _ways(paper, item.need, item.factors, wanted)
                script = script or Factor.PASSKEY in item.factors
            case Need.SECOND_FACTOR:
                parts += _second(paper, standing, item.factors, wanted)
                script = script or Factor.PASSKEY in item.factors
            case Need.COUNTRY:
                return _not_from_there(paper, standing, parts, wanted)
            case Need.GRANT:
                parts.append(_grant(paper, standing, wanted))
    title = paper.say("sign in") if known is None else paper.say("more needed")
    return paper.page(title, *parts, script=script)


def _askable(missing: Iterable[Missing]) -> list[Missing]:
    """
    Return what is asked for now: a second factor comes last, for it is good for minutes only.

    Who comes from the wrong country is asked for nothing: it would not help.
    """
    items = list(missing)
    if away := [item for item in items if item.need is Need.COUNTRY]:
        return away
    rest = [item for item in items if item.need is not Need.SECOND_FACTOR]
    return rest or items


def why(paper: Paper, place: ReturnPlace, wanted: str) -> str:
    """Return what the place needs, and because of which class."""
    name = _WHY[place.rung]
    if not name:
        return ""
    text = paper.say(
        name, path=wanted.partition("?")[0], class_name=place.route.classification.name
    )
    return f'<p class="why">{text}</p>'


def not_admitted_page(paper: Paper, name: str, wanted: str) -> str:
    """Return what somebody reads who is signed in, but not on the list."""
    text = paper.say("not admitted why", name=name, path=wanted.partition("?")[0])
    return paper.page(paper.say("not admitted"), f"<p>{text}</p>", sign_out_form(paper))


def nowhere_page(paper: Paper) -> str:
    """Return what somebody reads who asked for a page of ours that is none."""
    text = f"<p>{paper.say('not found why')}</p>"
    home = f'<p><a href="{HOME}">{paper.say("account")}</a></p>'
    return paper.page(paper.say("not found"), text, home)


def ended_page(paper: Paper, standing: SignInState, wanted: str) -> str:
    """Return what somebody reads who sent a form without being signed in (any more)."""
    link = escape(sign_in_link(wanted))
    again = f'<p><a href="{link}" target="_blank">{paper.say("sign in again")}</a></p>'
    told = f"<p>{paper.say('ended why')}</p>"
    return paper.page(paper.say("ended"), why(paper, standing.place, wanted), told, again)


def going_page(paper: Paper, provider: IdentityProvider, url: str) -> str:
    """
    Return what is seen on the way to *provider*, which is at *url*.

    The answer also has the browser go there by itself (the header "Refresh"). A redirect of
    the form would need its policy opened to every host that the provider may lead over.
    """
    return paper.page(
        paper.say("provider", label=provider.label),
        f"<p>{paper.say('provider going', label=provider.label)}</p>",
        f'<p><a href="{escape(url)}">{paper.say("provider go on", label=provider.label)}</a></p>',
    )


def account_page(
    paper: Paper, name: str | None, said: str = "", farewell: tuple[str, str] | None = None
) -> str:
    """
    Return the page that tells who is signed in, and signs out.

    *farewell* is where somebody who signed out here signs out at a provider, and its label.
    """
    parts = [f'<p role="status">{said}</p>'] if said else []
    if name is None:
        parts.append(f"<p>{paper.say('nobody')}</p>")
        if farewell:
            url, label = farewell
            sentence = paper.say("provider sign out", label=label)
            parts.append(f'<p><a href="{escape(url)}">{sentence}</a></p>')
        parts.append(f'<p><a href="{SIGN_IN}">{paper.say("sign in")}</a></p>')
    else:
        parts += [f"<p>{paper.say('signed in as', name=name)}</p>", sign_out_form(paper)]
    parts.append(f'<p><a href="{NEW_PASSKEY_PATH}">{paper.say("new passkey")}</a></p>')
    return paper.page(paper.say("account"), *parts)


def new_passkey_page(paper: Paper) -> str:
    """Return the page on which somebody registers a passkey with a code from the operator."""
    form = (
        f'<form id="register">{paper.hidden("/")}'
        + _field(paper, "enrolment", "enrolment", complete="off")
        + _field(paper, "label", "label", complete="off")
        + f"<button>{paper.say('register')}</button></form>"
    )
    return paper.page(
        paper.say("new passkey"),
        f"<p>{paper.say('new passkey why')}</p>",
        f'<p class="error" role="alert" id="failed" hidden>{paper.say("bad code")}</p>',
        f'<p role="status" id="done" hidden>{paper.say("registered")} '
        f'<a href="{HOME}">{paper.say("account")}</a></p>',
        f'<noscript><p class="error">{paper.say("no script")}</p></noscript>',
        form,
        script=True,
    )


def sign_out_form(paper: Paper) -> str:
    """Return the button that signs out."""
    return (
        f'<form method="post" action="{SIGN_OUT_PATH}">{paper.hidden("/")}'
        f"<button>{paper.say('sign out')}</button></form>"
    )


def _ways(paper: Paper, need: Need, factors: Iterable[Factor], wanted: str) -> list[str]:
    parts = []
    offered = set(factors)
    if Factor.PASSWORD in offered and need is not Need.SECOND_FACTOR:
        parts.append(
            f'<form method="post" action="{SIGN_IN}">{paper.hidden(wanted)}'
            + _field(paper, "name", "name", complete="username")
            + _field(paper, "password", "password", complete="current-password", secret=True)
            + f"<button>{paper.say('submit')}</button></form>"
        )
    parts += [
        f'<form method="post" action="{OIDC_PATH}/{provider.name}">{paper.hidden(wanted)}'
        f"<button>{paper.say('provider', label=provider.label)}</button></form>"
        for provider in paper.providers
        if Factor.PROVIDER in offered or (Factor.PROVIDER_KEY in offered and provider.counts_as_key)
    ]
    if offered & {Factor.TOTP, Factor.RECOVERY_CODE}:
        hint = f'<small id="code-hint">{paper.say("code hint")}</small>'
        parts.append(
            f'<form method="post" action="{CODE_PATH}">{paper.hidden(wanted)}'
            + _field(paper, "code", "code", complete="one-time-code", described="code-hint")
            + f"{hint}<p><button>{paper.say('submit code')}</button></p></form>"
        )
    if Factor.PASSKEY in offered:
        named = "passkey again" if need is Need.SECOND_FACTOR else "passkey"
        # Who has none yet may hold a code for one.
        new = f'<p><a href="{NEW_PASSKEY_PATH}">{paper.say("new passkey")}</a></p>'
        parts.append(
            f'<form id="passkey" hidden>{paper.hidden(wanted)}'
            f"<p>{paper.say('passkey why')}</p><button>{paper.say(named)}</button>"
            f'<p class="error" role="alert" id="failed" hidden>{paper.say("passkey failed")}</p>'
            f"{new if need is not Need.SECOND_FACTOR else ''}"
            f"</form><noscript><p>{paper.say('no script')}</p></noscript>"
        )
    if Factor.CERTIFICATE in offered and Factor.PASSWORD not in offered:
        parts.append(f"<p>{paper.say('certificate hint')}</p>")
    return parts


def _second(
    paper: Paper, standing: SignInState, factors: Iterable[Factor], wanted: str
) -> list[str]:
    offered = tuple(factors)
    if not offered:
        name = standing.known.identity.name if standing.known is not None else "NAME"
        typed = f"<code>sealgate user totp {escape(name)}</code>"
        return [f'<p class="error">{paper.say("no second factor")}</p><p>{typed}</p>']
    told = f"<p>{paper.say('second factor')}</p>"
    return [told, *_ways(paper, Need.SECOND_FACTOR, offered, wanted)]


def _grant(paper: Paper, standing: SignInState, wanted: str) -> str:
    grant, state = standing.grant, standing.grant_state
    name = standing.known.identity.name if standing.known is not None else "NAME"
    if grant is not None and state is GrantState.WAITING:
        said = paper.say("grant waiting")
        typed = f"sealgate grant approve {grant.id} --as APPROVER"
    else:
        over = grant is not None and state in _OVER
        said = f"{paper.say(_OVER[state])} " if over and state is not None else ""
        said += paper.say("grant")
        typed = (
            f'sealgate grant ask "{standing.place.asset}" --as {name} --reason "REASON" --for 2h'
        )
    return f"<p>{said}</p><p><code>{escape(typed)}</code></p>{_again(paper, wanted)}"


def _not_from_there(paper: Paper, standing: SignInState, parts: list[str], wanted: str) -> str:
    country = standing.country
    if country is None:
        title, told = paper.say("no country"), paper.say("unknown country")
    else:
        title, told = paper.say("other country"), paper.say("country", country=country)
    return paper.page(title, *parts, f'<p class="error">{told}</p>', _again(paper, wanted))


def _again(paper: Paper, wanted: str) -> str:
    return f'<p><a href="{escape(wanted)}">{paper.say("again")}</a></p>'


def _field(
    paper: Paper, name: str, label: str, *, complete: str, secret: bool = False, described: str = ""
) -> str:
    more = f' aria-describedby="{described}"' if described else ""
    kind = "password" if secret else "text"
    optional = "" if name == "label" else " required"
    return (
        f'<label for="{name}">{paper.say(label)}</label><input type="{kind}" id="{name}" '
        f'name="{name}" autocomplete="{complete}" autocapitalize="none" spellcheck="false"'
        f"{more}{optional}>"
    )
