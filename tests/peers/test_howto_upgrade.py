"""
The how-to on upgrades, as it is written, with the database that the first version wrote.

A virtual environment and what is installed into it are stood in for: the old program and the new
one are the one that is tested, and what tells them apart is the revision of the database.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sealgate.identity.adapters.store import HEAD
from tests.peers.served import Place, Site

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "upgrade.md").read_text()
# Written by version 0001 of the tables, with the user "anna".
OLD = Path(__file__).parents[1] / "data" / "identity" / "0001.sqlite"


def commands(title: str, number: int = 0) -> list[str]:
    """Return the commands of one block of those in the section called *title*."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    block = re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)[number]
    return [line.removeprefix("# ") for line in block.splitlines()]


def program(path: Path, text: str) -> None:
    """Put a shell script at *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh -e\n{text}\n")
    path.chmod(0o755)


class Host:
    """A machine in *place* on which the page is followed, and what was installed there."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.root = place.folder / "root"
        sealgate = f'exec {shlex.quote(sys.executable)} -m sealgate "$@"'
        # What is installed is an executable that says whose it is.
        named = '"${0%/bin/pip}/bin/sealgate"'
        pip = f"[ \"$1\" = install ]\nprintf '#!/bin/sh\\n%s\\n' {shlex.quote(sealgate)} > {named}"
        program(self.root / "pip", f"{pip}\nchmod +x {named}")
        venv = '[ "$1 $2" = "-m venv" ]\nmkdir -p "$3/bin"'
        program(self.root / "bin/python3", f'{venv}\ncp {self.root}/pip "$3/bin/pip"')
        program(self.root / "bin/sudo", 'shift 2; exec "$@"')
        program(self.root / "opt/sealgate-0.1.0/bin/sealgate", sealgate)
        (self.root / "bin/sealgate").symlink_to(self.root / "opt/sealgate-0.1.0/bin/sealgate")

    def follow(self, *lines: str) -> subprocess.CompletedProcess[str]:
        """Run *lines* of the page; the start and the stop of the service are the test's own."""
        text = "\n".join(line for line in lines if not line.startswith("systemctl"))
        text = text.replace("/etc/sealgate", str(self.place.folder))
        text = text.replace("/usr/local/bin", f"{self.root}/bin").replace(
            "/opt", f"{self.root}/opt"
        )
        return subprocess.run(
            ["/bin/sh", "-e", "-c", text],
            env={"PATH": f"{self.root}/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def runs(self) -> str:
        """Return which version the service would be."""
        return (self.root / "bin/sealgate").resolve().parents[1].name

    def revision(self, be: str = "") -> str:
        """Return the revision of the users' tables, once it was made another."""
        with closing(sqlite3.connect(self.place.state / "register.sqlite")) as connection:
            if be:
                connection.execute("UPDATE identity_version SET version_num = ?", [be])
                connection.commit()
            [(found,)] = connection.execute("SELECT version_num FROM identity_version")
        return str(found)


@pytest.fixture
def host(place: Place) -> Host:
    """Give a host with a site and the database that the first version wrote."""
    place.write("/", "!/backend")
    place.state.mkdir()
    shutil.copy(OLD, place.state / "register.sqlite")
    return Host(place)


def test_an_old_database_is_served_with_everybody_in_it(host: Host, site: Site) -> None:
    """The new version stands beside the old one, and brings up to date what that wrote."""
    assert host.revision() == "0001"
    installed = host.follow(*commands("Upgrade one host"))
    assert installed.returncode == 0, installed.stderr
    assert host.runs() == "sealgate-0.1.0"
    stop, plan, link, start = commands("Upgrade one host", 1)
    assert (stop, start) == ("systemctl stop sealgate", "systemctl start sealgate")
    planned = host.follow(plan)
    assert planned.returncode in {0, 10}, planned.stderr
    assert host.follow(link).returncode == 0
    assert host.runs() == "sealgate-0.2.0"
    with host.place.serving():
        assert host.revision() == HEAD
        assert host.place.status("/") == 200
        assert "anna" in host.place.sealgate("user", "list").stdout
        verified = host.follow(commands("Upgrade one host", 2)[0])
        assert (verified.returncode, verified.stderr) == (0, "")
    assert site.seen == ["/"]


def test_an_older_version_leaves_a_newer_database_alone(host: Host) -> None:
    """It says what the page says and changes nothing; the backup of before brings it back."""
    with host.place.serving():
        pass
    backup = host.place.folder / "backup"
    shutil.copytree(host.place.state, backup)
    # What a version to come does.
    host.revision(be="9999")
    newer = (host.place.state / "register.sqlite").read_bytes()
    back = commands("Roll back")
    planned = host.follow(*back)
    assert host.runs() == "sealgate-0.1.0"
    assert planned.returncode not in {0, 10}
    [told] = re.findall(r"If `plan` says `([^`]+)`", PAGE)
    assert told in planned.stderr
    with pytest.raises(AssertionError, match=told), host.place.serving():
        pass
    assert (host.place.state / "register.sqlite").read_bytes() == newer
    shutil.rmtree(host.place.state)
    shutil.copytree(backup, host.place.state)
    with host.place.serving():
        assert host.place.status("/") == 200
        assert "anna" in host.place.sealgate("user", "list").stdout
