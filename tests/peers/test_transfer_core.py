"""``sealgate serve`` with drops: it starts without a site, follows changes, and survives."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.control import ask
from tests.peers.served import Site, site_running
from tests.peers.transferred import FilePlace, FileServing, file_place
from tests.ports import free_port
from tests.processes import lives
from tests.waiting import wait_until

pytestmark = [pytest.mark.peer("sftp"), pytest.mark.peer("curl")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilePlace]:
    """Give one place with people for all tests here; each writes its own configuration."""
    with file_place(tmp_path_factory.mktemp("files")) as one:
        (one.folder / "a.csv").write_bytes(b"day,rain\nmonday,3\n" * 100)
        yield one


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServing]:
    """Serve the usual drops once for the tests that neither stop nor change what serves."""
    with file_place(tmp_path_factory.mktemp("shared")) as one:
        (one.folder / "a.csv").write_bytes(b"day,rain\nmonday,3\n" * 100)
        with one.serving() as serving:
            yield serving


def status(place: FilePlace) -> dict[str, object]:
    """Return what the running servers say of themselves."""
    answer = ask(str(place.state), "status")
    assert answer is not None
    found: dict[str, object] = answer["status"]
    return found


def pids(place: FilePlace, protocol: str) -> list[int]:
    """Return the processes of one kind of server."""
    servers = status(place)["file_servers"]
    assert isinstance(servers, list)
    return [one["pid"] for one in servers if one["protocol"] == protocol and one["pid"]]


@contextlib.contextmanager
def open_session(place: FilePlace, name: str = "anna") -> Iterator[subprocess.Popen[str]]:
    """Give OpenSSH's sftp, signed in and waiting for commands on its standard input."""
    process = subprocess.Popen(
        ["sftp", "-F", "none", *place.ssh_options(name), "127.0.0.1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=place.folder,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def says(session: subprocess.Popen[str], line: str, until: str) -> str:
    """Send *line*, and return what was printed up to *until*."""
    assert session.stdin is not None
    assert session.stdout is not None
    session.stdin.write(line + "\n")
    session.stdin.flush()
    said = ""
    while until not in said:
        got = session.stdout.readline()
        assert got, said
        said += got
    return said


def curl(place: FilePlace, *options: str) -> subprocess.CompletedProcess[str]:
    """Run curl over explicit FTPS."""
    command = ["curl", "--silent", "--show-error", "--max-time", "60", "--ssl-reqd"]
    return subprocess.run(
        [*command, "--cacert", str(place.ca), *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=place.folder,
    )


def test_drops_are_served_without_a_site(shared: FileServing) -> None:
    """SFTP and FTPS share drops, people and trail; the ready file and status tell where."""
    place, serving = shared.place, shared
    assert serving.ready["envoy_pid"] is None
    assert serving.ready["https"] == []
    for kind in ("sftp", "ftps", "ftps_implicit"):
        where = [f"127.0.0.1:{getattr(place, kind)}"]
        assert serving.ready[kind] == where == status(place)[kind]
    done = place.sftp_batch("put a.csv /partners/over-ssh.csv")
    assert done.returncode == 0, done.stderr
    url = f"ftp://localhost:{place.ftps}/partners/over-ssh.csv"
    key = ("--cert", "anna.crt", "--key", "anna.key", "--user", "anna:")
    got = curl(place, *key, url)
    assert got.returncode == 0, got.stderr
    assert got.stdout == (place.folder / "a.csv").read_text()
    assert wait_until(lambda: place.events()[-1:] and place.events()[-1].action == "download")
    events = place.events()
    assert ask(str(place.state), "promises") is not None
    upload = next(e for e in events if e.action == "upload")
    download = next(e for e in reversed(events) if e.action == "download")
    assert (upload.protocol, download.protocol) == ("sftp", "ftps")
    assert (upload.caller, upload.classification) == ("anna", "confidential")
    assert upload.digest == download.digest != ""
    assert upload.key.startswith("SHA256:")
    assert download.version == "TLSv1.3"
    lines = (place.state / "logs" / "transfer.jsonl").read_text().splitlines()
    assert {"upload", "download", "login"} <= {json.loads(line)["action"] for line in lines}


def test_a_password_opens_only_what_it_is_enough_for(shared: FileServing) -> None:
    """Over FTPS with a password the restricted drop opens, and the confidential one names its rule."""
    place = shared.place
    base = f"ftp://localhost:{place.ftps}"
    user = ("--user", "anna:five plain words are enough")
    listed = curl(place, *user, "--list-only", f"{base}/")
    assert listed.stdout.split() == ["inbox"], listed.stderr
    put = curl(place, *user, "-T", "a.csv", f"{base}/partners/x.csv")
    assert put.returncode != 0
    assert wait_until(lambda: any(e.rule == "access-no-key" for e in place.events()))
    wrong = curl(place, "--user", "anna:wrong", f"{base}/inbox/")
    assert wrong.returncode == 67
    assert wait_until(lambda: any(e.result == "wrong name or password" for e in place.events()))


def test_identities_that_change_reach_open_sessions(shared: FileServing) -> None:
    """When the command that revokes returns, the open session gets no further, nor a new one in."""
    place = shared.place
    place.add("cleo", "partners")
    with open_session(place, "cleo") as session:
        says(session, "ls partners", "sftp> ls partners")
        says(session, "pwd", "Remote working directory: /")
        done = place.sealgate("user", "group", "cleo", "--remove", "partners")
        assert done.returncode == 0, done.stderr
        assert "o longer admitted" in says(session, "ls partners", "o longer admitted")
        again = place.sftp_batch("ls", name="cleo")
        assert again.returncode != 0


def test_a_reload_changes_drops_without_ending_sessions(place: FilePlace) -> None:
    """A new drop shows in the session that is open, one that is gone does not; pids stay."""
    place.write()
    more = """
[[drop]]
name = "extra"
class = "restricted"
store = "file:stores/extra"
admit = ["user:anna"]
"""
    with place.serving(), open_session(place) as session:
        says(session, "pwd", "Remote working directory: /")
        before = pids(place, "sftp"), pids(place, "ftps")
        place.write(more)
        done = place.sealgate("reload")
        assert done.returncode == 0, done.stderr
        assert "sftp server" in done.stdout + done.stderr
        assert says(session, "ls -1", "extra").split()[-1] == "extra"
        assert "inbox" not in says(session, "ls -1\npwd", "Remote working directory: /")
        assert (pids(place, "sftp"), pids(place, "ftps")) == before
        place.write(
            '[[drop]]\nname = "bad"\nclass = "nonsense"\nstore = "file:x"\nadmit = ["user:anna"]'
        )
        assert place.sealgate("reload").returncode == 2
        assert place.sftp_batch("ls extra").returncode == 0


_DROP_OF_NOBODY = """
[[drop]]
name = "other"
class = "restricted"
store = "file:stores/other"
admit = ["user:nobody"]
"""


def test_a_reload_moves_a_door(place: FilePlace) -> None:
    """On another port new processes serve; the session on the old port goes on to its end."""
    place.write()
    old = place.sftp
    with place.serving(), open_session(place) as session:
        says(session, "pwd", "Remote working directory: /")
        before = pids(place, "sftp")
        place.sftp = free_port()
        place.write()
        done = place.sealgate("reload")
        assert done.returncode == 0, done.stderr
        assert pids(place, "sftp") != before
        assert place.sftp_batch("ls").returncode == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", old), 2).close()
        place.write(_DROP_OF_NOBODY)
        assert place.sealgate("reload").returncode == 0
        assert place.sftp_batch("ls").returncode != 0


def test_a_server_that_crashes_comes_back(place: FilePlace) -> None:
    """Nobody is refused meanwhile, because the socket is the parent's; files are whole."""
    place.write()
    with place.serving() as serving:
        assert place.sftp_batch("put a.csv /inbox/kept.csv").returncode == 0
        [pid] = pids(place, "sftp")
        os.kill(pid, signal.SIGKILL)
        done = place.sftp_batch("get /inbox/kept.csv back.csv", "rm /inbox/kept.csv")
        assert done.returncode == 0, done.stderr
        assert (place.folder / "back.csv").read_bytes() == (place.folder / "a.csv").read_bytes()
        assert wait_until(lambda: pids(place, "sftp") not in ([], [pid]))
        [pid] = pids(place, "ftps")
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: pids(place, "ftps") not in ([], [pid]))
    assert f"serving sftp on 127.0.0.1:{place.sftp}" in serving.said
    assert "a server for sftp ended" in serving.said


def test_servers_end_with_their_parent(place: FilePlace) -> None:
    """Even by SIGKILL: a server that nobody supervises would go on admitting people."""
    place.write()
    with place.serving() as serving:
        children = pids(place, "sftp") + pids(place, "ftps")
        assert len(children) == 2
        serving.process.kill()
        assert wait_until(lambda: not any(lives(pid) for pid in children))
        assert place.sftp_batch("ls").returncode != 0


def test_a_stop_lets_a_transfer_end(place: FilePlace) -> None:
    """An upload under way when SIGTERM comes is finished and acknowledged; idle sessions go."""
    place.write()
    big = place.folder / "big.bin"
    big.write_bytes(os.urandom(1 << 24))
    before = place.stored_bytes("inbox")
    with place.serving() as serving, open_session(place):
        put = subprocess.Popen(
            ["sftp", "-F", "none", "-l", "40000", *place.ssh_options(), "-b", "-", "127.0.0.1"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            cwd=place.folder,
        )
        assert put.stdin is not None
        put.stdin.write("put big.bin /inbox/big.bin\n")
        put.stdin.close()
        assert wait_until(lambda: place.stored_bytes("inbox") > before + 500_000)
        # As systemd does it: to each process of the unit.
        for pid in (*pids(place, "sftp"), *pids(place, "ftps"), serving.process.pid):
            os.kill(pid, signal.SIGTERM)
        assert put.wait(60) == 0, put.stderr.read() if put.stderr else ""
        assert serving.process.wait(60) == 0
        if put.stderr:
            put.stderr.close()
    with place.serving():
        done = place.sftp_batch("get /inbox/big.bin big.back", "rm /inbox/big.bin")
        assert done.returncode == 0, done.stderr
    assert (place.folder / "big.back").read_bytes() == big.read_bytes()


def test_what_a_class_demands_at_rest_is_not_given_up(tmp_path: Path) -> None:
    """With a key file in the open the confidential drop keeps serve from starting, with a hint."""
    with file_place(tmp_path) as place:
        text = place.config.read_text().replace('protection = "passphrase"', "")
        place.config.write_text(text)
        with pytest.raises(AssertionError, match="at rest") as caught, place.serving():
            pass
    assert "sealgate keys protect" in str(caught.value)


def test_a_taken_port_is_told_before_anything_starts(place: FilePlace) -> None:
    """The message names the address and how to find who has it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        before, place.sftp = place.sftp, int(taken.getsockname()[1])
        place.write()
        with pytest.raises(AssertionError, match="port is in use"), place.serving():
            pass
        place.sftp = before


def test_sessions_end_with_the_last_drop(place: FilePlace) -> None:
    """When only a site is left, who is still signed in gets nothing any more."""
    with site_running() as site:
        https = free_port()
        web = f'https = "127.0.0.1:{https}"\nhttp = "off"'
        place.write(_with_site(site, https), listen=web)
        with place.serving(), open_session(place) as session:
            assert place.sftp_batch("put a.csv inbox/seen.csv").returncode == 0
            says(session, "ls -l inbox", "seen.csv")
            place.write(_with_site(site, https).partition("[[drop]]")[0], listen=web)
            done = place.sealgate("reload")
            assert done.returncode == 0, done.stderr
            assert status(place)["sftp"] == []
            said = session.communicate("ls -l inbox\n", timeout=20)[0]
            assert "seen.csv" not in said
            assert "closed" in said or "no longer admitted" in said


def test_site_and_drops_beside_each_other(place: FilePlace) -> None:
    """Envoy and the file servers run together; without the site, Envoy goes and files stay."""
    with site_running() as site:
        https = free_port()
        place.write(_with_site(site, https), listen=f'https = "127.0.0.1:{https}"\nhttp = "off"')
        with place.serving() as serving:
            assert serving.ready["envoy_pid"]
            seen = curl(place, f"https://localhost:{https}/")
            assert seen.stdout == "ok", seen.stderr
            assert place.sftp_batch("ls inbox").returncode == 0
            place.write()
            done = place.sealgate("reload")
            assert done.returncode == 0, done.stderr
            assert status(place)["envoy_pid"] is None
            assert place.sftp_batch("ls inbox").returncode == 0


def _with_site(site: Site, _https: int) -> str:
    return f"""
[[site]]
domains = ["localhost"]
upstream = "http://127.0.0.1:{site.server_port}"
[[site.route]]
path = "/"
class = "public"
[[drop]]
name = "inbox"
class = "restricted"
store = "file:stores/inbox"
admit = ["group:partners"]
"""


def test_no_secret_is_where_others_look(shared: FileServing) -> None:
    """Neither command line nor environment of a server process holds a key or a passphrase."""
    place = shared.place
    secret = (place.passphrase_folder / "passphrase").read_text().strip().encode()
    for pid in pids(place, "sftp") + pids(place, "ftps"):
        for name in ("cmdline", "environ"):
            content = Path(f"/proc/{pid}/{name}").read_bytes()
            assert b"AGE-SECRET-KEY" not in content
            assert secret not in content
