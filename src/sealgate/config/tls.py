"""``[tls]`` and ``[site.tls]``: where certificates come from, how long HSTS holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealgate.config.reader import FileKind, Table, nearest, quoted
from sealgate.config.schema import Section, Setting, Type
from sealgate.policy.inventory import AcmeChallenge, AcmeSettings, TLSSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePath

    from sealgate.policy.inventory import Listen, Site

# Ten years: beyond it, somebody meant another unit.
MAX_HSTS_SECONDS = 315_360_000

_GIVEN = Section(
    "tls.certificate",
    "A certificate from somewhere else.",
    (
        Setting("chain", Type.TEXT, "The certificate with its chain (PEM).", required=True),
        Setting("key", Type.TEXT, "Its private key (PEM).", required=True),
    ),
)
_FORMS = '"local-ca", "acme" or { chain = "FILE", key = "FILE" }'
MAX_URL_CHARACTERS = 2048
_CHALLENGES = {challenge.value: challenge for challenge in AcmeChallenge}
_MAIL = re.compile(r"[^@\s,?]+@(?:[^@\s,?.]+\.)+[^@\s,?.]+")


def read_tls(table: Table, inherited: TLSSettings | None, folder: PurePath) -> TLSSettings:
    """Return the settings in *table*; what it leaves out is *inherited*, else the default."""
    base = inherited or TLSSettings()
    chain, key, acme = base.chain, base.key, base.acme
    given = table.table("certificate")
    if given is not None:
        pair = Table(table.notes, (*table.path, "certificate"), given, _GIVEN)
        chain = pair.file("chain", folder, FileKind.READABLE)
        key = pair.file("key", folder, FileKind.READABLE)
        acme = False
    elif table.good("certificate"):
        acme = _is_acme(table)
        chain = key = None
    seconds = table.integer("hsts_seconds")
    if seconds is not None and not 0 <= seconds <= MAX_HSTS_SECONDS:
        # A number in hexadecimal may be too long to be printed at all.
        found = "far beyond" if abs(seconds) > MAX_HSTS_SECONDS**2 else str(seconds)
        table.fault(
            "hsts_seconds",
            f'"hsts_seconds" is {found}, but must be from 0 to {MAX_HSTS_SECONDS}',
            "hsts_seconds = 63072000",
        )
        seconds = None
    return TLSSettings(
        chain, key, base.hsts_seconds if seconds is None else seconds, table.place(), acme
    )


def _is_acme(table: Table) -> bool:
    word = table.text("certificate")
    if word not in {None, "local-ca", "acme"}:
        table.fault(
            "certificate",
            f"certificate {quoted(word or '')} must be {_FORMS}",
            'certificate = "local-ca"',
        )
    return word == "acme"


def read_acme(table: Table, folder: PurePath) -> AcmeSettings:
    """Return the authority that ``[tls]`` names; what it leaves out is the default."""
    usual = AcmeSettings()
    contact = table.text("contact") or ""
    if contact and not _MAIL.fullmatch(contact):
        table.fault(
            "contact",
            f"contact {quoted(contact)} must be one e-mail address",
            'contact = "hostmaster@shop.example"',
        )
    return AcmeSettings(
        directory=_directory(table) or usual.directory,
        contact=contact,
        challenge=_challenge(table, usual.challenge),
        dns_hook=table.file("dns_hook", folder, FileKind.PROGRAM),
        ca=table.file("directory_ca", folder, FileKind.READABLE),
        place=table.place(),
    )


def check_acme(
    table: Table, acme: AcmeSettings, listen: Listen, sites: Sequence[Site], *, by_default: bool
) -> None:
    """
    Note what keeps an authority from seeing who controls a domain of *sites*.

    *by_default*: ``[tls]`` itself has certificates fetched.
    """
    if not any(site.tls.acme if site.tls else by_default for site in sites):
        return
    if acme.challenge is AcmeChallenge.HTTP_01 and not listen.http:
        table.fault(
            "challenge" if table.has("challenge") else "certificate",
            'challenge "http-01" is answered on port 80, but http is off',
            'set http = ":80" under [listen], or challenge = "tls-alpn-01"',
        )
    if acme.challenge is AcmeChallenge.DNS_01 and not table.has("dns_hook"):
        table.fault(
            "challenge",
            'challenge "dns-01" needs a program that sets the record',
            'dns_hook = "FILE"; docs/howto/acme.md has one',
        )


def _directory(table: Table) -> str | None:
    text = table.text("directory")
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        fits = bool(parts.scheme == "https" and parts.hostname and parts.port != 0)
    except ValueError:
        fits = False
    if not fits or "@" in text or len(text) > MAX_URL_CHARACTERS or not text.isprintable():
        # A URL may hold a password: it is not quoted.
        table.fault(
            "directory",
            '"directory" must be an https address, without user and password',
            f'directory = "{AcmeSettings().directory}"',
        )
        return None
    return text


def _challenge(table: Table, usual: AcmeChallenge) -> AcmeChallenge:
    word = table.text("challenge")
    if word is None or word in _CHALLENGES:
        return _CHALLENGES.get(word or "", usual)
    table.fault(
        "challenge",
        f"challenge {quoted(word)} does not exist; there are {', '.join(_CHALLENGES)}",
        nearest(word, _CHALLENGES, "did you mean {}?") or f'challenge = "{usual.value}"',
    )
    return usual
