"""Each real program that a test needs is installed before the tests run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = frozenset(
    line.split()[0]
    for listed in ("packages-debian.txt", "packages-unpacked.txt")
    for line in (ROOT / listed).read_text("utf-8").splitlines()
    if line and not line.startswith("#")
)
# Programs that come with a package of another name, or with a wheel.
COMES_WITH = {
    "dovecot": "dovecot-imapd",
    "certutil": "libnss3-tools",
    "dropbear": "dropbear-bin",
    "gnutls-serv": "gnutls-bin",
    "mariadb-install-db": "mariadb-server",
    "node": "nodejs",
    "php": "php-cli",
    "proftpd": "proftpd-core",
    "sftp": "openssh-client",
    "sshd": "openssh-server",
    "systemd-analyze": "systemd",
    "update-ca-certificates": "ca-certificates",
}
WHEELS = frozenset(["bao", "envoy"])
NEEDED = sorted(
    {
        program
        for path in (ROOT / "tests").rglob("*.py")
        for line in re.findall(
            r"mark\.peer\(([^)]*)\)|shutil\.which\((\"[^\"]+\")", path.read_text("utf-8")
        )
        for program in re.findall(r'"([^"]+)"', "".join(line))
    }
)


@pytest.mark.parametrize("program", NEEDED)
def test_each_program_is_installed_before_tests_run(program: str) -> None:
    """`make test` installs what the lists of packages and the requirements name, and no more."""
    assert program in WHEELS or COMES_WITH.get(program, program) in PACKAGES


def test_what_is_looked_for_is_found() -> None:
    """The search of this file itself sees the markers that there are."""
    assert {"curl", "nginx", "vsftpd", "systemd-analyze"} <= set(NEEDED)
