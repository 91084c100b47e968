"""``sealgate verify URL``: what came is what the site signed, or an error."""

from __future__ import annotations

import datetime as dt
import json
import time
from functools import partial
from typing import TYPE_CHECKING

import click

from sealgate.cli.configured import optional_inventory
from sealgate.cli.send import progress_bar
from sealgate.cli.stored import shown
from sealgate.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealgate.app.verifying import Checked

SCHEMA = "sealgate/verify-url/1"


def verify_urls(
    urls: Sequence[str],
    out: str | None,
    *,
    key: str,
    ca_files: tuple[str, ...],
    resolve: Sequence[str],
    form: str,
    config: str | None,
) -> int:
    """Verify each of *urls* in turn and print who signed; the first that fails ends it."""
    from sealgate.app.verifying import Looking, verify_url
    from sealgate.audit.targets import parse_resolve

    if out is not None and len(urls) > 1:
        raise UsageError("-o takes what one URL gives", hint="sealgate verify URL -o OUT")
    inventory = optional_inventory(config)
    results = []
    for url in urls:
        with progress_bar("verifying") as progress:
            looking = Looking(
                time.time,
                key,
                ca_files,
                parse_resolve(resolve),
                progress=partial(_told, progress),
            )
            made = verify_url(url, out, looking, inventory=inventory)
        results.append(made)
        if form == "text":
            _tell(made)
    if form == "json":
        told = [_as_json(made) for made in results]
        click.echo(json.dumps({"schema": SCHEMA, "verified": told}, indent=2))
    return int(ExitCode.OK)


def _told(progress: Callable[[str, int, int], None], done: int) -> None:
    progress("", done, 0)


def _tell(made: Checked) -> None:
    verified = made.verified
    coded = f", {shown(made.encoding)}-coded as it came" if made.encoding else ""
    written = f', written to "{shown(made.out)}"' if made.out is not None else ""
    click.echo(f"{shown(made.url)}: verified, {made.size} bytes{coded}{written}")
    key = f"key {shown(verified.keyid)} ({verified.algorithm})"
    click.echo(f"signed by {key}, known from {shown(made.keys_from)}")
    click.echo(f"made {_moment(verified.created)}, holds until {_moment(verified.expires)}")


def _as_json(made: Checked) -> dict[str, object]:
    verified = made.verified
    return {
        "url": made.url,
        "bytes": made.size,
        "content_encoding": made.encoding or None,
        "output": made.out,
        "key": verified.keyid,
        "algorithm": verified.algorithm,
        "keys_from": made.keys_from,
        "created": _moment(verified.created),
        "expires": _moment(verified.expires),
        "covered": list(verified.covered),
    }


def _moment(seconds: int) -> str:
    try:
        return f"{dt.datetime.fromtimestamp(seconds, tz=dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{seconds} seconds since 1970"
