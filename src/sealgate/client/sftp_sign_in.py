"""How a client of SFTP signs in: which host key it takes, and what it says to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncssh

from sealgate.policy.protection import TransitRung
from sealgate.protocols.ssh.transport import watch_exchanges, watch_partial_success

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.client.access import ClientAccess
    from sealgate.client.destination import Destination
    from sealgate.client.host_keys import HostKeys
    from sealgate.client.sending import ChannelRefusedError


class SFTPClient(asyncssh.SSHClient):
    """Answers what the library asks, and remembers what was used."""

    def __init__(self, destination: Destination, access: ClientAccess, keys: HostKeys) -> None:
        self.destination = destination
        self.access = access
        self.keys = keys
        self.refused: ChannelRefusedError | None = None
        self.used_password = False
        self.proven_key = False
        self.kex = ""
        self.strict = False
        self._connection: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """Watch what is agreed on and what is proven."""
        self._connection = conn
        watch_exchanges(conn, self._agreed)
        watch_partial_success(conn, self._half_way)

    def _agreed(self, kex: str, strict: bool) -> None:  # noqa: FBT001  # a callback
        if self.kex and kex != self.kex:
            # What is sent was allowed for the first exchange.
            raise asyncssh.KeyExchangeFailed("another key exchange than at the beginning")
        self.kex, self.strict = kex, strict

    def _half_way(self) -> None:
        self.proven_key = True

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        """Return whether the server is the one that it should be."""
        self.refused = self.keys.refusal(host, addr, port, key)
        return self.refused is None

    def password_auth_requested(self) -> str | None:
        """Return the password, once."""
        if not self._may_ask():
            return None
        self.used_password = True
        return self.access.ask_password(self._whose())

    def kbdint_auth_requested(self) -> str | None:
        """Return whether a question may come."""
        return "" if self._may_ask() else None

    def _may_ask(self) -> bool:
        if self.used_password:
            return False  # it was wrong; asking again would loop
        # Of the top rank only a server that took the key hears anything else of us.
        return self.proven_key or self.access.rung < TransitRung.HIGHLY_ENCRYPTED

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        """Answer one hidden line, with a password or a code."""
        del name, instructions, lang
        if not prompts:
            return []
        if len(prompts) > 1 or prompts[0][1]:
            return None  # only a password or a code is asked for in one hidden line
        self.used_password = True
        return [self.access.ask_password(self._whose())]

    def _whose(self) -> str:
        user = self.destination.user or self.access.user
        beside = ", or a one-time code" if self.proven_key else ""
        return f"{user} at {self.destination.origin}{beside}"
