"""
The how-to on backups, as it is written: a small site with people and sealed files comes back.

Each host stands in one temporary folder in place of ``/``; its commands are those of the page. What lets
people in is the same afterwards: the site's certificate, a client certificate, an SSH key and the
host key of the file server.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from sealgate.register.adapters.store import Register
from tests.little_cost import hashing_costs_little
from tests.peers.postgresql import USER, PostgreSQL, postgresql_running
from tests.peers.served import site_running
from tests.peers.transferred import FilePlace, other_volume
from tests.ports import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "back-up.md").read_text()
SECRET = "what only partners may read, and not who finds a copy " * 200
CONFIG = """
[[drop]]
name = "inbox"
class = "restricted"
store = "file:{root}/srv/drops/inbox"
admit = ["group:partners"]

[[drop]]
name = "partners"
class = "confidential"
store = "file:{root}/srv/drops/partners"
admit = ["group:partners"]
"""
SITE = """
[[site]]
domains = ["localhost"]
upstream = "http://127.0.0.1:{upstream}"
[[site.route]]
path = "/"
class = "public"
[[site.route]]
path = "/backend"
class = "confidential"
admit = ["group:partners"]
"""


def commands(title: str, number: int = 0) -> list[str]:
    """Return the commands of one block of those in the section called *title*."""
    section = re.split(r"^#{2,3} ", PAGE, flags=re.MULTILINE)
    [text] = [one for one in section if one.startswith(f"{title}\n")]
    block = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[number]
    return [re.sub(r"^[#$] ", "", line) for line in block.splitlines()]


@dataclass
class Host(FilePlace):
    """A machine whose ``/`` is *root*, where the page is followed."""

    root: Path = Path()

    @property
    def state(self) -> Path:
        """Return the state folder."""
        return self.root / "var/lib/sealgate"

    def people(self) -> None:
        """Add ``anna`` of the partners, with a client certificate and an SSH key."""
        prefix = str(self.folder / "anna")
        self._run("key", "issue", "anna", "--group", "partners", "--out", prefix)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "anna"]
        subprocess.run([*command, "-f", prefix], check=True)
        self._run("key", "add", "anna", f"{prefix}.pub")

    def follow(self, *lines: str, **meant: str) -> str:
        """Run *lines* of the page, with words in it replaced as *meant*; return what they print."""
        text = "set -o pipefail\n" + "\n".join(lines)
        for folder in ("/etc/sealgate", "/mnt", "/srv/drops"):
            text = re.sub(rf"(?<![\w/]){folder}\b", f"{self.root}{folder}", text)
        text = text.replace("--directory=/", f"--directory={shlex.quote(str(self.root))}")
        for word, other in meant.items():
            text = text.replace(word, other)
        done = subprocess.run(
            ["/bin/bash", "-e", "-c", text],
            env=self.environment | {"PATH": f"{self.root}/bin:/usr/bin:/bin"},
            cwd=self.root / "elsewhere",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def program(self, name: str, text: str) -> None:
        """Put a program called *name* before those of the system."""
        path = self.root / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def put(self, drop: str, name: str, text: str) -> None:
        """Have anna upload a file."""
        (self.root / "elsewhere" / name).write_text(text)
        done = self.sftp_batch(f"put {self.root}/elsewhere/{name} {drop}/{name}")
        assert done.returncode == 0, done.stderr

    def get(self, drop: str, name: str) -> str | None:
        """Return what anna fetches, ``None`` when she is refused."""
        got = self.root / "elsewhere" / "got"
        got.unlink(missing_ok=True)
        self.sftp_batch(f"get {drop}/{name} {got}")
        return got.read_text() if got.exists() else None

    def visit(self, https: int, path: str, *options: str) -> str:
        """Return the status of a page, with the authority that clients trusted before."""
        command = ["curl", "--silent", "--max-time", "60", "--output", "/dev/null"]
        command += ["--write-out", "%{http_code}", "--cacert", str(self.root / "elsewhere/ca.pem")]
        done = subprocess.run(
            [*command, *options, f"https://localhost:{https}{path}"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout


@contextmanager
def host(root: Path, *, head: str = "", listen: str = "", more: str = "") -> Iterator[Host]:
    """Give a machine with two drops and anna; a passphrase opens its keys."""
    for folder in ("etc/sealgate", "srv/drops", "mnt/state", "mnt/stores", "elsewhere"):
        (root / folder).mkdir(parents=True)
    apart = Path(tempfile.mkdtemp(prefix="sealgate-test-", dir=other_volume(root)))
    try:
        one = Host(root / "etc/sealgate", apart, root=root)
        one.program("sudo", 'shift 2; exec "$@"')
        one.program("sealgate", f'exec {shlex.quote(sys.executable)} -m sealgate "$@"')
        state = f'[state]\nfolder = "{one.state}"\n{head}'
        one.write(CONFIG.format(root=root) + more, head=state, listen=listen)
        with hashing_costs_little():
            one.people()
            one.keys()
        # What people have with them.
        for path in one.folder.glob("anna*"):
            path.rename(root / "elsewhere" / path.name)
            (one.folder / path.name).symlink_to(root / "elsewhere" / path.name)
        one.follow(*commands("Prepare once"))
        shutil.copy(root / "elsewhere/backup-recipient.txt", one.folder)
        yield one
    finally:
        shutil.rmtree(apart)


def stopped(lines: list[str]) -> list[str]:
    """Return what stands between the stop and the start of the service; the test does these."""
    assert (lines[0], lines[-1]) == ("systemctl stop sealgate", "systemctl start sealgate")
    return lines[1:-1]


def digest(one: Host) -> str:
    """Return what the page has noted elsewhere."""
    told = one.follow(*commands("Back up"))
    return told.split()[-1]


def restored(one: Host) -> None:
    """Put everything back on a fresh machine."""
    for folder in ("etc/sealgate", "var/lib/sealgate", "srv/drops"):
        shutil.rmtree(one.root / folder)
    one.follow(*commands("Restore on a fresh machine"))


def proofs() -> list[str]:
    """Return what the page has proven before anybody is let in."""
    *lines, start = commands("Restore on a fresh machine", 1)
    assert start == "systemctl start sealgate"
    return lines


def test_a_site_comes_back_whole(tmp_path: Path) -> None:
    """Files, people, certificates, host keys and the trail are as before; the copies tell nothing."""
    https = free_port()
    listen = f'https = "127.0.0.1:{https}"\nhttp = "off"'
    with (
        site_running() as behind,
        host(tmp_path, listen=listen, more=SITE.format(upstream=behind.server_port)) as one,
    ):
        own = ["--cert", str(one.folder / "anna.crt"), "--key", str(one.folder / "anna.key")]
        with one.serving():
            shutil.copy(one.ca, tmp_path / "elsewhere/ca.pem")
            one.put("partners", "secret", SECRET)
            one.put("inbox", "letter", "dear all")
            assert one.visit(https, "/backend", *own) == "200"
        known = (one.folder / "known_hosts").read_text()
        users = one.sealgate("user", "list").stdout
        noted = digest(one)
        one.follow(*stopped(commands("Back up", 1)))
        copied = b"".join(path.read_bytes() for path in tmp_path.glob("mnt/*/*"))
        assert SECRET.encode() not in copied
        assert (one.state / "register.key").read_bytes() not in copied
        restored(one)
        one.follow(*proofs(), DIGEST=noted)
        with one.serving() as serving:
            assert one.get("partners", "secret") == SECRET
            assert one.get("inbox", "letter") == "dear all"
            assert one.visit(https, "/backend", *own) == "200"
            assert one.visit(https, "/backend") in {"401", "403"}
        assert (one.folder / "known_hosts").read_text() == known
        assert one.sealgate("user", "list").stdout == users
        assert "fenced" not in serving.said


@pytest.mark.soak
def test_a_store_may_be_newer_than_the_state_and_not_older(tmp_path: Path) -> None:
    """Copied in the order of the page it is served; the other way round when somebody says so."""
    with host(tmp_path) as one:
        state, stores = stopped(commands("Back up", 1))
        with one.serving():
            one.put("partners", "first", SECRET)
        one.follow(state)
        with one.serving():
            one.put("partners", "second", SECRET)
            one.put("inbox", "letter", "dear all")
        one.follow(stores)
        restored(one)
        with one.serving():
            assert one.get("partners", "first") == one.get("partners", "second") == SECRET
            one.put("partners", "third", SECRET)
        one.follow(state.replace("-o ", "--force -o "))
        restored(one)
        with one.serving() as serving:
            assert one.get("inbox", "letter") == "dear all"
            assert one.get("partners", "second") is None
            one.follow(*commands("When the stores are older than the state"))
            assert wait_until(lambda: one.get("partners", "second") == SECRET)
            assert one.get("partners", "third") is None
        assert 'drop "partners" is fenced off' in serving.said
        with Register(one.database) as register:
            kept = [each for each in register.transfers() if each.action == "acceptance"]
        assert [each.place for each in kept] == ["partners"]


@pytest.fixture
def server() -> Iterator[PostgreSQL]:
    """Run a server for the database of the register."""
    with postgresql_running() as running:
        yield running


@pytest.mark.soak
@pytest.mark.peer("postgresql")
def test_a_database_on_a_server_comes_back(
    server: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dumped after the state and before the stores, restored into a new database of that name."""
    url = server.new_database()
    made = sa.make_url(url)
    monkeypatch.setenv("PGHOST", str(made.query["host"]))
    monkeypatch.setenv("PGUSER", USER)
    meant = {"--owner=sealgate sealgate": str(made.database), "=sealgate": f"={made.database}"}
    with host(tmp_path, head=f'[register]\nurl = "{url}"') as one:
        state, stores = stopped(commands("Back up", 1))
        with one.serving():
            one.put("partners", "secret", SECRET)
        users = one.sealgate("user", "list").stdout
        noted = digest(one)
        one.follow(state, *commands("With PostgreSQL"), stores, **meant)
        one.follow(f"dropdb --force {made.database}")
        one.follow(*commands("With PostgreSQL", 1), **meant)
        restored(one)
        one.follow(proofs()[1], DIGEST=noted)
        with one.serving():
            assert one.get("partners", "secret") == SECRET
        assert one.sealgate("user", "list").stdout == users
