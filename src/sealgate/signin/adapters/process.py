"""The service process as its parent sees it, and the socket that it serves."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.child_process import ChildProcess
from sealgate.errors import GatewayError

if TYPE_CHECKING:
    from sealgate.signin.adapters.plan import SignInServicePlan
    from sealgate.signin.model import ServedSites
    from sealgate.storage.adapters.packed import PackedKeyring

STOP_SECONDS = 5.0
MODULE = "sealgate.signin.adapters.child"
_BACKLOG = 512


def listening(path: str) -> socket.socket:
    """
    Return a Unix socket at *path*, which only this user may connect to.

    Raises:
        GatewayError: it cannot be had.
    """
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            # What another run left; a file of another kind is not ours to remove.
            if stat.S_ISSOCK(Path(path).lstat().st_mode):
                Path(path).unlink()
        before = os.umask(0o177)
        try:
            one.bind(path)
        finally:
            os.umask(before)
        one.listen(_BACKLOG)
    except OSError as error:
        one.close()
        raise GatewayError(
            f'the socket of the sign-in service "{path}" cannot be had: {error.strerror or error}',
            hint="a shorter state_folder helps where the path is too long",
        ) from error
    return one


class ServiceProcess(ChildProcess):
    """One process for *plan*."""

    def __init__(self, plan: SignInServicePlan) -> None:
        super().__init__("the sign-in service", MODULE, plan, (plan.listener,))

    def renew(self, served: ServedSites, keyring: PackedKeyring | None) -> None:
        """
        Have it go by *served*, with *keyring* for codes; returns once it does.

        Raises:
            GatewayError: it does not answer.
        """
        self.ask("serve", served, keyring)

    def stop(self) -> None:
        """Let it answer what it is at, and end."""
        self.tell("stop")
        self.await_end(time.monotonic() + STOP_SECONDS)
