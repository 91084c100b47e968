"""
Who may come in: identities, their groups, their client certificates.

This module decides only. Keys, certificates and tables are the work of
:mod:`sealgate.identity.adapters`; times are seconds since the epoch and are passed in.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from sealgate.errors import UsageError
from sealgate.identity.look_alikes import is_unseen, like

if TYPE_CHECKING:
    from collections.abc import Iterable

# RFC 5280, appendix A.1: ub-common-name is 64. Counted in UTF-8 bytes, the stricter reading.
MAX_NAME_BYTES = 64
USER_URI = "urn:sealgate:user:"
# What a person may do beyond being let in: approve the grants of others.
APPROVER = "approver"
ROLES = (APPROVER,)
_GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Dated(Protocol):
    """Anything that holds from *not_before* through *not_after* (RFC 5280, 4.1.2.5)."""

    @property
    def not_before(self) -> float:
        """Return the first second that counts."""

    @property
    def not_after(self) -> float:
        """Return the last second that counts, to its end."""


@dataclass(frozen=True, slots=True)
class Identity:
    """
    One person or machine that may be admitted, by *name* or through one of its *groups*.

    *roles* let it do something, and let it in nowhere.
    """

    name: str
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """
    What is kept of an issued client certificate; its private key is not.

    *serial* and *fingerprint* (SHA-256 of the DER) are lower-case hex. *identity* is
    the name it was issued for. *revoked_at* is ``None`` while nobody revoked it.
    """

    serial: str
    fingerprint: str
    identity: str
    not_before: float
    not_after: float
    revoked_at: float | None = None

    @property
    def handle(self) -> str:
        """Return what a person names it by, such as to revoke it."""
        return self.serial

    def is_living(self, now: float) -> bool:
        """
        Return whether it is in date and not revoked.

        A revocation holds from the moment it is recorded, whatever the clock says
        later: a clock that is set back revives nothing.
        """
        return self.revoked_at is None and self.not_before <= now < self.not_after + 1


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """One change of who may come in: when, by whom, what was done, to whom."""

    at: float
    by: str
    action: str
    subject: str
    detail: str


def admitted(
    identities: Iterable[Identity],
    certificates: Iterable[ClientCertificate],
    admit: Iterable[str],
    now: float,
) -> tuple[str, ...]:
    """
    Return the fingerprints of living certificates of the identities that *admit* names.

    *admit* holds ``user:NAME`` and ``group:NAME``; anything else admits nobody. A
    certificate whose identity is unknown admits nobody either. The result is sorted,
    so that equal input makes equal gateway configuration.
    """
    users, groups = set[str](), set[str]()
    for entry in admit:
        kind, _, name = entry.partition(":")
        if kind == "user":
            users.add(normal(name))
        elif kind == "group":
            groups.add(normal(name))
    names = {
        identity.name
        for identity in identities
        if normal(identity.name) in users or any(normal(g) in groups for g in identity.groups)
    }
    return tuple(
        sorted({c.fingerprint for c in certificates if c.identity in names and c.is_living(now)})
    )


def renew_at(certificate: Dated) -> float:
    """Return when to renew: as soon as no more than a third of the whole life is left."""
    return certificate.not_after - (certificate.not_after - certificate.not_before) / 3


def next_change(certificates: Iterable[ClientCertificate], now: float) -> float | None:
    """
    Return the next moment after *now* at which time alone changes what :func:`admitted` says.

    Whoever enforces a list of fingerprints must make it anew then. ``None``: never.
    """
    moments = (
        moment
        for c in certificates
        if c.revoked_at is None
        # A certificate still counts in its last second: it is out just after it.
        for moment in (c.not_before, c.not_after + 1)
        if moment > now
    )
    return min(moments, default=None)


def normal(name: str) -> str:
    """Return *name* in Unicode NFC, so that one spelling on screen is one name."""
    return unicodedata.normalize("NFC", name)


def checked_group(name: str) -> str:
    """
    Return the group *name*, which the configuration can say as ``group:NAME``.

    Raises:
        UsageError: it is empty, too long, or of other characters.
    """
    if not _GROUP.fullmatch(name):
        shown = name if name.isprintable() and len(name) <= MAX_NAME_BYTES else "…"
        raise UsageError(
            f'group name "{shown}" must be 1 to {MAX_NAME_BYTES} letters, digits and . _ - @ '
            "in ASCII, a letter or digit first",
            hint="such as --group editors",
        )
    return name


def checked_role(name: str) -> str:
    """
    Return the role *name*, when there is such a role.

    Raises:
        UsageError: there is none.
    """
    if name not in ROLES:
        shown = name if name.isprintable() and len(name) <= MAX_NAME_BYTES else "…"
        raise UsageError(
            f'there is no role "{shown}", but only: {", ".join(ROLES)}',
            hint=f"name the role {APPROVER}",
        )
    return name


def no_such_user(name: str) -> UsageError:
    """Return the error that nobody is called *name*: mistyped, or not added yet."""
    shown = name if name.isprintable() and len(name) <= MAX_NAME_BYTES else "…"
    return UsageError(
        f'there is no user "{shown}"',
        hint=f"sealgate user list, or: sealgate user add {shlex.quote(shown)}",
    )


def checked_name(name: str) -> str:
    """
    Return *name* in its normal form, fit for a certificate and a list.

    Raises:
        UsageError: it is empty, too long, or holds characters that cannot be seen.
    """
    hint = "use letters, digits, . _ - @ and single spaces, such as anna or anna@example.org"
    try:
        size = len(normal(name).encode())
    except UnicodeEncodeError as error:
        raise UsageError("user name is not valid Unicode", hint=hint) from error
    name = normal(name)
    if not name:
        raise UsageError("user name is empty", hint=hint)
    if size > MAX_NAME_BYTES:
        raise UsageError(
            f"user name is {size} bytes long, but at most {MAX_NAME_BYTES} fit in a certificate",
            hint=hint,
        )
    # Control, format (bidi overrides, zero width), surrogate, private use, unassigned,
    # and every separator but the plain space: two names must not look the same.
    hidden = [c for c in name if unicodedata.category(c)[0] in "CZ" and c != " "]
    if hidden:
        raise UsageError(f"user name holds U+{ord(hidden[0]):04X}, which cannot be seen", hint=hint)
    if name != " ".join(name.split()):
        raise UsageError(
            f'user name "{name}" has spaces at an end or two in a row, which cannot be seen',
            hint=hint,
        )
    return name


def checked_new_name(name: str) -> str:
    """
    Return *name* in its normal form, fit for somebody who is not there yet.

    Narrower than :func:`checked_name`, by which people who are there are found: no character
    that shows nothing, and none that only writes another one differently (RFC 8265, 3.3.1).

    Raises:
        UsageError: it is not fit.
    """
    name = checked_name(name)
    hint = "use letters, digits, . _ - @ and single spaces, such as anna or anna@example.org"
    unseen = [c for c in name if is_unseen(c)]
    if unseen:
        raise UsageError(f"user name holds U+{ord(unseen[0]):04X}, which cannot be seen", hint=hint)
    plain = unicodedata.normalize("NFKC", name)
    if plain != name:
        raise UsageError(
            f'user name "{name}" is another way to write "{plain}", but must be the usual one',
            hint=f"sealgate user add {shlex.quote(plain)}",
        )
    if unicodedata.category(name[0])[0] == "M":
        raise UsageError("user name begins with a mark that has no letter", hint=hint)
    return name


def checked_apart(what: str, name: str, others: Iterable[str]) -> None:
    """
    See that *name* cannot be mistaken for one of *others*; *what* they are is for the message.

    Raises:
        UsageError: it looks like one, or differs from it by case only.
    """
    other = like(name, others)
    if other is not None:
        raise UsageError(
            f'{what} "{name}" cannot be told from "{other}", which is there already',
            hint="sealgate user list, and choose a name that looks different in any case",
        )


def user_uri(name: str) -> str:
    """
    Return the URI that stands for the user *name* in a certificate (RFC 8141 syntax).

    Everything but unreserved characters is percent-encoded, so the URI is plain ASCII
    (RFC 5280, 4.2.1.6: IA5String) and tells exactly one name.
    """
    return USER_URI + quote(name, safe="")
