"""Every rule: what breaks it, what meets it, what cannot be told, and where it says nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealgate.policy import rules
from sealgate.policy.assets import Asset, AssetKind
from sealgate.policy.declarations import Declaration
from sealgate.policy.finding import Severity, Status, Subject
from sealgate.policy.ladder import LADDERS
from sealgate.policy.observation import (
    HANDSHAKE_REFUSED,
    Fact,
    FactValue,
    NotObserved,
    Observation,
    Vantage,
)
from sealgate.policy.protection import NO_PROTECTION, Protection
from sealgate.policy.rules import RULES, find_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.finding import Rule
    from sealgate.policy.observation import Sighting

NOW = 1_800_000_000.0
DAY = 86400.0
ENCRYPTED = Protection.of(2, 0, 0)
LOCKED = Protection.of(2, 2, 0)
BACKEND = frozenset([Declaration.BACKEND])
SITE_ASKS = frozenset([Declaration.SITE_ASKS])
SPEAKS_SSH = frozenset([Declaration.SSH])
SPEAKS_FTP = frozenset([Declaration.FTP])
PLAIN = frozenset([Declaration.PLAIN_HTTP])
PAYS = frozenset([Declaration.PAYMENT])
# Stands for "somebody tried to look and could not".
TRIED = "tried in vain"


@dataclass(frozen=True)
class Vector:
    """One defect, or the absence of one: the facts, and the status that they lead to."""

    expect: Status
    facts: dict[Fact, FactValue] = field(default_factory=dict)
    tried: tuple[Fact, ...] = ()
    kind: AssetKind | None = None
    required: Protection = ENCRYPTED
    declarations: frozenset[Declaration] = frozenset()
    says: str = ""


def broken(says: str, facts: dict[Fact, FactValue], **more: object) -> Vector:
    """Return a vector that violates its rule, and what the finding has to say."""
    return Vector(Status.VIOLATED, facts, says=says, **more)  # type: ignore[arg-type]  # fields of Vector


def fine(facts: dict[Fact, FactValue], **more: object) -> Vector:
    """Return a vector that meets its rule."""
    return Vector(Status.MET, facts, **more)  # type: ignore[arg-type]  # fields of Vector


def unseen(facts: dict[Fact, FactValue] | None = None, **more: object) -> Vector:
    """Return a vector that cannot be told."""
    return Vector(Status.NOT_OBSERVED, facts or {}, **more)  # type: ignore[arg-type]  # fields of Vector


def beside(facts: dict[Fact, FactValue] | None = None, **more: object) -> Vector:
    """Return a vector that the rule says nothing about."""
    return Vector(Status.NOT_APPLICABLE, facts or {}, **more)  # type: ignore[arg-type]  # fields of Vector


GOOD_SUITES = (
    "TLS_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CCM",
)
HYBRIDS = ("mlkem768x25519-sha256", "mlkem1024nistp384-sha384")
TOP_CIPHERS = ("aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com")
SSH_KEYS: dict[Fact, FactValue] = {
    Fact.SSH_HOST_KEYS: ("Ed25519", "RSA-3072", "ECDSA-256"),
    Fact.SSH_HOST_KEY_ALGORITHMS: ("ssh-ed25519", "rsa-sha2-256", "ecdsa-sha2-nistp256"),
}
IN_DATE: dict[Fact, FactValue] = {
    Fact.CERTIFICATE_NOT_BEFORE: NOW - 10 * DAY,
    Fact.CERTIFICATE_NOT_AFTER: NOW + 80 * DAY,
}
SHUT: dict[Fact, FactValue] = {
    Fact.PLAIN_GET: "redirect",
    Fact.LOCK_STATUS_ANONYMOUS: 403,
    Fact.LOCK_VARIANTS_OPEN: (),
}
ASKED: dict[Fact, FactValue] = {
    Fact.PLAIN_GET: "redirect",
    Fact.FORMS_PLAIN: (),
    Fact.FORMS_SENSITIVE: ("password",),
    Fact.HTTP_STATUS: 200,
}


def _issued(day: tuple[int, int, int], days: int, *, more: int = -1) -> dict[Fact, FactValue]:
    # A public certificate of that day, so many days and seconds long; both ends count.
    begins = dt.datetime(*day, tzinfo=dt.UTC).timestamp()
    return {
        Fact.CERTIFICATE_PUBLIC: True,
        Fact.CERTIFICATE_NOT_BEFORE: begins,
        Fact.CERTIFICATE_NOT_AFTER: begins + days * DAY + more,
    }


def _page(fact: Fact, name: str, says: str) -> tuple[Vector, ...]:
    # What every rule about the contents of a page has in common.
    return (
        broken(says, {fact: (name,)}),
        fine({fact: ()}),
        unseen(),
        unseen(tried=(fact,), kind=AssetKind.SITE),
        beside(kind=AssetKind.SITE),
        beside({Fact.LOCK_STATUS_ANONYMOUS: 403}, kind=AssetKind.ROUTE),
        unseen({Fact.LOCK_STATUS_ANONYMOUS: 200}, kind=AssetKind.ROUTE),
    )


def _of_payment_page(fact: Fact) -> tuple[Vector, ...]:
    # A list of what is wrong on a page on which people pay.
    return (
        broken(
            "https://js.pay.example/v1", {fact: ("https://js.pay.example/v1",)}, declarations=PAYS
        ),
        fine({fact: ()}, declarations=PAYS),
        unseen(tried=(fact,), declarations=PAYS),
        beside({fact: (), Fact.LOCK_STATUS_ANONYMOUS: 403}),
        beside({fact: ("https://js.pay.example/v1",)}),
    )


def _rung(rank: int) -> tuple[Vector, ...]:
    # What every rule about a rung at rest has in common.
    return (
        broken("", {Fact.AT_REST_RUNG: rank - 1}),
        fine({Fact.AT_REST_RUNG: rank}),
        beside(),
        beside(tried=(Fact.AT_REST_RUNG,)),
    )


def _tls_of_a_drop() -> tuple[Vector, ...]:
    # A drop has TLS only where FTPS is spoken.
    return (unseen(kind=AssetKind.DROP, declarations=SPEAKS_FTP), beside(kind=AssetKind.DROP))


VECTORS: dict[str, tuple[Vector, ...]] = {
    "transit-plaintext": (
        broken("http answers with content", {Fact.PLAIN_GET: "served"}),
        broken("not known to be safe", {Fact.PLAIN_GET: "a word of tomorrow"}),
        fine({Fact.PLAIN_GET: "refused"}),
        fine({Fact.PLAIN_GET: "redirect"}),
        fine({Fact.PLAIN_GET: "denied"}),
        unseen(),
        unseen(tried=(Fact.PLAIN_GET,)),
    ),
    "transit-weak-version": (
        broken("SSLv3, TLSv1", {Fact.TLS_VERSIONS: ("SSLv3", "TLSv1", "TLSv1.3")}),
        broken("TLSv1.1", {Fact.TLS_VERSIONS: ("TLSv1.1", "TLSv1.2")}),
        broken("no version", {Fact.TLS_VERSIONS: ()}),
        fine({Fact.TLS_VERSIONS: ("TLSv1.2", "TLSv1.3")}),
        unseen(),
        unseen(tried=(Fact.TLS_VERSIONS,)),
    ),
    "transit-weak-cipher": (
        broken(
            "TLS_RSA_WITH_AES_128_GCM_SHA256",
            {Fact.TLS_CIPHERS: (*GOOD_SUITES, "TLS_RSA_WITH_AES_128_GCM_SHA256")},
        ),
        broken("CBC", {Fact.TLS_CIPHERS: ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",)}),
        broken("CCM_8", {Fact.TLS_CIPHERS: ("TLS_AES_128_CCM_8_SHA256",)}),
        broken("anon", {Fact.TLS_CIPHERS: ("TLS_DH_anon_WITH_AES_128_GCM_SHA256",)}),
        broken("0x9999", {Fact.TLS_CIPHERS: ("0x9999",)}),
        broken("no cipher suite", {Fact.TLS_CIPHERS: ()}),
        fine({Fact.TLS_CIPHERS: GOOD_SUITES}),
        unseen(),
    ),
    "transit-untrusted-chain": (
        broken("trusted root", {Fact.CERTIFICATE_CHAIN_VALID: False}),
        broken(
            "the root is weak",
            {
                Fact.CERTIFICATE_CHAIN_VALID: False,
                Fact.CERTIFICATE_CHAIN_FAULT: "the root is weak",
            },
        ),
        fine({Fact.CERTIFICATE_CHAIN_VALID: True}),
        unseen(),
    ),
    "transit-wrong-name": (
        broken("host's name", {Fact.CERTIFICATE_NAME_MATCHES: False}),
        fine({Fact.CERTIFICATE_NAME_MATCHES: True}),
        unseen(),
    ),
    "transit-expired-certificate": (
        broken("expired 2 days ago", IN_DATE | {Fact.CERTIFICATE_NOT_AFTER: NOW - 2 * DAY}),
        broken("expired", {Fact.CERTIFICATE_NOT_AFTER: NOW - 1}),
        broken("another 1 day", IN_DATE | {Fact.CERTIFICATE_NOT_BEFORE: NOW + DAY}),
        fine(IN_DATE),
        fine({Fact.CERTIFICATE_NOT_BEFORE: NOW, Fact.CERTIFICATE_NOT_AFTER: NOW}),
        unseen(),
        unseen({Fact.CERTIFICATE_NOT_AFTER: NOW + DAY}),
        unseen({Fact.CERTIFICATE_NOT_BEFORE: NOW - DAY}),
    ),
    "transit-tls-1-2-accepted": (
        broken("TLSv1.2", {Fact.TLS_VERSIONS: ("TLSv1.2", "TLSv1.3")}),
        broken("no version", {Fact.TLS_VERSIONS: ()}),
        fine({Fact.TLS_VERSIONS: ("TLSv1.3",)}),
        unseen(),
    ),
    "transit-no-hybrid": (
        broken("X25519MLKEM768", {Fact.TLS_HYBRID_OFFERED: False}),
        fine({Fact.TLS_HYBRID_OFFERED: True}),
        unseen(),
        *_tls_of_a_drop(),
    ),
    "transit-classical-accepted": (
        broken("let in", {Fact.TLS_CLASSICAL_ACCEPTED: True}),
        fine({Fact.TLS_CLASSICAL_ACCEPTED: False}),
        unseen(),
    ),
    "transit-client-unauthenticated": (
        broken("only requested", {Fact.TLS_CLIENT_CERTIFICATE: "requested"}),
        broken("not required", {Fact.TLS_CLIENT_CERTIFICATE: "none"}),
        broken("nobody vouches", {Fact.TLS_CLIENT_CERTIFICATE: "any"}),
        broken("another name", {Fact.TLS_CLIENT_CERTIFICATE: "named"}),
        fine({Fact.TLS_CLIENT_CERTIFICATE: "required"}),
        unseen(),
    ),
    "transit-ssh-version-1": (
        broken("1.99", {Fact.SSH_PROTOCOL: "1.99"}),
        broken("1.5", {Fact.SSH_PROTOCOL: "1.5"}),
        fine({Fact.SSH_PROTOCOL: "2.0"}),
        unseen(),
        unseen(tried=(Fact.SSH_PROTOCOL,)),
    ),
    "transit-ssh-weak-kex": (
        broken("group1-sha1", {Fact.SSH_KEX: (*HYBRIDS, "diffie-hellman-group1-sha1")}),
        broken("group14-sha1", {Fact.SSH_KEX: ("diffie-hellman-group14-sha1",)}),
        broken("exchange-sha1", {Fact.SSH_KEX: ("diffie-hellman-group-exchange-sha1",)}),
        broken("of-tomorrow", {Fact.SSH_KEX: ("kex-of-tomorrow",)}),
        broken("no key exchange", {Fact.SSH_KEX: ()}),
        fine({Fact.SSH_KEX: (*HYBRIDS, "curve25519-sha256", "diffie-hellman-group16-sha512")}),
        unseen(),
        unseen(tried=(Fact.SSH_KEX,)),
    ),
    "transit-ssh-weak-cipher": (
        broken("3des-cbc", {Fact.SSH_CIPHERS: (*TOP_CIPHERS, "3des-cbc")}),
        broken("aes256-cbc", {Fact.SSH_CIPHERS: ("aes256-cbc",)}),
        broken("arcfour", {Fact.SSH_CIPHERS: ("arcfour256",)}),
        broken("none", {Fact.SSH_CIPHERS: ("none",)}),
        broken("no cipher", {Fact.SSH_CIPHERS: ()}),
        fine({Fact.SSH_CIPHERS: (*TOP_CIPHERS, "aes128-ctr", "aes128-gcm@openssh.com")}),
        unseen(),
    ),
    "transit-ssh-weak-mac": (
        broken("hmac-md5", {Fact.SSH_MACS: ("hmac-sha2-256", "hmac-md5")}),
        broken("hmac-sha1", {Fact.SSH_MACS: ("hmac-sha1-etm@openssh.com",)}),
        broken("umac-64", {Fact.SSH_MACS: ("umac-64-etm@openssh.com",)}),
        broken("none", {Fact.SSH_MACS: ("none",)}),
        fine({Fact.SSH_MACS: ("hmac-sha2-256-etm@openssh.com", "umac-128@openssh.com")}),
        # With AEAD ciphers alone there is nothing to agree on.
        fine({Fact.SSH_MACS: ()}),
        unseen(),
    ),
    "transit-ssh-weak-host-key": (
        broken("RSA-1024", SSH_KEYS | {Fact.SSH_HOST_KEYS: ("Ed25519", "RSA-1024")}),
        broken("DSA-1024", {Fact.SSH_HOST_KEYS: ("DSA-1024",)}),
        broken("ssh-rsa", SSH_KEYS | {Fact.SSH_HOST_KEY_ALGORITHMS: ("rsa-sha2-512", "ssh-rsa")}),
        broken("ssh-dss", {Fact.SSH_HOST_KEY_ALGORITHMS: ("ssh-dss",)}),
        broken("no host key", {Fact.SSH_HOST_KEYS: (), Fact.SSH_HOST_KEY_ALGORITHMS: ()}),
        fine(SSH_KEYS),
        unseen(),
        unseen({Fact.SSH_HOST_KEYS: ("Ed25519",)}),
        unseen({Fact.SSH_HOST_KEY_ALGORITHMS: ("ssh-ed25519",)}),
    ),
    "transit-ssh-no-strict-kex": (
        broken("chacha20", {Fact.SSH_STRICT_KEX: False, Fact.SSH_CIPHERS: TOP_CIPHERS}),
        broken("cbc", {Fact.SSH_STRICT_KEX: False, Fact.SSH_CIPHERS: ("aes128-cbc",)}),
        fine({Fact.SSH_STRICT_KEX: True}),
        fine({Fact.SSH_STRICT_KEX: False, Fact.SSH_CIPHERS: ("aes256-gcm@openssh.com",)}),
        unseen(),
        unseen({Fact.SSH_CIPHERS: TOP_CIPHERS}),
        unseen({Fact.SSH_STRICT_KEX: False}),
    ),
    "transit-ssh-no-hybrid": (
        broken("mlkem768x25519", {Fact.SSH_KEX: ("curve25519-sha256",)}),
        # A hybrid that no standard names.
        broken("mlkem768x25519", {Fact.SSH_KEX: ("sntrup761x25519-sha512",)}),
        fine({Fact.SSH_KEX: (*HYBRIDS, "curve25519-sha256")}),
        unseen(declarations=SPEAKS_SSH),
        unseen(tried=(Fact.SSH_KEX,), declarations=SPEAKS_SSH),
        beside(),
    ),
    "transit-ssh-classical-accepted": (
        broken("curve25519", {Fact.SSH_KEX: (*HYBRIDS, "curve25519-sha256")}),
        broken("no key exchange", {Fact.SSH_KEX: ()}),
        fine({Fact.SSH_KEX: HYBRIDS}),
        unseen(),
    ),
    "transit-ssh-old-cipher": (
        broken("aes256-ctr", {Fact.SSH_CIPHERS: (*TOP_CIPHERS, "aes256-ctr")}),
        broken("aes128-gcm", {Fact.SSH_CIPHERS: ("aes128-gcm@openssh.com",)}),
        broken("no cipher", {Fact.SSH_CIPHERS: ()}),
        fine({Fact.SSH_CIPHERS: TOP_CIPHERS}),
        unseen(),
    ),
    "transit-ssh-password-accepted": (
        broken("password", {Fact.SSH_AUTH_METHODS: ("publickey", "password")}),
        broken("none", {Fact.SSH_AUTH_METHODS: ("none",)}),
        broken("no way", {Fact.SSH_AUTH_METHODS: ()}),
        fine({Fact.SSH_AUTH_METHODS: ("publickey",)}),
        unseen(),
    ),
    "transit-ftp-plaintext": (
        broken("no TLS", {Fact.FTP_TLS: "none"}),
        broken("before TLS", {Fact.FTP_TLS: "explicit", Fact.FTP_PLAIN_LOGIN: "accepted"}),
        broken("before TLS", {Fact.FTP_PLAIN_LOGIN: "a word of tomorrow"}),
        broken("not known", {Fact.FTP_TLS: "of tomorrow", Fact.FTP_PLAIN_LOGIN: "refused"}),
        fine({Fact.FTP_TLS: "explicit", Fact.FTP_PLAIN_LOGIN: "refused"}),
        fine({Fact.FTP_TLS: "implicit", Fact.FTP_PLAIN_LOGIN: "refused"}),
        unseen(),
        unseen({Fact.FTP_TLS: "explicit"}),
        unseen({Fact.FTP_PLAIN_LOGIN: "refused"}),
    ),
    "transit-ftp-injection": (
        broken("executed", {Fact.FTP_INJECTION: True}),
        fine({Fact.FTP_INJECTION: False}),
        unseen(),
    ),
    "transit-ftp-clear-data": (
        broken("PROT C", {Fact.FTP_PROT_CLEAR: True}),
        fine({Fact.FTP_PROT_CLEAR: False}),
        unseen(),
    ),
    "transit-ftp-clear-control": (
        broken("CCC", {Fact.FTP_CCC: True}),
        fine({Fact.FTP_CCC: False}),
        unseen(),
    ),
    "transit-ftp-session-not-reused": (
        broken("another TLS session", {Fact.FTP_DATA_SESSION_REUSE: False}),
        fine({Fact.FTP_DATA_SESSION_REUSE: True}),
        unseen(tried=(Fact.FTP_DATA_SESSION_REUSE,), declarations=SPEAKS_FTP),
        beside(tried=(Fact.FTP_DATA_SESSION_REUSE,)),
        beside(),
    ),
    "transit-weak-session": (
        broken("opens it", {Fact.SESSION_RUNG: 2}),
        fine({Fact.SESSION_RUNG: 3}),
        unseen(),
        unseen(tried=(Fact.SESSION_RUNG,)),
    ),
    "transit-unreachable": (
        fine({Fact.REACHABLE: True}),
        unseen(tried=(Fact.REACHABLE,)),
        unseen({Fact.REACHABLE: False}),
        beside(),
    ),
    # It stands where no protocol is spoken, so that it is never anything else.
    "transit-unobserved": (unseen(kind=AssetKind.DROP),),
    "transit-expires-soon": (
        broken(
            "240 hours",
            IN_DATE
            | {Fact.CERTIFICATE_NOT_AFTER: NOW + 10 * DAY}
            | {Fact.CERTIFICATE_NOT_BEFORE: NOW - 80 * DAY},
        ),
        beside(IN_DATE | {Fact.CERTIFICATE_NOT_AFTER: NOW - DAY}),
        fine(IN_DATE),
        # A leaf for a week is not "ending soon" on its second day.
        fine(
            {
                Fact.CERTIFICATE_NOT_BEFORE: NOW - DAY,
                Fact.CERTIFICATE_NOT_AFTER: NOW + 6 * DAY,
            }
        ),
        unseen(),
        unseen({Fact.CERTIFICATE_NOT_AFTER: NOW + DAY}),
        *_tls_of_a_drop(),
    ),
    "transit-weak-key": (
        broken("RSA-1024", {Fact.CERTIFICATE_KEY: "RSA-1024"}),
        broken("DSA-2048", {Fact.CERTIFICATE_KEY: "DSA-2048"}),
        broken("ECDSA-192", {Fact.CERTIFICATE_KEY: "ECDSA-192"}),
        broken("RSA", {Fact.CERTIFICATE_KEY: "RSA-many"}),
        broken("ECDSA-256 (secp256k1)", {Fact.CERTIFICATE_KEY: "ECDSA-256 (secp256k1)"}),
        broken("SHA-1", {Fact.CERTIFICATE_SIGNATURE: "SHA-1"}),
        broken("sha224", {Fact.CERTIFICATE_SIGNATURE: "sha224"}),
        broken("1.2.643", {Fact.CERTIFICATE_SIGNATURE: "1.2.643.7.1.1.3.2"}),
        fine({Fact.CERTIFICATE_KEY: "ECDSA-256", Fact.CERTIFICATE_SIGNATURE: "sha256"}),
        fine({Fact.CERTIFICATE_KEY: "Ed25519", Fact.CERTIFICATE_SIGNATURE: "intrinsic"}),
        unseen(),
        unseen({Fact.CERTIFICATE_KEY: "RSA-2048"}),
        *_tls_of_a_drop(),
        unseen({Fact.CERTIFICATE_SIGNATURE: "sha256"}),
    ),
    "transit-no-hsts": (
        broken("no Strict-Transport-Security", {Fact.HSTS_SECONDS: 0}),
        fine({Fact.HSTS_SECONDS: 300}),
        unseen(),
        beside({Fact.HSTS_SECONDS: 0}, required=NO_PROTECTION),
    ),
    "transit-weak-hsts": (
        broken("300 seconds", {Fact.HSTS_SECONDS: 300}),
        fine({Fact.HSTS_SECONDS: 63072000}),
        unseen(),
        beside({Fact.HSTS_SECONDS: 0}),
        beside({Fact.HSTS_SECONDS: 300}, required=NO_PROTECTION),
    ),
    "transit-unsigned": (
        broken("not verified: expired", {Fact.PLAIN_SIGNATURE: "expired"}, declarations=PLAIN),
        broken("not verified: other body", {Fact.PLAIN_SIGNATURE: "other body"}),
        fine({Fact.PLAIN_SIGNATURE: "valid"}, declarations=PLAIN),
        fine({Fact.PLAIN_SIGNATURE: "valid"}),
        unseen(declarations=PLAIN),
        unseen(tried=(Fact.PLAIN_SIGNATURE,)),
        beside(),
    ),
    "transit-no-redirect": (
        beside({Fact.PLAIN_GET: "served"}, declarations=PLAIN),
        broken("does not redirect", {Fact.PLAIN_GET: "denied"}, declarations=PLAIN),
        broken("does not redirect", {Fact.PLAIN_GET: "denied"}),
        broken("does not redirect", {Fact.PLAIN_GET: "served"}),
        fine({Fact.PLAIN_GET: "redirect"}),
        beside({Fact.PLAIN_GET: "refused"}),
        unseen(),
    ),
    "transit-post-accepted": (
        broken("taken", {Fact.PLAIN_POST: "served"}),
        broken("after its body", {Fact.PLAIN_POST: "redirect"}),
        fine({Fact.PLAIN_POST: "denied"}),
        fine({Fact.PLAIN_POST: "refused"}),
        unseen(),
        unseen(tried=(Fact.PLAIN_POST,), kind=AssetKind.ENDPOINT),
        beside({Fact.PLAIN_POST: "served"}, required=NO_PROTECTION),
    ),
    "transit-insecure-cookie": (
        *_page(Fact.COOKIES_INSECURE, "sid", "sid without Secure"),
        broken("sets sid over http", {Fact.COOKIES_INSECURE: ("sid over http",)}),
    ),
    "transit-scriptable-cookie": _page(Fact.COOKIES_SCRIPTABLE, "sid", "sid without HttpOnly"),
    "transit-mixed-content": _page(Fact.MIXED_CONTENT, "http://cdn/x.js", "http://cdn/x.js"),
    "transit-form-plaintext": (
        broken("http://shop/login", {Fact.FORMS_PLAIN: ("http://shop/login",)}),
        broken(
            "password is served over http",
            {Fact.FORMS_SENSITIVE: ("password",), Fact.PLAIN_GET: "served"},
        ),
        broken("card is served over http", {Fact.PLAIN_FORMS: ("card",)}),
        fine(
            {
                Fact.FORMS_PLAIN: (),
                Fact.FORMS_SENSITIVE: ("password",),
                Fact.PLAIN_GET: "served",
                Fact.PLAIN_FORMS: (),
            }
        ),
        fine({Fact.FORMS_PLAIN: (), Fact.FORMS_SENSITIVE: (), Fact.PLAIN_GET: "denied"}),
        fine(
            {
                Fact.FORMS_PLAIN: (),
                Fact.FORMS_SENSITIVE: ("card",),
                Fact.PLAIN_GET: "refused",
            }
        ),
        unseen(),
        unseen({Fact.FORMS_PLAIN: (), Fact.FORMS_SENSITIVE: ("card",)}),
        unseen({Fact.FORMS_PLAIN: ()}),
        beside(kind=AssetKind.SITE),
        beside({Fact.LOCK_STATUS_ANONYMOUS: 403}),
    ),
    "transit-form-get": _page(Fact.FORMS_GET, "https://shop/login", "sent by GET"),
    "transit-backend-unlocked": (
        broken("answers 200", SHUT | {Fact.LOCK_STATUS_ANONYMOUS: 200}, required=LOCKED),
        # A 404 may come from the site, so that the lock was passed.
        broken("answers 404", SHUT | {Fact.LOCK_STATUS_ANONYMOUS: 404}, required=LOCKED),
        broken("/TYPO3/", SHUT | {Fact.LOCK_VARIANTS_OPEN: ("/TYPO3/",)}, required=LOCKED),
        broken("over http", SHUT | {Fact.PLAIN_GET: "served"}, declarations=BACKEND),
        broken(
            "/TYPO3/",
            {Fact.PLAIN_GET: "redirect", Fact.LOCK_VARIANTS_OPEN: ("http: /TYPO3/",)},
            declarations=BACKEND,
        ),
        fine(SHUT, required=LOCKED),
        fine(SHUT | {Fact.LOCK_STATUS_ANONYMOUS: 401}, required=LOCKED, declarations=BACKEND),
        fine(SHUT | {Fact.LOCK_STATUS_ANONYMOUS: HANDSHAKE_REFUSED}, required=LOCKED),
        fine({Fact.PLAIN_GET: "redirect", Fact.LOCK_VARIANTS_OPEN: ()}, declarations=BACKEND),
        unseen(required=LOCKED),
        unseen(declarations=BACKEND),
        unseen({Fact.PLAIN_GET: "refused", Fact.LOCK_VARIANTS_OPEN: ()}, required=LOCKED),
        unseen({Fact.PLAIN_GET: "refused", Fact.LOCK_STATUS_ANONYMOUS: 403}, required=LOCKED),
        beside(SHUT | {Fact.LOCK_STATUS_ANONYMOUS: 200}),
    ),
    "transit-backend-bypass": (
        broken("192.0.2.1:8080", {Fact.UPSTREAM_EXPOSED: ("192.0.2.1:8080",)}),
        fine({Fact.UPSTREAM_EXPOSED: ()}),
        unseen(),
    ),
    "transit-upstream-plaintext": (
        broken("unprotected network", {Fact.UPSTREAM_PROTECTED: False}),
        fine({Fact.UPSTREAM_PROTECTED: True}),
        unseen(),
        beside({Fact.UPSTREAM_PROTECTED: False}, required=NO_PROTECTION),
    ),
    "access-anonymous": (
        broken("nothing is asked", {Fact.ACCESS_RUNG: 0}),
        fine({Fact.ACCESS_RUNG: 1}),
        unseen(),
        unseen(tried=(Fact.ACCESS_RUNG,)),
    ),
    "access-no-key": (
        broken("neither a key", {Fact.ACCESS_RUNG: 1}),
        fine({Fact.ACCESS_RUNG: 2}),
        beside(),
    ),
    "access-no-approval": (
        broken("no second factor", {Fact.ACCESS_RUNG: 2}),
        fine({Fact.ACCESS_RUNG: 3}),
        beside(),
    ),
    "access-site-unverified": (
        broken("no form", ASKED | {Fact.FORMS_SENSITIVE: ("card",)}, declarations=SITE_ASKS),
        broken("without TLS", ASKED | {Fact.PLAIN_GET: "served"}),
        broken("without TLS", ASKED | {Fact.FORMS_PLAIN: ("http://shop/login",)}),
        fine(ASKED, declarations=SITE_ASKS),
        # HTTP authentication asks without a form.
        fine(ASKED | {Fact.FORMS_SENSITIVE: (), Fact.HTTP_STATUS: 401}),
        unseen(),
        unseen({Fact.PLAIN_GET: "refused", Fact.FORMS_PLAIN: (), Fact.HTTP_STATUS: 200}),
        unseen({Fact.PLAIN_GET: "refused", Fact.FORMS_PLAIN: (), Fact.FORMS_SENSITIVE: ()}),
        unseen({Fact.FORMS_PLAIN: (), Fact.FORMS_SENSITIVE: ("password",)}),
        unseen({Fact.PLAIN_GET: "refused", Fact.FORMS_SENSITIVE: ("password",)}),
    ),
    "certificate-no-operator": (
        broken("no organisation", {Fact.CERTIFICATE_OPERATOR: ""}),
        fine({Fact.CERTIFICATE_OPERATOR: "Shop Ltd"}),
        unseen(),
    ),
    "certificate-life-too-long": (
        broken("lives 90 days, but was issued when 47 were allowed", _issued((2029, 3, 15), 90)),
        broken("lives 48 days", _issued((2029, 3, 15), 47, more=0)),
        broken("when 100 were allowed", _issued((2027, 3, 15), 101)),
        broken("when 200 were allowed", _issued((2026, 3, 15), 398)),
        broken("when 398 were allowed", _issued((2020, 9, 1), 825)),
        fine(_issued((2029, 3, 15), 47)),
        fine(_issued((2029, 3, 14), 100)),
        fine(_issued((2027, 3, 14), 200)),
        fine(_issued((2026, 3, 14), 398)),
        fine(_issued((2020, 8, 31), 825)),
        beside(_issued((2029, 3, 15), 90) | {Fact.CERTIFICATE_PUBLIC: False}),
        unseen(IN_DATE),
        unseen({Fact.CERTIFICATE_PUBLIC: True}),
        unseen(),
    ),
    "certificate-not-kept": (
        broken("no answer", {Fact.CERTIFICATE_UPKEEP: "the authority gives no answer"}),
        fine({Fact.CERTIFICATE_UPKEEP: ""}),
        unseen(tried=(Fact.CERTIFICATE_UPKEEP,)),
        beside(),
    ),
    "at-rest-unobserved": (
        fine({Fact.AT_REST_RUNG: 0}),
        unseen(),
        unseen(tried=(Fact.AT_REST_RUNG,)),
    ),
    "at-rest-unprotected": _rung(1),
    "at-rest-unsealed": _rung(2),
    "at-rest-keys-on-host": _rung(3),
    "drop-class-exceeded": (
        broken("partners/list.csv", {Fact.UPLOADS_STRICTER: ("partners/list.csv",)}),
        fine({Fact.UPLOADS_STRICTER: ()}),
        unseen(tried=(Fact.UPLOADS_STRICTER,)),
        beside(),
    ),
    "transit-egress-unverified": (
        broken("verifies nothing", {Fact.EGRESS_VERIFIED: False}),
        broken(
            "api.pay.example",
            {Fact.EGRESS_VERIFIED: True, Fact.EGRESS_REFUSED: ("api.pay.example",)},
        ),
        fine({Fact.EGRESS_VERIFIED: True}),
        fine({Fact.EGRESS_VERIFIED: True, Fact.EGRESS_REFUSED: ()}),
        # A good certificate now says nothing of the next connection.
        unseen({Fact.EGRESS_REFUSED: ()}),
        unseen(tried=(Fact.EGRESS_VERIFIED,)),
    ),
    "payment-undeclared": (
        broken("card", {Fact.FORMS_SENSITIVE: ("card", "password")}),
        fine({Fact.FORMS_SENSITIVE: ("card",)}, declarations=PAYS),
        unseen(tried=(Fact.FORMS_SENSITIVE,)),
        beside({Fact.FORMS_SENSITIVE: ("password",)}),
        beside({Fact.LOCK_STATUS_ANONYMOUS: 403}),
    ),
    "payment-elsewhere": (
        broken("card to https://x/", {Fact.CARD_ELSEWHERE: ("card to https://x/",)}),
        fine({Fact.CARD_ELSEWHERE: (), Fact.FORMS_SENSITIVE: ("card",)}),
        fine({Fact.CARD_ELSEWHERE: (), Fact.FORMS_SENSITIVE: ()}, declarations=PAYS),
        unseen(tried=(Fact.CARD_ELSEWHERE,)),
        unseen({Fact.CARD_ELSEWHERE: ()}),
        beside({Fact.CARD_ELSEWHERE: (), Fact.FORMS_SENSITIVE: ("password",)}),
        beside({Fact.LOCK_STATUS_ANONYMOUS: 403}),
    ),
    "payment-scripts-unrestricted": (
        broken("run", {Fact.SCRIPT_POLICY: "none"}, declarations=PAYS),
        broken("reported", {Fact.SCRIPT_POLICY: "reported"}, declarations=PAYS),
        fine({Fact.SCRIPT_POLICY: "enforced"}, declarations=PAYS),
        unseen(tried=(Fact.SCRIPT_POLICY,), declarations=PAYS),
        beside({Fact.SCRIPT_POLICY: "none"}),
    ),
    "payment-script-unapproved": _of_payment_page(Fact.SCRIPTS_UNAPPROVED),
    "payment-script-changed": _of_payment_page(Fact.SCRIPTS_CHANGED),
    "payment-script-unpinned": _of_payment_page(Fact.SCRIPTS_UNPINNED),
    "payment-storable": _of_payment_page(Fact.PAGE_STORABLE),
    "payment-unconfirmed": (
        unseen({Fact.UNCONFIRMED: ("issuer-rules",)}),
        fine({Fact.UNCONFIRMED: ()}),
        unseen(tried=(Fact.UNCONFIRMED,)),
    ),
    "minimise-stored-cvv": (
        broken("card-verification", {Fact.KINDS_NEVER_STORED: ("card-verification",)}),
        broken("CVV", {Fact.KINDS_NEVER_STORED: ("password", "CVV")}),
        fine({Fact.KINDS_NEVER_STORED: ("password",)}),
        unseen(tried=(Fact.KINDS_NEVER_STORED,)),
        beside(),
    ),
    "minimise-clear-password": (
        broken("password", {Fact.KINDS_NEVER_STORED: ("password", "cvv")}),
        # A kind that is new to this rule is told all the same.
        broken("pin-block", {Fact.KINDS_NEVER_STORED: ("pin-block",)}),
        fine({Fact.KINDS_NEVER_STORED: ("card-verification",)}),
        unseen(tried=(Fact.KINDS_NEVER_STORED,)),
        beside(),
    ),
    "minimise-leftover-served": (
        broken("/.env, /backup.sql", {Fact.LEFTOVERS_SERVED: ("/.env", "/backup.sql")}),
        fine({Fact.LEFTOVERS_SERVED: ()}),
        unseen(tried=(Fact.LEFTOVERS_SERVED,)),
        beside(),
    ),
    "minimise-file-in-web-root": (
        broken(".env, .git", {Fact.FILES_IN_WEB_ROOT: (".env", ".git")}),
        fine({Fact.FILES_IN_WEB_ROOT: ()}),
        unseen(tried=(Fact.FILES_IN_WEB_ROOT,)),
        beside(),
    ),
}
# Why a rule has no vector of a status; every other rule has all three.
NEVER_VIOLATED = {
    "transit-unreachable": "it only tells that nobody answered",
    "transit-unobserved": "it only tells that nothing was seen",
    "at-rest-unobserved": "it only tells whether something was seen",
    "payment-unconfirmed": "what nobody confirmed may be right all the same",
}
NEVER_MET = {"transit-unobserved": "it stands where no protocol is spoken"}
NEVER_UNSEEN = {
    "access-no-key": "access-anonymous tells it",
    "access-no-approval": "access-anonymous tells it",
    "at-rest-unprotected": "at-rest-unobserved tells it",
    "at-rest-unsealed": "at-rest-unobserved tells it",
    "at-rest-keys-on-host": "at-rest-unobserved tells it",
}


def _every() -> Iterator[object]:
    for rule_id, vectors in VECTORS.items():
        for index, vector in enumerate(vectors):
            yield pytest.param(rule_id, vector, id=f"{rule_id}-{index}-{vector.expect.value}")


@pytest.mark.parametrize(("rule_id", "vector"), list(_every()))
def test_vector(rule_id: str, vector: Vector) -> None:
    """A rule answers each of its vectors as told, and says what it found."""
    rule = find_rule(rule_id)
    assert rule is not None
    kind = vector.kind or _usual_kind(rule.applies_to)
    assert kind in rule.applies_to
    asset = Asset("the asset", kind)
    sightings: dict[Fact, Sighting] = {
        fact: Observation(asset.id, fact, value, Vantage.OUTSIDE, "a vector")
        for fact, value in vector.facts.items()
    }
    for fact in vector.tried:
        sightings[fact] = NotObserved(asset.id, fact, TRIED, Vantage.OUTSIDE)
    assert set(sightings) <= set(rule.facts), "a rule may only look at the facts it names"
    verdict = rule.judge(Subject(asset, vector.required, sightings, NOW, vector.declarations))
    assert verdict.status is vector.expect
    assert verdict.detail
    assert vector.says in verdict.detail
    if vector.tried and vector.expect is Status.NOT_OBSERVED and rule.facts:
        assert TRIED in verdict.detail


def _usual_kind(kinds: frozenset[AssetKind]) -> AssetKind:
    web = (AssetKind.ROUTE, AssetKind.SITE, AssetKind.PAYMENT_GATEWAY)
    usual = (*web, AssetKind.TABLE, AssetKind.DROP, AssetKind.TUNNEL)
    return next(kind for kind in usual if kind in kinds)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_vectors(rule: Rule) -> None:
    """A rule without a vector that breaks, meets and blinds it fails here."""
    statuses = {vector.expect for vector in VECTORS[rule.id]}
    assert (Status.VIOLATED in statuses) != (rule.id in NEVER_VIOLATED)
    assert (Status.MET in statuses) != (rule.id in NEVER_MET)
    assert (Status.NOT_OBSERVED in statuses) != (rule.id in NEVER_UNSEEN)


def test_rules_are_listed_once_and_each_file_is_listed() -> None:
    """Id, file and list agree: no rule is forgotten, none is there twice."""
    ids = [rule.id for rule in RULES]
    assert len(ids) == len(set(ids))
    folder = Path(rules.__file__).parent
    files = {p.stem for p in folder.glob("*.py") if "RULE = Rule(" in p.read_text("utf-8")}
    assert files == {rule_id.replace("-", "_") for rule_id in ids}
    assert set(VECTORS) == set(ids)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_can_be_acted_upon(rule: Rule) -> None:
    """A rule cites a clause, says why and what to type, in the voice of the house."""
    assert rule.citations
    assert rule.id.split("-")[0] in {
        *("transit", "access", "at", "minimise", "certificate", "drop", "payment"),
    }
    assert rule.why.endswith(".")
    for fragment in (rule.title, rule.demand, rule.remediation):
        assert fragment
        assert not fragment.endswith(".")
    assert rule.applies_to
    assert len(rule.facts) == len(set(rule.facts))


def test_every_criterion_is_on_a_ladder_and_every_ladder_knows_its_rules() -> None:
    """A criterion that no rung asks for would never be asked, and a rung cannot ask for nothing."""
    on_ladders = {
        rule_id
        for ladder in LADDERS.values()
        for rung in ladder
        for way in rung.alternatives
        for rule_id in way.criteria
    }
    known = {rule.id for rule in RULES}
    assert on_ladders <= known
    assert {rule.id for rule in RULES if rule.criterion} <= on_ladders


def test_only_the_breach_of_a_must_is_an_error() -> None:
    """What a clause only recommends is a warning or a note."""
    recommended = {
        "transit-no-hsts": Severity.WARNING,
        "transit-weak-hsts": Severity.NOTE,
        "transit-no-redirect": Severity.NOTE,
        "transit-insecure-cookie": Severity.WARNING,
        "transit-form-get": Severity.WARNING,
        "certificate-no-operator": Severity.NOTE,
        "certificate-life-too-long": Severity.NOTE,
        "certificate-not-kept": Severity.WARNING,
        "transit-no-hybrid": Severity.NOTE,
        "transit-ssh-no-hybrid": Severity.NOTE,
        "transit-ftp-session-not-reused": Severity.WARNING,
    }
    found = {rule.id: rule.severity for rule in RULES if rule.id in recommended}
    assert found == recommended


def test_unknown_rule_is_none() -> None:
    """A rule that does not exist is not found."""
    assert find_rule("transit-everything-fine") is None
