"""
Has certificates issued and revoked by an authority that speaks ACME (RFC 8555).

What the authority knows of us is kept in a folder: the account with its key, and each
order with the key that it is for. After a crash an order is gone on with, so that nothing
is ordered twice: authorities count. Foreign exceptions and objects end here.

Loads the extra ``acme``: import this module only where a certificate is fetched.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from acme import messages
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sealgate.gateway.adapters.acme_account import Account, client_of, translated
from sealgate.gateway.adapters.acme_certificates import private_pem, request
from sealgate.gateway.adapters.acme_state import AcmeError, Order, OrderFile
from sealgate.gateway.model import Proof
from sealgate.policy.names import covered

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    import requests
    from acme.client import ClientV2

    from sealgate.policy.inventory import AcmeSettings

# An authority looks from several places, and may take its time for each.
VALIDATION_SECONDS = 120.0
ISSUANCE_SECONDS = 120.0
_POLL_SECONDS = 1.0
# RFC 5280, 5.3.1.
_UNSPECIFIED, _KEY_COMPROMISED = 0, 1
# RFC 8555, 7.1.6: such an order can be gone on with.
_GOES_ON = frozenset(["pending", "ready", "processing", "valid"])


@dataclass(frozen=True, slots=True)
class Issued:
    """A new certificate: *chain* and *key* in PEM."""

    chain: bytes
    key: bytes


class AcmeAuthority:
    """
    The authority of *settings*; what it knows of us is kept in *folder*.

    Nothing is asked before a method is called. Not thread-safe.
    """

    def __init__(self, settings: AcmeSettings, folder: str) -> None:
        self._settings = settings
        self._folder = folder
        self._account = Account(settings, str(Path(folder, "accounts")))

    def issue(
        self,
        site: str,
        domains: Sequence[str],
        *,
        show: Callable[[tuple[Proof, ...]], None],
        stop: threading.Event,
    ) -> Issued:
        """
        Return a new certificate for *domains*, for a new key (ECDSA on P-256).

        *show* is called with everything that the authority will look for, and returns
        once it can be seen; called with nothing, it may go. It may raise a
        :class:`GatewayError`. *stop* ends the wait. Call :meth:`settle` once the
        certificate is kept.

        Raises:
            AcmeError: the authority refused or gave no answer, in its own words.
            GatewayError: the folder cannot be written, or *show* failed.
        """
        with translated(self._settings), self._account.client() as one:
            order, key = self._order(one, OrderFile(self._folder, site), tuple(domains))
            self._prove(one, order, show, stop)
            deadline = dt.datetime.now() + dt.timedelta(seconds=ISSUANCE_SECONDS)  # noqa: DTZ005  # what the library compares with
            if order.body.status == messages.STATUS_VALID:
                order = one.poll_finalization(order, deadline)
            else:
                order = one.finalize_order(order, deadline)
            chain = str(order.fullchain_pem).encode("ascii")
        _check(chain, key, domains)
        return Issued(chain, private_pem(key))

    def settle(self, site: str) -> None:
        """Forget the order of *site*: its certificate is kept."""
        OrderFile(self._folder, site).remove()

    def suggested(self, chain: bytes) -> tuple[float | None, float]:
        """
        Return when the authority suggests to renew, and when to ask again (RFC 9773).

        ``None``: it suggests nothing. The moment is drawn from the suggested window.

        Raises:
            AcmeError: it gave no answer.
        """
        with translated(self._settings), client_of(self._settings) as one:
            at, again = one.renewal_time(chain)
        return (None if at is None else at.timestamp()), again.timestamp()

    def revoke(self, chain: bytes, *, key_compromised: bool) -> None:
        """
        Have the first certificate of *chain* (PEM) revoked.

        Raises:
            AcmeError: the authority refused, or gave no answer.
        """
        leaf = x509.load_pem_x509_certificate(chain)
        with translated(self._settings), self._account.client() as one:
            one.revoke(leaf, _KEY_COMPROMISED if key_compromised else _UNSPECIFIED)

    def _order(
        self, one: ClientV2, kept: OrderFile, domains: tuple[str, ...]
    ) -> tuple[messages.OrderResource, ec.EllipticCurvePrivateKey]:
        found = kept.read()
        if found and (found.account, found.domains) == (self._account.uri, domains):
            with contextlib.suppress(messages.Error, ValueError):
                key = serialization.load_pem_private_key(found.key.encode("ascii"), None)
                if isinstance(key, ec.EllipticCurvePrivateKey):
                    order = _resumed(one, found.uri, request(key, domains))
                    if order.body.status.name in _GOES_ON:
                        return order, key
        key = ec.generate_private_key(ec.SECP256R1())
        order = one.new_order(request(key, domains))
        kept.write(
            Order(str(order.uri), self._account.uri, domains, private_pem(key).decode("ascii"))
        )
        return order, key

    def _prove(
        self,
        one: ClientV2,
        order: messages.OrderResource,
        show: Callable[[tuple[Proof, ...]], None],
        stop: threading.Event,
    ) -> None:
        pending = [a for a in order.authorizations if a.body.status == messages.STATUS_PENDING]
        if not pending:
            return
        wanted = [(authorization, *self._proof(authorization)) for authorization in pending]
        show(tuple(proof for _, _, proof in wanted))
        try:
            for _, challenge, _ in wanted:
                one.answer_challenge(challenge, challenge.chall.response(self._account.key))
            for authorization, _, _ in wanted:
                _await(one, authorization, stop)
        finally:
            show(())

    def _proof(
        self, authorization: messages.AuthorizationResource
    ) -> tuple[messages.ChallengeBody, Proof]:
        domain = str(authorization.body.identifier.value)
        kind = self._settings.challenge
        for body in authorization.body.challenges:
            if body.chall.typ == kind.value:
                answer = str(body.chall.key_authorization(self._account.key))
                return body, Proof(kind, domain, answer.partition(".")[0], answer)
        offered = ", ".join(sorted(str(b.chall.typ) for b in authorization.body.challenges))
        raise AcmeError(
            f'the authority does not offer {kind.value} for "{domain}", but {offered}',
            hint='set another challenge = "…" under [tls]',
        )


def _read(one: ClientV2, url: str) -> requests.Response:
    # POST-as-GET (RFC 8555, 6.3).
    return one.net.post(url, None, new_nonce_url=one.directory["newNonce"])


def _resumed(one: ClientV2, uri: str, wanted: bytes) -> messages.OrderResource:
    body = messages.Order.from_json(_read(one, uri).json())
    return messages.OrderResource(
        body=body,
        uri=uri,
        authorizations=[
            messages.AuthorizationResource(
                body=messages.Authorization.from_json(_read(one, url).json()), uri=url
            )
            for url in body.authorizations
        ],
        csr_pem=wanted,
    )


def _await(
    one: ClientV2, authorization: messages.AuthorizationResource, stop: threading.Event
) -> None:
    domain = str(authorization.body.identifier.value)
    until = time.monotonic() + VALIDATION_SECONDS
    while True:
        seen, _ = one.poll(authorization)
        if seen.body.status == messages.STATUS_VALID:
            return
        if seen.body.status != messages.STATUS_PENDING:
            raise AcmeError(f'the authority does not believe that "{domain}" is ours: {_why(seen)}')
        if time.monotonic() > until:
            raise AcmeError(
                f'the authority has not looked at "{domain}" within {VALIDATION_SECONDS:g} seconds'
            )
        if stop.wait(_POLL_SECONDS):
            raise AcmeError("the gateway is being stopped")


def _why(seen: messages.AuthorizationResource) -> str:
    errors = [body.error for body in seen.body.challenges if body.error is not None]
    said = "; ".join(str(error.detail or error.typ) for error in errors)
    return " ".join(said.split()) or f"its status is {seen.body.status.name}"


def _check(chain: bytes, key: ec.EllipticCurvePrivateKey, domains: Sequence[str]) -> None:
    try:
        leaf = x509.load_pem_x509_certificate(chain)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise AcmeError("the authority sent no certificate with a name") from error
    if leaf.public_key() != key.public_key():
        raise AcmeError("the authority sent a certificate for another key")
    for domain in domains:
        if not covered(domain, names.get_values_for_type(x509.DNSName), ()):
            raise AcmeError(f'the authority sent a certificate that does not name "{domain}"')
