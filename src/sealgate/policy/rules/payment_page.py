"""What the rules on payment pages have in common: a list of things that should be empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.declarations import Declaration
from sealgate.policy.finding import listed, met, not_applicable, violated
from sealgate.policy.rules.unseen import page_unseen

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.finding import Subject, Verdict
    from sealgate.policy.observation import Fact


def none_of(fact: Fact, fault: str, otherwise: str) -> Callable[[Subject], Verdict]:
    """
    Return a judge by which a payment page must have no names under *fact*.

    Its verdicts say *fault* and the names, or *otherwise*. A page on which nobody pays is
    not judged; one that was not seen is a gap.
    """

    def judge(subject: Subject) -> Verdict:
        if Declaration.PAYMENT not in subject.declarations:
            return not_applicable("nobody pays there")
        found = subject.names(fact)
        if found is None:
            return page_unseen(subject, fact)
        if found:
            return violated(f"{fault} {listed(found)}")
        return met(otherwise)

    return judge
