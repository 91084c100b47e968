import io
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.protocols.ftps import data as ftps_data
from sealgate.protocols.ftps.transfers import BLOCK_BYTES
from sealgate.storage.model import Trouble
from tests.processes import forget_most_resident, most_resident_bytes, resident_bytes, rests
from tests.unit.protocols.ftps.ftps_apart import served_apart
from tests.unit.protocols.ftps.ftps_served import Raw, Served, client, read_all, served, trusting
from tests.waiting import wait_until

LARGE = os.urandom(5 * BLOCK_BYTES + 12_345)


@pytest.fixture(name="where")
def _where(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        (running.context.folder / "large").write_bytes(LARGE)
        yield running


@pytest.fixture(name="context")
def _context(where: Served) -> ssl.SSLContext:
    return trusting(where.chain)


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("size", [0, 1, 16_384, BLOCK_BYTES, BLOCK_BYTES + 1, len(LARGE)])
def test_there_and_back(where: Served, size: int, *, remote: bool) -> None:
    """Files of every size arrive whole both ways, over near stores and far ones."""
    where.context.remote = remote
    with client(where) as one:
        assert one.storbinary("STOR new", io.BytesIO(LARGE[:size])).startswith("226 ")
        assert (where.context.folder / "new").read_bytes() == LARGE[:size]
        back = io.BytesIO()
        assert one.retrbinary("RETR new", back.write).startswith("226 ")
        assert back.getvalue() == LARGE[:size]
    assert [upload.state for upload in where.context.uploads] == ["closed"]
    where.server.request_stop()
    assert wait_until(lambda: all(reader.closed for reader in where.context.readers))


@pytest.mark.parametrize("remote", [False, True])
def test_an_upload_without_close_notify_is_not_complete(
    where: Served, context: ssl.SSLContext, *, remote: bool
) -> None:
    """A line that ends without close_notify may have been cut: 426, and nothing is stored."""
    where.context.remote = remote
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        data = raw.data(context)
        assert raw.ask("STOR cut")[:1] == "1"
        data.sendall(LARGE[:100_000])
        data.shutdown(socket.SHUT_WR)
        assert raw.reply().startswith("426 ")
        assert not (where.context.folder / "cut").exists()
        assert where.context.uploads[0].state == "aborted"
        assert raw.ask("SIZE cut") == "213 100000"
        data.close()


def test_an_upload_that_is_reset_is_not_complete(where: Served, context: ssl.SSLContext) -> None:
    """A reset ends an upload like a cut."""
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        data = raw.data(context)
        raw.ask("STOR cut")
        data.sendall(b"x" * 1000)
        assert wait_until(lambda: where.context.uploads[0].offset == 1000)
        data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        data.close()
        assert raw.reply().startswith("426 ")
        assert where.context.uploads[0].state == "aborted"


def test_226_comes_after_the_store_has_it(where: Served, context: ssl.SSLContext) -> None:
    """Nothing is acknowledged while the store still works; others go on meanwhile."""
    with Raw(where.port) as raw, Raw(where.port) as other:
        raw.sign_in(where, context)
        other.sign_in(where, context)
        with where.context.store_gate.shut():
            data = raw.data(context)
            raw.ask("STOR slow")
            data.unwrap().close()
            assert wait_until(lambda: where.context.store_gate.waiting == 1)
            assert other.ask("PWD").startswith("257 ")
            assert raw.is_silent()
            assert not (where.context.folder / "slow").exists()
        assert raw.reply().startswith("226 ")
        assert (where.context.folder / "slow").exists()


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(Trouble.NO_SPACE, 452), (Trouble.QUOTA, 552), (Trouble.FAILED, 451), (Trouble.DENIED, 550)],
)
def test_a_commit_that_fails_is_told(where: Served, trouble: Trouble, code: int) -> None:
    """What the store refuses at the end is the reply, with its own code."""
    where.context.commit_trouble = trouble
    with client(where) as one:
        with pytest.raises(Exception, match=f"^{code} "):
            one.storbinary("STOR new", io.BytesIO(b"x"))
        assert one.pwd() == "/"


def test_a_quota_stops_an_upload_on_its_way(where: Served, context: ssl.SSLContext) -> None:
    """The client hears 552 as soon as it is too much, and what was whole may be resumed."""
    where.context.quota = BLOCK_BYTES
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        with raw.data(context) as data:
            raw.ask("STOR much")
            # Sending on is no error: a client that is reset would never read why.
            data.sendall(LARGE)
            assert raw.reply().startswith("552 ")
            data.sendall(LARGE)
            assert raw.ask("NOOP").startswith("200 ")
    assert where.context.uploads[0].state == "aborted"


def is_cut_off(data: ssl.SSLSocket) -> bool:
    """
    Send on without end, and return whether that fails: by a reset or a broken pipe.

    In a thread of its own: OpenSSL keeps errors by thread, and Python 3.13 takes one that is
    left for one of the next connection.
    """
    failures: list[OSError] = []

    def send() -> None:
        try:
            data.sendall(LARGE * 50)
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    thread.join()
    return bool(failures)


def test_a_refused_upload_is_not_sent_on_without_end(
    where: Served, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever goes on sending is cut off after so much, and by the next transfer at once."""
    where.context.quota = BLOCK_BYTES
    monkeypatch.setattr(ftps_data, "DISCARD_BYTES", 4 * BLOCK_BYTES)
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        with raw.data(context) as data:
            raw.ask("STOR much")
            assert is_cut_off(data)
            assert raw.reply().startswith("552 ")
        monkeypatch.undo()
        with raw.data(context) as data:
            raw.ask("STOR much")
            data.sendall(LARGE)
            assert raw.reply().startswith("552 ")
            with raw.data(context):
                assert is_cut_off(data)
        assert raw.ask("NOOP").startswith("200 ")


@pytest.mark.parametrize("remote", [False, True])
def test_damage_in_the_middle_is_no_end(
    where: Served, context: ssl.SSLContext, *, remote: bool
) -> None:
    """A file found damaged on its way ends without close_notify and with 550."""
    where.context.read_trouble = Trouble.TAMPERED
    where.context.remote = remote
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        data = raw.data(context)
        data.suppress_ragged_eofs = False  # type: ignore[attr-defined]
        raw.ask("RETR large")
        with pytest.raises(OSError):  # noqa: PT011  # reset, or an end without close_notify
            read_all(data)
        assert raw.reply().startswith("550 ")
        data.close()
    # The reply does not wait for the reader to be let go of.
    assert wait_until(lambda: where.context.readers[0].closed)


def test_damage_at_the_beginning_is_refused_before_anything_is_sent(
    where: Served, context: ssl.SSLContext
) -> None:
    """A reader that fails at once leads to a refusal instead of a 150."""
    where.context.read_trouble = Trouble.TAMPERED
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        data = raw.data(context)
        raw.ask(f"REST {1 << 20}")
        assert raw.ask("RETR large").startswith("550 ")
        data.close()
    # The reply does not wait for the reader to be let go of.
    assert wait_until(lambda: where.context.readers[0].closed)


def test_our_own_close_notify(where: Served, context: ssl.SSLContext) -> None:
    """A download ends with close_notify, so that the client knows that it is whole."""
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        data = raw.data(context)
        data.suppress_ragged_eofs = False  # type: ignore[attr-defined]
        raw.ask("RETR large")
        assert read_all(data) == LARGE
        assert raw.reply().startswith("226 ")
        data.close()


def test_abor_during_a_download(where: Served, context: ssl.SSLContext) -> None:
    """426 for the transfer, 226 for ABOR, and the connection goes on."""
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        (where.context.folder / "huge").write_bytes(bytes(64 << 20))
        data = raw.data(context)
        raw.ask("RETR huge")
        data.recv(1000)
        assert raw.ask("NOOP").startswith("200 ")
        assert raw.ask("ABOR").startswith("426 ")
        assert raw.reply().startswith("226 ")
        data.close()
        assert raw.ask("PWD").startswith("257 ")
    assert where.context.readers[0].closed


def test_abor_during_an_upload(where: Served, context: ssl.SSLContext) -> None:
    """What has come may be resumed."""
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        data = raw.data(context)
        raw.ask("STOR new")
        data.sendall(b"x" * 1000)
        assert wait_until(lambda: where.context.uploads[0].offset == 1000)
        assert raw.ask("ABOR").startswith("426 ")
        assert raw.reply().startswith("226 ")
        data.close()
        assert raw.ask("SIZE new") == "213 1000"


def test_commands_wait_for_the_transfer(where: Served, context: ssl.SSLContext) -> None:
    """QUIT behind RETR comes after the file (RFC 959, 4.1.1)."""
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        data = raw.data(context)
        raw.send(b"RETR large\r\nPWD\r\nQUIT\r\n")
        assert raw.reply()[:1] == "1"
        assert read_all(data) == LARGE
        assert [raw.reply()[:3] for _ in range(3)] == ["226", "257", "221"]
        data.close()


def test_a_client_that_vanishes_leaves_a_part(where: Served, context: ssl.SSLContext) -> None:
    """When the control connection dies its upload is given up, and its session let go."""
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        data = raw.data(context)
        raw.ask("STOR new")
        data.sendall(b"x" * 1000)
        assert wait_until(lambda: where.context.uploads[0].offset == 1000)
    assert wait_until(lambda: where.context.sessions[0].closed)
    assert where.context.uploads[0].state == "aborted"
    data.close()


def test_a_data_connection_that_stands_still_is_ended(
    where: Served, context: ssl.SSLContext
) -> None:
    """Neither an upload nor a download may hold a place for ever."""
    (where.context.folder / "huge").write_bytes(bytes(64 << 20))
    for command in ("STOR new", "RETR huge"):
        with Raw(where.port) as raw:
            raw.sign_in(where, context)
            data = raw.data(context)
            raw.ask(command)
            where.settle(data_seconds=0.3)
            assert raw.reply().startswith("426 ")
            data.close()
            where.settle(data_seconds=120.0)


def test_slow_readers_cost_no_memory(tmp_path: Path) -> None:
    """Twenty clients that ask for much and read nothing: memory holds a block each at most."""
    with served_apart(tmp_path) as where:
        context = trusting(where.chain)
        (where.folder / "huge").write_bytes(bytes(64 << 20))
        waiting = []
        forget_most_resident(where.pid)
        before = resident_bytes(where.pid)
        for _ in range(20):
            raw = Raw(where.port)
            raw.sign_in(where, context)
            data = raw.data(context)
            assert raw.ask("RETR huge").startswith("1")
            waiting.append((raw, data))
        assert wait_until(lambda: rests(where.pid))
        grown = most_resident_bytes(where.pid) - before
        for raw, data in waiting:
            data.close()
            raw.close()
    assert grown < 20 * 2 * BLOCK_BYTES + (16 << 20)


def test_a_slow_far_store_holds_nobody_up(where: Served, context: ssl.SSLContext) -> None:
    """While one upload waits for a network, other clients are served."""
    where.context.remote = True
    with Raw(where.port) as slow, Raw(where.port) as fast:
        slow.sign_in(where, context)
        fast.sign_in(where, context)
        data = slow.data(context)
        with where.context.store_gate.shut():
            slow.ask("STOR new")
            data.sendall(b"x" * 1000)
            assert wait_until(lambda: where.context.store_gate.waiting == 1)
            for _ in range(5):
                assert fast.ask("PWD").startswith("257 ")
            assert where.context.store_gate.waiting == 1
        data.unwrap().close()
        assert slow.reply().startswith("226 ")
    assert (where.context.folder / "new").read_bytes() == b"x" * 1000


def test_thirty_uploads_at_once(where: Served) -> None:
    """Every one gets its turn and arrives whole."""
    failures: list[object] = []

    def put(name: str) -> None:
        try:
            with client(where) as one:
                one.storbinary(f"STOR {name}", io.BytesIO(name.encode() * 50_000))
        except Exception as error:  # noqa: BLE001  # shown below
            failures.append(error)

    threads = [threading.Thread(target=put, args=(f"file{i:03}",)) for i in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    for i in range(30):
        name = f"file{i:03}"
        assert (where.context.folder / name).read_bytes() == name.encode() * 50_000
