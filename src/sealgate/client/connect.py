"""Opens a connection to another host for sending and fetching, of whichever kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.client.tls import TLSIdentity
from sealgate.errors import UsageError
from sealgate.policy.protection import TransitRung

if TYPE_CHECKING:
    from sealgate.client.destination import Destination
    from sealgate.client.sending import Remote

# Asks for a password, once, when one is needed: given what it is for.
AskPassword = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ClientAccess:
    """
    How to sign in, and whom to trust.

    *user* is who signs in where the URL names nobody. *identities* are files of SSH keys; without
    one the usual files and the agent are tried. *host_key* is a fingerprint
    (``SHA256:…``) to accept instead of what ``known_hosts`` says. *resolve* gives
    addresses for names. *rung* is the rank in transit that the channel must have.
    """

    ask_password: AskPassword
    rung: TransitRung
    user: str = ""
    identities: tuple[str, ...] = ()
    host_key: str = ""
    known_hosts: tuple[str, ...] = ()
    tls: TLSIdentity = field(default_factory=TLSIdentity)
    resolve: Mapping[str, str] = field(default_factory=dict)

    def address(self, destination: Destination) -> str:
        """Return where to connect to."""
        return self.resolve.get(destination.host, destination.host)


def connect(destination: Destination, access: ClientAccess) -> Remote:
    """
    Return a connection to *destination* that is signed in.

    Raises:
        RefusedError: host key or certificate are not to be trusted, or the other side
            has no channel of the rank.
        RemoteError: it does not answer, or does not let us in.
        UsageError: a key or certificate file cannot be used, or an extra is missing.
    """
    match destination.scheme:
        case "sftp":
            try:
                from sealgate.client.sftp import (  # noqa: PLC0415  # an extra
                    connect_sftp,
                )
            except ImportError as error:
                raise UsageError(
                    "sftp:// needs an SSH library, which is not installed",
                    hint='pip install "sealgate[transfer]"',
                ) from error
            return connect_sftp(destination, access)
        case "ftps":
            from sealgate.client.ftps import (  # noqa: PLC0415  # when needed
                connect_ftps,
            )

            return connect_ftps(destination, access)
        case _:
            from sealgate.client.https import (  # noqa: PLC0415  # when needed
                connect_https,
            )

            return connect_https(destination, access)
