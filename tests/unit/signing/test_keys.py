from __future__ import annotations

import json

import pytest

from sealgate.errors import UsageError
from sealgate.signing.keys import (
    KEPT_SECONDS,
    current_key,
    directory,
    kept_keys,
    public_pem,
    read_keys,
    signing_key,
)
from tests.unit.signing import vectors

OLD = signing_key(vectors.ED25519_PRIVATE, 1000.0)
NEW = signing_key(vectors.ED25519_PRIVATE, 5000.0)


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    """RFC 8037, A.3 gives it for the key of its appendix A."""
    jwk = b'{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
    assert list(read_keys(jwk)) == ["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]


def test_what_is_published_and_what_is_pinned_are_the_same_key() -> None:
    """The JWK Set and the PEM lead to one name; the set holds nothing private."""
    listed = directory([OLD])
    assert set(json.loads(listed)["keys"][0]) == {"crv", "kid", "kty", "use", "x"}
    assert list(read_keys(listed.encode())) == list(read_keys(public_pem(OLD))) == [OLD.kid]
    assert public_pem(OLD) == vectors.ED25519_PUBLIC


def test_both_curves_are_read() -> None:
    """PEM blocks of different keys may share a file, with words in between."""
    both = b"# one\n" + vectors.ED25519_PUBLIC + b"# two\n" + vectors.P256_PUBLIC
    assert len(read_keys(both)) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "neither PEM nor a JWK Set"),
        (b"[]", "no public key"),
        (b'{"keys": 1}', "no public key"),
        (b'{"keys": [1, null, {"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}', "no public key"),
        (b'{"kty":"OKP","crv":"Ed25519","x":"AA"}', "no public key"),
        (b'{"kty":"OKP","crv":"Ed25519","x":"!"}', "no public key"),
        (b'{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}', "no public key"),
        (b'{"kty":"EC","crv":["P-256"],"x":"AQ","y":"AQ"}', "no public key"),
        (b'{"kty":"oct","k":"AAAA"}', "no public key"),
        (b'{"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"}', "private key"),
        (vectors.ED25519_PRIVATE, "private key"),
        (b"[" * 100_000, "neither PEM nor a JWK Set"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key"),
    ],
)
def test_what_is_no_key_is_refused(content: bytes, message: str) -> None:
    """Each with what is wrong, and without what it held."""
    with pytest.raises(UsageError, match=message):
        read_keys(content)


def test_a_key_for_encryption_does_not_verify() -> None:
    """RFC 7517, 4.2: "use" narrows what a key is for."""
    jwk = json.loads(directory([OLD]))["keys"][0] | {"use": "enc"}
    with pytest.raises(UsageError):
        read_keys(json.dumps(jwk).encode())


@pytest.mark.parametrize(
    ("now", "signs", "kept"),
    [
        (0.0, OLD, (OLD, NEW)),
        (4999.0, OLD, (OLD, NEW)),
        (5000.0, NEW, (OLD, NEW)),
        (5000.0 + KEPT_SECONDS - 1, NEW, (OLD, NEW)),
        (5000.0 + KEPT_SECONDS, NEW, (NEW,)),
    ],
)
def test_a_next_key_is_known_before_it_signs(now: float, signs: object, kept: object) -> None:
    """And the one before is known until nothing that it signed holds."""
    assert current_key([NEW, OLD], now) == signs
    assert kept_keys([NEW, OLD], now) == kept


def test_a_damaged_or_other_key_does_not_sign() -> None:
    """Nor is there one when none is left."""
    with pytest.raises(UsageError, match="cannot be read"):
        signing_key(b"-----BEGIN PRIVATE KEY-----\n", 0.0)
    with pytest.raises(UsageError, match="no key"):
        current_key([], 0.0)


def test_a_key_shows_its_name_only() -> None:
    """What is logged of it is no secret."""
    assert "PRIVATE" not in repr(OLD)
