"""
Send files to another host, over no channel below their class.

A file is assessed first. Then the channel is measured, and only when it is good enough for
every file does the first byte of the first one go out. Afterwards what lies at the other
side is compared with what was sent, by whatever way the other side offers.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sealgate.app.assess import assess, decide
from sealgate.app.audit import class_called
from sealgate.app.sealed_header import sealed_rung
from sealgate.app.sending_checks import Checked, beginning_matches, check_whole, hashed
from sealgate.client.access import ClientAccess
from sealgate.client.connect import connect
from sealgate.client.destination import parse_destination
from sealgate.client.sending import (
    check_channel,
    class_to_send,
    needed_rung,
    needs_sealing,
)
from sealgate.client.tls import TLSIdentity
from sealgate.detect.scanner import Scanner
from sealgate.errors import SourceError, UsageError
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.protection import TransitRung
from sealgate.policy.requirements import required_of_data
from sealgate.storage.age.file import SealWriter
from sealgate.storage.age.keys import are_post_quantum, parse_recipient

if TYPE_CHECKING:
    from sealgate.client.destination import Destination
    from sealgate.client.sending import Remote, RemoteUpload
    from sealgate.policy.classification import Classification
    from sealgate.policy.inventory import Inventory
    from sealgate.policy.protection import Protection
    from sealgate.protocols.model import Channel
    from sealgate.register.adapters.store import Register
    from sealgate.storage.age.keys import Recipient
    from sealgate.storage.model import Buffer

_READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SignInOptions:
    """
    How to sign in and whom to trust, as it was asked for on the command line.

    *ask_password* is given what for. *user* is who signs in where the URL names nobody, ""
    for an account without a name.
    """

    ask_password: Callable[[str], str]
    user: str
    identities: tuple[str, ...] = ()
    host_key: str = ""
    known_hosts: tuple[str, ...] = ()
    ca_files: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    resolve: Mapping[str, str] = field(default_factory=dict)

    def access(self, destination: Destination, rung: TransitRung) -> ClientAccess:
        """
        Return the same for the adapters, with the *rung* that the channel must have.

        Raises:
            UsageError: nobody is named who could sign in.
        """
        if destination.scheme != "https" and not (destination.user or self.user):
            raise UsageError(
                "the URL names no user, and the account of this process has no name",
                hint=f"{destination.scheme}://USER@{destination.host}{destination.path}",
            )
        return ClientAccess(
            self.ask_password,
            rung,
            self.user,
            self.identities,
            self.host_key,
            self.known_hosts,
            TLSIdentity(self.ca_files, self.certificate, self.key),
            self.resolve,
        )


@dataclass(frozen=True, slots=True)
class SendOptions:
    """
    How to send. *now* is in seconds since the epoch.

    *class_id* stands over the computed class when it is stricter, or when *because* says
    why not. *recipients* are age recipients. *resume*: ``True`` goes on at the size that
    the other side tells, ``False`` begins anew, ``None`` goes on when the beginning that is
    there was compared. *progress* is told a name, bytes sent and bytes in all.
    """

    now: float
    by: str
    class_id: str | None = None
    because: str | None = None
    recipients: tuple[str, ...] = ()
    resume: bool | None = None
    progress: Callable[[str, int, int], None] = lambda _name, _done, _all: None


@dataclass(frozen=True, slots=True)
class Moved:
    """
    One file that was sent or fetched: *name* as it may be shown, *size* in plain bytes.

    *resumed_at* is where it went on, 0 when it began anew. *remark* is what somebody
    should act on, "" when there is nothing.
    """

    name: str
    place: str
    classification: str
    size: int
    sealed: bool
    resumed_at: int
    checked: Checked
    channel: Channel
    remark: str = ""


@dataclass(frozen=True, slots=True)
class _Letter:
    """One file that was assessed, and what it needs."""

    path: Path
    shown: str
    classification: Classification
    required: Protection
    seen: os.stat_result

    @property
    def rung(self) -> TransitRung:
        return needed_rung(self.required)


def send(
    files: Sequence[str],
    url: str,
    sending: SendOptions,
    signing: SignInOptions,
    *,
    inventory: Inventory | None = None,
    register: Register | None = None,
) -> Iterator[Moved]:
    """
    Send *files* to *url*, and yield each once the other side has acknowledged it.

    Raises:
        RefusedError: the channel is below the class of a file, or the other side cannot be
            trusted. Nothing was sent.
        UsageError: a file is missing, a weaker class has no reason, or a file that leaves
            sealed only has no recipients.
        RemoteError: the other side refused, or has something else than what was sent.
        SourceError: a file cannot be read, or changed meanwhile.
    """
    destination = parse_destination(url)
    if len(files) > 1 and not destination.is_folder:
        message = f"{len(files)} files need a folder: the URL must end in /"
        raise UsageError(message, hint=f"{destination.origin}{destination.path}/")
    recipients = tuple(parse_recipient(text) for text in sending.recipients)
    scanner = Scanner()
    letters = [_assessed(file, sending, inventory, register, scanner) for file in files]
    for letter in letters:
        _check_recipients(letter, recipients)
    strictest = max(letters, key=lambda letter: letter.rung)
    with connect(destination, signing.access(destination, strictest.rung)) as remote:
        for letter in letters:
            check_channel(
                f'"{letter.shown}"',
                letter.classification.id,
                letter.rung,
                remote.channel,
                remote.methods,
            )
        for letter in letters:
            yield _sent(letter, destination, remote, recipients, sending)


def _assessed(
    file: str,
    sending: SendOptions,
    inventory: Inventory | None,
    register: Register | None,
    scanner: Scanner,
) -> _Letter:
    path = Path(file)
    try:
        seen = path.stat()
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise UsageError(f'file "{file}" cannot be read: {reason}', hint="name a file") from error
    if not stat.S_ISREG(seen.st_mode):
        raise UsageError(f'"{file}" is no file', hint="name its files one by one")
    run = assess([file], inventory=inventory, register=register, now=sending.now, scanner=scanner)
    model = inventory.model if inventory else DEFAULT_MODEL
    first = run.assessments[0] if run.assessments else None
    computed = max(
        (a.classification for a in run.assessments), key=lambda c: c.rank, default=model.strictest
    )
    # An archive or database that could not be looked into may hold anything.
    if first is None or any(n.asset is None for n in run.open_not_looked):
        computed = model.strictest
    asked = class_called(sending.class_id, model) if sending.class_id else None
    shown = first.asset.id.partition(" ")[2] if first else "?"
    classification = class_to_send(f'"{shown}"', computed, asked, sending.because)
    if classification.rank < computed.rank and register is not None:
        for assessment in run.assessments:
            decide(
                assessment.asset.id,
                classification.id,
                by=sending.by,
                reason=sending.because or "",
                inventory=inventory,
                register=register,
                now=sending.now,
            )
    sensitive = first is None or any(a.weighed.sensitive for a in run.assessments)
    required = required_of_data(classification, sensitive=sensitive)
    return _Letter(path, shown, classification, required, seen)


def _check_recipients(letter: _Letter, recipients: Sequence[Recipient]) -> None:
    if not needs_sealing(letter.required):
        return
    subject = f'"{letter.shown}" is "{letter.classification.id}", so it leaves sealed only'
    if not recipients and sealed_rung(letter.path) >= letter.required.at_rest:
        return  # it was sealed before it came here, and who may open it was decided then
    if not recipients:
        hint = "-r age1pq1…, once for everybody who may open it"
        raise UsageError(f"{subject}, and nobody is named to seal it for", hint=hint)
    if letter.required.at_rest.stored.post_quantum and not are_post_quantum(recipients):
        message = f"{subject}, for post-quantum recipients (age1pq1…) alone"
        raise UsageError(message, hint="ask them for one: sealgate explain at-rest-keys-on-host")


def _sent(
    letter: _Letter,
    folder: Destination,
    remote: Remote,
    recipients: Sequence[Recipient],
    sending: SendOptions,
) -> Moved:
    name = letter.path.name + (".age" if recipients else "")
    place = folder.at(name)
    size = letter.seen.st_size
    with _opened(letter) as file:
        offset = 0 if recipients else _offset(place, letter, file, remote, sending)
        digest = hashed(file, offset)
        upload = remote.upload(place.path, offset=offset, size=None if recipients else size)
        outlet = _Outlet(upload, digest)
        try:
            _pump(letter, file, outlet, recipients, sending, offset)
            upload.finish()
        except BaseException:
            upload.abandon()
            raise
    total = outlet.sent + offset
    checked = check_whole(remote, place.path, digest.hexdigest(), total, resumed=offset > 0)
    return Moved(
        letter.shown,
        f"{place.origin}{place.path}",
        letter.classification.id,
        size,
        bool(recipients),
        offset,
        checked,
        remote.channel,
    )


class _Outlet:
    """Counts and hashes what goes out."""

    def __init__(self, upload: RemoteUpload, digest: hashlib._Hash) -> None:
        self.sent = 0
        self._upload = upload
        self._digest = digest

    def write(self, data: Buffer, /) -> int:
        self._digest.update(data)
        self._upload.write(data)
        self.sent += len(data)
        return len(data)


def _pump(
    letter: _Letter,
    file: BinaryIO,
    outlet: _Outlet,
    recipients: Sequence[Recipient],
    sending: SendOptions,
    offset: int,
) -> None:
    size, done = letter.seen.st_size, offset
    sealer = SealWriter(outlet, recipients) if recipients else None
    while chunk := file.read(_READ_BYTES):
        (sealer or outlet).write(chunk)
        done += len(chunk)
        sending.progress(letter.shown, done, size)
    if done != size or os.fstat(file.fileno()).st_mtime_ns != letter.seen.st_mtime_ns:
        raise SourceError(f'"{letter.shown}" was changed while it was sent', hint="send it again")
    if sealer is not None:
        sealer.close()


@contextmanager
def _opened(letter: _Letter) -> Iterator[BinaryIO]:
    try:
        file = letter.path.open("rb")
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise SourceError(f'"{letter.shown}" cannot be read: {reason}') from error
    with file:
        now, then = os.fstat(file.fileno()), letter.seen
        same = (now.st_ino, now.st_dev, now.st_size, now.st_mtime_ns)
        if same != (then.st_ino, then.st_dev, then.st_size, then.st_mtime_ns):
            # What was assessed is not what lies there now.
            message = f'"{letter.shown}" was changed after it was assessed'
            raise SourceError(message, hint="send it again")
        yield file


def _offset(
    place: Destination, letter: _Letter, file: BinaryIO, remote: Remote, sending: SendOptions
) -> int:
    if sending.resume is False or place.scheme == "https":
        return 0
    there = remote.size(place.path)
    if not there or there >= letter.seen.st_size:
        return 0
    if sending.resume is None and not beginning_matches(remote, place.path, file, there):
        return 0
    return there
