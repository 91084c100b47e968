"""``sealgate plan``: show what serve will do, required against provided."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from sealgate.cli.configured import config_option, configured
from sealgate.cli.messages import typable
from sealgate.cli.output import in_colour
from sealgate.cli.settings import echo_settings
from sealgate.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.errors import Fault
    from sealgate.policy.confirming import Confirmable
    from sealgate.policy.finding import AssetReport, Finding
    from sealgate.policy.inventory import AcceptedRisk, Address
    from sealgate.policy.protection import Column
    from sealgate.serve.deployment import ServiceInBrief
    from sealgate.serve.plan import Plan, ShutDoor

SCHEMA = "sealgate/plan/1"
MAX_WIDTH = 120


@click.command("plan")
@config_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
)
def command(config: str | None, form: str) -> int:
    """
    Show what serve will do: each site, route, drop and tunnel, required against provided.

    Nothing is started or written. The exit code is 0 when serve would start and give
    every part what its class demands, else 10. What only an audit can see, such as
    whether a site really asks for a password, is named and does not count.
    """
    from sealgate.serve.plan import plan

    now = time.time()
    planned = plan(configured(config), now=now)
    if form == "json":
        click.echo(as_json(planned, now))
    else:
        _tell(planned)
    return int(ExitCode.OK if planned.is_good else ExitCode.FINDINGS)


def _tell(planned: Plan) -> None:
    from sealgate.report.files import door_lines, drop_lines, tunnel_lines
    from sealgate.report.inspection import inspection_lines
    from sealgate.report.leftovers import leftover_lines
    from sealgate.report.limits import limit_lines
    from sealgate.report.plan import render_plan

    width = min(shutil.get_terminal_size((100, 24)).columns, MAX_WIDTH)
    # Shut doors are listed below; a row for each would hide the site's own parts.
    shut = {door.asset for door in planned.shut}
    assets = tuple(a for a in planned.report.assets if a.asset.id not in shut)
    shown = replace(planned.report, assets=assets)
    table = render_plan(shown, console_width=width, colour=in_colour())
    click.echo(table.rstrip("\n"))
    _section("what runs", map(_service, planned.deployment.services))
    _section("what one client may take", limit_lines(planned.inventory))
    _section("what no site wants to serve", leftover_lines(planned.inventory))
    _section("file transfer", door_lines(planned.inventory))
    _section("drops", drop_lines(planned.inventory, planned.why_not_apart))
    _section("tunnels", tunnel_lines(planned.inventory))
    _section("looked into on the way", inspection_lines(planned.inventory))
    _section("serve refuses to start", (_fault(fault) for fault in planned.refusals))
    _section("serve fences off", (_fault(fault) for fault in planned.fenced))
    _section("weaker than required", (_column(item) for item in planned.unmet))
    _section("the audit will find", (_finding(finding) for finding in planned.expected))
    _section("left to the audit", (_column(item) for item in planned.for_the_audit))
    _section("shut until you say who may enter", _shut(planned.shut))
    _section("for a person to confirm", (_point(item) for item in planned.to_confirm))
    _section("accepted risks", (_risk(risk) for risk in planned.accepted))
    _section("accepted risks that ended", (_risk(risk) for risk in planned.expired))
    _section("remarks", planned.remarks)
    for site in planned.settings:
        click.echo(f"\n[{site.site}]")
        echo_settings(site.preset.title, site.snippets, site.preset.limits)
    click.echo(f"\n{summary(planned)}")


def summary(planned: Plan) -> str:
    """Return the verdict in one line."""
    if planned.refusals:
        count = len(planned.refusals)
        return f"serve would not start: {count} {'reason' if count == 1 else 'reasons'}"
    if planned.fenced:
        count = len(planned.fenced)
        return f"serve would start, but fence off {count} {'drop' if count == 1 else 'drops'}"
    if planned.unmet:
        return f"serve would start, but {len(planned.unmet)} required protections are not given"
    return "serve would start and give every part what its class demands"


def _section(title: str, lines: Iterable[str]) -> None:
    from sealgate.report.terminal import folded

    shown = list(lines)
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    if shown:
        click.echo(f"\n{title}:")
        for line in "\n".join(f"  {one}" for one in shown).splitlines():
            bare = line.lstrip()
            click.echo(folded(bare, columns, line.removesuffix(bare)))


def _service(service: ServiceInBrief) -> str:
    where = f" on {', '.join(map(_address, service.addresses))}" if service.addresses else ""
    return f"{service.name}{where}" + (f": {', '.join(service.serves)}" if service.serves else "")


def _address(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def _fault(fault: Fault) -> str:
    return f"{fault}\n    hint: {typable(fault.hint)}" if fault.hint else str(fault)


def _column(item: tuple[AssetReport, Column]) -> str:
    asset, column = item
    return f"{asset.asset.id}: {column.value} must be {asset.required.rung(column)}"


def _finding(finding: Finding) -> str:
    return f"{finding.rule.id}, {finding.asset.id}: {finding.found}\n    fix: {finding.fix}"


def _shut(doors: tuple[ShutDoor, ...]) -> Iterable[str]:
    from sealgate.config.presets import GENERIC

    by_site: dict[str, list[ShutDoor]] = {}
    for door in doors:
        by_site.setdefault(door.site.name, []).append(door)
    for first, *others in by_site.values():
        asset = first.asset
        listed = ", ".join([str(asset), *(str(other.route.door) for other in others)])
        away = ', or preset = "none"' if first.site.preset == GENERIC.name else ""
        yield (
            f"{listed} ({first.route.origin})"
            f'\n    hint: add [[site.route]] with path = "{first.route.door.path}", '
            f'class = "{first.route.classification.id}", backend = true, '
            f'admit = ["group:editors"]{away}'
        )


def _point(item: Confirmable) -> str:
    given, point = item.confirmation, item.point
    if given is None:
        state = "not confirmed"
    elif item.holds:
        state = f"confirmed by {given.by} on {given.on.isoformat()}, until {item.ends}"
    else:
        state = f"does not hold: {given.by} on {given.on.isoformat()}, until {item.ends}"
    return f"{point.id}, {item.asset}: {state}\n    {point.text} ({point.clause})"


def _risk(risk: AcceptedRisk) -> str:
    return f"{risk.rule}, {risk.asset}: {risk.reason} ({risk.by}, until {risk.until.isoformat()})"


def as_json(planned: Plan, now: float) -> str:
    """
    Return *planned* as JSON with the schema ``sealgate/plan/1``.

    Assets, findings and risks have the form that they have in ``sealgate/audit/1``.
    """
    from sealgate.report.files import files_data
    from sealgate.report.json import render_json
    from sealgate.report.leftovers import leftovers_data
    from sealgate.report.limits import limits_data

    report: dict[str, Any] = json.loads(render_json(planned.report, schema=SCHEMA))
    expected = {(finding.rule.id, finding.asset.id) for finding in planned.expected}
    data = {
        "schema": SCHEMA,
        "at": dt.datetime.fromtimestamp(now, tz=dt.UTC).isoformat(timespec="seconds"),
        "good": planned.is_good,
        "refusals": [
            {"file": f.path, "line": f.line, "message": f.message, "hint": f.hint}
            for f in planned.refusals
        ],
        "fenced": [
            {"file": f.path, "line": f.line, "message": f.message, "hint": f.hint}
            for f in planned.fenced
        ],
        "services": [
            {
                "name": one.name,
                "addresses": [_address(address) for address in one.addresses],
                "serves": list(one.serves),
            }
            for one in planned.deployment.services
        ],
        "assets": report["assets"],
        "unmet": [_column_data(item) for item in planned.unmet],
        "for_the_audit": [_column_data(item) for item in planned.for_the_audit],
        "expected": [
            finding
            for finding in report["findings"]
            if (finding["rule"], finding["asset"]) in expected
        ],
        "shut": [door.asset for door in planned.shut],
        "accepted": [_risk_data(risk) for risk in planned.accepted],
        "expired": [_risk_data(risk) for risk in planned.expired],
        "to_confirm": [_point_data(item) for item in planned.to_confirm],
        "remarks": list(planned.remarks),
        "settings": [
            {
                "site": site.site,
                "preset": site.preset.name,
                "snippets": [
                    {"versions": s.versions, "file": s.file, "text": s.text, "why": s.why}
                    for s in site.snippets
                ],
                "limits": list(site.preset.limits),
            }
            for site in planned.settings
        ],
        "leftovers": leftovers_data(planned.inventory),
        "limits": limits_data(planned.inventory),
        **files_data(planned.inventory, planned.why_not_apart),
    }
    return json.dumps(data, indent=2)


def _column_data(item: tuple[AssetReport, Column]) -> dict[str, Any]:
    asset, column = item
    return {
        "asset": asset.asset.id,
        "column": column.value.replace(" ", "_"),
        "required": asset.required.rank(column),
        "provided": asset.provided.get(column),
    }


def _point_data(item: Confirmable) -> dict[str, Any]:
    given = item.confirmation
    return {
        "point": item.point.id,
        "asset": item.asset,
        "text": item.point.text,
        "clause": item.point.clause,
        "holds": item.holds,
        "by": given.by if given else None,
        "on": given.on.isoformat() if given else None,
        "until": item.ends.isoformat() if item.ends else None,
    }


def _risk_data(risk: AcceptedRisk) -> dict[str, Any]:
    return {
        "rule": risk.rule,
        "asset": risk.asset,
        "by": risk.by,
        "reason": risk.reason,
        "until": risk.until.isoformat(),
        "place": {"file": risk.place.file, "line": risk.place.line},
    }
