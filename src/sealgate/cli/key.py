"""``sealgate key``: client certificates and SSH keys, which are what lets a user in."""

from __future__ import annotations

import datetime as dt
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealgate.cli.configured import config_option, configured
from sealgate.cli.groups import Group
from sealgate.cli.messages import notice
from sealgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.app.ssh_keys import SSHKeyLine


@click.group("key", cls=Group)
def command() -> None:
    """
    Issue, list and revoke what lets a user in: client certificates and SSH keys.

    One thing is for files: a key pair that a secret drop seals for (recipient).

    The site's own keys, which stored files are sealed with, are another thing: sealgate
    keys.
    """


@command.command("issue")
@click.argument("name")
@click.option("--p12", metavar="F", help="Write one PKCS#12 file for a browser.")
@click.option("--out", "prefix", metavar="PREFIX", help="Write PREFIX.crt and PREFIX.key (PEM).")
@click.option("--days", type=int, default=365, show_default=True, help="How long it is valid.")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="Have the user join it.")
@click.option(
    "--password-file", metavar="F", help="The password of the PKCS#12 file is F's first line."
)
@click.option("--password-env", metavar="VAR", help="The password is in this variable.")
@click.option("--legacy-p12", "legacy", is_flag=True, help="The form that Keychain (macOS) reads.")
@config_option
def issue(
    name: str,
    *,
    p12: str | None,
    prefix: str | None,
    days: int,
    groups: tuple[str, ...],
    password_file: str | None,
    password_env: str | None,
    legacy: bool,
    config: str | None,
) -> None:
    """
    Issue a client certificate to the user NAME, who is added where unknown.

    Without --p12 and --out, NAME.crt and NAME.key are written here. The private key is
    written where you ask and kept nowhere else; a file is never overwritten. The
    password of a PKCS#12 file is asked for on a terminal; without one it is made and
    shown once.
    """
    from sealgate.app.actor import actor
    from sealgate.app.keys import Delivery, issue_key

    inventory = configured(config)
    # Its weak form rests on the password alone, so a person is not asked for one.
    asked = legacy and password_file is None and password_env is None
    password = None if asked else _password(p12, password_file, password_env)
    issued = issue_key(
        inventory,
        name,
        Delivery(p12, prefix, password, legacy),
        groups=groups,
        days=days,
        by=actor(),
        now=time.time(),
        show=_show_password,
    )
    certificate = issued.certificate
    if issued.user_added:
        notice(f'user "{certificate.identity}" was added')
    click.echo(f'issued to "{certificate.identity}", valid until {_day(certificate.not_after)}')
    click.echo(f"serial: {certificate.serial}")
    for path in issued.files:
        click.echo(f"wrote: {path}")
    if issued.refusal is not None:
        raise issued.refusal
    click.echo(f"gateway: {issued.news}")


@command.command("add")
@click.argument("name")
@click.argument("file", metavar="FILE.pub")
@config_option
def add(name: str, file: str, config: str | None) -> None:
    """
    Let the user NAME in with the SSH key in FILE.pub (-: standard input).

    Taken are ed25519, ECDSA and their security-key forms, and RSA of 3072 bits or more. Only the
    public half is given; it holds from the next sign-in.
    """
    from sealgate.app.actor import actor
    from sealgate.app.ssh_keys import add_ssh_key

    key = add_ssh_key(configured(config), name, file, by=actor(), now=time.time())
    click.echo(f'added {key.algorithm} {key.fingerprint} to "{key.identity}"')


@command.command("recipient")
@click.option("--out", "path", metavar="F", help="Write the identity to the new file F.")
def recipient(path: str | None) -> None:
    """
    Make a post-quantum age key pair for a secret drop, on the machine where files are read.

    The recipient (age1pq1…) goes into the drop's recipients. The identity opens what is sealed for
    it; it is written to F, or shown once, and kept nowhere else. Whoever serves the drop must
    not have it.
    """
    from sealgate.app.keys import new_recipient

    made, identity = new_recipient(path, now=time.time())
    if path is None:
        click.echo(identity, nl=False)
        notice(
            "the identity is shown this once; it is kept nowhere: keep it off the serving machine"
        )
        return
    click.echo(made)
    notice(f"wrote: {path}; whoever has it opens what is sealed: keep it off the serving machine")


@command.command("list")
@config_option
def list_(config: str | None) -> None:
    """List every certificate and SSH key: what it is called, whose it is, and whether it is valid."""
    from sealgate.app.keys import list_keys
    from sealgate.app.ssh_keys import list_ssh_keys

    inventory = configured(config)
    lines, ssh = list_keys(inventory, time.time()), list_ssh_keys(inventory)
    if lines:
        serial = max(len(line.certificate.serial) for line in lines)
        user = max(4, *(len(line.certificate.identity) for line in lines))
        click.echo(f"{'serial':{serial}}  {'user':{user}}  {'until':10}  state")
        for line in lines:
            held = line.certificate
            told = f"{held.serial:{serial}}  {held.identity:{user}}  {_day(held.not_after)}"
            click.echo(f"{told}  {line.state}")
    if lines and ssh:
        click.echo()
    if ssh:
        _list_ssh(ssh)
    if not lines and not ssh:
        click.echo("no keys; issue one: sealgate key issue NAME --p12 NAME.p12")


@command.command("revoke")
@click.argument("which", metavar="SERIAL|FINGERPRINT|NAME")
@config_option
def revoke(which: str, config: str | None) -> None:
    """
    Revoke one certificate or SSH key, or all of a user by name.

    A certificate is named by its serial, an SSH key by its SHA256 fingerprint. When this returns
    0, the running gateway refuses them, on open connections too.
    """
    from sealgate.app.actor import actor
    from sealgate.app.keys import revoke_key

    revoked = revoke_key(configured(config), which, by=actor(), now=time.time())
    for key in revoked.keys:
        click.echo(f'revoked {key.handle} of "{key.identity}"')
    if not revoked.keys:
        click.echo(f'everything of "{which}" was revoked before')
    click.echo(f"gateway: {revoked.news}")


def _list_ssh(lines: Sequence[SSHKeyLine]) -> None:
    mark = max(len(line.key.fingerprint) for line in lines)
    user = max(4, *(len(line.key.identity) for line in lines))
    kind = max(len(line.key.algorithm) for line in lines)
    head = f"{'ssh key':{mark}}  {'user':{user}}  {'since':10}  {'state':7}  {'type':{kind}}"
    click.echo(f"{head}  comment")
    for line in lines:
        key = line.key
        told = f"{key.fingerprint:{mark}}  {key.identity:{user}}  {_day(key.added_at)}"
        told = f"{told}  {line.state:7}  {key.algorithm:{kind}}  {key.comment}"
        click.echo(told.rstrip())


def _show_password(password: str) -> None:
    click.echo(f"password: {password}")
    notice("the password is shown this once; it is kept nowhere")


def _password(p12: str | None, file: str | None, variable: str | None) -> str | None:
    from sealgate.app.keys import checked_password

    if p12 is None:
        if file is not None or variable is not None:
            raise click.UsageError("a password protects a PKCS#12 file: give --p12 F too")
        return None
    if file is not None and variable is not None:
        raise click.UsageError("give --password-file or --password-env, not both")
    if file is not None:
        return _first_line(file)
    if variable is not None:
        found = os.environ.get(variable)
        if found is None:
            raise UsageError(f'the variable "{variable}" of --password-env is not set')
        return found
    if not sys.stdin.isatty():
        return None
    asked: str = click.prompt(
        f"password for {p12} (empty: have one made)",
        default="",
        hide_input=True,
        show_default=False,
        err=True,
    )
    if not asked:
        return None
    checked_password(asked)
    again: str = click.prompt("the same again", hide_input=True, err=True)
    if again != asked:
        raise UsageError("the two passwords differ", hint="try again")
    return asked


def _first_line(path: str) -> str:
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f'password file "{path}" cannot be read: {told}') from error
    return lines[0] if lines else ""


def _day(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, tz=dt.UTC):%Y-%m-%d}"
