import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.protocols.model import Method
from tests.unit.protocols.ftps.ftps_served import (
    PASSWORD,
    Raw,
    Served,
    certificate,
    served,
    trusting,
)
from tests.waiting import wait_until


@pytest.fixture(name="where")
def _where(tmp_path: Path) -> Iterator[Served]:
    chain, _, fingerprint = certificate(tmp_path, "member")
    with served(tmp_path, client_ca=chain) as running:
        running.context.fingerprints |= {"bert": fingerprint, "carl": fingerprint}
        yield running


def _bringing(where: Served, name: str = "member") -> ssl.SSLContext:
    context = trusting(where.chain)
    folder = where.chain.parent
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


def test_a_password_lets_in(where: Served) -> None:
    """USER and PASS, and the channel is measured on the living connection."""
    with Raw(where.port) as raw:
        raw.secure(trusting(where.chain))
        assert raw.ask("USER anna").startswith("331 ")
        assert raw.ask(f"PASS {PASSWORD}").startswith("230 ")
    assert where.context.methods == [frozenset({Method.PASSWORD})]
    channel = where.context.channels[0]
    assert (channel.version, channel.peer) == ("TLSv1.3", "127.0.0.1")
    assert channel.cipher == "TLS_AES_256_GCM_SHA384"


def test_unknown_and_wrong_look_the_same(where: Served) -> None:
    """Nobody learns which names exist."""
    replies = []
    for name in ("anna", "nobody"):
        with Raw(where.port) as raw:
            raw.secure(trusting(where.chain))
            replies.append((raw.ask(f"USER {name}"), raw.ask("PASS wrong")))
    assert replies[0] == replies[1]
    assert replies[0][1].startswith("530 ")


def test_a_certificate_may_be_enough(where: Served) -> None:
    """232 to USER, and no password is asked for (RFC 4217, 10.1)."""
    with Raw(where.port) as raw:
        raw.secure(_bringing(where))
        assert raw.ask("USER bert").startswith("232 ")
        assert raw.ask("PWD").startswith("257 ")
    assert where.context.methods == [frozenset({Method.CLIENT_CERTIFICATE})]


def test_two_methods_when_both_are_needed(where: Served) -> None:
    """A certificate that is not enough leads to 331 with the reason; both let in."""
    with Raw(where.port) as raw:
        raw.secure(_bringing(where))
        reply = raw.ask("USER carl")
        assert reply.startswith("331 ")
        assert "a certificate and a password are required" in reply
        assert raw.ask(f"PASS {PASSWORD}").startswith("230 ")
    assert where.context.methods == [frozenset({Method.PASSWORD, Method.CLIENT_CERTIFICATE})]


def test_the_refusal_says_what_is_missing(where: Served) -> None:
    """The authenticator's sentence is the text of the 530."""
    with Raw(where.port) as raw:
        raw.secure(trusting(where.chain))
        raw.ask("USER carl")
        reply = raw.ask(f"PASS {PASSWORD}")
        assert reply == "530 a certificate and a password are required"


def test_a_certificate_of_somebody_else_opens_nothing(where: Served) -> None:
    """A stranger's certificate is as good as none."""
    certificate(where.chain.parent, "stranger")
    with Raw(where.port) as raw:
        raw.secure(_bringing(where, "stranger"))
        assert raw.ask("USER bert").startswith("331 ")
        assert raw.ask("PASS x").startswith("530 ")


def test_a_certificate_counts_for_its_owner_only(where: Served) -> None:
    """The key that was proven for one name is forgotten with the next name."""
    with Raw(where.port) as raw:
        raw.secure(_bringing(where))
        raw.ask("USER carl")
        raw.ask("USER anna")
        assert raw.ask(f"PASS {PASSWORD}").startswith("230 ")
    assert where.context.methods == [frozenset({Method.PASSWORD})]


def test_three_attempts(where: Served) -> None:
    """After the last attempt the connection ends."""
    with Raw(where.port) as raw:
        raw.secure(trusting(where.chain))
        for _ in range(3):
            assert raw.ask("USER anna").startswith("331 ")
            assert raw.ask("PASS wrong").startswith("530 ")
        assert raw.reply().startswith("421 ")
        assert raw.reply() == ""


def test_a_name_is_good_for_one_password(where: Served) -> None:
    """PASS without USER before it is out of order."""
    with Raw(where.port) as raw:
        raw.secure(trusting(where.chain))
        assert raw.code("PASS x") == 503
        raw.ask("USER anna")
        raw.ask("PASS wrong")
        assert raw.code("PASS wrong again") == 503


def test_nobody_changes_names(where: Served) -> None:
    """A signed-in connection belongs to one name."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        assert raw.code("USER bert") == 503


def test_a_client_that_left_meanwhile_leaves_no_session(where: Served) -> None:
    """A session that was opened for nobody is closed."""
    gate = where.context.password_gate
    with gate.shut():
        with Raw(where.port) as raw:
            raw.secure(trusting(where.chain))
            raw.ask("USER anna")
            raw.send(f"PASS {PASSWORD}\r\n".encode())
            assert wait_until(lambda: gate.waiting == 1)
        where.server.request_stop()
    assert wait_until(lambda: where.context.sessions and where.context.sessions[0].closed)
