"""
Tells what ``serve`` will do, without doing it: required against provided, and what it refuses.

The same functions decide here as when serving: what is enforced comes from
:mod:`sealgate.gateway.promise`, what is enough from :mod:`sealgate.policy.evaluate`.
Nothing is written: where no database of identities is yet, nobody is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.decided import weaker_than_decided
from sealgate.app.foreseen import foresee
from sealgate.app.keys import local_authority
from sealgate.app.state import has_database
from sealgate.app.users import open_identities
from sealgate.config.presets import PRESETS, front_of, settings_for
from sealgate.errors import Fault, GatewayError
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.model import CertificateFiles, Material
from sealgate.gateway.promise import promises, refusals
from sealgate.identity.model import admitted
from sealgate.policy.evaluate import evaluate
from sealgate.policy.finding import Status
from sealgate.policy.inventory import route_asset
from sealgate.policy.requirements import declared
from sealgate.report.plan import verdict_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealgate.app.foreseen import Foreseen
    from sealgate.config.presets import Preset, Snippet
    from sealgate.policy.finding import AssetReport, Finding, Report
    from sealgate.policy.inventory import AcceptedRisk, Inventory, Route, Site
    from sealgate.policy.protection import Column

# The rule that asks whether the site itself demands a password: only an audit can see that.
_SITE_ASKS = "access-site-unverified"
_NOWHERE = CertificateFiles("", "")


@dataclass(frozen=True, slots=True)
class ShutDoor:
    """
    A door that a preset locked and that nobody may enter yet.
    """

    site: Site
    route: Route

    @property
    def asset(self) -> str:
        """
        Return the asset's id.
        """
        return route_asset(self.site, self.route).id


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """
    What belongs into the CMS behind one site.
    """

    site: str
    preset: Preset
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What serve will do.

    *refusals* keep it from starting. *unmet* are columns of assets that would be weaker
    than their class demands; *for_the_audit* are those that only an audit can see (a
    site that asks for the password itself). *expected* are findings that are certain
    already. *expired* are accepted risks that ended.
    """

    report: Report
    refusals: tuple[Fault, ...]
    unmet: tuple[tuple[AssetReport, Column], ...]
    for_the_audit: tuple[tuple[AssetReport, Column], ...]
    expected: tuple[Finding, ...]
    shut: tuple[ShutDoor, ...]
    accepted: tuple[AcceptedRisk, ...]
    expired: tuple[AcceptedRisk, ...]
    remarks: tuple[str, ...]
    settings: tuple[SiteSettings, ...]

    @property
    def is_good(self) -> bool:
        """
        Return whether serve would start and give everything that it must.
        """
        return not self.refusals and not self.unmet


def plan(inventory: Inventory, *, now: float) -> Plan:
    """
    Return what serve will do with *inventory*; *now* is in seconds since the epoch.

    Raises:
        SourceError: the database of identities is there, but cannot be read.
    """
    certificates = foresee(inventory, now)
    material = _material(inventory, certificates, now)
    sightings = [s for certificate in certificates for s in certificate.sightings]
    report = evaluate(
        declared(inventory),
        [*promises(inventory, material, now=now), *sightings],
        accepted=inventory.accepted,
        now=now,
    )
    lacking = tuple(_lacking(report))
    audited = tuple(item for item in lacking if _is_for_the_audit(report, *item))
    return Plan(
        report=report,
        refusals=tuple(_refusals(inventory, material, certificates)),
        unmet=tuple(item for item in lacking if item not in audited),
        for_the_audit=audited,
        expected=tuple(f for f in report.open_findings if f.status is Status.VIOLATED),
        shut=tuple(ShutDoor(s, r) for s in inventory.sites for r in s.routes if r.shut),
        accepted=tuple(risk for risk in inventory.accepted if risk not in report.expired),
        expired=report.expired,
        remarks=tuple(remark for item in certificates for remark in item.remarks),
        settings=tuple(_settings(inventory)),
    )


def _refusals(
    inventory: Inventory, material: Material, certificates: tuple[Foreseen, ...]
) -> Iterator[Fault]:
    try:
        find_envoy(inventory.envoy)
    except GatewayError as error:
        yield Fault(inventory.source, 1, error.message, error.hint)
    told: set[tuple[str, int]] = set()
    for certificate in certificates:
        for fault in certificate.faults:
            # Sites that share one certificate share its faults.
            if (fault.message, fault.line) not in told:
                told.add((fault.message, fault.line))
                yield fault
    yield from weaker_than_decided(inventory)
    yield from refusals(inventory, material)


def _material(inventory: Inventory, certificates: tuple[Foreseen, ...], now: float) -> Material:
    state = Path(inventory.state_folder)
    return Material(
        folder=str(state / "envoy"),
        # A certificate with faults is refused for these, not for being absent as well.
        certificates={
            item.site: item.files or _NOWHERE for item in certificates if item.files or item.faults
        },
        client_ca=local_authority(inventory).client_path,
        admitted=_admitted(inventory, now),
        geo_database=inventory.access.geo_database,
    )


def _admitted(inventory: Inventory, now: float) -> Mapping[str, tuple[str, ...]]:
    locked = [(s, r) for s in inventory.sites for r in s.routes if r.admit]
    if not locked or not has_database(inventory):
        return {}
    with open_identities(inventory) as store:
        identities, certificates = store.everything()
    return {
        route_asset(site, route).id: admitted(identities, certificates, route.admit, now)
        for site, route in locked
    }


def _lacking(report: Report) -> Iterator[tuple[AssetReport, Column]]:
    for asset in report.assets:
        for column in asset.columns:
            if verdict_on(report, asset, column) not in {"met", "accepted"}:
                yield asset, column


def _is_for_the_audit(report: Report, asset: AssetReport, column: Column) -> bool:
    reasons = [
        finding
        for finding in report.findings
        if finding.demanded and finding.rule.column is column and finding.asset.id == asset.asset.id
    ]
    return bool(reasons) and all(
        f.rule.id == _SITE_ASKS and f.status is Status.NOT_OBSERVED for f in reasons
    )


def _settings(inventory: Inventory) -> Iterator[SiteSettings]:
    for site in inventory.sites:
        preset = PRESETS[site.preset]
        snippets = settings_for(preset, front_of(site, inventory.listen))
        if snippets:
            yield SiteSettings(site.name, preset, snippets)
