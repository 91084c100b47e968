"""FTP servers besides vsftpd: ProFTPD and Pure-FTPd, with TLS, and with what is added."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.peers.unpacked import PLACE, command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.audited import Files

SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"


def proftpd_config(folder: Path, files: Files, port: int, more: str = "") -> Path:
    """Return a configuration with *more* in it; a later line of the same name counts."""
    own = folder / f"proftpd-{port}"
    own.mkdir()
    config = own / "proftpd.conf"
    runs_as = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""
    given = f"""
ModulePath {PLACE}/usr/lib/proftpd
LoadModule mod_tls.c
ServerName shop
ServerType standalone
UseReverseDNS off
UseIPv6 off
DefaultAddress 127.0.0.1
Port {port}
{runs_as}
ScoreboardFile {own}/scoreboard
PidFile {own}/pid
SystemLog {own}/log
TLSLog {own}/tls
WtmpLog off
AuthOrder mod_auth_file.c
AuthUserFile {own}/passwd
TLSEngine on
TLSECCertificateFile {files.chain}
TLSECCertificateKeyFile {files.key}
"""
    settings = {"TLSProtocol": "TLSv1.2 TLSv1.3", "TLSCipherSuite": SUITES, "TLSRequired": "on"}
    # Of two lines of one name ProFTPD takes the first.
    kept = "".join(f"{key} {value}\n" for key, value in settings.items() if key not in more)
    config.write_text(f"{given}{kept}{more}\n", "utf-8")
    (own / "passwd").write_text("", "utf-8")
    (own / "passwd").chmod(0o600)
    return config


def proftpd_command(folder: Path, files: Files, port: int, more: str = "") -> list[str]:
    """Return what starts ProFTPD, as in :func:`proftpd_config`."""
    given = ["--nodaemon", "--config", str(proftpd_config(folder, files, port, more))]
    return [*command("proftpd"), *given]


def pure_ftpd_command(folder: Path, files: Files, port: int, **settings: str) -> list[str]:
    """Return what starts Pure-FTPd with *settings*, over those that demand TLS everywhere."""
    own = folder / f"pure-ftpd-{port}"
    own.mkdir()
    both = own / "both.pem"
    both.write_bytes(files.chain.read_bytes() + files.key.read_bytes())
    lines = {
        "Bind": f"127.0.0.1,{port}",
        "PIDFile": str(own / "pid"),
        "DontResolve": "yes",
        "NoAnonymous": "yes",
        "UnixAuthentication": "yes",
        "CertFile": str(both),
        "TLS": "3",
        "TLSCipherSuite": SUITES,
        **settings,
    }
    config = own / "pure-ftpd.conf"
    config.write_text("".join(f"{key} {value}\n" for key, value in lines.items()), "utf-8")
    return [*command("pure-ftpd"), str(config)]
