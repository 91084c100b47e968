"""
What is said of ProFTPD and Pure-FTPd, as they demand TLS or do not.

What each of them does once somebody has signed in, its manual says: an audit never does.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters import ftp
from sealgate.audit.adapters.certificate import Trust
from sealgate.audit.model import Limits, Opening, Target
from sealgate.policy.observation import Fact, Observation
from tests.peers.audited import Authority, Files
from tests.peers.fileservers import audited
from tests.peers.ftp_servers import proftpd_command, pure_ftpd_command
from tests.peers.web_servers import serving

if TYPE_CHECKING:
    from pathlib import Path

    from sealgate.policy.observation import FactValue


@pytest.fixture(scope="module")
def files(authority: Authority) -> Files:
    """Make a certificate that nothing is wrong with."""
    return authority.issue("ftp.localhost")


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what is seen of TLS itself: ProFTPD waits between connections."""
    monkeypatch.setattr(ftp, "probe_tls", lambda *_: [])
    monkeypatch.setattr(ftp, "probe_certificate", lambda *_: [])


def seen(port: int) -> dict[Fact, FactValue]:
    """Return what is seen of FTP at *port*; what could not be seen is not in it."""
    target = Target("a", "ftp.localhost", "127.0.0.1", port, scheme="ftps", opening=Opening.FTP)
    looks = ftp.probe_ftp(target, Trust(()), time.time(), Limits(), active=True)
    return {s.fact: s.value for s in looks if isinstance(s, Observation)}


@pytest.mark.peer("proftpd")
@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize(
    ("required", "login", "clear_data"),
    [
        # mod_tls: what may be demanded, and when. PROT C is refused by what it says of data.
        ("on", "refused", False),
        ("auth+data", "refused", False),
        ("data", "accepted", False),
        ("ctrl", "refused", None),
        ("auth", "refused", None),
        ("off", "accepted", None),
    ],
)
def test_proftpd(
    tmp_path: Path, files: Files, required: str, login: str, *, clear_data: bool | None
) -> None:
    """It refuses CCC with ``on`` and ``ctrl``, but says nothing of it before a sign-in."""
    more = f"TLSRequired {required}"
    with serving(tmp_path, lambda port: proftpd_command(tmp_path, files, port, more)) as port:
        found = seen(port)
    assert found[Fact.FTP_PLAIN_LOGIN] == login
    assert found.get(Fact.FTP_PROT_CLEAR) is clear_data
    assert Fact.FTP_CCC not in found
    assert found[Fact.FTP_INJECTION] is False


@pytest.mark.peer("pure-ftpd")
@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize(
    ("level", "begins", "login"),
    [
        # README.TLS: 0 no TLS, 1 both, 2 no clear sign-in, 3 no clear data either.
        ("0", "none", "accepted"),
        ("1", "explicit", "accepted"),
        ("2", "explicit", "refused"),
        ("3", "explicit", "refused"),
    ],
)
def test_pure_ftpd(tmp_path: Path, files: Files, level: str, begins: str, login: str) -> None:
    """It takes PROT C from anybody, and CCC from whoever has signed in."""
    start = partial(pure_ftpd_command, tmp_path, files, TLS=level)
    with serving(tmp_path, start) as port:
        found = seen(port)
    assert found[Fact.FTP_TLS] == begins
    assert found[Fact.FTP_PLAIN_LOGIN] == login
    assert Fact.FTP_PROT_CLEAR not in found
    assert Fact.FTP_CCC not in found
    assert found.get(Fact.FTP_INJECTION, False) is False


def test_pure_ftpd_that_demands_everything(
    tmp_path: Path, authority: Authority, files: Files
) -> None:
    """Nothing is violated, and what only a sign-in shows is told with what this server can do."""
    options = ("--active", "--ca", str(authority.path), "--resolve", "ftp.localhost:127.0.0.1")
    with serving(tmp_path, partial(pure_ftpd_command, tmp_path, files)) as port:
        code, found, data = audited(tmp_path, f"ftps://ftp.localhost:{port}", *options)
    assert code == 10
    assert found == {
        "transit-ftp-clear-data": "not observed",
        "transit-ftp-clear-control": "not observed",
    }
    said = {f["rule"]: f["fix"] for f in data["findings"]}
    assert "TLS 3" in said["transit-ftp-clear-data"]
    assert "Pure-FTPd takes CCC" in said["transit-ftp-clear-control"]
