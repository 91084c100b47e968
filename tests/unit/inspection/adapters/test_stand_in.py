"""Whoever comes while no relay serves is turned away at once, so that Envoy asks the site."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from sealgate.inspection.adapters.stand_in import StandIn
from sealgate.serve.listening import bound
from tests.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return where a socket is to listen."""
    return str(tmp_path / "relay.sock")


@pytest.fixture
def listener(path: str) -> Iterator[socket.socket]:
    """Yield a socket that listens at *path*."""
    with bound(path) as made:
        yield made


@pytest.fixture
def stand_in(listener: socket.socket) -> Iterator[StandIn]:
    """Yield who stands at *listener*."""
    one = StandIn()
    one.stand_at([listener])
    yield one
    one.end()


def _is_turned_away(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(PATIENCE_SECONDS)
        made.connect(path)
        return made.recv(1) == b""


def test_everybody_is_turned_away_and_that_is_known(path: str, stand_in: StandIn) -> None:
    """A flood, too; that somebody came is told once."""
    assert not stand_in.was_asked()
    assert all(_is_turned_away(path) for _ in range(300))
    assert wait_until(stand_in.was_asked)
    assert not stand_in.was_asked()


def test_relay_is_left_alone_until_it_hangs_up(path: str, stand_in: StandIn) -> None:
    """One that takes nothing keeps nobody waiting. When it is gone, that is noticed by itself."""
    ours, relays = socket.socketpair()
    with ours, relays:
        stand_in.step_aside(ours.fileno())
        # What it says meanwhile is for others.
        relays.send(b"status")
        assert _is_turned_away(path)
        stand_in.was_asked()
    assert _is_turned_away(path)
    assert wait_until(stand_in.was_asked)
