"""``sealgate audit``: observe from outside and judge by the same ruler."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import click

from sealgate.cli.output import in_colour, looking, write_report
from sealgate.config import CONFIG_NAME
from sealgate.errors import INTERRUPTED, ExitCode, UsageError
from sealgate.report.formats import AUDIT, names_of, writer


@click.command("audit")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option("-c", "--config", metavar="CONFIG", help=f"The configuration ({CONFIG_NAME}).")
@click.option(
    "--format",
    "form",
    type=click.Choice(names_of(AUDIT)),
    default="text",
    show_default=True,
)
@click.option("--class", "class_id", metavar="CLASS", help="The class that a TARGET is held to.")
@click.option("--active", is_flag=True, help="Also send a TARGET what may be logged there.")
@click.option("--ca", "ca_files", metavar="FILE", multiple=True, help="Trust this PEM file too.")
@click.option("--output", metavar="FILE", help="Write the report there, for its owner only.")
@click.option(
    "--resolve", metavar="HOST:ADDRESS", multiple=True, help="Ask for HOST at this IP address."
)
def command(
    targets: tuple[str, ...],
    config: str | None,
    form: str,
    class_id: str | None,
    active: bool,
    ca_files: tuple[str, ...],
    output: str | None,
    resolve: tuple[str, ...],
) -> int:
    """
    Observe the configured sites, drops and tunnels, or each TARGET, and judge.

    A TARGET is a URL of https://, ssh://, sftp://, ftp:// or ftps:// (implicit on port 990).
    Without --class it is held to the weakest class that demands encryption. With --active
    it gets an empty POST over http, questions for files that no site wants to serve, a sign-in over SSH that proves nothing, and a command
    in clear behind AUTH TLS. The exit code is 0 when nothing is left to fix and 10 when there are findings; what
    could not be observed, an unreachable host too, is a finding.
    """
    from sealgate.app.audit import audit_endpoints, audit_sites, record
    from sealgate.app.audit_host import host_sightings
    from sealgate.app.audit_options import AuditOptions
    from sealgate.app.state import open_register
    from sealgate.audit.targets import parse_resolve, parse_target
    from sealgate.config.load import find_config, load

    endpoints = [parse_target(target) for target in targets]
    if not endpoints and class_id is not None:
        message = f'--class "{class_id}" needs a TARGET; configured sites have their own classes'
        raise UsageError(message, hint="sealgate audit https://shop.example --class CLASS")
    inventory = load(config) if config is not None else None
    if inventory is None and not endpoints:
        inventory = load(find_config(str(Path.cwd())))
    resolved = parse_resolve(resolve)
    now = time.time()
    write = writer(
        AUDIT,
        form,
        at=now,
        tool_version=version("sealgate"),
        console_width=min(shutil.get_terminal_size((100, 24)).columns, 120),
        colour=output is None and in_colour(),
    )
    with ExitStack() as stack:
        progress = stack.enter_context(looking())
        options = AuditOptions(now, active, ca_files, resolved, progress=progress)
        if endpoints or inventory is None:
            audit = audit_endpoints(endpoints, options, class_id=class_id, inventory=inventory)
        else:
            register = stack.enter_context(open_register(inventory))
            audit = audit_sites(
                inventory, options, host_sightings(inventory, now=options.now), register
            )
            # Before anything is printed: a verdict that leaves no evidence is a failure.
            record(register, audit)
    write_report(write(audit.report), output)
    if audit.interrupted:
        click.echo("interrupted: what had not been looked at is told as not observed", err=True)
        return INTERRUPTED
    return int(ExitCode.FINDINGS if audit.report.open_findings else ExitCode.OK)
