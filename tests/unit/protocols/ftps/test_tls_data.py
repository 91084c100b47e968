import contextlib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.protocols.ftps.tls import (
    DataTLSConnection,
    ReceiveBuffer,
    TLSBrokenError,
    TLSConnection,
    TLSFiles,
    TLSNeed,
    server_context,
)
from tests.unit.protocols.ftps.ftps_served import PASSWORD, certificate, served, trusting


class _Ends:
    """Our end over a socket, and a client's in memory that tells what reached it."""

    def __init__(self, folder: Path) -> None:
        chain, key, _ = certificate(folder, "localhost")
        ours, self.wire = socket.socketpair()
        ours.setblocking(False)
        self.wire.setblocking(False)
        self.ours = ours
        control = TLSConnection(server_context(TLSFiles(str(chain), str(key))), None)
        self.tls = DataTLSConnection(ours, control)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = trusting(chain)
        self.client = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def carry(self, piece: int = 65536) -> int:
        """Carry bytes both ways, to us in pieces of that size; return how many came from us."""
        data = self.outgoing.read()
        for at in range(0, len(data), piece):
            self.wire.sendall(data[at : at + piece])
            if not self.tls.established:
                self.tls.handshake()
        try:
            heard = self.wire.recv(65536)
        except BlockingIOError:
            return 0
        self.incoming.write(heard)
        return len(heard)

    def received(self) -> tuple[bytes, bool | None]:
        """Return what has reached us, and whether and how it ended."""
        wire, plain = ReceiveBuffer(20_000), ReceiveBuffer(20_000)
        got = bytearray()
        while True:
            count, whole = self.tls.receive(wire, plain)
            got += plain.view[:count]
            # What is on the line is nobody's afterwards.
            wire.view[:] = bytes(len(wire.view))
            if not count or whole is not None:
                return bytes(got), whole

    def shake(self, piece: int = 65536) -> None:
        """Do the handshake."""
        while not self.tls.established:
            with contextlib.suppress(ssl.SSLWantReadError):
                self.client.do_handshake()
            self.carry(piece)


@pytest.fixture(name="ends")
def _ends(tmp_path: Path) -> Iterator[_Ends]:
    ends = _Ends(tmp_path)
    try:
        yield ends
    finally:
        ends.ours.close()
        ends.wire.close()


@pytest.mark.parametrize("piece", [1, 7, 65536])
def test_the_ticket_waits_for_the_end(ends: _Ends, piece: int) -> None:
    """Behind the handshake nothing is sent, and the ticket and close_notify when all has come."""
    ends.shake(piece)
    assert ends.carry() == 0
    ends.client.write(b"all of it")
    with pytest.raises(ssl.SSLWantReadError):
        ends.client.unwrap()
    ends.carry()
    assert ends.received() == (b"all of it", True)
    assert ends.tls.say_goodbye()
    assert ends.carry() > 200  # a ticket is longer than close_notify
    ends.client.unwrap()
    assert ends.client.session is not None
    assert ends.client.session.has_ticket


@pytest.mark.parametrize("piece", [1, 1000, 16_406, 65536])
def test_records_come_whole_however_they_are_cut(ends: _Ends, piece: int) -> None:
    """What is taken at once ends anywhere in a record, and is the beginning of the next time."""
    ends.shake()
    sent = bytes(range(256)) * 300
    ends.client.write(sent)
    data, got = ends.outgoing.read(), b""
    for at in range(0, len(data), piece):
        ends.wire.sendall(data[at : at + piece])
        more, whole = ends.received()
        assert whole is None
        got += more
    assert got == sent


def test_what_comes_with_the_end_of_the_handshake_is_read(ends: _Ends) -> None:
    """A client that sends at once behind its Finished is not waited for again."""
    with pytest.raises(ssl.SSLWantReadError):
        ends.client.do_handshake()
    ends.carry()
    ends.client.do_handshake()
    ends.client.write(b"early")
    ends.carry()
    assert ends.tls.established
    assert ends.received() == (b"early", None)
    ends.wire.close()
    assert ends.received() == (b"", False)


def test_a_changed_record_breaks_the_connection_off(ends: _Ends) -> None:
    """What was sent before it counts; itself and what is behind it do not."""
    ends.shake()
    ends.client.write(b"good")
    good = ends.outgoing.read()
    ends.client.write(b"changed on its way")
    bad = bytearray(ends.outgoing.read())
    bad[-1] ^= 1
    ends.wire.sendall(good + bad)
    assert ends.received() == (b"good", False)


def test_the_ticket_goes_before_what_is_sent(ends: _Ends) -> None:
    """A download is read as it is: records keep their order."""
    ends.shake()
    assert ends.tls.write(b"there you are")
    ends.carry()
    assert ends.client.read(100) == b"there you are"


def test_what_is_no_tls_is_refused_at_once(ends: _Ends) -> None:
    """Neither a line of HTTP nor a record without end is waited for."""
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff"):
        ends.wire.sendall(noise)
        with pytest.raises(TLSBrokenError):
            ends.tls.handshake()


def test_a_client_that_leaves_ends_the_handshake(ends: _Ends) -> None:
    """Half a record and then nothing more."""
    ends.wire.sendall(b"\x16\x03\x01\x02")
    assert ends.tls.handshake() is TLSNeed.READABLE
    ends.wire.close()
    with pytest.raises(TLSBrokenError, match="without close_notify"):
        ends.tls.handshake()


@pytest.mark.peer("lftp")
def test_lftp_which_reads_no_ticket_is_not_cut_off(tmp_path: Path) -> None:
    """It closes at once behind close_notify; of sizes about its buffers every second one was 426."""
    with served(tmp_path) as where:
        script = [
            f"set ssl:ca-file {where.chain}; set ftp:ssl-force true; set ftp:ssl-protect-data true",
            "set cmd:fail-exit true; set net:max-retries 1; set net:timeout 10",
            f"open -u anna,'{PASSWORD}' ftp://localhost:{where.port}",
        ]
        for number, size in enumerate((100_000, 131_072, 196_608, 262_144, 400_000) * 3):
            (tmp_path / "file").write_bytes(bytes(size))
            script.append(f"put {tmp_path}/file -o file{number % 5}")
            done = subprocess.run(
                ["lftp", "-c", "; ".join([*script[:3], script[-1]])],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            assert done.returncode == 0, done.stderr
