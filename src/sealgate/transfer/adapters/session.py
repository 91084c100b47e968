"""
What one signed-in caller sees: each drop that admits them, as a folder of the root.

Every name from the wire is resolved here, and every rule of the drop is held here, so
that no server has to know any. Nothing but :class:`TransferError` gets out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from sealgate.storage.model import Entry, Space, StorageError, Trouble
from sealgate.storage.paths import RESERVED_PREFIX, resolve
from sealgate.transfer.adapters.session_drops import (
    INCOMING,
    PART_ENDING,
    SEALED_ENDING,
    OpenDrop,
    Siblings,
)
from sealgate.transfer.adapters.session_faults import guarded
from sealgate.transfer.adapters.uploads import Download, Terms, Upload
from sealgate.transfer.authorize import may
from sealgate.transfer.model import Action, Event, TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sealgate.storage.model import StorePath, StoreReader
    from sealgate.transfer.adapters.uploads import Inspection
    from sealgate.transfer.authorize import Refusal
    from sealgate.transfer.model import Caller, Channel

_NONE = Space(0, 0, 0, 0)


class Hooks(Protocol):
    """
    Looks at uploads: while they come, or afterwards.
    """

    def during(self, drop: OpenDrop, name: str) -> Inspection:
        """
        Begin to look at an upload to *drop* that will be called *name*.
        """

    def afterwards(self, drop: OpenDrop, path: StorePath, entry: Entry, event: Event) -> None:
        """
        Look at *path* some time later, and note what was found beside *event*.
        """


@dataclass(frozen=True, slots=True)
class House:
    """
    What all sessions of one process share: *note* takes events, *complain* lines for a person.
    """

    note: Callable[[Event], None]
    complain: Callable[[str], None]
    now: Callable[[], float]
    hooks: Hooks | None = None
    left: Callable[[Session], None] = lambda _session: None


class Session:
    """
    The files of *caller* over *channel* (implements ``FileSession``).

    *refused* are drops that admit the caller, but not over this channel or so.
    """

    def __init__(
        self,
        caller: Caller,
        channel: Channel,
        drops: Mapping[str, OpenDrop],
        refused: Mapping[str, Refusal],
        house: House,
    ) -> None:
        self.caller = caller
        self.channel = channel
        self._drops = dict(drops)
        self._refused = dict(refused)
        self._house = house
        self._siblings = Siblings()
        self._open: set[Upload | Download] = set()
        self._cut = ""

    def admit(
        self, caller: Caller, drops: Mapping[str, OpenDrop], refused: Mapping[str, Refusal]
    ) -> None:
        """
        Go on as *caller* is now, with other drops; one that is gone ends what is open in it.
        """
        self.caller = caller
        self._drops = dict(drops)
        self._refused = dict(refused)

    def cut(self, why: str) -> None:
        """
        Refuse everything from now on, also to what is open.
        """
        self._cut = why

    def is_remote(self, path: bytes | str) -> bool:
        """
        Return whether calls about *path* may wait, for a network or a look. Never raises.
        """
        try:
            found = self._drops.get(next(iter(resolve(path)), ""))
        except StorageError:
            return False
        return found is not None and (found.store.is_remote or found.inspects_first)

    def real_path(self, path: bytes | str) -> str:
        """
        Return *path* absolute and in normal form; it need not exist.
        """
        with guarded(self._house.complain):
            return "/" + "/".join(resolve(path))

    def stat(self, path: bytes | str) -> Entry:
        """
        Return the entry at *path*; its path begins with the drop's name.
        """
        with guarded(self._house.complain):
            self._check()
            segments = resolve(path)
            if not segments:
                return Entry((), is_folder=True, size=0, modified_at=self._house.now())
            drop, inner = self._find(segments)
            if not any(may(drop.drop, self.caller, action) for action in Action):
                raise _denied("see")
            return self._shown(drop, self._stat(drop, inner), inner)

    def list(self, path: bytes | str) -> Iterator[Entry]:
        """
        Yield what lies directly in the folder *path*.
        """
        with guarded(self._house.complain):
            self._check()
            segments = resolve(path)
            if not segments:
                return iter([self._drop_entry(self._drops[name]) for name in sorted(self._drops)])
            drop, inner = self._find(segments, Action.LIST)
            if inner and not drop.store.stat(inner).is_folder:
                raise TransferError(Trouble.NOT_FOLDER, "it is not a folder")
            return self._entries(drop, inner)

    def _entries(self, drop: OpenDrop, inner: StorePath) -> Iterator[Entry]:
        with guarded(self._house.complain):
            for entry in drop.store.list(inner):
                self._check_drop(drop.name)
                if inner or not entry.path[-1].startswith(RESERVED_PREFIX):
                    yield self._listed(drop, entry)

    def open_read(self, path: bytes | str) -> StoreReader:
        """
        Open a file; closing the reader writes the download to the trail.

        Where this host cannot open what lies there, the sealed bytes are delivered under
        the name with ``.age`` behind it.
        """
        with guarded(self._house.complain):
            self._check()
            drop, inner = self._find(resolve(path), Action.READ)
            if not drop.is_sealed_elsewhere:
                reader = drop.store.open_read(inner)
            else:
                plain = _without_ending(inner)
                if plain is None:
                    drop.store.stat(inner)
                    raise TransferError(
                        Trouble.SEALED_ELSEWHERE,
                        f'it is sealed for keys that are not here: get it with "{SEALED_ENDING}"'
                        " behind its name",
                    )
                reader = drop.store.open_raw(plain)
            entry = _moved(reader.entry, (drop.name, *inner))
            download = Download(reader, entry, self._terms(drop, inner))
            self._open.add(download)
            return download

    def open_write(
        self, path: bytes | str, *, resume: bool = False, exclusive: bool = False
    ) -> Upload:
        """
        Begin an upload, or go on with one.

        Raises:
            TransferError: DENIED where the caller may not write, or not over what is
                there; EXISTS with *exclusive*; BAD_NAME by the drop's rules.
        """
        with guarded(self._house.complain):
            self._check()
            drop, inner = self._find(resolve(path), Action.WRITE)
            if not inner:
                raise TransferError(Trouble.IS_FOLDER, "a drop is a folder")
            drop.check_name(inner[-1])
            self._check_present(drop, inner, resume=resume, exclusive=exclusive)
            self._siblings.check(drop, inner)
            staged = None
            if drop.inspects_first:
                drop.make_hidden(INCOMING)
                staged = _staged(inner)
            terms = self._terms(drop, inner, staged=staged, exclusive=exclusive)
            writer = drop.store.open_write(
                staged or inner, owner=self.caller.name, resume=resume and staged is None
            )
            upload = Upload(writer, terms)
            self._open.add(upload)
            self._siblings.added(drop, inner)
            return upload

    def rename(self, old: bytes | str, new: bytes | str, *, replace: bool) -> None:
        """
        Rename inside one drop; the name rules hold for *new*, too.
        """
        with guarded(self._house.complain):
            self._check()
            drop, source = self._find(resolve(old), Action.WRITE)
            other, target = self._find(resolve(new), Action.WRITE)
            if other.name != drop.name:
                raise TransferError(
                    Trouble.UNSUPPORTED, "a file cannot be renamed into another drop: copy it"
                )
            if not source or not target:
                raise TransferError(Trouble.DENIED, "a drop itself cannot be renamed")
            source = self._plain(drop, source)
            if drop.is_sealed_elsewhere and source[-1] + SEALED_ENDING != target[-1]:
                target = _without_ending(target) or target
            entry = drop.store.stat(source)
            if not entry.is_folder:
                drop.check_name(target[-1])
            is_part = source[-1] == target[-1] + PART_ENDING and entry.owner == self.caller.name
            if not is_part or self._is_there(drop, target):
                self._require(drop, Action.DELETE)
            if source != target:
                # Another case of its own name is no collision with itself.
                self._siblings.removed(drop, source)
                self._siblings.check(drop, target)
                drop.store.rename(source, target, replace=replace)
            self._siblings.removed(drop, source)
            self._siblings.added(drop, target)
            shown = f"ok, to {'/'.join(target)}"
            event = self._note("rename", drop, source, size=entry.size, result=shown)
            if not entry.is_folder:
                self._afterwards(drop, target, entry, event)

    def remove(self, path: bytes | str) -> None:
        """
        Remove a file.
        """
        with guarded(self._house.complain):
            self._check()
            drop, inner = self._find(resolve(path), Action.DELETE)
            inner = self._plain(drop, inner)
            entry = drop.store.stat(inner)
            drop.store.remove(inner)
            self._siblings.removed(drop, inner)
            self._note("delete", drop, inner, size=entry.size)

    def make_folder(self, path: bytes | str) -> None:
        """
        Make one folder.
        """
        with guarded(self._house.complain):
            self._check()
            drop, inner = self._find(resolve(path), Action.WRITE)
            if not inner:
                raise TransferError(Trouble.EXISTS, "there is one of that name already")
            self._siblings.check(drop, inner)
            drop.store.make_folder(inner)
            self._siblings.added(drop, inner)
            self._note("folder", drop, inner)

    def remove_folder(self, path: bytes | str) -> None:
        """
        Remove an empty folder.
        """
        with guarded(self._house.complain):
            self._check()
            drop, inner = self._find(resolve(path), Action.DELETE)
            if not inner:
                raise TransferError(Trouble.DENIED, "a drop itself cannot be removed")
            drop.store.remove_folder(inner)
            self._siblings.removed(drop, inner)
            self._note("delete", drop, inner)

    def set_modified(self, path: bytes | str, modified_at: float) -> None:
        """
        Set a file's time.
        """
        with guarded(self._house.complain):
            self._check()
            drop, inner = self._find(resolve(path), Action.WRITE)
            drop.store.set_modified(self._plain(drop, inner), modified_at)

    def space(self, path: bytes | str) -> Space:
        """
        Return what fits at *path*.
        """
        with guarded(self._house.complain):
            self._check()
            segments = resolve(path)
            if not segments:
                return _NONE
            return self._find(segments)[0].store.space()

    def close(self) -> None:
        """
        Abort what is open and let go.
        """
        for one in tuple(self._open):
            if isinstance(one, Upload):
                one.abort()
            else:
                one.close()
        self._open.clear()
        self._house.left(self)

    def _check(self) -> None:
        if self._cut:
            raise TransferError(Trouble.DENIED, self._cut)

    def _check_drop(self, name: str) -> None:
        self._check()
        if name not in self._drops:
            raise TransferError(Trouble.DENIED, "you are no longer admitted here")

    def _find(
        self, segments: StorePath, action: Action | None = None
    ) -> tuple[OpenDrop, StorePath]:
        if not segments:
            raise TransferError(Trouble.DENIED, "the root holds drops and nothing else")
        name, inner = segments[0], segments[1:]
        drop = self._drops.get(name)
        if drop is None:
            refusal = self._refused.get(name)
            if refusal is None:
                raise TransferError(Trouble.NOT_FOUND, "there is no such file or folder")
            self._note_refusal(name, refusal)
            raise TransferError(
                Trouble.DENIED, refusal.message, rule=refusal.rule, hint=refusal.hint or None
            )
        if action is not None:
            self._require(drop, action)
        return drop, inner

    def _require(self, drop: OpenDrop, action: Action) -> None:
        if not may(drop.drop, self.caller, action):
            raise _denied(action.value)

    def _check_present(
        self, drop: OpenDrop, inner: StorePath, *, resume: bool, exclusive: bool
    ) -> None:
        try:
            there = drop.store.stat(inner)
        except StorageError as error:
            if error.trouble is not Trouble.NOT_FOUND:
                raise
            return
        if there.is_folder:
            raise TransferError(Trouble.IS_FOLDER, "it is a folder")
        if there.partial:
            if resume and there.owner != self.caller.name:
                raise _denied("go on with what somebody else began")
            return
        if exclusive:
            raise TransferError(Trouble.EXISTS, "there is one of that name already")
        # Writing over a file, or behind it, takes the old one away.
        self._require(drop, Action.DELETE)

    def _is_there(self, drop: OpenDrop, inner: StorePath) -> bool:
        try:
            drop.store.stat(inner)
        except StorageError as error:
            if error.trouble is not Trouble.NOT_FOUND:
                raise
            return False
        return True

    def _stat(self, drop: OpenDrop, inner: StorePath) -> Entry:
        if not inner:
            return self._drop_entry(drop)
        plain = _without_ending(inner) if drop.is_sealed_elsewhere else None
        if plain is not None:
            try:
                return self._listed(drop, drop.store.stat(plain))
            except StorageError as error:
                if error.trouble is not Trouble.NOT_FOUND:
                    raise
        return drop.store.stat(inner)

    def _plain(self, drop: OpenDrop, inner: StorePath) -> StorePath:
        """
        Return the path in the store of what the client calls *inner*.
        """
        plain = _without_ending(inner) if drop.is_sealed_elsewhere else None
        return plain if plain is not None and self._is_there(drop, plain) else inner

    def _listed(self, drop: OpenDrop, entry: Entry) -> Entry:
        path = entry.path
        if drop.is_sealed_elsewhere and not entry.is_folder and not entry.partial:
            reader = drop.store.open_raw(path)
            try:
                size = reader.entry.size
            finally:
                reader.close()
            path = (*path[:-1], path[-1] + SEALED_ENDING)
            entry = replace(entry, size=size)
        return self._shown(drop, entry, path)

    def _shown(self, drop: OpenDrop, entry: Entry, path: StorePath) -> Entry:
        return _moved(entry, (drop.name, *path), drop.drop.classification.id)

    def _drop_entry(self, drop: OpenDrop) -> Entry:
        try:
            modified_at = drop.store.stat(()).modified_at
        except StorageError:
            # A drop is shown even while its store does not answer.
            modified_at = self._house.now()
        return Entry(
            (drop.name,),
            is_folder=True,
            size=0,
            modified_at=modified_at,
            classification=drop.drop.classification.id,
        )

    def _terms(
        self,
        drop: OpenDrop,
        inner: StorePath,
        *,
        staged: StorePath | None = None,
        exclusive: bool = False,
    ) -> Terms:
        hooks = self._house.hooks
        inspection = None
        if staged is not None:
            if hooks is None:
                raise TransferError(Trouble.FAILED, "uploads cannot be looked at now")
            inspection = hooks.during(drop, inner[-1])

        def after(entry: Entry, event: Event) -> None:
            if inspection is None:
                self._afterwards(drop, inner, entry, event)

        return Terms(
            drop=drop,
            path=inner,
            note=self._note,
            check=lambda: self._check_drop(drop.name),
            complain=self._house.complain,
            done=self._open.discard,
            after=after,
            staged=staged,
            inspection=inspection,
            replace=not exclusive,
        )

    def _afterwards(self, drop: OpenDrop, path: StorePath, entry: Entry, event: Event) -> None:
        if self._house.hooks is not None and not drop.is_strictest:
            self._house.hooks.afterwards(drop, path, entry, event)

    def _event(self, action: str, drop: OpenDrop, path: StorePath) -> Event:
        return Event(
            at=self._house.now(),
            action=action,
            caller=self.caller.name,
            channel=self.channel,
            place="/".join((drop.name, *path)),
            classification=drop.drop.classification.id,
            size=0,
            result="ok",
            key=self.caller.key,
        )

    def _note(
        self,
        action: str,
        drop: OpenDrop,
        path: StorePath,
        *,
        size: int = 0,
        result: str = "ok",
        digest: str = "",
        rule: str = "",
    ) -> Event:
        event = replace(
            self._event(action, drop, path), size=size, result=result, digest=digest, rule=rule
        )
        self._house.note(event)
        return event

    def _note_refusal(self, name: str, refusal: Refusal) -> None:
        self._house.note(
            Event(
                at=self._house.now(),
                action="refusal",
                caller=self.caller.name,
                channel=self.channel,
                place=name,
                classification="",
                size=0,
                result=refusal.message,
                rule=refusal.rule,
                key=self.caller.key,
            )
        )


def _denied(what: str) -> TransferError:
    return TransferError(Trouble.DENIED, f"you may not {what} here")


def _moved(entry: Entry, path: StorePath, classification: str | None = None) -> Entry:
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


def _without_ending(path: StorePath) -> StorePath | None:
    if path and path[-1].endswith(SEALED_ENDING) and path[-1] != SEALED_ENDING:
        return (*path[:-1], path[-1].removesuffix(SEALED_ENDING))
    return None


def _staged(path: StorePath) -> StorePath:
    # One place per path, so that a second upload of the same path finds the first at work.
    return (INCOMING, hashlib.sha256("/".join(path).encode()).hexdigest())
