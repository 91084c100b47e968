"""``sealgate scripts``: what payment pages run, and who approved it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from sealgate.cli.configured import config_option, configured
from sealgate.cli.output import looking
from sealgate.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from sealgate.app.scripts import SeenPage, SeenScript


@click.command("scripts")
@config_option
@click.argument("route", metavar="[ROUTE]", required=False)
@click.option(
    "--approve", "digests", metavar="DIGEST", multiple=True, help='Approve it; "all" for each.'
)
@click.option("--by", metavar="NAME", help="Who approves.")
@click.option("--reason", metavar="TEXT", help="Why the page needs it.")
@click.option(
    "--resolve", metavar="HOST:ADDRESS", multiple=True, help="Ask for HOST at this IP address."
)
def command(
    config: str | None,
    route: str | None,
    digests: tuple[str, ...],
    by: str | None,
    reason: str | None,
    resolve: tuple[str, ...],
) -> int:
    """
    Show what payment pages run (ROUTE: only that one), or approve it.

    ROUTE is a host and a path, such as shop.example/checkout. The page and the scripts
    that it names are fetched now. The exit code is 0 when all that runs is approved as it
    is, else 10.
    """
    from sealgate.app.audit_options import AuditOptions
    from sealgate.app.scripts import approve_scripts, look_at_scripts
    from sealgate.app.state import open_register
    from sealgate.audit.targets import parse_resolve
    from sealgate.report.terminal import clean

    inventory = configured(config)
    options = AuditOptions(time.time(), resolve=parse_resolve(resolve))
    if digests and not (route and by and reason):
        raise UsageError(
            "an approval needs the page, who approves and why",
            hint="sealgate scripts ROUTE --approve DIGEST --by NAME --reason TEXT",
        )
    if (by or reason) and not digests:
        raise UsageError("nothing is approved", hint="give --approve DIGEST, or --approve all")
    with open_register(inventory) as register:
        if digests and route and by and reason:
            made = approve_scripts(
                inventory, register, options, route, digests, by=by, reason=reason
            )
            for one in made:
                shown = one.item if one.digest in one.item else f"{one.item} {one.digest}"
                click.echo(f"approved: {clean(shown)}")
            return int(ExitCode.OK)
        with looking("looking at payment pages"):
            pages = look_at_scripts(inventory, register, options, route)
    for page in pages:
        _tell(page)
    return int(ExitCode.OK if all(page.is_good for page in pages) else ExitCode.FINDINGS)


def _tell(page: SeenPage) -> None:
    from sealgate.report.terminal import clean

    click.echo(clean(page.asset.removeprefix("route ")))
    if page.why_not:
        click.echo(f"  not seen: {clean(page.why_not)}")
    elif not page.scripts:
        click.echo("  no script")
    for seen in page.scripts:
        click.echo(f"  {_state(seen)}: {clean(seen.script.shown)}{_pinned(seen)}")
        if seen.approval is not None:
            one = seen.approval
            click.echo(f"    {clean(one.reason)} ({clean(one.by)}, {_day(one.approved_at)})")
    for one in page.gone:
        click.echo(f"  gone: {clean(one.item)}")


def _state(seen: SeenScript) -> str:
    if seen.holds:
        return "approved"
    return "NOT APPROVED" if seen.approval is None else "CHANGED"


def _pinned(seen: SeenScript) -> str:
    return ", without integrity" if seen.script.foreign and not seen.script.pinned else ""


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))
