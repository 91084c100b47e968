"""
Seals and opens files, folders and standard streams for whoever asks on the command line.

What becomes what is decided in :mod:`sealgate.app.sealing_plan`. One file that cannot be
done does not keep the others from being done.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import SealgateError, SourceError, UsageError
from sealgate.storage.adapters.file_ends import (
    PLAIN_MODE,
    SEALED_MODE,
    STANDARD_STREAM,
    Input,
    Output,
)
from sealgate.storage.adapters.files import seal, unseal
from sealgate.storage.age.errors import KeyTextError, PassphraseError
from sealgate.storage.age.keys import (
    MAX_KEY_FILE_BYTES,
    PassphraseIdentity,
    PassphraseRecipient,
    check_mix,
    parse_identities,
    parse_recipient,
    parse_recipients,
)
from sealgate.storage.age.passphrase import TYPE as PASSPHRASE_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sealgate.app.sealing_plan import Job, Plan
    from sealgate.policy.inventory import Inventory
    from sealgate.storage.age.header import Stanza
    from sealgate.storage.age.keys import Identity, Recipient

FOLDER_MODE = 0o777  # less the umask
PLAIN_FOLDER_MODE = 0o700
_RECIPIENT_HINT = "age-keygen -y IDENTITY-FILE prints the recipient"


def site_recipients(inventory: Inventory, *, now: float) -> tuple[Recipient, ...]:
    """
    Return whom files are sealed for when nobody is named: the site's key.

    Raises:
        SealgateError: as :func:`sealgate.app.keyring.open_site_keyring`.
    """
    from sealgate.app.keyring import open_site_keyring  # noqa: PLC0415  # brings databases along

    return open_site_keyring(inventory, now=now).recipients


def site_identity(inventory: Callable[[], Inventory], *, now: float) -> Identity:
    """
    Return what opens files that were sealed for the site.

    Its keys are looked for only when a file needs them; what goes wrong then is raised then.
    """
    return _SiteIdentity(inventory, now)


def read_recipients(texts: Sequence[str], files: Sequence[str]) -> tuple[Recipient, ...]:
    """
    Return the recipients in *texts*, and in *files*, one a line; each once.

    Raises:
        KeyTextError: one is none.
        MixError: they must not share a file.
        SourceError: a file cannot be read.
    """
    try:
        found = [parse_recipient(text) for text in texts]
    except KeyTextError as error:
        raise KeyTextError(error.message, hint=error.hint or _RECIPIENT_HINT) from None
    for path in files:
        try:
            found += parse_recipients(_read_keys(path).decode("utf-8", "replace"))
        except KeyTextError as error:
            raise KeyTextError(
                f'"{path}": {error.message}', hint=error.hint or _RECIPIENT_HINT
            ) from None
    recipients = tuple({str(recipient): recipient for recipient in found}.values())
    check_mix(recipients)
    return recipients


def read_identities(files: Sequence[str], ask: Callable[[str], str]) -> tuple[Identity, ...]:
    """
    Return the identities in *files*; *ask(what for)* gives the passphrase that one needs.

    Raises:
        KeyTextError: a file holds none.
        PassphraseError: the passphrase is wrong.
        SourceError: a file cannot be read.
    """
    identities: list[Identity] = []
    for path in files:
        content = _read_keys(path)
        try:
            try:
                identities += parse_identities(content)
            except PassphraseError:
                identities += parse_identities(content, passphrase=ask(f'"{path}"'))
        except PassphraseError as error:
            raise PassphraseError(f'"{path}": {error.message}', hint=error.hint) from None
        except KeyTextError as error:
            raise KeyTextError(f'"{path}": {error.message}', hint=error.hint) from None
    return tuple(identities)


def passphrase_recipient(passphrase: str) -> PassphraseRecipient:
    """
    Return the recipient that is whoever knows *passphrase*.

    Raises:
        UsageError: it is empty.
    """
    if not passphrase:
        raise UsageError(
            "the passphrase is empty", hint="type one, or seal for a recipient with -r"
        )
    return PassphraseRecipient(passphrase)


def passphrase_identity(ask: Callable[[str], str]) -> PassphraseIdentity:
    """Return an identity that asks for the passphrase once, when a file needs it."""
    asked: list[str] = []

    def once() -> str:
        if not asked:
            asked.append(ask("the file"))
        return asked[0]

    return PassphraseIdentity(once)


def run_seal(
    plan: Plan,
    recipients: Sequence[Recipient],
    *,
    armor: bool = False,
    tick: Callable[[int], None] | None = None,
) -> Iterator[tuple[Job, SealgateError | None]]:
    """Seal each file of *plan* and yield what became of it."""
    for job in _prepared(plan, FOLDER_MODE):
        try:
            with (
                Input(job.source) as source,
                _output(job, SEALED_MODE, plan, source) as out,
            ):
                seal(source, out, recipients, armor=armor, tick=tick)
        except SealgateError as error:
            yield job, error
        else:
            yield job, None


def run_open(
    plan: Plan,
    identities: Sequence[Identity],
    *,
    text_only: bool = False,
    tick: Callable[[int], None] | None = None,
) -> Iterator[tuple[Job, SealgateError | None]]:
    """
    Open each file of *plan* and yield what became of it.

    With *text_only* standard output gets no bytes that would upset a terminal.
    """
    for job in _prepared(plan, PLAIN_FOLDER_MODE):
        try:
            with (
                Input(job.source) as source,
                _output(job, PLAIN_MODE, plan, source) as out,
            ):
                only = text_only and job.target == STANDARD_STREAM
                unseal(source, out, identities, text_only=only, tick=tick)
        except SealgateError as error:
            yield job, error
        else:
            yield job, None


class _SiteIdentity:
    """Every identity of the site, as one."""

    def __init__(self, inventory: Callable[[], Inventory], now: float) -> None:
        self._inventory = inventory
        self._now = now
        self._identities: tuple[Identity, ...] | None = None

    def recipient(self) -> None:
        """Return nobody: to seal for the site, ask for its recipients."""

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """Return the file key, or ``None``; the site's keys are never asked about a passphrase."""
        if all(stanza.type == PASSPHRASE_TYPE for stanza in stanzas):
            return None
        if self._identities is None:
            from sealgate.app.keyring import open_site_keyring  # noqa: PLC0415  # as above

            self._identities = open_site_keyring(self._inventory(), now=self._now).identities
        unwrapped = (identity.unwrap(stanzas) for identity in self._identities)
        return next((file_key for file_key in unwrapped if file_key is not None), None)


def _output(job: Job, mode: int, plan: Plan, source: Input) -> Output:
    return Output(job.target, mode=mode, replace=plan.replace, source=source)


def _prepared(plan: Plan, mode: int) -> Iterator[Job]:
    for folder in plan.folders:
        try:
            Path(folder).mkdir(mode=mode, parents=True, exist_ok=True)
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise SourceError(f'the folder "{folder}" cannot be made: {reason}') from error
    yield from plan.jobs


def _read_keys(path: str) -> bytes:
    with Input(path) as source:
        view = memoryview(bytearray(MAX_KEY_FILE_BYTES + 1))
        filled = 0
        while size := source.readinto(view[filled:]):
            filled += size
    if filled > MAX_KEY_FILE_BYTES:
        raise KeyTextError(f'"{path}" is too long for a file of keys')
    return bytes(view[:filled])
