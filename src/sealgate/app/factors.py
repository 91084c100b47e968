"""
Gives users one-time codes and passkeys, and takes them away.

The secret of one-time codes is sealed for the site's key (:mod:`sealgate.app.keyring`):
sealing asks for no passphrase, and only a server that opened the keys can check a code.
"""

from __future__ import annotations

import io
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import segno

from sealgate.app.keyring import look_at_site_keys, open_site_keyring, why_not_apart
from sealgate.app.users import check_user, open_identities, tell_gateway
from sealgate.config.presets.model import HTTPS_PORT
from sealgate.errors import UsageError
from sealgate.gateway.model import signs_in
from sealgate.identity.passkeys import ENROLMENT_SECONDS
from sealgate.identity.totp import (
    RECOVERY_BYTES,
    RECOVERY_CODES,
    SECRET_BYTES,
    checked_confirmation,
    provisioning_uri,
    recovery_codes,
    secret_text,
)
from sealgate.signin.pages import NEW_PASSKEY_PATH
from sealgate.storage.adapters.code_seal import CodeSealer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.identity.passkeys import Passkey
    from sealgate.policy.inventory import Inventory
    from sealgate.storage.keyring import Keyring, UnlockedKeyring


@dataclass(frozen=True, slots=True)
class NewApp:
    """
    An authenticator app that is about to be set up for *name*; nothing is kept yet.

    *uri* is what its camera reads, *typed* the same secret to type. *remark* is what a
    person should know about how the secret will be kept, "" when there is nothing.
    """

    name: str
    uri: str = field(repr=False)
    typed: str = field(repr=False)
    secret: bytes = field(repr=False)
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """
    The *code* with which *name* may register one passkey until *ends_at*, on *sites*.

    *pages* are the URLs where that is done: none where no site signs people in.
    """

    name: str
    code: str = field(repr=False)
    ends_at: float
    sites: tuple[str, ...]
    pages: tuple[str, ...] = ()


def site_sealer(inventory: Inventory, *, now: float) -> CodeSealer:
    """
    Return what seals for the site of *inventory*, and opens its keys when that is needed.

    The site's key is made when there is none yet.
    """

    def opened() -> UnlockedKeyring:
        return open_site_keyring(inventory, now=now)

    def kept() -> Keyring:
        found = look_at_site_keys(inventory)
        return found.keyring if found else opened().keyring

    return CodeSealer(opened, kept)


def begin_totp(inventory: Inventory, name: str) -> NewApp:
    """
    Return a new secret for the authenticator app of the user *name*.

    Raises:
        UsageError: there is no such user.
        SourceError: the database cannot be used.
    """
    known = check_user(inventory, name)
    secret = secrets.token_bytes(SECRET_BYTES)
    uri = provisioning_uri(secret, known, _issuer(inventory))
    return NewApp(known, uri, secret_text(secret), secret, why_not_apart(inventory, None) or "")


def confirm_totp(
    inventory: Inventory, app: NewApp, code: str, *, by: str, now: float
) -> tuple[str, ...]:
    """
    Keep *app*, because *code* shows that it works; return recovery codes, this once.

    Raises:
        UsageError: the code is wrong, or the user is gone.
        SealgateError: the site's key or the database cannot be used.
    """
    step = checked_confirmation(app.secret, code, now)
    codes = recovery_codes(secrets.token_bytes(RECOVERY_BYTES * RECOVERY_CODES))
    sealed = site_sealer(inventory, now=now).seal(app.name, app.secret)
    with open_identities(inventory) as store:
        store.second_factors.set_totp(app.name, sealed, codes, step=step, by=by, now=now)
    return codes


def remove_totp(inventory: Inventory, name: str, *, by: str, now: float) -> bool:
    """
    Take the app and the recovery codes of *name* away; return whether there were any.

    Raises:
        UsageError: there is no such user.
        SourceError: the database cannot be used.
        GatewayError: it is kept, but the running gateway did not take it over.
    """
    with open_identities(inventory) as store:
        had = store.second_factors.remove_totp(name, by=by, now=now)
    tell_gateway(inventory)
    return had


def qr_code(uri: str) -> str:
    """Return *uri* as a QR code for a terminal: dark on light, whatever its colours."""
    out = io.StringIO()
    segno.make(uri, error="m", micro=False).terminal(out=out, compact=True)
    return out.getvalue()


def invite_passkey(inventory: Inventory, name: str, *, by: str, now: float) -> Enrolment:
    """
    Return a code with which *name* may register one passkey in a browser, once and for a day.

    Raises:
        UsageError: there is no such user, or no site to register it on.
        SourceError: the database cannot be used.
    """
    sites = tuple(site.name for site in inventory.sites)
    if not sites:
        raise UsageError(
            "a passkey is bound to a site, but no site is declared", hint="add a [[site]]"
        )
    with open_identities(inventory) as store:
        known = check_user(inventory, name)
        code = store.second_factors.make_enrolment(known, by=by, now=now)
    return Enrolment(known, code, now + ENROLMENT_SECONDS, sites, tuple(_pages(inventory)))


def _pages(inventory: Inventory) -> Iterator[str]:
    port = inventory.listen.https[0].port if inventory.listen.https else HTTPS_PORT
    shown = "" if port == HTTPS_PORT else f":{port}"
    for site in inventory.sites:
        if signs_in(site):
            yield f"https://{site.name}{shown}{NEW_PASSKEY_PATH}"


def list_passkeys(inventory: Inventory, name: str) -> tuple[Passkey, ...]:
    """
    Return every passkey of the user *name*, revoked ones too.

    Raises:
        UsageError: there is no such user.
        SourceError: the database cannot be used.
    """
    known = check_user(inventory, name)
    with open_identities(inventory) as store:
        return store.second_factors.passkeys(known)


def remove_passkey(inventory: Inventory, name: str, key: str, *, by: str, now: float) -> Passkey:
    """
    Revoke the one living passkey of *name* whose id or label is *key*.

    Raises:
        UsageError: there is none, or there are several.
        SourceError: the database cannot be used.
        GatewayError: it is revoked, but the running gateway did not take it over.
    """
    held = [k for k in list_passkeys(inventory, name) if k.is_living]
    found = [k for k in held if k.id == key] or [k for k in held if k.label == key]
    if len(found) != 1:
        told = f'{len(found)} passkeys called "{key}"' if found else f'no passkey "{key}"'
        raise UsageError(f'user "{name}" has {told}', hint=f"sealgate user passkey {name} --list")
    with open_identities(inventory) as store:
        store.revoke(found[0].id, by=by, now=now)
    tell_gateway(inventory)
    return found[0]


def _issuer(inventory: Inventory) -> str:
    first = inventory.sites[0].name if inventory.sites else "Sealgate"
    return inventory.operator.name or first
