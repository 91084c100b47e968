"""What holds for every text: however it is cut, whatever it is made of."""

from __future__ import annotations

import random
import string
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.assess import corpus
from sealgate.detect import Kind
from sealgate.detect.columns import judge_column
from sealgate.detect.mask import mask_text, mask_value
from sealgate.detect.model import Match
from sealgate.detect.scanner import Scanner

_LAX = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def scanner() -> Scanner:
    """Return the one scanner of this module."""
    return Scanner()


@cache
def tight_scanner() -> Scanner:
    """Return a scanner whose budget is used up at once."""
    return Scanner(budget=2)


def in_pieces(scan: Scanner, data: bytes, cuts: list[int]) -> tuple[list[Match], int]:
    """Scan *data* cut at *cuts*."""
    stream = scan.stream()
    found: list[Match] = []
    last = 0
    for cut in [*sorted(c % (len(data) + 1) for c in cuts), len(data)]:
        found += stream.feed(data[last:cut])
        last = max(last, cut)
    found += stream.close()
    return found, stream.unconfirmed


_FRAGMENTS = st.sampled_from(
    [
        b"anna@example.com",
        b"DE89 3704 0044 0532 0130 00",
        b"4111 1111 1111 1111",
        b"password=hunter2",
        b'"pwd": "a b"',
        b"+49 30 901820",
        b"SSN 536-90-4399",
        b"12 Main Street",
        b"Herr M\xc3\xbcller",
        b"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49",
        b"85.214.132.117",
        b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
        b"born 1.2.1984",
        b" ",
        b"\n",
        b",",
        b"=",
        b"\xff\x00",
    ]
)
_TEXTS = st.lists(st.one_of(_FRAGMENTS, st.binary(max_size=12)), max_size=60).map(b"".join)


@_LAX
@given(_TEXTS, st.lists(st.integers(0, 5000), max_size=12))
def test_cutting_changes_nothing(data: bytes, cuts: list[int]) -> None:
    """A stream finds in pieces what a scan finds in one."""
    assert in_pieces(scanner(), data, cuts)[0] == scanner().scan(data)


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.lists(st.integers(0, 900_000), max_size=8), _TEXTS)
def test_cutting_changes_nothing_over_many_blocks(seed: int, cuts: list[int], odd: bytes) -> None:
    """The same over several blocks, where a value may lie on the border of two."""
    rng = random.Random(seed)  # noqa: S311 - made-up values
    shift = b"x" * rng.randint(0, 600)
    data = (
        shift + corpus.text("mixed", 300_000, seed) + odd + corpus.text("mixed", 300_000, seed + 1)
    )
    whole = scanner().examine(data)
    assert in_pieces(scanner(), data, cuts) == (whole.matches, whole.unconfirmed)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 3_000_000), max_size=6), st.integers(0, 40))
def test_cutting_changes_nothing_beyond_the_budget(cuts: list[int], count: int) -> None:
    """What a used-up budget leaves unconfirmed is the same too, and is always told."""
    data = (b"a@b.example " * count + b"x" * 300_000) * 5
    whole = tight_scanner().examine(data)
    assert in_pieces(tight_scanner(), data, cuts) == (whole.matches, whole.unconfirmed)
    assert len(whole.matches) + whole.unconfirmed == 5 * count


@_LAX
@given(st.binary(max_size=2000))
def test_any_bytes_are_read(data: bytes) -> None:
    """No bytes make the scanner fail, and its matches are in order, apart and inside the text."""
    end = 0
    for match in scanner().scan(data):
        assert end <= match.start < match.end <= len(data)
        end = match.end


@_LAX
@given(st.text(max_size=200))
def test_a_masked_place_is_quiet(place: str) -> None:
    """Masking a place never fails, and masking it again changes nothing that matters."""
    masked = mask_text(place, scanner())
    assert not [
        m for m in scanner().scan(masked.encode("utf-8", "surrogateescape")) if m.confidence > 2
    ]


@given(
    st.sampled_from(sorted(set(Kind) - {Kind.PAYMENT_CARD})),
    st.binary(max_size=80),
    st.binary(max_size=80),
)
def test_a_mask_tells_kind_and_length_class_only(kind: Kind, one: bytes, other: bytes) -> None:
    """Two values of one kind and length have one masked form, so the mask tells nothing else."""
    assert mask_value(kind, one[: len(other)].ljust(len(other))) == mask_value(kind, other)


@given(st.integers(0, 2**32))
def test_a_card_shows_its_last_four_only(seed: int) -> None:
    """Of a card's digits only the last four are in its masked form."""
    card = corpus.luhn_number(random.Random(seed))  # noqa: S311 - made-up values
    masked = mask_value(Kind.PAYMENT_CARD, card.encode())
    assert "".join(c for c in masked if c.isdigit()) == card[-4:]


# No key word of any language is made of these letters alone.
_NEUTRAL = "bdfgjkqvwxz"


def _noise(rng: random.Random) -> str:
    words = ["".join(rng.choices(_NEUTRAL, k=rng.randint(3, 9))) for _ in range(rng.randint(0, 30))]
    return " ".join(words)


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.digits, k=count))


def _alnum(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.ascii_letters + string.digits, k=count - 1)) + "7"


def _planted(rng: random.Random) -> list[tuple[Kind, str, str]]:
    """Return made-up valid values: kind, the words before it, the value."""
    name = "".join(rng.choices(_NEUTRAL, k=rng.randint(3, 10)))
    return [
        (Kind.EMAIL, "", f"{name}.{_digits(rng, 2)}@{name}.example.org"),
        (Kind.IBAN, "", corpus.iban_number(rng)),
        (Kind.PAYMENT_CARD, "", corpus.luhn_number(rng, rng.choice(["4", "51", "55", "2221"]))),
        (Kind.PAYMENT_CARD, "", corpus.luhn_number(rng, rng.choice(["34", "37"]), 15)),
        (Kind.CARD_VERIFICATION, "cvv: ", _digits(rng, 3)),
        (Kind.PHONE, "", f"+4930{rng.randint(1000000, 9999999)}"),
        (Kind.PHONE, "", f"({rng.randint(2, 9)}02) {rng.randint(200, 999)}-{_digits(rng, 4)}"),
        (
            Kind.IP_ADDRESS,
            "",
            f"{rng.randint(20, 99)}.{rng.randint(10, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}",
        ),
        (Kind.PASSWORD, "password=", name + _digits(rng, 3) + "!"),
        (Kind.PASSWORD_HASH, "", "$2y$10$" + _alnum(rng, 53)),
        (Kind.ACCESS_TOKEN, "", "ghp_" + _alnum(rng, 36)),
        (Kind.ACCESS_CODE, "PIN: ", _digits(rng, 6)),
        (Kind.SESSION_ID, "PHPSESSID=", rng.randbytes(16).hex()),
        (
            Kind.BIRTH_DATE,
            "born on ",
            f"{rng.randint(1, 28)}.{rng.randint(1, 12)}.19{rng.randint(40, 99)}",
        ),
        (
            Kind.DIAGNOSIS,
            "diagnosis: ",
            f"{rng.choice('ACEFJ')}{_digits(rng, 2)}.{rng.randint(0, 9)}",
        ),
        (Kind.STREET_ADDRESS, "", f"{name.capitalize()}straße {rng.randint(1, 200)}"),
        (Kind.INSURANCE_NUMBER, "insurance number: ", "A" + _digits(rng, 9)),
        (Kind.PATIENT_NUMBER, "patient id: ", "P" + _digits(rng, 7)),
        (Kind.BANK_ACCOUNT, "account number: ", "1" + _digits(rng, 8)),
        (Kind.BIC, "BIC: ", "DEUTDEFF" + _digits(rng, 3)),
        (Kind.LOGIN, "username=", name + "x"),
        (Kind.PERSON_NAME, "Frau ", "Xa" + name + " Ya" + name),
    ]


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32))
def test_every_planted_value_is_found(seed: int) -> None:
    """A valid value of each kind is found, whatever neutral words stand around it."""
    rng = random.Random(seed)  # noqa: S311 - made-up values
    for kind, words, value in _planted(rng):
        text = f"{_noise(rng)}. {words}{value}; {_noise(rng)}"
        start = len(text[: text.index(value)].encode())
        found = [m for m in scanner().scan(text.encode()) if m.kind is kind]
        assert [(m.start, m.end) for m in found] == [(start, start + len(value.encode()))], (
            text,
            found,
        )


@_LAX
@given(st.text(max_size=30), st.lists(st.text(max_size=30), max_size=20), st.integers(0, 10**9))
def test_any_column_is_judged(name: str, values: list[str], total: int) -> None:
    """No name and no values make the judge fail, and no count is above the number of rows."""
    verdict = judge_column(name, values, max(total, len(values)))
    assert 0 <= verdict.count <= max(total, len(values))
    assert 0 <= verdict.filled <= max(total, len(values))
