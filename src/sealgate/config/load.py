"""
Finds and loads ``sealgate.toml``: reads the file, parses it, looks at what it names.

The parser (:mod:`sealgate.config.parse`) knows the text only; this module adds whether
the files it names are there and are what they must be. A given certificate is judged
by :mod:`sealgate.identity`, and whether the upstream answers is seen when serving.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import maxminddb

from sealgate.config import CONFIG_NAME
from sealgate.config.drops import meet
from sealgate.config.parse import MAX_CHARACTERS, raise_faults, read
from sealgate.config.reader import FileKind, quoted, quoted_path
from sealgate.errors import ConfigError, Fault
from sealgate.identity.adapters.country import country_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Inventory

# A country database answers for a country in its first records or never.
MAX_RECORDS_LOOKED_AT = 4096


def find_config(start: str) -> str:
    """
    Return the path of the ``sealgate.toml`` in the folder *start* or the nearest parent.

    Raises:
        ConfigError: there is none up to the root.
    """
    here = Path(start) / CONFIG_NAME
    if here.is_file():
        return str(here)
    for folder in Path(start).absolute().parents:
        candidate = folder / CONFIG_NAME
        if candidate.is_file():
            return str(candidate)
    raise ConfigError(
        f"no {quoted(CONFIG_NAME)} in {quoted_path(str(Path(start).absolute()))} or a parent folder",
        hint=f"sealgate init, or name the file: -c /etc/sealgate/{CONFIG_NAME}",
    )


def load(path: str) -> Inventory:
    """
    Return what the file at *path* declares, after looking at every file that it names.

    Raises:
        ConfigError: the file cannot be read, or with every fault in it.
    """
    text = _read(path)
    inventory, notes = read(text, path, str(Path(path).absolute().parent))
    for mention in notes.mentions:
        reason = _CHECKS[mention.kind](mention.file)
        if reason:
            key = str(mention.path[-1])
            hint = _HINTS.get(mention.kind)
            notes.add(mention.path, f"{key} {quoted_path(mention.file)} {reason}", hint)
    raise_faults(path, notes.faults or tuple(_store_faults(inventory)))
    return inventory


def _store_faults(inventory: Inventory) -> Iterator[Fault]:
    # The parser held names against each other; a link may lead elsewhere than its name says.
    taken = {_real(inventory.state_folder): "the state folder, with its keys"}
    taken |= {
        _real(site.web_root): f"the web root of site {quoted(site.name)}"
        for site in inventory.sites
        if site.web_root
    }
    for site in inventory.sites:
        if site.web_root and meet(_real(site.web_root), _real(inventory.state_folder)):
            yield Fault(
                site.place.file,
                site.place.line,
                f"the web root of site {quoted(site.name)} leads to the state folder, through a link",
                'add to [state]: folder = "/var/lib/sealgate"',
            )
    for drop in inventory.drops:
        if drop.folder is None:
            continue
        store = _real(drop.folder)
        what = next((what for place, what in taken.items() if meet(store, place)), None)
        if what is not None:
            yield Fault(
                drop.place.file,
                drop.place.line,
                f"the store of drop {quoted(drop.name)} leads to {what}, through a link",
                "give the drop a folder where nothing else lies",
            )
        taken[store] = f"the store of drop {quoted(drop.name)}"


def _real(folder: str) -> str:
    return f"file:{os.path.realpath(folder)}"


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_CHARACTERS * 4 + 1)
    except FileNotFoundError:
        message = f"configuration {quoted_path(path)} does not exist"
        folder = str(Path(path).parent)
        named = Path(path).name == CONFIG_NAME
        other = "give a file that is there with -c, or: sealgate init"
        hint = f"sealgate init {folder}" if named else other
        raise ConfigError(message, hint=hint) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        message = f"configuration {quoted_path(path)} cannot be read: {reason or 'no valid path'}"
        raise ConfigError(message, hint="give the file with -c") from None
    try:
        # Windows editors begin a file with a byte order mark.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fault = Fault(path, line, "the file is not UTF-8", "save it as UTF-8")
        raise_faults(path, (fault,))
        raise AssertionError from error


def _file_fault(name: str) -> str | None:
    try:
        with Path(name).open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _program_fault(name: str) -> str | None:
    reason = _file_fault(name)
    return reason or (None if os.access(name, os.X_OK) else "is not executable")


def _folder_fault(name: str) -> str | None:
    if not Path(name).is_dir():
        return "is no folder"
    return None if os.access(name, os.R_OK | os.X_OK) else "cannot be read"


def country_database_fault(name: str) -> str | None:
    """Return why the file *name* is no country database, or ``None`` when it is one."""
    reason = _file_fault(name)
    if reason:
        return reason
    try:
        with maxminddb.open_database(name) as reader:
            for count, (_, record) in enumerate(reader):
                if country_code(record) is not None:
                    return None
                if count >= MAX_RECORDS_LOOKED_AT:
                    break
    except Exception:  # noqa: BLE001  # a damaged file makes the reader raise anything
        return "is no MaxMind database (mmdb), or is damaged"
    return "holds no countries (country.iso_code)"


_CHECKS = {
    FileKind.READABLE: _file_fault,
    FileKind.PROGRAM: _program_fault,
    FileKind.FOLDER: _folder_fault,
    FileKind.COUNTRY_DATABASE: country_database_fault,
}
_HINTS = {
    FileKind.COUNTRY_DATABASE: "docs/howto/country-database.md tells where to get one",
    FileKind.PROGRAM: "remove the key to use `envoy` on PATH",
}
