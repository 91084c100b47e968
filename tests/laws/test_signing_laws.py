"""Whatever is signed is verified; whatever is changed is not, and nothing makes a reader fail."""

from __future__ import annotations

import contextlib
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.errors import UsageError
from sealgate.signing.keys import read_keys, signing_key
from sealgate.signing.model import Answer, Request, UnverifiedError
from sealgate.signing.sign import Signer
from sealgate.signing.verify import BodyDigest, verify_head
from tests.unit.signing import vectors

SIGNER = Signer(signing_key(vectors.ED25519_PRIVATE, 0.0))
KEYS = read_keys(vectors.ED25519_PUBLIC)
NOW = 10_000.0

_LOW = "abcdefghijklmnopqrstuvwxyz0123456789"
_NAMES = st.text(_LOW + "-", min_size=1, max_size=8).map("x-{}".format)
_VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
_PATHS = st.tuples(
    st.text(_LOW + "AZ._~!$&'()*+,;=:@/-", max_size=12).map("/{}".format),
    st.one_of(st.just(""), st.text(_LOW + "=&/?-", max_size=8).map("?{}".format)),
).map("".join)
_HOSTS = st.tuples(
    st.text(_LOW + ".-", min_size=1, max_size=9),
    st.one_of(st.just(""), st.integers(1, 9999).map(":{}".format)),
).map("".join)
_REQUESTS = st.builds(Request, st.sampled_from(["GET", "HEAD"]), _HOSTS, _PATHS)
_ANSWERS = st.builds(
    Answer, st.integers(200, 599), st.lists(st.tuples(_NAMES, _VALUES), max_size=5).map(tuple)
)


def signed(request: Request, answer: Answer, body: bytes) -> Answer:
    """Return *answer* with its signature."""
    fields = SIGNER.fields(request, answer, hashlib.sha256(body).digest(), NOW)
    return Answer(answer.status, fields)


@given(_REQUESTS, _ANSWERS, st.binary(max_size=64))
def test_what_is_signed_is_verified(request: Request, answer: Answer, body: bytes) -> None:
    """For any fields, in any order and number."""
    verified = verify_head(request, signed(request, answer, body), KEYS, now=NOW)
    digest = BodyDigest(verified)
    digest.update(body)
    digest.check()


@given(_REQUESTS, _ANSWERS, st.data())
def test_no_field_can_be_changed(request: Request, answer: Answer, data: st.DataObject) -> None:
    """Another value of any one field that was sent, the digest and the signature included."""
    whole = signed(request, answer, b"")
    at = data.draw(st.integers(0, len(whole.fields) - 1))
    name, value = whole.fields[at]
    # Space around a value is none of it (RFC 9110, 5.5).
    other = data.draw(_VALUES.filter(lambda new: new.strip() != value.strip()))
    fields = (*whole.fields[:at], (name, other), *whole.fields[at + 1 :])
    with pytest.raises(UnverifiedError):
        verify_head(request, Answer(whole.status, fields), KEYS, now=NOW)


@given(_REQUESTS, _REQUESTS, _ANSWERS)
def test_no_answer_stands_for_another_request(
    request: Request, other: Request, answer: Answer
) -> None:
    """Whatever two requests differ in. A bare "?" asks for the same as none (RFC 9421, 2.2.7)."""

    def meant(one: Request) -> tuple[str, str, str, str]:
        path, _, query = one.target.partition("?")
        return one.method, one.authority.removesuffix(":80"), path, query

    whole = signed(request, answer, b"")
    if meant(request) == meant(other):
        verify_head(other, whole, KEYS, now=NOW)
        return
    with pytest.raises(UnverifiedError):
        verify_head(other, whole, KEYS, now=NOW)


@given(
    st.one_of(_VALUES, st.text(max_size=30)),
    st.one_of(_VALUES, st.text(max_size=30)),
    st.text(max_size=30),
)
def test_no_field_makes_the_reader_fail(inputs: str, signature: str, digest: str) -> None:
    """Whatever stands there: it is refused as unverified, and as nothing else."""
    fields = (("signature-input", inputs), ("signature", signature), ("content-digest", digest))
    with pytest.raises(UnverifiedError):
        verify_head(Request("GET", "a", "/"), Answer(200, fields), KEYS, now=NOW)


@given(st.data())
def test_no_damage_to_a_real_signature_makes_the_reader_fail(data: st.DataObject) -> None:
    """One character more, less or other, anywhere in the two fields."""
    request = Request("GET", "a", "/")
    whole = signed(request, Answer(200, (("content-type", "a/b"),)), b"")
    name = data.draw(st.sampled_from(["signature-input", "signature"]))
    (value,) = whole.values(name)
    at = data.draw(st.integers(0, len(value)))
    cut = data.draw(st.integers(0, 1))
    new = data.draw(st.text(max_size=1))
    damaged = value[:at] + new + value[at + cut :]
    fields = tuple((n, damaged if n == name else v) for n, v in whole.fields)
    try:
        verified = verify_head(request, Answer(200, fields), KEYS, now=NOW)
    except UnverifiedError:
        return
    # Then it says the same: space, a leading zero, or another spelling of the same bytes.
    assert verified == verify_head(request, whole, KEYS, now=NOW)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["keys", "kty", "crv", "x", "y", "kid", "use", "d"]),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=12,
        ),
    )
)
def test_no_list_of_keys_makes_the_reader_fail(content: object) -> None:
    """It is read, or refused as unusable."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    with contextlib.suppress(UsageError):
        read_keys(raw)
