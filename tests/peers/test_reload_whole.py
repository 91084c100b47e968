"""A reload is taken over whole or not at all, whichever part of what is served fails."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from sealgate.config.load import load
from sealgate.errors import GatewayError
from sealgate.serve.file_servers import Transfer
from sealgate.serve.monitoring import Monitoring
from sealgate.serve.relays import Inspection
from sealgate.serve.running import Options, RunningGateway
from sealgate.serve.sign_in import SignIn
from sealgate.serve.signer import Signing
from sealgate.serve.supervisor import NotPutBackError
from tests.peers.served import Place
from tests.ports import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

SERVICES = (Inspection, Signing, SignIn, Transfer, Monitoring)


def failing(part: type, times: int) -> Callable[..., tuple[str, ...]]:
    """Return what fails so often in place of the ``apply`` of *part*, and then does it."""
    real = vars(part)["apply"]
    left = times

    def apply(self: object, *arguments: object, **named: object) -> tuple[str, ...]:
        nonlocal left
        left -= 1
        if left >= 0:
            raise GatewayError("a part does not start")
        done: tuple[str, ...] = real(self, *arguments, **named)
        return done

    return apply


def moved(place: Place) -> tuple[int, int]:
    """Have the next reload listen elsewhere; return the port of now and the next one."""
    old, new = place.https, Place(place.folder, 0).https
    place.https = new
    place.write("/")
    return old, new


def answers(place: Place, port: int) -> bool:
    """Return whether the site is served on *port*."""
    place.https = port
    return place.status("/") == 200


def test_an_address_that_somebody_else_has_changes_nothing(place: Place) -> None:
    """Envoy had taken its part over already when the last one failed."""
    place.write("/")
    with place.serving(), socket.create_server(("127.0.0.1", free_port())) as taken:
        old, new = moved(place)
        good = place.config.read_text()
        metrics = f'[listen]\nmetrics = "127.0.0.1:{taken.getsockname()[1]}"'
        place.config.write_text(good.replace("[listen]", metrics))
        done = place.sealgate("reload")
        assert done.returncode != 0
        assert "cannot listen on" in done.stderr
        assert answers(place, old)
        assert not answers(place, new)
        place.config.write_text(good)
        done = place.sealgate("reload")
        assert done.returncode == 0, done.stderr
        assert answers(place, new)
        assert wait_until(lambda: not answers(place, old))


@pytest.mark.parametrize("part", SERVICES)
def test_whichever_part_fails_the_old_state_stays(
    place: Place, monkeypatch: pytest.MonkeyPatch, part: type
) -> None:
    """The next reload finds everything as it was, and takes the new state over."""
    place.write("/")
    with RunningGateway(load(str(place.config)), Options(workers=1)) as gateway:
        old, new = moved(place)
        with monkeypatch.context() as patched:
            patched.setattr(part, "apply", failing(part, 1))
            with pytest.raises(GatewayError, match="a part does not start"):
                gateway.reload()
        assert [address.port for address in gateway.addresses.https] == [old]
        assert answers(place, old)
        assert not answers(place, new)
        gateway.reload()
        assert answers(place, new)


def test_what_cannot_be_put_back_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told that what was served before stays, where it does not."""
    place.write("/")
    with RunningGateway(load(str(place.config)), Options(workers=1)) as gateway:
        moved(place)
        with monkeypatch.context() as patched:
            patched.setattr(Transfer, "apply", failing(Transfer, 2))
            with pytest.raises(NotPutBackError, match="cannot be put back whole") as caught:
                gateway.reload()
        assert caught.value.hint == "restart sealgate serve"
