"""``sealgate verify``: compare what lies in stores, comes from a URL or was recorded with what it was."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from sealgate.cli.configured import config_option, configured
from sealgate.cli.stored import one_by_one, shown
from sealgate.cli.verify_register import verify_register
from sealgate.cli.verify_url import verify_urls
from sealgate.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from sealgate.app.storing import Verified
    from sealgate.policy.inventory import Drop

SCHEMA = "sealgate/verify/1"


@click.command("verify")
@click.argument("subjects", metavar="[DROP|URL]...", nargs=-1)
@click.option("--full", is_flag=True, help="Open every file of a store from end to end.")
@click.option(
    "--accept",
    is_flag=True,
    help="Take the state of each DROP for the newest one, though it was rolled back or its anchor"
    " was lost. The register keeps who did.",
)
@click.option("--register", is_flag=True, help="Verify the register instead of stores.")
@click.option(
    "--head",
    metavar="DIGEST",
    help="The digest of an entry of the register that was kept elsewhere: it must be there.",
)
@click.option(
    "-o",
    "--output",
    "out",
    metavar="OUT",
    help="Write what a URL gave to OUT, once it is verified.",
)
@click.option(
    "--key",
    metavar="FILE",
    default="",
    help="Public keys that a URL's answer must be signed with, or an https URL of them"
    " (default: those of the configured site, else those that the site publishes over https).",
)
@click.option("--ca", "ca_files", metavar="FILE", multiple=True, help="Trust this PEM file too.")
@click.option(
    "--resolve", metavar="HOST:ADDRESS", multiple=True, help="Ask for HOST at this IP address."
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@config_option
def command(
    subjects: tuple[str, ...],
    *,
    full: bool,
    accept: bool,
    register: bool,
    head: str | None,
    out: str | None,
    key: str,
    ca_files: tuple[str, ...],
    resolve: tuple[str, ...],
    form: str,
    config: str | None,
) -> int:
    """
    Verify the stores of all drops, or of each DROP, or what a URL gives, or the register.

    In stores are found files that were changed, cut off, exchanged, rolled back or removed,
    files of another class than their drop, and objects that belong to no file. Without --full
    only the beginning and the end of each file are looked at. The exit code is 10 when anything
    is found.

    A store that is older than the last change that is known of, or whose anchor was lost, is not
    served. When that state is what you want, as after a restore, give its DROP with --accept: it
    is taken for the newest one, verified, and served again, also by a gateway that runs.

    A URL (http:// or https://) is fetched, and its signature (RFC 9421) and digest (RFC 9530) are
    verified. With -o the body is written, but only when it is what the site signed. The exit
    code is 10 when it is not.

    With --register every assessment, decision, approval, audit and transfer is compared with the
    trail that vouches for it, and users, keys and grants with their seals. Whoever can write the whole database can also write a new trail:
    keep the digest of the last entry elsewhere, and give it with --head. The exit code is 10 when
    something was changed, removed or added.
    """
    from sealgate.app.verifying import is_url

    if register:
        if subjects or full or accept or out is not None or key or ca_files or resolve:
            raise UsageError(
                "--register stands alone, or with --head", hint="sealgate verify --register"
            )
        return verify_register(head, form=form, config=config)
    if head is not None:
        raise UsageError(
            "--head is for --register", hint="sealgate verify --register --head DIGEST"
        )
    urls = [subject for subject in subjects if is_url(subject)]
    if urls and len(urls) < len(subjects):
        raise UsageError("drops and URLs are verified apart", hint="sealgate verify URL")
    if urls:
        if full:
            raise UsageError("--full is for drops; what a URL gives is always read to its end")
        if accept:
            raise UsageError("--accept is for drops", hint="sealgate verify DROP --accept")
        return verify_urls(
            urls, out, key=key, ca_files=ca_files, resolve=resolve, form=form, config=config
        )
    if out is not None or key or ca_files or resolve:
        raise UsageError(
            "-o, --key, --ca and --resolve are for a URL", hint="sealgate verify URL -o OUT"
        )
    if accept and not subjects:
        raise UsageError("--accept takes each drop by name", hint="sealgate verify DROP --accept")
    return _verify_drops(subjects, full=full, accept=accept, form=form, config=config)


def _verify_drops(
    drops: tuple[str, ...], *, full: bool, accept: bool, form: str, config: str | None
) -> int:
    from sealgate.app.storing import accept_drops, chosen_drops, verify_drops

    inventory = configured(config)
    chosen = chosen_drops(inventory, drops)
    if accept:
        for drop, why in accept_drops(inventory, chosen, now=time.time):
            told = (
                f"accepted as it is, though {shown(why)}" if why else "there is nothing to accept"
            )
            # JSON stands alone on standard output.
            click.echo(f"{drop.name}: {told}", err=form == "json")
    results = []
    for drop, made in one_by_one(
        "verifying",
        lambda advance: verify_drops(
            inventory,
            chosen,
            full=full,
            now=time.time,
            progress=lambda name, size: advance(name, size, None),
        ),
    ):
        results.append((drop, made))
        if form == "text":
            _tell(drop, made, full=full)
    if form == "json":
        stores = [
            {
                "drop": drop.name,
                "files": made.files,
                "bytes": made.size,
                "opened": made.opened,
                "found": [
                    {"fault": f.fault.value, "place": f.place, "told": f.told} for f in made.found
                ],
            }
            for drop, made in results
        ]
        click.echo(json.dumps({"schema": SCHEMA, "full": full, "stores": stores}, indent=2))
    found_any = any(made.found for _, made in results)
    return int(ExitCode.FINDINGS if found_any else ExitCode.OK)


def _tell(drop: Drop, made: Verified, *, full: bool) -> None:
    opened = f", {made.opened} opened" if full else ""
    verdict = "not whole" if made.found else "whole"
    files = f"{made.files} file{'' if made.files == 1 else 's'}"
    click.echo(f"{drop.name}: {verdict}, {files}, {made.size} bytes{opened}")
    for found in made.found:
        click.echo(f"{drop.name}: {found.fault}: {shown(found.place)}: {shown(found.told)}")
