"""
Signing in: a client certificate, a password, or both, decided by the authenticator.

RFC 4217, 10: a certificate that is enough is answered to USER with 232. Where a second factor
beside it would open more it is 331, and PASS takes a password, a one-time code or a recovery
code, or nothing to go on without. All decisions are made in a thread, because argon2id takes
its time on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sealgate.protocols.ftps.replies import told
from sealgate.protocols.lines import sentence
from sealgate.protocols.model import KeyOffer, Method, MoreProof, TransferError
from sealgate.storage.model import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.protocols.ftps.channel import ControlChannel
    from sealgate.protocols.ftps.tasks import Tasks
    from sealgate.protocols.model import Authenticator, Channel, FileSession

WRONG = "name or password is wrong"
WRONG_SECOND = "that is no password and no code of yours, or too many were wrong: wait"
_TOLD = {
    Method.ONE_TIME_CODE: "a one-time code or a recovery code",
    Method.PASSWORD: "your password",
}


@dataclass(frozen=True, slots=True)
class FTPSAdmission:
    """
    What a certificate was good for: *session* when it is enough, else what is *missing*.

    *asked* is what one more proof would open; then there is no session yet.
    """

    known: bool
    session: FileSession | None = None
    missing: str = ""
    asked: MoreProof | None = None


def by_certificate(
    authenticator: Authenticator, name: str, fingerprint: str, channel: Channel
) -> FTPSAdmission:
    """Return how far the certificate of *fingerprint*, held by the client, brings *name*."""
    if not authenticator.knows_key(name, KeyOffer(Method.CLIENT_CERTIFICATE, fingerprint)):
        return FTPSAdmission(known=False)
    methods = frozenset({Method.CLIENT_CERTIFICATE})
    asked = authenticator.more_proof(name, methods, channel, key=fingerprint)
    if asked is not None:
        return FTPSAdmission(known=True, missing=_question(asked), asked=asked)
    try:
        session = authenticator.sign_in(name, methods, channel, key=fingerprint)
    except TransferError as error:
        return FTPSAdmission(known=True, missing=told(error))
    return FTPSAdmission(known=True, session=session)


def by_password(
    authenticator: Authenticator, name: str, password: str, channel: Channel
) -> FileSession:
    """
    Return the session of *name*, who has no certificate.

    Raises:
        TransferError: DENIED, with the sentence for the client.
    """
    if not authenticator.check_password(name, password, channel.peer):
        raise TransferError(Trouble.DENIED, WRONG)
    return authenticator.sign_in(name, frozenset({Method.PASSWORD}), channel)


def by_both(
    authenticator: Authenticator,
    name: str,
    typed: str,
    channel: Channel,
    key: str,
    asked: MoreProof | None,
) -> FileSession:
    """
    Return the session of *name*, who has proven the certificate *key* and *typed* something.

    Nothing is typed by who was *asked* for more and goes on by the certificate alone.

    Raises:
        TransferError: DENIED, with the sentence for the client.
    """
    methods = frozenset({Method.CLIENT_CERTIFICATE})
    if asked is None or typed:
        ways = asked.ways if asked is not None else frozenset({Method.PASSWORD})
        found = authenticator.check_second(name, typed, channel.peer, ways)
        if found is None:
            raise TransferError(Trouble.DENIED, WRONG if asked is None else WRONG_SECOND)
        methods |= {found}
    return authenticator.sign_in(name, methods, channel, key=key)


def _question(asked: MoreProof) -> str:
    assets = ", ".join(f'"{asset}"' for asset in asked.assets)
    ways = " or ".join(told for way, told in _TOLD.items() if way in asked.ways)
    return f"{assets} opens with {ways} as PASS; an empty one goes on without"


class FTPSSignIn:
    """The commands USER and PASS of one client; *session* once the authenticator let it in."""

    def __init__(
        self,
        channel: ControlChannel,
        tasks: Tasks,
        authenticator: Authenticator,
        attempts: int,
    ) -> None:
        """Begin as nobody; *attempts* may fail."""
        self._channel = channel
        self._tasks = tasks
        self._authenticator = authenticator
        self._attempts_left = attempts
        self.session: FileSession | None = None
        self._name = self._proven_key = ""
        self._asked: MoreProof | None = None

    def user(self, name: str) -> None:
        """Take a name; a certificate may be enough."""
        channel, measured = self._channel, self._channel.measured
        if self.session is not None or measured is None:
            channel.reply("503 you are signed in; open another connection for another name")
            return
        self._name, self._proven_key, self._asked = name, "", None
        if not channel.fingerprint:
            channel.reply("331 the password, please")
            return
        work = partial(by_certificate, self._authenticator, name, channel.fingerprint, measured)
        # A certificate is looked up, and nothing is slow on purpose.
        self._decide(work, self._certificate_judged, usual=True)

    def _certificate_judged(self, admission: FTPSAdmission) -> None:
        if admission.session is not None:
            self.session = admission.session
            self._channel.reply("232 signed in by certificate")
            return
        self._proven_key = self._channel.fingerprint if admission.known else ""
        self._asked = admission.asked
        missing = f": {sentence(admission.missing)}" if admission.missing else ""
        self._channel.reply(f"331 the password, please{missing}")

    def password(self, password: str) -> None:
        """Take a password."""
        if self.session is not None:
            self._channel.reply("230 signed in already")
            return
        if not self._name or self._channel.measured is None:
            self._channel.reply("503 USER comes first")
            return
        name, self._name = self._name, ""
        known = (self._authenticator, name, password, self._channel.measured)
        if self._proven_key:
            work = partial(by_both, *known, self._proven_key, self._asked)
            self._decide(work, self._admitted, usual=True)
        else:
            usual = self._authenticator.is_usual(name, self._channel.peer)
            self._decide(partial(by_password, *known), self._admitted, usual=usual)

    def _admitted(self, session: FileSession) -> None:
        self.session = session
        self._channel.reply("230 welcome")

    def _decide(self, work: Callable[[], Any], then: Callable[[Any], None], *, usual: bool) -> None:
        self._tasks.do(
            work,
            then,
            off_loop=True,
            sign_in=True,
            usual=usual,
            otherwise=self._refused,
            lost=self._lost,
        )

    def _lost(self, decided: FTPSAdmission | FileSession) -> None:
        # The client left while the authenticator thought: closing the connection lets it go.
        self.session = decided.session if isinstance(decided, FTPSAdmission) else decided

    def _refused(self, error: Exception) -> None:
        self._attempts_left -= 1
        text = told(error) if isinstance(error, TransferError) else "the server failed"
        if self._attempts_left <= 0:
            self._channel.reply(f"530 {text}")
            self._channel.end("421 that was the last attempt on this connection")
        else:
            self._channel.reply(f"530 {text}")
