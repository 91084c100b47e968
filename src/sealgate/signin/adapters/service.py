"""
The sign-in service: an ASGI application behind Envoy, on a Unix socket.

Two kinds of requests come in. Below ``/check`` Envoy asks about a request that it did not
admit by itself; below ``/.sealgate`` people use the pages. Everything that it does not know
is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import math
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sealgate.gateway.model import (
    ASSET_HEADER,
    CHECK_PATH,
    IDENTITY_HEADER,
    RUNG_HEADER,
    SESSION_COOKIE,
    USER_HEADER,
)
from sealgate.identity.adapters.sign_ins import ChangedMeanwhileError
from sealgate.identity.factors import PROVIDED, Factor, Proven
from sealgate.identity.passkeys import CHALLENGE_SECONDS, PasskeyError
from sealgate.policy.protection import AccessRung
from sealgate.signin.adapters.admission import Admission, BusyError, Turns
from sealgate.signin.adapters.exchange import (
    ATTRIBUTES,
    FORM_COOKIE,
    as_json,
    caller_of,
    cookie_of,
    form_of,
    is_ours,
    json_of,
    latin,
    problem_answer,
    refusal,
    set_cookie,
    set_session,
    target_of,
    wanted_of,
)
from sealgate.signin.adapters.passkeys import Asked, Passkeys
from sealgate.signin.journey import (
    HOME,
    OIDC_PATH,
    SIGN_IN,
    easiest,
    place_at,
    safe_path,
    sign_in_link,
)
from sealgate.signin.model import place_of
from sealgate.signin.pages import (
    CODE_PATH,
    HEADERS,
    NEW_PASSKEY_PATH,
    PASSKEY_PATH,
    SCRIPT_PATH,
    SIGN_OUT_PATH,
    STYLE,
    STYLE_PATH,
    Paper,
    account_page,
    ended_page,
    new_passkey_page,
    not_admitted_page,
    nowhere_page,
    sign_in_page,
)
from sealgate.signin.script import SCRIPT
from sealgate.signin.words import language_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.signin.adapters.backend import SignInBackend
    from sealgate.signin.adapters.oidc import ProviderPages
    from sealgate.signin.model import SignedIn

# Strict, because both steps are sent by a script on a page of ours.
PASSKEY_COOKIE = f"{SESSION_COOKIE}-passkey"
_READS = ("GET", "HEAD")
# A password is judged anew where somebody's rights were changed meanwhile, which is rare.
_TRIES = 3
_CHECKERS = 4


class SignInApplication:
    """The application around *backend*; *slow* is how many passwords are checked at a time."""

    def __init__(self, backend: SignInBackend, *, slow: int) -> None:
        self._backend = backend
        self._passkeys = Passkeys(backend)
        self._turns = Turns(slow)
        # Sessions are renewed while every other thread is at work for pages and strangers.
        self._checkers = ThreadPoolExecutor(_CHECKERS, "check")
        self._providers: ProviderPages | None = None
        every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        self._pages = Starlette(
            routes=[
                Route(f"{CHECK_PATH}/{{path:path}}", self._check, methods=every),
                Route(SIGN_IN, self._sign_in_page, methods=["GET"]),
                Route(SIGN_IN, self._password, methods=["POST"]),
                Route(CODE_PATH, self._code, methods=["POST"]),
                Route(HOME, self._account, methods=["GET"]),
                Route(SIGN_OUT_PATH, self._sign_out, methods=["POST"]),
                Route(f"{PASSKEY_PATH}/options", self._passkey_options, methods=["POST"]),
                Route(PASSKEY_PATH, self._passkey, methods=["POST"]),
                Route(NEW_PASSKEY_PATH, self._new_passkey_page, methods=["GET"]),
                Route(f"{NEW_PASSKEY_PATH}/options", self._new_passkey_options, methods=["POST"]),
                Route(NEW_PASSKEY_PATH, self._new_passkey, methods=["POST"]),
                Route(STYLE_PATH, self._style, methods=["GET"]),
                Route(SCRIPT_PATH, self._script, methods=["GET"]),
                Route(f"{OIDC_PATH}/{{rest:path}}", self._provided, methods=["GET", "POST"]),
            ],
            exception_handlers={
                PasskeyError: self._not_proven,
                ChangedMeanwhileError: self._not_proven,
                HTTPException: self._nowhere,
                Exception: self._failed,
            },
        )
        self.app = Admission(self._pages, lambda scope: backend.is_known(caller_of(Request(scope))))

    async def _check(self, request: Request) -> Response:
        """Answer what Envoy asks: 200 lets the request through, anything else is its answer."""
        backend, caller = self._backend, caller_of(request)
        site = backend.served.site(caller.site)
        asset = request.headers.get(ASSET_HEADER, "")
        place = place_of(site, asset) if site is not None else None
        if place is None:
            return problem_answer(403, "this part of the site is not known to the sign-in service")
        wanted = target_of(request).removeprefix(CHECK_PATH)
        loop = asyncio.get_running_loop()
        threads = self._checkers if backend.is_known(caller) else None
        standing = await loop.run_in_executor(threads, backend.standing, caller, place)
        if standing.may_enter:
            issued = await loop.run_in_executor(threads, backend.token, caller, standing)
            # A second factor, or a grant, may have run out in between.
            lasts = issued is not None and (
                place.rung < AccessRung.VERY_HIGH or issued.rung >= AccessRung.VERY_HIGH
            )
            if lasts and issued is not None and standing.known is not None:
                answer = Response(status_code=200)
                answer.headers[USER_HEADER] = latin(standing.known.identity.name)
                answer.headers[RUNG_HEADER] = str(issued.rung)
                if issued.identity:
                    answer.headers[IDENTITY_HEADER] = issued.identity
                set_session(answer, issued.token)
                return answer
        if not caller.in_browser:
            return refusal(standing, wanted)
        if standing.known is not None and not standing.missing:
            name = standing.known.identity.name
            return self._page(caller, lambda paper: not_admitted_page(paper, name, wanted), 403)
        if request.method in _READS:
            return RedirectResponse(sign_in_link(wanted), 303, {"cache-control": "no-store"})
        return self._page(caller, lambda paper: ended_page(paper, standing, wanted), 401)

    async def _sign_in_page(self, request: Request) -> Response:
        caller, wanted = caller_of(request), safe_path(wanted_of(request))
        return await self._next(caller, wanted, shows=True)

    async def _next(
        self, caller: SignedIn, wanted: str, *, shows: bool, error: str = "", status: int = 200
    ) -> Response:
        """Send *caller* on to *wanted* when nothing is missing, else ask for it."""
        backend = self._backend
        site = backend.served.site(caller.site)
        if site is None:
            return problem_answer(421, "this site is not known to the sign-in service")
        place = place_at(site, wanted)
        is_open = place.rung == AccessRung.NONE
        if is_open:
            place = easiest(site)
        standing = await asyncio.to_thread(backend.standing, caller, place)
        issued = None
        if standing.known is not None and standing.known.sign_in is not None:
            issued = await asyncio.to_thread(backend.token, caller, standing)
        known = standing.known is not None and not standing.missing
        if standing.may_enter or (is_open and known):
            answer: Response = RedirectResponse(wanted, 303, {"cache-control": "no-store"})
        elif standing.known is not None and not standing.missing:
            name = standing.known.identity.name
            answer = self._page(caller, lambda paper: not_admitted_page(paper, name, wanted), 403)
        elif shows:
            answer = self._page(
                caller,
                lambda paper: sign_in_page(paper, standing, wanted, _said(paper, error)),
                status,
            )
        else:
            answer = RedirectResponse(sign_in_link(wanted), 303, {"cache-control": "no-store"})
        if issued is not None:
            set_session(answer, issued.token)
        return answer

    async def _password(self, request: Request) -> Response:
        caller, form = caller_of(request), await form_of(request)
        wanted = safe_path(form.get("to", "/"))
        if not is_ours(request, form.get("form", "")):
            return await self._next(caller, wanted, shows=True, error="stale form", status=403)
        name, backend = form.get("name", ""), self._backend
        usual = backend.is_usual(caller, name)
        if self._turns.is_full(usual=usual):
            return _come_again()
        wait = backend.wait(caller, name)
        if wait > 0:
            return await self._later(caller, wanted, wait)
        for _ in range(_TRIES):
            since = await asyncio.to_thread(backend.people.generation)
            check = functools.partial(backend.has_password, caller, name, form.get("password", ""))
            try:
                right = await self._turns.check(name, check, usual=usual)
            except BusyError:
                return _come_again()
            if not right:
                break
            proof = Proven(Factor.PASSWORD, backend.now())
            with contextlib.suppress(ChangedMeanwhileError):
                return await self._proved(caller, name, proof, wanted, since)
        return await self._next(caller, wanted, shows=True, error="wrong", status=401)

    async def _code(self, request: Request) -> Response:
        caller, form = caller_of(request), await form_of(request)
        wanted, backend = safe_path(form.get("to", "/")), self._backend
        if not is_ours(request, form.get("form", "")):
            return await self._next(caller, wanted, shows=True, error="stale form", status=403)
        site = backend.served.site(caller.site)
        place = place_at(site, wanted) if site is not None else None
        name = (
            await asyncio.to_thread(backend.code_of, caller, place) if place is not None else None
        )
        if name is None:
            return RedirectResponse(sign_in_link(wanted), 303, {"cache-control": "no-store"})
        wait = backend.wait_for_code(caller, name)
        if wait > 0:
            return await self._later(caller, wanted, wait)
        kind = await asyncio.to_thread(backend.has_code, caller, name, form.get("code", ""))
        if kind is None:
            return await self._next(caller, wanted, shows=True, error="wrong code", status=401)
        return await self._proved(caller, name, Proven(kind, backend.now()), wanted)

    async def _later(self, caller: SignedIn, wanted: str, wait: float) -> Response:
        error = f"wait {math.ceil(wait)}"
        answer = await self._next(caller, wanted, shows=True, error=error, status=429)
        answer.headers["retry-after"] = str(math.ceil(wait))
        return answer

    async def _proved(
        self, caller: SignedIn, name: str, proof: Proven, wanted: str, since: int | None = None
    ) -> Response:
        """Keep *proof* of *name*, and send them on with a session that holds it."""
        backend = self._backend
        sign_in = await asyncio.to_thread(backend.proved, caller, name, proof, since)
        return await self._next(replace(caller, sign_in=sign_in), wanted, shows=False)

    async def _passkey_options(self, request: Request) -> Response:
        caller, _ = caller_of(request), await json_of(request)
        return _asked(await asyncio.to_thread(self._passkeys.ask, caller))

    async def _passkey(self, request: Request) -> Response:
        caller, sent = caller_of(request), await json_of(request)
        response = json.dumps(sent.get("response"))
        since = await asyncio.to_thread(self._backend.people.generation)
        browser = cookie_of(request, PASSKEY_COOKIE)
        name, proof = await asyncio.to_thread(self._passkeys.judge, caller, browser, response)
        wanted = safe_path(str(sent.get("to", "/")))
        proven = await self._proved(caller, name, proof, wanted, since)
        # The script goes where a browser would be sent to, with the same cookies.
        answer = as_json(json.dumps({"to": proven.headers.get("location", wanted)}))
        for value in proven.headers.getlist("set-cookie"):
            answer.headers.append("set-cookie", value)
        set_cookie(answer, PASSKEY_COOKIE, "", 0)
        return answer

    async def _new_passkey_page(self, request: Request) -> Response:
        return self._page(caller_of(request), new_passkey_page)

    async def _new_passkey_options(self, request: Request) -> Response:
        caller, sent = caller_of(request), await json_of(request)
        code = str(sent.get("code", ""))
        return _asked(await asyncio.to_thread(self._passkeys.ask_new, caller, code))

    async def _new_passkey(self, request: Request) -> Response:
        caller, sent = caller_of(request), await json_of(request)
        code, label = str(sent.get("code", "")), str(sent.get("label", ""))
        response = json.dumps(sent.get("response"))
        browser = cookie_of(request, PASSKEY_COOKIE)
        await asyncio.to_thread(self._passkeys.keep, caller, browser, code, label, response)
        answer = as_json("{}")
        set_cookie(answer, PASSKEY_COOKIE, "", 0)
        return answer

    async def _not_proven(self, request: Request, error: Exception) -> Response:
        del request, error
        return problem_answer(403, "the passkey or the code was not accepted")

    async def _account(self, request: Request) -> Response:
        caller = caller_of(request)
        name = await asyncio.to_thread(self._backend.name_of, caller)
        provider, farewell = request.query_params.get("from", ""), None
        if name is None and provider and self._backend.served.providers:
            farewell = await self._provider_pages().farewell(provider, caller)
        return self._page(caller, lambda paper: account_page(paper, name, farewell=farewell))

    async def _provided(self, request: Request) -> Response:
        if not self._backend.served.providers:
            return problem_answer(404, "there is no identity provider")
        return await self._provider_pages().answer(request)

    def _provider_pages(self) -> ProviderPages:
        if self._providers is None:
            # An extra: who has no provider does not need its libraries. A reload may bring one.
            from sealgate.signin.adapters.oidc import ProviderPages  # noqa: PLC0415

            self._providers = ProviderPages(self._backend, self._page, self._next, self._proved)
        return self._providers

    async def _sign_out(self, request: Request) -> Response:
        caller, form = caller_of(request), await form_of(request)
        if not is_ours(request, form.get("form", "")):
            return RedirectResponse(HOME, 303)
        ended = await asyncio.to_thread(self._backend.sign_out, caller)
        issuers = {p.key for p in ended.proven if p.factor in PROVIDED} if ended else set[str]()
        through = [p.name for p in self._backend.served.providers if p.issuer in issuers]
        home = f"{HOME}?from={through[0]}" if through else HOME
        answer = RedirectResponse(home, 303, {"cache-control": "no-store"})
        for name in (SESSION_COOKIE, FORM_COOKIE):
            answer.headers.append("set-cookie", f"{name}=; {ATTRIBUTES}; Max-Age=0")
        return answer

    async def _style(self, request: Request) -> Response:
        del request
        return Response(STYLE, media_type="text/css", headers={"cache-control": "max-age=3600"})

    async def _script(self, request: Request) -> Response:
        del request
        headers = {"cache-control": "max-age=3600", "x-content-type-options": "nosniff"}
        return Response(SCRIPT, media_type="text/javascript", headers=headers)

    async def _nowhere(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        caller = caller_of(request)
        if not caller.in_browser:
            return problem_answer(status, "there is no such page")
        return self._page(caller, nowhere_page, status)

    async def _failed(self, request: Request, error: Exception) -> Response:
        del request, error
        # Without words: Envoy has a page for it.
        return Response(status_code=503)

    def _page(self, caller: SignedIn, make: Callable[[Paper], str], status: int = 200) -> Response:
        form = secrets.token_urlsafe(24)
        served = self._backend.served
        paper = Paper(language_of(caller.language), served.operator, form, served.providers)
        answer = Response(make(paper), status, HEADERS, "text/html")
        # The double-submit pattern: only this host can set the cookie (its name begins with
        # "__Host-"), and only our own pages send it back (SameSite=Strict).
        answer.headers.append("set-cookie", f"{FORM_COOKIE}={form}; {ATTRIBUTES}; SameSite=Strict")
        return answer


def _come_again() -> Response:
    # Without words: Envoy has a page for it.
    return Response(status_code=503, headers={"retry-after": "5", "cache-control": "no-store"})


def _asked(asked: Asked) -> Response:
    answer = as_json(asked.options)
    set_cookie(answer, PASSKEY_COOKIE, asked.browser, int(CHALLENGE_SECONDS))
    return answer


def _said(paper: Paper, error: str) -> str:
    if error.startswith("provider "):
        why, label, reason = error.split("\n")
        return paper.say(why, label=label, reason=reason)
    if error.startswith("wait "):
        return paper.say("wait", seconds=error.removeprefix("wait "))
    return paper.say(error) if error else ""
