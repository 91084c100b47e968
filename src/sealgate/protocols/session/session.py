"""
What one signed-in caller sees: each drop that admits them, as a folder of the root.

Every name from the wire is resolved here, and every rule of the drop is held here, so
that no server has to know any. Nothing but :class:`TransferError` gets out.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from sealgate.protocols.authorize import may
from sealgate.protocols.model import Action, Event, TransferError
from sealgate.protocols.session.context import SessionContext, SessionTrail
from sealgate.protocols.session.drops import (
    INCOMING,
    SEALED_ENDING,
    OpenDrop,
    Siblings,
)
from sealgate.protocols.session.faults import guarded
from sealgate.protocols.session.temporary_names import is_temporary
from sealgate.protocols.session.uploads import DropDownload, DropUpload, Terms
from sealgate.protocols.session.view import View, denied, denied_by, moved, without_ending
from sealgate.storage.model import Entry, Space, StorageError, Trouble
from sealgate.storage.paths import RESERVED_PREFIX, given, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sealgate.protocols.model import Caller, Channel, Refusal
    from sealgate.storage.model import StorePath, StoreReader

_NONE = Space(0, 0, 0, 0)
# A rename that belongs to an upload follows it at once.
_NEW_SECONDS = 60.0


class DropSession:
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
        context: SessionContext,
    ) -> None:
        self.channel = channel
        # What was proven for it was proven after this.
        self.began_at = channel.began_at or context.now()
        self._context = context
        self._notes = SessionTrail(caller, channel, context)
        self._see(caller, drops, refused)
        self._siblings = Siblings()
        self._open: set[DropUpload | DropDownload] = set()
        # What this session uploads now is there for it, and for nobody else.
        self._under_way: dict[tuple[str, StorePath], DropUpload] = {}
        # Until when what this session uploaded may be given its final name, by object.
        self._new: dict[str, float] = {}
        self._cut: Refusal | None = None
        self._tell: Callable[[], None] = lambda: None

    @property
    def caller(self) -> Caller:
        """Return whose session it is."""
        return self._view.caller

    def admit(
        self, caller: Caller, drops: Mapping[str, OpenDrop], refused: Mapping[str, Refusal]
    ) -> None:
        """Go on as *caller* is now, with other drops; one that is gone ends what is open in it."""
        self._see(caller, drops, refused)
        self._tell()

    def _see(
        self, caller: Caller, drops: Mapping[str, OpenDrop], refused: Mapping[str, Refusal]
    ) -> None:
        self._view = View(caller, drops, refused, self._notes.refusal, self._context.now)
        self._notes.granted = self._view.granted

    def cut(self, why: Refusal) -> None:
        """Refuse everything from now on, also to what is open."""
        self._cut = why
        self._tell()

    def on_change(self, tell: Callable[[], None]) -> None:
        """Call *tell*, in any thread, when it was judged again what the caller may do."""
        self._tell = tell

    def is_remote(self, path: bytes | str) -> bool:
        """Return whether calls about *path* may wait, for a network or a look. Never raises."""
        try:
            found = self._view.drops.get(next(iter(resolve(path)), ""))
        except StorageError:
            return False
        return found is not None and (found.store.is_remote or found.inspects_first)

    def real_path(self, path: bytes | str) -> str:
        """Return *path* absolute and in normal form; it need not exist."""
        with guarded(self._context.complain):
            return "/" + "/".join(map(given, resolve(path)))

    def stat(self, path: bytes | str) -> Entry:
        """Return the entry at *path*; its path begins with the drop's name."""
        with guarded(self._context.complain):
            self._check()
            segments = resolve(path)
            if not segments:
                return Entry((), is_folder=True, size=0, modified_at=self._context.now())
            drop, inner = self._view.find(segments)
            if not any(may(drop.drop, self.caller, action) for action in Action):
                raise denied("see")
            own = self._own(drop, inner)
            found = own or self._view.stat(drop, inner)
            if inner and found.path[-1] == inner[-1]:
                inner = (*inner[:-1], found.path[-1])  # its own spelling
            return self._view.shown(drop, found, inner)

    def list(self, path: bytes | str) -> Iterator[Entry]:
        """Yield what lies directly in the folder *path*."""
        with guarded(self._context.complain):
            self._check()
            segments = resolve(path)
            if not segments:
                view = self._view
                return iter([view.drop_entry(view.drops[name]) for name in view.open_drops()])
            drop, inner = self._view.find(segments, Action.LIST)
            if inner and not drop.store.stat(inner).is_folder:
                raise TransferError(Trouble.NOT_FOLDER, "it is not a folder")
            return self._entries(drop, inner)

    def _own(self, drop: OpenDrop, inner: StorePath) -> Entry | None:
        """Return what this session uploads to *inner*, also by the name that it will have."""
        upload = self._under_way.get((drop.name, inner))
        if upload is None and drop.is_sealed_elsewhere:
            upload = self._under_way.get((drop.name, without_ending(inner) or inner))
        return None if upload is None else upload.entry(self.caller.name, self._context.now())

    @contextmanager
    def _finished(self, drop: OpenDrop, inner: StorePath) -> Iterator[None]:
        """Say of what is not there yet that this session is still uploading it."""
        try:
            yield
        except StorageError as error:
            if error.trouble is Trouble.NOT_FOUND and self._own(drop, inner) is not None:
                message = "it is still being uploaded by this session: close it first"
                raise TransferError(Trouble.BUSY, message) from error
            raise

    def _entries(self, drop: OpenDrop, inner: StorePath) -> Iterator[Entry]:
        with guarded(self._context.complain):
            own = {
                path: upload.entry(self.caller.name, self._context.now())
                for (name, path), upload in self._under_way.items()
                if name == drop.name and path[:-1] == inner
            }
            for entry in drop.store.list(inner):
                self._check_drop(drop.name)
                if entry.path in own:
                    continue
                if inner or not entry.path[-1].startswith(RESERVED_PREFIX):
                    yield self._view.listed(drop, entry)
            for entry in own.values():
                yield self._view.shown(drop, entry, entry.path)

    def open_read(self, path: bytes | str) -> StoreReader:
        """
        Open a file; closing the reader writes the download to the trail.

        Where this host cannot open what lies there, the sealed bytes are delivered under
        the name with ``.age`` behind it.
        """
        with guarded(self._context.complain), self._context.open_files.room(self.caller.name):
            self._check()
            drop, inner = self._view.find(resolve(path), Action.READ)
            if self._context.hooks is not None:
                self._context.hooks.at_work()
            if not drop.is_sealed_elsewhere:
                with self._finished(drop, inner):
                    reader = drop.store.open_read(inner)
            else:
                plain = without_ending(inner)
                if plain is None:
                    drop.store.stat(inner)
                    raise TransferError(
                        Trouble.SEALED_ELSEWHERE,
                        f'it is sealed for keys that are not here: get it with "{SEALED_ENDING}"'
                        " behind its name",
                    )
                reader = drop.store.open_raw(plain)
            entry = moved(reader.entry, (drop.name, *inner))
            download = DropDownload(
                reader, entry, self._terms(drop, inner), plain=not drop.is_sealed_elsewhere
            )
            self._open.add(download)
            return download

    def open_write(
        self,
        path: bytes | str,
        *,
        resume: bool = False,
        part_only: bool = False,
        exclusive: bool = False,
    ) -> DropUpload:
        """
        Begin an upload, or go on with one.

        Raises:
            TransferError: DENIED where the caller may not write, or not over what is there;
                EXISTS with *exclusive*; UNSUPPORTED of a whole file with *part_only*; BAD_NAME
                by the drop's rules.
        """
        with guarded(self._context.complain), self._context.open_files.room(self.caller.name):
            self._check()
            drop, inner = self._view.find(resolve(path), Action.WRITE)
            if not inner:
                raise TransferError(Trouble.IS_FOLDER, "a drop is a folder")
            drop.check_name(inner[-1])
            view = self._view
            view.check_delivered(drop, inner)
            self._siblings.check(drop, inner)

            def allow(there: Entry | None) -> None:
                view.check_present(
                    drop, there, resume=resume, part_only=part_only, exclusive=exclusive
                )

            staged = None
            if drop.inspects_first:
                allow(view.there(drop, inner))
                drop.make_hidden(INCOMING)
                staged = _staged(inner)
            terms = self._terms(drop, inner, staged=staged, exclusive=exclusive)
            writer = drop.store.open_write(
                staged or inner,
                owner=self.caller.name,
                resume=resume and staged is None,
                allow=None if staged else allow,
                meant_for=inner,
            )
            upload = DropUpload(writer, terms)
            self._open.add(upload)
            self._under_way[upload.place] = upload
            self._siblings.added(drop, inner)
            return upload

    def rename(self, old: bytes | str, new: bytes | str, *, replace: bool) -> None:
        """Rename inside one drop; the name rules hold for *new*, too."""
        with guarded(self._context.complain):
            self._check()
            drop, source = self._view.find(resolve(old), Action.WRITE)
            other, target = self._view.find(resolve(new), Action.WRITE)
            if other.name != drop.name:
                raise TransferError(
                    Trouble.UNSUPPORTED, "a file cannot be renamed into another drop: copy it"
                )
            if not source or not target:
                raise TransferError(Trouble.DENIED, "a drop itself cannot be renamed")
            source = self._view.plain(drop, source)
            if drop.is_sealed_elsewhere and source[-1] + SEALED_ENDING != target[-1]:
                target = without_ending(target) or target
            with self._finished(drop, source):
                entry = drop.store.stat(source)
            if not entry.is_folder:
                drop.check_name(target[-1])
            if not self._is_own_new(entry) or self._view.is_there(drop, target):
                self._view.require(drop, Action.DELETE)
            if source != target or given(source[-1]) != given(target[-1]):
                self._view.check_delivered(drop, target)
                # Another case of its own name is no collision with itself.
                self._siblings.removed(drop, source)
                self._siblings.check(drop, target)
                # Somebody's file may be there by now: it goes only where the caller may delete.
                allowed = may(drop.drop, self.caller, Action.DELETE)
                drop.store.rename(source, target, replace=replace and allowed)
                # Now it has the name under which others know it.
                self._new.pop(entry.object_id, None)
            self._siblings.removed(drop, source)
            self._siblings.added(drop, target)
            shown = f"ok, to {'/'.join(map(given, target))}"
            event = self._notes.add("rename", drop, source, size=entry.size, result=shown)
            if not entry.is_folder:
                self._afterwards(drop, target, entry, event)

    def _is_own_new(self, entry: Entry) -> bool:
        """
        Return whether *entry* is the caller's own new object, so that a name is only completed.

        It is one that the caller uploaded, which replaced nothing (without the right to delete
        no upload does), and that has no final name yet: its name is one of those that programs
        upload under, or this session uploaded it at most a minute ago and it was not renamed
        since. Whatever else is renamed is taken away from where others know it.
        """
        if entry.is_folder or entry.partial or entry.owner != self.caller.name:
            return False
        if is_temporary(entry.path[-1]):
            return True
        return self._context.now() <= self._new.get(entry.object_id, -1.0)

    def remove(self, path: bytes | str) -> None:
        """Remove a file."""
        with guarded(self._context.complain):
            self._check()
            drop, inner = self._view.find(resolve(path), Action.DELETE)
            inner = self._view.plain(drop, inner)
            with self._finished(drop, inner):
                entry = drop.store.stat(inner)
            drop.store.remove(inner)
            self._siblings.removed(drop, inner)
            self._notes.add("delete", drop, inner, size=entry.size)

    def make_folder(self, path: bytes | str) -> None:
        """Make one folder."""
        with guarded(self._context.complain):
            self._check()
            drop, inner = self._view.find(resolve(path), Action.WRITE)
            if not inner:
                raise TransferError(Trouble.EXISTS, "there is one of that name already")
            self._siblings.check(drop, inner)
            drop.store.make_folder(inner)
            self._siblings.added(drop, inner)
            self._notes.add("folder", drop, inner)

    def remove_folder(self, path: bytes | str) -> None:
        """Remove an empty folder."""
        with guarded(self._context.complain):
            self._check()
            drop, inner = self._view.find(resolve(path), Action.DELETE)
            if not inner:
                raise TransferError(Trouble.DENIED, "a drop itself cannot be removed")
            drop.store.remove_folder(inner)
            self._siblings.removed(drop, inner)
            self._notes.add("delete", drop, inner)

    def set_modified(self, path: bytes | str, modified_at: float) -> None:
        """Set a file's time."""
        with guarded(self._context.complain):
            self._check()
            drop, inner = self._view.find(resolve(path), Action.WRITE)
            under_way = self._under_way.get((drop.name, inner))
            if under_way is not None:
                under_way.set_modified(modified_at)
            else:
                drop.store.set_modified(self._view.plain(drop, inner), modified_at)

    def space(self, path: bytes | str) -> Space:
        """Return what fits at *path*."""
        with guarded(self._context.complain):
            self._check()
            segments = resolve(path)
            if not segments:
                return _NONE
            return self._view.find(segments)[0].store.space()

    def close(self) -> None:
        """Abort what is open and let go."""
        for one in tuple(self._open):
            if isinstance(one, DropUpload):
                one.abort()
            else:
                one.close()
        self._open.clear()
        self._context.left(self)

    def _closed(self, one: DropUpload | DropDownload) -> None:
        self._open.discard(one)
        if isinstance(one, DropUpload) and self._under_way.get(one.place) is one:
            del self._under_way[one.place]
        self._context.open_files.leave(self.caller.name)

    def _check(self) -> None:
        if self._cut is not None:
            raise denied_by(self._cut)

    def _check_drop(self, name: str) -> None:
        self._check()
        refusal = self._view.refusal(name)
        if refusal is not None:
            raise denied_by(refusal)
        if name not in self._view.drops:
            raise TransferError(Trouble.DENIED, "you are no longer admitted here")

    def _terms(
        self,
        drop: OpenDrop,
        inner: StorePath,
        *,
        staged: StorePath | None = None,
        exclusive: bool = False,
    ) -> Terms:
        hooks = self._context.hooks
        inspection = None
        if staged is not None:
            if hooks is None:
                raise TransferError(Trouble.FAILED, "uploads cannot be looked at now")
            inspection = hooks.during(drop, inner[-1])

        def after(entry: Entry, event: Event) -> None:
            now = self._context.now()
            self._new = {one: until for one, until in self._new.items() if until >= now}
            self._new[entry.object_id] = now + _NEW_SECONDS
            if inspection is None:
                self._afterwards(drop, inner, entry, event)

        return Terms(
            drop=drop,
            path=inner,
            note=self._notes.add,
            check=partial(self._check_drop, drop.name),
            complain=self._context.complain,
            done=self._closed,
            after=after,
            digests=self._context.digests,
            staged=staged,
            inspection=inspection,
            replace=not exclusive and may(drop.drop, self.caller, Action.DELETE),
        )

    def _afterwards(self, drop: OpenDrop, path: StorePath, entry: Entry, event: Event) -> None:
        if self._context.hooks is not None and not drop.is_strictest:
            self._context.hooks.afterwards(drop, path, entry, event)


def _staged(path: StorePath) -> StorePath:
    # One place per path, so that a second upload of the same path finds the first at work.
    return (INCOMING, hashlib.sha256("/".join(path).encode()).hexdigest())
