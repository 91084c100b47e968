import io
import os
import resource
import signal
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from sealgate.protocols.ftps.server import FTPSServer
from tests.processes import resident_bytes
from tests.unit.protocols.ftps.ftps_apart import Apart, served_apart
from tests.unit.protocols.ftps.ftps_served import (
    PASSWORD,
    Raw,
    client,
    listening,
    served,
    trusting,
)
from tests.waiting import PATIENCE_SECONDS, wait_until


def test_so_many_connections_and_no_more(tmp_path: Path) -> None:
    """Beyond the limit a connection hears 421 and is closed; a place that is left is free."""
    with served(tmp_path, max_connections=3) as where:
        held = [Raw(where.port) for _ in range(3)]
        for one in held:
            assert one.reply().startswith("220 ")
        with Raw(where.port) as late:
            assert late.reply().startswith("421 ")
            assert late.reply() == ""
        with Raw(where.implicit_port) as late:
            assert late.reply() == ""
        held.pop().close()

        def is_taken_in() -> bool:
            with Raw(where.port) as next_one:
                return next_one.reply().startswith("220 ")

        assert wait_until(is_taken_in)
        for one in held:
            one.close()


def test_one_address_keeps_nobody_out(tmp_path: Path) -> None:
    """Where all places are taken by strangers, those who hold most make room for another."""
    with served(tmp_path, max_connections=3) as where:
        held = [Raw(where.port) for _ in range(3)]
        for one in held:
            one.reply()
        with Raw(where.port, source="127.0.0.2") as other:
            assert other.reply().startswith("220 ")
        assert held[0].reply().startswith("421 ")
        for one in held:
            one.close()


def test_so_many_from_one_address(tmp_path: Path) -> None:
    """One address cannot take all places."""
    with served(tmp_path, max_connections_per_address=2) as where:
        held = [Raw(where.port) for _ in range(2)]
        for one in held:
            one.reply()
        with Raw(where.port) as late:
            assert late.reply().startswith("421 too many connections from your address")
        with Raw(where.port, source="127.0.0.2") as other:
            assert other.reply().startswith("220 ")
        for one in held:
            one.close()


def test_the_doorkeeper_turns_away(tmp_path: Path) -> None:
    """Whom the authenticator does not greet hears its sentence and nothing else."""
    with served(tmp_path) as where:
        where.context.turned_away.add("127.0.0.1")
        with Raw(where.port) as raw:
            assert raw.reply() == "421 too many attempts from your address"
            assert raw.reply() == ""


def test_a_balancer_tells_who_is_behind_it(tmp_path: Path) -> None:
    """With the PROXY protocol the client's address is the channel's; TLS is untouched."""
    with served(tmp_path, trusted_proxies=("127.0.0.0/8",)) as where:
        for port in (where.port, where.implicit_port):
            with Raw(port) as raw:
                raw.send(b"PROXY TCP4 198.51.100.9 192.0.2.1 40000 21\r\n")
                if port == where.port:
                    raw.secure(trusting(where.chain))
                else:
                    raw.sock = trusting(where.chain).wrap_socket(
                        raw.sock, server_hostname="localhost"
                    )
                    raw.reply()
                raw.ask("USER anna")
                assert raw.ask(f"PASS {PASSWORD}").startswith("230 ")
        assert [channel.peer for channel in where.context.channels] == ["198.51.100.9"] * 2
        assert where.context.peers == ["198.51.100.9"] * 2


@pytest.mark.parametrize(
    "begins", [b"USER anna\r\n", b"PROXY TCP4 x y 1 2\r\n", b"PROXY UNKNOWN\r\n"]
)
def test_a_balancer_that_tells_nothing_is_hung_up_on(tmp_path: Path, begins: bytes) -> None:
    """Behind a trusted address only a whole header opens a connection."""
    with served(tmp_path, trusted_proxies=("127.0.0.1",)) as where, Raw(where.port) as raw:
        raw.send(begins)
        assert raw.reply() == ""
        assert where.context.peers == []


def test_half_a_header_is_waited_for_without_spinning(tmp_path: Path) -> None:
    """A header that comes in two pieces is whole in the end, and waiting costs nothing."""
    with served(tmp_path, trusted_proxies=("127.0.0.1",)) as where, Raw(where.port) as raw:
        raw.send(b"PROXY TCP4 198.51.100.9 ")
        assert where.rests()
        raw.send(b"192.0.2.1 40000 21\r\n")
        assert raw.reply().startswith("220 ")


def test_a_header_from_anybody_else_is_a_command(tmp_path: Path) -> None:
    """Who is no trusted proxy cannot claim an address."""
    with served(tmp_path) as where, Raw(where.port) as raw:
        raw.reply()
        assert raw.ask("PROXY TCP4 198.51.100.9 192.0.2.1 40000 21").startswith("500 ")


def test_the_doorkeeper_judges_who_is_behind_the_balancer(tmp_path: Path) -> None:
    """Throttling counts for the client, not for the balancer."""
    with served(tmp_path, trusted_proxies=("127.0.0.1",)) as where, Raw(where.port) as raw:
        where.context.turned_away.add("198.51.100.9")
        raw.send(b"PROXY TCP4 198.51.100.9 192.0.2.1 40000 21\r\n")
        assert raw.reply() == "421 too many attempts from your address"
        assert raw.reply() == ""


def test_stopping_lets_transfers_end(tmp_path: Path) -> None:
    """A stop takes nobody in, says goodbye to the idle, and waits for the busy."""
    with served(tmp_path) as where:
        context = trusting(where.chain)
        busy, idle = Raw(where.port), Raw(where.port)
        busy.sign_in(where, context)
        idle.sign_in(where, context)
        data = busy.data(context)
        busy.ask("STOR new")
        data.sendall(b"first ")
        assert wait_until(lambda: where.context.uploads[0].offset == len(b"first "))
        where.server.request_stop(20)
        assert idle.reply().startswith("421 ")
        with pytest.raises(OSError):  # noqa: PT011  # refused or reset
            Raw(where.port).sock.recv(1)
        data.sendall(b"second")
        data.unwrap().close()
        assert busy.reply().startswith("226 ")
        assert busy.reply().startswith("421 ")
        busy.close()
        idle.close()
    assert (tmp_path / "files/new").read_bytes() == b"first second"


def test_stopping_does_not_wait_for_ever(tmp_path: Path) -> None:
    """When the time is up what is under way is given up, for a later resume."""
    with served(tmp_path) as where:
        context = trusting(where.chain)
        with Raw(where.port) as raw:
            raw.sign_in(where, context)
            data = raw.data(context)
            raw.ask("STOR new")
            data.sendall(b"first ")
            assert wait_until(lambda: where.context.uploads[0].offset == len(b"first "))
            began = time.monotonic()
            where.server.request_stop(0.3)
            # The client would give up waiting long before anything else ended this transfer.
            assert where.server.shared.settings.data_seconds > PATIENCE_SECONDS
            while raw.reply():
                pass
            assert time.monotonic() - began > 0.2
            data.close()
    assert where.context.uploads[0].state == "aborted"
    assert where.context.sessions[0].closed


def test_a_signal_handler_may_stop_it(tmp_path: Path) -> None:
    """request_stop in a signal handler, while the loop runs in the same thread."""
    with served(tmp_path) as other:
        server = FTPSServer([listening()], [], other.context, other.server.shared.settings)
        before = signal.signal(signal.SIGUSR1, lambda *_: server.request_stop())
        try:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            server.serve_forever()
        finally:
            signal.signal(signal.SIGUSR1, before)


def test_a_thousand_connections_leave_nothing(tmp_path: Path) -> None:
    """Connections that come and go, half way into TLS or out of it, cost no memory."""

    def storm(where: Apart, count: int) -> None:
        context = trusting(where.chain)
        for number in range(count):
            with Raw(where.port) as raw:
                match number % 5:
                    case 0:
                        raw.reply()
                        raw.send(b"AUTH TLS\r\n")
                    case 1:
                        raw.send(b"\x16\x03\x01\x02\x00\x01\x00" + bytes(50))
                    case 2:
                        raw.secure(context)
                    case 3:
                        raw.send(b"NOOP")
                    case _:
                        raw.sock.setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
                        )

    with served_apart(tmp_path) as where:
        idle = where.descriptors
        storm(where, 200)
        assert wait_until(lambda: where.descriptors <= idle)
        before = resident_bytes(where.pid)
        storm(where, 1000)
        assert wait_until(lambda: where.descriptors <= idle)
        assert resident_bytes(where.pid) - before < 8 << 20
        with client(where) as one:
            one.storbinary("STOR new", io.BytesIO(b"still here"))


def test_half_open_connections_hold_little(tmp_path: Path) -> None:
    """Four hundred connections that say nothing are held in a few megabytes, and end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    try:
        with served_apart(tmp_path, max_connections_per_address=500) as where:
            before = resident_bytes(where.pid)
            held = []
            for _ in range(400):
                held.append(Raw(where.port))
                # One after the other: where the kernel's queue is full, it waits for long.
                assert held[-1].reply().startswith("220 ")
            assert resident_bytes(where.pid) - before < 24 << 20
            with client(where) as good:
                assert good.pwd() == "/"
            where.lose_patience()
            for one in held:
                assert one.reply().startswith("421 ")
                one.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_lists_of_the_other_kind_need_tls_too(tmp_path: Path) -> None:
    """The implicit port speaks nothing but TLS."""
    with served(tmp_path) as where:
        with Raw(where.implicit_port) as raw:
            raw.send(b"USER anna\r\n")
            assert raw.reply() == ""
        context = trusting(where.chain)
        with (
            socket.create_connection(("127.0.0.1", where.implicit_port), PATIENCE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as sealed,
        ):
            assert isinstance(sealed, ssl.SSLSocket)
            assert sealed.recv(100).startswith(b"220 ")
