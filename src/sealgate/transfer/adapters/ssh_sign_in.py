"""
Signing in over SSH: what is proven, and whether the doorkeeper calls it enough.

A caller may prove several things, one after the other (RFC 4252, 5.1, partial success). Who
proved a key is asked for a second factor (RFC 4256) only where that alone opens something,
and may go on without.
"""

from __future__ import annotations

import asyncio
import binascii
import contextlib
import time
from typing import TYPE_CHECKING, cast

import asyncssh

from sealgate.errors import SealgateError
from sealgate.policy.algorithms import OLDER_CIPHERS
from sealgate.transfer.adapters.password_threads import PasswordThreads
from sealgate.transfer.adapters.ssh_framing import Framing
from sealgate.transfer.adapters.ssh_refusals import as_transfer, question, sentence
from sealgate.transfer.adapters.ssh_settings import CIPHERS, SIGNATURES
from sealgate.transfer.model import (
    Channel,
    KeyOffer,
    Method,
    MoreProof,
    TransferError,
    TransferProtocol,
)

if TYPE_CHECKING:
    from asyncssh.auth import KbdIntChallenge, KbdIntResponse

    from sealgate.transfer.adapters.ssh_front import Front
    from sealgate.transfer.adapters.ssh_settings import SSHSettings
    from sealgate.transfer.model import Doorkeeper, FileSession

# What is shown of a password is never more than this long; longer ones cost memory only.
_MAX_PASSWORD = 1024
# A client signs right after it was told that its key is known; a person may take longer to
# touch a token, and then the doorkeeper is asked again.
_KNOWN_SECONDS = 1.0
_CODE_PROMPT = "One-time code or recovery code (empty to go on without): "


class SigningIn(Framing):
    """A connection from *peer* whose caller has to sign in with *doorkeeper*."""

    def __init__(
        self,
        options: asyncssh.SSHServerConnectionOptions,
        settings: SSHSettings,
        doorkeeper: Doorkeeper,
        passwords: PasswordThreads,
        peer: str,
        front: Front,
    ) -> None:
        """Wait for the transport."""
        self.settings = settings
        self.doorkeeper = doorkeeper
        self._passwords = passwords
        self.peer = peer
        self.files: FileSession | None = None
        self.refusal: TransferError | None = None
        self._front = front
        self._group = ""
        self._facts: tuple[str, ...] = ()
        self._proven: dict[Method, str] = {}
        self._proving: tuple[Method, str] | None = None
        self._asked: MoreProof | None = None
        self._declined = False
        self._read: tuple[bytes, asyncssh.SSHKey, KeyOffer] | None = None
        self._known: tuple[tuple[str, KeyOffer] | None, float] = (None, 0.0)
        self._who = ""
        self._tries = 0
        self._began_at = time.time()
        self.loop = asyncio.get_running_loop()
        super().__init__(self.loop, options)

    # Facts.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, under the address behind any balancer."""
        super().connection_made(transport)
        self._peer_addr = self._peer_host = self.peer
        high = self.settings.write_buffer_bytes
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=high, low=high // 4)

    @property
    def client(self) -> str:
        """Return the client's version line."""
        return str(self.get_extra_info("client_version", ""))

    @property
    def methods(self) -> frozenset[Method]:
        """Return what has been proven."""
        return frozenset(self._proven)

    @property
    def proven_key(self) -> str:
        """Return the fingerprint of the key that has been proven, "" for none."""
        return self._proven.get(Method.PUBLIC_KEY, "")

    def judged_again(self) -> None:
        """End what the caller may no longer have; the connection knows what that is."""

    def _changed(self) -> None:
        # Told by another thread; a loop that is closed has no connections.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.judged_again)

    def channel(self, protocol: TransferProtocol) -> Channel:
        """Return the live connection as agreed on, the weaker direction's cipher."""
        known = (*CIPHERS, *OLDER_CIPHERS)
        directions = [
            (
                str(self.get_extra_info(f"{way}_cipher", "")),
                str(self.get_extra_info(f"{way}_mac", "")),
            )
            for way in ("send", "recv")
        ]
        weaker, mac = max(
            directions, key=lambda one: known.index(one[0]) if one[0] in known else len(known)
        )
        return Channel(
            protocol=protocol,
            peer=self.peer,
            version="SSH-2.0",
            group=self._group,
            cipher=weaker,
            mac=mac if weaker in OLDER_CIPHERS else "",  # none of CIPHERS has one beside it
            strict_kex=bool(self._strict_kex),
            began_at=self._began_at,
        )

    def send_newkeys(self, k: bytes, h: bytes) -> None:
        """
        Note what a key exchange agreed on; a later one must agree on the same.

        Raises:
            asyncssh.KeyExchangeFailed: the client wanted other algorithms this time.
        """
        algorithm = self._kex.algorithm if self._kex else b""
        self._group = algorithm.decode("ascii", "replace")
        facts = (
            self._group,
            *(one.decode("ascii") for one in (self._enc_alg_cs, self._enc_alg_sc)),
        )
        if self._facts and facts != self._facts:
            # What was decided at sign-in was decided for the first algorithms.
            raise asyncssh.KeyExchangeFailed("other algorithms than at sign-in")
        self._facts = facts
        super().send_newkeys(k, h)

    async def reload_config(self) -> None:
        """Keep the options: there is no configuration file that differs by user."""

    # Signing in.

    def public_key_auth_supported(self) -> bool:
        """Return whether a key may still be proven."""
        return Method.PUBLIC_KEY not in self._proven

    def password_auth_supported(self) -> bool:
        """Return whether a password may still be proven."""
        wanted = self._asked is None or Method.PASSWORD in self._asked.ways
        return wanted and Method.PASSWORD not in self._proven

    def kbdint_auth_supported(self) -> bool:
        """Return whether a code is asked for; a password is not said this way."""
        return self._asked is not None and Method.ONE_TIME_CODE in self._asked.ways

    def host_based_auth_supported(self) -> bool:
        """Return ``False``: hosts are no people."""
        return False

    def begin(self, name: str) -> None:
        """Forget what somebody else has proven: the name is *name* now."""
        if name != self._who:
            self._who = name
            self._proven.clear()
            self._proving = self._asked = None
            self._declined = False

    async def validate_public_key(
        self, username: str, key_data: bytes, msg: bytes, signature: bytes
    ) -> bool:
        """Return whether the key is known, and once there is a signature, whether it is right."""
        try:
            key, offer = self._read_key(key_data)
        except (asyncssh.KeyImportError, ValueError):
            return False
        if not self._knows(username, offer):
            return False
        if not msg:
            return True
        # asyncssh would take a SHA-1 signature of an RSA key, too (RFC 8332, 3.3).
        size = int.from_bytes(signature[:4], "big")
        if signature[4 : 4 + size].decode("ascii", "replace") not in SIGNATURES:
            self.doorkeeper.failed(username, self.peer, "the signature algorithm is too weak")
            return False
        if not key.verify(self._signed(msg), signature):
            self.doorkeeper.failed(username, self.peer, "the signature is wrong")
            return False
        self._proving = Method.PUBLIC_KEY, offer.fingerprint
        return True

    def _read_key(self, data: bytes) -> tuple[asyncssh.SSHKey, KeyOffer]:
        """Return the key in the blob *data*: read once for the question and the signature."""
        if self._read is None or self._read[0] != data:
            key = asyncssh.import_public_key(_openssh_line(data))
            key.set_touch_required(True)
            offer = KeyOffer(Method.PUBLIC_KEY, key.get_fingerprint(), key.get_algorithm())
            self._read = data, key, offer
        return self._read[1:]

    def _knows(self, name: str, offer: KeyOffer) -> bool:
        """Ask the doorkeeper, once for the question and the signature that follows at once."""
        now = self.loop.time()
        asked, until = self._known
        if asked == (name, offer) and now < until:
            return True
        known = self.doorkeeper.knows_key(name, offer)
        if known:
            self._known = (name, offer), now + _KNOWN_SECONDS
        return known

    def _signed(self, msg: bytes) -> bytes:
        session = self._session_id
        return len(session).to_bytes(4, "big") + session + msg

    async def validate_password(self, username: str, password: str) -> bool:
        """Return whether the password is right; argon2id runs in a thread."""
        if len(password) > _MAX_PASSWORD:
            self.doorkeeper.failed(username, self.peer, "the password is too long")
            return False
        if Method.PUBLIC_KEY in self._proven:
            return await self._validate_second(username, password, Method.PASSWORD)
        usual = self.doorkeeper.is_usual(username, self.peer)
        right = await self.loop.run_in_executor(
            self._passwords.line(usual=usual),
            self.doorkeeper.check_password,
            username,
            password,
            self.peer,
        )
        if right:
            self._proving = Method.PASSWORD, ""
        return right

    async def get_kbdint_challenge(
        self,
        username: str,  # noqa: ARG002  # asyncssh's signature
        lang: str,
        submethods: str,  # noqa: ARG002
    ) -> KbdIntChallenge:
        """Return the one question: for a code."""
        return "", "", lang, ((_CODE_PROMPT, False),)

    async def validate_kbdint_response(
        self, username: str, responses: KbdIntResponse
    ) -> KbdIntChallenge:
        """Return whether the answer is a code that counts, or that there shall be none."""
        if len(responses) != 1:
            return False
        return await self._validate_second(username, responses[0], Method.ONE_TIME_CODE)

    async def _validate_second(self, name: str, typed: str, way: Method) -> bool:
        """Return whether *typed* proves something beside the key, or says that nothing will."""
        if self._asked is not None and not typed.strip():
            self._declined = True
            return True
        # Whoever is asked for more has proven a key.
        found = await self.loop.run_in_executor(
            self._passwords.line(usual=True),
            self.doorkeeper.check_second,
            name,
            typed,
            self.peer,
            frozenset([way]),
        )
        if found is None or name != self._who:
            # Somebody else is being signed in by now.
            return False
        self._proving = found, ""
        return True

    async def change_password(self, *_: object) -> bool:
        """Return ``False``: passwords are not changed here."""
        return False

    async def send_userauth_success(self) -> None:
        """Ask the doorkeeper whether what is proven is enough; it may take one thing more."""
        if self._proving is None and not self._declined:
            self.send_userauth_failure(False)
            return
        if self._proving is not None:
            method, key = self._proving
            self._proven[method] = key
        self._proving = None
        if self._asks_for_more():
            return
        self.refusal = None
        try:
            self.files = self.doorkeeper.sign_in(
                self._who,
                self.methods,
                self.channel(TransferProtocol.SFTP),
                key=self.proven_key,
            )
            self.files.on_change(self._changed)
        except SealgateError as error:
            self.refusal = as_transfer(error)
        if self.refusal is not None:
            self.send_auth_banner(sentence(self.refusal))
            if len(self._proven) < 2 and not self._declined:  # noqa: PLR2004  # key and password
                self.send_userauth_failure(True)
                return
            raise asyncssh.PermissionDenied(sentence(self.refusal).strip())
        self._front.signed_in()
        await super().send_userauth_success()

    def _asks_for_more(self) -> bool:
        """Ask once for a second factor, where one would open something; return whether it did."""
        if self._asked is not None or Method.PUBLIC_KEY not in self._proven:
            return False
        self._asked = self.doorkeeper.more_proof(
            self._who, self.methods, self.channel(TransferProtocol.SFTP), key=self.proven_key
        )
        if self._asked is None:
            return False
        self.send_auth_banner(question(self._asked))
        self.send_userauth_failure(True)
        return True

    def send_userauth_failure(self, partial_success: bool) -> None:  # noqa: FBT001  # asyncssh's
        """
        Count a failure; too many of them end the connection.

        Raises:
            asyncssh.PermissionDenied: they were too many.
        """
        if not partial_success:
            self._tries += 1
            if self._tries > self.settings.max_login_tries:
                self.doorkeeper.failed(self._who, self.peer, "too many tries in one connection")
                self._send_disconnect(
                    asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE,
                    "Too many authentication failures",
                    "en",
                )
                self._force_close(None)
                return
        super().send_userauth_failure(partial_success)


def _openssh_line(key_data: bytes) -> bytes:
    """Return the key blob as a line that asyncssh imports."""
    size = int.from_bytes(key_data[:4], "big")
    return key_data[4 : 4 + size] + b" " + binascii.b2a_base64(key_data, newline=False)
