"""The how-to on country databases, as it is written."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path

import maxminddb
import pytest

from sealgate.config.load import country_database_fault
from sealgate.demo.geography import make_country_database

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "country-database.md").read_text()


def block(kind: str, title: str) -> str:
    """Return the first block of *kind* in the section called *title*."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    found = re.search(rf"^```{kind}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder where ``curl`` brings a packed country database, whatever it is asked."""
    make_country_database(tmp_path / "known.mmdb")
    packed = tmp_path / "known.gz"
    packed.write_bytes(gzip.compress((tmp_path / "known.mmdb").read_bytes()))
    curl = tmp_path / "curl"
    curl.write_text(f'#!/bin/sh\n[ "$1" = -sSfo ] && exec cp {packed} "$2"\nexit 1\n')
    curl.chmod(0o755)
    return tmp_path


def test_the_commands_put_a_database_in_place(folder: Path) -> None:
    """What was downloaded ends as the file that the configuration names, and is one."""
    commands = [line.removeprefix("$ ") for line in block("console", "DB-IP Lite").splitlines()]
    subprocess.run(
        ["/bin/sh", "-e", "-c", "\n".join(commands)],
        check=True,
        cwd=folder,
        env={"PATH": f"{folder}:/usr/bin:/bin"},
    )
    named = re.search(r'geo_database = "(.*)"', block("toml", "Use it"))
    assert named is not None
    assert country_database_fault(str(folder / named[1])) is None


def test_the_script_adds_a_network_of_ones_own(folder: Path) -> None:
    """The made file knows the own network, all that the other one knew, and no more."""
    (folder / "known.mmdb").rename(folder / "country.mmdb")
    script = block("python", "Addresses that no database knows")
    subprocess.run([sys.executable, "-c", script], check=True, cwd=folder)
    made = folder / "own-country.mmdb"
    assert country_database_fault(str(made)) is None
    with maxminddb.open_database(made) as reader:
        found = {a: reader.get(a) for a in ("10.20.3.4", "127.0.0.1", "127.0.0.2", "10.21.0.1")}
    assert found == {
        "10.20.3.4": {"country": {"iso_code": "DE"}},
        "127.0.0.1": {"country": {"iso_code": "DE"}},
        "127.0.0.2": {"country": {"iso_code": "NZ"}},
        "10.21.0.1": None,
    }
