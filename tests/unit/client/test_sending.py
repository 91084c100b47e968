"""The client's own decisions: the class of a file, and whether a channel is enough for it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from sealgate.client.sending import (
    ChannelRefusedError,
    check_channel,
    class_to_send,
    needed_rung,
    needs_sealing,
)
from sealgate.errors import UsageError
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.protection import Protection, TransitRung
from sealgate.policy.rules import find_rule
from sealgate.protocols.authorize import transit_rung
from sealgate.protocols.ftps.transit import FTPS
from sealgate.protocols.model import Channel, Method
from sealgate.protocols.ssh.transit import SFTP

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
SSH = Channel(
    SFTP,
    "192.0.2.1",
    "SSH-2.0",
    "mlkem768x25519-sha256",
    "aes256-gcm@openssh.com",
    strict_kex=True,
)
TLS = Channel(FTPS, "192.0.2.1", "TLSv1.3", "X25519MLKEM768", "TLS_AES_256_GCM_SHA384")
KEY = frozenset([Method.PUBLIC_KEY])
CERTIFICATE = frozenset([Method.CLIENT_CERTIFICATE])
PASSWORD = frozenset([Method.PASSWORD])


def test_the_class_that_was_found_is_the_class() -> None:
    """Nothing asked for, nothing changed; a stricter class needs no reason."""
    assert class_to_send("x", CONFIDENTIAL, None, None) is CONFIDENTIAL
    assert class_to_send("x", PUBLIC, SECRET, None) is SECRET
    assert class_to_send("x", SECRET, SECRET, None) is SECRET


def test_a_weaker_class_takes_a_reason() -> None:
    """Without one it is refused with the option to type; blanks are none."""
    for because in (None, "", "  "):
        with pytest.raises(UsageError, match="takes a reason") as caught:
            class_to_send("x", CONFIDENTIAL, PUBLIC, because)
        assert "--because" in (caught.value.hint or "")
    assert class_to_send("x", CONFIDENTIAL, PUBLIC, "test data") is PUBLIC


def test_what_a_class_needs() -> None:
    """Somebody always signs in, so no channel is ever below "encrypted"; secret leaves sealed."""
    assert [needed_rung(c.required) for c in DEFAULT_MODEL.classes] == [2, 2, 2, 3]
    assert [needs_sealing(c.required) for c in DEFAULT_MODEL.classes] == [False] * 3 + [True]
    assert needed_rung(Protection.of(0, 0, 0)) == 2


@pytest.mark.parametrize(
    ("channel", "methods", "rung", "rule"),
    [
        (replace(SSH, version="SSH-1.5"), KEY, 2, "transit-ssh-version-1"),
        (replace(SSH, group="diffie-hellman-group1-sha1"), KEY, 2, "transit-ssh-weak-kex"),
        (replace(SSH, group=""), KEY, 2, "transit-ssh-weak-kex"),
        (replace(SSH, cipher="3des-cbc", mac="hmac-sha1"), KEY, 2, "transit-ssh-weak-cipher"),
        (replace(SSH, cipher="aes256-ctr", mac="hmac-sha1"), KEY, 2, "transit-ssh-weak-mac"),
        (
            replace(SSH, cipher="chacha20-poly1305@openssh.com", strict_kex=False),
            KEY,
            2,
            "transit-ssh-no-strict-kex",
        ),
        (replace(SSH, group="curve25519-sha256"), KEY, 3, "transit-ssh-no-hybrid"),
        (replace(SSH, cipher="aes128-gcm@openssh.com"), KEY, 3, "transit-ssh-old-cipher"),
        (SSH, PASSWORD, 3, "transit-ssh-password-accepted"),
        (SSH, frozenset(), 3, "transit-ssh-password-accepted"),
        (replace(TLS, version="TLSv1.1"), CERTIFICATE, 2, "transit-weak-version"),
        (replace(TLS, version=""), CERTIFICATE, 2, "transit-weak-version"),
        (
            replace(TLS, version="TLSv1.2", cipher="TLS_RSA_WITH_AES_128_CBC_SHA"),
            CERTIFICATE,
            2,
            "transit-weak-cipher",
        ),
        (
            replace(TLS, version="TLSv1.2", cipher="TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
            CERTIFICATE,
            3,
            "transit-tls-1-2-accepted",
        ),
        (replace(TLS, group="x25519"), CERTIFICATE, 3, "transit-no-hybrid"),
        (replace(TLS, group=""), CERTIFICATE, 3, "transit-no-hybrid"),
        (TLS, PASSWORD, 3, "transit-client-unauthenticated"),
    ],
)
def test_each_defect_has_its_rule(
    channel: Channel, methods: frozenset[Method], rung: TransitRung, rule: str
) -> None:
    """What is wrong with a channel is told by a rule that can be explained."""
    with pytest.raises(ChannelRefusedError) as caught:
        check_channel('"x"', "confidential", rung, channel, methods)
    assert caught.value.rule == rule
    assert rule in caught.value.message
    assert find_rule(rule) is not None


@pytest.mark.parametrize(("channel", "methods"), [(SSH, KEY), (TLS, CERTIFICATE)])
def test_the_best_channel_is_enough_for_all(channel: Channel, methods: frozenset[Method]) -> None:
    """Hybrid exchange, AEAD and keys on both sides carry everything."""
    for rung in TransitRung:
        check_channel("x", "secret", rung, channel, methods)


def test_client_and_server_judge_alike() -> None:
    """A channel is refused exactly when the ladder's own function puts it below the rung."""
    channels = [
        replace(SSH, group=group, cipher=cipher, mac=mac, strict_kex=strict)
        for group, cipher, mac, strict in product(
            ("mlkem768x25519-sha256", "sntrup761x25519-sha512", "diffie-hellman-group14-sha1"),
            ("aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr", "none"),
            ("", "hmac-sha2-256-etm@openssh.com", "hmac-md5"),
            (True, False),
        )
    ]
    channels += [
        replace(TLS, version=version, cipher=cipher, group=group)
        for version, cipher, group in product(
            ("TLSv1.3", "TLSv1.2", "TLSv1", ""),
            ("TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", ""),
            ("X25519MLKEM768", "x25519", ""),
        )
    ]
    for channel, methods, rung in product(channels, (KEY, CERTIFICATE, PASSWORD), TransitRung):
        try:
            check_channel("x", "y", rung, channel, methods)
        except ChannelRefusedError:
            assert transit_rung(channel, methods) < rung
        else:
            assert transit_rung(channel, methods) >= rung
