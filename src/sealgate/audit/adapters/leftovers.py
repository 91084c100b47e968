"""Whether a site gives strangers what it was never meant to serve: asks for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.audit.adapters.http import ask
from sealgate.audit.adapters.stranger import stranger_context
from sealgate.audit.adapters.wire import CertificateDemandedError, is_about_certificate
from sealgate.audit.leftovers import NOWHERE, QUESTIONS, Question, Told, told_by
from sealgate.audit.model import Response
from sealgate.audit.sightings import seen, unseen
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact

if TYPE_CHECKING:
    from sealgate.audit.model import Limits, Target
    from sealgate.policy.observation import Sighting

LEFTOVER_FACTS = (Fact.LEFTOVERS_SERVED,)
_CONNECTIONS = 4
# A sign stands in the first bytes.
_ENOUGH_BYTES = 64 * 1024
# What a site shows to anything, where it shows nothing without a certificate: no answer is like it.
_NOTHING = Response(0, (), b"")


def probe_leftovers(target: Target, limits: Limits) -> list[Sighting]:
    """
    Observe which of the files that strangers try first *target* gives them.

    Whoever must show a certificate that the server knows is given nothing there. That one file is
    kept so says nothing of the others.
    """
    limits = replace(limits, max_body_bytes=_ENOUGH_BYTES)
    seen_by = f"{len(QUESTIONS)} names at {target.origin}"
    try:
        anywhere = _anywhere(target, limits)
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            answers = list(pool.map(lambda one: _told(target, one, anywhere, limits), QUESTIONS))
    except PeerError as error:
        return unseen(target.asset, LEFTOVER_FACTS, f"{target.where}: {error.message}")
    served = [
        q.path for q, (told, _) in zip(QUESTIONS, answers, strict=True) if told is Told.SERVED
    ]
    unclear = [
        f"{question.path} {said}"
        for question, (told, said) in zip(QUESTIONS, answers, strict=True)
        if told is Told.UNCLEAR
    ]
    if unclear and not served:
        reason = f"{len(unclear)} answers say neither yes nor no: {unclear[0]}"
        return unseen(target.asset, LEFTOVER_FACTS, reason)
    return seen(target.asset, {Fact.LEFTOVERS_SERVED: tuple(served)}, seen_by)


def _anywhere(target: Target, limits: Limits) -> Response:
    try:
        return ask(target, NOWHERE, limits)
    except CertificateDemandedError:
        return _NOTHING


def _told(
    target: Target, question: Question, anywhere: Response, limits: Limits
) -> tuple[Told, str]:
    try:
        answer = ask(target, question.path, limits)
    except CertificateDemandedError:
        # A demand that any certificate meets keeps nobody out.
        try:
            ask(target, question.path, limits, context=stranger_context())
        except PeerError as error:
            if is_about_certificate(error):
                return Told.ABSENT, ""
        return Told.UNCLEAR, "is not shown without a certificate, and a stranger's is not refused"
    return told_by(question, answer, anywhere), f"was answered {answer.status}"
