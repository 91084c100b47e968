"""Envoy and curl, the two programs that have to agree about every certificate made here."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sealgate.gateway.adapters.binary import find_envoy
from sealgate.identity.adapters import minting
from sealgate.identity.adapters.authority import LocalAuthority, Minted, ServerCertificates
from sealgate.identity.model import user_uri
from sealgate.policy.inventory import Operator
from tests.ports import await_listener, free_port

pytestmark = [pytest.mark.peer("envoy"), pytest.mark.peer("curl")]

OPERATOR = Operator("Shop Ltd", "DE", "Kassel")
DOMAINS = ("shop.example", "www.shop.example", "127.0.0.1")
TYPES = "type.googleapis.com/envoy.extensions"
DEADLINE_SECONDS = 20


@dataclass(frozen=True)
class Served:
    """An Envoy that answers whoever has a certificate of the client authority, and tells its URI."""

    folder: Path
    port: int
    authority: LocalAuthority
    made: ServerCertificates

    def curl(self, *options: str, host: str = "shop.example", ca: str | None = None) -> str:
        """Return what curl got, or ``curl: (N)…`` when the handshake failed."""
        command = ["curl", "-sS", "--noproxy", "*", "--max-time", "60"]
        command += ["--cacert", ca or self.made.authority.path]
        command += ["--resolve", f"{host}:{self.port}:127.0.0.1", *options]
        command.append(f"https://{host}:{self.port}/")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else done.stderr

    def pair(self, name: str, minted: Minted) -> list[str]:
        """Return the options that have curl show a certificate."""
        certificate, key = minted
        crt, pem = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        crt.write_bytes(certificate.public_bytes(Encoding.PEM))
        pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return ["--cert", str(crt), "--key", str(pem)]

    def issued(self, name: str) -> list[str]:
        """Return the options for a certificate that the local authority issues to *name*."""
        issued = self.authority.issue(name, 30, time.time())
        return self.pair("issued", (issued.certificate, issued.key))


def bootstrap(port: int, chain: str, key: str, client_ca: str) -> dict[str, Any]:
    """Return the smallest Envoy that asks for a client certificate and verifies its chain."""
    answer = {"status": 200, "body": {"inline_string": "in"}}
    header = {"header": {"key": "x-peer", "value": "%DOWNSTREAM_PEER_URI_SAN%"}}
    route = {"match": {"prefix": "/"}, "direct_response": answer}
    hosts = [{"name": "all", "domains": ["*"], "routes": [route]}]
    manager = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "https",
        "route_config": {"virtual_hosts": hosts, "response_headers_to_add": [header]},
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}}
        ],
    }
    pair = {"certificate_chain": {"filename": chain}, "private_key": {"filename": key}}
    tls = {
        "@type": f"{TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": True,
        "common_tls_context": {
            "tls_certificates": [pair],
            "validation_context": {"trusted_ca": {"filename": client_ca}},
        },
    }
    chain_of_filters = {
        "filters": [{"name": "http", "typed_config": manager}],
        "transport_socket": {"name": "tls", "typed_config": tls},
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [chain_of_filters],
    }
    return {"static_resources": {"listeners": [listener]}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run Envoy with certificates of a fresh local authority."""
    folder = tmp_path_factory.mktemp("envoy")
    authority = LocalAuthority(str(folder / "authority"), str(folder / "certificates"), OPERATOR)
    made = authority.server_certificates({"shop.example": DOMAINS}, time.time())
    kept, client = made.certificates["shop.example"], authority.client(time.time())
    port = free_port()
    configuration = bootstrap(port, kept.chain, kept.key, client.path)
    (folder / "envoy.json").write_text(json.dumps(configuration))
    command = [find_envoy().path, "-c", str(folder / "envoy.json"), "--use-dynamic-base-id"]
    command += ["--log-level", "warning", "--concurrency", "1"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            await_listener(port, process)
            yield Served(folder, port, authority, made)
        finally:
            process.terminate()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("host", DOMAINS)
def test_curl_and_envoy_take_each_others_certificates(
    served: Served, host: str, version: str
) -> None:
    """Under both versions of TLS, for each name of the site; Envoy reads the identity."""
    options = [f"--tlsv{version}", "--tls-max", version, "-i"]
    told = served.curl(*served.issued("änna b"), *options, host=host)
    assert " 200" in told
    assert f"x-peer: {user_uri('änna b')}" in told


def test_curl_refuses_another_name(served: Served) -> None:
    """The certificate is for its domains only."""
    assert "curl: (60)" in served.curl(*served.issued("anna"), host="other.example")


def test_curl_does_not_take_the_client_authority_for_the_servers(served: Served) -> None:
    """Who trusts the authority of clients trusts no server for it."""
    told = served.curl(*served.issued("anna"), ca=served.authority.client_path)
    assert "curl: (60)" in told


def strangers(served: Served) -> dict[str, list[str]]:
    """Return certificates for the very same user that somebody else signed."""
    now = time.time()
    own = minting.mint_client_authority(OPERATOR, now)
    stranger = minting.mint_client(*own, OPERATOR, "anna", days=1, now=now)
    kept = served.made.certificates["shop.example"]
    return {
        "nothing": [],
        "a stranger of the same names": served.pair("stranger", stranger),
        "the stranger's authority": served.pair("authority", own),
        "the site's own certificate": ["--cert", kept.chain, "--key", kept.key],
    }


@pytest.mark.parametrize(
    "who",
    [
        "nothing",
        "a stranger of the same names",
        "the stranger's authority",
        "the site's own certificate",
    ],
)
def test_envoy_takes_no_certificate_of_anybody_else(served: Served, who: str) -> None:
    """Same subject, same URI, same name of the authority: only the key counts."""
    told = served.curl(*strangers(served)[who])
    assert told.startswith("curl: ("), told
    assert "in" not in told.splitlines()


def test_curl_takes_no_client_certificate_as_a_servers(served: Served) -> None:
    """A real server that shows a client certificate is refused, whoever trusts its authority."""
    now = time.time()
    served.issued("shop.example")
    port = free_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-quiet"]
    command += ["-cert", str(served.folder / "issued.crt"), "-key"]
    command.append(str(served.folder / "issued.key"))
    both = served.folder / "both.pem"
    both.write_bytes(
        Path(served.authority.client(now).path).read_bytes()
        + Path(served.made.authority.path).read_bytes()
    )
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            await_listener(port, process)
            told = replace(served, port=port).curl(ca=str(both))
        finally:
            process.terminate()
    assert "curl: (60)" in told
    assert "purpose" in told
