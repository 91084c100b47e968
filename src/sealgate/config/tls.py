"""
``[tls]`` and ``[site.tls]``: where certificates come from, how long HSTS holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.config.reader import FileKind, Table, quoted
from sealgate.config.schema import Section, Setting, Type
from sealgate.policy.inventory import TLSSettings

if TYPE_CHECKING:
    from pathlib import PurePath

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
_FORMS = '"local-ca" or { chain = "FILE", key = "FILE" }'


def read_tls(table: Table, inherited: TLSSettings | None, folder: PurePath) -> TLSSettings:
    """
    Return the settings in *table*; what it leaves out is *inherited*, else the default.
    """
    base = inherited or TLSSettings()
    chain, key = base.chain, base.key
    given = table.table("certificate")
    if given is not None:
        pair = Table(table.notes, (*table.path, "certificate"), given, _GIVEN)
        chain = pair.file("chain", folder, FileKind.READABLE)
        key = pair.file("key", folder, FileKind.READABLE)
    elif table.good("certificate"):
        _check_word(table)
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
    return TLSSettings(chain, key, base.hsts_seconds if seconds is None else seconds, table.place())


def _check_word(table: Table) -> None:
    word = table.text("certificate")
    if word is None or word == "local-ca":
        return
    if word == "acme":
        table.fault(
            "certificate",
            'certificate "acme" is not served by this version, which takes ' + _FORMS,
            "let certbot fetch it, and set certificate = "
            '{ chain = "/etc/letsencrypt/live/DOMAIN/fullchain.pem", '
            'key = "/etc/letsencrypt/live/DOMAIN/privkey.pem" }',
        )
        return
    table.fault(
        "certificate",
        f"certificate {quoted(word)} must be {_FORMS}",
        'certificate = "local-ca"',
    )
