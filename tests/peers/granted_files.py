"""
A drop and a tunnel of class "secret" that ``sealgate serve`` runs, and people who may reach them.

``anna`` has a key, a certificate, a password and an app for codes; ``ben`` has a key and a
certificate and nothing besides. ``boss`` approves. Files are sealed for a recipient whose
identity only the test has.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import socket
import socketserver
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.totp import SECRET_BYTES, code_at, recovery_codes
from sealgate.storage.adapters.code_seal import CodeSealer
from sealgate.storage.adapters.keystore import open_keyring
from sealgate.storage.age.keys import HybridIdentity
from tests.peers.transferred import PASSPHRASE, PASSWORD, FilePlace
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealgate.storage.keyring import UnlockedKeyring

_ASK = """#!/bin/sh
echo "$1" >> "$(dirname "$0")/asked"
cat "$(dirname "$0")/answer"
"""


@dataclass(eq=False)
class Vault:
    """*place* with its secret drop ``plans`` and tunnel ``console``; :meth:`write` comes first."""

    place: FilePlace
    service: int
    identity: HybridIdentity = field(default_factory=HybridIdentity.generate)
    secret: bytes = b""
    codes: tuple[str, ...] = ()

    def write(self) -> None:
        """Write the configuration, and the program that answers OpenSSH's questions."""
        recipient = str(self.identity.recipient())
        self.place.write(f"""
[[drop]]
name = "plans"
class = "secret"
store = "file:stores/plans"
recipients = ["{recipient}"]
admit = ["user:anna", "user:ben"]

[[drop]]
name = "inbox"
class = "restricted"
store = "file:stores/inbox"
admit = ["user:anna", "user:ben"]

[[tunnel]]
name = "console"
class = "secret"
target = "127.0.0.1:{self.service}"
admit = ["user:anna"]
""")
        ask = self.place.folder / "ask.sh"
        ask.write_text(_ASK)
        ask.chmod(0o700)

    @functools.cache  # noqa: B019  # one vault in one test
    def _keyring(self) -> UnlockedKeyring:
        settings = self.place.inventory().keys
        keys = str(self.place.state / "keys")
        return open_keyring(keys, settings, passphrase=lambda: PASSPHRASE, now=1.0)

    def app(self) -> str:
        """Set anna's app up anew, and return the code that it shows now."""
        self.secret = secrets.token_bytes(SECRET_BYTES)
        self.codes = recovery_codes(secrets.token_bytes(150))
        sealed = CodeSealer(self._keyring).seal("anna", self.secret)
        with IdentityStore(self.place.database) as store:
            store.second_factors.set_totp(
                "anna", sealed, self.codes, step=0, by="test", now=time.time()
            )
        return code_at(self.secret, int(time.time() // 30))

    def grant(self, asset: str = "drop plans", person: str = "anna") -> str:
        """Have *person* get a grant for an hour, and return its id."""
        now = time.time()
        with IdentityStore(self.place.database) as store:
            asked = store.grants.request(
                person, asset, reason="a test of it", minutes=60, by="one", now=now
            )
            store.grants.approve(asked.id, "boss", by="two", now=now)
        return asked.id

    def end_all(self) -> None:
        """End every grant that is open."""
        now = time.time()
        with IdentityStore(self.place.database) as store:
            for grant in store.grants.all():
                if grant.is_open(now):
                    store.grants.end(grant.id, by="test", now=now)

    def questions(self) -> list[str]:
        """Return what OpenSSH asked since the last answer was laid ready."""
        asked = self.place.folder / "asked"
        return asked.read_text().splitlines() if asked.exists() else []

    def asking(self, answer: str) -> dict[str, str]:
        """Return an environment in which OpenSSH is given *answer* to whatever it asks."""
        (self.place.folder / "asked").unlink(missing_ok=True)
        (self.place.folder / "answer").write_text(answer + "\n")
        ask = str(self.place.folder / "ask.sh")
        return {**os.environ, "SSH_ASKPASS": ask, "SSH_ASKPASS_REQUIRE": "force"}

    def options(self, name: str, *more: str) -> list[str]:
        """Return OpenSSH's options to come in as *name* by key, with questions; *more* come first."""
        usual = [word.replace("BatchMode=yes", "BatchMode=no") for word in self.ssh_words(name)]
        first = [*more, "NumberOfPasswordPrompts=1"]
        return [*(word for one in first for word in ("-o", one)), *usual]

    def ssh_words(self, name: str) -> list[str]:
        """Return the options of a client that asks for nothing."""
        return self.place.ssh_options(name)

    def sftp(
        self, *lines: str, answer: str = "", name: str = "anna", options: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run *lines* in OpenSSH's sftp, which is given *answer* when it asks."""
        return subprocess.run(
            ["sftp", "-F", "none", *self.options(name, *options), "-b", "-", "127.0.0.1"],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
            cwd=self.place.folder,
            env=self.asking(answer),
        )

    @contextlib.contextmanager
    def session(self, answer: str) -> Iterator[subprocess.Popen[str]]:
        """Give OpenSSH's sftp of anna, signed in with *answer*, that waits for commands."""
        process = subprocess.Popen(
            ["sftp", "-F", "none", *self.options("anna"), "127.0.0.1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.place.folder,
            env=self.asking(answer),
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    @contextlib.contextmanager
    def tunnel(self, answer: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
        """Give the local port of ``ssh -N -L`` to the service, and the client."""
        port = free_port()
        forward = f"{port}:127.0.0.1:{self.service}"
        process = subprocess.Popen(
            ["ssh", "-F", "none", *self.options("anna"), "-N", "-L", forward, "127.0.0.1"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.place.folder,
            env=self.asking(answer),
        )
        try:
            yield port, process
        finally:
            process.kill()
            process.communicate()

    def curl(
        self, path: str, *options: str, typed: str = "", name: str = "anna"
    ) -> subprocess.CompletedProcess[str]:
        """Run curl over explicit FTPS as *name* by certificate, with *typed* as the password."""
        command = ["curl", "--silent", "--show-error", "--verbose", "--max-time", "120"]
        command += ["--ssl-reqd", "--cacert", str(self.place.ca), "--user", f"{name}:{typed}"]
        command += ["--cert", f"{name}.crt", "--key", f"{name}.key", *options]
        return subprocess.run(
            [*command, f"ftp://localhost:{self.place.ftps}{path}"],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.place.folder,
        )


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        """Send back what comes."""
        while data := self.request.recv(4096):
            self.request.sendall(data)


@contextlib.contextmanager
def echo_service() -> Iterator[int]:
    """Give the port of a service that sends back what it gets."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def echoed(connection: socket.socket, said: bytes) -> bool:
    """Return whether *said* comes back over *connection*."""
    try:
        connection.sendall(said)
        return connection.recv(100) == said
    except OSError:
        return False


def prepare(vault: Vault, folder: Path) -> None:
    """Add boss, who approves, take ben's password away, and write a file into *folder*."""
    done = vault.place.sealgate("user", "add", "boss", "--role", "approver")
    assert done.returncode == 0, done.stderr
    with IdentityStore(vault.place.database) as store:
        store.credentials.remove_password("ben", by="test", now=2.0)
        store.credentials.set_password("anna", PASSWORD, by="test", now=2.0)
    (folder / "plan.txt").write_bytes(b"the plan\n" * 1000)
