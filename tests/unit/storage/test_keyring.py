"""The ring of the site's keys: one is current, retired ones stay."""

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from hypothesis import given
from hypothesis import strategies as st

from sealgate.storage.keyring import (
    DAY,
    ROTATE_AFTER_DAYS,
    Keyring,
    SiteKey,
    record_key,
    site_key,
)

FIRST = site_key("age1first", 1000.0)


def test_a_new_key_takes_the_place_of_the_current_one() -> None:
    """The old one is retired at that moment and still found."""
    ring = Keyring((FIRST,))
    assert ring.current == FIRST
    grown = ring.with_new(site_key("age1second", 2000.0), 2000.0)
    assert grown.current.recipient == "age1second"
    assert [key.retired_at for key in grown.keys] == [2000.0, None]
    assert grown.find(FIRST.id) == SiteKey(FIRST.id, 1000.0, 2000.0, "age1first")
    assert grown.find("00000000") is None


@pytest.mark.parametrize(
    "keys",
    [
        (),
        (FIRST, site_key("age1second", 2000.0)),
        (site_key("age1second", 2000.0, 3000.0),),
        (FIRST, site_key("age1second", 2000.0, 3000.0)),
        (site_key("age1first", 1.0, 2.0), FIRST),
    ],
)
def test_a_ring_without_one_current_key_is_none(keys: tuple[SiteKey, ...]) -> None:
    """None, two, the wrong one, or one key twice: refused."""
    with pytest.raises(ValueError, match="a keyring"):
        Keyring(keys)


def test_a_key_gets_old() -> None:
    """After a year it is due; a clock that was set back makes no age."""
    ring = Keyring((FIRST,))
    assert not ring.is_due(1000.0 + ROTATE_AFTER_DAYS * DAY - 1)
    assert ring.is_due(1000.0 + ROTATE_AFTER_DAYS * DAY)
    assert FIRST.age_days(0.0) == 0
    assert FIRST.age_days(1000.0 + 2 * DAY) == 2


def test_an_id_is_made_from_the_recipient() -> None:
    """Eight hex digits of its SHA-256."""
    assert FIRST.id == "e3f315ad"
    assert site_key("age1first", 5.0).id == FIRST.id


@given(st.binary(min_size=32, max_size=64))
def test_the_record_key_is_hkdf(secret: bytes) -> None:
    """RFC 5869 with SHA-256 and no salt, written out: extract, then one block of expand."""

    def mac(key: bytes, data: bytes) -> bytes:
        context = hmac.HMAC(key, hashes.SHA256())
        context.update(data)
        return context.finalize()

    extracted = mac(bytes(32), secret)
    assert record_key(secret) == mac(extracted, b"sealgate/record-key/1\x01")


def test_a_short_secret_is_refused() -> None:
    """What is shorter than the key cannot make it."""
    with pytest.raises(ValueError, match="too short"):
        record_key(b"x" * 31)
