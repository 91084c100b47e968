"""
The process that signs answers: told what to do over a socket, and asked there whether it works.

Run by the :mod:`sealgate.fork_server`. Answers come from the loop that serves, so one that is
stuck does not answer, and its parent ends it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from sealgate.child_process import run_child
from sealgate.inspection.adapters.signer import HEAD_BYTES, SignerService
from sealgate.inspection.adapters.signer_body import Spooled

if TYPE_CHECKING:
    from sealgate.child_process import Parent
    from sealgate.inspection.adapters.signer_plan import SignerPlan

_POLL_SECONDS = 0.05
# The socket is not ours to remove: the next process listens on it, too.
_SHARED: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}


class SignerWorker:
    """The servers of the process."""

    def __init__(self, plan: SignerPlan, link: Parent) -> None:
        spooled = Spooled()
        self._services = [
            SignerService(policy, keys, spooled)
            for policy, keys in zip(plan.policies, plan.keys, strict=True)
        ]
        self._listeners = plan.listeners
        self._servers: list[asyncio.AbstractServer] = []
        self._link = link
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()

    async def start(self) -> None:
        """Serve, and tell the parent so."""
        for service, descriptor in zip(self._services, self._listeners, strict=True):
            listener = socket.socket(fileno=descriptor)
            listener.setblocking(False)
            server = await asyncio.start_unix_server(
                service.serve, sock=listener, limit=HEAD_BYTES, **_SHARED
            )
            self._servers.append(server)
        self._loop.add_reader(self._link.fileno(), self._on_message)
        self._link.send("ready", os.getpid())

    def _on_message(self) -> None:
        try:
            message = self._link.receive()
        except (EOFError, OSError):
            os._exit(1)  # Nobody would notice any more when this process is stuck.
        match message:
            case ("status",):
                self._link.send("ok", {"connections": sum(s.open for s in self._services)})
            case ("keys", keys):
                for service, own in zip(self._services, keys, strict=True):
                    service.keys = own
            case ("stop", seconds):
                self._draining = self._loop.create_task(self._drain(seconds))

    async def _drain(self, seconds: float) -> None:
        for server in self._servers:
            server.close()
        until = self._loop.time() + seconds
        while any(s.busy for s in self._services) and self._loop.time() < until:  # noqa: ASYNC110  # as the relays do
            await asyncio.sleep(_POLL_SECONDS)
        if not self.ended.done():
            self.ended.set_result(None)


async def _run(plan: SignerPlan, link: Parent) -> None:
    worker = SignerWorker(plan, link)
    await worker.start()
    await worker.ended


def main() -> int:
    """Be the signer that the parent asks for."""
    return run_child(lambda parent, plan: asyncio.run(_run(plan, parent)))
