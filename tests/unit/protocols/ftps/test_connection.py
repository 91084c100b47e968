import io
import logging
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealgate.protocols.ftps.connection import _PLAIN, _SECURED, COMMANDS
from sealgate.protocols.ftps.files import FILE_COMMANDS, FileCommands
from tests.unit.protocols.ftps.ftps_served import (
    PASSWORD,
    Raw,
    Served,
    client,
    read_all,
    served,
    trusting,
)
from tests.waiting import PATIENCE_SECONDS, wait_until


@pytest.fixture(name="where")
def _where(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        yield running


def test_every_command_is_written() -> None:
    """Each command stands in one table, and what a signed-in client can call stands there, too."""
    assert len(COMMANDS) == len(_PLAIN) + len(_SECURED) + len(FILE_COMMANDS)
    written = {name for name in vars(FileCommands) if not name.startswith("_")} - {"show"}
    assert written == {do.__name__ for do, _ in FILE_COMMANDS.values()}


def test_plain_ftp_is_refused_before_the_password(where: Served) -> None:
    """USER gets 530 with the reason and what to use; the password is never asked for."""
    with Raw(where.port) as raw:
        assert raw.reply().startswith("220 ")
        reply = raw.ask("USER anna")
        assert reply.startswith("530 ")
        assert "TLS" in reply
        assert "FTPS" in reply


def test_a_password_in_the_clear_is_neither_checked_nor_logged(
    where: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """Who sends PASS all the same is refused, and no log holds it."""
    caplog.set_level(logging.DEBUG)
    with Raw(where.port) as raw:
        raw.reply()
        raw.ask("USER anna")
        assert raw.ask(f"PASS {PASSWORD}").startswith("530 ")
    assert where.context.passwords == 0
    assert PASSWORD not in caplog.text
    assert "anna" not in caplog.text


def test_before_tls_nothing_works_that_matters(where: Served) -> None:
    """In the clear there are AUTH, FEAT, HELP, NOOP, QUIT and SYST, and no more."""
    with Raw(where.port) as raw:
        raw.reply()
        for verb in sorted(set(COMMANDS) - {"AUTH", "FEAT", "HELP", "NOOP", "QUIT", "SYST"}):
            assert raw.code(f"{verb} x") == 530, verb
        for verb in ("FEAT", "HELP", "NOOP", "SYST"):
            assert raw.code(verb) // 100 == 2


@pytest.mark.parametrize("behind", [b"USER anna\r\nPASS x\r\n", b"NOOP\r\n", b"U"])
def test_commands_in_the_clear_behind_auth_are_thrown_away(where: Served, behind: bytes) -> None:
    """Commands pipelined behind AUTH TLS are never run in TLS (CVE-2011-1575): hung up."""
    with Raw(where.port) as raw:
        raw.reply()
        raw.send(b"AUTH TLS\r\n" + behind)
        assert raw.reply() == ""
    assert where.context.passwords == 0


def test_commands_in_the_clear_after_auth_break_tls(where: Served) -> None:
    """A plain command sent after the 234 is a broken handshake, not a command."""
    with Raw(where.port) as raw:
        raw.reply()
        assert raw.ask("AUTH TLS").startswith("234")
        raw.send(b"USER anna\r\n")
        assert raw.reply() == ""


def test_before_the_sign_in_no_files(where: Served) -> None:
    """TLS alone opens nothing."""
    with Raw(where.port) as raw:
        raw.secure(trusting(where.chain))
        for command in ("PWD", "LIST", "EPSV", "RETR a", "STOR a", "STAT /", "SITE HELP", "MLST"):
            assert raw.code(command) == 530, command


def test_a_long_line_ends_the_connection(where: Served) -> None:
    """A line without end does not fill memory."""
    with Raw(where.port) as raw:
        raw.reply()
        raw.send(b"NOOP " + b"x" * 20_000)
        assert raw.reply().startswith("500 ")
        assert raw.reply() == ""


def test_what_is_not_utf_8_is_refused(where: Served) -> None:
    """A name that could be read in two ways is not read at all."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        raw.send(b"MLST \xff\xfe\r\n")
        assert raw.reply().startswith("501 ")


@pytest.mark.parametrize(
    "line",
    [
        b"MLST x\nDELE a",
        b"NOOP\nDELE a",
        b"MLST x\n\nDELE a",
        b"MLST x\rDELE a",
        b"MLST x\r\0DELE a",
        b"MLST x\r\r",
        b"MLST x\0DELE a",
        b"MLST x\n\rDELE a",
        b"\nDELE a",
        b"\rDELE a",
        b"\0DELE a",
        b"SITE x\nDELE a",
        b"USER anna\nDELE a",
        b"MKD x\nDELE a",
        b"RNFR a\nRNTO b",
        b"MFMT 20260101000000 x\nDELE a",
        b"STOR x\nDELE a",
        b"PASS x\nDELE a",
        b"CLNT x\nDELE a",
        b"ABOR\nDELE a",
    ],
)
def test_nothing_but_cr_lf_ends_a_command(where: Served, line: bytes) -> None:
    """What stands behind another end of line is no command, and neither is what stands before."""
    (where.context.folder / "a").write_bytes(b"kept")
    with Raw(where.port) as raw:
        raw.sign_in(where)
        raw.send(line + b"\r\nNOOP\r\n")
        assert raw.reply().startswith("501 ")
        assert raw.reply() == "200 here"
        assert raw.is_silent()
    assert [one.name for one in where.context.folder.iterdir()] == ["a"]


@pytest.mark.parametrize("line", [b"MLST \xff\xf4DELE a", b"\xff\xffDELE a", b"\xff\xfbDELE a"])
def test_telnet_signs_within_a_command_are_no_command(where: Served, line: bytes) -> None:
    """Telnet's signs are passed over before a command, and part nothing in it."""
    (where.context.folder / "a").write_bytes(b"kept")
    with Raw(where.port) as raw:
        raw.sign_in(where)
        raw.send(line + b"\r\nNOOP\r\n")
        assert raw.reply()[:2] == "50"
        assert raw.reply() == "200 here"
    assert (where.context.folder / "a").exists()


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_command_in_two_pieces_is_one(where: Served, cut: int) -> None:
    """Wherever the line is cut on its way, also between CR and LF."""
    line = b"MLST gone\r\n"
    with Raw(where.port) as raw:
        raw.sign_in(where)
        raw.send(line[:cut])
        raw.send(line[cut:])
        assert raw.reply().startswith("550 ")
        assert raw.ask("NOOP") == "200 here"


def test_a_client_without_cr_is_told_and_hung_up_on(where: Served) -> None:
    """It would wait for an answer that no line of its own asks for."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        raw.send(b"NOOP\n")
        assert "CR LF" in raw.reply()
        assert raw.reply() == ""


def test_a_listing_has_one_line_for_each_name(where: Served) -> None:
    """Whatever a store might hold, no name begins a line of its own."""
    context = trusting(where.chain)
    for name in ("x\r\ntype=file; y", "u\nv", "w\x1b[2J"):
        (where.context.folder / name).write_bytes(b"")
    with Raw(where.port) as raw:
        raw.sign_in(where, context)
        for verb in ("NLST", "LIST", "MLSD"):
            with raw.data(context) as data:
                assert raw.ask(verb)[:1] == "1"
                lines = read_all(data).decode().split("\r\n")
            assert len(lines) == 4
            assert all(line.isprintable() for line in lines)
            assert raw.reply().startswith("226 ")


def test_an_argument_that_is_missing_is_asked_for(where: Served) -> None:
    """Spaces are no argument."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        for verb, needs in COMMANDS.items():
            if needs and verb != "AUTH":
                assert raw.code(f"{verb}   ") == 501, verb


def test_pipelined_commands_are_answered_in_order(where: Served) -> None:
    """Commands wait for one another, also while a thread works for one."""
    with Raw(where.port) as raw:
        raw.secure(trusting(where.chain))
        raw.send(f"USER anna\r\nPASS {PASSWORD}\r\nNOOP\r\nPWD\r\nQUIT\r\n".encode())
        assert [raw.reply()[:3] for _ in range(5)] == ["331", "230", "200", "257", "221"]


def test_telnet_signs_before_abor_are_passed_over(where: Served) -> None:
    """ABOR with Telnet's interrupt is ABOR (RFC 959, 4.1.3)."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        raw.send(b"\xff\xf4\xff\xf2ABOR\r\n")
        assert raw.reply().startswith("226 ")


def test_slow_sign_ins_hold_nobody_up(where: Served) -> None:
    """While passwords are checked, others transfer."""
    gate = where.context.password_gate
    with client(where) as fast, gate.shut():
        slow = [Raw(where.port) for _ in range(4)]
        for raw in slow:
            raw.secure(trusting(where.chain))
            raw.ask("USER anna")
            raw.send(f"PASS {PASSWORD}\r\n".encode())
        assert wait_until(lambda: gate.waiting == where.server.shared.settings.sign_in_threads)
        for _ in range(20):
            assert fast.pwd() == "/"
        fast.storbinary("STOR new", io.BytesIO(b"x"))
        assert gate.waiting == where.server.shared.settings.sign_in_threads
        # Whoever signed in from there before does not stand in their line.
        where.context.is_usual_here = True
        usual = Raw(where.port)
        usual.secure(trusting(where.chain))
        usual.ask("USER anna")
        usual.send(f"PASS {PASSWORD}\r\n".encode())
        assert wait_until(lambda: gate.waiting == where.server.shared.settings.sign_in_threads + 1)
        for raw in (*slow, usual):
            raw.close()


def test_login_grace(where: Served) -> None:
    """Who does not sign in is hung up on, whether in the clear, in TLS or in between."""
    plain, between, sealed = (Raw(where.port) for _ in range(3))
    sealed.secure(trusting(where.chain))
    plain.reply()
    between.reply()
    between.ask("AUTH TLS")
    silent = socket.create_connection(("127.0.0.1", where.implicit_port), PATIENCE_SECONDS)
    where.settle(login_seconds=0.3)
    assert plain.reply().startswith("421 ")
    assert sealed.reply().startswith("421 ")
    assert between.reply() == ""
    assert silent.recv(100) == b""
    silent.close()
    for raw in (plain, between, sealed):
        raw.close()


def test_idle_connections_end(where: Served) -> None:
    """Who asks for nothing is let go."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        where.settle(idle_seconds=0.3)
        assert raw.reply().startswith("421 ")
        assert raw.reply() == ""


def test_replies_that_nobody_reads_do_not_pile_up(where: Served) -> None:
    """A client that only asks is not listened to until it reads."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        raw.sock.settimeout(1)

        def flood() -> None:
            for _ in range(10_000):
                raw.send(b"FEAT\r\n" * 1000)

        with pytest.raises(TimeoutError):
            flood()


def _crash(where: Served, attempts: list[bytes]) -> None:
    context = trusting(where.chain)
    for data in attempts:
        with Raw(where.port) as raw:
            raw.sign_in(where, context)
            raw.sock.settimeout(0.2)
            try:
                raw.send(data)
                while raw.sock.recv(65536):
                    pass
            except OSError:
                pass


def test_random_bytes_over_tls_break_nothing(
    where: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """Garbage behind the sign-in: the server stays up, and no fault of its own is logged."""
    source = random.Random(20261126)  # noqa: S311  # reproducible on purpose
    verbs = [verb.encode() for verb in COMMANDS if verb != "QUIT"]
    attempts = []
    for _ in range(40):
        lines = [
            source.choice([*verbs, source.randbytes(4)])
            + source.choice([b" ", b"", b"\t", b"  "])
            + source.randbytes(source.randrange(0, 60))
            for _ in range(25)
        ]
        attempts.append(source.choice([b"\r\n", b"\n"]).join(lines) + b"\r\n")
    threads = [threading.Thread(target=_crash, args=(where, attempts[i::4])) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    with client(where) as after:
        assert after.pwd() == "/"


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    verb=st.sampled_from(sorted(set(COMMANDS) - {"QUIT", "PASS", "USER", "AUTH"})),
    argument=st.text(
        st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=80
    ),
)
def test_any_argument_gets_one_reply(where: Served, verb: str, argument: str) -> None:
    """Whatever the argument, a command is answered by one reply, and not by our own fault."""
    with Raw(where.port) as raw:
        raw.sign_in(where)
        reply = raw.ask(f"{verb} {argument}")
        assert reply[:3].isdigit()
        assert "the server failed" not in reply
        assert raw.ask("NOOP").startswith("200 ")
