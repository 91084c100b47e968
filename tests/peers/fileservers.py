"""Real file servers on loopback: OpenSSH's sshd and vsftpd, right but for what a test says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealgate.cli import run
from tests.ports import await_listener, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.audited import Files

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
VSFTPD = shutil.which("vsftpd") or "/usr/sbin/vsftpd"
# What RFC 9142 and the ladder ask for; a later line of the same name has no effect.
STRONG_SSH = {
    "KexAlgorithms": "mlkem768x25519-sha256,curve25519-sha256",
    "Ciphers": "aes256-gcm@openssh.com,chacha20-poly1305@openssh.com",
    "MACs": "hmac-sha2-256-etm@openssh.com",
    "HostKeyAlgorithms": "ssh-ed25519",
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "no",
}
STRONG_TLS = {
    "ssl_enable": "YES",
    "force_anon_logins_ssl": "YES",
    "ssl_ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20",
}


def make_key(path: Path, kind: str = "ed25519", *options: str) -> Path:
    """Return *path*, where a new SSH key without passphrase lies."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path), *options]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


@contextmanager
def sshd(folder: Path, host_key: Path, **settings: str) -> Iterator[int]:
    """Run sshd with *settings* over the strong ones; "" leaves one at OpenSSH's default."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where its unprivileged part is locked in
    port = free_port()
    lines = {
        "ListenAddress": "127.0.0.1",
        "Port": str(port),
        "PidFile": "none",
        "UsePAM": "no",
        "HostKey": str(host_key),
        "StrictModes": "no",
        "PermitRootLogin": "yes",
        "AuthorizedKeysFile": str(folder / "authorized_keys"),
        "LogLevel": "VERBOSE",
        "Subsystem": "sftp internal-sftp",
        "MaxStartups": "100",
        # A client that refuses a channel hangs up before it signs in, again and again.
        "PerSourcePenalties": "no",
        **STRONG_SSH,
        **settings,
    }
    config, log = folder / "sshd_config", folder / "sshd.log"
    config.write_text("".join(f"{k} {v}\n" for k, v in lines.items() if v))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(config)], stdout=output, stderr=output
        )
        try:
            await_listener(port, process, log)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def vsftpd_command(folder: Path, files: Files, port: int, **settings: str) -> list[str]:
    """
    Return what starts vsftpd with *settings* over those that demand TLS.

    "" leaves one at its default. Strangers may upload to ``in/`` in the folder's ``root``.
    """
    root = folder / "root"
    (root / "in").mkdir(parents=True, exist_ok=True)
    (root / "in").chmod(0o777)
    root.chmod(0o555)
    # Those that pytest made are their owner's only, and their number is pytest's matter.
    for parent in (folder, *folder.parents):
        if parent.stat().st_mode & 0o011 != 0o011:
            parent.chmod(parent.stat().st_mode | 0o011)
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    lines = {
        "listen": "YES",
        "listen_address": "127.0.0.1",
        "listen_port": str(port),
        "background": "NO",
        "seccomp_sandbox": "NO",
        "secure_chroot_dir": str(empty),
        "anonymous_enable": "YES",
        "local_enable": "YES",
        "anon_root": str(root),
        "write_enable": "YES",
        "anon_upload_enable": "YES",
        "anon_other_write_enable": "YES",
        "anon_umask": "022",
        "allow_anon_ssl": "YES",
        "force_anon_data_ssl": "YES",
        "rsa_cert_file": str(files.chain),
        "rsa_private_key_file": str(files.key),
        "xferlog_enable": "NO",
        "no_anon_password": "NO",
        **STRONG_TLS,
        **settings,
    }
    config = folder / "vsftpd.conf"
    config.write_text("".join(f"{k}={v}\n" for k, v in lines.items() if v))
    return [VSFTPD, str(config)]


@contextmanager
def vsftpd(folder: Path, files: Files, **settings: str) -> Iterator[int]:
    """Run vsftpd with *settings*, as in :func:`vsftpd_command`."""
    port, log = free_port(), folder / "vsftpd.log"
    command = vsftpd_command(folder, files, port, **settings)
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            await_listener(port, process, log)
            yield port
        finally:
            process.terminate()
            process.wait(10)
            (folder / "root").chmod(0o755)


def audited(folder: Path, url: str, *extra: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return the exit code of an audit, the open findings as rule -> status, and the JSON."""
    report = folder / "report.json"
    code = run(["audit", url, "--format", "json", "--output", str(report), *extra])
    data = json.loads(report.read_text("utf-8"))
    return code, {f["rule"]: f["status"] for f in data["findings"] if f["open"]}, data
