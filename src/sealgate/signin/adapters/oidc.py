"""
The pages of signing in through an OpenID provider: on the way there, and back.

Loaded only where a provider is configured. What an answer is worth is decided in
:mod:`sealgate.signin.oidc` and :mod:`sealgate.signin.id_tokens`; here it is asked for and kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
from collections import Counter
from typing import TYPE_CHECKING

from starlette.responses import Response

from sealgate.gateway.model import SESSION_COOKIE
from sealgate.identity.begun import digest
from sealgate.identity.providers import UnadmittedError
from sealgate.identity.throttle import prefix
from sealgate.policy.protection import AccessRung
from sealgate.signin.adapters.exchange import (
    caller_of,
    cookie_of,
    form_of,
    is_ours,
    problem_answer,
    set_cookie,
)
from sealgate.signin.adapters.oidc_client import ProviderClient
from sealgate.signin.id_tokens import stated
from sealgate.signin.journey import place_at, safe_path
from sealgate.signin.oidc import (
    ATTEMPT_SECONDS,
    Attempt,
    ProviderAnswer,
    ProviderAttempts,
    authorization_url,
    check_issuer,
    max_age,
    read_answer,
    redeemable,
    redirect_uri,
)
from sealgate.signin.pages import going_page
from sealgate.signin.provider import OidcError, Why, end_session_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import Protocol

    from starlette.requests import Request

    from sealgate.identity.factors import Proven
    from sealgate.policy.inventory import IdentityProvider, Site
    from sealgate.signin.adapters.backend import SignInBackend
    from sealgate.signin.model import SignedIn
    from sealgate.signin.pages import Paper

    class Next(Protocol):
        """Sends somebody on, or shows the page where one signs in."""

        async def __call__(
            self, caller: SignedIn, wanted: str, *, shows: bool, error: str = "", status: int = 200
        ) -> Response:
            """Return the answer."""


# Lax, because the way back begins on the provider's site.
OIDC_COOKIE = f"{SESSION_COOKIE}-oidc"
_RANDOM_BYTES = 32
# Beyond so many people at once at one provider, and from one address there, the next is told to
# come again: one that hangs is in nobody's way who signs in through another, or without any.
MOST_AT_ONCE = 40
MOST_AT_ONCE_PER_ADDRESS = 8
# A line that was written is not written again before.
_QUIET_SECONDS = 60.0
_STATUS = {Why.DOWN: 503, Why.STALE: 400}
_FORBIDDEN = 403


class ProviderPages:
    """The pages around *backend*; *page*, *go_on* and *proved* are those of the whole service."""

    def __init__(
        self,
        backend: SignInBackend,
        page: Callable[[SignedIn, Callable[[Paper], str]], Response],
        go_on: Next,
        proved: Callable[[SignedIn, str, Proven, str], Awaitable[Response]],
    ) -> None:
        self._backend = backend
        self._page = page
        self._go_on = go_on
        self._proved = proved
        self._attempts = ProviderAttempts()
        self._clients: dict[str, ProviderClient] = {}
        # Of each provider, the addresses of those who are at it.
        self._at_once: dict[str, Counter[str]] = {}
        self._written: dict[str, float] = {}

    async def answer(self, request: Request) -> Response:
        """Answer a request below ``/.sealgate/oidc``."""
        name, _, rest = str(request.path_params["rest"]).partition("/")
        caller = caller_of(request)
        provider = next((p for p in self._backend.served.providers if p.name == name), None)
        site = self._backend.served.site(caller.site)
        if provider is None or site is None:
            return problem_answer(404, "there is no such identity provider")
        # Not HEAD: what only looks must use nothing up.
        match request.method, rest:
            case "POST", "":
                return await self._begin(request, caller, provider, site)
            case "GET", "callback":
                return await self._callback(request, caller, provider, site)
        return problem_answer(404, "there is no such page")

    async def farewell(self, name: str, caller: SignedIn) -> tuple[str, str] | None:
        """
        Return where somebody signs out at the provider *name*, and its label.

        ``None`` when there is no such page, or it cannot be told now.
        """
        provider = next((p for p in self._backend.served.providers if p.name == name), None)
        if provider is None:
            return None
        try:
            with self._one_more(provider, caller):
                metadata = await (await self._client(provider)).metadata()
        except OidcError:
            return None
        url = end_session_url(provider, metadata, caller.host)
        return (url, provider.label) if url else None

    async def _begin(
        self, request: Request, caller: SignedIn, provider: IdentityProvider, site: Site
    ) -> Response:
        form = await form_of(request)
        wanted = safe_path(form.get("to", "/"))
        if not is_ours(request, form.get("form", "")):
            return await self._go_on(caller, wanted, shows=True, error="stale form", status=403)
        back = redirect_uri(provider, site, caller.host)
        if back is None:
            return problem_answer(421, "this host is none of the site")
        browser = secrets.token_urlsafe(_RANDOM_BYTES)
        rung = place_at(site, wanted).rung
        attempt = Attempt(
            provider=provider.name,
            redirect_uri=back,
            wanted=wanted,
            began_at=self._backend.now(),
            address=caller.address,
            browser=digest(browser),
            max_age=max_age(must_be_fresh=rung >= AccessRung.VERY_HIGH),
            asks_key=rung >= AccessRung.HIGH,
            state=secrets.token_urlsafe(_RANDOM_BYTES),
            nonce=secrets.token_urlsafe(_RANDOM_BYTES),
            verifier=secrets.token_urlsafe(_RANDOM_BYTES),
        )
        try:
            with self._one_more(provider, caller):
                metadata = await (await self._client(provider)).metadata()
        except OidcError as error:
            return await self._refused(caller, provider, wanted, error)
        self._attempts.give(attempt)
        url = authorization_url(provider, metadata, attempt)
        answer = self._page(caller, lambda paper: going_page(paper, provider, url))
        answer.headers["refresh"] = f"0;url={url}"
        _set_browser(answer, browser, int(ATTEMPT_SECONDS))
        return answer

    async def _callback(
        self, request: Request, caller: SignedIn, provider: IdentityProvider, site: Site
    ) -> Response:
        try:
            answer = read_answer(request.scope["query_string"])
            attempt = self._attempts.take(
                answer.state,
                cookie_of(request, OIDC_COOKIE),
                provider.name,
                redirect_uri(provider, site, caller.host),
                self._backend.now(),
            )
        except OidcError as error:
            done = await self._refused(caller, provider, "/", error)
        else:
            done = await self._finished(caller, provider, attempt, answer)
        _set_browser(done, "", 0)
        return done

    async def _finished(
        self, caller: SignedIn, provider: IdentityProvider, attempt: Attempt, answer: ProviderAnswer
    ) -> Response:
        backend = self._backend
        try:
            with self._one_more(provider, caller):
                client = await self._client(provider)
                check_issuer(answer, await client.metadata())
                code = redeemable(answer)
                claims, more = await client.redeem(attempt, code, now=backend.now())
            who = stated(provider, claims, more, now=backend.now())
            name = await asyncio.to_thread(backend.admit_provided, provider, who)
        except UnadmittedError as error:
            told = OidcError(Why(f"provider {error.why}"), error.message)
            return await self._refused(caller, provider, attempt.wanted, told)
        except OidcError as error:
            return await self._refused(caller, provider, attempt.wanted, error)
        return await self._proved(caller, name, who.proof, attempt.wanted)

    async def _refused(
        self, caller: SignedIn, provider: IdentityProvider, wanted: str, error: OidcError
    ) -> Response:
        if error.why in {Why.DOWN, Why.FORGED}:
            self._write(error.message)
        told = f"{error.why}\n{provider.label}\n{_reason(provider, error)}"
        status = _STATUS.get(error.why, _FORBIDDEN)
        return await self._go_on(caller, wanted, shows=True, error=told, status=status)

    @contextlib.contextmanager
    def _one_more(self, provider: IdentityProvider, caller: SignedIn) -> Iterator[None]:
        there = self._at_once.setdefault(provider.name, Counter())
        place = prefix(caller.address)
        if there.total() >= MOST_AT_ONCE or there[place] >= MOST_AT_ONCE_PER_ADDRESS:
            raise OidcError(Why.DOWN, f'too many people sign in through "{provider.name}" at once')
        there[place] += 1
        try:
            yield
        finally:
            there[place] -= 1
            if not there[place]:
                del there[place]

    def _write(self, message: str) -> None:
        # For whoever runs the server; the messages are a few sentences of ours.
        now = self._backend.now()
        if now - self._written.get(message, 0.0) >= _QUIET_SECONDS:
            self._written[message] = now
            sys.stderr.write(f"sealgate: warning: {message}\n")

    async def _client(self, provider: IdentityProvider) -> ProviderClient:
        held = self._clients.get(provider.name)
        if held is None or held.provider != provider:
            # Its settings changed: nothing that was believed of the old one counts.
            self._clients[provider.name] = made = ProviderClient(provider)
            if held is not None:
                await held.close()
            return made
        return held


def _reason(provider: IdentityProvider, error: OidcError) -> str:
    # What is about the provider is told; of this machine (files, settings) a stranger learns
    # nothing.
    about, found, what = error.message.partition(f'identity provider "{provider.name}" ')
    return f"it {what}" if found and not about else "this site cannot ask it now"


def _set_browser(answer: Response, value: str, seconds: int) -> None:
    set_cookie(answer, OIDC_COOKIE, value, seconds, same_site="Lax")
