"""
Who we are to an authority that speaks ACME: an account, kept with its key.

Everything that the library raises becomes an :class:`AcmeError` here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from acme import challenges, errors, messages
from acme.client import ClientNetwork, ClientV2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from josepy import errors as josepy_errors
from josepy.jwa import ES256
from josepy.jwk import JWK, JWKEC

from sealgate.errors import BugError, SealgateError
from sealgate.files import private_folder, write_durably
from sealgate.gateway.adapters.acme_certificates import private_pem
from sealgate.gateway.adapters.acme_state import AcmeError
from sealgate.gateway.model import SYSTEM_ROOTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import AcmeSettings

ANSWER_SECONDS = 30
_MOST_CHARACTERS = 500


@challenges.ChallengeResponse.register
class _TLSALPN01Response(challenges.KeyAuthorizationChallengeResponse):
    typ = "tls-alpn-01"


@challenges.Challenge.register
class _TLSALPN01(challenges.KeyAuthorizationChallenge):
    """RFC 8737, which the library does not know any more."""

    response_cls = _TLSALPN01Response
    typ = response_cls.typ

    def validation(self, account_key: JWK, **_unused: Any) -> str:
        """Return what the certificate has to hold the digest of."""
        return self.key_authorization(account_key)


class Account:
    """The account at the authority of *settings*, kept in *folder*; made when it is needed."""

    def __init__(self, settings: AcmeSettings, folder: str) -> None:
        self._settings = settings
        name = hashlib.sha256(settings.directory.encode()).hexdigest()[:16]
        self._key_path = Path(folder, f"{name}.key")
        self._path = Path(folder, f"{name}.json")
        self._key: JWKEC | None = None
        self._uri = ""

    @property
    def key(self) -> JWKEC:
        """Return the account's key; only within :meth:`client`."""
        if self._key is None:
            raise BugError("the account was not opened")
        return self._key

    @property
    def uri(self) -> str:
        """Return what the authority calls the account; only within :meth:`client`."""
        return self._uri

    @contextlib.contextmanager
    def client(self) -> Iterator[ClientV2]:
        """
        Give a client that speaks for the account, which is made where it is not known.

        Raises:
            AcmeError: the authority refused, or the key cannot be read.
            GatewayError: the folder cannot be written.
        """
        self._key = self._kept_key()
        with client_of(self._settings, self._key) as one:
            if not self._recall(one):
                self._register(one)
            yield one

    def _recall(self, one: ClientV2) -> bool:
        try:
            found = json.loads(self._path.read_bytes())
            uri, contact = str(found["uri"]), str(found["contact"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        if contact != self._settings.contact:
            return False
        known = messages.RegistrationResource(uri=uri, body=messages.Registration())
        try:
            one.net.account = known
            one.query_registration(known)
        except messages.Error as error:
            one.net.account = None
            if error.code == "accountDoesNotExist":
                return False
            raise
        self._uri = uri
        return True

    def _register(self, one: ClientV2) -> None:
        contact = self._settings.contact
        wanted = messages.NewRegistration.from_data(
            email=contact or None, terms_of_service_agreed=True
        )
        try:
            known = one.new_account(wanted)
        except errors.ConflictError as error:
            # The key is known already: only what we noted was lost, or the contact changed.
            known = messages.RegistrationResource(uri=error.location, body=wanted)
            one.net.account = known
            known = one.update_registration(known, messages.Registration.from_data(email=contact))
        self._uri = str(known.uri)
        write_durably(self._path, json.dumps({"uri": self._uri, "contact": contact}).encode())

    def _kept_key(self) -> JWKEC:
        private_folder(self._key_path.parent)
        try:
            content = self._key_path.read_bytes()
        except FileNotFoundError:
            content = private_pem(ec.generate_private_key(ec.SECP256R1()))
            write_durably(self._key_path, content)
        except OSError as error:
            raise AcmeError(f'"{self._key_path}" cannot be read: {error.strerror}') from error
        try:
            key = serialization.load_pem_private_key(content, None)
        except (ValueError, TypeError) as error:
            raise AcmeError(
                f'"{self._key_path}" holds no private key',
                hint="move it away, and a new account is made",
            ) from error
        return JWKEC(key=key)


@contextlib.contextmanager
def client_of(settings: AcmeSettings, key: JWKEC | None = None) -> Iterator[ClientV2]:
    """Give a client for the authority of *settings*, which signs with *key*."""
    net = ClientNetwork(
        key,
        alg=ES256,
        user_agent=f"sealgate/{version('sealgate')}",
        timeout=ANSWER_SECONDS,
        # A path is taken too, whatever the annotation says.
        verify_ssl=_roots(settings),  # type: ignore[arg-type]
    )
    noted: list[float] = []
    net.session.hooks["response"].append(lambda answer, *_, **__: _note(answer, noted))
    try:
        yield ClientV2(ClientV2.get_directory(settings.directory, net), net)
    except (errors.Error, josepy_errors.Error, requests.RequestException) as error:
        if noted:
            error.add_note(f"{_NOT_BEFORE}{noted[-1]}")
        raise
    finally:
        net.session.close()


_NOT_BEFORE = "retry after "


@contextlib.contextmanager
def translated(settings: AcmeSettings) -> Iterator[None]:
    """
    Turn whatever the library raises into an :class:`AcmeError`, in the authority's words.

    On an answer of another shape than it expects, that may be anything.
    """
    try:
        yield
    except SealgateError:
        raise
    except Exception as error:
        notes = [note for note in getattr(error, "__notes__", ()) if note.startswith(_NOT_BEFORE)]
        not_before = float(notes[-1].removeprefix(_NOT_BEFORE)) if notes else None
        raise AcmeError(
            _told(error, settings.directory), hint="docs/howto/acme.md", not_before=not_before
        ) from error


def _told(error: Exception, directory: str) -> str:
    match error:
        case messages.Error():
            parts = [error, *(error.subproblems or ())]
            said = "; ".join(str(part.detail or part.description or part.typ) for part in parts)
            return f"the authority refused: {_short(said)}"
        case errors.IssuanceError():
            return _told(error.error, directory)
        case errors.TimeoutError():
            return "the authority was not ready in time"
        case requests.exceptions.SSLError():
            return f'the certificate of "{directory}" cannot be verified'
        case requests.RequestException():
            return f'"{directory}" gives no answer: {type(error).__name__}'
        case _:
            return f'"{directory}" does not speak ACME as expected: {type(error).__name__}'


def _short(said: str) -> str:
    line = " ".join(said.split())
    clean = "".join(c if c.isprintable() else "?" for c in line)
    return clean if len(clean) <= _MOST_CHARACTERS else f"{clean[:_MOST_CHARACTERS]}…"


def _note(answer: requests.Response, noted: list[float]) -> None:
    # RFC 8555, 6.6 and 8.2: on refusals that will pass. RFC 9110, 10.2.3: seconds or a date.
    text = answer.headers.get("Retry-After", "")
    if answer.ok or not text:
        return
    with contextlib.suppress(ValueError, OverflowError):
        noted.append(
            time.time() + int(text)
            if text.strip().isdecimal()
            else parsedate_to_datetime(text).timestamp()
        )


def _roots(settings: AcmeSettings) -> str | bool:
    if settings.ca is not None:
        return settings.ca
    return SYSTEM_ROOTS if Path(SYSTEM_ROOTS).exists() else True
