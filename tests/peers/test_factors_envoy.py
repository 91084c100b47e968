"""Envoy verifies our tokens by itself, and refuses what we refuse."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sealgate.gateway.adapters.binary import find_envoy
from sealgate.identity.adapters.token_keys import TokenKeys
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.sessions import Session
from sealgate.identity.tokens import ISSUER, TokenKey, issue, key_set
from sealgate.policy.protection import AccessRung
from tests.ports import await_listener, free_port

pytestmark = [pytest.mark.peer("envoy")]

SITE = "shop.example"
COOKIE = "__Host-sealgate"
TYPES = "type.googleapis.com/envoy.extensions.filters.http"
DEADLINE_SECONDS = 20
NOW = time.time()
# Ben's tokens of before this moment are stale.
STALE_MS = int(NOW * 1000) - 5000


@dataclass(frozen=True)
class Served:
    """An Envoy that asks for rung 1, 2 and 3 at ``/low``, ``/high`` and ``/top``."""

    port: int
    key: TokenKey

    def get(self, path: str, token: str | None) -> int:
        """Return the status for *token* in our cookie."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port)) as client:
            headers = {} if token is None else {"Cookie": f"{COOKIE}={token}"}
            client.request("GET", path, headers={"Host": SITE, **headers})
            return client.getresponse().status


def claim(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return the matcher of one claim."""
    path = [{"key": "sealgate"}, {"key": name}]
    return {"filter": "envoy.filters.http.jwt_authn", "path": path, "value": value}


def least(rung: int, asset: str | None = None) -> dict[str, Any]:
    """Return what admits tokens worth *rung* or more."""
    ids = [{"metadata": claim("rung", {"double_match": {"range": {"start": rung, "end": 4}}})}]
    if asset is not None:
        ids.append({"metadata": claim("asset", {"string_match": {"exact": asset}})})
    policy = {"permissions": [{"any": True}], "principals": [{"and_ids": {"ids": ids}}]}
    rules = {"action": "ALLOW", "policies": {"rung": policy}}
    return {"rung": {"@type": f"{TYPES}.rbac.v3.RBACPerRoute", "rbac": {"rules": rules}}}


def stale(name: str, before: int) -> dict[str, Any]:
    """Return what refuses the tokens of *name* that were made before *before* (milliseconds)."""
    made = {"double_match": {"range": {"start": 0, "end": before}}}
    ids = [
        {"metadata": claim("sub", {"string_match": {"exact": name}})},
        {"metadata": claim("made", made)},
    ]
    policy = {"permissions": [{"any": True}], "principals": [{"and_ids": {"ids": ids}}]}
    return {"action": "DENY", "policies": {"stale": policy}}


def configuration(port: int, jwks: str) -> dict[str, Any]:
    """Return an Envoy that verifies tokens with *jwks* and answers 200 to who may come in."""
    provider = {
        "issuer": ISSUER,
        "audiences": [SITE],
        "local_jwks": {"inline_string": jwks},
        "from_cookies": [COOKIE],
        "payload_in_metadata": "sealgate",
        # Left out it is 60: a second factor would be fresh a minute longer than it is.
        "clock_skew_seconds": 1,
        "jwt_cache_config": {"jwt_cache_size": 100},
    }
    authn = {
        "@type": f"{TYPES}.jwt_authn.v3.JwtAuthentication",
        "providers": {"sealgate": provider},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "sealgate"}}],
    }
    answer = {"status": 200, "body": {"inline_string": "in"}}
    asset = f"route {SITE}/top"
    routes = [
        {
            "match": {"path": path},
            "direct_response": answer,
            "typed_per_filter_config": rung,
        }
        for path, rung in (("/low", least(1)), ("/high", least(2)), ("/top", least(3, asset)))
    ]
    rbac = f"{TYPES}.rbac.v3.RBAC"
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network"
        ".http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {"name": "jwt", "typed_config": authn},
            {"name": "stale", "typed_config": {"@type": rbac, "rules": stale("ben", STALE_MS)}},
            {"name": "rung", "typed_config": {"@type": rbac, "rules": {"action": "ALLOW"}}},
            {"name": "router", "typed_config": {"@type": f"{TYPES}.router.v3.Router"}},
        ],
    }
    listener = {
        "name": "http",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    return {"static_resources": {"listeners": [listener]}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run the Envoy."""
    folder: Path = tmp_path_factory.mktemp("envoy")
    (key,) = TokenKeys(str(folder)).keys(NOW - 9999)
    port = free_port()
    file = folder / "envoy.json"
    file.write_text(json.dumps(configuration(port, key_set([key]))))
    command = [find_envoy().path, "-c", str(file), "--concurrency", "1", "--log-level", "error"]
    command += ["--use-dynamic-base-id"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        await_listener(port, process)
        yield Served(port, key)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def session(rung: int = 2, **changes: Any) -> Session:
    """Return a session of anna that began a second ago."""
    made = Session(
        "anna",
        AccessRung(rung),
        (Proven(Factor.PASSKEY, NOW - 9, "k"), Proven(Factor.PASSWORD, NOW - 9)),
        "DE",
        int(NOW * 1000) / 1000 - 1,
        # Many tests may have run since this file was read.
        int(time.time()) + 300,
        "s1",
        SITE,
        ("Köche",),
        f"route {SITE}/top" if rung == 3 else "",
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("rung", "low", "high", "top"), [(1, 200, 403, 403), (2, 200, 200, 403), (3, 200, 200, 200)]
)
def test_a_token_opens_what_it_is_worth(
    served: Served, rung: int, low: int, high: int, top: int
) -> None:
    """Each route by the rung in it, twice: the second time from Envoy's cache."""
    token = issue(session(rung), served.key)
    for _ in range(2):
        found = [served.get(path, token) for path in ("/low", "/high", "/top")]
        assert found == [low, high, top]


def test_a_grant_for_another_asset_opens_nothing_here(served: Served) -> None:
    """Rung 3 is rung 3 at its asset only."""
    token = issue(session(3, asset="route shop.example/other"), served.key)
    assert [served.get(path, token) for path in ("/high", "/top")] == [200, 403]


def test_stale_tokens_are_refused_and_newer_ones_are_not(served: Served) -> None:
    """By name and millisecond; others are not concerned."""
    for name, made, status in (
        ("ben", STALE_MS - 1, 403),
        ("ben", STALE_MS, 200),
        ("ben", STALE_MS + 1, 200),
        ("anna", STALE_MS - 1, 200),
    ):
        token = issue(session(name=name, issued_at=made / 1000), served.key)
        assert served.get("/high", token) == status, (name, made)


def test_a_token_ends_in_envoy_when_it_says(served: Served) -> None:
    """Within the second of skew, also when it stands in the cache."""
    end = int(time.time()) + 2
    token = issue(session(ends_at=end), served.key)
    assert served.get("/high", token) == 200
    asked = time.time()
    while served.get("/high", token) == 200:
        assert asked < end + 3
        time.sleep(0.1)
        asked = time.time()
    assert served.get("/high", token) == 401


def b64(raw: bytes) -> str:
    """Return *raw* as JOSE writes it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_envoy_refuses_what_we_refuse(served: Served, tmp_path: Path) -> None:
    """Forged, stripped, expired, early, for another site, by another key."""
    good = issue(session(), served.key)
    assert served.get("/high", good) == 200
    header, payload, signature = good.split(".")
    (stranger,) = TokenKeys(str(tmp_path)).keys(NOW - 9999)
    raised = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"rung": 3}
    bad = {
        "none at all": None,
        "empty": "",
        "no signature": f"{header}.{payload}.",
        "alg none": f"{b64(json.dumps({'alg': 'none'}).encode())}.{payload}.",
        "claims changed": f"{header}.{b64(json.dumps(raised).encode())}.{signature}",
        "signature changed": f"{header}.{payload}.{b64(bytes(64))}",
        "another key": issue(session(), stranger),
        "another key under our name": issue(session(), replace(stranger, kid=served.key.kid)),
        "another site": issue(session(site="evil.example"), served.key),
        "expired": issue(session(issued_at=NOW - 700, ends_at=int(NOW) - 100), served.key),
        "not yet": issue(session(issued_at=time.time() + 100), served.key),
    }
    found = {name: served.get("/high", token) for name, token in bad.items()}
    assert found == dict.fromkeys(bad, 401) | {"another site": 403}
