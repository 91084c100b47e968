"""One line asks, one line answers; a gateway that is stuck is not one that is absent."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sealgate import control
from sealgate.control import (
    CONTROL_SOCKET,
    MAX_REQUEST_BYTES,
    ControlLock,
    ask,
    open_control,
    receive,
    reply,
    told_error,
)
from sealgate.errors import ConfigError, Fault, GatewayError, SealgateError
from tests.waiting import PATIENCE_SECONDS


@contextmanager
def answering(folder: Path, answer: bytes) -> Iterator[list[Any]]:
    """Hold the lock and answer one request with *answer*; give what was asked."""
    asked: list[Any] = []
    lock = ControlLock(str(folder))
    with closing(open_control(str(folder))) as listening:
        listening.setblocking(True)
        listening.settimeout(PATIENCE_SECONDS)

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                asked.append(receive(connection))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield asked
        thread.join()
    lock.release()


def told(answer: dict[str, Any]) -> bytes:
    """Return *answer* as it goes over the socket."""
    return json.dumps(answer).encode() + b"\n"


def test_a_question_is_answered(tmp_path: Path) -> None:
    """The command arrives as it was asked, and the answer as it was given."""
    with answering(tmp_path, told({"ok": True, "changed": []})) as asked:
        assert ask(str(tmp_path), "reload") == {"ok": True, "changed": []}
    assert asked == [{"command": "reload"}]


@pytest.mark.parametrize(
    "error",
    [
        GatewayError("envoy refused", hint="look there"),
        ConfigError("cannot be served", faults=[Fault("f.toml", 3, "wrong", "type this")]),
        ConfigError("no such file", hint="sealgate init"),
    ],
    ids=["refused", "faults", "usage"],
)
def test_an_error_is_the_same_on_the_other_side(tmp_path: Path, error: SealgateError) -> None:
    """Message, hint, exit code, and each fault with its place."""
    with answering(tmp_path, told(told_error(error))), pytest.raises(type(error)) as raised:
        ask(str(tmp_path), "reload")
    assert (raised.value.message, raised.value.hint) == (error.message, error.hint)
    assert raised.value.exit_code is error.exit_code
    if isinstance(error, ConfigError) and isinstance(raised.value, ConfigError):
        assert list(map(str, raised.value.faults)) == list(map(str, error.faults))
        assert [f.hint for f in raised.value.faults] == [f.hint for f in error.faults]


def test_nobody_serves(tmp_path: Path) -> None:
    """No lock file, one that nobody holds, a socket of an earlier run: nobody is there."""
    assert ask(str(tmp_path), "status") is None
    ControlLock(str(tmp_path)).release()
    assert ask(str(tmp_path), "status") is None
    open_control(str(tmp_path)).close()
    assert (tmp_path / CONTROL_SOCKET).exists()
    assert ask(str(tmp_path), "status") is None


def test_somebody_serves_and_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing socket, a silent gateway and an answer that is none are loud errors."""
    lock = ControlLock(str(tmp_path))
    with pytest.raises(GatewayError, match="does not answer on its control socket"):
        ask(str(tmp_path), "status")
    monkeypatch.setattr(control, "ANSWER_SECONDS", 0.1)
    with (
        closing(open_control(str(tmp_path))),
        pytest.raises(GatewayError, match="sent no whole line in time"),
    ):
        ask(str(tmp_path), "status")
    lock.release()
    for answer in (b"", b"nonsense\n"):
        with answering(tmp_path, answer), pytest.raises(GatewayError):
            ask(str(tmp_path), "status")


def test_a_folder_has_one_master(tmp_path: Path) -> None:
    """The second one is told who the first is, and may begin when that one has ended."""
    first = ControlLock(str(tmp_path))
    with pytest.raises(GatewayError, match=f"served already, by process {os.getpid()}"):
        ControlLock(str(tmp_path))
    first.release()
    ControlLock(str(tmp_path)).release()


def test_the_socket_is_for_its_owner(tmp_path: Path) -> None:
    """Nobody else may even connect."""
    with closing(open_control(str(tmp_path))):
        assert (tmp_path / CONTROL_SOCKET).stat().st_mode & 0o777 == 0o600


def test_a_deep_folder_has_a_socket_too(tmp_path: Path) -> None:
    """The limit of 107 bytes for a socket's path does not hold here."""
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    with answering(folder, told({"ok": True})):
        assert ask(str(folder), "status") == {"ok": True}


@pytest.mark.parametrize(
    "sent",
    [b"nonsense\n", b"[]\n", b"", b"x" * (MAX_REQUEST_BYTES + 1), b'{"command": "reload"}'],
    ids=["no-json", "no-object", "nothing", "too-long", "no-end"],
)
def test_what_is_no_request_is_refused(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of any kind neither blocks nor crashes the gateway."""
    monkeypatch.setattr(control, "REQUEST_SECONDS", 0.1)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        if sent != b'{"command": "reload"}':
            theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(GatewayError):
            receive(ours)


def test_another_user_is_refused() -> None:
    """Even one who got hold of the socket."""
    credentials = struct.pack("3i", 1, 77, 77)

    class Theirs(socket.socket):
        def getsockopt(self, *_: int) -> bytes:  # type: ignore[override]  # the one form that is used
            return credentials

    with Theirs() as connection, pytest.raises(GatewayError, match="user 77 may not control"):
        receive(connection)


def test_a_client_that_has_gone_is_not_missed() -> None:
    """The answer to nobody is no error."""
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours:
        reply(ours, {"ok": True})
