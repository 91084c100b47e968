"""``sealgate certificate``: server certificates that are fetched from an authority."""

from __future__ import annotations

import time

import click

from sealgate.cli.configured import config_option, configured
from sealgate.cli.groups import Group
from sealgate.errors import ExitCode


@click.group("certificate", cls=Group)
def command() -> None:
    """
    Look after server certificates that are fetched from an authority (ACME).

    The running gateway renews them by itself; these are for when something happened.
    """


@command.command("list")
@config_option
def list_(*, config: str | None) -> int:
    """List the certificates, when they end, and what is wrong with them."""
    from sealgate.app.certificate_commands import list_certificates

    lines = list_certificates(configured(config), time.time())
    for line in lines:
        ends = f"ends {line.ends:%Y-%m-%d %H:%M} UTC" if line.ends else "not issued yet"
        renews = f", renews {line.renews:%Y-%m-%d %H:%M} UTC" if line.renews else ""
        click.echo(f"{line.site}: {ends}{renews}")
        if line.complaint:
            click.echo(f"  {line.complaint}")
    if not lines:
        click.echo('no certificate is fetched: certificate = "acme" in [tls] has it done')
    return int(ExitCode.FINDINGS if any(line.complaint for line in lines) else ExitCode.OK)


@command.command("renew")
@click.argument("site")
@config_option
def renew(site: str, *, config: str | None) -> None:
    """
    Have a new certificate for SITE fetched now.

    The running gateway does it within seconds; without one, the next start does.
    """
    from sealgate.app.certificate_commands import renew_certificate

    renew_certificate(configured(config), site)
    click.echo(f"{site}: a new certificate is fetched; the one before is shown until it is there")


@command.command("revoke")
@click.argument("site")
@click.option("--key-compromised", is_flag=True, help="Somebody else may have its private key.")
@config_option
def revoke(site: str, *, key_compromised: bool, config: str | None) -> None:
    """Have the certificate of SITE revoked by its authority, and a new one fetched."""
    from sealgate.app.certificate_commands import revoke_certificate

    revoke_certificate(configured(config), site, key_compromised=key_compromised)
    click.echo(f"{site}: revoked; a new certificate is fetched, and shown when it is there")
