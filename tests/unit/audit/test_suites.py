"""The table of suites and groups."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from sealgate.audit.suites import (
    CLASSICAL_GROUPS,
    GROUPS,
    OLDER_SUITES,
    REGISTERED,
    SUITES,
    TLS_1_3_SUITES,
    X25519MLKEM768,
    group_name,
    suite_name,
)
from sealgate.policy.suites import weakness


@pytest.mark.peer("openssl")
def test_names_agree_with_openssl() -> None:
    """What OpenSSL knows has the same number and the same IANA name here."""
    openssl = shutil.which("openssl")
    assert openssl, "openssl is in packages-debian.txt"
    command = [openssl, "ciphers", "-stdname", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    compared = 0
    for line in lines:
        code, _, name = line.split()[:3]
        high, low = code.split(",")
        number = int(high, 16) << 8 | int(low, 16)
        assert SUITES[number] == name
        compared += 1
    assert compared > 100


def test_every_suite_is_classified() -> None:
    """No name has a part that the ruler does not know, and what is right is what should be."""
    assert len(REGISTERED) > 340
    unknown = [name for name in SUITES.values() if weakness(name) == "not known here"]
    assert unknown == []
    right = {name for name in REGISTERED.values() if not weakness(name)}
    assert all(re.search("GCM|CCM|CHACHA20", name) for name in right)
    below = {name for name in right if "_WITH_" in name}
    assert all(re.search("_(?:EC)?DHE?_|ECCPWD", name.replace("TLS", "")) for name in below)
    assert not any(re.search("anon|NULL|RSA_PSK|ECDH_|TLS_DH_|EXPORT|CCM_8", n) for n in right)


def test_each_suite_is_offered_with_one_version() -> None:
    """TLS 1.3 suites and older ones do not mix, and none is left out."""
    assert set(TLS_1_3_SUITES) | set(OLDER_SUITES) == set(SUITES)
    assert not set(TLS_1_3_SUITES) & set(OLDER_SUITES)


def test_classical_groups_hold_nothing_hybrid() -> None:
    """The hybrid group is first in the offer and not among the classical ones."""
    assert next(iter(GROUPS)) == X25519MLKEM768
    assert X25519MLKEM768 not in CLASSICAL_GROUPS
    assert 0x001D in CLASSICAL_GROUPS


def test_unknown_numbers_are_shown_in_hex() -> None:
    """A suite or group that the table lacks is still told."""
    assert suite_name(0xFAFA) == "0xFAFA"
    assert group_name(0x9999) == "0x9999"
