"""Values in a body are masked in place, private keys stop it, and a budget ends floods."""

import json
import time

import pytest

from sealgate.detect.catalogue import Kind
from sealgate.detect.checksums import luhn
from sealgate.inspection.body import BodyScan, look_at_whole
from sealgate.inspection.budget import WINDOW
from sealgate.inspection.detector import ID_MASK, detector_of
from sealgate.inspection.model import WITHHELD, BodyLimits, BodyRefusal, BodyRefusedError, above
from sealgate.policy.classification import DEFAULT_MODEL

PUBLIC = above(DEFAULT_MODEL.weakest, DEFAULT_MODEL)
HASH = b"$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
TOKEN = b"ghp_" + b"a1B2c3D4e5F6" * 3


def scan(limits: BodyLimits | None = None, *, tells: bool = False) -> BodyScan:
    """Return a scan for what a public page may not show."""
    return BodyScan(
        detector_of(PUBLIC),
        limits or BodyLimits(),
        time.thread_time,
        withheld=WITHHELD,
        tells=tells,
    )


def through(body: bytes, size: int = 0) -> tuple[bytes, dict[Kind, int]]:
    """Return what goes on of *body* when it comes in pieces of *size*, and what was found."""
    one = scan()
    out = (
        b"".join(one.feed(body[at : at + size]) for at in range(0, len(body), size or 1 << 30))
        if size
        else one.feed(body)
    )
    return out + one.close(), one.counts


@pytest.mark.parametrize(
    ("kind", "value", "before"),
    [
        (Kind.PAYMENT_CARD, b"4111 1111 1111 1111", b"paid with "),
        (Kind.PAYMENT_CARD, b"378282246310005", b"<td>"),
        (Kind.CARD_VERIFICATION, b"123", b"cvv: "),
        (Kind.IBAN, b"DE89 3704 0044 0532 0130 00", b"to "),
        (Kind.BANK_ACCOUNT, b"12345678", b"account number: "),
        (Kind.DIAGNOSIS, b"E11.9", b"diagnosis: "),
        (Kind.MEDICATION, b"metformin 500 mg", b"takes "),
        (Kind.INSURANCE_NUMBER, b"A123456780", b"insurance number: "),
        (Kind.PATIENT_NUMBER, b"00482910", b"patient no: "),
        (Kind.PASSWORD_HASH, HASH, b"hash "),
        (Kind.ACCESS_TOKEN, TOKEN, b"token "),
    ],
)
def test_each_kind_is_masked_in_place(kind: Kind, value: bytes, before: bytes) -> None:
    """Nothing of a value is left but spaces, and the text around it stays as long as it was."""
    body = b"<p>" + before + value + b" and more</p>"
    out, counts = through(body)
    assert counts == {kind: 1}
    assert len(out) == len(body)
    at = body.index(value)
    assert out[:at] == body[:at]
    assert out[at + len(value) :] == body[at + len(value) :]
    assert set(out[at : at + len(value)]) <= set(b"* -9")
    assert all(through(body, size)[0] == out for size in range(1, 40))


def test_masked_json_is_still_json() -> None:
    """A number stays a number and a text a text, so whoever reads the answer still can."""
    body = json.dumps(
        {
            "card": 4111111111111111,
            "cvv": "123",
            "list": [4012888888881881],
            "iban": "DE89370400440532013000",
        }
    ).encode()
    out, counts = through(body)
    told = json.loads(out)
    assert counts[Kind.PAYMENT_CARD] == 2
    assert told == {
        "card": 9999999999999999,
        "cvv": "***",
        "list": [9999999999999999],
        "iban": "*" * 22,
    }
    assert through(out) == (out, {})


@pytest.mark.parametrize(
    "clean",
    [
        b"",
        b"x",
        b"order 4111 1111 1111 1112 shipped",
        b'<input type="hidden" name="csrf_token" value="9f8b7c6d5e4f3a2b1c0d9f8b7c6d5e4f">',
        b"DE89370400440532013001 is no account",
        b"version 4.1.1.1 of 2026-03-31, call +49 561 123456",
        b"mail anna@shop.example",
        bytes(range(256)) * 50,
    ],
)
def test_clean_bodies_pass_untouched(clean: bytes) -> None:
    """What is no value above the class goes on byte for byte; tokens against forgery, too."""
    for size in (0, 1, 7, 100):
        assert through(clean, size) == (clean, {})


def test_private_key_stops_the_body() -> None:
    """Nothing of a private key goes on, not even its first line."""
    key = (
        b"-----BEGIN RSA PRIVATE KEY-----\n"
        + b"MIIEowIBAAKCAQEA" * 20
        + b"\n-----END RSA PRIVATE KEY-----"
    )
    for size in (1, 33, 4000):
        one, out = scan(), b""
        body = b"before " + key + b"after"
        with pytest.raises(BodyRefusedError) as caught:  # noqa: PT012
            for at in range(0, len(body), size):
                out += one.feed(body[at : at + size])
            one.close()
        assert caught.value.kinds == {Kind.PRIVATE_KEY}
        assert b"-" not in out


def test_value_is_masked_before_its_first_byte_goes_on() -> None:
    """While a value comes byte by byte, no digit of it is let on."""
    one, out = scan(), b""
    for byte in b"<td>4111 1111 1111 1111</td>" + b"." * 300:
        out += one.feed(bytes((byte,)))
        assert b"4111" not in out
    assert out.startswith(b"<td>**** **** **** ****</td>")


def test_flush_lets_whole_lines_go_and_no_more() -> None:
    """After a pause everything up to the last line end goes on; a begun line stays."""
    one = scan()
    assert one.feed(b"data: hello\n\ndata: 4111 11") == b""
    assert one.flush() == b"data: hello\n\n"
    assert one.flush() == b""
    assert one.feed(b"11 1111 1111\n\n") + one.flush() == b"data: **** **** **** ****\n\n"
    assert one.close() == b""


def test_flush_does_not_let_a_begun_key_go() -> None:
    """A private key has many lines, so its first ones wait for what makes it one."""
    one = scan()
    one.feed(b"line\n-----BEGIN PRIVATE KEY-----\n")
    assert b"BEGIN" not in one.flush()
    with pytest.raises(BodyRefusedError):  # noqa: PT012
        one.feed(b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 300)
        one.close()


def test_too_many_candidates_are_refused() -> None:
    """A body that is made of candidates is refused, at the same place however it is cut."""
    flood = b"".join(b"<td>4000 0000 0000 0%03d</td>" % (n % 1000) for n in range(2 * WINDOW // 28))
    for size in (100, 5000, len(flood)):
        one = scan(BodyLimits(candidates=1000))
        with pytest.raises(BodyRefusedError) as caught:  # noqa: PT012
            for at in range(0, len(flood), size):
                one.feed(flood[at : at + size])
        assert caught.value.refusal is BodyRefusal.BUDGET


def test_numbers_that_fail_the_checksum_are_no_candidates() -> None:
    """They are sieved out together, so a table of order numbers goes on, however it is cut."""
    failing = [n for n in range(1000) if not luhn(b"4000000000000%03d" % n)]
    table = b"".join(b"<td>4000000000000%03d</td>" % n for n in failing * 5)
    for size in (100, 5000, len(table)):
        one = scan(BodyLimits(candidates=10))
        out = [one.feed(table[at : at + size]) for at in range(0, len(table), size)]
        assert b"".join((*out, one.close())) == table


def test_body_that_takes_too_long_is_refused() -> None:
    """Processor time is an account of its own: a slow body ends as a flood does."""
    ticks = iter(range(1000))
    one = BodyScan(detector_of(PUBLIC), BodyLimits(cpu_seconds=3.0), lambda: float(next(ticks)))
    with pytest.raises(BodyRefusedError) as caught:  # noqa: PT012
        for _ in range(10):
            one.feed(b"text")
    assert caught.value.refusal is BodyRefusal.BUDGET


def test_body_over_the_limit_is_refused() -> None:
    """More bytes than a body may have are refused, not passed unseen."""
    one = scan(BodyLimits(body_bytes=1000))
    one.feed(b"x" * 1000)
    with pytest.raises(BodyRefusedError):
        one.feed(b"x")


def test_observed_body_is_not_changed_and_each_kind_is_told_once() -> None:
    """Where nothing is enforced, the first find of a kind is enough."""
    one = scan(tells=True)
    body = b"<td>4111 1111 1111 1111</td>" * 50 + b"-----BEGIN PRIVATE KEY-----\n" + b"MIIE" * 50
    assert one.feed(body) + one.close() == body
    assert one.counts == {Kind.PAYMENT_CARD: 1, Kind.PRIVATE_KEY: 1}


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("size", [1, 3, 5000])
def test_text_in_wide_characters_is_refused_by_its_mark(coding: str, size: int) -> None:
    """Whatever the fields say: a browser reads what begins so as UTF-16, where no digits touch."""
    body = ("\N{ZERO WIDTH NO-BREAK SPACE}" + "paid with 4111 1111 1111 1111 " * 100).encode(coding)
    assert look_at_whole(detector_of(PUBLIC), b"\n" + body, 1, time.thread_time) is None
    with pytest.raises(BodyRefusedError) as refused:
        through(body, size)
    assert refused.value.refusal is BodyRefusal.UNREADABLE
    only_later = b"nothing" + body
    assert through(only_later, size)[0] == only_later


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dose", b"500 mg"),
        ("token-mailgun", b" key-0"),
        ("token-twilio", b" SKa"),
    ],
)
def test_anchors_with_wider_classes_find_what_they_are_for(name: str, text: bytes) -> None:
    """Digits and letters are still in their classes, and other bytes of text are not."""
    detector = detector_of(PUBLIC)
    number = detector.names.index(name)
    assert number in {hit & ID_MASK for hit in detector.hits(text)}
    for other in (b"x", b".", b"\n", b" ", b"\x00"):
        changed = text.translate(bytes.maketrans(b"0123456789a", other * 11))
        assert number not in {hit & ID_MASK for hit in detector.hits(changed)}
