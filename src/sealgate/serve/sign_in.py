"""
The sign-in service of one configuration: started where people sign in, and kept running.

Synchronous and single-threaded, like :class:`sealgate.serve.gateway.Gateway` beside it. The
socket is opened here and handed to the process, so that questions wait while a crashed one
is started again. While none runs, Envoy lets nobody new in.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.state import database_url
from sealgate.errors import BugError, GatewayError
from sealgate.serve.revival import Member
from sealgate.serve.sign_in_material import socket_path

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sealgate.serve.deployment import Deployment
    from sealgate.serve.opened_keys import OpenedKeys
    from sealgate.signin.adapters.process import ServiceProcess
    from sealgate.storage.adapters.packed import PackedKeyring

# After a streak of crashes it is tried this often.
RETRY_SECONDS = 5.0
# New signing keys are made this often at the most, and announced before they are used.
KEYS_SECONDS = 60.0


class SignIn:
    """
    The service. *now* tells seconds since the epoch, *tell* takes a line for a person.

    *keys* opens the site's keys, where one-time codes are asked for.
    """

    def __init__(
        self, *, now: Callable[[], float], tell: Callable[[str], None], keys: OpenedKeys
    ) -> None:
        self._now = now
        self._keys = keys
        self._codes: PackedKeyring | None = None
        self._tell = tell
        self._wanted: Deployment | None = None
        self._member: Member[ServiceProcess] = Member()
        # There is one while people sign in here, also while no process runs.
        self._listener: socket.socket | None = None
        self._path = ""
        self._keys_at = 0.0

    def prepare(self, wanted: Deployment) -> None:
        """
        Return when *wanted* can be served; nothing changes yet.

        Raises:
            SealgateError: the site's keys cannot be had.
        """
        if wanted.sign_in is not None and wanted.sign_in.opens_codes:
            self._keys.open(wanted.inventory)

    def apply(self, wanted: Deployment) -> tuple[str, ...]:
        """
        Serve *wanted*; returns what changed, once it is served.

        Raises:
            GatewayError: the service cannot be started.
        """
        before, self._wanted = self._wanted, wanted
        if wanted.sign_in is None:
            serving = self._listener is not None
            self.stop()
            return ("sign-in",) if serving else ()
        process = self._member.process
        if process is None:
            self._start(wanted)
            return ("sign-in",)
        codes = self._packed(wanted)
        if before is not None and wanted.sign_in == before.sign_in and codes == self._codes:
            return ()
        try:
            process.renew(wanted.sign_in.served, codes)
            self._codes = codes
        except GatewayError:
            # One that goes by old rules would let people in who are out.
            process.kill()
            self._member.process = None
            self._start(wanted)
        return ("sign-in",)

    def tick(self) -> bool:
        """Mend a crash; return whether it is time to look whether new signing keys are due."""
        now, wanted, process = time.monotonic(), self._wanted, self._member.process
        if self._listener is None or wanted is None:
            return False
        if process is None or not process.is_running():
            self._member.revive(
                now,
                lambda: self._spawn(wanted),
                ended="the sign-in service ended",
                retry_seconds=RETRY_SECONDS,
                tell=self._tell,
            )
        if now < self._keys_at:
            return False
        self._keys_at = now + KEYS_SECONDS
        return True

    def status(self) -> dict[str, object]:
        """Return what runs, as plain values."""
        process = self._member.process
        return {"sign_in_pid": process.pid if process and process.is_running() else None}

    def stop(self) -> None:
        """Let it answer what it is at, and end."""
        if self._member.process is not None:
            self._member.process.stop()
        self._forget()

    def kill(self) -> None:
        """End it now."""
        if self._member.process is not None:
            self._member.process.kill()
        self._forget()

    def _start(self, wanted: Deployment) -> None:
        process = self._spawn(wanted)
        process.await_ready()
        self._member.process = process

    def _spawn(self, wanted: Deployment) -> ServiceProcess:
        # Who needs no sign-in does not need its libraries.
        from sealgate.signin.adapters.plan import Plan  # noqa: PLC0415
        from sealgate.signin.adapters.process import ServiceProcess, listening  # noqa: PLC0415

        inventory, service = wanted.inventory, wanted.sign_in
        if service is None:
            raise BugError("nobody signs in here")
        if self._listener is None:
            self._path = socket_path(inventory)
            self._listener = listening(self._path)
        self._codes = self._packed(wanted)
        plan = Plan(
            listener=self._listener.fileno(),
            database=database_url(inventory),
            state_folder=inventory.state_folder,
            served=service.served,
            slow=len(os.sched_getaffinity(0)),
            keyring=self._codes,
        )
        return ServiceProcess(plan)

    def _packed(self, wanted: Deployment) -> PackedKeyring | None:
        if wanted.sign_in is None or not wanted.sign_in.opens_codes:
            return None
        from sealgate.storage.adapters.packed import packed  # noqa: PLC0415  # as above

        return packed(self._keys.open(wanted.inventory))

    def _forget(self) -> None:
        self._member = Member()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            with contextlib.suppress(OSError):
                Path(self._path).unlink()
