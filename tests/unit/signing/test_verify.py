from __future__ import annotations

import datetime as dt
import hashlib
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from http_message_signatures import ContentDigest, HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import ECDSA_P256_SHA256, ED25519, HMAC_SHA256

from sealgate.signing.fields import view
from sealgate.signing.keys import key_id, read_keys, signing_key
from sealgate.signing.model import TAG, Answer, Defect, Fields, Request, UnverifiedError
from sealgate.signing.sign import Signer
from sealgate.signing.verify import BodyDigest, is_signed, verify_head
from tests.unit.signing import vectors

KEY = signing_key(vectors.ED25519_PRIVATE, 0.0)
KEYS = read_keys(vectors.ED25519_PUBLIC)
REQUEST = Request("GET", "a.example", "/file?v=1")
BODY = b"what was published"
HEAD = Answer(200, (("content-type", "text/plain"), ("content-length", str(len(BODY)))))
NOW = 10_000.0
SIGNED = Answer(200, Signer(KEY).fields(REQUEST, HEAD, hashlib.sha256(BODY).digest(), NOW))


def changed(name: str, value: str | None, answer: Answer = SIGNED) -> Answer:
    """Return *answer* with another value of one field, or without it."""
    rest = tuple(line for line in answer.fields if line[0] != name)
    return Answer(answer.status, rest if value is None else (*rest, (name, value)))


def rewritten(pattern: str, by: str, name: str = "signature-input") -> Answer:
    """Return the answer with a part of one field replaced."""
    (value,) = SIGNED.values(name)
    made = re.sub(pattern, by, value)
    assert made != value
    return changed(name, made)


def defect(answer: Answer, request: Request = REQUEST, now: float = NOW) -> Defect:
    """Return why *answer* is not verified."""
    with pytest.raises(UnverifiedError) as caught:
        verify_head(request, answer, KEYS, now=now)
    assert caught.value.message
    return caught.value.defect


def test_what_was_signed_is_verified() -> None:
    """It tells by whom, until when and over what; the body is judged by its digest."""
    verified = verify_head(REQUEST, SIGNED, KEYS, now=NOW)
    assert (verified.keyid, verified.algorithm) == (KEY.kid, "ed25519")
    assert (verified.created, verified.expires) == (10_000, 10_300)
    body = BodyDigest(verified)
    for byte in BODY:
        body.update(bytes([byte]))
    body.check()


@pytest.mark.parametrize("body", [b"", BODY[:-1], BODY + b"\n", BODY.upper()])
def test_another_body_is_refused(body: bytes) -> None:
    """Cut, lengthened or changed."""
    digest = BodyDigest(verify_head(REQUEST, SIGNED, KEYS, now=NOW))
    digest.update(body)
    with pytest.raises(UnverifiedError) as caught:
        digest.check()
    assert caught.value.defect is Defect.BODY


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (changed("signature", None), Defect.MISSING),
        (changed("signature-input", None), Defect.MISSING),
        (changed("signature-input", "sealgate=("), Defect.MALFORMED),
        (changed("signature-input", "sealgate"), Defect.MALFORMED),
        (changed("signature-input", "sealgate=1"), Defect.MALFORMED),
        (changed("signature-input", ""), Defect.MALFORMED),
        (changed("signature-input", "a=(" + " " * 20_000 + ")"), Defect.MALFORMED),
        (changed("signature-input", "caf\xe9=()"), Defect.MALFORMED),
        (rewritten(r"keyid=\"[^\"]*\"", "keyid=1"), Defect.MALFORMED),
        (rewritten(";tag=.*", ""), Defect.OTHER_PURPOSE),
        (rewritten("tag=.*", 'tag="web-bot-auth"'), Defect.OTHER_PURPOSE),
        (rewritten(r"keyid=\"[^\"]*\"", 'keyid="somebody"'), Defect.UNKNOWN_KEY),
        (rewritten('alg="ed25519"', 'alg="hmac-sha256"'), Defect.ALGORITHM),
        (rewritten('alg="ed25519"', "alg=none"), Defect.ALGORITHM),
        (rewritten(";created=10000", ""), Defect.NOT_COVERED),
        (rewritten(";expires=10300", ""), Defect.NOT_COVERED),
        (rewritten("expires=10300", 'expires="10300"'), Defect.NOT_COVERED),
        (rewritten('"@status" ', ""), Defect.NOT_COVERED),
        (rewritten('"content-digest" ', ""), Defect.NOT_COVERED),
        (rewritten('"content-digest"', '"content-digest";key="sha-256"'), Defect.NOT_COVERED),
        (rewritten('"content-type" ', ""), Defect.NOT_COVERED),
        (rewritten('"@path";req ', ""), Defect.NOT_COVERED),
        (rewritten('"@path";req', '"@path"'), Defect.NOT_COVERED),
        (rewritten(' "@query";req', ""), Defect.NOT_COVERED),
        (rewritten("expires=10300", "expires=99999"), Defect.NO_FIT),
        (rewritten('alg="ed25519";', ""), Defect.NO_FIT),
        (rewritten("sealgate=:..", "sealgate=:AA", "signature"), Defect.NO_FIT),
        (changed("signature", "other=:AAAA:"), Defect.NO_FIT),
        (changed("signature", "sealgate=1"), Defect.NO_FIT),
        (changed("content-type", "text/html"), Defect.NO_FIT),
        (changed("content-length", "1"), Defect.NO_FIT),
        (changed("content-digest", "sha-256=:AAAA:"), Defect.NO_FIT),
        (Answer(404, SIGNED.fields), Defect.NO_FIT),
        (changed("location", "http://evil.example/"), Defect.NOT_COVERED),
        (changed("content-encoding", "gzip"), Defect.NOT_COVERED),
        (changed("refresh", "0; url=http://evil.example/"), Defect.NOT_COVERED),
    ],
)
def test_a_changed_head_is_refused(answer: Answer, expected: Defect) -> None:
    """Each kind of change by its own name."""
    assert defect(answer) is expected


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "a.example", "/other?v=1"),
        Request("GET", "a.example", "/file?v=2"),
        Request("GET", "a.example", "/file"),
        Request("GET", "b.example", "/file?v=1"),
        Request("GET", "a.example:8080", "/file?v=1"),
        Request("HEAD", "a.example", "/file?v=1"),
    ],
)
def test_an_answer_does_not_stand_for_another_request(request_: Request) -> None:
    """Another path, query, name, port or method."""
    assert defect(SIGNED, request_) is Defect.NO_FIT


def test_a_304_does_not_stand_for_another_condition() -> None:
    """What was not modified since one version may be modified since another."""
    asked = Request("GET", "a.example", "/", (("if-none-match", '"v1"'),))
    signed = Signer(KEY).fields(asked, Answer(304, ()), hashlib.sha256(b"").digest(), NOW)
    verify_head(asked, Answer(304, signed), KEYS, now=NOW)
    other = Request("GET", "a.example", "/", (("if-none-match", '"v2"'),))
    assert defect(Answer(304, signed), other) is Defect.NO_FIT


def test_the_default_port_is_none() -> None:
    """RFC 9421, 2.2.3: a client that writes it out asks for the same."""
    verify_head(Request("GET", "A.example:80", "/file?v=1"), SIGNED, KEYS, now=NOW)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW - 61, Defect.NOT_YET),
        (NOW - 60, None),
        (NOW + 360, None),
        (NOW + 361, Defect.EXPIRED),
    ],
)
def test_a_signature_holds_for_a_while(now: float, expected: Defect | None) -> None:
    """Five minutes, and one more for clocks that differ."""
    if expected is None:
        verify_head(REQUEST, SIGNED, KEYS, now=now)
    else:
        assert defect(SIGNED, now=now) is expected


@pytest.mark.parametrize(
    "digest", ["md5=:AAAA:", "sha=:AAAA:, unixsum=1", "", "sha-256=:AAAA:", "sha-256=1"]
)
def test_a_digest_that_proves_nothing_is_refused(digest: str) -> None:
    """RFC 9530, 5 deprecates the others; even the holder of the key cannot use them."""
    assert defect(Answer(200, _signed_with_digest(digest))) in {Defect.NO_DIGEST, Defect.MALFORMED}


class _AnyDigest(ContentDigest):
    @classmethod
    def prepare(cls, headers: object, body: object, *, use_existing_digest: bool) -> None:
        """Take whatever digest is there."""


def _signed_with_digest(digest: str) -> Fields:
    message = view(REQUEST, Answer(200, (("content-digest", digest),)))
    names = ['"@status"', '"content-digest"', '"@method";req', '"@authority";req']
    resolver = MappingKeyResolver(public_keys={}, private_keys={KEY.kid: KEY.pem})
    lax = HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=resolver)
    lax.content_digest_class = _AnyDigest
    at = dt.datetime.fromtimestamp(NOW, dt.UTC)
    lax.sign(
        message,
        key_id=KEY.kid,
        created=at,
        expires=at + dt.timedelta(seconds=300),
        tag=TAG,
        covered_component_ids=[*names, '"@path";req', '"@query";req'],
    )
    return message.headers.items()


def test_a_public_key_is_never_a_shared_secret() -> None:
    """Algorithm confusion: HMAC with the public key as its secret does not verify."""
    at = dt.datetime.fromtimestamp(NOW, dt.UTC)
    raw = vectors.ED25519_PUBLIC
    message = view(REQUEST, changed("signature", None, changed("signature-input", None)))
    resolver = MappingKeyResolver(public_keys={}, private_keys={KEY.kid: raw})
    HTTPMessageSigner(signature_algorithm=HMAC_SHA256, key_resolver=resolver).sign(
        message,
        key_id=KEY.kid,
        created=at,
        expires=at + dt.timedelta(seconds=300),
        tag=TAG,
        include_alg=False,
        covered_component_ids=[
            '"@status"',
            '"content-type"',
            '"content-length"',
            '"content-digest"',
            *(f'"@{name}";req' for name in ("method", "authority", "path", "query")),
        ],
        use_existing_digest=True,
    )
    assert defect(Answer(200, message.headers.items())) is Defect.NO_FIT


def test_of_several_signatures_one_that_holds_is_enough() -> None:
    """A site may sign with two keys; what others added does not matter."""
    inputs = f'other=("@status");tag="{TAG}";keyid="x", {SIGNED.values("signature-input")[0]}'
    signatures = f"other=:AAAA:, {SIGNED.values('signature')[0]}"
    both = changed("signature-input", inputs, changed("signature", signatures))
    assert verify_head(REQUEST, both, KEYS, now=NOW).keyid == KEY.kid


def test_the_same_label_twice_is_refused() -> None:
    """Two readers must not take different ones for the signature."""
    line = SIGNED.values("signature-input")[0]
    assert defect(changed("signature-input", f"{line}, {line}")) is Defect.MALFORMED


def test_ecdsa_is_verified_too() -> None:
    """Another signer may use P-256; then its key says so."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = key_id(private.public_key())
    message = view(REQUEST, Answer(200, ()))
    at = dt.datetime.fromtimestamp(NOW, dt.UTC)
    resolver = MappingKeyResolver(public_keys={}, private_keys={name: private})
    HTTPMessageSigner(signature_algorithm=ECDSA_P256_SHA256, key_resolver=resolver).sign(
        message,
        key_id=name,
        created=at,
        expires=at + dt.timedelta(seconds=300),
        tag=TAG,
        body=b"x",
        covered_component_ids=[
            '"@status"',
            *(f'"@{part}";req' for part in ("method", "authority", "path", "query")),
        ],
    )
    answer = Answer(200, message.headers.items())
    verified = verify_head(REQUEST, answer, {name: private.public_key()}, now=NOW)
    assert verified.algorithm == "ecdsa-p256-sha256"
    other = {name: ed25519.Ed25519PrivateKey.generate().public_key()}
    with pytest.raises(UnverifiedError):
        verify_head(REQUEST, answer, other, now=NOW)


def test_whether_an_answer_claims_to_be_signed() -> None:
    """One half of a signature is a claim, too."""
    assert is_signed(SIGNED)
    assert is_signed(changed("signature", None))
    assert not is_signed(HEAD)


def test_the_signed_response_of_the_rfc_is_for_another_purpose() -> None:
    """It is a good signature (test_sign.py), but says nothing of the request."""
    keys = {"test-key-ecc-p256": next(iter(read_keys(vectors.P256_PUBLIC).values()))}
    answer = Answer(200, vectors.RESPONSE_FIELDS)
    with pytest.raises(UnverifiedError) as caught:
        verify_head(Request("POST", "example.com", "/foo"), answer, keys, now=1_618_884_473)
    assert caught.value.defect is Defect.OTHER_PURPOSE
