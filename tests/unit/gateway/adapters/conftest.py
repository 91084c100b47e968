"""
A gateway's files by hand: one listener, one route, one certificate, no policy.

What Sealgate itself emits is tested with :mod:`sealgate.gateway.translate`; here only
the running of Envoy is at stake.
"""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sealgate.gateway.model import EnvoyFiles, place_of
from tests.ports import free_port

TYPES = "type.googleapis.com/envoy"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def port() -> int:
    """Return the loopback port that the plain gateway listens on."""
    return free_port()


@pytest.fixture
def plain_files(tmp_path: Path, port: int) -> Callable[..., EnvoyFiles]:
    """Return a maker of files that answer 200 "one" over TLS; *change* edits them first."""
    folder = tmp_path / "envoy"
    folder.mkdir()
    _make_certificate(folder)
    plain = _plain(folder, port)

    def make(change: Change | None = None) -> EnvoyFiles:
        files = copy.deepcopy(plain)
        if change is not None:
            change(files)
        return EnvoyFiles(str(folder), files)

    return make


def _make_certificate(folder: Path, name: str = "site") -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-keyout", str(folder / f"{name}.key"), "-out"]
    command += [str(folder / f"{name}.pem"), "-subj", f"/CN={name}", "-days", "2"]
    subprocess.run(command, check=True, capture_output=True)


def _plain(folder: Path, port: int) -> dict[str, Any]:
    def source(name: str) -> dict[str, Any]:
        file = folder / place_of(name)
        path = {"path": str(file), "watched_directory": {"path": str(file.parent)}}
        return {"path_config_source": path, "resource_api_version": "V3"}

    answer = {"status": 200, "body": {"inline_string": "one"}}
    routes = [{"match": {"prefix": "/"}, "direct_response": answer}]
    manager = {
        "@type": f"{TYPES}.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "https",
        "rds": {"route_config_name": "site", "config_source": source("rds-site.json")},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": f"{TYPES}.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    tls = {
        "@type": f"{TYPES}.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "tls_certificate_sds_secret_configs": [
                {"name": "site", "sds_config": source("sds-site.json")}
            ]
        },
    }
    chain = {
        "filters": [{"name": "http", "typed_config": manager}],
        "transport_socket": {"name": "tls", "typed_config": tls},
    }
    pipe = {"pipe": {"path": str(folder / "admin.sock"), "mode": 0o600}}
    return {
        "bootstrap.json": {
            "node": {"id": "sealgate", "cluster": "sealgate"},
            "admin": {"address": pipe},
            "dynamic_resources": {
                "cds_config": source("cds.json"),
                "lds_config": source("lds.json"),
            },
        },
        "cds.json": {"resources": []},
        "sds-site.json": {
            "resources": [
                {
                    "@type": f"{TYPES}.extensions.transport_sockets.tls.v3.Secret",
                    "name": "site",
                    "tls_certificate": {
                        "certificate_chain": {"filename": str(folder / "site.pem")},
                        "private_key": {"filename": str(folder / "site.key")},
                    },
                }
            ]
        },
        "rds-site.json": {
            "resources": [
                {
                    "@type": f"{TYPES}.config.route.v3.RouteConfiguration",
                    "name": "site",
                    "virtual_hosts": [{"name": "site", "domains": ["*"], "routes": routes}],
                }
            ]
        },
        "lds.json": {
            "resources": [
                {
                    "@type": f"{TYPES}.config.listener.v3.Listener",
                    "name": "https",
                    "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
                    "filter_chains": [chain],
                }
            ]
        },
    }
