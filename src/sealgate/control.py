"""
The control socket of a running gateway: one line of JSON asks, one line answers.

``STATE/control.sock`` is for the gateway's own user and root. While a gateway runs it
holds a lock beside the socket, so that "nobody runs" and "somebody runs, but does not
answer" are never mixed up.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealgate.errors import ConfigError, ExitCode, Fault, GatewayError, SealgateError

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTROL_SOCKET = "control.sock"
LOCK_FILE = "serve.lock"
MAX_REQUEST_BYTES = 4096
MAX_ANSWER_BYTES = 16 * 1024 * 1024
# A client of ours sends its line at once.
REQUEST_SECONDS = 1.0
# A change is validated and confirmed in steps; each is bounded by itself.
ANSWER_SECONDS = 60.0
_PEER_CREDENTIALS = struct.Struct("3i")

Answer = dict[str, Any]


class ControlLock:
    """The right to serve one state folder, held while the process lives."""

    def __init__(self, state_folder: str) -> None:
        """
        Take the lock of *state_folder*.

        Raises:
            GatewayError: another process has it, or the folder cannot be written.
        """
        path = Path(state_folder, LOCK_FILE)
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise GatewayError(
                f'"{path}" cannot be written: {error.strerror}', hint=f"ls -ld {state_folder}"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._file, 32).decode("ascii", "replace").strip()
            os.close(self._file)
            raise GatewayError(
                f'"{state_folder}" is served already, by process {holder or "unknown"}',
                hint="sealgate reload",
            ) from error
        os.truncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let somebody else serve."""
        os.close(self._file)


def served_by(state_folder: str) -> int | None:
    """Return the process that serves *state_folder*, ``None`` when none does, or nobody may look."""
    try:
        descriptor = os.open(Path(state_folder, LOCK_FILE), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(ValueError):
            return int(os.read(descriptor, 32))
        return 0
    finally:
        os.close(descriptor)
    return None


def open_control(state_folder: str) -> socket.socket:
    """
    Return the listening control socket of *state_folder*; the caller holds its lock.

    Raises:
        GatewayError: it cannot be made.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = _opened(state_folder)
    try:
        path = Path(state_folder, CONTROL_SOCKET)
        path.unlink(missing_ok=True)
        listening.bind(f"/proc/self/fd/{folder}/{CONTROL_SOCKET}")
        path.chmod(0o600)
        listening.listen(16)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise GatewayError(
            f'control socket in "{state_folder}" cannot be made: {error.strerror}',
            hint=f"ls -ld {state_folder}",
        ) from error
    finally:
        os.close(folder)
    return listening


def receive(connection: socket.socket) -> Mapping[str, Any]:
    """
    Return what a client asks; it must send its line at once and be ours or root's.

    Raises:
        GatewayError: it is somebody else, or what it sent is no request.
    """
    _, user, _ = _PEER_CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    )
    if user not in {0, os.geteuid()}:
        raise GatewayError(f"user {user} may not control this gateway")
    connection.settimeout(REQUEST_SECONDS)
    line = _read_line(connection, MAX_REQUEST_BYTES)
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise GatewayError("the request is no JSON") from error
    if not isinstance(request, dict):
        raise GatewayError("the request is no JSON object")
    return request


def reply(connection: socket.socket, answer: Mapping[str, Any]) -> None:
    """Send *answer*; a client that has gone is not missed."""
    with contextlib.suppress(OSError):
        connection.settimeout(REQUEST_SECONDS)
        connection.sendall(json.dumps(answer).encode() + b"\n")


def told_error(error: SealgateError) -> Answer:
    """Return *error* as the answer that :func:`ask` raises again on the other side."""
    faults = error.faults if isinstance(error, ConfigError) else ()
    return {
        "ok": False,
        "message": error.message,
        "hint": error.hint,
        "usage": error.exit_code is ExitCode.USAGE,
        "faults": [[fault.path, fault.line, fault.message, fault.hint] for fault in faults],
    }


def ask(state_folder: str, command: str) -> Answer | None:
    """
    Return what the gateway of *state_folder* answers to *command*; ``None``: none runs.

    Raises:
        ConfigError: it refused, with every fault.
        GatewayError: it refused, or runs and does not answer.
    """
    if not _is_served(state_folder):
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(ANSWER_SECONDS)
        folder = _opened(state_folder)
        try:
            connection.connect(f"/proc/self/fd/{folder}/{CONTROL_SOCKET}")
        finally:
            os.close(folder)
        connection.sendall(json.dumps({"command": command}).encode() + b"\n")
        answer: Answer = json.loads(_read_line(connection, MAX_ANSWER_BYTES))
    except (OSError, ValueError) as error:
        raise GatewayError(
            "a gateway runs, but does not answer on its control socket",
            hint="see what sealgate serve wrote",
        ) from error
    finally:
        connection.close()
    if not answer.get("ok"):
        raise _raised(answer)
    return answer


def _raised(answer: Answer) -> SealgateError:
    faults = [Fault(str(f[0]), int(f[1]), str(f[2]), f[3]) for f in answer.get("faults", [])]
    message, hint = str(answer.get("message", "no reason given")), answer.get("hint")
    if faults or answer.get("usage"):
        return ConfigError(message, hint=hint, faults=faults)
    return GatewayError(message, hint=hint)


def _is_served(state_folder: str) -> bool:
    try:
        file = os.open(Path(state_folder, LOCK_FILE), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise GatewayError(
            f'"{state_folder}" cannot be read: {error.strerror}',
            hint="run this as the user that runs sealgate serve",
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _opened(folder: str) -> int:
    # A socket's path is limited to 107 bytes (unix(7)); through an open folder it is
    # short whatever the folder is called.
    return os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _read_line(connection: socket.socket, max_bytes: int) -> bytes:
    data = bytearray()
    while b"\n" not in data:
        try:
            more = connection.recv(65536)
        except TimeoutError as error:
            raise GatewayError("the other side sent no whole line in time") from error
        if not more or len(data) + len(more) > max_bytes:
            raise GatewayError("the other side sent no line, or too long a one")
        data += more
    return bytes(data.partition(b"\n")[0])
