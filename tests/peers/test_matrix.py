"""The matrix of endpoints, family by family: nothing broken is called met, nothing sound broken."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.peers.audited import https_server
from tests.peers.browsed import browsing
from tests.peers.certified import Wish, made
from tests.peers.matrix import HOST, Counts, Row, Yard, in_total, one_of_each, tried
from tests.peers.matrix_certificates import Refusals, certificate_rows
from tests.peers.matrix_others import other_rows
from tests.peers.matrix_pages import page_rows
from tests.peers.matrix_servers import server_rows
from tests.peers.matrix_ssh import ssh_rows
from tests.peers.matrix_tls import NO_HSTS, odd_rows, tls_rows, trusted
from tests.told import TOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.peers.certified import Made

    Family = Callable[[Yard, Made], Iterator[Row]]
    # Which of the rows are tried.
    Some = Callable[[Iterable[Row]], list[Row]]

pytestmark = [
    pytest.mark.peer("nginx", "openssl", "chromium", "chromium-driver", "apache2", "vsftpd"),
    pytest.mark.peer("haproxy", "caddy", "lighttpd", "gnutls-serv", "dropbear"),
    pytest.mark.peer("proftpd", "pure-ftpd", "curl"),
    # The command line hides what cryptography says of finite fields; this judges below it.
    pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields:UserWarning:asyncssh"),
]
# Each family of rows, and the least number of its rows.
FAMILIES: dict[str, tuple[Family | None, int]] = {
    "TLS": (tls_rows, 10),
    "odd suites": (odd_rows, 30),
    "SSH": (ssh_rows, 12),
    "servers": (server_rows, 24),
    "other servers": (other_rows, 45),
    "pages": (page_rows, 45),
    # Asked of a browser besides.
    "certificates": (None, 45),
}
# `make test` tries one row of each verdict of these, `make soak` all.
LONG = ("odd suites", "other servers", "pages", "certificates")


@pytest.fixture(scope="module")
def counts_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Some], Counts]:
    """Return what judges those rows of a family that are wanted, once for all tests here."""

    @cache
    def judge(family: str, some: Some) -> Counts:
        folder = tmp_path_factory.mktemp("matrix")
        rows_of, _ = FAMILIES[family]
        if rows_of is None:
            return _judged_with_a_browser(folder, some)
        return _judged(folder, rows_of, some)

    return judge


def _judged(folder: Path, rows_of: Family, some: Some) -> Counts:
    yard = Yard(folder)
    every = list(rows_of(yard, trusted(yard)))
    rows = some(every)
    yard.leave_out(every, rows)
    with yard:
        return tried(rows, [folder / "root.pem"])


def _judged_with_a_browser(folder: Path, some: Some) -> Counts:
    yard = Yard(folder)
    root = trusted(yard)
    (folder / "browser").mkdir()
    with browsing(folder / "browser", HOST, ca=folder / "root.pem") as browser:
        rows = some(certificate_rows(yard, root, Refusals(browser)))
        with yard:
            return tried(rows, [folder / "root.pem"])


@pytest.mark.parametrize("family", LONG)
def test_one_of_each_verdict(
    family: str,
    counts_of: Callable[[str, Some], Counts],
    record_property: Callable[[str, object], None],
) -> None:
    """Of each verdict of a family, its first endpoint is judged as was written down before."""
    counts = counts_of(family, one_of_each)
    record_property(TOLD, counts.line(f"{family}, one of each verdict"))
    assert counts.sound
    assert counts.sound < counts.endpoints
    _are_right(counts)


@pytest.mark.parametrize(
    "family",
    [pytest.param(one, marks=[pytest.mark.soak] if one in LONG else []) for one in FAMILIES],
)
def test_matrix(
    family: str,
    counts_of: Callable[[str, Some], Counts],
    record_property: Callable[[str, object], None],
) -> None:
    """The verdicts of one family are those that were written down before."""
    counts = counts_of(family, list)
    record_property(TOLD, counts.line(family))
    assert counts.endpoints >= FAMILIES[family][1]
    _are_right(counts)


@pytest.mark.soak
def test_the_whole_matrix(
    counts_of: Callable[[str, Some], Counts], record_property: Callable[[str, object], None]
) -> None:
    """All families together are many enough, a third of them sound, and each verdict is right."""
    total = in_total(counts_of(family, list) for family in FAMILIES)
    record_property(TOLD, total.line("the whole matrix"))
    assert total.endpoints >= 120
    assert total.sound * 3 >= total.endpoints
    _are_right(total)


def test_what_is_judged_otherwise_is_counted(tmp_path: Path) -> None:
    """A row that says what is not so ends as false "met", as a false alarm, or as disagreement."""
    yard = Yard(tmp_path)
    files = made(Wish(names=(HOST,)), trusted(yard)).written(tmp_path, "leaf")
    right = yard.nginx(lambda port: https_server(files, port, name=HOST))
    wrong = yard.nginx(lambda port: https_server(files, port, name=HOST, hsts=""))
    rows = [
        Row("right", f"https://{HOST}:{right}/", NO_HSTS, "none: it is a lie"),
        Row("wrong", f"https://{HOST}:{wrong}/", backed="none: it is a lie"),
        Row("doubted", f"https://{HOST}:{right}/", second=lambda: False),
    ]
    with yard:
        counts = tried(rows, [tmp_path / "root.pem"])
    assert (counts.endpoints, counts.sound) == (3, 2)
    assert counts.false_met == ["right: transit-no-hsts"]
    assert [alarm.partition(": ")[0] for alarm in counts.false_alarms] == ["wrong"]
    assert counts.disagreed == ["doubted"]


def _are_right(counts: Counts) -> None:
    assert counts.false_met == []
    assert counts.false_alarms == []
    assert counts.unseen == []
    assert counts.disagreed == []
