"""
What every TLS cipher suite is worth, by the parts of its name.

A name says how keys are exchanged and who is authenticated, and how what follows is protected. Two
tables say what each part is worth; a part that stands in neither is worth nothing.

Sources: RFC 9325, 4.1 and 4.2 (forward secrecy and authenticated encryption), RFC 8446, B.4 (TLS
1.3), RFC 5246, F.1.1 (what an anonymous exchange lacks), RFC 7465 (RC4), RFC 9150 (integrity only).
"""

from __future__ import annotations

from dataclasses import dataclass

_NO_SECRECY = "no forward secrecy"
_NOBODY = "nobody is authenticated"
_SHORT = "keys so short that anybody breaks them"
_UNKNOWN = "not known here"

# How keys are exchanged and who proves what: what is wrong with it, "" when nothing is.
EXCHANGES: dict[str, str] = {
    "ECDHE_ECDSA": "",
    "ECDHE_RSA": "",
    "DHE_RSA": "",
    "DHE_DSS": "a DSA key",
    "ECDHE_PSK": "",
    "DHE_PSK": "",
    "PSK_DHE": "",
    "ECCPWD": "",
    "RSA": _NO_SECRECY,
    "RSA_FIPS": _NO_SECRECY,
    "RSA_PSK": _NO_SECRECY,
    "PSK": _NO_SECRECY,
    "DH_RSA": _NO_SECRECY,
    "DH_DSS": _NO_SECRECY,
    "ECDH_RSA": _NO_SECRECY,
    "ECDH_ECDSA": _NO_SECRECY,
    "KRB5": _NO_SECRECY,
    "GOSTR341094": _NO_SECRECY,
    "GOSTR341001": _NO_SECRECY,
    "GOSTR341112_256": _NO_SECRECY,
    "ECDHE_SM2": "a key that clients do not take",
    "DH_anon": _NOBODY,
    "ECDH_anon": _NOBODY,
    "NULL": _NOBODY,
    "SRP_SHA": "SHA-1",
    "SRP_SHA_RSA": "SHA-1",
    "SRP_SHA_DSS": "SHA-1",
    "RSA_EXPORT": _SHORT,
    "RSA_EXPORT1024": _SHORT,
    "DHE_RSA_EXPORT": _SHORT,
    "DHE_DSS_EXPORT": _SHORT,
    "DHE_DSS_EXPORT1024": _SHORT,
    "DH_RSA_EXPORT": _SHORT,
    "DH_DSS_EXPORT": _SHORT,
    "DH_anon_EXPORT": _SHORT,
    "KRB5_EXPORT": _SHORT,
}


@dataclass(frozen=True, slots=True)
class _Cipher:
    """The beginning of what stands behind ``WITH``, and what is wrong with it."""

    begins: str
    fault: str


_CBC = "no authenticated encryption"
# The first that fits counts.
CIPHERS: tuple[_Cipher, ...] = (
    _Cipher("AES_128_GCM_", ""),
    _Cipher("AES_256_GCM_", ""),
    _Cipher("AES_128_CCM_8", "a short tag"),
    _Cipher("AES_256_CCM_8", "a short tag"),
    _Cipher("AES_128_CCM", ""),
    _Cipher("AES_256_CCM", ""),
    _Cipher("CHACHA20_POLY1305_SHA256", ""),
    _Cipher("CHACHA20_POLY1305_OLD", "a draft"),
    _Cipher("ARIA_128_GCM_", ""),
    _Cipher("ARIA_256_GCM_", ""),
    _Cipher("CAMELLIA_128_GCM_", ""),
    _Cipher("CAMELLIA_256_GCM_", ""),
    _Cipher("AES_128_CBC_", _CBC),
    _Cipher("AES_256_CBC_", _CBC),
    _Cipher("ARIA_128_CBC_", _CBC),
    _Cipher("ARIA_256_CBC_", _CBC),
    _Cipher("CAMELLIA_128_CBC_", _CBC),
    _Cipher("CAMELLIA_256_CBC_", _CBC),
    _Cipher("SEED_CBC_", _CBC),
    _Cipher("IDEA_CBC_", _CBC),
    _Cipher("SM4_CBC_", _CBC),
    _Cipher("3DES_EDE_CBC_", _CBC),
    _Cipher("DES_CBC_40", _SHORT),
    _Cipher("DES40_CBC_", _SHORT),
    _Cipher("DES_CBC_", _SHORT),
    _Cipher("RC2_CBC_40_", _SHORT),
    _Cipher("RC4_40_", _SHORT),
    _Cipher("RC4_56_", _SHORT),
    _Cipher("RC4_128_", "RC4"),
    _Cipher("NULL_", "nothing is encrypted"),
    _Cipher("28147_CNT_IMIT", _CBC),
    _Cipher("KUZNYECHIK_", "a cipher that clients do not take"),
    _Cipher("MAGMA_", "a cipher that clients do not take"),
    _Cipher("SM4_GCM_", "a cipher that clients do not take"),
    _Cipher("SM4_CCM_", "a cipher that clients do not take"),
    _Cipher("AEGIS_", "a cipher that clients do not take"),
    # RFC 9150: integrity only.
    _Cipher("SHA256_SHA256", "nothing is encrypted"),
    _Cipher("SHA384_SHA384", "nothing is encrypted"),
    _Cipher("ECC_SM4_", _NO_SECRECY),
)


def weakness(name: str) -> str:
    """
    Return what is wrong with the suite *name* (IANA), "" when nothing is.

    What is said of it in brackets, such as how long its prime was, is wrong too.
    """
    bare, _, remark = name.partition(" (")
    if remark:
        return remark.rstrip(")")
    family, _, rest = bare.partition("_")
    if family not in {"TLS", "SSL"}:
        return _UNKNOWN
    exchange, behind, cipher = rest.partition("_WITH_")
    if not behind:
        # TLS 1.3 has no exchange in its names: it is always ephemeral, and proven.
        exchange, cipher = "", rest
    elif exchange not in EXCHANGES:
        return _UNKNOWN
    kind = next((one for one in CIPHERS if cipher.startswith(one.begins)), None)
    if kind is None:
        return _UNKNOWN
    return EXCHANGES.get(exchange, "") or kind.fault
