import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from OpenSSL import SSL

from sealgate.policy.inventory import PassivePorts
from tests.ports import free_port
from tests.unit.transfer.adapters.ftps_served import (
    PASSIVE,
    PASSWORD,
    Client,
    Raw,
    Served,
    client,
    descriptors,
    served,
    trusting,
)
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture(name="where")
def _where(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        (running.house.folder / "file").write_bytes(b"content")
        yield running


def _versions() -> list[ssl.TLSVersion]:
    return [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", _versions())
def test_data_connections_must_resume(where: Served, version: ssl.TLSVersion) -> None:
    """A data connection with a handshake of its own is refused, also under TLS 1.3."""
    context = trusting(where.chain)
    context.maximum_version = context.minimum_version = version
    with client(where, context=context) as one:
        assert one.nlst() == ["file"]
        one.resumes = False
        with contextlib.suppress(OSError):
            one.retrbinary("RETR file", lambda _: None)
        assert "522" in _drained(one)


def _drained(one: Client) -> str:
    with contextlib.suppress(Exception):
        return one.getresp()
    return one.lastresp


@pytest.mark.parametrize("version", _versions())
def test_sessions_of_other_connections_do_not_count(where: Served, version: ssl.TLSVersion) -> None:
    """What was negotiated on another control connection opens no data connection here."""
    context = trusting(where.chain)
    context.maximum_version = context.minimum_version = version
    with Raw(where.port) as mine, Raw(where.port) as other:
        mine.sign_in(where, context)
        other.sign_in(where, context)
        assert isinstance(other.sock, ssl.SSLSocket)
        stolen = mine.data(context, session=other.sock.session)
        assert mine.outcome("RETR file").startswith("522 ")
        stolen.close()
        own = mine.data(context)
        assert mine.ask("RETR file")[:1] == "1"
        assert own.recv(100) == b"content"
        own.close()


def test_data_connections_of_other_addresses_are_hung_up_on(where: Served) -> None:
    """A stranger on the data port gets nothing, and the client still does (RFC 2577)."""
    context = trusting(where.chain)
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        port = raw.passive()
        with socket.create_connection(
            ("127.0.0.1", port), PATIENCE_SECONDS, ("127.0.0.2", 0)
        ) as stranger:
            assert stranger.recv(10) == b""
        assert isinstance(raw.sock, ssl.SSLSocket)
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        with context.wrap_socket(
            plain, server_hostname="localhost", session=raw.sock.session
        ) as mine:
            raw.ask("RETR file")
            assert mine.recv(100) == b"content"


def test_plain_data_connections_get_nothing(where: Served) -> None:
    """A data connection that speaks no TLS ends the transfer with 522."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        with socket.create_connection(("127.0.0.1", raw.passive()), PATIENCE_SECONDS) as plain:
            assert raw.ask("RETR file")[:1] == "1"
            plain.sendall(b"give me the file\r\n")
            assert raw.reply().startswith("522 ")


def test_nothing_spins_while_a_data_client_delays_its_hello(where: Served) -> None:
    """A connection without hello costs no processor time."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        with socket.create_connection(("127.0.0.1", raw.passive()), PATIENCE_SECONDS):
            raw.ask("RETR file")
            assert where.rests()


def test_nothing_spins_when_data_come_before_their_command(where: Served) -> None:
    """Bytes that nobody asked for yet wait in the kernel."""
    context = trusting(where.chain)
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        early = raw.data(context)
        early.sendall(b"x" * 1000)
        assert where.rests()
        assert raw.ask("STOR new")[:1] == "1"
        early.unwrap().close()
        assert raw.reply().startswith("226 ")
    assert (where.house.folder / "new").read_bytes() == b"x" * 1000


def test_a_command_without_data_port(where: Served) -> None:
    """RETR, STOR and LIST need EPSV or PASV before them."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        for command in ("RETR file", "STOR new", "APPE new", "LIST", "MLSD", "NLST"):
            assert raw.code(command) == 425


def test_a_data_connection_that_never_comes(where: Served) -> None:
    """The command gives up after a while, and the next one works."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        raw.passive()
        assert raw.ask("LIST")[:1] == "1"
        where.settle(connect_seconds=0.3)
        assert raw.reply().startswith("425 ")
        assert raw.ask("PWD").startswith("257 ")


def test_only_passive_ports_of_the_range(where: Served) -> None:
    """EPSV and PASV tell a port of the range; PASV tells the address that was called."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        assert PASSIVE.first <= raw.passive() <= PASSIVE.last
        numbers = raw.ask("PASV").split("(")[1].split(")")[0].split(",")
        assert numbers[:4] == ["127", "0", "0", "1"]
        assert PASSIVE.first <= int(numbers[4]) * 256 + int(numbers[5]) <= PASSIVE.last


def test_a_new_data_port_closes_the_old(where: Served) -> None:
    """A client that asks again and again holds one port."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        ports = {raw.passive() for _ in range(150)}
        assert len(ports) > 30
        open_before = descriptors()
        for _ in range(50):
            raw.passive()
        assert descriptors() <= open_before + 1


def test_a_used_up_range_is_told(tmp_path: Path) -> None:
    """When no port is free the client hears it."""
    port = free_port()
    one_port = PassivePorts(first=port, last=port)
    with (
        served(tmp_path, passive=one_port) as where,
        Raw(where.port) as one,
        Raw(where.port) as two,
    ):
        one.sign_in(where)
        two.sign_in(where)
        one.passive()
        assert two.ask("EPSV").startswith("425 ")


def test_the_announced_address(tmp_path: Path) -> None:
    """Behind a translating router PASV tells the address outside."""
    ports = replace(PASSIVE, address="203.0.113.7")
    with served(tmp_path, passive=ports) as where, Raw(where.port) as raw:
        raw.sign_in(where)
        assert "(203,0,113,7," in raw.ask("PASV")


def test_ipv6(tmp_path: Path) -> None:
    """EPSV works over IPv6; PASV cannot and says so."""
    with served(tmp_path, host="::1") as where, Raw(where.port, source="::1", target="::1") as raw:
        context = trusting(where.chain)
        raw.sign_in(where, context)
        assert raw.ask("PASV").startswith("425 ")
        assert raw.ask("EPSV 1").startswith("522 ")
        port = int(raw.ask("EPSV 2").split("|")[3])
        assert isinstance(raw.sock, ssl.SSLSocket)
        plain = socket.create_connection(("::1", port), PATIENCE_SECONDS)
        data = context.wrap_socket(plain, server_hostname="localhost", session=raw.sock.session)
        raw.ask("NLST")
        assert data.recv(10) == b""
        data.close()
        assert where.house.channels[0].peer == "::1"


def test_the_data_connection_is_no_weaker_than_the_control_connection(where: Served) -> None:
    """Under a hybrid control connection a classical data connection is refused."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    with Raw(where.port) as raw:
        assert raw.reply().startswith("220 ")
        assert raw.ask("AUTH TLS").startswith("234 ")
        raw.sock.settimeout(None)
        outer = SSL.Connection(context, raw.sock)
        outer.set_connect_state()
        outer.do_handshake()
        raw.sock, plain = outer, raw.sock  # type: ignore[assignment]
        for command in ("USER anna", f"PASS {PASSWORD}", "PBSZ 0", "PROT P", "TYPE I"):
            raw.ask(command)
        assert where.house.channels[0].group == "X25519MLKEM768"
        for groups, begins in ((b"X25519", "522 "), (b"X25519MLKEM768", "226 ")):
            with socket.create_connection(
                ("127.0.0.1", raw.passive()), PATIENCE_SECONDS
            ) as connection:
                connection.settimeout(None)
                inner = SSL.Connection(context, connection)
                SSL._lib.SSL_set1_curves_list(inner._ssl, groups)  # type: ignore[attr-defined]
                session = outer.get_session()
                assert session is not None
                inner.set_session(session)
                inner.set_connect_state()
                inner.do_handshake()
                assert raw.outcome("RETR file").startswith(begins), groups
        plain.close()
