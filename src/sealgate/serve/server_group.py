"""The processes behind one kind of door, and the sockets that they share."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from sealgate.errors import GatewayError
from sealgate.serve.revival import Member

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Iterator

    from sealgate.policy.inventory import Address
    from sealgate.protocols.workers_process import WorkerProcess
    from sealgate.serve.file_servers_plan import ConfiguredServer

# A server that crashes again and again is tried so often.
RETRY_SECONDS = 60.0


class ServerGroup:
    """*many* processes for *door* on *listeners*; *spawn* starts one, *tell* is for a person."""

    def __init__(
        self,
        door: ConfiguredServer,
        listeners: dict[Address, socket.socket],
        many: int,
        spawn: Callable[[ServerGroup], WorkerProcess],
        tell: Callable[[str], None],
    ) -> None:
        self.door = door
        self.listeners = listeners
        self._members: list[Member[WorkerProcess]] = [Member() for _ in range(many)]
        self._spawn = spawn
        self._tell = tell

    def begin(self, start: Callable[[], WorkerProcess]) -> None:
        """
        Start every process with *start*; nobody has waited for them yet.

        Raises:
            GatewayError: one cannot be started.
        """
        for member in self._members:
            member.process = start()

    def await_ready(self) -> None:
        """
        Return once all are ready.

        Raises:
            GatewayError: one ended, or is not ready in time.
        """
        for process in self.running():
            process.await_ready()

    def serve(self) -> None:
        """
        Have all that wait begin to serve; returns once they do.

        Raises:
            GatewayError: one does not.
        """
        for process in self.running():
            process.begin()

    def running(self) -> Iterator[WorkerProcess]:
        """Yield the processes that were started and have not been seen to end."""
        for member in self._members:
            if member.process is not None:
                yield member.process

    def ask(self, ask: Callable[[WorkerProcess], None]) -> None:
        """Have each process do what *ask* asks for; one that does not is ended and replaced."""
        for member in self._members:
            if member.process is None or not member.process.is_running():
                continue  # Its successor begins with what holds then.
            try:
                ask(member.process)
            except GatewayError as error:
                self._tell(f"error: {error.message}; that server is ended and started anew")
                member.process.kill()
                member.process = None
                self._revive(member, time.monotonic())

    def tick(self, now: float) -> None:
        """Pass on what the processes say, and start those again that ended."""
        for member in self._members:
            if member.process is not None and member.process.is_running():
                member.process.hear()
            else:
                self._revive(member, now)

    def status(self) -> Iterator[dict[str, object]]:
        """Yield what each process says of itself."""
        for member in self._members:
            told: dict[str, object] = {"protocol": self.door.kind.name, "pid": None}
            if member.process is not None and member.process.is_running():
                told["pid"] = member.process.pid
                with contextlib.suppress(GatewayError):
                    told |= member.process.status()
            yield told

    def kill(self) -> None:
        """End every process now."""
        for process in self.running():
            process.kill()

    def close(self, keep: Collection[Address] = ()) -> None:
        """Close the listening sockets, but those of *keep*."""
        for address, listener in self.listeners.items():
            if address not in keep:
                listener.close()

    def _revive(self, member: Member[WorkerProcess], now: float) -> None:
        member.revive(
            now,
            lambda: self._spawn(self),
            ended=f"a server for {self.door.kind.name} ended",
            retry_seconds=RETRY_SECONDS,
            tell=self._tell,
        )
