"""
A configuration with drops, people who may come in, and ``sealgate serve`` over it.

Who there is: ``anna`` (a password, an SSH key, a client certificate; of ``partners``) and
``ben`` (the same, of ``readers``). Drops: ``inbox`` (restricted: a password will do),
``partners`` (confidential: a key and a country; readers only read) and, where asked for,
any other. The sealing keys are opened by a passphrase on another volume than the stores,
so that "encrypted" is really reached.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealgate.app.keyring import open_site_keyring
from sealgate.cli import run
from sealgate.config.load import load
from sealgate.demo.geography import make_country_database
from sealgate.identity.adapters.store import IdentityStore
from sealgate.protocols.ssh.host_keys import read_host_key
from sealgate.register.adapters.store import Register
from sealgate.storage.adapters.keystore_protect import PASSPHRASE_FILE
from tests.commands import run_here
from tests.little_cost import hashing_costs_little
from tests.peers.served import START_SECONDS
from tests.ports import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Inventory
    from sealgate.register.model import TransferRecord

PASSWORD = "five plain words are enough"
PASSPHRASE = "the passphrase of the site keys"
_DROPS = """
[[drop]]
name = "inbox"
class = "restricted"
store = "file:stores/inbox"
admit = ["group:partners", "group:readers"]

[[drop]]
name = "partners"
class = "confidential"
store = "file:stores/partners"
admit = ["group:partners", "group:readers"]
write = ["group:partners"]
delete = ["group:partners"]
"""


@dataclass
class FilePlace:
    """
    A folder with a ``sealgate.toml`` that serves drops and no site.

    *passphrase_folder* is a folder on another volume, *module* the one to run. Call
    :meth:`write`, :meth:`people`, then :meth:`serving`.
    """

    folder: Path
    passphrase_folder: Path
    module: str = "sealgate"
    sftp: int = field(default_factory=free_port)
    ftps: int = field(default_factory=free_port)
    ftps_implicit: int = field(default_factory=free_port)
    # Neither of the ports that the kernel gives out nor of those of tests/ports.py.
    passive: int = field(default_factory=lambda: 31_500 + secrets.randbelow(1_200))

    @property
    def config(self) -> Path:
        """Return the configuration file."""
        return self.folder / "sealgate.toml"

    @property
    def state(self) -> Path:
        """Return the state folder."""
        return self.folder / ".sealgate"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment in which commands find the passphrase."""
        return {
            **os.environ,
            PASSPHRASE_FILE: str(self.passphrase_folder / "passphrase"),
            "PYTHONUNBUFFERED": "1",
        }

    def stored_bytes(self, drop: str) -> int:
        """Return how much lies in the store of *drop*, parts of files included."""
        total = 0
        for one in (self.folder / "stores" / drop).rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                total += one.stat().st_size if one.is_file() else 0
        return total

    @property
    def ca(self) -> Path:
        """Return the CA of the FTPS certificate."""
        return self.state / "authority" / "server-ca.pem"

    def write(self, drops: str = _DROPS, *, head: str = "", listen: str = "") -> None:
        """Write the configuration with *drops* (TOML), *head* before it and *listen* added."""
        make_country_database(self.folder / "country.mmdb")
        (self.passphrase_folder / "passphrase").write_text(PASSPHRASE + "\n")
        (self.passphrase_folder / "passphrase").chmod(0o600)
        lines = [head, "[listen]", f'sftp = "127.0.0.1:{self.sftp}"']
        lines += [f'ftps = "127.0.0.1:{self.ftps}"', 'ftps_domain = "localhost"']
        lines += [f'ftps_implicit = "127.0.0.1:{self.ftps_implicit}"']
        lines += [f'ftps_passive = {{ ports = "{self.passive}-{self.passive + 50}" }}', listen]
        lines += ["[operator]", 'name = "Shop Ltd"', 'country = "DE"']
        lines += ["[access]", 'countries = ["DE"]', 'geo_database = "country.mmdb"']
        lines += ["[keys]", 'protection = "passphrase"', drops]
        self.config.write_text("\n".join(lines) + "\n")

    def inventory(self) -> Inventory:
        """Return what the configuration says."""
        return load(str(self.config))

    @property
    def database(self) -> str:
        """Return the URL of identities and register."""
        return f"sqlite:///{self.state / 'register.sqlite'}"

    def sealgate(self, *arguments: str, entered: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command on this configuration, in this folder."""
        command = [*arguments, "-c", str(self.config)]
        if self.module == "sealgate":
            return run_here(command, self.folder, environment=self.environment, entered=entered)
        return subprocess.run(
            [sys.executable, "-m", self.module, *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=self.folder,
            env=self.environment,
            input=entered,
        )

    def people(self) -> None:
        """
        Add ``anna`` and ``ben`` with a password, an SSH key and a client certificate each.

        Keys are ``NAME`` and ``NAME.pub``, certificates ``NAME.crt`` and ``NAME.key`` in the
        folder.
        """
        for name, group in (("anna", "partners"), ("ben", "readers")):
            self.add(name, group)

    def add(self, name: str, group: str) -> None:
        """Add one more."""
        prefix = str(self.folder / name)
        self._run("key", "issue", name, "--group", group, "--out", prefix)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name]
        subprocess.run([*command, "-f", str(self.folder / name)], check=True)
        self._run("key", "add", name, f"{prefix}.pub")
        with IdentityStore(self.database) as store:
            store.credentials.set_password(name, PASSWORD, by="test", now=1.0)

    def _run(self, *arguments: str) -> None:
        # In this process: a new one would take ten times as long.
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = run([*arguments, "-c", str(self.config)])
        assert code == 0, said.getvalue()

    def keys(self) -> None:
        """Make the sealing keys, as the first start would."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(PASSPHRASE_FILE, self.environment[PASSPHRASE_FILE])
            open_site_keyring(self.inventory(), now=time.time())

    def ssh_options(self, name: str = "anna", port: int | None = None) -> list[str]:
        """Return OpenSSH's options to come in as *name* by key; the port is ``-o Port``."""
        known = self.folder / "known_hosts"
        key = read_host_key(str(self.state / "ssh" / "ssh_host_ed25519_key")).public
        known.write_text(f"[127.0.0.1]:{port or self.sftp} {key}\n")
        options = ["IdentitiesOnly=yes", f"IdentityFile={self.folder / name}"]
        options += [f"UserKnownHostsFile={known}", "StrictHostKeyChecking=yes"]
        options += [f"Port={port or self.sftp}", f"User={name}", "BatchMode=yes"]
        options += ["GlobalKnownHostsFile=/dev/null", "HostKeyAlgorithms=ssh-ed25519"]
        return [part for option in options for part in ("-o", option)]

    def sftp_batch(self, *lines: str, name: str = "anna") -> subprocess.CompletedProcess[str]:
        """Run *lines* in OpenSSH's sftp as *name*."""
        return subprocess.run(
            ["sftp", "-F", "none", *self.ssh_options(name), "-b", "-", "127.0.0.1"],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=self.folder,
        )

    def trust(self, key: str | None = None) -> ssl.SSLContext:
        """Return a client's settings: the local CA, and the client certificate of *key*."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if key is not None:
            context.load_cert_chain(self.folder / f"{key}.crt", self.folder / f"{key}.key")
        return context

    def events(self) -> list[TransferRecord]:
        """Return the trail so far, oldest first."""
        with Register(self.database) as register:
            return list(register.transfers())

    @contextlib.contextmanager
    def serving(self, *options: str) -> Iterator[FileServing]:
        """Run ``sealgate serve`` until the block ends."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", self.module, "serve", "-c", str(self.config)]
        process = subprocess.Popen(
            [*command, "--workers", "1", "--ready-file", str(ready), *options],
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environment,
        )
        serving = FileServing(self, process)
        try:
            wait_until(lambda: ready.exists() or process.poll() is not None, START_SECONDS)
            if process.poll() is not None:
                raise AssertionError(process.communicate()[1])
            serving.ready = json.loads(ready.read_text())
            yield serving
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                serving.said = process.communicate(timeout=60)[1]
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise


@dataclass
class FileServing:
    """A running ``sealgate serve``; *said* is what it wrote, once it has ended."""

    place: FilePlace
    process: subprocess.Popen[str]
    ready: dict[str, object] = field(default_factory=dict)
    said: str = ""


@contextlib.contextmanager
def file_place(folder: Path) -> Iterator[FilePlace]:
    """Give a place in *folder*, with people and the usual drops, whose keys are kept apart."""
    apart = Path(tempfile.mkdtemp(prefix="sealgate-test-", dir=other_volume(folder)))
    try:
        place = FilePlace(folder, apart)
        place.write()
        with hashing_costs_little():
            place.people()
            place.keys()
        yield place
    finally:
        shutil.rmtree(apart)


def other_volume(folder: Path) -> str:
    """Return a folder on another volume than *folder*."""
    for candidate in ("/dev/shm", "/run", "/tmp"):  # noqa: S108  # looked for another volume
        if os.access(candidate, os.W_OK) and Path(candidate).stat().st_dev != folder.stat().st_dev:
            return candidate
    raise AssertionError("there is no second volume to keep a passphrase on")
