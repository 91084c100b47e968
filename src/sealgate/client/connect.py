"""Opens a connection to another host for sending and fetching, of whichever kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.errors import UsageError

if TYPE_CHECKING:
    from sealgate.client.access import ClientAccess
    from sealgate.client.destination import Destination
    from sealgate.client.sending import Remote


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
