"""The first messages of SSH: what is sent, and what is read from anything that may come back."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.audit.ssh import (
    KexInit,
    MalformedSSHError,
    kexinit,
    packet,
    parse_group_bits,
    parse_host_key,
    parse_identification,
    parse_kexinit,
    parse_packet,
    string,
)

LISTS = KexInit(
    kex=("mlkem768x25519-sha256", "curve25519-sha256"),
    host_keys=("ssh-ed25519",),
    ciphers_to_server=("aes256-gcm@openssh.com",),
    ciphers_to_client=("aes256-ctr",),
    macs_to_server=("hmac-sha2-256",),
    macs_to_client=("hmac-sha1",),
    compression_to_server=("none",),
    compression_to_client=("zlib",),
    strict=True,
)
NAME = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789-@."), min_size=1, max_size=20)


def message(kex: str, *others: str) -> bytes:
    """Return a KEXINIT with *kex* and nine other lists."""
    lists = [kex, *others, *[""] * (9 - len(others))]
    return b"\x14" + bytes(16) + b"".join(string(text.encode()) for text in lists) + bytes(5)


def mpint(number: int) -> bytes:
    """Return *number* as RFC 4251, 5 writes it."""
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def reply(*blob: bytes, kind: int = 31) -> bytes:
    """Return the reply of a key exchange with a host key made of *blob*."""
    return bytes([kind]) + string(b"".join(blob)) + string(b"Q_S") + string(b"signature")


@pytest.mark.parametrize(
    ("data", "protocol", "software"),
    [
        (b"SSH-2.0-OpenSSH_10.0p2 Debian-7\r\n", "2.0", "OpenSSH_10.0p2"),
        (b"SSH-1.99-Cisco-1.25\n", "1.99", "Cisco-1.25"),
        (b"Hello!\r\nTwo\r\nSSH-2.0-x\r\n", "2.0", "x"),
    ],
)
def test_identifications(data: bytes, protocol: str, software: str) -> None:
    """Version and program are read, comments and lines before them are not."""
    found = parse_identification(data + b"rest")
    assert found is not None
    assert (found[0].protocol, found[0].software, found[1]) == (protocol, software, b"rest")


@pytest.mark.parametrize("data", [b"", b"SSH-2.0-a", b"some words", b"a line\r\n"])
def test_more_must_come(data: bytes) -> None:
    """An identification that is not there yet is awaited."""
    assert parse_identification(data) is None


@pytest.mark.parametrize(
    "data",
    [b"SSH-2.0\r\n", b"SSH--x\r\n", b"\x16\x03\x01\0", b"x" * 70_000, b"SSH-2.0-" + b"x" * 300],
)
def test_no_ssh(data: bytes) -> None:
    """What can never become an identification is refused, and not read for ever."""
    with pytest.raises(MalformedSSHError):
        parse_identification(data)


def test_lists_are_read_in_both_directions() -> None:
    """Methods lose the signals, and both directions count."""
    payload = message(
        "mlkem768x25519-sha256,curve25519-sha256,ext-info-s,kex-strict-s-v00@openssh.com,"
        "kexguess2@matt.ucc.asn.au",
        "ssh-ed25519",
        "aes256-gcm@openssh.com",
        "aes256-ctr",
        "hmac-sha2-256",
        "hmac-sha1",
        "none",
        "zlib",
    )
    lists = parse_kexinit(payload)
    assert lists == LISTS
    assert lists.ciphers == ("aes256-gcm@openssh.com", "aes256-ctr")
    assert lists.macs == ("hmac-sha2-256", "hmac-sha1")


@pytest.mark.parametrize("size", [0, 1, 16, 17, 40, 90])
def test_a_cut_list_is_malformed(size: int) -> None:
    """A KEXINIT that ends too early is told, wherever it ends."""
    payload = message("curve25519-sha256", "ssh-ed25519", "a", "b", "c", "d", "e", "f")
    assert len(payload) > size
    with pytest.raises(MalformedSSHError):
        parse_kexinit(payload[:size])


def test_another_message_is_no_list() -> None:
    """A server that does not begin with its lists is told."""
    with pytest.raises(MalformedSSHError, match="message 21"):
        parse_kexinit(b"\x15" + message("a")[1:])


@given(st.binary(min_size=1, max_size=5000))
def test_packets_come_back(payload: bytes) -> None:
    """A packet is a multiple of eight bytes, has four of padding at least, and is read again."""
    data = packet(payload)
    assert len(data) % 8 == 0
    assert data[4] >= 4
    assert parse_packet(data + b"next") == (payload, b"next")
    assert all(parse_packet(data[:end]) is None for end in range(0, len(data), 7))


@pytest.mark.parametrize(
    "data", [b"\0\0\0\0\0", b"\0\0\0\x05\x04", b"\0\0\0\x05\x05", b"\x7f\xff\xff\xff\x04"]
)
def test_bad_packets(data: bytes) -> None:
    """Lengths that contradict each other, or claim gigabytes, are refused at once."""
    with pytest.raises(MalformedSSHError):
        parse_packet(data)


@given(kex=NAME, key=NAME)
def test_our_lists_can_be_read(kex: str, key: str) -> None:
    """What is sent offers one method and one host key, and mirrors the server's ciphers."""
    read = parse_kexinit(kexinit(kex, key, LISTS, bytes(16)))
    assert read.ciphers == LISTS.ciphers
    assert read.macs == LISTS.macs
    assert read.host_keys == (key,)


@pytest.mark.parametrize(
    ("blob", "name"),
    [
        ((string(b"ssh-ed25519"), string(bytes(32))), "Ed25519"),
        ((string(b"ssh-rsa"), mpint(65537), mpint(1 << 1023)), "RSA-1024"),
        ((string(b"ssh-rsa"), mpint(65537), mpint(1 << 3071)), "RSA-3072"),
        ((string(b"ssh-dss"), mpint(1 << 1023), mpint(7)), "DSA-1024"),
        ((string(b"ecdsa-sha2-nistp384"), string(b"nistp384")), "ECDSA-384"),
        ((string(b"ssh-ed448"), string(bytes(57))), "Ed448"),
        ((string(b"x-new"),), "x-new"),
    ],
)
def test_host_keys(blob: tuple[bytes, ...], name: str) -> None:
    """Kind and size are read from the key itself, in either kind of reply."""
    assert parse_host_key(reply(*blob)) == name
    assert parse_host_key(reply(*blob, kind=33)) == name


def test_group_exchange() -> None:
    """The length of the prime that the server gives is read."""
    assert parse_group_bits(b"\x1f" + mpint(1 << 2047) + mpint(2)) == 2048
    with pytest.raises(MalformedSSHError):
        parse_group_bits(b"\x01" + mpint(5))


@given(st.binary(max_size=400))
def test_anything_is_read_or_malformed(data: bytes) -> None:
    """No bytes that a server may send raise anything else."""
    for parse in (parse_identification, parse_packet, parse_kexinit, parse_host_key):
        try:
            parse(data)
        except MalformedSSHError:
            continue


@given(st.data())
def test_a_spoilt_message_is_read_or_malformed(data: st.DataObject) -> None:
    """A good message with some bytes changed raises nothing else either."""
    good = data.draw(
        st.sampled_from([message("a,b", "c"), reply(string(b"ssh-rsa"), mpint(3), mpint(99))])
    )
    spoilt = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    for parse in (parse_kexinit, parse_host_key, parse_group_bits):
        try:
            parse(bytes(spoilt))
        except MalformedSSHError:
            continue


def test_the_frame_of_a_packet() -> None:
    """The layout is that of RFC 4253, section 6."""
    assert packet(b"\x14") == struct.pack(">IB", 12, 10) + b"\x14" + bytes(10)
