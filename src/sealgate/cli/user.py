"""``sealgate user``: the identities that may be admitted, and their groups."""

from __future__ import annotations

import datetime as dt
import sys
import time

import click

from sealgate.cli.configured import config_option, configured
from sealgate.cli.groups import Group
from sealgate.cli.messages import notice
from sealgate.errors import UsageError

_SECOND = "  passkeys  codes  roles"


@click.group("user", cls=Group)
def command() -> None:
    """
    Add, list and remove identities and their groups.

    Who is admitted where is said in sealgate.toml: admit = ["user:NAME", "group:GROUP"].
    """


@command.command("add")
@click.argument("name")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="May be given repeatedly.")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="approver: decides on grants.")
@config_option
def add(name: str, groups: tuple[str, ...], roles: tuple[str, ...], config: str | None) -> None:
    """Add the user NAME. What lets it in is a key (sealgate key) or a password."""
    from sealgate.app.actor import actor
    from sealgate.app.users import add_user

    changed = add_user(configured(config), name, groups, roles=roles, by=actor(), now=time.time())
    click.echo(f'added "{changed.name}"{_member(changed.groups)}')
    click.echo(f"gateway: {changed.news}")


@command.command("list")
@config_option
def list_(config: str | None) -> None:
    """List every user, its groups, and what lets it in now."""
    from sealgate.app.users import list_users

    lines = list_users(configured(config), time.time())
    if not lines:
        click.echo("no users; add one: sealgate user add NAME --group GROUP")
        return
    width = max(4, *(len(line.name) for line in lines))
    groups = max(6, *(len(", ".join(line.groups)) for line in lines))
    click.echo(f"{'user':{width}}  {'groups':{groups}}  certificates  ssh keys  password{_SECOND}")
    for line in lines:
        told = f"{line.name:{width}}  {', '.join(line.groups):{groups}}"
        counts = f"{line.living_certificates:<12}  {line.living_ssh_keys:<8}"
        counts += f"  {'yes' if line.has_password else 'no':8}  {line.living_passkeys:<8}"
        code = "yes" if line.has_totp else "no"
        click.echo(f"{told}  {counts}  {code:5}  {', '.join(line.roles)}".rstrip())


@command.command("remove")
@click.argument("name")
@config_option
def remove(name: str, config: str | None) -> None:
    """Remove the user NAME with its password and codes, revoke its keys and end its grants."""
    from sealgate.app.actor import actor
    from sealgate.app.users import remove_user

    changed = remove_user(configured(config), name, by=actor(), now=time.time())
    click.echo(f'removed "{changed.name}", revoked {len(changed.revoked)} of its keys')
    click.echo(f"gateway: {changed.news}")


@command.command("sign-out")
@click.argument("name")
@config_option
def sign_out(name: str, config: str | None) -> None:
    """
    End every sign-in of the user NAME on the web, in all browsers.

    What NAME signs in with stays: whoever knows the password can come back.
    """
    from sealgate.app.actor import actor
    from sealgate.app.users import sign_out_user

    count = sign_out_user(configured(config), name, by=actor(), now=time.time())
    ended = "1 sign-in" if count == 1 else f"{count} sign-ins"
    click.echo(f'ended {ended} of "{name}"; every browser notices within a minute')


@command.command("group")
@click.argument("name")
@click.option("--add", "joined", multiple=True, metavar="GROUP", help="May be given repeatedly.")
@click.option("--remove", "left", multiple=True, metavar="GROUP", help="May be given repeatedly.")
@config_option
def group(name: str, joined: tuple[str, ...], left: tuple[str, ...], config: str | None) -> None:
    """Change which groups the user NAME is a member of."""
    from sealgate.app.actor import actor
    from sealgate.app.users import regroup_user

    if not joined and not left:
        raise click.UsageError("nothing to change: give --add GROUP or --remove GROUP")
    changed = regroup_user(configured(config), name, joined, left, by=actor(), now=time.time())
    click.echo(f'"{changed.name}" is{_member(changed.groups) or " in no group"}')
    click.echo(f"gateway: {changed.news}")


@command.command("role")
@click.argument("name")
@click.option("--add", "given", multiple=True, metavar="ROLE", help="May be given repeatedly.")
@click.option("--remove", "taken", multiple=True, metavar="ROLE", help="May be given repeatedly.")
@config_option
def role(name: str, given: tuple[str, ...], taken: tuple[str, ...], config: str | None) -> None:
    """Change which roles the user NAME holds: approver decides on the grants of others."""
    from sealgate.app.actor import actor
    from sealgate.app.users import reassign_user

    if not given and not taken:
        raise click.UsageError("nothing to change: give --add ROLE or --remove ROLE")
    identity = reassign_user(configured(config), name, given, taken, by=actor(), now=time.time())
    held = ", ".join(identity.roles)
    click.echo(f'"{identity.name}" holds {f"the role {held}" if held else "no role"}')


@command.command("totp")
@click.argument("name")
@click.option("--remove", is_flag=True, help="Take the app and the recovery codes away.")
@config_option
def totp(name: str, *, remove: bool, config: str | None) -> None:
    """
    Set up one-time codes of an authenticator app for the user NAME, as a second factor.

    Shows a QR code to scan, asks for the code that the app then shows, and prints ten recovery
    codes, this once. An app that was set up before ends by that.
    """
    from sealgate.app.actor import actor
    from sealgate.app.factors import begin_totp, confirm_totp, qr_code, remove_totp

    inventory = configured(config)
    if remove:
        had = remove_totp(inventory, name, by=actor(), now=time.time())
        click.echo(f'"{name}" {"has no one-time codes any more" if had else "had none"}')
        return
    app = begin_totp(inventory, name)
    if sys.stdout.isatty():
        click.echo(qr_code(app.uri))
    click.echo(app.uri)
    click.echo(f"to type: {app.typed}")
    if app.remark:
        notice(f"the secret is sealed for the site keys, but {app.remark}")
    click.echo("the code that the app shows: ", nl=False, err=True)
    code = sys.stdin.readline(64)
    codes = confirm_totp(inventory, app, code, by=actor(), now=time.time())
    click.echo(f'"{app.name}" has one-time codes. Recovery codes, each for one time:')
    for one in codes:
        click.echo(f"  {one}")
    notice("the recovery codes are shown this once; only hashes are kept")


@command.command("passkey")
@click.argument("name")
@click.option("--list", "listed", is_flag=True, help="List the passkeys of NAME.")
@click.option("--remove", metavar="ID|LABEL", help="Revoke this one.")
@config_option
def passkey(name: str, *, listed: bool, remove: str | None, config: str | None) -> None:
    """
    Print a code with which the user NAME registers a passkey in a browser.

    It is good for one passkey and for a day; the next one ends it. Give it to NAME on a way that
    you trust: who has it can register a passkey of their own.
    """
    from sealgate.app.actor import actor
    from sealgate.app.factors import invite_passkey, list_passkeys, remove_passkey

    inventory = configured(config)
    if listed and remove:
        raise click.UsageError("give --list or --remove, not both")
    if remove:
        gone = remove_passkey(inventory, name, remove, by=actor(), now=time.time())
        click.echo(f'revoked the passkey {gone.label} ({gone.id}) of "{gone.identity}"')
        return
    if listed:
        held = list_passkeys(inventory, name)
        for key in held:
            state = "living" if key.is_living else "revoked"
            kind = "synced" if key.synced else "on one device"
            used = _day(key.used_at) if key.used_at else "never"
            click.echo(f"{key.id}  {key.label}  {key.site}  {state}, {kind}, last used {used}")
        if not held:
            click.echo(f"no passkeys; register one: sealgate user passkey {name}")
        return
    invited = invite_passkey(inventory, name, by=actor(), now=time.time())
    click.echo(f"code: {invited.code}")
    ends = dt.datetime.fromtimestamp(invited.ends_at, dt.UTC)
    click.echo(f'for "{invited.name}", until {ends:%Y-%m-%d %H:%M} UTC, on {invited.sites[0]}')
    for page in invited.pages:
        click.echo(f"at {page}")
    if not invited.pages:
        notice('no page asks for a passkey yet: give a [[site.route]] access = "high" and admit')


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
    from sealgate.app.actor import actor
    from sealgate.app.users import check_user, remove_password, set_password

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
    from sealgate.identity.passwords import MOST_BYTES

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


def _day(at: float) -> str:
    return f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y-%m-%d}"


def _member(groups: tuple[str, ...]) -> str:
    return f" in {', '.join(groups)}" if groups else ""
