"""What the rules on a rung that somebody observed have in common: it is high enough, or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.finding import met, not_applicable, violated
from sealgate.policy.protection import AccessRung, StorageRung

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.finding import Subject, Verdict
    from sealgate.policy.observation import Fact


def at_least(
    rung: AccessRung | StorageRung, fact: Fact, *, told_by: str, fault: str, otherwise: str
) -> Callable[[Subject], Verdict]:
    """
    Return a judge by which the number under *fact* must be *rung* or more.

    Its verdicts say *fault* or *otherwise*. That nobody observed it is told once, by another
    rule: *told_by* says which.
    """

    def judge(subject: Subject) -> Verdict:
        found = subject.number(fact)
        if found is None:
            return not_applicable(told_by)
        return violated(fault) if found < rung else met(otherwise)

    return judge
