"""
What an installation made once and must find again: its keys, its register, its authorities.

What was there stands in a note in the state folder, one path a line. What is noted and gone was
lost, by a restore that was not whole or a hand that slipped: made anew it would open nothing, and
hide that. A folder without a note is a fresh one, or of a version that wrote none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import ConfigError, Fault, SourceError
from sealgate.files import write_durably
from sealgate.identity.adapters.row_key import KEY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealgate.policy.inventory import Inventory

NOTE = "made"
_MAX_NOTE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """
    One kind of thing: *pattern* of its paths in the state folder, and *what* people call it.

    Of a *folder* whose files come and go, only that it holds any is noted. What *fences* is
    missed by one store alone, which is not served without it; it counts as gone when it is empty.
    *begin* says what its line is taken out of the note for.
    """

    pattern: str
    what: str
    folder: str = ""
    fences: bool = False
    begin: str = "to begin without it"


KEYS = Part("keys/site-keys.json", "the site keys")
REGISTER = Part("register.sqlite", "the register, with all users")
ROW_KEY = Part(
    KEY_NAME,
    "the key that users, keys and grants in the register are sealed with",
    begin="to begin with an empty database",
)
PARTS = (
    KEYS,
    REGISTER,
    ROW_KEY,
    Part("authority/*-ca.pem", "the certificate of an authority that clients trust"),
    Part("authority/*.key", "the key of an authority that clients trust", "authority"),
    Part("sessions/*", "the keys that sessions are signed with", "sessions"),
    Part("identities/*", "the keys that the site knows visitors by", "identities"),
    Part("signing/*/*", "the keys that answers are signed with", "signing"),
    Part("records/*.anchor", "the anchor of a store", fences=True),
)


def note_made(inventory: Inventory) -> None:
    """
    Note what is there now, besides what was noted before.

    Raises:
        SourceError: the note cannot be read or written.
    """
    noted = _noted(inventory)
    there = dict.fromkeys([*noted, *_there(inventory)])
    if len(there) == len(noted):
        return
    place = _place(inventory)
    try:
        write_durably(place, "".join(f"{line}\n" for line in there).encode())
    except OSError as error:
        message = f'"{place}" cannot be written: {(error.strerror or "error").lower()}'
        raise SourceError(message, hint=f"ls -ld '{place.parent}'") from error


def was_made(inventory: Inventory, path: Path) -> bool:
    """
    Return whether *path*, in the state folder, was noted; it may be gone.

    Raises:
        SourceError: the note cannot be read.
    """
    return str(path.relative_to(_place(inventory).parent)) in _noted(inventory)


def lost(inventory: Inventory) -> tuple[Fault, ...]:
    """
    Return a fault for each thing that was noted and is gone, but what one store alone misses.

    Raises:
        SourceError: the note, or a folder, cannot be read.
    """
    return tuple(_fault(inventory, line) for line in _gone(inventory))


def is_lost(inventory: Inventory, part: Part) -> bool:
    """
    Return whether something of *part* was noted and is gone.

    Raises:
        SourceError: the note, or a folder, cannot be read.
    """
    return any(_part_of(line) is part for line in _gone(inventory))


def must_be_whole(inventory: Inventory, *parts: Part) -> None:
    """
    Raise when something that was there is gone; of *parts* only these, by default as in `lost`.

    Raises:
        ConfigError: with a fault for each thing.
        SourceError: the note, or a folder, cannot be read.
    """
    lines = [n for n in _gone(inventory) if not parts or _part_of(n) in parts]
    faults = tuple(_fault(inventory, line) for line in lines)
    if faults:
        raise ConfigError(faults[0].message, hint=faults[0].hint, faults=faults)


def _gone(inventory: Inventory) -> Iterator[str]:
    there = set(_there(inventory))
    for line in _noted(inventory):
        part = _part_of(line)
        if line not in there and (part is None or not part.fences):
            yield line


def _fault(inventory: Inventory, line: str) -> Fault:
    part, state, place = _part_of(line), Path(inventory.state_folder), _place(inventory)
    part = part or Part(line, "something")
    return Fault(
        inventory.source,
        1,
        f'"{state / line}" is gone: {part.what}',
        f"restore it from a backup; {part.begin}: sed -i '\\|^{line}$|d' '{place}'",
    )


def _part_of(line: str) -> Part | None:
    return next(
        (p for p in PARTS if line == p.folder or (not p.folder and Path(line).match(p.pattern))),
        None,
    )


def _there(inventory: Inventory) -> Iterable[str]:
    state = Path(inventory.state_folder)
    for part in PARTS:
        try:
            found = sorted(
                str(path.relative_to(state))
                for path in state.glob(part.pattern)
                if not path.name.startswith(".") and (not part.fences or path.lstat().st_size)
            )
        except OSError as error:
            message = f'"{state}" cannot be read: {(error.strerror or "error").lower()}'
            raise SourceError(message, hint=f"ls -ld '{state}'") from error
        if part.folder and found:
            yield part.folder
        elif not part.folder:
            yield from found


def _noted(inventory: Inventory) -> tuple[str, ...]:
    place = _place(inventory)
    try:
        with place.open("rb") as file:
            text = file.read(_MAX_NOTE_BYTES).decode()
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        told = (error.strerror or "error").lower() if isinstance(error, OSError) else "not UTF-8"
        raise SourceError(f'"{place}" cannot be read: {told}', hint=f"ls -l '{place}'") from error
    return tuple(line for line in text.splitlines() if line)


def _place(inventory: Inventory) -> Path:
    return Path(inventory.state_folder).absolute() / NOTE
