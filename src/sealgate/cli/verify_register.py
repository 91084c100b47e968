"""``sealgate verify --register``: whether the register still holds what was recorded."""

from __future__ import annotations

import json
import re

import click

from sealgate.cli.configured import configured
from sealgate.errors import ExitCode, UsageError

SCHEMA = "sealgate/verify-register/1"
# A register that was written anew has a fault for each entry.
_MOST_TOLD = 50


def verify_register(known: str | None, *, form: str, config: str | None) -> int:
    """Compare the register with its own trail, and with the digest *known*; ``None`` for none."""
    from sealgate.app.state import check_register

    # An empty one is somebody's variable that is not set: nothing would be compared with it.
    if known is not None and not re.fullmatch(r"[0-9a-f]{64}", known):
        raise UsageError(
            f'"{known[:80]}" is no digest of an entry: 64 hexadecimal digits are required',
            hint="sealgate verify --register prints the last one",
        )
    check = check_register(configured(config), known=known or "")
    if form == "json":
        told = {"entries": check.entries, "head": check.head, "faults": list(check.faults)}
        click.echo(json.dumps({"schema": SCHEMA, "register": told}, indent=2))
    else:
        verdict = "whole" if check.whole else "not whole"
        entries = "1 entry" if check.entries == 1 else f"{check.entries} entries"
        click.echo(f"register: {verdict}, {entries}, the last is {check.head}")
        for fault in check.faults[:_MOST_TOLD]:
            click.echo(f"register: {fault}")
        if len(check.faults) > _MOST_TOLD:
            click.echo(f"register: and {len(check.faults) - _MOST_TOLD} more")
    return int(ExitCode.OK if check.whole else ExitCode.FINDINGS)
