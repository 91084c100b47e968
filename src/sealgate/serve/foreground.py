"""Serves until it is told to stop: signals, the file that tells that all listens, systemd."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.files import write_durably
from sealgate.gateway.adapters.doors import shown
from sealgate.serve.running import Options, RunningGateway

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from sealgate.policy.inventory import Inventory
    from sealgate.serve.ports import Addresses


def serve(inventory: Inventory, options: Options, *, ready_file: str | None = None) -> bool:
    """
    Serve *inventory* until SIGTERM or SIGINT; SIGHUP reloads. Main thread only.

    Once everything listens, *ready_file* holds JSON with process ids and addresses, and
    a systemd that waits for it (``Type=notify``) is told. Returns whether every request
    ended by itself.

    Raises:
        ConfigError: with everything that keeps a promise from being kept.
        GatewayError: it cannot start, or Envoy crashed again and again.
        SourceError: the state folder cannot be used.
    """
    gateway = RunningGateway(inventory, options)
    with _signals(gateway):
        remarks = gateway.start()
        for remark in remarks:
            options.tell(remark)
        for line in gateway.welcome():
            options.tell(line)
        if ready_file is not None:
            content = {
                "pid": os.getpid(),
                "envoy_pid": gateway.pid,
                **_shown(gateway.addresses),
                **gateway.file_addresses,
                "state_folder": inventory.state_folder,
            }
            write_durably(Path(ready_file).absolute(), json.dumps(content).encode() + b"\n")
        _tell_systemd("READY=1")
        try:
            return gateway.wait()
        finally:
            if ready_file is not None:
                Path(ready_file).unlink(missing_ok=True)


def _shown(addresses: Addresses) -> dict[str, list[str]]:
    return {
        door: [shown(address) for address in getattr(addresses, door)]
        for door in ("https", "http", "egress")
    }


@contextlib.contextmanager
def _signals(gateway: RunningGateway) -> Iterator[None]:
    def on_stop(_number: int, _frame: FrameType | None) -> None:
        gateway.request_stop()

    def on_reload(_number: int, _frame: FrameType | None) -> None:
        gateway.request_reload()

    wanted = {signal.SIGTERM: on_stop, signal.SIGINT: on_stop, signal.SIGHUP: on_reload}
    before = {number: signal.signal(number, act) for number, act in wanted.items()}
    try:
        yield
    finally:
        for number, act in before.items():
            signal.signal(number, act)


def _tell_systemd(state: str) -> None:
    # sd_notify(3): a datagram to the socket that the environment names.
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.sendto(state.encode(), f"\0{path[1:]}" if path.startswith("@") else path)
