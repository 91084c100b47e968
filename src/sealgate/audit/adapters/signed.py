"""Whether what plain HTTP serves is signed by its site, as it came."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.audit.adapters.http import ask
from sealgate.audit.answers import plain_answer
from sealgate.audit.model import bracketed
from sealgate.audit.sightings import seen, unseen
from sealgate.errors import PeerError, UsageError
from sealgate.policy.observation import Fact
from sealgate.signing.keys import read_keys
from sealgate.signing.model import DIRECTORY_PATH, Answer, Request, UnverifiedError
from sealgate.signing.verify import BodyDigest, is_signed, verify_head

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.audit.model import Limits, Response, Target
    from sealgate.policy.observation import Sighting
    from sealgate.signing.keys import PublicKey

# What is longer is not read to its end, so that its digest cannot be told.
MAX_BODY_BYTES = 16 * 1024 * 1024
_OK = 200


def probe_signature(target: Target, limits: Limits, *, declared: bool) -> list[Sighting]:
    """
    Observe the signature of what http gives at ``target.path``, by the keys of its site.

    The keys are those that the site publishes over TLS at ``target.port``; what that TLS is
    worth is observed apart. Where signed answers are not *declared*, only what claims to be
    signed is judged.
    """
    where = f"{target.plain_origin}{target.path}"
    at = f"{where} at {bracketed(target.address)}"
    try:
        response = ask(
            target, target.path, replace(limits, max_body_bytes=MAX_BODY_BYTES), secure=False
        )
    except PeerError as error:
        return _unseen(target, f"{at}: {error.message}") if declared else []
    answer = Answer(response.status, response.headers)
    if is_signed(answer):
        return _verified(target, response, answer, limits)
    if not declared:
        return []
    if plain_answer(response, where) != "served":
        return _unseen(target, f"{where} serves nothing")
    return _seen(target, "the answer carries no signature")


def _verified(target: Target, response: Response, answer: Answer, limits: Limits) -> list[Sighting]:
    if not response.whole and len(response.body) >= MAX_BODY_BYTES:
        return _unseen(target, f"the answer is over {MAX_BODY_BYTES} bytes")
    try:
        return _seen(target, _judged(target, response, answer, limits))
    except PeerError as error:
        return _unseen(target, f"{target.where}: {error.message}")


def _judged(target: Target, response: Response, answer: Answer, limits: Limits) -> str:
    keys = _published(target, limits)
    if keys is None:
        return f"the site publishes no keys at {target.origin}{DIRECTORY_PATH}"
    request = Request("GET", target.plain_origin.removeprefix("http://"), target.path)
    try:
        verified = verify_head(request, answer, keys, now=time.time())
        body = BodyDigest(verified)
        body.update(response.body)
        body.check()
    except UnverifiedError as error:
        return error.message
    return "valid"


def _published(target: Target, limits: Limits) -> Mapping[str, PublicKey] | None:
    response = ask(target, DIRECTORY_PATH, limits)
    if response.status != _OK or not response.whole:
        return None
    try:
        return read_keys(response.body)
    except UsageError:
        return None


def _seen(target: Target, value: str) -> list[Sighting]:
    seen_by = f"GET {target.plain_origin}{target.path}, and its signature"
    return seen(target.asset, {Fact.PLAIN_SIGNATURE: value}, seen_by)


def _unseen(target: Target, reason: str) -> list[Sighting]:
    return unseen(target.asset, (Fact.PLAIN_SIGNATURE,), reason)
