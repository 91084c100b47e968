"""
``sealgate user``: the identities that may be admitted, and their groups.
"""

from __future__ import annotations

import time

import click

from sealgate.app.users import actor, add_user, list_users, regroup_user, remove_user
from sealgate.cli.configured import config_option, configured


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
    Add the user NAME. What lets it in is a key: sealgate key issue NAME.
    """
    changed = add_user(configured(config), name, groups, by=actor(), now=time.time())
    click.echo(f'added "{changed.name}"{_member(changed.groups)}')
    click.echo(f"gateway: {changed.news}")


@command.command("list")
@config_option
def list_(config: str | None) -> None:
    """
    List every user, its groups, and how many of its keys are valid now.
    """
    lines = list_users(configured(config), time.time())
    if not lines:
        click.echo("no users; add one: sealgate user add NAME --group GROUP")
        return
    width = max(4, *(len(line.name) for line in lines))
    groups = max(6, *(len(", ".join(line.groups)) for line in lines))
    click.echo(f"{'user':{width}}  {'groups':{groups}}  valid keys")
    for line in lines:
        told = ", ".join(line.groups)
        click.echo(f"{line.name:{width}}  {told:{groups}}  {line.living_certificates}")


@command.command("remove")
@click.argument("name")
@config_option
def remove(name: str, config: str | None) -> None:
    """
    Remove the user NAME and revoke every key that was issued to it.
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


def _member(groups: tuple[str, ...]) -> str:
    return f" in {', '.join(groups)}" if groups else ""
