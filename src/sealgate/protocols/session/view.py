"""
What a caller finds under a name: the drop, the entry, and whether they may.

Where this host cannot open what lies in a drop, files show as ``NAME.age`` in the size
that they have sealed; ``NAME`` alone still finds them, because clients ask for the size
of what they have just sent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.protocols.authorize import grant_for, grant_over, may, needs_grant
from sealgate.protocols.model import Action, TransferError
from sealgate.protocols.session.drops import SEALED_ENDING, OpenDrop
from sealgate.storage.model import Entry, StorageError, Trouble
from sealgate.storage.paths import given, named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealgate.identity.grants import Grant
    from sealgate.protocols.model import Caller, Refusal
    from sealgate.storage.model import StorePath


class View:
    """
    The *drops* of *caller*, and those that *refused* them.

    *note_refusal* is told each time that a refused one is named. *now* tells seconds since
    the epoch.
    """

    def __init__(
        self,
        caller: Caller,
        drops: Mapping[str, OpenDrop],
        refused: Mapping[str, Refusal],
        note_refusal: Callable[[str, Refusal], None],
        now: Callable[[], float],
    ) -> None:
        self.caller = caller
        self.drops = dict(drops)
        self._refused = dict(refused)
        self._note_refusal = note_refusal
        self._now = now
        self._guarded = {name for name, drop in self.drops.items() if needs_grant(drop.drop)}
        self.granted: dict[str, Grant] = {}
        for name in self._guarded:
            drop = self.drops[name]
            grant = grant_for(drop.drop, caller)
            if grant is not None:
                self.granted[name] = grant

    def refusal(self, name: str) -> Refusal | None:
        """
        Return why the drop *name* is not open to the caller now, where that is known.

        A grant that ran out is noticed here, at the next thing that the caller asks for.
        """
        drop = self.drops.get(name)
        if drop is None:
            return self._refused.get(name)
        # No look at the clock where no grant is needed.
        return grant_over(drop.drop, self.caller, self._now()) if name in self._guarded else None

    def open_drops(self) -> list[str]:
        """Return the names of the drops that the caller sees now."""
        return sorted(name for name in self.drops if self.refusal(name) is None)

    def find(self, segments: StorePath, action: Action | None = None) -> tuple[OpenDrop, StorePath]:
        """
        Return the drop that *segments* lead into, and the path in it.

        Raises:
            TransferError: NOT_FOUND, or DENIED with the rule; DENIED where *action* is not
                allowed.
        """
        if not segments:
            raise TransferError(Trouble.DENIED, "the root holds drops and nothing else")
        name, inner = segments[0], segments[1:]
        drop, refusal = self.drops.get(name), self.refusal(name)
        if refusal is not None:
            self._note_refusal(name, refusal)
            raise denied_by(refusal)
        if drop is None:
            raise TransferError(Trouble.NOT_FOUND, "there is no such file or folder")
        if action is not None:
            self.require(drop, action)
        return drop, inner

    def require(self, drop: OpenDrop, action: Action) -> None:
        """
        Return if the caller may do *action* in *drop*.

        Raises:
            TransferError: DENIED.
        """
        if not may(drop.drop, self.caller, action):
            raise denied(action.value)

    def check_present(
        self,
        drop: OpenDrop,
        there: Entry | None,
        *,
        resume: bool,
        part_only: bool,
        exclusive: bool,
    ) -> None:
        """
        Return if an upload may begin where *there* is now.

        Raises:
            TransferError: IS_FOLDER, EXISTS with *exclusive*, UNSUPPORTED with *part_only*, or
                DENIED.
        """
        if there is None:
            return
        if there.is_folder:
            raise TransferError(Trouble.IS_FOLDER, "it is a folder")
        if there.partial:
            if resume and there.owner != self.caller.name:
                raise denied("go on with what somebody else began")
            return
        if exclusive:
            raise TransferError(Trouble.EXISTS, "there is one of that name already")
        # Writing over a file, or behind it, takes the old one away.
        self.require(drop, Action.DELETE)
        if part_only:
            raise TransferError(
                Trouble.UNSUPPORTED,
                "it is a whole file, and no part of this upload: upload from the beginning",
            )

    def check_delivered(self, drop: OpenDrop, inner: StorePath) -> None:
        """
        Return if a new file *inner* is mixed up with none that is delivered as ``NAME.age``.

        Raises:
            TransferError: BAD_NAME.
        """
        if not drop.is_sealed_elsewhere:
            return
        plain = without_ending(inner)
        sealed = (*inner[:-1], inner[-1] + SEALED_ENDING)
        if any(other is not None and self.is_there(drop, other) for other in (plain, sealed)):
            raise TransferError(
                Trouble.BAD_NAME,
                f'files are delivered here with "{SEALED_ENDING}" behind their names, and this '
                "one would be mixed up with another: choose another name",
            )

    def is_there(self, drop: OpenDrop, inner: StorePath) -> bool:
        """Return whether *inner* is there."""
        return self.there(drop, inner) is not None

    def there(self, drop: OpenDrop, inner: StorePath) -> Entry | None:
        """Return the entry at *inner*, if there is one."""
        try:
            return drop.store.stat(inner)
        except StorageError as error:
            if error.trouble is not Trouble.NOT_FOUND:
                raise
            return None

    def stat(self, drop: OpenDrop, inner: StorePath) -> Entry:
        """Return the entry at *inner* as the client sees it."""
        if not inner:
            return self.drop_entry(drop)
        plain = without_ending(inner) if drop.is_sealed_elsewhere else None
        if plain is not None:
            try:
                return self.listed(drop, drop.store.stat(plain))
            except StorageError as error:
                if error.trouble is not Trouble.NOT_FOUND:
                    raise
        return drop.store.stat(inner)

    def plain(self, drop: OpenDrop, inner: StorePath) -> StorePath:
        """Return the path in the store of what the client calls *inner*."""
        plain = without_ending(inner) if drop.is_sealed_elsewhere else None
        return plain if plain is not None and self.is_there(drop, plain) else inner

    def listed(self, drop: OpenDrop, entry: Entry) -> Entry:
        """Return *entry* as a folder shows it."""
        path = entry.path
        if drop.is_sealed_elsewhere and not entry.is_folder and not entry.partial:
            reader = drop.store.open_raw(path)
            try:
                size = reader.entry.size
            finally:
                reader.close()
            name = named(path[-1] + SEALED_ENDING, given(path[-1]) + SEALED_ENDING)
            path = (*path[:-1], name)
            entry = replace(entry, size=size)
        return self.shown(drop, entry, path)

    def shown(self, drop: OpenDrop, entry: Entry, path: StorePath) -> Entry:
        """Return *entry* at *path* of *drop*, with the drop's name and class."""
        return moved(entry, (drop.name, *path), drop.drop.classification.id)

    def drop_entry(self, drop: OpenDrop) -> Entry:
        """Return *drop* as the folder that clients see."""
        try:
            modified_at = drop.store.stat(()).modified_at
        except StorageError:
            # A drop is shown even while its store does not answer.
            modified_at = self._now()
        return Entry(
            (drop.name,),
            is_folder=True,
            size=0,
            modified_at=modified_at,
            classification=drop.drop.classification.id,
        )


def denied(what: str) -> TransferError:
    """Return the error of somebody who may not *what*."""
    return TransferError(Trouble.DENIED, f"you may not {what} here")


def denied_by(refusal: Refusal) -> TransferError:
    """Return *refusal* as the error that a client gets."""
    return TransferError(
        Trouble.DENIED, refusal.message, rule=refusal.rule or None, hint=refusal.hint or None
    )


def moved(entry: Entry, path: StorePath, classification: str | None = None) -> Entry:
    """Return *entry* with another path, and class when one is given."""
    return Entry(
        path,
        entry.is_folder,
        entry.size,
        entry.modified_at,
        entry.owner,
        classification or entry.classification,
        entry.partial,
        entry.object_id,
    )


def without_ending(path: StorePath) -> StorePath | None:
    """Return *path* without ``.age``, ``None`` when it has no such ending."""
    if path and path[-1].endswith(SEALED_ENDING) and path[-1] != SEALED_ENDING:
        plain = path[-1].removesuffix(SEALED_ENDING)
        return (*path[:-1], named(plain, given(path[-1]).removesuffix(SEALED_ENDING)))
    return None
