"""
How one may sign in to an SSH server: the answer to a request that proves nothing.

The request is "none" (RFC 4252, 5.2) and the user one that nobody has: random letters.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from sealgate.errors import PeerError

if TYPE_CHECKING:
    from sealgate.audit.model import Limits

MISSING = 'it takes an SSH library to ask, which is not installed: pip install "sealgate[transfer]"'


def ask_methods(address: str, port: int, limits: Limits) -> tuple[str, ...]:
    """
    Return the methods that the server names, "none" alone when it wants no proof at all.

    Raises:
        PeerError: it did not say, or the library is missing.
    """
    try:
        return asyncio.run(asyncio.wait_for(_ask(address, port), limits.exchange_seconds))
    except TimeoutError as error:
        raise PeerError("no answer in time") from error
    except ImportError as error:
        raise PeerError(MISSING) from error


async def _ask(address: str, port: int) -> tuple[str, ...]:
    import asyncssh  # noqa: PLC0415  # an extra: only this question needs it
    from asyncssh.encryption import get_encryption_algs  # noqa: PLC0415
    from asyncssh.kex import get_kex_algs  # noqa: PLC0415
    from asyncssh.mac import get_mac_algs  # noqa: PLC0415
    from asyncssh.public_key import get_public_key_algs  # noqa: PLC0415

    try:
        options = await asyncssh.SSHClientConnectionOptions.construct(
            # Everything that the library still knows, so that a weak server can be asked.
            kex_algs=[name.decode() for name in get_kex_algs() if not name.startswith(b"gss-")],
            encryption_algs=[name.decode() for name in get_encryption_algs()],
            mac_algs=[name.decode() for name in get_mac_algs()],
            agent_path=None,
            config=None,
        )
        methods = await asyncssh.get_server_auth_methods(
            address,
            port,
            f"nobody-{secrets.token_hex(6)}",
            server_host_key_algs=[name.decode() for name in get_public_key_algs()],
            config=None,
            options=options,
        )
    except (asyncssh.Error, OSError, ValueError) as error:
        raise PeerError(f"the SSH handshake failed ({type(error).__name__})") from error
    return tuple(methods)
