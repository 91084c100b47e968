"""
A client of SFTP that verifies the host key, and tells what was negotiated.

Only algorithms of the rank that the file needs are offered, so that neither a password nor
a byte of the file goes over anything less. What was agreed on is measured besides.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar, cast

import asyncssh

from sealgate.errors import UsageError
from sealgate.policy.protection import TOP_RANK
from sealgate.transfer.adapters.client_host_keys import HostKeys
from sealgate.transfer.adapters.client_sftp_sign_in import Client
from sealgate.transfer.model import Channel, Method, TransferProtocol
from sealgate.transfer.sending import RefusedError, RemoteError, check_channel

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from sealgate.storage.model import Buffer
    from sealgate.transfer.adapters.client import ClientAccess
    from sealgate.transfer.destination import Destination

T = TypeVar("T")

CONNECT_SECONDS = 20
_READ_BYTES = 4 * 1024 * 1024
_WRITE_BYTES = 4 * 1024 * 1024
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
_TOP_CIPHERS = ("aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com")
_CIPHERS = (*_TOP_CIPHERS, "aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr")
_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
_SIGNATURES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


def connect_sftp(destination: Destination, access: ClientAccess) -> SFTPRemote:
    """
    Return a signed-in connection; see :func:`sealgate.transfer.adapters.client.connect`.
    """
    # Not asyncio.Runner: each run of it writes out the repr of the result, megabytes here.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_connect(destination, access, loop))
    except BaseException:
        _end(loop)
        raise


def _end(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_until_complete(_leave())
    loop.close()


async def _leave() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()


async def _connect(
    destination: Destination, access: ClientAccess, loop: asyncio.AbstractEventLoop
) -> SFTPRemote:
    keys = HostKeys(access.known_hosts, access.host_key)
    client = Client(destination, access, keys)
    top = access.rung >= TOP_RANK
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
            server_host_key_algs=keys.algorithms(destination, _SIGNATURES),
            kex_algs=_HYBRID if top else (*_HYBRID, *_CLASSICAL),
            encryption_algs=_TOP_CIPHERS if top else _CIPHERS,
            mac_algs=_MACS,
            compression_algs=("none",),
            preferred_auth=("publickey", "keyboard-interactive", "password")
            if top
            else ("publickey", "password", "keyboard-interactive"),
            gss_auth=False,
            gss_kex=False,
            connect_timeout=CONNECT_SECONDS,
            login_timeout=0,
            keepalive_interval=30,
            **_client_keys(access),
        )
    except asyncssh.KeyExchangeFailed as error:
        raise _weak(destination, error, top=top) from error
    except asyncssh.PermissionDenied as error:
        raise _not_let_in(destination, user, client, top=top) from error
    except (asyncssh.Error, OSError, ValueError) as error:
        if client.refused is not None:
            raise client.refused from error
        raise RemoteError(f"{destination.origin}: {_reason(error)}") from error
    remote = SFTPRemote(loop, connection, client)
    try:
        check_channel(destination.origin, "it", access.rung, remote.channel, remote.methods)
        await remote.begin()
    except BaseException:
        connection.abort()
        await connection.wait_closed()
        raise
    return remote


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


def _weak(destination: Destination, error: Exception, *, top: bool) -> RefusedError | RemoteError:
    said = str(error).lower()
    if "no matching" not in said:
        return RemoteError(f"{destination.origin}: the key exchange failed")
    rules = (
        ("key exchange", "transit-ssh-no-hybrid" if top else "transit-ssh-weak-kex"),
        ("encryption", "transit-ssh-old-cipher" if top else "transit-ssh-weak-cipher"),
        ("mac", "transit-ssh-weak-mac"),
        ("host key", "transit-ssh-weak-host-key"),
    )
    rule = next((rule for word, rule in rules if f"matching {word}" in said), rules[0][1])
    what = "highly encrypted" if top else "encrypted"
    message = f"{destination.origin} offers no SSH channel that is {what}; nothing was sent"
    return RefusedError(rule, message, hint=f"sealgate audit {destination.origin}")


def _not_let_in(
    destination: Destination, user: str, client: Client, *, top: bool
) -> RefusedError | RemoteError:
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
        return RefusedError("transit-ssh-password-accepted", message, hint="-i KEY")
    return RemoteError(
        f'{destination.origin} does not let "{user}" in',
        hint="-i KEY, or another user in the URL: sftp://USER@HOST/",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(error, OSError) and error.errno:
        # The event loop puts words of its own into the error.
        return os.strerror(error.errno).lower()
    reason = getattr(error, "reason", "") or "the connection failed"
    cleaned = "".join(c for c in str(reason) if c.isprintable())[:200]
    return cleaned[:1].lower() + cleaned[1:]


class SFTPRemote:
    """
    One SFTP session; each call runs the event loop as long as it takes.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: asyncssh.SSHClientConnection,
        client: Client,
    ) -> None:
        """
        Take *connection* over.
        """
        self._loop = loop
        self._connection = connection
        self._client = client
        self._sftp: asyncssh.SFTPClient | None = None

    async def begin(self) -> None:
        """
        Open the SFTP session.
        """
        try:
            self._sftp = await self._connection.start_sftp_client()
        except (asyncssh.Error, OSError) as error:
            raise RemoteError(f"SFTP is not served: {_reason(error)}") from error

    @property
    def channel(self) -> Channel:
        """
        Return what was agreed on; of two ciphers the one that was asked for last.
        """
        told = self._connection.get_extra_info
        ciphers = [str(told("send_cipher", "")), str(told("recv_cipher", ""))]
        macs = [str(told("send_mac", "")), str(told("recv_mac", ""))]
        worse = max(
            range(2), key=lambda i: _CIPHERS.index(ciphers[i]) if ciphers[i] in _CIPHERS else 99
        )
        cipher, mac = ciphers[worse], macs[worse]
        version = str(told("server_version", ""))
        return Channel(
            protocol=TransferProtocol.SFTP,
            peer=self._client.destination.host,
            version="SSH-2.0" if version.startswith(("SSH-2.0", "SSH-1.99")) else version[:8],
            group=self._client.kex,
            cipher=cipher,
            mac="" if mac == cipher else mac,
            strict_kex=self._client.strict,
        )

    @property
    def methods(self) -> frozenset[Method]:
        """
        Return what we signed in with; nothing, when the server wanted no proof.
        """
        if self._client.proven_key:
            # With whatever was typed beside it, of which only the server knows what it is.
            return frozenset([Method.PUBLIC_KEY])
        if self._client.used_password:
            return frozenset([Method.PASSWORD])
        if list(self._connection.get_server_auth_methods()) == ["none"]:
            return frozenset()
        return frozenset([Method.PUBLIC_KEY])

    def size(self, path: str) -> int | None:
        """
        Return how many bytes lie at *path*.
        """
        try:
            return self._run(self._session.stat(_wire(path))).size
        except RemoteError:
            return None

    def upload(self, path: str, *, offset: int, size: int | None) -> SFTPUpload:  # noqa: ARG002  # SFTP does not announce it
        """
        Begin to write at *offset*.
        """
        mode = "r+b" if offset else "wb"
        file = self._run(self._opened(path, mode))
        return SFTPUpload(self, file, offset)

    def download(self, path: str) -> Iterator[bytes]:
        """
        Yield the bytes at *path*.
        """
        file = self._run(self._opened(path, "rb"))
        offset = 0
        try:
            while chunk := cast("bytes", self._run(file.read(_READ_BYTES, offset))):
                offset += len(chunk)
                yield chunk
        finally:
            with contextlib.suppress(RemoteError):
                self._run(file.close())

    def digest(self, path: str, *, length: int | None = None) -> str | None:  # noqa: ARG002
        """
        Return ``None``: the library cannot ask for check-file.
        """
        return None

    def run(self, work: Coroutine[object, object, T]) -> T:
        """
        Run *work* to its end.
        """
        return self._run(work)

    def close(self) -> None:
        """
        End the session and the connection.
        """
        with contextlib.suppress(RemoteError):
            if self._sftp is not None:
                self._sftp.exit()
            self._connection.close()
            self._run(self._connection.wait_closed())
        if not self._loop.is_closed():
            _end(self._loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _session(self) -> asyncssh.SFTPClient:
        if self._sftp is None:
            raise RemoteError("the SFTP session has ended")
        return self._sftp

    async def _opened(self, path: str, mode: str) -> asyncssh.SFTPClientFile:
        return await self._session.open(_wire(path), mode, encoding=None)

    def _run(self, work: Coroutine[object, object, T]) -> T:
        try:
            return self._loop.run_until_complete(work)
        except (asyncssh.Error, OSError) as error:
            raise RemoteError(_reason(error)) from error


class SFTPUpload:
    """
    One upload; what is small is gathered, so that several requests are on their way at once.
    """

    def __init__(self, remote: SFTPRemote, file: asyncssh.SFTPClientFile, offset: int) -> None:
        """
        Go on at *offset* of *file*.
        """
        self._remote = remote
        self._file = file
        self._offset = offset
        self._waiting = bytearray()

    def write(self, data: Buffer, /) -> int:
        """
        Send the next bytes.
        """
        self._waiting += data
        if len(self._waiting) >= _WRITE_BYTES:
            self._send()
        return len(data)

    def finish(self) -> None:
        """
        Send what is left; the server has the file when CLOSE was answered.
        """
        if self._waiting:
            self._send()
        self._remote.run(self._file.close())

    def abandon(self) -> None:
        """
        Close what is open; what was written stays for a resume.
        """
        with contextlib.suppress(RemoteError):
            self._remote.run(self._file.close())

    def _send(self) -> None:
        data = bytes(self._waiting)
        self._waiting.clear()
        self._remote.run(self._file.write(data, self._offset))
        self._offset += len(data)


def _wire(path: str) -> str:
    # "/in/x" is an absolute path of the server; "/~/x" begins at the home folder.
    return path.removeprefix("/~/") if path.startswith("/~/") else path
