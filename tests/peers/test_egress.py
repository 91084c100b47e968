"""The way out to payment gateways in a real Envoy, with real TLS servers behind it."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sealgate.audit.adapters.egress import probe_egress
from sealgate.audit.model import Limits
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import (
    Address,
    Door,
    Inventory,
    Listen,
    PaymentGateway,
    Route,
    Site,
    Upstream,
)
from sealgate.policy.observation import Fact, NotObserved, Observation, Vantage
from tests.peers.gatewayed import (
    ALLOWED,
    DAY,
    EchoSite,
    Gateway,
    Keys,
    Pair,
    Told,
    echo_site,
    gateway,
    run,
)
from tests.ports import await_listener, free_port
from tests.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
PLANTED = "4111111111111111"
# A host that tells what reached it.
ECHO = "echo.localhost"
# Each declared host, and what is wrong with the certificate that it shows.
GOOD, OTHER_NAME, EXPIRED, EARLY = (
    "good.localhost",
    "other.localhost",
    "expired.localhost",
    "early.localhost",
)
SELF_SIGNED, STRANGER, OLD_TLS, CLASSICAL = (
    "self.localhost",
    "stranger.localhost",
    "old.localhost",
    "classical.localhost",
)


def certificate(folder: Path, name: str, *, shown: str, begin: int, end: int, signer: str) -> Pair:
    """
    Return a certificate for *shown*, good from *begin* to *end* (days from now).

    *signer*: "authority" or "stranger", which are files in *folder*, or "itself".
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, shown)])
    issuer, signing = subject, key
    if signer != "itself":
        above = x509.load_pem_x509_certificate((folder / f"{signer}.pem").read_bytes())
        loaded = serialization.load_pem_private_key((folder / f"{signer}.key").read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        issuer, signing = above.subject, loaded
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begin * DAY)
        .not_valid_after(now + end * DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(shown)]), critical=False)
        .sign(signing, hashes.SHA256())
    )
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    pair.chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pair.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pair


@contextlib.contextmanager
def openssl_server(folder: Path, pair: Pair, port: int, *more: str) -> Iterator[None]:
    """Run openssl's web server with *pair* on *port* until the block ends; its words go to a file."""
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *("openssl", "s_server", "-accept", f"{ALLOWED}:{port}", "-www"),
                *("-cert", str(pair.chain), "-key", str(pair.key), *more),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            await_listener(port)
            yield
        finally:
            process.kill()
            process.wait(10)


class Operator(EchoSite):
    """A payment gateway that breaks a connection off after it took the request."""

    def answer(self, told: Told) -> bytes:
        """Return the answer, but none to /drop."""
        if told.target == "/drop":
            raise ConnectionResetError
        return super().answer(told)


class World:
    """A gateway with a way out, and servers behind it."""

    def __init__(self, running: Gateway, site: EchoSite, operator: EchoSite) -> None:
        self.gateway = running
        self.site = site
        self.operator = operator
        self.port = running.inventory.listen.egress[0].port
        self.hosts = running.inventory.payment_gateways[0].hosts

    def curl(self, *arguments: str) -> tuple[int, str]:
        """Return status and body of what curl gets through the way out as its proxy."""
        done = run(
            *("curl", "-sS", "--max-time", "60", "-w", "\n%{http_code}"),
            *("--proxy", f"http://{ALLOWED}:{self.port}", *arguments),
        )
        body, _, status = done.stdout.decode("utf-8", "replace").rpartition("\n")
        return int(status or 0), body


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Yield a gateway whose payment gateway has a host for each defect."""
    folder = tmp_path_factory.mktemp("egress")
    keys = Keys(folder)
    stranger = tmp_path_factory.mktemp("stranger")
    other = Keys(stranger)
    for kind in ("pem", "key"):
        (folder / f"stranger.{kind}").write_bytes((stranger / f"authority.{kind}").read_bytes())
    del other

    def shown(name: str, text: str | None = None, begin: int = -1, end: int = 9) -> Pair:
        return certificate(
            folder, name, shown=text or name, begin=begin, end=end, signer="authority"
        )

    servers = {
        GOOD: (shown(GOOD), ()),
        OTHER_NAME: (shown(OTHER_NAME, "elsewhere.localhost"), ()),
        EXPIRED: (shown(EXPIRED, begin=-9, end=-1), ()),
        EARLY: (shown(EARLY, begin=2), ()),
        SELF_SIGNED: (
            certificate(folder, SELF_SIGNED, shown=SELF_SIGNED, begin=-1, end=9, signer="itself"),
            (),
        ),
        STRANGER: (
            certificate(folder, STRANGER, shown=STRANGER, begin=-1, end=9, signer="stranger"),
            (),
        ),
        OLD_TLS: (shown(OLD_TLS), ("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")),
        CLASSICAL: (shown(CLASSICAL), ("-tls1_2",)),
    }
    ports = {name: free_port() for name in servers}
    authority = str(keys.authority.chain)
    hosts = tuple(Upstream("https", name, port, authority) for name, port in ports.items())
    with contextlib.ExitStack() as stack:
        for name, (pair, more) in servers.items():
            stack.enter_context(openssl_server(folder, pair, ports[name], *more))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pair = shown(ECHO)
        context.load_cert_chain(pair.chain, pair.key)
        operator = stack.enter_context(echo_site(tls=context, site=Operator()))
        hosts = (*hosts, Upstream("https", ECHO, operator.port, authority))
        site = stack.enter_context(echo_site())
        inventory = Inventory(
            "x",
            "y",
            Listen(
                (Address(ALLOWED, free_port()),),
                (Address(ALLOWED, free_port()),),
                egress=(Address(ALLOWED, free_port()),),
            ),
            sites=(
                Site(
                    ("shop.example",),
                    Upstream("http", ALLOWED, site.port),
                    (Route(Door("/"), PUBLIC),),
                ),
            ),
            payment_gateways=(PaymentGateway("Example Pay", hosts),),
        )
        pairs = {"shop.example": keys.server("shop.example")}
        running = stack.enter_context(gateway(inventory, folder, pairs))
        yield World(running, site, operator)


@pytest.mark.peer("curl")
@pytest.mark.peer("openssl")
def test_a_right_host_is_reached_over_the_hybrid_group(world: World) -> None:
    """Plain HTTP goes in; TLS 1.3 comes out, with the post-quantum group in use."""
    status, body = world.curl(f"http://{GOOD}/v1/charges")

    assert status == 200
    assert "TLSv1.3" in body
    assert "X25519MLKEM768" in body


@pytest.mark.peer("openssl")
def test_a_host_with_tls_1_2_is_reached_with_forward_secrecy(world: World) -> None:
    """TLS 1.2 is enough, with a suite of RFC 9325, 4.2."""
    status, body = world.curl(f"http://{CLASSICAL}/")

    assert status == 200
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" in body.partition("Ciphers common")[0] + body


WRONG = {
    OTHER_NAME: "CERTIFICATE_VERIFY_FAILED",
    EXPIRED: "CERTIFICATE_VERIFY_FAILED",
    EARLY: "CERTIFICATE_VERIFY_FAILED",
    SELF_SIGNED: "CERTIFICATE_VERIFY_FAILED",
    STRANGER: "CERTIFICATE_VERIFY_FAILED",
    OLD_TLS: "TLS_error",
}


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("host", WRONG)
def test_a_wrong_certificate_is_refused(world: World, host: str) -> None:
    """Nothing of the request crosses, and nothing of it comes back."""
    status, body = world.curl(f"http://{host}/pay?card={PLANTED}", "-d", f"pan={PLANTED}")

    assert status == 503
    assert PLANTED not in body
    port = next(u.port for u in world.hosts if u.host == host)
    assert PLANTED.encode() not in (world.gateway.folder / f"{port}.log").read_bytes()


@pytest.mark.peer("curl")
@pytest.mark.parametrize(
    "arguments",
    [
        ("http://evil.localhost/",),
        ("http://shop.example/",),
        ("http://127.0.0.1/",),
        (f"http://{GOOD}.evil.example/",),
        # The request line counts, not what Host says of it (RFC 9112, 3.2.2).
        ("http://evil.localhost/", "-H", f"Host: {GOOD}"),
    ],
)
def test_what_was_not_declared_is_not_reached(world: World, arguments: tuple[str, ...]) -> None:
    """There is no way to any other host, and the answer says why."""
    status, body = world.curl(*arguments)

    assert status == 403
    assert "declared hosts only" in body


@pytest.mark.peer("curl")
@pytest.mark.parametrize("host", [GOOD, "evil.localhost"])
def test_no_tunnel_is_opened(world: World, host: str) -> None:
    """Through CONNECT nobody could see which certificate the host shows."""
    with socket.create_connection((ALLOWED, world.port), PATIENCE_SECONDS) as raw:
        raw.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        answer = raw.recv(4096)

    assert answer.startswith(b"HTTP/1.1 403")


def test_the_site_is_not_reached_through_the_way_out(world: World) -> None:
    """The listener knows no way to what is behind the gateway."""
    before = len(world.site.requests)

    status, _ = world.curl("http://shop.example/")

    assert status == 403
    assert len(world.site.requests) == before


@pytest.mark.peer("openssl")
def test_refusals_are_logged_with_host_and_reason(world: World) -> None:
    """The log tells the host and why, and never what was asked for."""
    for host in WRONG:
        world.curl(f"http://{host}/pay/{PLANTED}?card={PLANTED}", "-d", f"pan={PLANTED}")
    found: dict[str, str] = {}

    def all_found() -> bool:
        lines = world.gateway.access_log()
        for host in WRONG:
            own = [li for li in lines if str(li["request"]).startswith(f"POST {host}:")]
            found.update((host, str(line["connection"])) for line in own)
        return set(found) >= set(WRONG)

    assert wait_until(all_found)
    assert {host for host, reason in WRONG.items() if reason in found.get(host, "")} == set(WRONG)
    assert PLANTED not in (world.gateway.folder / "access.log").read_text("utf-8")


def test_an_http_client_with_a_proxy_setting_gets_through_whole(world: World) -> None:
    """The host learns its own name, the path as it was sent and the body, and nothing of a proxy."""
    proxy = urllib.request.ProxyHandler({"http": f"http://{ALLOWED}:{world.port}"})
    request = urllib.request.Request(
        f"http://{ECHO}/v1//charges/%2e?id=1",
        data=b"x" * 100_000,
        headers={"Authorization": "Bearer of-the-operator", "Proxy-Authorization": "Basic mine"},
    )
    with urllib.request.build_opener(proxy).open(request, timeout=PATIENCE_SECONDS) as answer:
        assert answer.status == 200
    told = world.operator.requests[-1]

    assert (told.method, told.target, told.body_bytes) == ("POST", "/v1//charges/%2e?id=1", 100_000)
    assert told.value("host") == f"{ECHO}:{world.operator.port}"
    assert told.value("authorization") == "Bearer of-the-operator"
    names = {name for name, _ in told.headers}
    assert not {n for n in names if n.startswith(("x-", "proxy-")) or n in {"via", "forwarded"}}


def test_software_that_names_the_host_in_its_header_gets_through_too(world: World) -> None:
    """Where the way out is the base address, Host tells where to."""
    body = b"amount=1"
    with socket.create_connection((ALLOWED, world.port), PATIENCE_SECONDS) as raw:
        raw.sendall(
            f"POST /v1 HTTP/1.1\r\nHost: {ECHO}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        assert raw.recv(4096).startswith(b"HTTP/1.1 200")
    assert world.operator.requests[-1].target == "/v1"


def test_nothing_is_sent_twice(world: World) -> None:
    """A payment whose answer is lost is not asked for again."""
    before = len(world.operator.requests)
    status, _ = world.curl(f"http://{ECHO}/drop", "-d", "amount=1")

    assert status == 503
    assert len(world.operator.requests) == before + 1


def looked_at(world: World, *names: str) -> Observation | NotObserved:
    """Return what an audit sees of the hosts called *names*."""
    hosts = [host for host in world.hosts if host.host in names]
    resolve = dict.fromkeys(names, ALLOWED)
    (seen,) = probe_egress("payment gateway", hosts, time.time(), Limits(), resolve)
    assert (seen.fact, seen.vantage) == (Fact.EGRESS_REFUSED, Vantage.HOST)
    return seen


def test_an_audit_tells_which_hosts_would_be_refused(world: World) -> None:
    """It says of each host what is wrong with it, before a payment fails."""
    good = looked_at(world, GOOD, CLASSICAL)
    assert isinstance(good, Observation)
    assert good.value == ()
    for host, why in (
        (OTHER_NAME, "another name"),
        (EXPIRED, "not in date"),
        (EARLY, "not in date"),
        (SELF_SIGNED, "not trusted"),
        (STRANGER, "not trusted"),
    ):
        seen = looked_at(world, GOOD, host)
        assert isinstance(seen, Observation)
        assert isinstance(seen.value, tuple)
        (told,) = seen.value
        assert told.startswith(f"{host} (")
        assert why in told


def test_a_host_that_does_not_answer_is_a_gap(world: World) -> None:
    """Nothing is known of it then, which is no verdict."""
    silent = Upstream("https", "silent.localhost", free_port())
    (seen,) = probe_egress(
        "payment gateway", (silent,), time.time(), Limits(), {"silent.localhost": ALLOWED}
    )

    assert isinstance(seen, NotObserved)
    assert "silent.localhost" in seen.reason
    del world
