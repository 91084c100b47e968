"""Whom a probe trusts: files are refused before anything is asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters import certificate
from sealgate.audit.adapters.certificate import Trust, probe_certificate
from sealgate.audit.adapters.wire import HungUpError
from sealgate.audit.model import Limits, Target
from sealgate.audit.sightings import CERTIFICATE_FACTS, seen
from sealgate.errors import UsageError
from sealgate.policy.observation import Fact, NotObserved, Observation
from tests.peers.audited import Authority, https_server, nginx
from tests.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from sealgate.policy.observation import Sighting


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n", b"\xff"]
)
def test_a_file_without_a_certificate(tmp_path: Path, content: bytes) -> None:
    """A CA file that holds none is a usage error with a hint."""
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        Trust((str(path),))
    assert caught.value.hint


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Make one authority."""
    return Authority(tmp_path)


@pytest.mark.peer("nginx")
def test_every_fact_of_a_right_certificate(authority: Authority, tmp_path: Path) -> None:
    """All facts are seen, each as its own value; a given authority is not a public one."""
    files = authority.issue("shop.localhost", "127.0.0.1")
    port = free_port()
    now = files.chain.stat().st_mtime
    with nginx(tmp_path / "n", https_server(files, port), port):
        target = Target("a", "127.0.0.1", "127.0.0.1", port)
        looks = probe_certificate(target, Trust((str(authority.path),)), now, Limits())
    seen = {look.fact: look.value for look in looks if isinstance(look, Observation)}
    assert set(seen) == set(CERTIFICATE_FACTS)
    begins, ends = seen.pop(Fact.CERTIFICATE_NOT_BEFORE), seen.pop(Fact.CERTIFICATE_NOT_AFTER)
    assert isinstance(begins, float)
    assert isinstance(ends, float)
    assert begins < now < ends
    assert seen == {
        Fact.CERTIFICATE_CHAIN_VALID: True,
        Fact.CERTIFICATE_CHAIN_FAULT: "",
        Fact.CERTIFICATE_NAME_MATCHES: True,
        Fact.CERTIFICATE_KEY: "ECDSA-256",
        Fact.CERTIFICATE_SIGNATURE: "sha256",
        Fact.CERTIFICATE_OPERATOR: "Shop Ltd, DE",
        Fact.CERTIFICATE_PUBLIC: False,
        Fact.TLS_CLIENT_CERTIFICATE: "none",
    }


@pytest.mark.peer("nginx")
@pytest.mark.parametrize("days", [-500, 500])
def test_the_chain_is_judged_at_the_given_time(
    authority: Authority, tmp_path: Path, days: int
) -> None:
    """A root that is out of its dates at *now* makes the chain invalid; the clock is passed in."""
    files = authority.issue("shop.localhost")
    port = free_port()
    now = files.chain.stat().st_mtime + days * 86400
    with nginx(tmp_path / "n", https_server(files, port), port):
        target = Target("a", "shop.localhost", "127.0.0.1", port)
        looks = probe_certificate(target, Trust((str(authority.path),)), now, Limits())
    seen = {look.fact: look.value for look in looks if isinstance(look, Observation)}
    assert seen[Fact.CERTIFICATE_CHAIN_VALID] is False


@pytest.mark.peer("nginx")
def test_a_requested_client_certificate(authority: Authority, tmp_path: Path) -> None:
    """A server that asks, and lets in without, only requests."""
    files = authority.issue("shop.localhost")
    port = free_port()
    server = https_server(files, port, locations="ssl_verify_client optional_no_ca;")
    with nginx(tmp_path / "n", server, port):
        target = Target("a", "shop.localhost", "127.0.0.1", port)
        looks = probe_certificate(target, Trust(()), files.chain.stat().st_mtime, Limits())
    seen = {look.fact: look.value for look in looks if isinstance(look, Observation)}
    assert seen[Fact.TLS_CLIENT_CERTIFICATE] == "requested"


def test_a_demand_of_a_server_that_is_gone_is_not_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked as usual once more when all else is known; before that, every refusal may be of us."""
    usual, asked = SimpleNamespace(sent=[object()], requested=True), list[object]()

    def shown(*_: object) -> SimpleNamespace:
        asked.append("usual")
        if "demand" in asked:
            raise HungUpError("the connection was closed")
        return usual

    def demanded(target: Target, *_: object, **__: object) -> list[Sighting]:
        asked.append("demand")
        return seen(target.asset, {Fact.TLS_CLIENT_CERTIFICATE: "required"}, "requests")

    monkeypatch.setattr(certificate, "_shown_as_usual", shown)
    monkeypatch.setattr(certificate, "_shown_if_any", lambda *_: SimpleNamespace(sent=[]))
    monkeypatch.setattr(certificate, "_chain_of", lambda _: ())
    monkeypatch.setattr(certificate, "_judged", lambda *_: ())
    monkeypatch.setattr(certificate, "probe_client_certificate", demanded)
    [look] = probe_certificate(Target("a", "shop.example", "::1"), Trust(), 0.0, Limits())
    assert look.fact is Fact.TLS_CLIENT_CERTIFICATE
    assert isinstance(look, NotObserved)
