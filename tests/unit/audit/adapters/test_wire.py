"""Connections end in time, and each way to fail has its own error."""

from __future__ import annotations

import socket
import time
from contextlib import closing

import pytest

from sealgate.audit.adapters.wire import (
    NoListenerError,
    SilentError,
    TLSRefusedError,
    UnreachableError,
    Wire,
    addresses_of,
    observing_context,
)
from sealgate.audit.model import Limits

QUICK = Limits(connect_seconds=0.3, exchange_seconds=0.3)


def test_a_closed_port() -> None:
    """A port that nothing listens on says so."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    with pytest.raises(NoListenerError):
        Wire.connect("127.0.0.1", port, QUICK)


@pytest.mark.parametrize("name", ["a" * 300, "..", "\udc80", "localhost\0x"])
def test_a_name_that_leads_nowhere(name: str) -> None:
    """A name that cannot be resolved, or be a name at all, is unreachable."""
    with pytest.raises(UnreachableError):
        Wire.connect(name, 443, QUICK)
    with pytest.raises(UnreachableError):
        addresses_of(name)


def test_a_zero_in_a_name_ends_no_handshake_in_a_fault() -> None:
    """OpenSSL takes no such name, so there is no TLS."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        with Wire.connect("127.0.0.1", port, QUICK) as wire, pytest.raises(TLSRefusedError):
            wire.start_tls(observing_context(), "shop.example\0x")


def test_silence_ends() -> None:
    """A peer that accepts and says nothing, or trickles, holds nobody past the deadline."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        begins = time.monotonic()
        with Wire.connect("127.0.0.1", port, QUICK) as wire, pytest.raises(SilentError):
            wire.receive(1)
        with Wire.connect("127.0.0.1", port, QUICK) as wire, pytest.raises(SilentError):
            wire.start_tls(observing_context(), "shop.example")
        with Wire.connect("127.0.0.1", port, QUICK) as wire, pytest.raises(SilentError):
            wire.send(bytes(64 * 1024 * 1024))
    assert time.monotonic() - begins < 5


def test_hanging_up_in_the_handshake() -> None:
    """A peer that closes on a hello refuses TLS."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        with Wire.connect("127.0.0.1", port, QUICK) as wire:
            peer, _ = server.accept()
            peer.close()
            with pytest.raises(TLSRefusedError):
                wire.start_tls(observing_context(), "shop.example")
