"""Laws of signing in: what holds for every password and every order of attempts."""

from __future__ import annotations

import unicodedata
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from sealgate.errors import UsageError
from sealgate.identity.passwords import (
    LEAST_CHARACTERS,
    MOST_BYTES,
    checked_choice,
    prepared,
)
from sealgate.identity.ssh_keys import read_ssh_key
from sealgate.identity.throttle import (
    FREE_OF_ADDRESS,
    FREE_OF_PAIR,
    LEAST_DELAY_SECONDS,
    MOST_DELAY_SECONDS,
    Throttle,
    delay_after,
    prefix,
)

NAMES = st.sampled_from(["anna", "bob", "carla"])
ADDRESSES = st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"])
SPACES = "".join(chr(c) for c in range(0x3001) if unicodedata.category(chr(c)) == "Zs")


@given(st.text())
def test_preparing_twice_changes_nothing(password: str) -> None:
    """What was prepared is its own preparation (RFC 8265, 4.2.2, wants it stable)."""
    ready = prepared(password)
    assert ready is None or prepared(ready) == ready


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x2FFF)))
def test_every_form_of_one_text_is_one_password(password: str) -> None:
    """Composed or decomposed, with any kind of space: the same, or none for both."""
    forms = {prepared(unicodedata.normalize(form, password)) for form in ("NFC", "NFD")}
    assert len(forms) == 1
    for space in SPACES:
        assert prepared(f"a{space}b") == "a b"


@given(st.text(max_size=40), st.text(min_size=1, max_size=20))
def test_what_may_be_chosen_can_be_typed_again(password: str, name: str) -> None:
    """A choice is refused with a reason, or is the preparation and long enough."""
    try:
        chosen = checked_choice(name, password)
    except UsageError:
        return
    assert chosen == prepared(password)
    assert len(chosen) >= LEAST_CHARACTERS
    assert len(chosen.encode()) <= MOST_BYTES


@given(st.integers(0, 10**6), st.integers(1, 100))
def test_delays_only_grow(failures: int, free: int) -> None:
    """One failure more never waits less; before the free ones are used up nothing waits."""
    now, then = delay_after(failures, free), delay_after(failures + 1, free)
    assert now <= then <= MOST_DELAY_SECONDS
    assert (now == 0) == (failures < free)
    assert now == 0 or now >= LEAST_DELAY_SECONDS


STEPS = st.lists(
    st.tuples(NAMES, ADDRESSES, st.booleans(), st.floats(0, 2000)), min_size=1, max_size=200
)


@given(STEPS)
def test_no_order_of_attempts_gives_more_tries_than_are_due(
    steps: list[tuple[str, str, bool, float]],
) -> None:
    """
    Within any one second, wrong tries of a pair are at most the free ones and one more.

    The same holds of all other names at an address that has never succeeded.
    """
    throttle, now = Throttle(), 0.0
    pairs: Counter[tuple[str, str]] = Counter()
    places: Counter[str] = Counter()
    usual: set[tuple[str, str]] = set()
    for name, address, right, pause in steps:
        if pause >= LEAST_DELAY_SECONDS:
            pairs.clear()
            places.clear()
            now += pause
        place = prefix(address)
        if throttle.attempt(name, address, now) > 0:
            continue
        if right:
            throttle.succeeded(name, address, now)
            usual.add((name, place))
            pairs[name, place] = 0
            continue
        pairs[name, place] += 1
        assert pairs[name, place] <= FREE_OF_PAIR
        if (name, place) not in usual:
            places[place] += 1
            assert places[place] <= FREE_OF_ADDRESS


@given(STEPS)
def test_what_others_do_never_delays_a_usual_pair(
    steps: list[tuple[str, str, bool, float]],
) -> None:
    """Anna signed in at home: nothing that anybody does elsewhere or as somebody else counts."""
    throttle, now = Throttle(), 0.0
    throttle.attempt("anna", "192.0.2.1", now)
    throttle.succeeded("anna", "192.0.2.1", now)
    for name, address, right, pause in steps:
        if (name, address) != ("anna", "192.0.2.1") and (
            throttle.attempt(name, address, now) == 0 and right
        ):
            throttle.succeeded(name, address, now)
        now += pause
    assert throttle.attempt("anna", "192.0.2.1", now) == 0


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 2**32 - 1), st.booleans())),
    st.integers(1, 20),
)
def test_memory_is_bounded_by_what_was_allowed(
    steps: list[tuple[int, int, bool]], most: int
) -> None:
    """No order of names and addresses keeps more than the most of each kind."""
    throttle = Throttle(most_entries=most)
    for number, (name, address, right) in enumerate(steps):
        dotted = ".".join(str(byte) for byte in address.to_bytes(4))
        if throttle.attempt(str(name), dotted, number) == 0 and right:
            throttle.succeeded(str(name), dotted, number)
        assert len(throttle) <= 5 * most


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.tuples(
            st.sampled_from([b"ssh-ed25519", b"ssh-rsa", b"ecdsa-sha2-nistp256", b"ssh-dss"]),
            st.from_regex(rb"[A-Za-z0-9+/]{0,120}={0,2}", fullmatch=True),
        ).map(b" ".join),
    )
)
def test_no_bytes_make_the_reader_of_keys_fail(content: bytes) -> None:
    """Any file is a key or is refused with a reason; nothing else is ever raised."""
    try:
        key = read_ssh_key(content, "anna", 0)
    except UsageError:
        return
    assert read_ssh_key(key.line.encode(), "anna", 0) == key
