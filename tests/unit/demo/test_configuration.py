"""The configuration that follows from an assessment, without anything running."""

import tomllib
from pathlib import Path

import maxminddb

from sealgate.config.parse import parse
from sealgate.demo.configuration import Ports, TableClass, render_configuration
from sealgate.demo.geography import ALLOWED, OTHER, UNKNOWN, make_country_database

ORDER = ("public", "restricted", "confidential", "secret")
NOW = 1_790_000_000.0


def rendered(**classes: str) -> str:
    """Return the configuration for tables of these classes."""
    tables = {name: TableClass(value, "one iban") for name, value in classes.items()}
    return render_configuration(
        tables, ORDER, ports=Ports(8443, 8080, 2022, 2121, 9000), database="database shop", now=NOW
    )


def routes(text: str) -> dict[str, dict[str, object]]:
    """Return the declared routes by path."""
    [site] = tomllib.loads(text)["site"]
    return {route["path"]: route for route in site["route"]}


def test_each_route_gets_the_class_of_what_it_shows() -> None:
    """The backend shows customers, so it has their class; forms collect it."""
    found = routes(
        rendered(products="public", news="public", customers="confidential", orders="restricted")
    )
    assert found["/"]["class"] == "public"
    assert found["/login"] == {"path": "/login", "class": "public", "collects": "confidential"}
    assert found["/checkout"]["payment"] is True
    assert found["/checkout"]["scripts"] == ["'self'"]
    assert found["/account"]["class"] == "restricted"
    assert found["/typo3"]["class"] == "confidential"
    assert found["/typo3"]["admit"] == ["group:editors"]


def test_a_card_is_confidential_whatever_the_tables_hold() -> None:
    """The page on which people pay collects at least that."""
    found = routes(rendered(products="public", news="public", customers="public", orders="public"))
    assert found["/checkout"]["collects"] == "confidential"
    assert found["/login"]["collects"] == "public"


def test_a_stricter_finding_makes_a_stricter_route() -> None:
    """Personal data among the news makes the front page restricted."""
    found = routes(
        rendered(products="public", news="restricted", customers="secret", orders="public")
    )
    assert found["/"]["class"] == "restricted"
    assert found["/typo3"]["class"] == "secret"


def test_a_table_that_nobody_assessed_is_the_strictest() -> None:
    """Fail closed: what is not known is treated as secret."""
    found = routes(rendered(products="public", customers="public"))
    assert found["/"]["class"] == "secret"


def test_the_configuration_loads(tmp_path: Path) -> None:
    """What is written is what the strict reader takes, the country database included."""
    make_country_database(tmp_path / "country.mmdb")
    text = rendered(products="public", news="public", customers="confidential", orders="public")
    inventory = parse(text, "sealgate.toml", folder=str(tmp_path))
    assert inventory.sites[0].upstream.port == 9000
    assert inventory.accepted[0].asset == "database shop"


def test_the_country_database_knows_two_addresses(tmp_path: Path) -> None:
    """One allowed, one elsewhere, and one that nobody knows."""
    make_country_database(tmp_path / "country.mmdb")
    with maxminddb.open_database(tmp_path / "country.mmdb") as database:

        def country(address: str) -> object:
            found = database.get(address)
            return found["country"]["iso_code"] if isinstance(found, dict) else None  # type: ignore[index, call-overload]  # JSON-like

        assert [country(a) for a in (ALLOWED, OTHER, UNKNOWN)] == ["DE", "NZ", None]
