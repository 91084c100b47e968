"""Who fails to sign in waits, and a stranger makes nobody else wait at their usual address."""

import itertools

import pytest

from sealgate.identity.throttle import (
    FORGOTTEN_AFTER_SECONDS,
    FREE_OF_ADDRESS,
    FREE_OF_NAME,
    FREE_OF_PAIR,
    MOST_DELAY_SECONDS,
    USUAL_FOR_SECONDS,
    Throttle,
    delay_after,
    prefix,
)

HOME, ELSEWHERE = "192.0.2.7", "198.51.100.9"


def fail(throttle: Throttle, name: str, address: str, now: float, times: int) -> float:
    """Fail so many times, waiting as long as is asked for; return when that was done."""
    for _ in range(times):
        while (wait := throttle.attempt(name, address, now)) > 0:
            now += wait
    return now


def test_a_few_mistakes_cost_nothing_and_then_each_costs_double() -> None:
    """Five tries, then 1, 2, 4 … seconds up to 15 minutes."""
    throttle = Throttle()
    assert [throttle.attempt("anna", HOME, 0) for _ in range(FREE_OF_PAIR)] == [0] * FREE_OF_PAIR
    now, waits = 0.0, []
    for _ in range(12):
        waits.append(throttle.attempt("anna", HOME, now))
        now += waits[-1]
        assert throttle.attempt("anna", HOME, now) == 0
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_a_thousand_attempts_at_once_are_not_a_thousand_tries() -> None:
    """An attempt counts before its password is checked."""
    throttle = Throttle()
    allowed = [throttle.attempt("anna", HOME, 0) == 0 for _ in range(1000)]
    assert sum(allowed) == FREE_OF_PAIR


def test_success_ends_the_waiting_of_that_pair() -> None:
    """The right password is a new beginning for who gave it."""
    throttle = Throttle()
    now = fail(throttle, "anna", HOME, 0, FREE_OF_PAIR)
    assert throttle.attempt("anna", HOME, now) > 0
    now += 1
    assert throttle.attempt("anna", HOME, now) == 0
    throttle.succeeded("anna", HOME, now)
    assert throttle.attempt("anna", HOME, now) == 0


def test_many_names_from_one_address_make_the_address_wait() -> None:
    """Spraying one password over many names is counted for the address."""
    throttle = Throttle()
    for number in range(FREE_OF_ADDRESS):
        assert throttle.attempt(f"user{number}", HOME, 0) == 0
    assert throttle.attempt("somebody", HOME, 0) > 0
    assert throttle.waiting(HOME, 0) > 0
    assert throttle.attempt("somebody", ELSEWHERE, 0) == 0
    assert throttle.waiting(ELSEWHERE, 0) == 0


def test_an_account_of_ones_own_buys_no_tries_at_others() -> None:
    """A success takes back its own attempt and none of those at other names."""
    throttle = Throttle()
    tried = 0
    for number in range(100):
        tried += throttle.attempt(f"victim{number}", HOME, 0) == 0
        if throttle.attempt("mallory", HOME, 0) == 0:
            throttle.succeeded("mallory", HOME, 0)
            throttle.succeeded("mallory", HOME, 0)
    assert tried == FREE_OF_ADDRESS


def test_one_name_from_many_addresses_is_counted_for_the_name() -> None:
    """A botnet gets a hundred tries at an account before each further one costs."""
    throttle = Throttle()
    addresses = (f"10.0.{high}.{low}" for high, low in itertools.product(range(9), range(250)))
    allowed = sum(throttle.attempt("anna", address, 0) == 0 for address in addresses)
    assert allowed == FREE_OF_NAME


def test_strangers_do_not_lock_a_user_out_of_the_usual_address() -> None:
    """Where anna signed in before, neither a botnet nor a neighbour's mistakes make her wait."""
    throttle = Throttle()
    throttle.attempt("anna", HOME, 0)
    throttle.succeeded("anna", HOME, 0)
    for number in range(500):
        throttle.attempt("anna", f"10.0.0.{number % 250}", 1)
        throttle.attempt(f"other{number}", HOME, 1)
    assert throttle.attempt("bob", HOME, 1) > 0
    assert throttle.waiting(HOME, 1) == 0
    assert throttle.attempt("anna", HOME, 1) == 0
    assert throttle.attempt("anna", ELSEWHERE, 1) > 0
    assert throttle.attempt("bob", HOME, 1 + USUAL_FOR_SECONDS) == 0


def test_failures_are_forgotten() -> None:
    """A day without one, and everything is as new."""
    throttle = Throttle()
    now = fail(throttle, "anna", HOME, 0, 12)
    assert throttle.attempt("anna", HOME, now + FORGOTTEN_AFTER_SECONDS) == 0


def test_a_clock_that_is_set_back_makes_nobody_wait_longer() -> None:
    """A step of a year costs the delay that was due and no year."""
    throttle = Throttle()
    now = fail(throttle, "anna", HOME, 1e9, FREE_OF_PAIR + 3)
    assert 0 < throttle.attempt("anna", HOME, now - 3e7) <= MOST_DELAY_SECONDS


def test_memory_is_bounded() -> None:
    """However many names and addresses come, no more entries are kept than were allowed."""
    throttle = Throttle(most_entries=50)
    for number in range(5000):
        address = f"10.{number // 250}.0.{number % 250}"
        if throttle.attempt(f"n{number}", address, number) == 0 and number % 3 == 0:
            throttle.succeeded(f"n{number}", address, number)
    assert len(throttle) <= 5 * 50


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_an_address_is_what_one_customer_has(address: str, counted: str) -> None:
    """A whole IPv4 address, an IPv6 /64; mapped addresses are what they map."""
    assert prefix(address) == counted


def test_delays_have_an_end() -> None:
    """Any number of failures waits at most 15 minutes, without an overflow."""
    assert delay_after(4, 5) == 0
    assert delay_after(10**9, 5) == MOST_DELAY_SECONDS
