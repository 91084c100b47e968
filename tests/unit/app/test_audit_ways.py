"""Which addresses of this machine are left out of an audit."""

from __future__ import annotations

import pytest

from sealgate.app import audit_ways
from sealgate.app.audit_ways import find_ways
from sealgate.audit.adapters.wire import NoListenerError, UnreachableError, Wire
from sealgate.audit.model import Limits, Target

FIRST, SECOND = "127.0.0.2", "127.0.0.3"


class Taken:
    """A connection that is closed again at once."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("plain", "kept"),
    [
        (NoListenerError("connection refused"), [FIRST]),
        (UnreachableError("no answer within 3 s"), [FIRST, SECOND]),
        (None, [FIRST, SECOND]),
    ],
)
def test_an_address_whose_plain_port_answers_is_kept(
    monkeypatch: pytest.MonkeyPatch, plain: Exception | None, kept: list[str]
) -> None:
    """What is served there in clear is served, though nothing there speaks TLS."""

    def connect(address: str, port: int, _limits: Limits) -> Taken:
        if (address, port) == (SECOND, 443):
            raise NoListenerError("connection refused")
        if (address, port) == (SECOND, 80) and plain:
            raise plain
        return Taken()

    monkeypatch.setattr(Wire, "connect", connect)
    monkeypatch.setattr(audit_ways, "addresses_of", lambda _name: (FIRST, SECOND))
    target = Target("a", "shop.localhost", "shop.localhost")
    ways = find_ways([target], Limits())[target]
    assert [way.target.address for way in ways] == kept
