"""
Tells what ``serve`` will do, without doing it: required against provided, and what it refuses.

The same functions decide here as when serving: what is enforced comes from
:mod:`sealgate.gateway.guarantees` and :mod:`sealgate.protocols.guarantees`, what is enough from
:mod:`sealgate.policy.evaluate`.
Nothing is written: where no database of identities is yet, nobody is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.app.apart import DID_NOT_ANSWER
from sealgate.app.certificates import upkeep_sightings
from sealgate.app.entrants import nobody_yet
from sealgate.app.grants import approver_remarks
from sealgate.app.payment import kept_card_data
from sealgate.app.sheets import sheet_remarks
from sealgate.app.trust import new_authority_remarks
from sealgate.app.users import look_alike_remarks
from sealgate.config.presets import PRESETS, front_of, settings_for
from sealgate.errors import Fault
from sealgate.gateway import guarantees as gateway
from sealgate.policy.assets import route_asset
from sealgate.policy.confirming import confirmables, confirmed_observations
from sealgate.policy.evaluate import evaluate
from sealgate.policy.finding import Status
from sealgate.policy.requirements import declared
from sealgate.protocols import guarantees as transfer
from sealgate.report.plan import verdict_on
from sealgate.serve.deployment import plan as deploy
from sealgate.serve.expected import expected_certificates, expected_facts
from sealgate.serve.relay_policies import as_far_as_possible, inspection_remarks
from sealgate.serve.sign_in_material import sign_in_remarks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealgate.config.presets import Preset, Snippet
    from sealgate.policy.confirming import Confirmable
    from sealgate.policy.finding import AssetReport, Finding, Report
    from sealgate.policy.inventory import AcceptedRisk, Inventory, Route, Site
    from sealgate.policy.protection import Column
    from sealgate.serve.deployment import Deployment

# The rule that asks whether the site itself demands a password: only an audit can see that.
_SITE_ASKS = "access-site-unverified"


@dataclass(frozen=True, slots=True)
class ShutDoor:
    """A door that a preset locked and that nobody may enter yet."""

    site: Site
    route: Route

    @property
    def asset(self) -> str:
        """Return the asset's id."""
        return route_asset(self.site, self.route).id


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """What belongs into the CMS behind one site."""

    site: str
    preset: Preset
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What serve will do: what runs is the *deployment*, and nothing decides again.

    *refusals* keep it from starting. *unmet* are columns of assets that would be weaker
    than their class demands; *for_the_audit* are those that only an audit can see (a
    site that asks for the password itself). *expected* are findings that are certain
    already. *expired* are accepted risks that ended. *why_not_apart* says of each drop, by
    name, why the site's keys are not apart from its store, ``None`` when they are.
    *to_confirm* is what only people can see of payment gateways, confirmed or not. *fenced* are
    drops that serve would fence off, as far as that is seen without the keys.
    """

    deployment: Deployment
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
    why_not_apart: Mapping[str, str | None]
    to_confirm: tuple[Confirmable, ...] = ()
    fenced: tuple[Fault, ...] = ()

    @property
    def inventory(self) -> Inventory:
        """Return what was planned for."""
        return self.deployment.inventory

    @property
    def is_good(self) -> bool:
        """Return whether serve would start and give everything that it must."""
        return not self.refusals and not self.unmet and not self.fenced


def plan(inventory: Inventory, *, now: float) -> Plan:
    """
    Return what serve will do with *inventory*; *now* is in seconds since the epoch.

    Raises:
        SourceError: the database of identities is there, but cannot be read.
    """
    inventory = as_far_as_possible(inventory)
    certificates = expected_certificates(inventory, now)
    deployment = deploy(inventory, expected_facts(inventory, certificates, now))
    apart = {
        drop.name: deployment.facts.apart.get(drop.name, DID_NOT_ANSWER) for drop in inventory.drops
    }
    report = evaluate(
        declared(inventory),
        [
            *gateway.guaranteed(inventory, deployment.material, now=now),
            *transfer.guaranteed(inventory, apart),
            *(sighting for certificate in certificates for sighting in certificate.sightings),
            *confirmed_observations(inventory, now=now),
            *upkeep_sightings(inventory, now=now),
        ],
        accepted=inventory.accepted,
        now=now,
    )
    lacking = tuple(_lacking(report))
    audited = tuple(item for item in lacking if _is_for_the_audit(report, *item))
    return Plan(
        deployment=deployment,
        report=report,
        refusals=deployment.refusals,
        unmet=tuple(item for item in lacking if item not in audited),
        for_the_audit=audited,
        expected=tuple(f for f in report.open_findings if f.status is Status.VIOLATED),
        shut=tuple(ShutDoor(s, r) for s in inventory.sites for r in s.routes if r.shut),
        accepted=tuple(risk for risk in inventory.accepted if risk not in report.expired),
        expired=report.expired,
        remarks=(
            *(remark for item in certificates for remark in item.remarks),
            *new_authority_remarks(inventory, now),
            *nobody_yet(inventory, now),
            *look_alike_remarks(inventory),
            *sign_in_remarks(inventory),
            *sheet_remarks(inventory),
            *approver_remarks(inventory),
            *kept_card_data(inventory),
            *inspection_remarks(inventory),
        ),
        settings=tuple(_settings(inventory)),
        why_not_apart=apart,
        to_confirm=confirmables(inventory, now=now),
        fenced=tuple(_fenced(inventory)),
    )


def _fenced(inventory: Inventory) -> Iterator[Fault]:
    if not inventory.drops:
        return
    # Whoever has no drops does not pay for what opens stores.
    from sealgate.app.storing import without_anchor  # noqa: PLC0415

    places = {drop.name: drop.place for drop in inventory.drops}
    for name, why in without_anchor(inventory).items():
        hint = f"restore it from a backup; to have it as it is now: sealgate verify {name} --accept"
        place = places[name]
        yield Fault(place.file or inventory.source, place.line, f'drop "{name}": {why}', hint)


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
