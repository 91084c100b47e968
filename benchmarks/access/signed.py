"""
What a signed-in request costs, against bare Envoy, Caddy, Traefik, and a proxy that asks for each one.

``bare`` is Envoy that looks at nothing; it is sent the same cookie, and passes it on.
``ask`` is what oauth2-proxy and its like do: every request asks a service (here one that
does nothing but say yes, in one Python process) through Caddy's ``forward_auth``, and
``traefik-ask`` through Traefik's.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.gateway.engines import (
    NAME,
    Engine,
    envoy,
    free_port,
    make_keys,
    start_bare,
    start_caddy,
    start_site,
    started,
)
from benchmarks.metric import Metric
from benchmarks.peers import peer_program
from benchmarks.rounds import SLICE_SECONDS, Figure, absolute, in_turn, measured, ratios, wrk
from sealgate.gateway.adapters.files import write_files
from sealgate.gateway.model import SESSION_COOKIE, CertificateFiles, Material, SignInMaterial
from sealgate.gateway.translate import translate
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.sessions import Session
from sealgate.identity.tokens import ISSUER, issue, key_set, token_key
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import (
    Address,
    Door,
    Inventory,
    Limits,
    Listen,
    Route,
    Site,
    Upstream,
)
from sealgate.policy.protection import AccessRung

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.identity.tokens import TokenKey

CONNECTIONS = 16
# A whole benchmark; longer than any real token.
TOKEN_SECONDS = 3600
LEAST = 0.85
_YES = """
import asyncio, sys, uvloop
class Yes(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        self.transport.write(b"HTTP/1.1 200 OK\\r\\nx-user: anna\\r\\ncontent-length: 0\\r\\n\\r\\n")
async def main():
    server = await asyncio.get_running_loop().create_server(Yes, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
uvloop.run(main())
"""


def measure(folder: Path, rounds: int, seconds: int) -> Iterator[Metric]:
    """Yield each figure: name, value, unit and the least that is wanted."""
    make_keys(folder)
    token, key = session()
    alone = f"{SESSION_COOKIE}={token}"
    among = f"PHPSESSID=0123456789abcdef0123456789; {alone}"
    with contextlib.ExitStack() as held:

        def kept(engine: Engine) -> Engine:
            held.callback(engine.process.wait)
            held.callback(engine.process.kill)
            return engine

        site = kept(start_site(folder))
        bare, own = kept(start_bare(folder, site)), kept(_sealgate(folder, site, key))
        caddy = kept(start_caddy(folder, site))
        answers = kept(_yes(folder))
        asking = kept(_asking(folder, site, answers))
        traefik = kept(_traefik(folder, site))
        traefik_asks = kept(_traefik(folder, site, answers))
        loads = {
            "bare": (bare, "/members", alone, ()),
            "signed": (own, "/members", alone, ()),
            "signed-among": (own, "/members", among, ()),
            "public": (own, "/", "a=1", ()),
            "public-signed": (own, "/", alone, ()),
            "caddy": (caddy, "/members", alone, ()),
            "ask": (asking, "/members", alone, (answers,)),
            "traefik": (traefik, "/members", alone, ()),
            "traefik-ask": (traefik_asks, "/members", alone, (answers,)),
        }
        asked = {
            name: partial(_load, engine, path, cookie, more)
            for name, (engine, path, cookie, more) in loads.items()
        }
        for load in asked.values():
            load()  # warms up
        found: dict[str, list[Figure]] = {name: [] for name in loads}
        # As much of each as ever, in short slices.
        for number in range(round(rounds * seconds / SLICE_SECONDS)):
            for name in in_turn(list(asked), number):
                found[name].append(asked[name]())
    for name, figures in found.items():
        if name != "bare":
            least = LEAST if name in {"signed", "signed-among"} else None
            by_cpu, by_rate = ratios(f"{name}-vs-bare", figures, found["bare"], least)
            yield from (by_cpu, replace(by_rate, target=None))
    yield from absolute(found)


def session() -> tuple[str, TokenKey]:
    """Return the token of somebody who gave a password, and the key that signed it."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    now = time.time()
    key = token_key(pem, float(int(now)))
    proven = (Proven(Factor.PASSWORD, int(now)),)
    token = issue(
        Session(
            "anna", AccessRung.LOW, proven, "DE", now, int(now) + TOKEN_SECONDS, "a" * 22, NAME
        ),
        key,
    )
    return token, key


def _load(engine: Engine, path: str, cookie: str, more: tuple[Engine, ...]) -> Figure:
    headers = ("-H", f"Host: {NAME}", "-H", f"Cookie: {cookie}")
    url = f"https://{NAME}:{engine.port}{path}"
    return measured((engine, *more), lambda: wrk(SLICE_SECONDS, f"-c{CONNECTIONS}", *headers, url))


def _sealgate(folder: Path, site: Engine, key: TokenKey) -> Engine:
    config, port = sealgate(folder, site, key)
    return envoy("sealgate", port, config, folder)


def sealgate(folder: Path, site: Engine, key: TokenKey) -> tuple[Path, int]:
    """Write the configuration of a site with a public ``/`` and ``/members``; return it and the port."""
    port = free_port()
    public, restricted, *_ = DEFAULT_MODEL.classes
    declared = Site(
        (NAME,),
        Upstream("http", "127.0.0.1", site.port),
        (Route(Door("/"), public), Route(Door("/members"), restricted)),
    )
    inventory = Inventory(
        "sealgate.toml",
        str(folder),
        Listen((Address("127.0.0.1", port),), ()),
        sites=(declared,),
        # All of the load comes from one address: it is counted as usual, and never refused.
        limits=Limits(session_requests_per_second=10_000_000),
    )
    run = folder / "signs-in"
    run.mkdir()
    material = Material(
        str(run),
        {NAME: CertificateFiles(str(folder / "server.pem"), str(folder / "server.key"))},
        sign_in=SignInMaterial(str(folder / "sign-in.sock"), key_set([key]), ISSUER),
    )
    write_files(str(run), translate(inventory, material).files)
    return run / "bootstrap.json", port


def _yes(folder: Path) -> Engine:
    port = free_port()
    (folder / "yes.py").write_text(_YES)
    return started("yes", port, [sys.executable, str(folder / "yes.py"), str(port)], "0", folder)


def _asking(folder: Path, site: Engine, answers: Engine) -> Engine:
    port = free_port()
    (folder / "Askfile").write_text(
        f"""
{{
  admin off
  auto_https off
  log default {{
    output discard
  }}
}}
https://{NAME}:{port} {{
  bind 127.0.0.1
  tls {folder}/server.pem {folder}/server.key
  forward_auth 127.0.0.1:{answers.port} {{
    uri /auth
    copy_headers X-User
  }}
  reverse_proxy 127.0.0.1:{site.port}
}}
"""
    )
    caddy = Path(sys.executable).parent / "caddy"
    command = [str(caddy), "run", "--adapter", "caddyfile", "--config", str(folder / "Askfile")]
    return started("asking", port, command, "0", folder, GOMAXPROCS="1", HOME=str(folder))


def _traefik(folder: Path, site: Engine, answers: Engine | None = None) -> Engine:
    port = free_port()
    name = "traefik" if answers is None else "traefik-asking"
    home = folder / name
    home.mkdir()
    router: dict[str, object] = {"rule": "PathPrefix(`/`)", "service": "site", "tls": {}}
    http: dict[str, object] = {
        "routers": {"all": router},
        "services": {
            "site": {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{site.port}"}]}}
        },
    }
    if answers is not None:
        address = f"http://127.0.0.1:{answers.port}/auth"
        router["middlewares"] = ["ask"]
        http["middlewares"] = {
            "ask": {"forwardAuth": {"address": address, "authResponseHeaders": ["X-User"]}}
        }
    certificate = {"certFile": f"{folder}/server.pem", "keyFile": f"{folder}/server.key"}
    (home / "routes.yml").write_text(
        json.dumps({"http": http, "tls": {"certificates": [certificate]}})
    )
    settings = {
        "entryPoints": {"web": {"address": f"127.0.0.1:{port}"}},
        "providers": {"file": {"filename": str(home / "routes.yml")}},
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
    }
    (home / "traefik.yml").write_text(json.dumps(settings))
    command = [peer_program("traefik"), f"--configFile={home}/traefik.yml"]
    return started(name, port, command, "0", folder, GOMAXPROCS="1", HOME=str(home))
