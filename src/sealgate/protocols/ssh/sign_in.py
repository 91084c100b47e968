"""
Signing in over SSH: what is proven, and whether the authenticator calls it enough.

A caller may prove several things, one after the other (RFC 4252, 5.1, partial success). Who
proved a key is asked for a second factor (RFC 4256) only where that alone opens something,
and may go on without.
"""

from __future__ import annotations

import asyncio
import binascii
import contextlib
from typing import TYPE_CHECKING

import asyncssh

from sealgate.errors import SealgateError
from sealgate.protocols.admission.password_threads import PasswordThreads
from sealgate.protocols.model import (
    KeyOffer,
    Method,
    MoreProof,
    TransferError,
)
from sealgate.protocols.ssh.refusals import as_transfer, question, sentence
from sealgate.protocols.ssh.settings import SIGNATURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.protocols.model import Authenticator, FileSession
from sealgate.protocols.ssh.transit import SFTP
from sealgate.protocols.ssh.transport import Transport

# What is shown of a password is never more than this long; longer ones cost memory only.
_MAX_PASSWORD = 1024
# A client signs right after it was told that its key is known; a person may take longer to
# touch a token, and then the authenticator is asked again.
_KNOWN_SECONDS = 1.0
_CODE_PROMPT = "One-time code or recovery code (empty to go on without): "


class SSHSignIn:
    """
    What one caller has proven, until the authenticator calls it enough (implements ``SignInSteps``).

    *files* are theirs from then on; *refusal* is why there are none.
    """

    def __init__(
        self,
        transport: Transport,
        loop: asyncio.AbstractEventLoop,
        authenticator: Authenticator,
        passwords: PasswordThreads,
        begun: Callable[[], None],
        judged_again: Callable[[], None],
    ) -> None:
        """Begin as nobody; *judged_again* is called when what they may have has changed."""
        self._transport = transport
        self._loop = loop
        self._authenticator = authenticator
        self._passwords = passwords
        self._begun = begun
        self._judged_again = judged_again
        self.name = ""
        self.files: FileSession | None = None
        self.refusal: TransferError | None = None
        self._proven: dict[Method, str] = {}
        self._proving: tuple[Method, str] | None = None
        self._asked: MoreProof | None = None
        self._declined = False
        self._read: tuple[bytes, asyncssh.SSHKey, KeyOffer] | None = None
        self._known: tuple[tuple[str, KeyOffer] | None, float] = (None, 0.0)
        self._tries = 0

    @property
    def methods(self) -> frozenset[Method]:
        """Return what has been proven."""
        return frozenset(self._proven)

    @property
    def proven_key(self) -> str:
        """Return the fingerprint of the key that has been proven, "" for none."""
        return self._proven.get(Method.PUBLIC_KEY, "")

    def _changed(self) -> None:
        # Told by another thread; a loop that is closed has no connections.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._judged_again)

    def takes(self, method: Method) -> bool:
        """Return whether *method* may still be proven."""
        if method is Method.ONE_TIME_CODE:
            return self._asked is not None and method in self._asked.ways
        if method is Method.PASSWORD and self._asked is not None:
            return method in self._asked.ways and method not in self._proven
        return method not in self._proven

    def begin(self, name: str) -> None:
        """Forget what somebody else has proven: the name is *name* now."""
        if name != self.name:
            self.name = name
            self._proven.clear()
            self._proving = self._asked = None
            self._declined = False

    async def check_key(self, name: str, blob: bytes, message: bytes, signature: bytes) -> bool:
        """Return whether the key is known, and once there is a signature, whether it is right."""
        try:
            key, offer = self._read_key(blob)
        except (asyncssh.KeyImportError, ValueError):
            return False
        if not self._knows(name, offer):
            return False
        if not message:
            return True
        # asyncssh would take a SHA-1 signature of an RSA key, too (RFC 8332, 3.3).
        size = int.from_bytes(signature[:4], "big")
        if signature[4 : 4 + size].decode("ascii", "replace") not in SIGNATURES:
            self._authenticator.failed(
                name, self._transport.peer, "the signature algorithm is too weak"
            )
            return False
        if not key.verify(self._transport.signed(message), signature):
            self._authenticator.failed(name, self._transport.peer, "the signature is wrong")
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
        """Ask the authenticator, once for the question and the signature that follows at once."""
        now = self._loop.time()
        asked, until = self._known
        if asked == (name, offer) and now < until:
            return True
        known = self._authenticator.knows_key(name, offer)
        if known:
            self._known = (name, offer), now + _KNOWN_SECONDS
        return known

    async def check_password(self, name: str, password: str) -> bool:
        """Return whether the password is right; argon2id runs in a thread."""
        if len(password) > _MAX_PASSWORD:
            self._authenticator.failed(name, self._transport.peer, "the password is too long")
            return False
        if Method.PUBLIC_KEY in self._proven:
            return await self._validate_second(name, password, Method.PASSWORD)
        usual = self._authenticator.is_usual(name, self._transport.peer)
        right = await self._loop.run_in_executor(
            self._passwords.line(usual=usual),
            self._authenticator.check_password,
            name,
            password,
            self._transport.peer,
        )
        if right:
            self._proving = Method.PASSWORD, ""
        return right

    def question(self) -> str:
        """Return what is asked for when a code is."""
        return _CODE_PROMPT

    async def check_code(self, name: str, typed: str) -> bool:
        """Return whether *typed* is a code that counts, or says that there shall be none."""
        return await self._validate_second(name, typed, Method.ONE_TIME_CODE)

    async def _validate_second(self, name: str, typed: str, way: Method) -> bool:
        """Return whether *typed* proves something beside the key, or says that nothing will."""
        if self._asked is not None and not typed.strip():
            self._declined = True
            return True
        # Whoever is asked for more has proven a key.
        found = await self._loop.run_in_executor(
            self._passwords.line(usual=True),
            self._authenticator.check_second,
            name,
            typed,
            self._transport.peer,
            frozenset([way]),
        )
        if found is None or name != self.name:
            # Somebody else is being signed in by now.
            return False
        self._proving = found, ""
        return True

    def is_enough(self) -> bool:
        """
        Ask the authenticator whether what is proven is enough; it may take one thing more.

        Raises:
            asyncssh.PermissionDenied: it never will be.
        """
        if self._proving is None and not self._declined:
            self._transport.send_userauth_failure(False)
            return False
        if self._proving is not None:
            method, key = self._proving
            self._proven[method] = key
        self._proving = None
        if self._asks_for_more():
            return False
        self.refusal = None
        try:
            self.files = self._authenticator.sign_in(
                self.name,
                self.methods,
                self._transport.measured(SFTP),
                key=self.proven_key,
            )
            self.files.on_change(self._changed)
        except SealgateError as error:
            self.refusal = as_transfer(error)
        if self.refusal is not None:
            self._transport.send_auth_banner(sentence(self.refusal))
            if len(self._proven) < 2 and not self._declined:  # noqa: PLR2004  # key and password
                self._transport.send_userauth_failure(True)
                return False
            raise asyncssh.PermissionDenied(sentence(self.refusal).strip())
        self._begun()
        return True

    def _asks_for_more(self) -> bool:
        """Ask once for a second factor, where one would open something; return whether it did."""
        if self._asked is not None or Method.PUBLIC_KEY not in self._proven:
            return False
        self._asked = self._authenticator.more_proof(
            self.name,
            self.methods,
            self._transport.measured(SFTP),
            key=self.proven_key,
        )
        if self._asked is None:
            return False
        self._transport.send_auth_banner(question(self._asked))
        self._transport.send_userauth_failure(True)
        return True

    def may_try_again(self) -> bool:
        """Count a failure; return whether there may be another one."""
        self._tries += 1
        if self._tries <= self._transport.settings.max_login_tries:
            return True
        self._authenticator.failed(
            self.name, self._transport.peer, "too many tries in one connection"
        )
        return False


def _openssh_line(key_data: bytes) -> bytes:
    """Return the key blob as a line that asyncssh imports."""
    size = int.from_bytes(key_data[:4], "big")
    return key_data[4 : 4 + size] + b" " + binascii.b2a_base64(key_data, newline=False)
