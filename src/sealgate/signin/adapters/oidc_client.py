"""
Asks an OpenID provider: what it says of itself, its keys, and what a code is worth.

Over HTTPS only, its certificate verified, no redirect and no proxy followed: the client secret
goes to the address that the provider names, and nowhere else. Answers are bounded in size
and time, and read as JSON or not at all.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from typing import TYPE_CHECKING, Any

import httpx

from sealgate.errors import SourceError
from sealgate.signin.adapters.client_secrets import read_secret
from sealgate.signin.id_tokens import UnknownKeyError, lacks, read_keys, verify_id_token
from sealgate.signin.oidc import basic_credentials, token_request
from sealgate.signin.provider import OidcError, Why, discovery_url, read_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.policy.inventory import IdentityProvider
    from sealgate.signin.oidc import Attempt
    from sealgate.signin.provider import Metadata

ASK_SECONDS = 5.0
MOST_ANSWER_BYTES = 256 * 1024
# What a provider says of itself, and its keys, are believed for so long: a key that it takes
# back counts no more after that.
BELIEVED_SECONDS = 600.0
# A provider that did not answer is not asked again before.
PAUSE_SECONDS = 3.0
# A key that nobody knows is looked for this often at the most.
NEW_KEYS_SECONDS = 1.0
_OK = 200
_ERRORS = range(400, 500)


class ProviderClient:
    """
    One provider, as long as its settings stay the same.

    Raises:
        OidcError: its authorities cannot be read.
    """

    def __init__(self, provider: IdentityProvider) -> None:
        self.provider = provider
        try:
            context = ssl.create_default_context(cafile=provider.ca)
        except OSError as error:
            raise self._down("its authorities cannot be read") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._http = httpx.AsyncClient(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            timeout=ASK_SECONDS,
            headers={
                "accept": "application/json",
                # What is packed could be far larger than its bytes.
                "accept-encoding": "identity",
                "user-agent": "sealgate",
            },
        )
        self._lock = asyncio.Lock()
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, tuple[Mapping[str, str], ...]] | None = None
        self._failed: tuple[float, OidcError] | None = None

    async def close(self) -> None:
        """Let go of its connections."""
        await self._http.aclose()

    async def metadata(self) -> Metadata:
        """
        Return what the provider says of itself, of late.

        Raises:
            OidcError: it does not answer, or not as it must.
        """
        async with self._lock:
            now = time.monotonic()
            if self._metadata is not None and now < self._metadata[0] + BELIEVED_SECONDS:
                return self._metadata[1]
            if self._failed is not None and now < self._failed[0] + PAUSE_SECONDS:
                raise self._failed[1]
            try:
                told = await self._ask("GET", discovery_url(self.provider))
                metadata = read_metadata(self.provider, told)
            except OidcError as error:
                self._failed = (time.monotonic(), error)
                raise
            self._metadata, self._keys = (time.monotonic(), metadata), None
            return metadata

    async def redeem(
        self, attempt: Attempt, code: str, *, now: float
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """
        Return the claims of the ID token that *code* is worth, and those of the UserInfo.

        The latter is asked only when the former lacks something that is needed.

        Raises:
            OidcError: it is worth nothing, or the provider cannot be asked.
        """
        metadata = await self.metadata()
        told = await self._token(metadata, token_request(attempt, code))
        access_token = told.get("access_token")
        if not isinstance(access_token, str):
            access_token = ""
        claims = await self._verified(metadata, attempt, told.get("id_token"), access_token, now)
        more: dict[str, Any] = {}
        if lacks(self.provider, claims) and metadata.user_info and _is_bearer(access_token):
            bearer = {"authorization": f"Bearer {access_token}"}
            more = await self._ask("GET", metadata.user_info, headers=bearer)
            # Core 5.3.2: or it is somebody else's.
            if more.get("sub") != claims["sub"]:
                raise OidcError(Why.FORGED, "the UserInfo is about somebody else")
        return claims, more

    async def _verified(
        self, metadata: Metadata, attempt: Attempt, token: object, access_token: str, now: float
    ) -> dict[str, Any]:
        for newer in (False, True):
            keys = await self._known_keys(metadata, newer=newer)
            try:
                return verify_id_token(
                    token,
                    keys,
                    self.provider,
                    metadata,
                    attempt,
                    access_token=access_token,
                    now=now,
                )
            except UnknownKeyError:
                # The provider may have a new key (Core 10.1.1); it is looked for once.
                if newer:
                    raise
        raise AssertionError

    async def _known_keys(
        self, metadata: Metadata, *, newer: bool
    ) -> tuple[Mapping[str, str], ...]:
        async with self._lock:
            now = time.monotonic()
            believed = NEW_KEYS_SECONDS if newer else BELIEVED_SECONDS
            if self._keys is None or now >= self._keys[0] + believed:
                keys = read_keys(await self._ask("GET", metadata.keys))
                self._keys = (time.monotonic(), keys)
            return self._keys[1]

    async def _token(self, metadata: Metadata, fields: Mapping[str, str]) -> dict[str, Any]:
        secret = client_secret(self.provider)
        if metadata.posts_secret:
            more = {"client_id": self.provider.client_id, "client_secret": secret}
            return await self._ask("POST", metadata.token, data={**fields, **more})
        login = basic_credentials(self.provider.client_id, secret)
        return await self._ask("POST", metadata.token, data=fields, login=login)

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        login: tuple[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                status, body = await self._answer(method, url, data, headers, login)
        except TimeoutError as error:
            raise self._down("does not answer in time") from error
        except httpx.TransportError as error:
            told = "its certificate is not trusted" if _is_about_trust(error) else "does not answer"
            raise self._down(told) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self._down("does not answer as it must") from error
        if status in _ERRORS and method == "POST":
            # RFC 6749, 5.2: the code is none, or we are not whom it knows.
            raise OidcError(
                Why.FORGED, f'identity provider "{self.provider.name}" does not take the code'
            )
        if status != _OK:
            raise self._down(f"answers with status {status}")
        try:
            read = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._down("does not answer with JSON") from error
        if not isinstance(read, dict):
            raise self._down("does not answer with JSON")
        return read

    async def _answer(
        self,
        method: str,
        url: str,
        data: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        login: tuple[str, str] | None,
    ) -> tuple[int, bytes]:
        auth = httpx.BasicAuth(*login) if login else None
        async with self._http.stream(method, url, data=data, headers=headers, auth=auth) as answer:
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise ValueError("packed")
            body = bytearray()
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > MOST_ANSWER_BYTES:
                    raise ValueError("too long")
            return answer.status_code, bytes(body)

    def _down(self, what: str) -> OidcError:
        return OidcError(Why.DOWN, f'identity provider "{self.provider.name}" {what}')


def client_secret(provider: IdentityProvider) -> str:
    """
    Return the client secret of *provider*, read anew.

    Raises:
        OidcError: it cannot be read, or others can read it, too.
    """
    try:
        return read_secret(provider.secret)
    except SourceError as error:
        raise OidcError(Why.DOWN, error.message, error.hint) from error


def _is_bearer(token: str) -> bool:
    # What stands in a header is visible ASCII (RFC 6750, 2.1).
    return bool(token) and all("!" <= c <= "~" for c in token)


def _is_about_trust(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
