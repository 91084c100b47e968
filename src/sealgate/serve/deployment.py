"""
What will run for one configuration, decided once: ``sealgate plan`` shows it, ``serve`` runs it.

:func:`plan` is a pure function of what is declared and what was observed of this host
(:mod:`sealgate.serve.facts`). Its value is complete, and holds no secret: keys appear as the
folders and files that they lie in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import ConfigError
from sealgate.gateway import guarantees as gateway
from sealgate.gateway.model import ENVOY_FOLDER, Material, needs_grants, signs_in
from sealgate.gateway.translate import translate
from sealgate.protocols import guarantees as transfer
from sealgate.protocols.table import servers_of
from sealgate.serve.ports import opened
from sealgate.serve.relay_policies import policies, relay_sockets
from sealgate.serve.sign_in_material import sign_in_material, sign_in_socket_faults, wants_sign_in
from sealgate.serve.signer_policies import signer_policies, signer_socket_faults, signer_sockets
from sealgate.signin.model import ServedSites as SignInServed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealgate.errors import Fault
    from sealgate.gateway.model import EnvoyFiles
    from sealgate.inspection.adapters.signer_plan import SignerPolicy
    from sealgate.inspection.model import Policy
    from sealgate.policy.inventory import Address, Inventory
    from sealgate.protocols.model import ServerKind
    from sealgate.serve.facts import Facts


@dataclass(frozen=True, slots=True)
class FileServerPlan:
    """One file server, and where it listens, by the setting in ``[listen]``."""

    kind: ServerKind
    addresses: Mapping[str, tuple[Address, ...]]

    @property
    def all_addresses(self) -> tuple[Address, ...]:
        """Return every one of them."""
        return tuple(one for addresses in self.addresses.values() for one in addresses)


@dataclass(frozen=True, slots=True)
class SignInPlan:
    """What the sign-in service serves; *opens_codes*: it needs the site's keys for one-time codes."""

    served: SignInServed
    opens_codes: bool


@dataclass(frozen=True, slots=True)
class ServiceInBrief:
    """A service by *name*: what it serves, and the *addresses* at which others reach it."""

    name: str
    addresses: tuple[Address, ...]
    serves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deployment:
    """
    Everything that will run for *inventory*, as far as *facts* were seen.

    *envoy* are the files that Envoy runs by, ``None`` without a site. *relays* enforce,
    *samples* only observe, *signers* sign: each by the Unix socket that it listens on.
    *refusals* keep it from being served; then *envoy* is ``None``, too.
    """

    inventory: Inventory
    facts: Facts
    material: Material
    refusals: tuple[Fault, ...]
    envoy: EnvoyFiles | None
    relays: Mapping[str, Policy]
    samples: Mapping[str, Policy]
    signers: Mapping[str, SignerPolicy]
    sign_in: SignInPlan | None
    file_servers: tuple[FileServerPlan, ...]
    metrics: tuple[Address, ...]

    @property
    def services(self) -> tuple[ServiceInBrief, ...]:
        """Return what runs, in brief: the services that this configuration needs, in order."""
        doors = opened(self.inventory)
        routes = [(policy.asset, "relay") for policy in self.relays.values()]
        routes += [(policy.asset, "relay of samples") for policy in self.samples.values()]
        routes += [(policy.asset, "signer") for policy in self.signers.values()]
        sites = tuple(site.name for site in self.inventory.sites)
        signing_in = tuple(site.name for site in self.inventory.sites if signs_in(site))
        files = tuple(drop.name for drop in self.inventory.drops)
        files += tuple(tunnel.name for tunnel in self.inventory.tunnels)
        brief = ServiceInBrief
        return (
            *((brief("envoy", doors.all, sites),) if sites else ()),
            *(
                brief(name, (), tuple(asset for asset, by in routes if by == name))
                for name in dict.fromkeys(by for _, by in routes)
            ),
            *((brief("sign-in service", (), signing_in),) if self.sign_in else ()),
            *(
                brief(f"{one.kind.name} server", one.all_addresses, files)
                for one in self.file_servers
            ),
            *((brief("monitoring", self.metrics, ()),) if self.metrics else ()),
        )

    def check(self) -> None:
        """
        Return when it may be served.

        Raises:
            ConfigError: with everything that keeps it from being served as it promises.
        """
        if self.refusals:
            message = f'"{self.inventory.source}" cannot be served as it promises'
            raise ConfigError(message, faults=self.refusals)


def plan(inventory: Inventory, facts: Facts) -> Deployment:
    """Return what will run for *inventory* on the host of which *facts* were seen."""
    material = Material(
        folder=str(Path(inventory.state_folder, ENVOY_FOLDER)),
        certificates=facts.certificates.files,
        client_ca=facts.client_ca,
        admitted=facts.admissions.fingerprints,
        geo_database=facts.countries,
        relays=relay_sockets(inventory),
        sign_in=sign_in_material(inventory, facts.admissions, facts.sessions, now=facts.now),
        proofs=facts.proofs,
        signers=signer_sockets(inventory),
        key_lists=facts.signatures,
    )
    refusals = tuple({str(f): f for f in _refusals(inventory, facts, material)}.values())
    known = policies(inventory)
    return Deployment(
        inventory=inventory,
        facts=facts,
        material=material,
        refusals=refusals,
        envoy=translate(inventory, material) if inventory.sites and not refusals else None,
        relays={path: policy for path, policy in known.items() if policy.enforces},
        samples={path: policy for path, policy in known.items() if not policy.enforces},
        signers=signer_policies(inventory),
        sign_in=_sign_in(inventory),
        file_servers=tuple(
            FileServerPlan(k, k.addresses(inventory)) for k in servers_of(inventory)
        ),
        metrics=inventory.listen.metrics,
    )


def _refusals(inventory: Inventory, facts: Facts, material: Material) -> Iterator[Fault]:
    yield from facts.faults
    # Where only files are served there is no gateway, and it lacks nothing.
    if inventory.sites or not inventory.serves_files:
        yield from gateway.refusals(inventory, material)
    yield from signer_socket_faults(inventory)
    yield from sign_in_socket_faults(inventory)
    # Of a store that does not answer, what it is worth is asked when it does.
    apart = {drop.name: facts.apart.get(drop.name) for drop in inventory.drops}
    yield from transfer.refusals(inventory, apart, now=facts.now)


def _sign_in(inventory: Inventory) -> SignInPlan | None:
    if not wants_sign_in(inventory):
        return None
    served = SignInServed(
        inventory.sites, inventory.access, inventory.operator.name, inventory.identity_providers
    )
    return SignInPlan(served, any(needs_grants(site) for site in inventory.sites))
