from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.protocols.ftps.ftps_served import PASSWORD, Raw, Served, served, trusting


@pytest.fixture(name="where")
def _where(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        yield running


@pytest.fixture(name="raw")
def _raw(where: Served) -> Iterator[Raw]:
    with Raw(where.port) as raw:
        raw.sign_in(where)
        yield raw


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("PROT C", 536),  # no data in the clear
        ("PROT S", 536),
        ("PROT X", 504),
        ("PROT P", 200),
        ("CCC", 533),
        ("PORT 127,0,0,1,200,200", 502),  # no bounce (RFC 2577, 3)
        ("EPRT |1|127.0.0.1|51000|", 502),
        ("EPSV 3", 522),
        ("EPSV 2", 522),
        ("EPSV 1", 229),
        ("AUTH TLS", 503),
        ("REIN", 500),
        ("STOU", 500),
        ("MAIL", 500),
        ("SITE CHMOD 777 x", 504),
        ("SITE EXEC id", 504),
        ("SITE HELP", 504),
        ("TYPE E", 504),
        ("TYPE L 8", 200),
        ("MODE Z", 504),
        ("MODE S", 200),
        ("STRU R", 504),
        ("STRU F", 200),
        ("OPTS UTF8 ON", 200),
        ("OPTS UTF8 OFF", 501),
        ("OPTS UNHEARD", 501),
        ("CLNT some client", 200),
        ("SYST", 215),
        ("HELP", 214),
        ("NOOP", 200),
        ("STAT", 211),
        ("ABOR", 226),
        ("ALLO x", 501),
    ],
)
def test_codes(raw: Raw, command: str, code: int) -> None:
    """Each command of the connection is answered by the code of its RFC."""
    assert raw.code(command) == code


def test_no_data_port_before_prot_p(where: Served) -> None:
    """Without PROT P there is nothing that could be sent in the clear."""
    with Raw(where.port) as raw:
        raw.secure(trusting(where.chain))
        assert raw.code("PROT P") == 503
        raw.ask("USER anna")
        raw.ask(f"PASS {PASSWORD}")
        for command in ("EPSV", "PASV"):
            assert raw.code(command) == 521
        assert raw.code("LIST") == 425
        raw.ask("PBSZ 0")
        assert raw.code("PROT C") == 536
        assert raw.code("EPSV") == 521
        assert raw.code("PROT P") == 200
        assert raw.code("EPSV") == 229


def test_epsv_all(raw: Raw) -> None:
    """After EPSV ALL there is no PASV (RFC 2428, 4)."""
    assert raw.code("EPSV ALL") == 200
    assert raw.code("PASV") == 501
    assert raw.code("EPSV") == 229


def test_features(raw: Raw) -> None:
    """FEAT names what is there, in the form of RFC 2389."""
    lines = raw.ask("FEAT").splitlines()
    assert lines[0].startswith("211-")
    assert lines[-1].startswith("211 ")
    assert {"AUTH TLS", "EPSV", "MFMT", "PROT", "REST STREAM", "SIZE", "UTF8", "HASH SHA-256*"} <= {
        line[1:] for line in lines[1:-1]
    }


def test_stat_tells_nothing_of_others(raw: Raw) -> None:
    """STAT is one line about this connection: no version, address or name."""
    assert raw.ask("STAT") == "211 signed in, over TLS"


def test_allo_tells_early_what_does_not_fit(where: Served, raw: Raw) -> None:
    """Where a drop has a thousand bytes left, two thousand are refused before they are sent."""
    (where.context.folder / "drop").mkdir()
    assert raw.code("ALLO 1000000") == 200
    raw.ask("CWD drop")
    assert raw.code("ALLO 1000") == 200
    assert raw.code("ALLO 1001") == 552
