"""
Turns what Envoy writes into one sentence for the operator.

Envoy's log may hold whole configurations and control characters; a message holds one
line of printable text, and the address or field that it is about.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import GatewayError

if TYPE_CHECKING:
    from sealgate.gateway.model import EnvoyFiles

MAX_REASON_CHARACTERS = 300
# As much of the end of a log as can hold the last message.
_TAIL_BYTES = 256 * 1024
_LOGGED = re.compile(
    r"^\[[^\]]*\]\[\d+\]\[(?P<level>\w+)\]\[\w+\] (?:\[[^\]]*\] )?(?P<text>.*)", re.DOTALL
)
_RECORD = re.compile(r"^(?=\[\d{4}-\d\d-\d\d )", re.MULTILINE)
_BIND = re.compile(r"cannot bind '(?P<address>[^']+)': (?P<why>[^\n]+)")
_CONSTRAINT = re.compile(r"Proto constraint validation failed \((?P<chain>.*)\)", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"no\s+such\s+field:\s+'(?P<field>[^']+)'")
_INTRODUCTION = re.compile(
    r"^(error initializing configuration '[^']*': |error initializing config '[^']*': "
    r"|Filesystem config update rejected: |goo\.gle/debug\w+\s+)"
)
_SERIOUS = frozenset({"warning", "error", "critical"})
# Warnings that every start brings and that say nothing of a fault.
_NOISE = (
    "There is no configured limit",
    "Usage of the deprecated",
    "is marked as work-in-progress",
    "caught ENVOY_SIG",
)


def read_tail(path: str, *, since_byte: int = 0) -> str:
    """Return the end of the log *path* from byte *since_byte* on; empty when there is none."""
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(since_byte, size - _TAIL_BYTES))
            return file.read(_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def reason_in(log: str) -> str:
    """Return the last thing that Envoy complained of in *log*, in one printable line."""
    complaints = []
    for record in _RECORD.split(log):
        parsed = _LOGGED.match(record)
        if parsed and parsed["level"] in _SERIOUS and not any(n in parsed["text"] for n in _NOISE):
            complaints.append(parsed["text"])
    if complaints:
        return one_line(complaints[-1])
    # A crash or a failed start may write lines of no level at all.
    bare = [line for line in log.splitlines() if line.strip() and not _LOGGED.match(line)]
    return one_line(bare[-1]) if bare else "envoy gave no reason"


def one_line(message: str) -> str:
    """Return the relevant part of one of Envoy's messages, printable and short."""
    bind = _BIND.search(message)
    constraint = _CONSTRAINT.search(message)
    field = _UNKNOWN_FIELD.search(message)
    if bind:
        text = f"cannot bind {bind['address']}: {bind['why'].lower()}"
    elif constraint:
        text = constraint["chain"].rpartition("caused by ")[2]
    elif field:
        text = f'this envoy does not know the field "{field["field"]}"'
    else:
        text = message
        while introduced := _INTRODUCTION.match(text):
            text = text[introduced.end() :]
        text = text.strip().partition("\n")[0]
    shown = "".join(c if c.isprintable() else " " for c in text)
    shown = " ".join(shown.split())
    return (
        shown if len(shown) <= MAX_REASON_CHARACTERS else shown[: MAX_REASON_CHARACTERS - 1] + "…"
    )


def refused(reason: str, files: EnvoyFiles) -> GatewayError:
    """Return the error that says that Envoy did not take *files*, and why."""
    return GatewayError(
        f"envoy refused the configuration: {reason}",
        hint=f"the files are in {files.folder}; if sealgate.toml is right, please report this",
    )
