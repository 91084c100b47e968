"""``sealgate grant``: somebody else agrees that one person may reach one asset for a while."""

from __future__ import annotations

import datetime as dt
import re
import time

import click

from sealgate.cli.configured import config_option, configured
from sealgate.cli.groups import Group
from sealgate.cli.stored import shown
from sealgate.errors import UsageError
from sealgate.identity.grants import MOST_MINUTES

_DURATION = re.compile(r"(?:(\d{1,3})h)?(?:(\d{1,4})m)?")
_as_option = click.option(
    "--as", "who", required=True, metavar="NAME", help="Which user this is; your login is kept too."
)


@click.group("grant", cls=Group)
def command() -> None:
    """
    Ask for, approve and end grants for what is "very high" to reach.

    Whoever asks gives a reason; another person, who holds the role "approver", agrees; it ends
    by itself. Neither the person nor the login that asked may approve.
    """


@command.command("ask")
@click.argument("asset")
@click.option("--reason", required=True, help="Why; whoever approves reads it, and it is kept.")
@click.option(
    "--for",
    "duration",
    required=True,
    metavar="TIME",
    help=f"How long, such as 45m, 2h or 1h30m; at most {MOST_MINUTES // 60}h.",
)
@_as_option
@config_option
def ask(asset: str, reason: str, duration: str, who: str, config: str | None) -> None:
    """Ask for ASSET, named as sealgate plan shows it, such as "drop partners"."""
    from sealgate.app.actor import actor
    from sealgate.app.grants import ask_grant

    grant, approvers = ask_grant(
        configured(config),
        who,
        asset,
        reason=reason,
        minutes=_minutes(duration),
        by=actor(),
        now=time.time(),
    )
    click.echo(f'grant {grant.id}: "{grant.person}" asks for "{grant.asset}" for {duration}')
    if approvers:
        command_line = f"sealgate grant approve {grant.id} --as {approvers[0]}"
        click.echo(f"it waits for {' or '.join(approvers)}: {command_line}")
    else:
        click.echo("nobody can approve it yet: sealgate user role NAME --add approver")


@command.command("approve")
@click.argument("grant_id", metavar="ID")
@_as_option
@config_option
def approve(grant_id: str, who: str, config: str | None) -> None:
    """Agree to the grant ID; it runs from now on."""
    from sealgate.app.actor import actor
    from sealgate.app.grants import approve_grant

    grant = approve_grant(configured(config), grant_id, who, by=actor(), now=time.time())
    until = _moment(grant.ends_at or 0)
    click.echo(f'grant {grant.id}: "{grant.person}" may reach "{grant.asset}" until {until}')


@command.command("deny")
@click.argument("grant_id", metavar="ID")
@_as_option
@config_option
def deny(grant_id: str, who: str, config: str | None) -> None:
    """Refuse the grant ID; another one may be asked for."""
    from sealgate.app.actor import actor
    from sealgate.app.grants import deny_grant

    grant = deny_grant(configured(config), grant_id, who, by=actor(), now=time.time())
    click.echo(f'grant {grant.id} of "{grant.person}" is denied')


@command.command("end")
@click.argument("grant_id", metavar="ID")
@config_option
def end(grant_id: str, config: str | None) -> None:
    """End the grant ID before its time, or take the question back. Anybody may."""
    from sealgate.app.actor import actor
    from sealgate.app.grants import end_grant

    grant = end_grant(configured(config), grant_id, by=actor(), now=time.time())
    click.echo(f'grant {grant.id} of "{grant.person}" for "{grant.asset}" is ended')


@command.command("list")
@click.option("--all", "all_of_them", is_flag=True, help="Those that are over, too.")
@config_option
def list_(*, all_of_them: bool, config: str | None) -> None:
    """List the grants that run or wait."""
    from sealgate.app.grants import list_grants

    lines = list_grants(configured(config), all_of_them=all_of_them, now=time.time())
    if not lines:
        click.echo("no grants")
        return
    person = max(6, *(len(line.grant.person) for line in lines))
    asset = max(5, *(len(line.grant.asset) for line in lines))
    click.echo(f"{'id':8}  {'person':{person}}  {'asset':{asset}}  state    until, and why")
    for line in lines:
        grant = line.grant
        until = _moment(grant.ends_at) if grant.ends_at else f"{grant.minutes} minutes"
        told = f"{grant.id:8}  {grant.person:{person}}  {grant.asset:{asset}}  {line.state:7}"
        agreed = f", by {grant.approver}" if grant.approver else ""
        click.echo(f"{told}  {until}{agreed}: {shown(grant.reason)}")


def _minutes(text: str) -> int:
    found = _DURATION.fullmatch(text.strip().lower())
    if not found or not any(found.groups()):
        raise UsageError(
            f'"{shown(text[:20])}" is no time, but must be such as 45m, 2h or 1h30m',
            hint="--for 2h",
        )
    return int(found[1] or 0) * 60 + int(found[2] or 0)


def _moment(at: float) -> str:
    return f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y-%m-%d %H:%M} UTC"
