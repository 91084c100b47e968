"""The raw hello: what is sent, and what is read from anything that may come back."""

from __future__ import annotations

import ssl
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.audit.hello import (
    Flight,
    MalformedAnswerError,
    Offer,
    Version,
    client_hello,
    parse_flight,
    parse_ssl2,
    ssl2_hello,
)
from sealgate.audit.suites import GROUPS, OLDER_SUITES, TLS_1_3_SUITES, X25519MLKEM768

RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


def record(kind: int, body: bytes) -> bytes:
    """Return one record."""
    return struct.pack(">BHH", kind, 0x0303, len(body)) + body


def message(kind: int, body: bytes) -> bytes:
    """Return one handshake message."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def server_hello(version: int, suite: int, random: bytes, extensions: bytes = b"") -> bytes:
    """Return a ServerHello message with *extensions* as they are."""
    tail = len(extensions).to_bytes(2, "big") + extensions if extensions else b""
    return message(
        2, struct.pack(">H", version) + random + b"\0" + struct.pack(">HB", suite, 0) + tail
    )


def retry(group: int) -> bytes:
    """Return a HelloRetryRequest that asks for *group*."""
    extensions = struct.pack(">HHHHHH", 43, 2, 0x0304, 51, 2, group)
    return record(22, server_hello(0x0303, 0x1301, RETRY, extensions))


@pytest.mark.parametrize("version", [v for v in Version if v != Version.SSL_3_0])
def test_a_tls_library_understands_the_hello(version: Version) -> None:
    """A real server reads each hello as far as it likes the offer: it never says "decode error"."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    suites = TLS_1_3_SUITES if version == Version.TLS_1_3 else OLDER_SUITES
    offer = Offer(version, suites, tuple(GROUPS), "shop.example")
    incoming.write(client_hello(offer, bytes(64)))
    # Without a certificate the server cannot go on, and says so only after parsing.
    with pytest.raises(
        ssl.SSLError, match=r"(?i)no.shared.cipher|no.suitable|unsupported.protocol"
    ):
        server.do_handshake()


def test_an_address_is_no_server_name() -> None:
    """SNI holds host names only (RFC 6066, 3)."""
    named = client_hello(Offer(Version.TLS_1_2, [1], [23], "shop.example"), bytes(64))
    bare = client_hello(Offer(Version.TLS_1_2, [1], [23], "127.0.0.1"), bytes(64))
    assert b"shop.example" in named
    assert b"127.0.0.1" not in bare


def test_a_retry_tells_suite_and_group() -> None:
    """A HelloRetryRequest is the whole answer: the rest would be encrypted."""
    flight = parse_flight(retry(X25519MLKEM768))
    assert flight.complete
    assert flight.hello is not None
    assert (flight.hello.version, flight.hello.suite) == (Version.TLS_1_3, 0x1301)
    assert flight.group == X25519MLKEM768


def test_below_tls_1_3_the_flight_goes_on() -> None:
    """The curve comes behind the hello; a request for a certificate is passed over."""
    messages = (
        server_hello(0x0303, 0xC02F, bytes(32))
        + message(12, b"\x03\x00\x17" + b"\x04abcd")
        + message(13, b"\x01\x40\x00\x00")
        + message(14, b"")
    )
    # Messages may be cut anywhere into records.
    whole = record(22, messages[:50]) + record(22, messages[50:])
    flight = parse_flight(whole)
    assert flight == Flight(flight.hello, None, 0x17, complete=True)
    assert not parse_flight(whole[:-1]).complete


def test_finite_field_groups_have_no_name() -> None:
    """A Diffie-Hellman key exchange below TLS 1.3 names no group."""
    messages = server_hello(0x0301, 0x0033, bytes(32)) + message(12, b"\x01\x00" + bytes(300))
    assert parse_flight(record(22, messages + message(14, b""))).group is None


@pytest.mark.parametrize(
    ("prime", "bits"),
    [
        (b"\x00\x80" + b"\xff" * 128, 1024),
        (b"\x00\x81\x00" + b"\xff" * 128, 1024),
        (b"\x01\x00" + b"\xff" * 256, 2048),
        (b"\x01\x00\xff", None),
        (b"", None),
    ],
)
def test_the_length_of_a_prime_is_told(prime: bytes, bits: int | None) -> None:
    """Zeros in front do not count; a prime that is not whole tells nothing."""
    messages = server_hello(0x0303, 0x009E, bytes(32)) + message(12, prime) + message(14, b"")
    assert parse_flight(record(22, messages)).prime_bits == bits


def test_a_warning_is_no_end() -> None:
    """After unrecognized_name as a warning the hello still follows; a fatal alert ends it."""
    warned = record(21, b"\x01\x70") + retry(29)
    assert parse_flight(warned).group == 29
    assert parse_flight(record(21, b"\x02\x28")) == Flight(None, 40, None, complete=True)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"SSH-2.0-OpenSSH_10.0\r\n",
        b"\x16\x02\x00\x00\x05",
        record(22, message(11, b"")),
        record(22, message(2, b"\x03\x03")),
        record(22, server_hello(0x0303, 0x1301, RETRY)),
        record(22, server_hello(0x0303, 1, bytes(32), b"\x00\x2b\x00\x09")),
        record(22, b"\x02\xff\xff\xff"),
    ],
)
def test_what_is_no_tls_is_said_to_be_none(data: bytes) -> None:
    """Other protocols and broken messages raise the one error that probes know."""
    with pytest.raises(MalformedAnswerError):
        parse_flight(data)


PIECES = st.one_of(
    st.binary(max_size=60),
    st.builds(record, st.sampled_from([20, 21, 22, 23, 99]), st.binary(max_size=80)),
    st.builds(lambda k, b: record(22, message(k, b)), st.integers(0, 24), st.binary(max_size=90)),
    st.builds(
        lambda v, e: record(22, server_hello(v, 0x1301, RETRY, e)),
        st.integers(0, 0xFFFF),
        st.binary(max_size=40),
    ),
)


@given(st.lists(PIECES, max_size=5).map(b"".join))
def test_any_bytes_give_an_answer_or_the_error(data: bytes) -> None:
    """Nothing that a hostile server sends makes the parser raise anything else."""
    try:
        flight = parse_flight(data)
    except MalformedAnswerError:
        return
    assert flight.hello is None or 0 <= flight.hello.suite <= 0xFFFF


@given(st.integers(0, 300), st.integers(0, 255))
def test_a_flipped_byte_gives_an_answer_or_the_error(position: int, value: int) -> None:
    """The same of an answer that is nearly right."""
    good = bytearray(
        retry(29) + record(22, server_hello(0x0303, 0xC02F, bytes(32)) + message(14, b""))
    )
    good[position % len(good)] = value
    try:
        parse_flight(bytes(good))
    except MalformedAnswerError:
        return


@given(st.integers(0, 200))
def test_a_prefix_is_never_malformed(length: int) -> None:
    """Of a right answer every beginning only waits for more."""
    whole = record(22, server_hello(0x0303, 0xC02F, bytes(32)) + message(14, b""))
    flight = parse_flight(whole[:length])
    assert flight.complete == (length >= len(whole))


def test_ssl_2_has_a_hello_of_its_own() -> None:
    """The length stands in 15 bits before it, and every cipher that SSL 2.0 had is offered."""
    said = ssl2_hello(bytes(16))
    assert said[0] == 0x80
    assert said[1] == len(said) - 2
    assert said[2:5] == b"\x01\x00\x02"
    assert b"\x01\x00\x80" in said
    assert len(said) == 2 + 9 + 3 * 7 + 16


@pytest.mark.parametrize(
    ("answer", "ciphers"),
    [
        (
            b"\x80\x13\x04\x00\x01\x00\x02\x00\x02\x00\x06\x00\x00MM\x01\x00\x80\x07\x00\xc0",
            (0x010080, 0x0700C0),
        ),
        (b"\x80\x0b\x04\x00\x01\x00\x02\x00\x00\x00\x00\x00\x00", ()),
        (b"\x15\x03\x01\x00\x02\x02\x46", None),
        (b"\x80\x03\x00\x00\x01", None),
        (b"\x80\x0b\x04\x00\x01\x03\x01\x00\x00\x00\x00\x00\x00", None),
        (b"\x80\x13\x04\x00\x01\x00\x02\x00\x02\x00\x06\x00\x00MM\x01", None),
        (b"HTTP/1.1 400 Bad Request\r\n", None),
        (b"", None),
    ],
)
def test_what_ssl_2_answers(answer: bytes, ciphers: tuple[int, ...] | None) -> None:
    """A SERVER-HELLO is told apart from everything else, also when it has no cipher in common."""
    assert parse_ssl2(answer) == ciphers


def test_an_identity_hint_stands_before_a_prime() -> None:
    """Of DHE_PSK the prime is measured, and not what the server says of its secrets."""
    hello = bytes([3, 3]) + bytes(32) + b"\x00" + b"\x00\xaa" + b"\x00"
    prime = bytes([0x80]) + bytes(127)
    exchange = b"\x00\x04hint" + b"\x00\x80" + prime + b"\x00\x01\x02" + b"\x00\x01\x04"
    flight = b"".join(
        bytes([kind]) + len(body).to_bytes(3, "big") + body
        for kind, body in ((2, hello), (12, exchange), (14, b""))
    )
    told = parse_flight(b"\x16\x03\x03" + len(flight).to_bytes(2, "big") + flight)
    assert told.prime_bits == 1024
