"""Whether a host key is the one that it should be: ``known_hosts``, or a given fingerprint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh

from sealgate.client.sending import ChannelRefusedError
from sealgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.client.destination import Destination

_CERTIFIED = "-cert-v01@openssh.com"
_RULE = "transit-untrusted-chain"
_NOBODY: tuple[list[object], list[object], list[object]] = ([], [], [])
_USUAL = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts")


class HostKeys:
    """Whom to believe. *files* are of OpenSSH's format, the usual ones where none is given."""

    def __init__(self, files: Sequence[str], fingerprint: str) -> None:
        """
        Read *files*; a *fingerprint* (``SHA256:…``) stands over them.

        Raises:
            UsageError: a file cannot be read, or the fingerprint is none.
        """
        if fingerprint and not fingerprint.startswith("SHA256:"):
            message = "--host-key takes a fingerprint as OpenSSH prints it: SHA256:…"
            raise UsageError(message, hint="ssh-keygen -l -f KEY.pub shows that of a key")
        self._fingerprint = fingerprint.rstrip("=")
        paths = [Path(path).expanduser() for path in files or _USUAL]
        there = [str(path) for path in paths if files or path.is_file()]
        try:
            self._known = asyncssh.read_known_hosts(there) if there else None
        except (OSError, ValueError) as error:
            message = "known_hosts cannot be read, or has a line that is none"
            raise UsageError(message, hint="--host-key SHA256:…") from error

    def for_library(self) -> object:
        """Return what the library verifies with; whatever it does not find it asks for."""
        return self._known if self._known is not None and not self._fingerprint else _NOBODY

    def algorithms(self, destination: Destination, wanted: Sequence[str]) -> Sequence[str]:
        """Return *wanted*, and those first whose keys are known for *destination*."""
        known, authorities = self._matching(destination.host, "", destination.port)
        algorithms = {key.get_algorithm() for key in known}
        families = {"rsa" if name == "ssh-rsa" else name for name in algorithms}
        first = [name for name in wanted if _family(name) in families]
        certified = [f"{name}{_CERTIFIED}" for name in wanted] if authorities else []
        return tuple(dict.fromkeys((*certified, *first, *wanted)))

    def refusal(
        self, host: str, address: str, port: int, key: asyncssh.SSHKey
    ) -> ChannelRefusedError | None:
        """Return why *key*, which the files do not have for *host*, is refused."""
        shown = key.get_fingerprint()
        if self._fingerprint:
            if shown == self._fingerprint:
                return None
            message = f'the host key of "{host}" is {shown}, {self._fingerprint} is required'
            return ChannelRefusedError(_RULE, message, hint="ask whoever runs that host")
        if self._matching(host, address, port)[0]:
            message = (
                f'the host key of "{host}" is {shown}, which is not the one in known_hosts: '
                "somebody may sit in between"
            )
            return ChannelRefusedError(_RULE, message, hint="ask whoever runs that host")
        message = f'the host key of "{host}" is not known; it is {shown}'
        hint = f"when its operator confirms that: --host-key {shown}"
        return ChannelRefusedError(_RULE, message, hint=hint)

    def _matching(
        self, host: str, address: str, port: int
    ) -> tuple[Sequence[asyncssh.SSHKey], Sequence[asyncssh.SSHKey]]:
        if self._known is None or self._fingerprint:
            return (), ()
        found = asyncssh.match_known_hosts(self._known, host, address, port)
        return found[0], found[1]


def _family(name: str) -> str:
    return "rsa" if name.startswith("rsa-") else name
