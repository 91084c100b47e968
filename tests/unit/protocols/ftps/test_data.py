import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from OpenSSL import SSL

from sealgate.policy.inventory import PassivePorts
from tests.ports import free_port
from tests.unit.protocols.ftps.ftps_served import (
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
from tests.waiting import PATIENCE_SECONDS, wait_until


@pytest.fixture(name="where")
def _where(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        (running.context.folder / "file").write_bytes(b"content")
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
            stranger.sendall(b"\x16")
            with contextlib.suppress(ConnectionResetError):
                assert stranger.recv(10) == b""
        assert isinstance(raw.sock, ssl.SSLSocket)
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        with context.wrap_socket(
            plain, server_hostname="localhost", session=raw.sock.session
        ) as mine:
            raw.ask("RETR file")
            assert mine.recv(100) == b"content"


def _silent(port: int, _: ssl.SSLContext) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)


def _garbage(port: int, _: ssl.SSLContext) -> socket.socket:
    connection = _silent(port, _)
    connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
    return connection


def _half_hello(port: int, _: ssl.SSLContext) -> socket.socket:
    connection = _silent(port, _)
    connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    return connection


def _gone(port: int, _: ssl.SSLContext) -> socket.socket:
    connection = _silent(port, _)
    connection.close()
    return connection


def _own_session(port: int, context: ssl.SSLContext) -> socket.socket:
    return context.wrap_socket(_silent(port, context), server_hostname="localhost")


STRANGERS = [_silent, _garbage, _half_hello, _gone, _own_session]


@pytest.mark.parametrize("version", _versions())
@pytest.mark.parametrize("stranger", STRANGERS)
def test_strangers_at_the_same_address_do_not_use_the_port_up(
    where: Served, stranger: Callable[[int, ssl.SSLContext], socket.socket], version: ssl.TLSVersion
) -> None:
    """Whatever they do there, and however many came first, the client's own is taken."""
    context = trusting(where.chain)
    context.maximum_version = context.minimum_version = version
    with Raw(where.port) as raw, contextlib.ExitStack() as others:
        raw.sign_in(where, context)
        port = raw.passive()
        for _ in range(3 if stranger is _own_session else 20):
            others.enter_context(stranger(port, context))
        with _resumed(raw, port, context) as mine:
            assert raw.ask("RETR file")[:1] == "1"
            assert mine.recv(100) == b"content"
        assert raw.reply().startswith("226 ")
        port = raw.passive()
        raw.send(b"STOR new\r\n")
        assert raw.reply()[:1] == "1"
        for _ in range(3):
            others.enter_context(stranger(port, context))
        with _resumed(raw, port, context) as mine:
            mine.sendall(b"whole")
            mine.unwrap()
        assert raw.reply().startswith("226 ")
    assert (where.context.folder / "new").read_bytes() == b"whole"


def _resumed(raw: Raw, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    assert isinstance(raw.sock, ssl.SSLSocket)
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
    return context.wrap_socket(plain, server_hostname="localhost", session=raw.sock.session)


def test_strangers_who_never_stop_coming_keep_nobody_out(where: Served) -> None:
    """They come again and again, before and while the client's own shakes hands."""
    context = trusting(where.chain)
    over = threading.Event()
    ports: list[int] = []

    def flood() -> None:
        kept: list[socket.socket] = []
        while not over.is_set():
            with contextlib.suppress(OSError):
                kept.append(socket.create_connection(("127.0.0.1", ports[-1]), 1))
            for old in kept[:-40]:
                old.close()
            del kept[:-40]
        for old in kept:
            old.close()

    with Raw(where.implicit_port) as raw:
        raw.sock = context.wrap_socket(raw.sock, server_hostname="localhost")
        assert raw.reply().startswith("220")
        for command in ("USER anna", f"PASS {PASSWORD}", "TYPE I"):
            assert raw.ask(command)[0] in "23"
        ports.append(raw.passive())
        thread = threading.Thread(target=flood)
        thread.start()
        try:
            for _ in range(10):
                with _resumed(raw, ports[-1], context) as mine:
                    assert raw.ask("RETR file")[:1] == "1"
                    assert mine.recv(100) == b"content"
                assert raw.reply().startswith("226 ")
                ports.append(raw.passive())
        finally:
            over.set()
            thread.join()


def test_strangers_alone_are_let_go_of_in_time(where: Served) -> None:
    """They hold no descriptor longer than a handshake may take, and no more than a few."""
    context = trusting(where.chain)
    with Raw(where.port) as raw, contextlib.ExitStack() as others:
        raw.sign_in(where, context)
        port = raw.passive()
        before = descriptors()
        held = [others.enter_context(_silent(port, context)) for _ in range(40)]
        assert raw.ask("NOOP").startswith("200")
        assert wait_until(lambda: descriptors() - before <= len(held) + 8)
        where.settle(handshake_seconds=0.0)
        assert wait_until(lambda: descriptors() - before <= len(held))
        where.settle(handshake_seconds=10)
        with _resumed(raw, port, context) as mine:
            assert raw.ask("RETR file")[:1] == "1"
            assert mine.recv(100) == b"content"


def test_one_address_does_not_hold_all_ports(tmp_path: Path) -> None:
    """Who holds the most ports without using them gives one up to somebody from elsewhere."""
    ports = PassivePorts(first=31_700, last=31_702)
    with served(tmp_path, passive=ports) as where, contextlib.ExitStack() as others:
        (where.context.folder / "file").write_bytes(b"content")
        greedy = [others.enter_context(Raw(where.port)) for _ in range(3)]
        for one in greedy:
            one.sign_in(where)
            one.passive()
        with Raw(where.port, source="127.0.0.2") as other:
            other.sign_in(where)
            assert other.passive() in range(31_700, 31_703)
        assert greedy[0].ask("RETR file").startswith("425 others waited")
        greedy[0].passive()


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
    assert (where.context.folder / "new").read_bytes() == b"x" * 1000


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
        assert where.context.channels[0].peer == "::1"


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
        assert where.context.channels[0].group == "X25519MLKEM768"
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
