"""A locked route answers nobody without its key, however the path is spelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import GUIDELINE_BACKEND, GUIDELINE_CLASSES
from sealgate.policy.declarations import Declaration
from sealgate.policy.finding import (
    Rule,
    Severity,
    listed,
    met,
    not_applicable,
    violated,
)
from sealgate.policy.observation import HANDSHAKE_REFUSED, Fact, Vantage
from sealgate.policy.protection import AccessRung, Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


# Only these tell that the gateway refused: a 404 may come from the site itself.
_CLOSED = frozenset([401, 403, HANDSHAKE_REFUSED])


def _judge(subject: Subject) -> Verdict:
    backend = Declaration.BACKEND in subject.declarations
    locked = subject.required.access >= AccessRung.HIGH
    if not backend and not locked:
        return not_applicable("the route is neither a backend nor locked")
    plain = subject.text(Fact.PLAIN_GET)
    if plain == "served":
        return violated("the site answers over http")
    status = subject.number(Fact.LOCK_STATUS_ANONYMOUS)
    variants = subject.names(Fact.LOCK_VARIANTS_OPEN)
    if locked and status is not None and status not in _CLOSED:
        return violated(f"answers {int(status)} without a client certificate")
    if variants:
        return violated(f"open when spelled {listed(variants)}")
    needed: tuple[Fact, ...] = (Fact.PLAIN_GET, Fact.LOCK_VARIANTS_OPEN)
    if locked:
        needed = (*needed, Fact.LOCK_STATUS_ANONYMOUS)
    if plain is None or variants is None or (locked and status is None):
        return subject.not_observed(*needed)
    return met("refused without a client certificate" if locked else "refused without TLS")


RULE = Rule(
    id="transit-backend-unlocked",
    title="a locked route answers without its lock",
    demand="every request to the route, however spelled, is refused before the site sees it",
    severity=Severity.ERROR,
    column=Column.ACCESS,
    vantage=Vantage.OUTSIDE,
    applies_to=frozenset([AssetKind.ROUTE]),
    citations=(
        GUIDELINE_BACKEND,
        GUIDELINE_CLASSES,
    ),
    why=(
        "Whoever reaches the backend's sign-in can try passwords and known faults. A lock "
        "that one spelling of the path passes by (`/TYPO3/`, `//typo3`, "
        "`/index.php/typo3/`) is no lock."
    ),
    remediation=(
        'set `backend = true`, `class = "confidential"` and `admit` on the route and run '
        "`sealgate reload`; behind another gateway compare paths as strictly as the site "
        "reads them"
    ),
    facts=(
        Fact.PLAIN_GET,
        Fact.LOCK_STATUS_ANONYMOUS,
        Fact.LOCK_VARIANTS_OPEN,
    ),
    judge=_judge,
)
