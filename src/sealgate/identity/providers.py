"""
Which account a person at an identity provider has here. Pure.

A provider names a person for ever by issuer and subject (OpenID Connect Core 1.0, 5.7); names
and addresses may be changed and given to others. So a name only finds the account at the
first sign-in; from then on the account belongs to that subject, and to nobody else there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sealgate.errors import SealgateError


class Unadmitted(StrEnum):
    """Why somebody whom a provider vouches for has no account here."""

    UNKNOWN = "unknown"
    TAKEN = "taken"
    ALIKE = "alike"
    REMOVED = "removed"
    NAMELESS = "nameless"


_SAID = {
    Unadmitted.UNKNOWN: "nobody here goes by the name that the provider tells",
    Unadmitted.TAKEN: "the account of that name belongs to somebody else",
    Unadmitted.ALIKE: "the name that the provider tells cannot be told from that of somebody else",
    Unadmitted.REMOVED: "the account of that person was removed",
    Unadmitted.NAMELESS: "the provider tells no name that an account can have",
}


class UnadmittedError(SealgateError):
    """A provider vouches for somebody who has no account here; *why* says why not."""

    def __init__(self, why: Unadmitted) -> None:
        """Keep *why*."""
        super().__init__(_SAID[why], hint="sealgate user add NAME")
        self.why = why


class Step(StrEnum):
    """What is to be done for somebody who may come in."""

    USE = "use"
    LINK = "link"
    ADD = "add"


@dataclass(frozen=True, slots=True)
class ProviderLink:
    """That *identity* is the person *subject* of *issuer*; *ended_at* is ``None`` while it is."""

    issuer: str
    subject: str
    identity: str
    linked_at: float
    ended_at: float | None = None


def step_for(
    link: ProviderLink | None, name: str, *, exists: bool, is_linked: bool, adds_users: bool
) -> Step:
    """
    Return what to do for a person with *link* whom the provider calls *name* ("": not at all).

    *exists*: there is an account *name*, and *is_linked*: it belongs to another person.

    Raises:
        UnadmittedError: they do not come in.
    """
    if link is not None and link.ended_at is None:
        return Step.USE
    if not name:
        raise UnadmittedError(Unadmitted.NAMELESS)
    if not exists:
        if link is not None:
            raise UnadmittedError(Unadmitted.REMOVED)
        if not adds_users:
            raise UnadmittedError(Unadmitted.UNKNOWN)
        return Step.ADD
    # Where the provider's people make their own accounts, one that was there before is not
    # theirs, whatever they call themselves; unless the operator added it again for them.
    again = link is not None and link.identity == name
    if is_linked or (adds_users and not again):
        raise UnadmittedError(Unadmitted.TAKEN)
    return Step.LINK
