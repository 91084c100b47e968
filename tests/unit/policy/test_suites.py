"""What the name of a TLS suite says of its worth."""

from __future__ import annotations

import pytest

from sealgate.policy.suites import CIPHERS, EXCHANGES, weakness


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("TLS_AES_128_GCM_SHA256", ""),
        ("TLS_CHACHA20_POLY1305_SHA256", ""),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ""),
        ("TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_GCM_SHA384", ""),
        ("TLS_DHE_RSA_WITH_ARIA_128_GCM_SHA256", ""),
        ("TLS_RSA_WITH_CAMELLIA_128_GCM_SHA256", "no forward secrecy"),
        ("TLS_DH_RSA_WITH_AES_128_GCM_SHA256", "no forward secrecy"),
        ("TLS_ECDH_ECDSA_WITH_AES_256_GCM_SHA384", "no forward secrecy"),
        ("TLS_PSK_WITH_AES_128_GCM_SHA256", "no forward secrecy"),
        ("TLS_KRB5_WITH_3DES_EDE_CBC_SHA", "no forward secrecy"),
        ("TLS_DH_anon_WITH_AES_256_GCM_SHA384", "nobody is authenticated"),
        ("TLS_ECDHE_RSA_WITH_NULL_SHA", "nothing is encrypted"),
        ("TLS_SHA256_SHA256", "nothing is encrypted"),
        ("TLS_AES_128_CCM_8_SHA256", "a short tag"),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", "a short tag"),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "no authenticated encryption"),
        ("TLS_RSA_EXPORT_WITH_RC4_40_MD5", "keys so short that anybody breaks them"),
        ("TLS_ECDHE_RSA_WITH_RC4_128_SHA", "RC4"),
        ("TLS_DHE_RSA_WITH_AES_128_GCM_SHA256 (1024 bits)", "1024 bits"),
        ("SSL_CK_RC4_128_WITH_MD5", "not known here"),
        ("TLS_BETTER_WITH_AES_128_GCM_SHA256", "not known here"),
        ("TLS_ECDHE_RSA_WITH_BETTER", "not known here"),
        ("0xBEEF", "not known here"),
        ("", "not known here"),
    ],
)
def test_weakness(name: str, fault: str) -> None:
    """Each part is read by a table, and what is not in it is worth nothing."""
    assert weakness(name) == fault


def test_no_cipher_hides_another() -> None:
    """The first beginning that fits counts, so none that is right may stand before a longer one."""
    for index, one in enumerate(CIPHERS):
        later = [two for two in CIPHERS[index + 1 :] if two.begins.startswith(one.begins)]
        assert later == [], (one, later)
    assert "" not in EXCHANGES
