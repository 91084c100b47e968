"""
``sealgate user``: the identities that may be admitted, and their groups.
"""

from __future__ import annotations

import sys
import time

import click

from sealgate.app.users import (
    actor,
    add_user,
    check_user,
    list_users,
    regroup_user,
    remove_password,
    remove_user,
    set_password,
)
from sealgate.cli.configured import config_option, configured
from sealgate.errors import UsageError
from sealgate.identity.passwords import MOST_BYTES


@click.group("user")
def command() -> None:
    """
    Add, list and remove identities and their groups.

    Who is admitted where is said in sealgate.toml: admit = ["user:NAME", "group:GROUP"].
    """


@command.command("add")
@click.argument("name")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="May be given repeatedly.")
@config_option
def add(name: str, groups: tuple[str, ...], config: str | None) -> None:
    """
    Add the user NAME. What lets it in is a key (sealgate key) or a password.
    """
    changed = add_user(configured(config), name, groups, by=actor(), now=time.time())
    click.echo(f'added "{changed.name}"{_member(changed.groups)}')
    click.echo(f"gateway: {changed.news}")


@command.command("list")
@config_option
def list_(config: str | None) -> None:
    """
    List every user, its groups, and what lets it in now.
    """
    lines = list_users(configured(config), time.time())
    if not lines:
        click.echo("no users; add one: sealgate user add NAME --group GROUP")
        return
    width = max(4, *(len(line.name) for line in lines))
    groups = max(6, *(len(", ".join(line.groups)) for line in lines))
    click.echo(f"{'user':{width}}  {'groups':{groups}}  certificates  ssh keys  password")
    for line in lines:
        told = f"{line.name:{width}}  {', '.join(line.groups):{groups}}"
        counts = f"{line.living_certificates:<12}  {line.living_ssh_keys:<8}"
        click.echo(f"{told}  {counts}  {'yes' if line.has_password else 'no'}")


@command.command("remove")
@click.argument("name")
@config_option
def remove(name: str, config: str | None) -> None:
    """
    Remove the user NAME with its password, and revoke every key of it.
    """
    changed = remove_user(configured(config), name, by=actor(), now=time.time())
    click.echo(f'removed "{changed.name}", revoked {len(changed.revoked)} of its keys')
    click.echo(f"gateway: {changed.news}")


@command.command("group")
@click.argument("name")
@click.option("--add", "joined", multiple=True, metavar="GROUP", help="May be given repeatedly.")
@click.option("--remove", "left", multiple=True, metavar="GROUP", help="May be given repeatedly.")
@config_option
def group(name: str, joined: tuple[str, ...], left: tuple[str, ...], config: str | None) -> None:
    """
    Change which groups the user NAME is a member of.
    """
    if not joined and not left:
        raise click.UsageError("nothing to change: give --add GROUP or --remove GROUP")
    changed = regroup_user(configured(config), name, joined, left, by=actor(), now=time.time())
    click.echo(f'"{changed.name}" is{_member(changed.groups) or " in no group"}')
    click.echo(f"gateway: {changed.news}")


@command.command("password")
@click.argument("name")
@click.option("--stdin", "piped", is_flag=True, help="The password is standard input's first line.")
@click.option("--remove", is_flag=True, help="Take the password away.")
@click.option(
    "--common",
    metavar="F",
    envvar="SEALGATE_COMMON_PASSWORDS",
    help="Refuse what is a line of F (or set SEALGATE_COMMON_PASSWORDS).",
)
@config_option
def password(
    name: str, *, piped: bool, remove: bool, common: str | None, config: str | None
) -> None:
    """
    Give the user NAME a password, which is asked for twice.

    A password alone opens what needs the access rung "low" and no more. At least 15
    characters; no other rule but what is common or the name itself. It holds from the next
    sign-in.
    """
    inventory = configured(config)
    if remove:
        if piped:
            raise click.UsageError("give --stdin or --remove, not both")
        had = remove_password(inventory, name, by=actor(), now=time.time())
        click.echo(f'"{name}" {"has no password any more" if had else "had no password"}')
        return
    known = check_user(inventory, name)
    given = _piped() if piped else _asked(known)
    set_password(inventory, known, given, common=common, by=actor(), now=time.time())
    click.echo(f'"{known}" has a new password')


def _piped() -> str:
    # One byte more than fits, so that what is too long is seen to be.
    line = sys.stdin.buffer.readline(MOST_BYTES + 3)
    try:
        return line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise UsageError("the password on standard input is not UTF-8") from error


def _asked(name: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask for a password on",
            hint=f"sealgate user password {name} --stdin",
        )
    given: str = click.prompt(f"password for {name}", hide_input=True, err=True)
    again: str = click.prompt("the same again", hide_input=True, err=True)
    if again != given:
        raise UsageError("the two passwords differ", hint="try again")
    return given


def _member(groups: tuple[str, ...]) -> str:
    return f" in {', '.join(groups)}" if groups else ""
