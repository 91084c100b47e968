from __future__ import annotations

import base64
import hashlib

import pytest
from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver
from http_message_signatures.algorithms import ECDSA_P256_SHA256, ED25519

from sealgate.signing.fields import view
from sealgate.signing.keys import private_key, read_keys, signing_key
from sealgate.signing.model import Answer, Request
from sealgate.signing.sign import Signer, content_digest
from tests.unit.signing import vectors

KEY = signing_key(vectors.ED25519_PRIVATE, 0.0)
SHA = hashlib.sha256(b"ok").digest()


@pytest.mark.parametrize(("body", "value"), vectors.DIGESTS)
def test_digests_are_written_as_in_rfc_9530(body: bytes, value: str) -> None:
    """The examples of the RFC, the empty content of HEAD among them."""
    assert content_digest(hashlib.sha256(body).digest()) == value


def test_rfc_9421_b_2_6_ed25519() -> None:
    """The signature of the RFC over its signature base comes out, byte for byte."""
    made = private_key(vectors.ED25519_PRIVATE).sign(vectors.ED25519_BASE.encode())
    assert base64.b64encode(made).decode() == vectors.ED25519_SIGNATURE


def test_rfc_9421_b_2_4_ecdsa_response() -> None:
    """The signed response of the RFC is verified through our view of a message."""
    (key,) = read_keys(vectors.P256_PUBLIC).values()
    resolver = MappingKeyResolver(public_keys={"test-key-ecc-p256": key}, private_keys={})
    verifier = HTTPMessageVerifier(signature_algorithm=ECDSA_P256_SHA256, key_resolver=resolver)
    request = Request("POST", "example.com", "/foo", vectors.REQUEST_FIELDS)
    answer = Answer(200, vectors.RESPONSE_FIELDS)
    (result,) = verifier.verify(view(request, answer), max_age=None, body=vectors.RESPONSE_BODY)
    assert result.body == vectors.RESPONSE_BODY


def test_what_is_covered_stands_as_written_by_hand() -> None:
    """Status, every field sent, and of the request what tells which answer it wanted."""
    request = Request(
        "GET", "a.example:8080", "/x?y=1", (("If-None-Match", '"v1"'), ("Accept", "*/*"))
    )
    answer = Answer(200, (("content-type", "text/plain"), ("content-length", "2")))
    fields = dict(Signer(KEY).fields(request, answer, SHA, 1000.9))
    assert fields["signature-input"] == (
        'sealgate=("@status" "content-type" "content-length" "content-digest" "@method";req '
        '"@authority";req "@path";req "@query";req "if-none-match";req);created=1000;'
        f'keyid="{KEY.kid}";alg="ed25519";expires=1300;tag="sealgate-response"'
    )
    base = "\n".join(
        [
            '"@status": 200',
            '"content-type": text/plain',
            '"content-length": 2',
            f'"content-digest": {content_digest(SHA)}',
            '"@method";req: GET',
            '"@authority";req: a.example:8080',
            '"@path";req: /x',
            '"@query";req: ?y=1',
            '"if-none-match";req: "v1"',
            f'"@signature-params": {fields["signature-input"].removeprefix("sealgate=")}',
        ]
    )
    signature = base64.b64decode(fields["signature"].removeprefix("sealgate=:").removesuffix(":"))
    (public,) = read_keys(vectors.ED25519_PUBLIC).values()
    ED25519(public_key=public).verify(signature, base.encode())  # type: ignore[no-untyped-call]


def test_lines_of_one_name_stay_apart_and_in_order() -> None:
    """Nothing of what is sent is merged or lost."""
    lines = (("vary", "a"), ("x-empty", ""), ("vary", "b"))
    sent = Signer(KEY).fields(Request("GET", "a", "/"), Answer(200, lines), SHA, 0.0)
    assert sent[:3] == lines
    assert [name for name, _ in sent[3:]] == ["content-digest", "signature-input", "signature"]


@pytest.mark.parametrize(
    ("target", "value"),
    [("/a b", "x"), ("/%zz", "x"), ("*", "x"), ("/", "a\x00b"), ("/", "caf\xe9"), ("/", "a\nb")],
)
def test_what_cannot_be_signed_is_refused(target: str, value: str) -> None:
    """No answer goes out with a part that the signature could not cover."""
    request, answer = Request("GET", "a.example", target), Answer(200, (("x", value),))
    with pytest.raises(ValueError, match="cannot be signed"):
        Signer(KEY).fields(request, answer, SHA, 0.0)


@pytest.mark.parametrize(
    "authority", ["", "a@b.example", "a.example/x", "a.example?", "[::1", "a b"]
)
def test_an_odd_host_is_not_signed_for(authority: str) -> None:
    """A URL would take it for another one."""
    with pytest.raises(ValueError, match="cannot be signed"):
        Signer(KEY).fields(Request("GET", authority, "/"), Answer(200, ()), SHA, 0.0)
