"""
Whether a site gives strangers what it was never meant to serve: asks for it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.audit.adapters.http import ask
from sealgate.audit.adapters.wire import CertificateDemandedError
from sealgate.audit.leftovers import NOWHERE, QUESTIONS, Question, Told, told_by
from sealgate.audit.sightings import seen, unseen
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact

if TYPE_CHECKING:
    from sealgate.audit.model import Limits, Response, Target
    from sealgate.policy.observation import Sighting

LEFTOVER_FACTS = (Fact.LEFTOVERS_SERVED,)
_CONNECTIONS = 4
# A sign stands in the first bytes.
_ENOUGH_BYTES = 64 * 1024


def probe_leftovers(target: Target, limits: Limits) -> list[Sighting]:
    """
    Observe which of the files that strangers try first *target* gives them.

    Whoever must show a certificate first is given nothing.
    """
    limits = replace(limits, max_body_bytes=_ENOUGH_BYTES)
    seen_by = f"{len(QUESTIONS)} names at {target.origin}"
    try:
        anywhere = ask(target, NOWHERE, limits)
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            answers = list(pool.map(lambda one: _told(target, one, anywhere, limits), QUESTIONS))
    except CertificateDemandedError:
        return seen(target.asset, {Fact.LEFTOVERS_SERVED: ()}, seen_by)
    except PeerError as error:
        return unseen(target.asset, LEFTOVER_FACTS, f"{target.where}: {error.message}")
    served = [
        q.path for q, (told, _) in zip(QUESTIONS, answers, strict=True) if told is Told.SERVED
    ]
    unclear = [
        f"{question.path} was answered {status}"
        for question, (told, status) in zip(QUESTIONS, answers, strict=True)
        if told is Told.UNCLEAR
    ]
    if unclear and not served:
        reason = f"{len(unclear)} answers say neither yes nor no: {unclear[0]}"
        return unseen(target.asset, LEFTOVER_FACTS, reason)
    return seen(target.asset, {Fact.LEFTOVERS_SERVED: tuple(served)}, seen_by)


def _told(
    target: Target, question: Question, anywhere: Response, limits: Limits
) -> tuple[Told, int]:
    answer = ask(target, question.path, limits)
    return told_by(question, answer, anywhere), answer.status
