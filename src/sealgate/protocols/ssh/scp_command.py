"""
The command line by which a client starts the old SCP protocol on the server. Pure.

Old clients hand it to a shell, so they quote; here it is split as a shell would, and
nothing in it is ever expanded or run.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class SCPCommand:
    """What is asked: *sink* takes files under *paths[0]*, otherwise *paths* are sent."""

    sink: bool
    paths: tuple[str, ...]
    recursive: bool = False
    preserve: bool = False
    must_be_folder: bool = False


def read_scp_command(command: str) -> SCPCommand:
    """
    Return what *command* asks for.

    Raises:
        ValueError: it is not ``scp`` with ``-t`` or ``-f`` and a path.
    """
    if len(command) > _LONGEST:
        raise ValueError("command too long")
    words = shlex.split(command)
    if not words or words[0] not in {"scp", "/usr/bin/scp"}:
        raise ValueError("not scp")
    flags = ""
    rest = words[1:]
    while rest and rest[0].startswith("-") and len(rest[0]) > 1:
        word = rest.pop(0)
        if word == "--":
            break
        flags += word[1:]
    unknown = set(flags) - set("tfrpdvqC")
    if unknown or ("t" in flags) == ("f" in flags) or not rest:
        raise ValueError("scp asked in a way that is not understood")
    if "t" in flags and len(rest) != 1:
        raise ValueError("scp asked in a way that is not understood")
    return SCPCommand("t" in flags, tuple(rest), "r" in flags, "p" in flags, "d" in flags)
