"""
A country database in which loopback addresses lie in different countries.

Real ones know nothing of 127.0.0.0/8, so the demo could not show a country being
refused. Linux lets a client use any address of that range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmdb_writer import MMDBWriter
from netaddr import IPSet

if TYPE_CHECKING:
    from pathlib import Path

ALLOWED = "127.0.0.1"
OTHER = "127.0.0.2"
UNKNOWN = "127.0.0.3"
COUNTRIES = {ALLOWED: "DE", OTHER: "NZ"}


def make_country_database(path: Path) -> None:
    """Write a MaxMind database to *path* that knows two loopback addresses and no other."""
    writer = MMDBWriter(
        database_type="GeoLite2-Country",
        languages=["en"],
        description="loopback addresses for a demonstration",
    )
    for address, country in COUNTRIES.items():
        writer.insert_network(
            IPSet([f"{address}/32"]), {"country": {"iso_code": country, "names": {"en": country}}}
        )
    writer.to_db_file(str(path))
