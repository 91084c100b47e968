"""The shop's partner: a user with an SSH key and a client certificate, and what they send."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealgate.app.keys import Delivery, issue_key
from sealgate.app.ssh_keys import add_ssh_key
from sealgate.protocols.ssh.definition import FOLDER
from sealgate.protocols.ssh.host_keys import host_keys, read_host_key
from sealgate.storage.adapters.keystore_protect import PASSPHRASE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Inventory

PARTNER, PARTNERS = "partner", "partners"
DROP = "partners"
# Made up, like everything here: what a partner would send, and where it may not lie open.
DELIVERY = """\
order,customer,iban,amount
7001,Ada Example,DE89370400440532013000,129.00
7002,Ben Example,NL91ABNA0417164300,58.50
"""


@dataclass(frozen=True, slots=True)
class PartnerFiles:
    """Where the partner's things lie in the demo's folder."""

    folder: Path

    @property
    def ssh_key(self) -> Path:
        """Return the partner's private SSH key."""
        return self.folder / f"{PARTNER}.ssh"

    @property
    def known_hosts(self) -> Path:
        """Return the file by which the partner's SSH client knows the server."""
        return self.folder / "known_hosts"

    @property
    def certificate(self) -> tuple[Path, Path]:
        """Return the partner's client certificate, and its key."""
        return self.folder / f"{PARTNER}.crt", self.folder / f"{PARTNER}.key"

    @property
    def delivery(self) -> Path:
        """Return the file that the partner has to send."""
        return self.folder / "orders.csv"

    @property
    def store(self) -> Path:
        """Return the folder that the drop's sealed files lie in."""
        return self.folder / DROP


@contextlib.contextmanager
def passphrase_in_memory() -> Iterator[None]:
    """
    Have a passphrase for the sealing keys that is on no disk, and is gone with the demo.

    So the keys are apart from what they seal, as they are when an operator types it.
    """
    descriptor = os.memfd_create("sealgate-demo-passphrase")
    before = os.environ.get(PASSPHRASE_FILE)
    try:
        os.write(descriptor, secrets.token_urlsafe(24).encode())
        os.environ[PASSPHRASE_FILE] = f"/proc/{os.getpid()}/fd/{descriptor}"
        yield
    finally:
        if before is None:
            os.environ.pop(PASSPHRASE_FILE, None)
        else:
            os.environ[PASSPHRASE_FILE] = before
        os.close(descriptor)


def let_partner_in(
    inventory: Inventory, files: PartnerFiles, port: int, *, by: str, days: float, now: float
) -> None:
    """
    Make the partner with both keys, what they send, and what they know the server by.

    *port* is where SFTP listens, *now* is in seconds since the epoch.
    """
    issue_key(
        inventory,
        PARTNER,
        Delivery(prefix=str(files.folder / PARTNER)),
        groups=[PARTNERS],
        days=days,
        by=by,
        now=now,
    )
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    _write_private(files.ssh_key, private)
    public = files.ssh_key.with_suffix(".pub")
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        + b"\n"
    )
    add_ssh_key(inventory, PARTNER, str(public), by=by, now=now)
    [path] = host_keys(str(Path(inventory.state_folder) / FOLDER))
    line = f"[127.0.0.1]:{port} {read_host_key(path).public}\n"
    files.known_hosts.write_text(line)
    files.delivery.write_text(DELIVERY)


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def partner_commands(files: PartnerFiles, ca: str, sftp: int, ftps: int) -> list[tuple[str, str]]:
    """Return commands to try over SFTP and FTPS, each with what it shows."""
    ssh = f"-P {sftp} -i {files.ssh_key} -o UserKnownHostsFile={files.known_hosts}"
    certificate, key = files.certificate
    lftp = (
        f"set ssl:ca-file {ca}; set ssl:cert-file {certificate}; set ssl:key-file {key}; "
        f"open -u {PARTNER}, ftp://localhost:{ftps}"
    )
    return [
        (
            f"echo put {files.delivery} | sftp -b - {ssh} {PARTNER}@127.0.0.1:{DROP}",
            "a partner delivers over SFTP; the file is sealed as it comes",
        ),
        (f"head -n 1 {files.store}/objects/*/*", "what lies on the disk: an age file"),
        (f"lftp -e '{lftp}; ls {DROP}; bye'", "the same drop over FTPS, with a certificate"),
        (
            f"echo ls | sftp -b - -o BindAddress=127.0.0.2 {ssh} {PARTNER}@127.0.0.1",
            "refused: the right key, from another country",
        ),
        (f"curl -v -m 5 ftp://localhost:{ftps}/", "530: plain FTP does not exist"),
    ]
