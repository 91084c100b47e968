from __future__ import annotations

import pytest

from sealgate.policy.classification import DEFAULT_MODEL, Classification
from sealgate.policy.inventory import AccessSettings, Address, Drop, Tunnel
from sealgate.policy.protection import Protection
from sealgate.policy.rules import find_rule
from sealgate.protocols.authorize import (
    access_rung,
    admits,
    may,
    refusal,
    transit_rung,
)
from sealgate.protocols.ftps.transit import FTPS
from sealgate.protocols.model import Action, Caller, Channel, Method
from sealgate.protocols.ssh.transit import SFTP

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
# Highly encrypted in transit, and no more than a key: reachable without grants.
SEALED = Classification("sealed", "Sealed", 3, "t", "i", Protection.of(3, 2, 3))
ACCESS = AccessSettings(("DE", "NO"))
NOW = 1_800_000_000.0
PASSWORD = frozenset([Method.PASSWORD])
KEY = frozenset([Method.PUBLIC_KEY])
CERTIFICATE = frozenset([Method.CLIENT_CERTIFICATE])
ML = "mlkem768x25519-sha256"
GCM, GCM128 = "aes256-gcm@openssh.com", "aes128-gcm@openssh.com"
CHACHA = "chacha20-poly1305@openssh.com"
ETM = "hmac-sha2-256-etm@openssh.com"
AES = "TLS_AES_256_GCM_SHA384"
ECDHE = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"


def ssh(
    group: str = ML,
    cipher: str = GCM,
    mac: str = "",
    version: str = "SSH-2.0",
    *,
    strict: bool = True,
) -> Channel:
    """Return an SSH connection."""
    return Channel(SFTP, "192.0.2.1", version, group, cipher, mac, strict)


def tls(group: str = "X25519MLKEM768", cipher: str = AES, version: str = "TLSv1.3") -> Channel:
    """Return a TLS connection."""
    return Channel(FTPS, "192.0.2.1", version, group, cipher)


def drop(classification: Classification = CONFIDENTIAL, **more: object) -> Drop:
    """Return a drop that admits anna and the partners."""
    admit = ("user:anna", "group:partners")
    return Drop("in", classification, "file:/in", admit, **more)  # type: ignore[arg-type]  # fields by name


def caller(
    methods: frozenset[Method] = KEY, country: str | None = "DE", name: str = "anna"
) -> Caller:
    """Return somebody in no group."""
    return Caller(name, (), methods, country)


@pytest.mark.parametrize(
    ("channel", "methods", "rank"),
    [
        (ssh(), KEY, 3),
        (ssh(cipher=CHACHA), KEY, 3),
        (ssh("mlkem1024nistp384-sha384"), KEY, 3),
        (ssh(), PASSWORD, 2),
        (ssh(), CERTIFICATE, 2),
        (ssh(), frozenset(), 2),
        (ssh(cipher=GCM128), KEY, 2),
        (ssh("curve25519-sha256"), KEY, 2),
        (ssh("sntrup761x25519-sha512@openssh.com"), KEY, 2),
        (ssh(cipher="aes256-ctr", mac=ETM), KEY, 2),
        (ssh(cipher="aes256-ctr"), KEY, 0),
        (ssh(cipher="aes256-ctr", mac="hmac-sha1"), KEY, 0),
        (ssh(cipher="aes256-cbc", mac=ETM), KEY, 0),
        (ssh("diffie-hellman-group14-sha1"), KEY, 0),
        (ssh("diffie-hellman-group1-sha1"), KEY, 0),
        (ssh("something-new"), KEY, 0),
        (ssh(""), KEY, 0),
        (ssh(version="SSH-1.99"), KEY, 0),
        (ssh(strict=False), KEY, 3),
        (ssh(cipher=CHACHA, strict=False), KEY, 0),
        (tls(), CERTIFICATE, 3),
        (tls("SecP384r1MLKEM1024"), CERTIFICATE, 3),
        (tls(), PASSWORD, 2),
        (tls(), KEY, 2),
        (tls("x25519"), CERTIFICATE, 2),
        (tls(""), CERTIFICATE, 2),
        (tls(version="TLSv1.2", cipher=ECDHE), CERTIFICATE, 2),
        (tls("", version="TLSv1.2", cipher="TLS_RSA_WITH_AES_128_GCM_SHA256"), CERTIFICATE, 0),
        (tls("", version="TLSv1.2", cipher="TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"), CERTIFICATE, 0),
        (tls(version="TLSv1.1"), CERTIFICATE, 0),
        (tls(version=""), CERTIFICATE, 0),
    ],
)
def test_what_a_channel_is_worth(channel: Channel, methods: frozenset[Method], rank: int) -> None:
    """The ladder of DESIGN 1; what is not known or not seen is worth nothing."""
    assert transit_rung(channel, methods) == rank


@pytest.mark.parametrize(
    ("methods", "country", "rank"),
    [
        (frozenset(), "DE", 0),
        (PASSWORD, "DE", 1),
        (PASSWORD, None, 1),
        (KEY, "DE", 2),
        (CERTIFICATE, "NO", 2),
        (KEY | PASSWORD, "DE", 2),
        (KEY, "NZ", 1),
        (KEY, None, 1),
    ],
)
def test_what_a_sign_in_is_worth(
    methods: frozenset[Method], country: str | None, rank: int
) -> None:
    """A password is low; a key from a country on the list is high; without a grant nothing is higher."""
    assert access_rung(methods, country, ACCESS.countries) == rank


@pytest.mark.parametrize(
    ("classification", "who", "channel", "rule"),
    [
        (RESTRICTED, caller(PASSWORD, None), ssh(), None),
        (RESTRICTED, caller(PASSWORD, None), tls("", ECDHE, "TLSv1.2"), None),
        (CONFIDENTIAL, caller(), ssh("curve25519-sha256"), None),
        (CONFIDENTIAL, caller(CERTIFICATE), tls(), None),
        (SEALED, caller(), ssh(), None),
        (SEALED, caller(CERTIFICATE), tls(), None),
        (PUBLIC, caller(frozenset()), ssh(), "access-anonymous"),
        (CONFIDENTIAL, caller(PASSWORD), ssh(), "access-no-key"),
        (CONFIDENTIAL, caller(country="NZ"), ssh(), "access-no-key"),
        (CONFIDENTIAL, caller(country=None), ssh(), "access-no-key"),
        (SECRET, caller(), ssh(), "access-no-approval"),
        (RESTRICTED, caller(), ssh(version="SSH-1.5"), "transit-ssh-version-1"),
        (RESTRICTED, caller(), ssh("diffie-hellman-group1-sha1"), "transit-ssh-weak-kex"),
        (RESTRICTED, caller(), ssh(cipher="3des-cbc"), "transit-ssh-weak-cipher"),
        (RESTRICTED, caller(), ssh(cipher="aes128-ctr", mac="hmac-md5"), "transit-ssh-weak-mac"),
        (RESTRICTED, caller(), ssh(cipher=CHACHA, strict=False), "transit-ssh-no-strict-kex"),
        (SEALED, caller(), ssh("curve25519-sha256"), "transit-ssh-no-hybrid"),
        (SEALED, caller(), ssh(cipher=GCM128), "transit-ssh-old-cipher"),
        (SEALED, caller(PASSWORD), ssh(), "transit-ssh-password-accepted"),
        (RESTRICTED, caller(), tls(version="TLSv1.1"), "transit-weak-version"),
        (RESTRICTED, caller(), tls(cipher="TLS_RSA_WITH_RC4_128_MD5"), "transit-weak-cipher"),
        (SEALED, caller(CERTIFICATE), tls("", ECDHE, "TLSv1.2"), "transit-tls-1-2-accepted"),
        (SEALED, caller(CERTIFICATE), tls("x25519"), "transit-no-hybrid"),
        (SEALED, caller(CERTIFICATE), tls(""), "transit-no-hybrid"),
        (SEALED, caller(PASSWORD), tls(), "transit-client-unauthenticated"),
    ],
)
def test_each_refusal_names_its_rule(
    classification: Classification, who: Caller, channel: Channel, rule: str | None
) -> None:
    """What is missing is told with the rule that asks for it, and the rule exists."""
    found = refusal(drop(classification), who, channel, ACCESS, NOW)
    assert (found.rule if found else None) == rule
    if found is not None:
        assert find_rule(found.rule) is not None
        assert found.message.startswith('"in" is ')


def test_a_stranger_is_told_nothing_of_classes() -> None:
    """Who is not admitted learns no more than that."""
    found = refusal(drop(), caller(name="eve"), ssh(), ACCESS, NOW)
    assert found is not None
    assert (found.rule, found.message) == ("", "you are not admitted")


def test_tunnels_go_by_the_same_ladder() -> None:
    """A tunnel of a class asks for what a drop of that class asks for."""
    tunnel = Tunnel("db", CONFIDENTIAL, Address("127.0.0.1", 5432), ("user:anna",))
    assert refusal(tunnel, caller(), ssh(), ACCESS, NOW) is None
    found = refusal(tunnel, caller(PASSWORD), ssh(), ACCESS, NOW)
    assert found is not None
    assert found.rule == "access-no-key"


def test_lists_name_users_and_groups() -> None:
    """Names are compared in normal form, kinds never mix, and other entries admit nobody."""
    anna = Caller("\u00e4nna", ("partners",), KEY, None)
    assert admits(["user:a\u0308nna"], anna)
    assert admits(["group:partners"], anna)
    assert not admits(["group:\u00e4nna", "user:partners", "\u00e4nna", "*"], anna)
    assert not admits([], anna)


def test_a_list_for_one_action_narrows() -> None:
    """Nobody gets an action by its list who is not admitted; an empty list is nobody."""
    anna, eve = caller(), caller(name="eve")
    narrowed = drop(write=("user:eve",), delete=(), read=("user:anna",))
    assert [may(narrowed, anna, action) for action in Action] == [True, True, False, False]
    assert not any(may(narrowed, eve, action) for action in Action)


def test_an_older_connection_comes_to_the_drops_that_name_it_alone() -> None:
    """What another drop takes, and the port therefore offers, opens none that does not name it."""
    older = ssh("ecdh-sha2-nistp256", "aes256-ctr", ETM)
    names = ("ecdh-sha2-nistp256", "aes256-ctr")
    assert refusal(drop(older_clients=names), caller(), older, ACCESS, NOW) is None
    for named in ((), names[:1], names[1:]):
        found = refusal(drop(older_clients=named), caller(), older, ACCESS, NOW)
        assert found is not None
        assert "older_clients" in found.hint
    tunnel = Tunnel("t", CONFIDENTIAL, Address("127.0.0.1", 1), ("user:anna",))
    assert refusal(tunnel, caller(), older, ACCESS, NOW) is not None
    without = ssh("ecdh-sha2-nistp256", "aes256-ctr", "hmac-sha1")
    assert refusal(drop(older_clients=names), caller(), without, ACCESS, NOW) is not None
