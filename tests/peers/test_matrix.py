"""
The matrix of endpoints, family by family: nothing broken is called met, nothing sound broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.peers.browsed import browsing
from tests.peers.matrix import HOST, Counts, Row, Yard, tried
from tests.peers.matrix_certificates import Refusals, certificate_rows
from tests.peers.matrix_pages import page_rows
from tests.peers.matrix_servers import server_rows
from tests.peers.matrix_ssh import ssh_rows
from tests.peers.matrix_tls import odd_rows, tls_rows, trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.peers.certified import Made

    Family = Callable[[Yard, Made], Iterator[Row]]

# Each family of rows, and the least number of its rows.
FAMILIES: dict[str, tuple[Family, int]] = {
    "TLS": (tls_rows, 10),
    "odd suites": (odd_rows, 30),
    "SSH": (ssh_rows, 12),
    "servers": (server_rows, 24),
    "pages": (page_rows, 45),
}


# The command line hides what cryptography says of finite fields; the endpoints are judged below it.
@pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields:UserWarning:asyncssh")
@pytest.mark.peer("nginx", "openssl", "chromium", "apache2", "vsftpd")
@pytest.mark.parametrize("family", FAMILIES)
def test_matrix(family: str, tmp_path: Path) -> None:
    """
    The verdicts of one family are those that were written down before.
    """
    rows_of, least = FAMILIES[family]
    yard = Yard(tmp_path)
    rows = list(rows_of(yard, trusted(yard)))
    with yard:
        counts = tried(rows, [tmp_path / "root.pem"])
    _are_right(family, counts, least)


@pytest.mark.peer("chromium-driver")
def test_matrix_of_certificates(tmp_path: Path) -> None:
    """
    Certificates and their paths are judged as a browser judges them.
    """
    yard = Yard(tmp_path)
    root = trusted(yard)
    (tmp_path / "browser").mkdir()
    with browsing(tmp_path / "browser", HOST, ca=tmp_path / "root.pem") as browser:
        rows = list(certificate_rows(yard, root, Refusals(browser)))
        with yard:
            counts = tried(rows, [tmp_path / "root.pem"])
    _are_right("certificates", counts, 45)


def _are_right(family: str, counts: Counts, least: int) -> None:
    print(f"\n{counts.line(family)}")
    assert counts.endpoints >= least
    assert counts.false_met == []
    assert counts.false_alarms == []
    assert counts.unseen == []
    assert counts.disagreed == []
