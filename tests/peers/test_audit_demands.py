"""
Whether nginx requires a client certificate, which it says by an answer and not in the handshake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters.demands import probe_client_certificate
from sealgate.audit.model import Limits, Target
from sealgate.policy.observation import Fact, Observation
from tests.peers.audited import Authority, https_server, nginx
from tests.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

_REFUSES = "if ($ssl_client_verify != SUCCESS) { return 403; }"


@pytest.mark.peer("nginx")
@pytest.mark.parametrize(
    ("settings", "value"),
    [
        ("ssl_verify_client on;", "required"),
        ("ssl_verify_client optional;", "requested"),
        ("ssl_verify_client optional_no_ca;", "requested"),
        # Each location asks for itself, so nobody outside can tell of all of them.
        (f"ssl_verify_client optional; {_REFUSES}", None),
        (
            "ssl_verify_client on; error_page 495 496 =403 @shut; location @shut { return 403; }",
            None,
        ),
    ],
)
def test_nginx(tmp_path: Path, settings: str, value: str | None) -> None:
    """
    Its own page for a missing certificate, and for a stranger's, tells that it requires one.
    """
    authority, port = Authority(tmp_path), free_port()
    block = https_server(
        authority.issue("shop.localhost"),
        port,
        locations=f"ssl_client_certificate {authority.path}; {settings}",
    )
    with nginx(tmp_path / "n", block, port):
        target = Target("a", "shop.localhost", "127.0.0.1", port)
        [look] = probe_client_certificate(target, Limits(), requested=True)
    assert look.fact is Fact.TLS_CLIENT_CERTIFICATE
    assert (look.value if isinstance(look, Observation) else None) == value
