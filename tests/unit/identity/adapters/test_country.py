"""Countries of addresses: what a real mmdb file says, followed when it is replaced."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from sealgate.errors import SourceError
from sealgate.identity.adapters.country import Countries

NETWORKS = {
    "192.0.2.0/24": "DE",
    "198.51.100.0/24": "NO",
    "2001:db8:1::/48": "FR",
    "10.1.0.0/16": "CH",
}


def write(path: Path, networks: dict[str, str], ip_version: int = 6) -> None:
    """Write a country database, and put it in place by a rename."""
    writer = MMDBWriter(ip_version, "GeoLite2-Country", ipv4_compatible=ip_version == 6)
    for network, code in networks.items():
        record: dict[str, Any] = {"country": {"iso_code": code}}
        writer.insert_network(IPSet([network]), record)
    writer.insert_network(IPSet(["203.0.113.0/24"]), {"continent": {"code": "EU"}})
    made = path.with_suffix(".new")
    writer.to_db_file(str(made))
    made.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a country database."""
    write(tmp_path / "country.mmdb", NETWORKS)
    return tmp_path / "country.mmdb"


@pytest.fixture
def countries(path: Path) -> Iterator[Countries]:
    """Return it opened."""
    opened = Countries(str(path))
    yield opened
    opened.close()
    opened.close()


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("192.0.2.1", "DE"),
        ("::ffff:192.0.2.1", "DE"),
        ("198.51.100.255", "NO"),
        ("2001:db8:1::5", "FR"),
        ("2001:db8:2::5", None),
        ("203.0.113.1", None),
        ("127.0.0.1", None),
        ("::1", None),
        ("10.0.0.1", None),
        ("10.1.0.1", "CH"),
        ("fe80::1%eth0", None),
        ("unix", None),
        ("", None),
    ],
)
def test_an_address_is_where_the_database_says(
    countries: Countries, address: str, country: str | None
) -> None:
    """Private and loopback addresses are nowhere, unless it says so."""
    assert countries.country_of(address) == country


def test_a_replaced_database_is_taken_over(countries: Countries, path: Path) -> None:
    """The next question is answered by the new file."""
    assert countries.country_of("192.0.2.1") == "DE"
    write(path, {"192.0.2.0/24": "AT"})
    assert countries.country_of("192.0.2.1") == "AT"


def test_without_a_database_there_is_no_answer(countries: Countries, path: Path) -> None:
    """Removed or damaged while it is in use: an error with the reason, until it is back."""
    assert countries.country_of("192.0.2.1") == "DE"
    good = path.read_bytes()
    path.unlink()
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        countries.country_of("192.0.2.1")
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(SourceError, match="no MaxMind database"):
        countries.country_of("192.0.2.1")
    path.write_bytes(b"")
    with pytest.raises(SourceError, match="no MaxMind database"):
        countries.country_of("192.0.2.1")
    path.write_bytes(good)
    assert countries.country_of("192.0.2.1") == "DE"


def test_a_database_of_one_protocol_knows_nothing_of_the_other(path: Path) -> None:
    """An IPv6 address is in no country of an IPv4 database."""
    write(path, {"192.0.2.0/24": "DE"}, ip_version=4)
    countries = Countries(str(path))
    assert countries.country_of("192.0.2.1") == "DE"
    assert countries.country_of("2001:db8:1::5") is None
    countries.close()


def test_many_threads_may_ask_while_it_is_replaced(countries: Countries, path: Path) -> None:
    """Each answer is of the old or of the new file, and none fails."""
    answers: set[str | None] = set()

    def ask() -> None:
        for _ in range(300):
            answers.add(countries.country_of("192.0.2.1"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for code in ("AT", "DE", "AT"):
        write(path, {"192.0.2.0/24": code})
    for thread in threads:
        thread.join()
    assert answers <= {"DE", "AT"}
