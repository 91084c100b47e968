"""Listening Unix sockets that outlive the processes which serve them."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from sealgate.errors import GatewayError

_BACKLOG = 1024


def bound(path: str, *, backlog: int = _BACKLOG) -> socket.socket:
    """
    Return a socket that listens at *path*, for this user only; *backlog* may wait there.

    Raises:
        GatewayError: it cannot be had.
    """
    # One that is left of an earlier run belongs to nobody: the state folder is locked.
    with contextlib.suppress(FileNotFoundError):
        Path(path).unlink()
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
        Path(path).chmod(0o600)
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise GatewayError(f'socket "{path}" cannot be had: {error.strerror}') from error
    return listener


def close_listeners(listeners: dict[str, socket.socket], *, but: dict[str, socket.socket]) -> None:
    """Close and remove *listeners*, *but* those."""
    for path, listener in listeners.items():
        if path not in but:
            listener.close()
            Path(path).unlink(missing_ok=True)
