"""When something was not seen: whether that is a gap, or nobody could have seen it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.finding import not_applicable
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import HANDSHAKE_REFUSED, Fact

if TYPE_CHECKING:
    from sealgate.policy.declarations import Declaration
    from sealgate.policy.finding import Subject, Verdict

# The answers of a lock: whoever gets them sees the refusal, not the page.
_CLOSED = frozenset([401, 403, HANDSHAKE_REFUSED])


def page_unseen(subject: Subject, *facts: Fact) -> Verdict:
    """
    Return the verdict on a page of which *facts* were not seen.

    It is a gap, but for a route that refused the audit (its page is behind the lock)
    and for a site as a whole when nobody looked there (its pages are its routes').
    Neither ever counts as met.
    """
    if subject.number(Fact.LOCK_STATUS_ANONYMOUS) in _CLOSED:
        return not_applicable("the page is behind its lock")
    if subject.asset.kind is AssetKind.SITE and not subject.looked_at(*facts):
        return not_applicable("pages are judged route by route")
    return subject.not_observed(*facts)


def unspoken(subject: Subject, protocols: frozenset[Declaration]) -> Verdict | None:
    """
    Return that a rule says nothing of a file server, drop or tunnel without any of *protocols*.

    ``None``: one is spoken there, or the asset is none of these. Only for facts that
    nobody saw: what was seen is judged, whatever was declared.
    """
    if subject.asset.kind in CHANNELS and protocols.isdisjoint(subject.declarations):
        names = " or ".join(sorted(one.value for one in protocols))
        return not_applicable(f"{names} is not spoken here")
    return None
