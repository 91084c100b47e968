"""The data port of a control connection: at most one connection, for one transfer at a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import socket as sockets
    from collections.abc import Callable

    from sealgate.transfer.adapters.ftps import FTPSServer
    from sealgate.transfer.adapters.ftps_control import ControlConnection
    from sealgate.transfer.adapters.ftps_data import DataConnection, PassiveListener
    from sealgate.transfer.adapters.ftps_tls import TLSConnection
    from sealgate.transfer.adapters.ftps_transfers import Transfer


class DataPort:
    """Brings a command and the connection that carries it together, whichever comes first."""

    server: FTPSServer
    socket: sockets.socket
    tls: TLSConnection | None
    heard_at: float
    is_closed: Any
    reply: Callable[[str], None]
    drain: Callable[[], None]

    def reset_data(self) -> None:
        """Begin without."""
        self._passive: PassiveListener | None = None
        self._data: DataConnection | None = None
        self._discarded: DataConnection | None = None
        self._data_fault = ""
        self._transfer: Transfer | None = None
        self._transfer_began_at = 0.0

    @property
    def _whole(self) -> ControlConnection:
        """Return the connection that this is a part of."""
        return cast("ControlConnection", self)

    def check_data_time(self, now: float) -> None:
        """End what stands still on the data side; *now* is monotonic."""
        limits = self.server.settings
        data, transfer, passive = self._data, self._transfer, self._passive
        if passive is not None:
            passive.check_time(now, limits.handshake_seconds)
        if transfer is None:
            opened_at = data.moved_at if data is not None else now
            opened_at = passive.opened_at if passive is not None else opened_at
            if now - opened_at > limits.data_seconds:
                self.drop_data()
        elif data is None:
            waited = now - self._transfer_began_at
            fault = passive.fault if passive is not None else ""
            if fault and passive is not None:
                # The client's own may be the one that failed, or still be on its way.
                faulty = min(waited, now - passive.fault_at) > limits.fault_seconds
            else:
                faulty = False
            if faulty or waited > limits.connect_seconds:
                transfer.stop(fault or "425 no data connection came in time")
        elif now - data.moved_at > limits.data_seconds:
            transfer.stop("426 the data connection stood still for too long")

    def open_data_port(self) -> PassiveListener | None:
        """Listen for a data connection; one that is open already is dropped."""
        self.drop_data()
        self.drop_discarded()
        self._passive = self.server.listen_passive(self._whole)
        return self._passive

    @property
    def waits_for_data(self) -> bool:
        """Return whether a data port is open that no transfer asks for yet."""
        return self._passive is not None and self._transfer is None

    def give_port_up(self) -> None:
        """Close a data port that others wait for; the next transfer hears why."""
        self.drop_data()
        self._data_fault = "425 others waited for the data port: ask for one again"

    def drop_data(self) -> None:
        """Close the data connection, or stop waiting for it."""
        passive, self._passive = self._passive, None
        data, self._data = self._data, None
        self._data_fault = ""
        for wire in (passive, data):
            if wire is not None:
                wire.close()

    def refuse_upload(self) -> None:
        """
        Part with the connection of an upload that is refused, and let the client send on.

        A reset would reach it before the reply, and be all that its user is told.
        """
        self.drop_discarded()
        data, self._data = self._data, None
        if data is not None:
            self._discarded = data
            data.discard()

    def drop_discarded(self) -> None:
        """Close the connection of a refused upload: the client goes on, or is gone."""
        discarded, self._discarded = self._discarded, None
        if discarded is not None:
            discarded.close()

    def data_arrived(self, data: DataConnection) -> None:
        """Take the data connection, which stands; a waiting transfer begins."""
        self._passive = None
        if self.is_closed:
            data.close()
            return
        self._data = data
        if self._transfer is not None:
            data.carry(self._transfer)
        else:
            data.listen_for(reading=False, writing=False)

    def data_failed(self, reply: str) -> None:
        """Give up the data connection; a waiting transfer, or the next one, hears *reply*."""
        transfer = self._transfer
        self.drop_data()
        if transfer is not None:
            transfer.stop(reply)
        else:
            self._data_fault = reply

    def can_transfer(self) -> bool:
        """Return whether a data connection is there or awaited; if not, the client is told."""
        if self._data is not None or self._passive is not None:
            return True
        fault, self._data_fault = self._data_fault, ""
        self.reply(fault or "425 ask for a data connection first, with EPSV or PASV")
        return False

    def begin(self, transfer: Transfer) -> None:
        """Let *transfer* have the data connection as soon as it stands."""
        if self._data is None and self._passive is None:
            # It failed while the file was being opened.
            self._transfer = transfer
            transfer.stop(self._data_fault or "425 the data connection failed")
            return
        self._transfer = transfer
        self._transfer_began_at = time.monotonic()
        self.reply("150 here it comes" if self._data is None else "125 here it comes")
        if self._data is not None:
            self._data.carry(transfer)

    def transfer_over(self, *replies: str) -> None:
        """Forget the transfer and say how it ended."""
        self._transfer = None
        passive, self._passive = self._passive, None
        data, self._data = self._data, None
        self._data_fault = ""
        # First of all: the client waits for it.
        for reply in replies:
            self.reply(reply)
        for wire in (passive, data):
            if wire is not None:
                wire.close()
        self.heard_at = time.monotonic()
        self.drain()

    def do_abor(self, _: str) -> None:
        """Break the transfer off (RFC 959, 4.1.3)."""
        if self._transfer is not None:
            self._transfer.stop("426 broken off as asked", "226 done")
        else:
            self.drop_data()
            self.reply("226 nothing is under way")
