"""A token is what we signed, for this site, in date; everything else is refused by its reason."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sealgate.errors import UsageError
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.sessions import IDLE_SECONDS, TOKEN_SECONDS, Session
from sealgate.identity.tokens import (
    ANNOUNCE_SECONDS,
    MOST_TOKEN_BYTES,
    ROTATE_SECONDS,
    Refused,
    TokenError,
    TokenKey,
    current_key,
    is_due,
    issue,
    kept_keys,
    key_set,
    token_key,
    verify,
)
from sealgate.policy.protection import AccessRung

NOW = 1_800_000_000
SITE = "shop.example"


def private_key(curve: ec.EllipticCurve | None = None) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    """Return a new key, and the same in PEM."""
    key = ec.generate_private_key(curve or ec.SECP256R1())
    return key, key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


PRIVATE, PEM = private_key()
KEY = token_key(PEM, NOW - 1000)
SESSION = Session(
    name="anna",
    rung=AccessRung.HIGH,
    proven=(Proven(Factor.PASSWORD, NOW - 9), Proven(Factor.PASSKEY, NOW - 5, "abc")),
    country="DE",
    issued_at=NOW + 0.25,
    ends_at=NOW + 55,
    id="s1",
    site=SITE,
    groups=("editors", "Köche"),
)
GOOD = issue(SESSION, KEY)
TOP = replace(SESSION, rung=AccessRung.VERY_HIGH, asset="drop x")


def b64(raw: bytes) -> str:
    """Return *raw* as JOSE writes it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Return what *text* stands for."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of the good token."""
    header, payload, _ = GOOD.split(".")
    return json.loads(unb64(header)), json.loads(unb64(payload))


def signed(header: bytes, payload: bytes, key: ec.EllipticCurvePrivateKey = PRIVATE) -> str:
    """Return any *header* and *payload*, signed truly: what a faulty issuer could make."""
    told = f"{b64(header)}.{b64(payload)}"
    r, s = decode_dss_signature(key.sign(told.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{told}.{b64(r.to_bytes(32) + s.to_bytes(32))}"


def with_header(**changes: Any) -> str:
    """Return the good token, signed anew with other header members; ``None`` leaves one out."""
    header, claims = parts()
    header.update(changes)
    kept = {name: value for name, value in header.items() if value is not None}
    return signed(json.dumps(kept).encode(), json.dumps(claims).encode())


def with_claims(**changes: Any) -> str:
    """Return the good token, signed anew with other claims; ``...`` leaves one out."""
    header, claims = parts()
    claims.update(changes)
    kept = {name: value for name, value in claims.items() if value is not ...}
    return signed(json.dumps(header).encode(), json.dumps(kept).encode())


def test_what_was_issued_is_read_back() -> None:
    """The whole session, with every proof and group."""
    assert verify(GOOD, [KEY], site=SITE, now=NOW + 1, least=AccessRung.HIGH) == SESSION
    nowhere = replace(SESSION, country=None, groups=())
    assert verify(issue(nowhere, KEY), [KEY], site=SITE, now=NOW + 1) == nowhere


def test_what_a_token_is_bound_to_is_read_back() -> None:
    """Envoy compares it with the certificate of the connection."""
    bound = replace(TOP, certificate="ab" * 32)
    token = issue(bound, KEY)
    assert verify(token, [KEY], site=SITE, now=NOW + 1) == bound


def test_rung_3_is_worth_it_at_its_asset_only() -> None:
    """Elsewhere the same token is worth rung 2."""
    token = issue(TOP, KEY)
    assert (
        verify(token, [KEY], site=SITE, now=NOW + 1, least=AccessRung.VERY_HIGH, asset="drop x")
        == TOP
    )
    assert (
        verify(token, [KEY], site=SITE, now=NOW + 1, least=AccessRung.HIGH, asset="drop y") == TOP
    )
    for asset in ("drop y", ""):
        with pytest.raises(TokenError) as caught:
            verify(token, [KEY], site=SITE, now=NOW + 1, least=AccessRung.VERY_HIGH, asset=asset)
        assert caught.value.reason is Refused.RUNG


def stripped() -> str:
    """Return the good token without its signature."""
    return GOOD.rpartition(".")[0] + "."


def unsigned(alg: str) -> str:
    """Return the good claims under the algorithm that asks for no signature."""
    header, claims = parts()
    header["alg"] = alg
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}."


def confused(alg: str, secret: bytes, **members: Any) -> str:
    """Return the good claims, authenticated with our *public* key as if it were a shared secret."""
    header, claims = parts()
    header.update(members, alg=alg)
    told = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{told}.{b64(hmac.digest(secret, told.encode(), hashlib.sha256))}"


def public_pem() -> bytes:
    """Return our public key as everybody may have it."""
    return PRIVATE.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def by_a_stranger(**members: Any) -> str:
    """Return the good token signed by somebody else, under our key's name."""
    header, claims = parts()
    header.update(members)
    stranger, _ = private_key()
    return signed(json.dumps(header).encode(), json.dumps(claims).encode(), stranger)


def own_key() -> dict[str, Any]:
    """Return a key of the forger's, as the header of a token may carry it."""
    stranger, pem = private_key()
    del stranger
    public: dict[str, Any] = json.loads(key_set([token_key(pem, 0)]))["keys"][0]
    return public


def flipped(part: int) -> str:
    """Return the good token with one bit of one part changed."""
    pieces = GOOD.split(".")
    raw = bytearray(unb64(pieces[part]))
    raw[len(raw) // 2] ^= 1
    pieces[part] = b64(bytes(raw))
    return ".".join(pieces)


def raised() -> str:
    """Return the good token with a higher rung under the old signature."""
    header, payload, signature = GOOD.split(".")
    claims = json.loads(unb64(payload)) | {"rung": 3, "asset": "drop x"}
    return f"{header}.{b64(json.dumps(claims).encode())}.{signature}"


def twice(in_header: bool, addition: bytes) -> str:  # noqa: FBT001  # a table reads it
    """Return the good token, truly signed, with a name that stands twice."""
    header, payload, _ = GOOD.split(".")
    raw = [unb64(header), unb64(payload)]
    at = 0 if in_header else 1
    raw[at] = raw[at][:-1] + b"," + addition + b"}"
    return signed(raw[0], raw[1])


def zero_signature() -> str:
    """Return the good token under the signature r = s = 0 (CVE-2022-21449)."""
    return f"{GOOD.rpartition('.')[0]}.{b64(bytes(64))}"


def as_der() -> str:
    """Return the good token with its signature in DER, which is not JOSE's form."""
    told = GOOD.rpartition(".")[0]
    return f"{told}.{b64(PRIVATE.sign(told.encode(), ec.ECDSA(hashes.SHA256())))}"


def padded() -> str:
    """Return the good token with the padding that JOSE leaves out."""
    header, payload, signature = GOOD.split(".")
    return f"{header}.{payload}{'=' * (-len(payload) % 4 or 4)}.{signature}"


def unused_bits() -> str:
    """Return the good token with a last character that stands for the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return GOOD[:-1] + alphabet[alphabet.index(GOOD[-1]) | 1]


def whole(raw: bytes) -> str:
    """Return *raw* as the claims, truly signed."""
    header, _ = parts()
    return signed(json.dumps(header).encode(), raw)


CASES: dict[str, tuple[Callable[[], str], Refused]] = {
    # Forged.
    "signed by a stranger": (by_a_stranger, Refused.FORGED),
    "header changed": (lambda: flipped(0), Refused.UNKNOWN_KEY),
    "claims changed": (lambda: flipped(1), Refused.FORGED),
    "signature changed": (lambda: flipped(2), Refused.FORGED),
    "rung raised": (raised, Refused.FORGED),
    "signature of zeros": (zero_signature, Refused.FORGED),
    "signature in DER": (as_der, Refused.FORGED),
    "signature cut off": (lambda: GOOD[:-8], Refused.FORGED),
    "signature made longer": (lambda: GOOD + "AAAA", Refused.FORGED),
    "same bytes spelled otherwise": (unused_bits, Refused.FORGED),
    # Stripped.
    "no signature": (stripped, Refused.FORGED),
    "two parts": (lambda: GOOD.rpartition(".")[0], Refused.MALFORMED),
    "four parts": (lambda: GOOD + ".", Refused.MALFORMED),
    "nothing": (lambda: "", Refused.MALFORMED),
    "dots only": (lambda: "..", Refused.MALFORMED),
    # Another algorithm.
    "alg none": (lambda: unsigned("none"), Refused.MALFORMED),
    "alg None": (lambda: unsigned("None"), Refused.MALFORMED),
    "alg nOnE": (lambda: unsigned("nOnE"), Refused.MALFORMED),
    "alg empty": (lambda: unsigned(""), Refused.MALFORMED),
    "HS256 with the public PEM": (lambda: confused("HS256", public_pem()), Refused.MALFORMED),
    "HS256 with the JWK Set": (
        lambda: confused("HS256", key_set([KEY]).encode()),
        Refused.MALFORMED,
    ),
    "ES256 named, HMAC made": (lambda: confused("ES256", public_pem()), Refused.FORGED),
    "alg ES384": (lambda: with_header(alg="ES384"), Refused.MALFORMED),
    "alg a list": (lambda: with_header(alg=["ES256"]), Refused.MALFORMED),
    "alg missing": (lambda: with_header(alg=None), Refused.MALFORMED),
    # Another key.
    "unknown kid": (lambda: with_header(kid="x" * 43), Refused.UNKNOWN_KEY),
    "kid a path": (lambda: with_header(kid="../../dev/null"), Refused.UNKNOWN_KEY),
    "kid a number": (lambda: with_header(kid=1), Refused.UNKNOWN_KEY),
    "kid an object": (lambda: with_header(kid={"a": 1}), Refused.UNKNOWN_KEY),
    "kid missing": (lambda: with_header(kid=None), Refused.MALFORMED),
    "own key in the header": (lambda: by_a_stranger(jwk=own_key()), Refused.MALFORMED),
    "key behind a URL": (lambda: by_a_stranger(jku="https://evil.example"), Refused.MALFORMED),
    "certificate in the header": (lambda: by_a_stranger(x5c=["MII"]), Refused.MALFORMED),
    # Header members that change the meaning.
    "crit": (lambda: with_header(crit=["exp"]), Refused.MALFORMED),
    "crit empty": (lambda: with_header(crit=[]), Refused.MALFORMED),
    "crit b64": (lambda: with_header(crit=["b64"], b64=False), Refused.MALFORMED),
    "another type": (lambda: with_header(typ="JWT"), Refused.MALFORMED),
    "no type": (lambda: with_header(typ=None), Refused.MALFORMED),
    "nested": (lambda: with_header(cty="JWT"), Refused.MALFORMED),
    "compressed": (lambda: with_header(zip="DEF"), Refused.MALFORMED),
    "header no object": (lambda: signed(b"[]", b"{}"), Refused.MALFORMED),
    "header twice alg": (lambda: twice(True, b'"alg":"ES256"'), Refused.MALFORMED),
    "header twice kid": (lambda: twice(True, b'"kid":"x"'), Refused.MALFORMED),
    # Another site, another time.
    "other site": (lambda: with_claims(aud="evil.example"), Refused.OTHER_SITE),
    "sub-domain": (lambda: with_claims(aud="a.shop.example"), Refused.OTHER_SITE),
    "site in capitals": (lambda: with_claims(aud="SHOP.example"), Refused.OTHER_SITE),
    "several sites": (lambda: with_claims(aud=[SITE, "x"]), Refused.MALFORMED),
    "other issuer": (lambda: with_claims(iss="sealgate2"), Refused.MALFORMED),
    "expired": (
        lambda: with_claims(iat=NOW - 54, nbf=NOW - 54, exp=NOW + 1, made=(NOW - 54) * 1000),
        Refused.EXPIRED,
    ),
    "not yet": (
        lambda: with_claims(iat=NOW + 9, nbf=NOW + 9, made=(NOW + 9) * 1000),
        Refused.NOT_YET,
    ),
    "not before, issued before": (lambda: with_claims(nbf=NOW + 60), Refused.MALFORMED),
    "too long a life": (lambda: with_claims(exp=NOW + 86400), Refused.MALFORMED),
    "ends before it begins": (lambda: with_claims(exp=NOW - 1), Refused.MALFORMED),
    "made at another time": (lambda: with_claims(made=NOW * 1000 + 5000), Refused.MALFORMED),
    "no end": (lambda: with_claims(exp=...), Refused.MALFORMED),
    "end is text": (lambda: with_claims(exp=str(NOW + 60)), Refused.MALFORMED),
    "end is a fraction": (lambda: with_claims(exp=NOW + 0.5), Refused.MALFORMED),
    "end is true": (lambda: with_claims(exp=True), Refused.MALFORMED),
    "end is infinite": (
        lambda: whole(json.dumps(parts()[1] | {"exp": float("inf")}).encode()),
        Refused.MALFORMED,
    ),
    # Claims of another shape.
    "rung 4": (lambda: with_claims(rung=4), Refused.MALFORMED),
    "rung 0": (lambda: with_claims(rung=0), Refused.MALFORMED),
    "rung is text": (lambda: with_claims(rung="2"), Refused.MALFORMED),
    "rung is true": (lambda: with_claims(rung=True), Refused.MALFORMED),
    "rung 3 of no asset": (lambda: with_claims(rung=3), Refused.MALFORMED),
    "rung 2 bound to a certificate": (
        lambda: with_claims(certificate="ab" * 32),
        Refused.MALFORMED,
    ),
    "bound to nothing that has a name": (lambda: with_claims(certificate=""), Refused.MALFORMED),
    "rung 2 of an asset": (lambda: with_claims(asset="drop x"), Refused.MALFORMED),
    "nobody": (lambda: with_claims(sub=""), Refused.MALFORMED),
    "no sign-in": (lambda: with_claims(sid=""), Refused.MALFORMED),
    "an unknown factor": (
        lambda: with_claims(proven=[["magic", NOW, ""]], factors=["magic"]),
        Refused.MALFORMED,
    ),
    "no factor": (lambda: with_claims(proven=[], factors=[]), Refused.MALFORMED),
    "other factors than proofs": (lambda: with_claims(factors=["SSH key"]), Refused.MALFORMED),
    "thousand proofs": (
        lambda: with_claims(proven=[["password", 0, ""]] * 99),
        Refused.MALFORMED,
    ),
    "a proof too short": (lambda: with_claims(proven=[["password", 0]]), Refused.MALFORMED),
    "a group that is none": (lambda: with_claims(groups=[1]), Refused.MALFORMED),
    "one claim more": (lambda: with_claims(admin=True), Refused.MALFORMED),
    "a claim twice": (lambda: twice(False, b'"rung":2'), Refused.MALFORMED),
    "the subject twice": (lambda: twice(False, b'"sub":"ben"'), Refused.MALFORMED),
    "claims no object": (lambda: whole(b'"anna"'), Refused.MALFORMED),
    "claims no JSON": (lambda: whole(b"\xff\xfe"), Refused.MALFORMED),
    "claims in UTF-16": (
        lambda: whole(json.dumps(parts()[1]).encode("utf-16")),
        Refused.MALFORMED,
    ),
    "deep": (lambda: whole(b"[" * 2000), Refused.MALFORMED),
    # Another spelling, another size.
    "padded": (padded, Refused.FORGED),
    "a space before": (lambda: " " + GOOD, Refused.MALFORMED),
    "a line after": (lambda: GOOD + "\n", Refused.FORGED),
    "not ASCII": (lambda: GOOD + "é", Refused.MALFORMED),
    "huge": (lambda: GOOD + "A" * 10_000_000, Refused.MALFORMED),
    "huge header": (lambda: "A" * 3000 + GOOD[50:], Refused.MALFORMED),
    "as JSON": (lambda: json.dumps({"payload": GOOD}), Refused.MALFORMED),
    "encrypted form": (lambda: "a.b.c.d.e", Refused.MALFORMED),
}


@pytest.mark.parametrize(("make", "reason"), CASES.values(), ids=CASES)
def test_everything_else_is_refused(make: Callable[[], str], reason: Refused) -> None:
    """By its reason; and the message holds nothing of the token."""
    token = make()
    with pytest.raises(TokenError) as caught:
        verify(token, [KEY], site=SITE, now=NOW + 1)
    assert caught.value.reason is reason
    assert "anna" not in str(caught.value)


def test_what_the_cases_change_was_good_before() -> None:
    """The helpers of the table make a good token when they change nothing."""
    assert verify(with_header(), [KEY], site=SITE, now=NOW + 1) == SESSION
    assert verify(with_claims(), [KEY], site=SITE, now=NOW + 1) == SESSION


@pytest.mark.parametrize(
    ("now", "grace", "fits"),
    [
        (NOW + 0.2, 0.0, False),
        (NOW + 0.25, 0.0, True),
        (NOW + 54.9, 0.0, True),
        (NOW + 55, 0.0, False),
        (NOW + 55, 60.0, True),
        (NOW + 115, 60.0, False),
        (NOW - 1, 60.0, False),
    ],
)
def test_a_token_counts_from_its_first_second_to_its_end(
    now: float,
    grace: float,
    fits: bool,  # noqa: FBT001  # a table gives it
) -> None:
    """A grace is for after the end only."""
    if fits:
        assert verify(GOOD, [KEY], site=SITE, now=now, grace=grace)
    else:
        with pytest.raises(TokenError):
            verify(GOOD, [KEY], site=SITE, now=now, grace=grace)


@pytest.mark.parametrize(
    ("rung", "least", "fits"),
    [
        (AccessRung.LOW, AccessRung.LOW, True),
        (AccessRung.LOW, AccessRung.HIGH, False),
        (AccessRung.HIGH, AccessRung.VERY_HIGH, False),
    ],
)
def test_a_lower_rung_opens_nothing_higher(rung: AccessRung, least: AccessRung, fits: bool) -> None:  # noqa: FBT001
    """A token for a public-restricted page is none for a confidential one."""
    token = issue(replace(SESSION, rung=rung), KEY)
    if fits:
        assert verify(token, [KEY], site=SITE, now=NOW + 1, least=least).rung == rung
    else:
        with pytest.raises(TokenError) as caught:
            verify(token, [KEY], site=SITE, now=NOW + 1, least=least)
        assert caught.value.reason is Refused.RUNG


def test_a_session_that_fits_no_cookie_is_not_issued() -> None:
    """Told with what to do, instead of a cookie that a browser drops."""
    many = replace(SESSION, groups=tuple(f"{'g' * 60}{n:03}" for n in range(60)))
    with pytest.raises(UsageError, match="fit into a cookie"):
        issue(many, KEY)
    assert len(GOOD) < MOST_TOKEN_BYTES / 3


def test_the_key_set_is_public() -> None:
    """Nothing of the private half is in it, nor in what a log would show of a key."""
    told = json.loads(key_set([KEY]))["keys"]
    assert [set(key) for key in told] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}]
    assert "PRIVATE" not in repr(KEY)


@pytest.mark.parametrize(
    "pem", [b"", b"x", private_key(ec.SECP384R1())[1], public_pem()], ids=range(4)
)
def test_only_a_private_key_on_its_curve_signs(pem: bytes) -> None:
    """A damaged file, another curve and a public half are refused when they are read."""
    with pytest.raises(UsageError):
        token_key(pem, 0)


def aged(made_at: float) -> TokenKey:
    """Return a new key made then."""
    return token_key(private_key()[1], made_at)


def test_a_new_key_is_published_before_it_signs_and_an_old_one_stays_for_its_tokens() -> None:
    """At no moment is a token signed that is not verified everywhere."""
    old, new = aged(0), aged(1000)
    takes_over = 1000 + ANNOUNCE_SECONDS
    assert current_key([new, old], 999) == old
    assert current_key([new, old], takes_over - 1) == old
    assert current_key([new, old], takes_over) == new
    assert current_key([new], 1000) == new
    # Whoever has been away for less than an hour is not asked again because of a new key.
    last = takes_over + TOKEN_SECONDS + IDLE_SECONDS
    assert kept_keys([new, old], last - 1) == (old, new)
    assert kept_keys([new, old], last) == (new,)
    assert not is_due([old], ROTATE_SECONDS - 1)
    assert is_due([old], ROTATE_SECONDS)
    assert not is_due([old, new], ROTATE_SECONDS)
    assert is_due([], 0)
    with pytest.raises(UsageError, match="no key"):
        current_key([], 0)
