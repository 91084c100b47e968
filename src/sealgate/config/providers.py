"""``[[identity_provider]]``: whom people may sign in through, and what its word is worth."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealgate.config.reader import FileKind, Mention, nearest, quoted
from sealgate.config.values import UnfitError, holds_secret, read_upstream
from sealgate.errors import UsageError
from sealgate.gateway.model import signs_in
from sealgate.identity.model import checked_group, checked_role
from sealgate.policy.inventory import IdentityProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import PurePath

    from sealgate.config.reader import Table
    from sealgate.policy.inventory import Site

# The one that never changes comes first; the others may be given to somebody else.
USER_CLAIMS: dict[str, tuple[str, ...]] = {
    "sub": (),
    "email": ("email",),
    "preferred_username": ("profile",),
}
UNKNOWN_USERS = ("refuse", "add")
MOST_PROVIDERS = 8
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_CLAIM = re.compile(r"[!-~]{1,128}")
# RFC 6749, 3.3: scope-token; appendix A.1: client-id.
_SCOPE = re.compile(r"[!#-\[\]-~]{1,128}")
_CLIENT_ID = re.compile(r"[ -~]{1,256}")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_.@-]{1,255}")
_KEY = re.compile(r"(?:acr|amr):[!-~]{1,128}")
_MOST_LABEL = 40
_MOST_URL = 512


def read_identity_providers(
    tables: Sequence[Table], sites: Sequence[Site], folder: PurePath
) -> tuple[IdentityProvider, ...]:
    """Return the providers that *tables* declare; whether one answers is seen when it is asked."""
    found: list[IdentityProvider] = []
    for index, table in enumerate(tables):
        if index == MOST_PROVIDERS:
            message = f"there are more than {MOST_PROVIDERS} identity providers"
            table.notes.add(table.path, message, "remove some")
        if sites and not any(signs_in(site) for site in sites):
            table.notes.add(
                table.path,
                "nobody signs in to any site, so nothing leads to this identity provider",
                'add a route with class = "restricted", or remove it',
            )
        one = _read(table, folder)
        if one is None:
            continue
        for key in ("name", "issuer"):
            first = next((p for p in found if getattr(p, key) == getattr(one, key)), None)
            if first is not None:
                told = quoted(getattr(one, key))
                table.fault(
                    key, f"{key} {told} is declared twice; first at {first.place}", "remove one"
                )
        found.append(one)
    return tuple(found)


def _read(table: Table, folder: PurePath) -> IdentityProvider | None:
    name = _fitting(table, "name", _NAME, "must be small letters, digits and hyphens", "login")
    label = table.text("label")
    if label is not None and (not label.isprintable() or len(label) > _MOST_LABEL):
        table.fault(
            "label",
            f"label {quoted(label)} must be at most {_MOST_LABEL} visible characters",
            'label = "Shop Ltd"',
        )
        label = None
    issuer = _issuer(table)
    client_id = _fitting(table, "client_id", _CLIENT_ID, "must be visible ASCII", "sealgate")
    secret = _secret(table, folder)
    claim = _one_of(table, "user_claim", tuple(USER_CLAIMS))
    groups_claim = _fitting(table, "groups_claim", _CLAIM, "must be visible ASCII", "groups")
    unknown = _one_of(table, "unknown_users", UNKNOWN_USERS)
    scopes = _all_fitting(table, "scopes", _SCOPE, "must be one scope, in ASCII", "groups")
    keys = _all_fitting(
        table, "counts_as_key", _KEY, 'must be "acr:VALUE" or "amr:VALUE"', "acr:phr"
    )
    groups = _mapped(table, "groups", checked_group, "staff")
    roles = _mapped(table, "roles", checked_role, "approver")
    authorities = table.file("ca", folder, FileKind.READABLE)
    if not (name and issuer and client_id and secret):
        return None
    return IdentityProvider(
        name=name,
        label=label or name,
        issuer=issuer,
        client_id=client_id,
        secret=secret,
        ca=authorities,
        user_claim=claim,
        groups_claim=groups_claim or "groups",
        groups=groups,
        roles=roles,
        adds_users=unknown == "add",
        counts_as_key=keys,
        scopes=tuple(dict.fromkeys(["openid", *(scopes or USER_CLAIMS[claim])])),
        place=table.place(),
    )


def _issuer(table: Table) -> str | None:
    text = table.text("issuer")
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        fits = parts.scheme == "https" and parts.port != 0 and _is_host(parts.hostname or "")
    except ValueError:
        fits = False
    # OpenID Connect Discovery 1.0, 3: https, no query, no fragment.
    if not fits or re.search(r"[?#@\\\s]", text) or not text.isascii() or len(text) > _MOST_URL:
        shown = '"issuer"' if holds_secret(text) else f"issuer {quoted(text)}"
        table.fault(
            "issuer",
            f"{shown} must be an https address without query, fragment, user and password",
            'issuer = "https://login.example"',
        )
        return None
    return text


def _is_host(host: str) -> bool:
    try:
        read_upstream(f"https://[{host}]" if ":" in host else f"https://{host}")
    except UnfitError:
        return False
    return True


def _secret(table: Table, folder: PurePath) -> str | None:
    text = table.text("client_secret")
    if text is None:
        return None
    kind, _, rest = text.partition(":")
    if kind == "file" and rest and "\0" not in rest:
        path = str(folder / rest)
        table.notes.mentions.append(
            Mention((*table.path, "client_secret"), FileKind.READABLE, path)
        )
        return f"file:{path}"
    if kind == "credential" and _CREDENTIAL.fullmatch(rest) and rest.strip("."):
        return text
    # It may be the secret itself: it is never quoted.
    table.fault(
        "client_secret",
        '"client_secret" must tell where the secret is: "file:PATH" or "credential:NAME"',
        'client_secret = "file:oidc-secret"',
    )
    return None


def _one_of(table: Table, key: str, known: tuple[str, ...]) -> str:
    text = table.text(key)
    if text is None or text in known:
        return text or known[0]
    table.fault(
        key,
        f"{key} {quoted(text)} must be one of {', '.join(known)}",
        nearest(text, known, f"{key} = {{}}") or f'{key} = "{known[0]}"',
    )
    return known[0]


def _fitting(
    table: Table, key: str, form: re.Pattern[str], required: str, example: str
) -> str | None:
    text = table.text(key)
    if text is None or form.fullmatch(text):
        return text
    table.fault(key, f"{key} {quoted(text)} {required}", f'such as {key} = "{example}"')
    return None


def _all_fitting(
    table: Table, key: str, form: re.Pattern[str], required: str, example: str
) -> tuple[str, ...]:
    for index, text in enumerate(table.texts(key)):
        if not form.fullmatch(text):
            table.element_fault(key, index, f"{quoted(text)} {required}", f'such as "{example}"')
    return tuple(dict.fromkeys(table.texts(key)))


def _mapped(
    table: Table, key: str, checked: Callable[[str], str], example: str
) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for theirs, ours in (table.table(key) or {}).items():
        hint = f'{key} = {{ sso-name = "{example}" }}'
        if not isinstance(ours, str) or not theirs:
            table.fault(key, f"{quoted(theirs)} in {quoted(key)} must be given a name", hint)
            continue
        try:
            found.append((theirs, checked(ours)))
        except UsageError as error:
            table.fault(key, error.message, hint)
    return tuple(found)
