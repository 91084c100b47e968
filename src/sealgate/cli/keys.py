"""``sealgate keys``: the site's own keys, which stored files are sealed with."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import click

from sealgate.cli.configured import config_option, configured
from sealgate.cli.groups import Group
from sealgate.cli.keys_signing import signing
from sealgate.cli.messages import notice
from sealgate.errors import SourceError, UsageError
from sealgate.files import new_file


@click.group("keys", cls=Group, invoke_without_command=True)
@config_option
@click.pass_context
def command(context: click.Context, config: str | None) -> None:
    """
    The site's own keys, which stored files are sealed with: list, add, export.

    Without a command they are listed, without opening them. The keys and certificates that let
    users in are another thing: sealgate key. Those that answers over plain HTTP are signed with
    are under signing.
    """
    if context.invoked_subcommand is None:
        _list(config)


@command.command("list")
@config_option
def list_(config: str | None) -> None:
    """List the keys: id, age, which is current, and what keeps them apart."""
    _list(config)


@command.command("add")
@config_option
def add(config: str | None) -> None:
    """
    Make a new current key; the one before stays, and opens what it sealed.

    New files are sealed for the new key at once. Those that are there stay sealed for the old
    one until they are rotated.
    """
    from sealgate.app.keyring import add_site_key

    unlocked = add_site_key(configured(config), now=time.time())
    click.echo(f"current: {unlocked.current.id}  {unlocked.current.recipient}")
    if len(unlocked.keyring.keys) > 1:
        click.echo(f"retired: {unlocked.keyring.keys[-2].id}; it still opens what it sealed")
        notice("a server that runs takes it over with: sealgate reload")


@command.command("protect")
@config_option
def protect(config: str | None) -> None:
    """
    Close the key file anew, after protection under [keys] was changed.

    It is opened as it was closed. A new key afterwards (sealgate keys add) makes what a copy of
    the old file could open end with the files that are there.
    """
    from sealgate.app.keyring import protect_site_keys

    before, kept = protect_site_keys(configured(config))
    click.echo(f"protected by {kept.protection}, before by {before}: {kept.path}")


@command.command("export")
@click.option(
    "--identities", metavar="F", help="Write the secret keys to the new file F instead (age -i F)."
)
@config_option
def export(identities: str | None, config: str | None) -> None:
    """
    Print the current recipient, for age -r.

    With --identities the secret keys are written to a file, with which the age program alone
    opens what Sealgate sealed. Whoever has that file can do so too.
    """
    from sealgate.app.keyring import export_identities, look_at_site_keys

    inventory = configured(config)
    if identities is None:
        kept = look_at_site_keys(inventory)
        if kept is None:
            raise UsageError("there are no site keys yet", hint="sealgate keys add")
        click.echo(kept.keyring.current.recipient)
        return
    text = "".join(
        f"# site key {key.id}, made {_day(key.created_at)}\n# public key: {key.recipient}\n{secret}\n"
        for key, secret in export_identities(inventory)
    )
    _write_new(identities, text)
    click.echo(f"wrote: {identities}")
    notice("whoever has this file opens what is sealed for the site; keep it off this machine")


command.add_command(signing)


def _list(config: str | None) -> None:
    from sealgate.app.keyring import look_at_site_keys, why_not_apart_from_drops

    inventory, now = configured(config), time.time()
    kept = look_at_site_keys(inventory)
    if kept is None:
        click.echo("no site keys yet; they are made when first needed, or: sealgate keys add")
        return
    click.echo("id        made        age in days  state    recipient")
    for key in reversed(kept.keyring.keys):
        state = "current" if key.retired_at is None else "retired"
        told = f"{key.id}  {_day(key.created_at)}  {key.age_days(now):<11.0f}  {state}"
        click.echo(f"{told}  {key.recipient}")
    click.echo(f"protection: {kept.protection}{f' ({kept.key})' if kept.key else ''}")
    for recipient in inventory.keys.recovery:
        click.echo(f"recovery: {recipient}")
    why = why_not_apart_from_drops(inventory)
    click.echo(f"kept apart: no: {why}" if why else "kept apart: yes")
    if kept.keyring.is_due(now):
        notice("the current key is a year old: sealgate keys add, then sealgate rotate")
    if kept.protection != inventory.keys.protection:
        notice(f'[keys] says protection = "{inventory.keys.protection}": sealgate keys protect')


def _write_new(path: str, text: str) -> None:
    try:
        with new_file(Path(path)) as file:
            file.write(text.encode("ascii"))
    except FileExistsError as error:
        raise UsageError(
            f'"{path}" exists already, and a key is never overwritten', hint="give another name"
        ) from error
    except OSError as error:
        message = f'"{path}" cannot be written: {error.strerror}'
        raise SourceError(message, hint=f"ls -ld '{Path(path).parent}'") from error


def _day(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, tz=dt.UTC):%Y-%m-%d}"
