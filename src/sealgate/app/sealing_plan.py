"""
What a command line of ``seal`` or ``open`` means: which file becomes which.

A folder becomes a tree of sealed files: each keeps its name, with ``.age`` behind it.
Nothing is changed here.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import SealgateError, SourceError, UsageError
from sealgate.storage.adapters.file_ends import STANDARD_STREAM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SUFFIX = ".age"


@dataclass(frozen=True, slots=True)
class Job:
    """One file to do: *size* is that of the source, ``None`` where nobody knows."""

    source: str
    target: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What a command line means: files to do, folders to make, and what cannot be done.

    *replace* says whether a file that is there may be replaced: it was named, or forced.
    """

    jobs: tuple[Job, ...]
    folders: tuple[str, ...] = ()
    refused: tuple[SealgateError, ...] = ()
    replace: bool = False

    @property
    def goes_to_standard_output(self) -> bool:
        """Return whether there is one file, and it goes there."""
        return any(job.target == STANDARD_STREAM for job in self.jobs)


def plan_seal(sources: Sequence[str], out: str | None, *, force: bool) -> Plan:
    """
    Return what sealing *sources* to *out* means; nothing is changed.

    Without *out* a sealed file lies beside its source, a sealed folder beside its folder.

    Raises:
        UsageError: that means nothing, or would seal what it writes.
        SourceError: a source is not there.
    """
    return _plan(sources, out, lambda name: name + SUFFIX, force=force)


def plan_open(sources: Sequence[str], out: str | None, *, force: bool) -> Plan:
    """
    Return what opening *sources* to *out* means; nothing is changed.

    Raises:
        UsageError: that means nothing, or a name does not end in ``.age`` and none is given.
        SourceError: a source is not there.
    """
    return _plan(sources, out, _unsealed_name, force=force)


def _plan(
    sources: Sequence[str], out: str | None, rename: Callable[[str], str], *, force: bool
) -> Plan:
    if out == "":
        raise UsageError("the name of the output is empty", hint="-o OUT, or leave it out")
    if STANDARD_STREAM in sources:
        if len(sources) > 1:
            raise UsageError("standard input must be the only input", hint='leave "-" out')
        return Plan((Job(STANDARD_STREAM, out or STANDARD_STREAM),), replace=True)
    single = len(sources) == 1
    into = out is not None and (not single or _is_folder(out))
    if out == STANDARD_STREAM and (not single or _is_folder(sources[0])):
        raise UsageError("only one file goes to standard output", hint="name a folder with -o")
    jobs: list[Job] = []
    folders: list[str] = [out] if out is not None and into else []
    refused: list[SealgateError] = []
    for source in sources:
        path = _there(source)
        if into and out is not None:
            target = str(Path(out) / _new_name(path, rename))
        else:
            target = out or str(path.with_name(_new_name(path, rename)))
        if path.is_dir():
            _add_tree(path, target, rename, (jobs, folders, refused))
        else:
            jobs.append(Job(source, target, path.stat().st_size))
    _check_once(jobs)
    # One file that was named is meant to be replaced; a name that we made up is not.
    named = out is not None and not into and not folders
    return Plan(tuple(jobs), tuple(folders), tuple(refused), replace=force or named)


def _add_tree(
    top: Path,
    target: str,
    rename: Callable[[str], str],
    found: tuple[list[Job], list[str], list[SealgateError]],
) -> None:
    jobs, folders, refused = found
    if Path(os.path.realpath(target)).is_relative_to(os.path.realpath(top)):
        raise UsageError(f'"{target}" lies in "{top}" itself', hint="name another folder with -o")

    def unreadable(error: OSError) -> None:
        reason = (error.strerror or "").lower()
        refused.append(SourceError(f'"{error.filename}" cannot be read: {reason}'))

    for folder, below, names in os.walk(top, onerror=unreadable):
        below.sort()
        here = Path(target) / Path(folder).relative_to(top)
        folders.append(str(here))
        for name in sorted(
            [*names, *(name for name in below if (Path(folder) / name).is_symlink())]
        ):
            path = Path(folder) / name
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):
                refused.append(SourceError(f'"{path}" is left out: it is no regular file'))
                continue
            try:
                jobs.append(Job(str(path), str(here / rename(name)), status.st_size))
            except UsageError as error:
                refused.append(SourceError(error.message))


def _there(source: str) -> Path:
    if not source:
        raise UsageError("the name of a file is empty", hint="name a file, or . for this folder")
    path = Path(source)
    # "." and ".." have no name of their own.
    if path.name in {"", ".."}:
        path = Path(os.path.realpath(source))
    try:
        path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise SourceError(
            f'"{source}" cannot be read: {(reason or "no path").lower()}',
            hint="name a file or folder that is there",
        ) from error
    return path


def _new_name(path: Path, rename: Callable[[str], str]) -> str:
    return rename(path.name)


def _unsealed_name(name: str) -> str:
    plain = name.removesuffix(SUFFIX)
    if plain in {"", name}:
        raise UsageError(
            f'"{name}" does not end in {SUFFIX}, so what it becomes is not known',
            hint="name the output with -o",
        )
    return plain


def _is_folder(path: str) -> bool:
    return path != STANDARD_STREAM and Path(path).is_dir()


def _check_once(jobs: Sequence[Job]) -> None:
    targets: set[str] = set()
    for job in jobs:
        if job.target in targets:
            raise UsageError(
                f'two files would become "{job.target}"', hint="seal or open them one by one"
            )
        targets.add(job.target)
