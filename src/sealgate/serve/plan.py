"""
Tells what ``serve`` will do, without doing it: required against provided, and what it refuses.

The same functions decide here as when serving: what is enforced comes from
:mod:`sealgate.gateway.promise` and :mod:`sealgate.transfer.promise`, what is enough from
:mod:`sealgate.policy.evaluate`.
Nothing is written: where no database of identities is yet, nobody is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.apart import drops_apart
from sealgate.app.certificates import upkeep_sightings
from sealgate.app.decided import weaker_than_decided
from sealgate.app.entrants import nobody_yet
from sealgate.app.extras import missing_extras
from sealgate.app.grants import approver_remarks
from sealgate.app.keyring import why_no_new_keys
from sealgate.app.keys import local_authority
from sealgate.app.payment import kept_card_data
from sealgate.app.remains import lost
from sealgate.app.sheets import sheet_remarks
from sealgate.app.state import has_people
from sealgate.app.trust import new_authority_remarks
from sealgate.app.users import look_alike_remarks, open_identities
from sealgate.config.presets import PRESETS, front_of, settings_for
from sealgate.errors import Fault, GatewayError
from sealgate.gateway import promise as gateway
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.model import CertificateFiles, Material
from sealgate.identity.model import admitted
from sealgate.policy.confirming import confirmables, confirmed_observations
from sealgate.policy.evaluate import evaluate
from sealgate.policy.finding import Status
from sealgate.policy.inventory import route_asset
from sealgate.policy.requirements import declared
from sealgate.report.plan import verdict_on
from sealgate.serve.foreseen import foresee, foresee_ftps
from sealgate.serve.relay_policies import (
    as_far_as_possible,
    inspection_faults,
    inspection_remarks,
)
from sealgate.serve.sign_in_material import foreseen_sign_in, provider_faults, sign_in_remarks
from sealgate.transfer import promise as transfer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sealgate.config.presets import Preset, Snippet
    from sealgate.identity.model import ClientCertificate, Identity
    from sealgate.policy.confirming import Confirmable
    from sealgate.policy.finding import AssetReport, Finding, Report
    from sealgate.policy.inventory import AcceptedRisk, Inventory, Route, Site
    from sealgate.policy.protection import Column
    from sealgate.serve.foreseen import Foreseen

# The rule that asks whether the site itself demands a password: only an audit can see that.
_SITE_ASKS = "access-site-unverified"
_NOWHERE = CertificateFiles("", "")


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
    What serve will do.

    *refusals* keep it from starting. *unmet* are columns of assets that would be weaker
    than their class demands; *for_the_audit* are those that only an audit can see (a
    site that asks for the password itself). *expected* are findings that are certain
    already. *expired* are accepted risks that ended. *why_not_apart* says of each drop, by
    name, why the site's keys are not apart from its store, ``None`` when they are.
    *to_confirm* is what only people can see of payment gateways, confirmed or not. *fenced* are
    drops that serve would fence off, as far as that is seen without the keys.
    """

    inventory: Inventory
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
    sites, ftps = foresee(inventory, now), foresee_ftps(inventory, now)
    certificates = (*sites, ftps) if ftps else sites
    material = _material(inventory, sites, now)
    apart = drops_apart(inventory)
    report = evaluate(
        declared(inventory),
        [
            *gateway.promises(inventory, material, now=now),
            *transfer.promises(inventory, apart),
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
        inventory=inventory,
        report=report,
        refusals=(
            *lost(inventory),
            *why_no_new_keys(inventory),
            *(_refusals_of_sites(inventory, material) if _serves_sites(inventory) else ()),
            *_faults_of(certificates),
            *weaker_than_decided(inventory),
            *missing_extras(inventory),
            *provider_faults(inventory),
            *inspection_faults(inventory),
            *transfer.refusals(inventory, apart, now=now),
        ),
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


def _serves_sites(inventory: Inventory) -> bool:
    # Where only files are served there is no gateway, and it lacks nothing.
    return bool(inventory.sites) or not (inventory.drops or inventory.tunnels)


def _refusals_of_sites(inventory: Inventory, material: Material) -> Iterator[Fault]:
    try:
        find_envoy(inventory.envoy)
    except GatewayError as error:
        yield Fault(inventory.source, 1, error.message, error.hint)
    yield from gateway.refusals(inventory, material)


def _faults_of(certificates: Iterable[Foreseen]) -> tuple[Fault, ...]:
    # Sites that share one certificate share its faults.
    told = {(f.message, f.line): f for item in certificates for f in item.faults}
    return tuple(told.values())


def _material(inventory: Inventory, foreseen: tuple[Foreseen, ...], now: float) -> Material:
    state = Path(inventory.state_folder)
    identities, certificates = _everybody(inventory)
    return Material(
        folder=str(state / "envoy"),
        # A certificate with faults is refused for these, not for being absent as well.
        certificates={
            item.site: item.files or _NOWHERE for item in foreseen if item.files or item.faults
        },
        client_ca=local_authority(inventory).client_path,
        admitted=_admitted(inventory, identities, certificates, now),
        geo_database=inventory.access.geo_database,
        sign_in=foreseen_sign_in(inventory, identities),
    )


def _everybody(
    inventory: Inventory,
) -> tuple[tuple[Identity, ...], tuple[ClientCertificate, ...]]:
    if not any(r.admit for s in inventory.sites for r in s.routes) or not has_people(inventory):
        return (), ()
    with open_identities(inventory) as store:
        return store.everything()


def _admitted(
    inventory: Inventory,
    identities: Iterable[Identity],
    certificates: Iterable[ClientCertificate],
    now: float,
) -> Mapping[str, tuple[str, ...]]:
    locked = [(s, r) for s in inventory.sites for r in s.routes if r.admit]
    identities, certificates = tuple(identities), tuple(certificates)
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
