from __future__ import annotations

import dataclasses

import pytest

from sealgate.gateway.guarantees import guaranteed, refusals, upstream_is_protected
from sealgate.gateway.model import CertificateFiles, Material, SignInMaterial
from sealgate.policy.assets import route_asset
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import (
    AccessSettings,
    Address,
    Door,
    Inventory,
    Listen,
    Place,
    Route,
    Site,
    SiteAccess,
    TLSSettings,
    Upstream,
)
from sealgate.policy.observation import Fact, Vantage

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
LOOPBACK = Upstream("http", "127.0.0.1", 8080)
FAR = Upstream("http", "192.0.2.7", 8080)
LOCKED = Route(Door("/typo3"), CONFIDENTIAL, admit=("user:alice",), place=Place("s.toml", 9))
FRONT = Route(Door("/"), PUBLIC)


def inventory(*routes: Route, upstream: Upstream = LOOPBACK, **more: object) -> Inventory:
    """Return one site with *routes* that can be served, changed by *more*."""
    site = Site(("shop.example",), upstream, routes or (FRONT, LOCKED))
    whole = Inventory("s.toml", "x", access=AccessSettings(("DE",), "c.mmdb"), sites=(site,))
    return dataclasses.replace(whole, **more)  # type: ignore[arg-type]  # fields by name


def material(**more: object) -> Material:
    """Return material with which that site can be served, changed by *more*."""
    whole = Material(
        "/x",
        {"shop.example": CertificateFiles("/c", "/k")},
        "/ca",
        {"route shop.example/typo3": ("00" * 32,)},
        "/c.mmdb",
    )
    return dataclasses.replace(whole, **more)  # type: ignore[arg-type]  # fields by name


def test_what_can_be_kept_is_not_refused() -> None:
    """A site with a locked backend, a living identity, a country and a database starts."""
    assert refusals(inventory(), material()) == ()


@pytest.mark.parametrize(
    ("declared", "given", "said"),
    [
        (inventory(sites=()), material(), "there is no site, no drop and no tunnel to serve"),
        (inventory(listen=Listen(https=())), material(), "https is off"),
        (inventory(), material(certificates={}), "no server certificate"),
        (inventory(), material(client_ca=None), "no authority for client certificates"),
        (inventory(), material(admitted={}), "nobody who may enter (user:alice) has a living"),
        (inventory(), material(geo_database=None), "there is no country database"),
        (inventory(access=AccessSettings()), material(), "no country is allowed"),
        (
            inventory(FRONT, Route(Door("/a"), RESTRICTED, admit=("group:staff",))),
            material(),
            "nobody is known who may enter (group:staff)",
        ),
        (inventory(FRONT, Route(Door("/a"), SECRET)), material(), "has a host name of its own"),
        (inventory(Route(Door("/"), PUBLIC, SECRET)), material(), "lets in people without one"),
        (inventory(Route(Door("/a"), PUBLIC)), material(), 'no route for "/"'),
        (inventory(upstream=FAR), material(), "the upstream is http://192.0.2.7:8080"),
        (
            inventory(listen=Listen(trusted_proxies=("0.0.0.0/0",))),
            material(),
            "lets everybody choose the address",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused(declared: Inventory, given: Material, said: str) -> None:
    """Each thing that is missing is named, alone, with something to type."""
    [fault] = refusals(declared, given)
    assert said in fault.message
    assert fault.hint


def test_a_secret_host_is_served_with_people_who_hold_certificates() -> None:
    """It guaranteed its channel and rung 3; without certificates, or by an address, it is refused."""
    vault = Route(Door("/"), SECRET, admit=("user:alice",), place=Place("s.toml", 9))
    declared = inventory(vault)
    people = {"route shop.example/": ("alice",)}
    signing = SignInMaterial("/s", "", "", people)
    given = material(admitted={"route shop.example/": ("00" * 32,)}, sign_in=signing)
    assert refusals(declared, given) == ()
    told = facts(declared, given)
    assert told["site shop.example", Fact.TLS_VERSIONS] == ("TLSv1.3",)
    assert told["site shop.example", Fact.TLS_CLASSICAL_ACCEPTED] is False
    assert told["site shop.example", Fact.TLS_CLIENT_CERTIFICATE] == "required"
    assert told["route shop.example/", Fact.ACCESS_RUNG] == 3
    [bare] = refusals(declared, material(admitted={}, sign_in=signing))
    assert "has a living client certificate" in bare.message
    [site] = declared.sites
    numbered = dataclasses.replace(site, domains=("shop.example", "192.0.2.1"))
    [unnamed] = refusals(dataclasses.replace(declared, sites=(numbered,)), given)
    assert 'nobody asks so for the address "192.0.2.1"' in unnamed.message


def test_refusal_stands_at_its_line() -> None:
    """A fault of a route points to where the route is declared."""
    [fault] = refusals(inventory(), material(admitted={}))
    assert (fault.path, fault.line) == ("s.toml", 9)


def test_faults_are_told_together() -> None:
    """One start tells everything that is missing."""
    bare = Material("/x", {})
    assert len(refusals(inventory(access=AccessSettings(), upstream=FAR), bare)) == 6


def test_route_that_admits_nobody_needs_nothing() -> None:
    """A door of a preset to which nobody was admitted is shut, which breaks no promise."""
    shut = inventory(FRONT, dataclasses.replace(LOCKED, admit=()), access=AccessSettings())
    assert refusals(shut, Material("/x", material().certificates)) == ()


def test_public_pages_may_come_from_afar_in_clear() -> None:
    """Where no class demands more, an upstream on another machine may speak http."""
    assert refusals(inventory(FRONT, upstream=FAR), material()) == ()


@pytest.mark.parametrize(
    ("upstream", "protected"),
    [
        (Upstream("unix", "/run/s.sock", 0), True),
        (Upstream("https", "app.example", 443), True),
        (Upstream("http", "::1", 80), True),
        (Upstream("http", "127.8.8.8", 80), True),
        (Upstream("http", "localhost", 80), True),
        (Upstream("http", "app.localhost", 80), True),
        (Upstream("http", "notlocalhost", 80), False),
        (Upstream("http", "10.0.0.1", 80), False),
        (Upstream("http", "app.example", 80), False),
    ],
)
def test_upstream_is_protected(upstream: Upstream, protected: bool) -> None:  # noqa: FBT001  # a case
    """Loopback, a Unix socket and verified TLS are out of reach of others."""
    assert upstream_is_protected(upstream) is protected


def facts(declared: Inventory, given: Material) -> dict[tuple[str, Fact], object]:
    """Return what is promised, by asset and fact."""
    found = guaranteed(declared, given, now=0.0)
    assert {o.vantage for o in found} == {Vantage.HOST}
    assert len({(o.asset, o.fact) for o in found}) == len(found)
    return {(o.asset, o.fact): o.value for o in found}


def test_promises_of_a_site() -> None:
    """The channel, port 80 and the upstream are told per site."""
    told = facts(inventory(tls=TLSSettings(hsts_seconds=7)), material())
    site = "site shop.example"
    assert told[site, Fact.TLS_VERSIONS] == ("TLSv1.2", "TLSv1.3")
    assert told[site, Fact.TLS_GROUP] == "X25519MLKEM768"
    assert told[site, Fact.TLS_CLIENT_CERTIFICATE] == "requested"
    assert told[site, Fact.HSTS_SECONDS] == 7
    assert (told[site, Fact.PLAIN_GET], told[site, Fact.PLAIN_POST]) == ("redirect", "denied")
    assert told[site, Fact.UPSTREAM_PROTECTED] is True


def test_promises_without_port_80() -> None:
    """A shut port answers nobody."""
    told = facts(inventory(listen=Listen((Address("::", 443),), ())), material(client_ca=None))
    assert told["site shop.example", Fact.PLAIN_GET] == "refused"
    assert told["site shop.example", Fact.TLS_CLIENT_CERTIFICATE] == "none"


def test_promises_of_routes() -> None:
    """A rung is promised only where the gateway itself asks."""
    account = Route(Door("/account"), RESTRICTED, access=SiteAccess.SITE)
    declared = inventory(FRONT, LOCKED, account, Route(Door("/vault"), SECRET))
    told = facts(declared, material())
    [site] = declared.sites
    rungs = [told.get((route_asset(site, r).id, Fact.ACCESS_RUNG)) for r in site.routes]
    assert rungs == [0, 2, None, None]
    assert told["route shop.example/typo3", Fact.LOCK_STATUS_ANONYMOUS] == 403
    assert told["route shop.example/typo3", Fact.LOCK_VARIANTS_OPEN] == ()
