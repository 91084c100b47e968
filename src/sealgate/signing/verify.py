"""
Verifies that an answer is what the holder of a key signed, for the request that was made.

The library does the signature base and the cryptography; what a signature must cover, and
how long it holds, is decided here. The head is verified first, the body by its digest then:
nothing of a body may be used before :meth:`BodyDigest.check` has returned.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import http_sf
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver
from http_message_signatures.algorithms import ECDSA_P256_SHA256, ECDSA_P384_SHA384, ED25519

from sealgate.signing.fields import view
from sealgate.signing.model import SKEW_SECONDS, TAG, Defect, UnverifiedError
from sealgate.signing.sign import OF_REQUEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from http_message_signatures import HTTPSignatureAlgorithm

    from sealgate.signing.keys import PublicKey
    from sealgate.signing.model import Answer, Request

# What says how a body is to be read, or leads on: never believed unsigned.
MEANINGFUL = (
    "content-type",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-disposition",
    "content-range",
    "location",
    "etag",
    "last-modified",
    "link",
    "refresh",
)
MOST_SIGNATURES = 8
_MOST_FIELD_CHARACTERS = 16_384
_HASHES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_CURVES = {"secp256r1": ECDSA_P256_SHA256, "secp384r1": ECDSA_P384_SHA384}
_SHOWN_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Verified:
    """
    What a signature vouches for: by which key, from when until when (seconds), over what.

    *digests* are those that the body must have, by their names in RFC 9530.
    """

    keyid: str
    algorithm: str
    created: int
    expires: int
    covered: tuple[str, ...]
    digests: Mapping[str, bytes]


def is_signed(answer: Answer) -> bool:
    """Return whether *answer* claims to be signed."""
    return bool(answer.values("signature-input") or answer.values("signature"))


def verify_head(
    request: Request, answer: Answer, keys: Mapping[str, PublicKey], *, now: float
) -> Verified:
    """
    Return what the signature over *answer* vouches for.

    Of several signatures the first that holds counts. *now* is in seconds since the epoch.

    Raises:
        UnverifiedError: none holds; why the first of them does not.
    """
    if not answer.values("signature-input") or not answer.values("signature"):
        raise UnverifiedError(
            Defect.MISSING,
            "the answer carries no signature",
            hint="plain_http = true on the route has Sealgate sign what it serves there",
        )
    inputs = _dictionary(answer, "signature-input")
    first: UnverifiedError | None = None
    for label in list(inputs)[:MOST_SIGNATURES]:
        try:
            return _verified(label, inputs[label], request, answer, keys, now)
        except UnverifiedError as error:
            first = first or error
    raise first or _malformed("its Signature-Input names none")


def _verified(  # what one judgement goes by
    label: str,
    member: Any,
    request: Request,
    answer: Answer,
    keys: Mapping[str, PublicKey],
    now: float,
) -> Verified:
    components, parameters = _read(member)
    if parameters.get("tag") != TAG:
        raise UnverifiedError(
            Defect.OTHER_PURPOSE,
            f'the signature is for another purpose: its tag is not "{TAG}"',
        )
    keyid, algorithm, key = _key(parameters, keys)
    created, expires = _times(parameters, now)
    _check_cover(components, answer)
    resolver = MappingKeyResolver(public_keys={keyid: key}, private_keys={})
    verifier = _Verifier(signature_algorithm=algorithm, key_resolver=resolver)
    try:
        results = verifier.verify(
            view(request, answer), max_age=None, expect_tag=TAG, expect_label=label
        )
    except Exception as error:
        # Whatever goes wrong in a foreign parser: what is not verified is not verified.
        raise UnverifiedError(
            Defect.NO_FIT,
            "the signature does not fit: a header field was changed on the way, or the answer "
            "was made for another address",
        ) from error
    if len(results) != 1:
        raise _malformed("it is there twice")
    digests = _digests(answer)
    return Verified(keyid, algorithm.algorithm_id, created, expires, tuple(components), digests)


class _Verifier(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Leave times alone: they were judged by a clock that is given, see ``_times``."""


def _read(member: Any) -> tuple[dict[str, None], dict[str, Any]]:
    if not isinstance(member, tuple) or not isinstance(member[0], list):
        raise _malformed("its Signature-Input is no list")
    components: dict[str, None] = {}
    for name, parameters in member[0]:
        if not isinstance(name, str):
            raise _malformed("its Signature-Input covers what is no name")
        told = f'"{name}"' + "".join(f";{key}" for key in parameters)
        # A part of a field, or another form of it, does not stand for the field.
        components[told] = None
    return components, dict(member[1])


def _key(
    parameters: Mapping[str, Any], keys: Mapping[str, PublicKey]
) -> tuple[str, type[HTTPSignatureAlgorithm], PublicKey]:
    keyid = parameters.get("keyid")
    if not isinstance(keyid, str):
        raise _malformed("it names no key")
    key = keys.get(keyid)
    if key is None:
        raise UnverifiedError(
            Defect.UNKNOWN_KEY,
            f'the signature is by key "{keyid[:_SHOWN_CHARACTERS]}", which is not among the keys '
            "of the site",
            hint="compare with `sealgate keys signing` on the site's host",
        )
    algorithm: type[HTTPSignatureAlgorithm] = (
        ED25519 if isinstance(key, Ed25519PublicKey) else _CURVES[key.curve.name]
    )
    named = parameters.get("alg", algorithm.algorithm_id)
    if named != algorithm.algorithm_id:
        raise UnverifiedError(
            Defect.ALGORITHM,
            f'the signature claims the algorithm "{str(named)[:_SHOWN_CHARACTERS]}", but its key '
            f'is one of "{algorithm.algorithm_id}"',
        )
    return keyid, algorithm, key


def _times(parameters: Mapping[str, Any], now: float) -> tuple[int, int]:
    created, expires = parameters.get("created"), parameters.get("expires")
    if type(created) is not int or type(expires) is not int:
        raise UnverifiedError(
            Defect.NOT_COVERED,
            "the signature does not tell when it was made and until when it holds",
        )
    if created > now + SKEW_SECONDS:
        raise UnverifiedError(
            Defect.NOT_YET,
            f"the signature was made {created - int(now)} seconds from now",
            hint="date -u, on both machines",
        )
    if expires + SKEW_SECONDS < now:
        raise UnverifiedError(
            Defect.EXPIRED,
            f"the signature ended {int(now) - expires} seconds ago: this is an old answer",
            hint="ask again; a cache in between may hold it, and so may an attacker",
        )
    return created, expires


def _check_cover(components: Iterable[str], answer: Answer) -> None:
    covered = frozenset(components)
    wanted = ['"@status"', '"content-digest"', *(f'"{name}";req' for name in OF_REQUEST)]
    wanted += [f'"{name}"' for name in MEANINGFUL if answer.values(name)]
    missing = [name for name in wanted if name not in covered]
    if missing:
        raise UnverifiedError(
            Defect.NOT_COVERED, f"the signature does not cover {', '.join(missing)}"
        )


def _digests(answer: Answer) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, member in _dictionary(answer, "content-digest").items():
        if name in _HASHES:
            value = member[0]
            if not isinstance(value, bytes) or len(value) != _HASHES[name]().digest_size:
                raise UnverifiedError(Defect.NO_DIGEST, f"the {name} digest is malformed")
            found[name] = value
    if not found:
        # RFC 9530, 5: others are registered as deprecated; they prove nothing.
        raise UnverifiedError(
            Defect.NO_DIGEST, "the digest of the body is neither sha-256 nor sha-512"
        )
    return found


def _dictionary(answer: Answer, name: str) -> dict[str, Any]:
    value = ", ".join(answer.values(name))
    if len(value) > _MOST_FIELD_CHARACTERS:
        raise _malformed(f"{name} is longer than {_MOST_FIELD_CHARACTERS} characters")

    def twice(key: str, context: str) -> None:
        if context == "dictionary":
            raise ValueError(key)

    try:
        parsed: Any = http_sf.parse(
            value.encode("ascii"), tltype="dictionary", on_duplicate_key=twice
        )
    except (ValueError, RecursionError) as error:
        raise _malformed(f"{name} is no structured field") from error
    return dict(parsed)


def _malformed(why: str) -> UnverifiedError:
    return UnverifiedError(Defect.MALFORMED, f"the signature cannot be read: {why}")


class BodyDigest:
    """Takes a body as it comes (content codings left as they are), and judges it in the end."""

    def __init__(self, verified: Verified) -> None:
        self._wanted = verified.digests
        self._hashes = {name: _HASHES[name]() for name in verified.digests}

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        for one in self._hashes.values():
            one.update(data)

    def check(self) -> None:
        """
        Return when the body was whole and is the one that was signed.

        Raises:
            UnverifiedError: it is not.
        """
        for name, one in self._hashes.items():
            if not hmac.compare_digest(one.digest(), self._wanted[name]):
                raise UnverifiedError(
                    Defect.BODY,
                    "the body is not the one that was signed: it was changed on the way",
                )
