"""A passkey is registered and proven by what an authenticator really makes, and by nothing less."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sealgate.errors import UsageError
from sealgate.identity.adapters.webauthn import (
    MOST_RESPONSE_BYTES,
    asserted_key,
    assertion_options,
    registration_options,
    verify_assertion,
    verify_registration,
)
from sealgate.identity.passkeys import (
    MOST_ID_BYTES,
    Ceremony,
    Challenge,
    Passkey,
    PasskeyError,
    RelyingParty,
)
from tests.unit.identity.adapters.authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    USER_PRESENT,
    USER_VERIFIED,
    Authenticator,
    b64,
    unb64,
)

NOW = 1_800_000_000.0
PARTY = RelyingParty("shop.example", "https://shop.example", "Shop Ltd")
HANDLE = bytes(range(64))
REGISTER = Challenge(b"r" * 32, Ceremony.REGISTRATION, PARTY.id, "anna", NOW)
ASSERT = Challenge(b"a" * 32, Ceremony.ASSERTION, PARTY.id, "", NOW)
NAMED = replace(ASSERT, name="anna")


def registered(device: Authenticator) -> Passkey:
    """Return the passkey that *device* registers for anna."""
    response = json.dumps(device.register(REGISTER.value))
    return verify_registration(response, REGISTER, PARTY, label="phone", now=NOW)


def proven(device: Authenticator, key: Passkey, challenge: Challenge = ASSERT) -> int:
    """Return the counter after *device* proved *key*."""
    response = json.dumps(device.sign(challenge.value))
    return verify_assertion(response, challenge, PARTY, key, HANDLE)


def test_a_passkey_is_registered_and_proven() -> None:
    """With a counter that grows, and with one that stays 0."""
    device = Authenticator(handle=HANDLE, count=7)
    key = registered(device)
    assert (key.identity, key.site, key.label, key.sign_count) == ("anna", PARTY.id, "phone", 7)
    assert (key.id, key.synced) == (b64(device.id), False)
    device.count = 9
    assert proven(device, key) == 9
    synced = Authenticator(handle=HANDLE)
    synced.flags |= BACKUP_ELIGIBLE | BACKED_UP
    key = registered(synced)
    assert key.synced
    assert proven(synced, key) == proven(synced, key) == 0


def test_an_answer_tells_which_key_and_challenge_it_is_about() -> None:
    """Before anything is proven, so that both can be looked up."""
    device = Authenticator()
    told = asserted_key(json.dumps(device.sign(ASSERT.value)))
    assert told == (b64(device.id), ASSERT.value)


def test_somebody_who_is_known_already_needs_no_handle() -> None:
    """A key that cannot keep one is a second factor; where it is told, it must fit."""
    device = Authenticator()
    key = registered(device)
    assert proven(device, key, NAMED) == 0
    for handle, challenge in ((None, ASSERT), (b"other", NAMED), (b"", NAMED)):
        device.handle = handle
        with pytest.raises(PasskeyError):
            proven(device, key, challenge)


LIES: dict[str, Callable[[Authenticator], None]] = {
    "user not verified": lambda d: setattr(d, "flags", USER_PRESENT),
    "user not present": lambda d: setattr(d, "flags", USER_VERIFIED),
    "neither": lambda d: setattr(d, "flags", 0),
    "impossible backup": lambda d: setattr(d, "flags", d.flags | BACKED_UP),
    "another site": lambda d: setattr(d, "rp_id", "evil.example"),
    "a sub-domain": lambda d: setattr(d, "rp_id", "a.shop.example"),
    "another origin": lambda d: setattr(d, "origin", "https://evil.example"),
    "plain http": lambda d: setattr(d, "origin", "http://shop.example"),
    "another port": lambda d: setattr(d, "origin", "https://shop.example:444"),
    "an origin that begins alike": lambda d: setattr(d, "origin", "https://shop.example.evil"),
    "in a frame": lambda d: d.client.update(crossOrigin=True),
    "in a frame, told as text": lambda d: d.client.update(crossOrigin="true"),
    "a page on top": lambda d: d.client.update(topOrigin="https://evil.example"),
    "another challenge": lambda d: d.client.update(challenge=b64(b"x" * 32)),
    "no challenge": lambda d: d.client.update(challenge=""),
    "a challenge cut off": lambda d: d.client.update(challenge=b64(b"r" * 31)),
    "an unknown kind": lambda d: d.client.update(type="payment.get"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_at_registration_is_refused(lie: Callable[[Authenticator], None]) -> None:
    """By one message that tells nothing of what was sent."""
    device = Authenticator()
    lie(device)
    with pytest.raises(PasskeyError, match="does not prove a passkey"):
        registered(device)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_at_sign_in_is_refused(lie: Callable[[Authenticator], None]) -> None:
    """By a device that was registered truly."""
    device = Authenticator(handle=HANDLE)
    key = registered(device)
    assert proven(device, key) == 0
    lie(device)
    with pytest.raises(PasskeyError, match="does not prove a passkey"):
        proven(device, key)


def test_the_ceremonies_are_not_each_other() -> None:
    """An answer to one is none to the other."""
    device = Authenticator(handle=HANDLE)
    key = registered(device)
    create = json.dumps(device.register(REGISTER.value, "webauthn.get"))
    with pytest.raises(PasskeyError):
        verify_registration(create, REGISTER, PARTY, label="", now=NOW)
    get = json.dumps(device.sign(ASSERT.value, "webauthn.create"))
    with pytest.raises(PasskeyError):
        verify_assertion(get, ASSERT, PARTY, key, HANDLE)


@pytest.mark.parametrize("size", [0, MOST_ID_BYTES + 1, 8000])
def test_no_credential_id_is_longer_than_any_that_is_made(size: int) -> None:
    """WebAuthn, 7.1, step 25; at a sign-in before anything is looked up by it."""
    device = Authenticator(handle=HANDLE, id=bytes(size))
    with pytest.raises(PasskeyError):
        registered(device)
    with pytest.raises(PasskeyError):
        asserted_key(json.dumps(device.sign(ASSERT.value)))


def test_the_longest_credential_id_is_taken() -> None:
    """1,023 bytes."""
    device = Authenticator(handle=HANDLE, id=bytes(MOST_ID_BYTES))
    key = registered(device)
    assert asserted_key(json.dumps(device.sign(ASSERT.value)))[0] == key.id
    assert proven(device, key) == 0


@pytest.mark.parametrize(("held", "told"), [(7, 7), (7, 6), (7, 0), (2**32 - 1, 5)])
def test_a_counter_that_does_not_grow_is_refused(held: int, told: int) -> None:
    """It tells of a copy."""
    device = Authenticator(handle=HANDLE, count=held)
    key = registered(device)
    device.count = told
    with pytest.raises(PasskeyError):
        proven(device, key)


def test_another_key_proves_nothing() -> None:
    """Neither somebody else's device, nor a revoked passkey, nor one of another site or user."""
    device, other = Authenticator(handle=HANDLE), Authenticator(handle=HANDLE)
    key = registered(device)
    other.id = device.id
    for held, with_device, challenge in (
        (key, other, ASSERT),
        (replace(key, revoked_at=NOW), device, ASSERT),
        (replace(key, site="evil.example"), device, ASSERT),
        (replace(key, id=b64(b"other")), device, ASSERT),
        (replace(key, identity="ben"), device, NAMED),
        (replace(key, public=b""), device, ASSERT),
        (replace(key, public=b"\xa0"), device, ASSERT),
    ):
        with pytest.raises(PasskeyError):
            proven(with_device, held, challenge)


def test_a_point_beside_the_curve_is_no_key() -> None:
    """It would be kept, and fail at each sign-in."""
    device = Authenticator()
    response = device.register(REGISTER.value)
    raw = bytearray(unb64(response["response"]["attestationObject"]))
    raw[-1] ^= 1
    response["response"]["attestationObject"] = b64(bytes(raw))
    with pytest.raises(PasskeyError):
        verify_registration(json.dumps(response), REGISTER, PARTY, label="", now=NOW)


def changed(response: dict[str, Any], *path: str, to: object) -> dict[str, Any]:
    """Return *response* with one member otherwise; ``...`` leaves it out."""
    copy: dict[str, Any] = json.loads(json.dumps(response))
    place = copy
    for step in path[:-1]:
        place = place[step]
    if to is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return copy


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (["id"], "AAAA"),
        (["id"], 1),
        (["id"], ...),
        (["rawId"], b64(b"x" * 32)),
        (["rawId"], None),
        (["type"], "password"),
        (["type"], ...),
        (["response"], []),
        (["response"], ...),
        (["response", "clientDataJSON"], "e30"),
        (["response", "clientDataJSON"], "####"),
        (["response", "clientDataJSON"], b64(b"\xff\xfe")),
        (["response", "clientDataJSON"], b64(b"[" * 5000)),
        (["response", "authenticatorData"], ""),
        (["response", "authenticatorData"], b64(b"\0" * 36)),
        (["response", "authenticatorData"], b64(b"\0" * 4000)),
        (["response", "signature"], ""),
        (["response", "signature"], b64(b"\0" * 64)),
        (["response", "signature"], 7),
        (["response", "userHandle"], 7),
        (["response", "userHandle"], "!"),
    ],
)
def test_a_tampered_answer_is_refused(path: list[str], to: object) -> None:
    """Whatever part of it, and nothing else is ever raised."""
    device = Authenticator(handle=HANDLE)
    key = registered(device)
    response = json.dumps(changed(device.sign(ASSERT.value), *path, to=to))
    with pytest.raises(PasskeyError):
        verify_assertion(response, ASSERT, PARTY, key, HANDLE)


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "1", '"x"', "{", "\x00", "{}" * 9, "[" * 60000, "x" * 10**7]
)
def test_what_is_no_answer_is_refused(text: str) -> None:
    """Before the library sees it, or by it."""
    key = registered(Authenticator())
    with pytest.raises(PasskeyError):
        verify_assertion(text, ASSERT, PARTY, key, HANDLE)
    with pytest.raises(PasskeyError):
        verify_registration(text, REGISTER, PARTY, label="", now=NOW)
    with pytest.raises(PasskeyError):
        asserted_key(text)
    assert MOST_RESPONSE_BYTES < 10**6


def test_each_byte_of_a_signed_answer_counts() -> None:
    """One bit changed anywhere in what is signed, and it is refused."""
    device = Authenticator(handle=HANDLE)
    key = registered(device)
    good = device.sign(ASSERT.value)
    for member in ("authenticatorData", "clientDataJSON", "signature"):
        raw = unb64(good["response"][member])
        for at in range(0, len(raw), 3):
            bad = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
            response = json.dumps(changed(good, "response", member, to=b64(bad)))
            with pytest.raises(PasskeyError):
                verify_assertion(response, ASSERT, PARTY, key, HANDLE)


def test_options_ask_for_a_verified_user() -> None:
    """And name the site, the handle, and only living passkeys of this site."""
    key = registered(Authenticator())
    held = [key, replace(key, id=b64(b"b"), revoked_at=NOW), replace(key, site="other.example")]
    options = json.loads(registration_options(REGISTER, PARTY, HANDLE, held))
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    assert options["rp"] == {"id": PARTY.id, "name": PARTY.name}
    assert options["user"]["id"] == b64(HANDLE)
    assert [one["id"] for one in options["excludeCredentials"]] == [key.id]
    assert options["challenge"] == b64(REGISTER.value)
    options = json.loads(assertion_options(ASSERT, PARTY))
    assert (options["userVerification"], options["allowCredentials"]) == ("required", [])
    options = json.loads(assertion_options(NAMED, PARTY, held))
    assert [one["id"] for one in options["allowCredentials"]] == [key.id]


def test_a_label_that_cannot_be_shown_is_refused() -> None:
    """Before anything is verified."""
    with pytest.raises(UsageError):
        verify_registration("{}", REGISTER, PARTY, label="a\x1bb", now=NOW)
