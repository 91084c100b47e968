"""
A client of SFTP that verifies the host key, and tells what was negotiated.

Only algorithms of the rank that the file needs are offered, so that neither a password nor
a byte of the file goes over anything less. What was agreed on is measured besides.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh

from sealgate.audit.adapters.ssh import offered
from sealgate.audit.model import Limits
from sealgate.client.destination import unreached_hint
from sealgate.client.host_keys import HostKeys
from sealgate.client.sending import ChannelRefusedError, RemoteError, check_channel
from sealgate.client.sftp_remote import (
    CIPHERS,
    TOP_CIPHERS,
    SFTPRemote,
    end_loop,
    reason_of,
)
from sealgate.client.sftp_sign_in import SFTPClient
from sealgate.errors import PeerError, UsageError
from sealgate.policy.protection import TransitRung

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.client.access import ClientAccess
    from sealgate.client.destination import Destination

CONNECT_SECONDS = 20
_HYBRID = ("mlkem768x25519-sha256", "mlkem768nistp256-sha256", "mlkem1024nistp384-sha384")
_CLASSICAL = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
)
_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
_SIGNATURES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


# The rules that a kind of algorithm breaks: below the highest rung, and at it.
_RULES = {
    "key exchange": ("transit-ssh-weak-kex", "transit-ssh-no-hybrid"),
    "encryption": ("transit-ssh-weak-cipher", "transit-ssh-old-cipher"),
    "mac": ("transit-ssh-weak-mac", "transit-ssh-weak-mac"),
    "host key": ("transit-ssh-weak-host-key", "transit-ssh-weak-host-key"),
}


class _ResetError(RemoteError):
    """The connection was lost before a key exchange was agreed on."""


def connect_sftp(destination: Destination, access: ClientAccess) -> SFTPRemote:
    """Return a signed-in connection; see :func:`sealgate.client.connect.connect`."""
    # Not asyncio.Runner: each run of it writes out the repr of the result, megabytes here.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_connect(destination, access, loop))
    except BaseException:
        end_loop(loop)
        raise


async def _connect(
    destination: Destination, access: ClientAccess, loop: asyncio.AbstractEventLoop
) -> SFTPRemote:
    keys = HostKeys(access.known_hosts, access.host_key)
    client, connection = await _opened(destination, access, keys)
    remote = SFTPRemote(loop, connection, client)
    try:
        check_channel(destination.origin, "it", access.rung, remote.channel, remote.methods)
        await remote.begin()
    except BaseException:
        connection.abort()
        await connection.wait_closed()
        raise
    return remote


async def _opened(
    destination: Destination, access: ClientAccess, keys: HostKeys
) -> tuple[SFTPClient, asyncssh.SSHClientConnection]:
    client = SFTPClient(destination, access, keys)
    with contextlib.suppress(_ResetError):
        return client, await _signed_in(destination, access, keys, client)
    # A server that takes nothing of what we offer may reset the connection before we have read
    # what it offers itself, so that nobody can tell why. Who offers nothing is told.
    if (unmet := _unmet(destination, access, keys)) is not None:
        raise _weak(destination, unmet, top=_asks_much(access))
    client = SFTPClient(destination, access, keys)
    return client, await _signed_in(destination, access, keys, client)


def _unmet(destination: Destination, access: ClientAccess, keys: HostKeys) -> str | None:
    """Return the first kind of algorithm of which the server has none of ours."""
    try:
        lists = offered(access.address(destination), destination.port, Limits())
    except PeerError:
        return None
    taken = _algorithms(destination, access, keys)
    for unmet, ours, theirs in (
        ("key exchange", taken["kex_algs"], lists.kex),
        ("host key", taken["server_host_key_algs"], lists.host_keys),
        ("encryption", taken["encryption_algs"], lists.ciphers_to_server),
        ("encryption", taken["encryption_algs"], lists.ciphers_to_client),
    ):
        if not set(ours) & set(theirs):
            return unmet
    for ciphers, macs in (
        (lists.ciphers_to_server, lists.macs_to_server),
        (lists.ciphers_to_client, lists.macs_to_client),
    ):
        # Ciphers that authenticate themselves need none.
        alone = set(taken["encryption_algs"]) & set(ciphers) & set(TOP_CIPHERS)
        if not alone and not set(taken["mac_algs"]) & set(macs):
            return "mac"
    return None


def _asks_much(access: ClientAccess) -> bool:
    return access.rung >= TransitRung.HIGHLY_ENCRYPTED


def _algorithms(
    destination: Destination, access: ClientAccess, keys: HostKeys
) -> dict[str, Sequence[str]]:
    """Return what we take of each kind, as the library is told."""
    top = _asks_much(access)
    return {
        "server_host_key_algs": keys.algorithms(destination, _SIGNATURES),
        "kex_algs": _HYBRID if top else (*_HYBRID, *_CLASSICAL),
        "encryption_algs": TOP_CIPHERS if top else CIPHERS,
        "mac_algs": _MACS,
    }


async def _signed_in(
    destination: Destination, access: ClientAccess, keys: HostKeys, client: SFTPClient
) -> asyncssh.SSHClientConnection:
    top = _asks_much(access)
    address = access.address(destination)
    user = destination.user or access.user
    try:
        connection, _ = await asyncssh.create_connection(
            lambda: client,
            address,
            destination.port,
            username=user,
            config=None,
            host_key_alias=destination.host,
            known_hosts=keys.for_library(),
            compression_algs=("none",),
            preferred_auth=("publickey", "keyboard-interactive", "password")
            if top
            else ("publickey", "password", "keyboard-interactive"),
            gss_auth=False,
            gss_kex=False,
            connect_timeout=CONNECT_SECONDS,
            login_timeout=0,
            keepalive_interval=30,
            **_algorithms(destination, access, keys),
            **_client_keys(access),
        )
    except asyncssh.KeyExchangeFailed as error:
        said = str(error).lower()
        if "no matching" not in said:
            raise RemoteError(f"{destination.origin}: the key exchange failed") from error
        unmet = next((kind for kind in _RULES if f"matching {kind}" in said), "key exchange")
        raise _weak(destination, unmet, top=top) from error
    except asyncssh.PermissionDenied as error:
        raise _not_let_in(destination, user, client, top=top) from error
    except (asyncssh.Error, OSError, ValueError) as error:
        if client.refused is not None:
            raise client.refused from error
        lost = isinstance(error, asyncssh.ConnectionLost | ConnectionResetError)
        kind = _ResetError if lost and not client.kex else RemoteError
        raise kind(
            f"{destination.origin}: {reason_of(error)}",
            hint=unreached_hint(destination.host, destination.port),
        ) from error
    return connection


def _client_keys(access: ClientAccess) -> dict[str, object]:
    if not access.identities:
        return {}  # the usual files, and the agent
    return {"client_keys": [_read_key(path, access) for path in access.identities]}


def _read_key(path: str, access: ClientAccess) -> asyncssh.SSHKey:
    hint = "-i FILE takes an SSH private key"
    try:
        data = Path(path).read_bytes()
        try:
            return asyncssh.import_private_key(data)
        except asyncssh.KeyImportError as error:
            if "passphrase" not in str(error).lower():
                raise
        return asyncssh.import_private_key(data, access.ask_password(f'the key "{path}"'))
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise UsageError(f'key "{path}" cannot be read: {reason}', hint=hint) from error
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        message = f'key "{path}" cannot be used: wrong passphrase, or no SSH private key'
        raise UsageError(message, hint=hint) from error


def _weak(destination: Destination, unmet: str, *, top: bool) -> ChannelRefusedError:
    what = "highly encrypted" if top else "encrypted"
    message = f"{destination.origin} offers no SSH channel that is {what}; nothing was sent"
    rule = _RULES[unmet][1 if top else 0]
    return ChannelRefusedError(rule, message, hint=f"sealgate audit {destination.origin}")


def _not_let_in(
    destination: Destination, user: str, client: SFTPClient, *, top: bool
) -> ChannelRefusedError | RemoteError:
    if client.proven_key:
        return RemoteError(
            f'{destination.origin} takes the key of "{user}", but not what was given beside it',
            hint="a password or a code that is shown now; each code counts once",
        )
    if top:
        message = (
            f'{destination.origin} does not let "{user}" in by key, and nothing else will do '
            "for this class"
        )
        return ChannelRefusedError("transit-ssh-password-accepted", message, hint="-i KEY")
    return RemoteError(
        f'{destination.origin} does not let "{user}" in',
        hint="-i KEY, or another user in the URL: sftp://USER@HOST/",
    )
