"""
Whether Linux lets Envoy watch as many files as a configuration names.

Envoy takes one inotify instance per source that it watches, and ends itself when it
cannot have one, also on a change. So the instances are counted first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealgate.gateway.model import JSON

LIMIT_FILE = "/proc/sys/fs/inotify/max_user_instances"
# A subscription is watched by its folder, a country database by its file, and the files of a
# certificate by one watch for both.
SUBSCRIPTION, _DATABASE, _CERTIFICATE = "path_config_source", "country_db_path", "tls_certificate"
# What else this user starts meanwhile, such as a `tail -f`.
SPARE = 4


def instances(files: Mapping[str, JSON]) -> int:
    """Return how many inotify instances Envoy takes to serve *files*."""
    return len(_watched(files))


def require_instances(
    files: Mapping[str, JSON],
    old: Mapping[str, JSON] | None = None,
    *,
    envoy_pid: int | None = None,
    limit_file: str = LIMIT_FILE,
) -> None:
    """
    Return if Envoy may watch what *files* name, beside what this user watches already.

    On a change, *old* are the files in use by the Envoy with *envoy_pid*: what is new comes
    on top before the old goes. Where the kernel tells no limit, nothing is refused.

    Raises:
        GatewayError: there would be too few.
    """
    limit = _limit(limit_file)
    if limit is None:
        return
    replaced = {name: one for name, one in (old or {}).items() if files.get(name) != one}
    needed = len(_watched(files) | _watched(replaced))
    taken = _taken(os.getuid(), except_pid=envoy_pid)
    if needed + taken + SPARE <= limit:
        return
    raise GatewayError(
        f"envoy would need {needed} inotify instances and other programs of this user hold "
        f"{taken}, but the kernel allows {limit} (fs.inotify.max_user_instances)",
        hint=f"sysctl fs.inotify.max_user_instances={_enough(needed + taken)}",
    )


def _watched(files: Mapping[str, JSON]) -> set[tuple[str, str]]:
    return {source for content in files.values() for source in sources(content)}


def sources(value: JSON) -> Iterator[tuple[str, str]]:
    """Yield what Envoy watches for *value*: of which kind it is, and its path or name."""
    # Envoy shares a subscription between listeners, and a database between all who name it; a
    # certificate is watched for each secret that names its files.
    if isinstance(value, list):
        for item in value:
            yield from sources(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == SUBSCRIPTION and isinstance(item, dict):
                yield key, str(item.get("path"))
            elif key == _DATABASE:
                yield key, str(item)
            elif key == _CERTIFICATE:
                yield key, str(value.get("name"))
            else:
                yield from sources(item)


def _limit(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return None


def _taken(user: int, *, except_pid: int | None) -> int:
    # The kernel counts per user; another user's processes cannot be looked into, and need
    # not be.
    return sum(
        _held(process)
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and process.name != str(except_pid) and _is_of(process, user)
    )


def _is_of(process: Path, user: int) -> bool:
    try:
        return process.stat().st_uid == user
    except OSError:
        return False


def _held(process: Path) -> int:
    held = 0
    try:
        for descriptor in (process / "fd").iterdir():
            held += str(descriptor.readlink()) == "anon_inode:inotify"
    except OSError:
        pass  # It ended, or a descriptor was closed, while we looked.
    return held


def _enough(count: int) -> int:
    # With room for as much again, in the usual steps.
    steps = 1024
    while steps < 2 * count:
        steps *= 2
    return steps
