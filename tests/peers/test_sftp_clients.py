"""lftp, rclone, curl, paramiko, sshfs and ssh-audit against the server."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import asyncssh
import paramiko
import pytest

from tests.ports import free_port
from tests.unit.protocols.ssh.ssh_plain import PlainAuthenticator, PlainFiles, make_tree
from tests.unit.protocols.ssh.ssh_served import HOST, make_key, ssh_served
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.protocols.ssh.ssh_served import Served

TREE = {
    "t/one": os.urandom(700_001),
    "t/sub/two words": b"2",
    "t/sub/empty": b"",
    **{f"t/many/{n:03}": b"%d" % n for n in range(150)},
}


@pytest.fixture
def door(tmp_path: Path) -> PlainAuthenticator:
    """Let anna into an empty folder."""
    root = tmp_path / "root"
    root.mkdir()
    return PlainAuthenticator(PlainFiles(root))


@pytest.fixture
def served(tmp_path: Path, door: PlainAuthenticator) -> Iterator[Served]:
    """Serve it."""
    with ssh_served(tmp_path / "ssh", door) as served:
        door.keys.add(served.fingerprint)
        yield served


def run(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run *command* with *more* in its environment; it must end with 0."""
    result = subprocess.run(
        command,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result


def same_tree(folder: Path) -> bool:
    """Return whether *folder* holds what ``TREE`` does."""
    found = {
        f"t/{path.relative_to(folder)}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    return found == TREE


@pytest.mark.peer("lftp")
def test_lftp_mirrors_both_ways(served: Served, door: PlainAuthenticator, tmp_path: Path) -> None:
    """A tree goes up and comes back; a second mirror finds nothing to do."""
    make_tree(tmp_path, TREE)
    program = "ssh -a -x " + " ".join(served.ssh_options())
    script = "; ".join(
        [
            f'set sftp:connect-program "{program}"',
            "set cmd:fail-exit yes",
            f"open -u anna,x sftp://{HOST}:{served.port}",
            f"mirror -R {tmp_path}/t /t",
            f"mirror /t {tmp_path}/back",
            f"mirror -R {tmp_path}/t /t",
        ]
    )
    run("lftp", "-c", script, HOME=str(tmp_path))
    assert same_tree(door.files.root / "t")
    assert same_tree(tmp_path / "back")
    assert len(door.files.closed) == len(TREE)


@pytest.mark.peer("rclone")
def test_rclone_syncs_and_checks(served: Served, door: PlainAuthenticator, tmp_path: Path) -> None:
    """``copy`` carries a tree with its times, both ways, and ``check`` finds no difference."""
    make_tree(tmp_path, TREE)
    os.utime(tmp_path / "t/one", (1_000_000_000, 1_000_000_000))
    remote = (
        f":sftp,host={HOST},port={served.port},user=anna,key_file={served.key},"
        f"known_hosts_file={served.folder / 'known_hosts'},shell_type=none:/t"
    )
    environment = {"HOME": str(tmp_path), "RCLONE_CONFIG": str(tmp_path / "rclone.conf")}
    run("rclone", "copy", str(tmp_path / "t"), remote, **environment)
    run("rclone", "copy", remote, str(tmp_path / "back"), **environment)
    run("rclone", "check", "--download", str(tmp_path / "t"), remote, **environment)
    assert same_tree(door.files.root / "t")
    assert same_tree(tmp_path / "back")
    assert (tmp_path / "back/one").stat().st_mtime == 1_000_000_000


@pytest.mark.peer("curl")
def test_curl_uploads_resumes_and_downloads(
    served: Served, door: PlainAuthenticator, tmp_path: Path
) -> None:
    """With the SSH library of curl: over SFTP and SCP, and going on behind a broken upload."""
    content = os.urandom(1_500_000)
    (tmp_path / "up").write_bytes(content)
    (door.files.root / "c.part").write_bytes(content[:400_000])
    url = f"://{HOST}:{served.port}/"
    common = ["curl", "-sS", "--user", "anna:", "--key", str(served.key), "--pubkey"]
    common += [f"{served.key}.pub", "--insecure"]
    run(*common, "-T", str(tmp_path / "up"), f"sftp{url}a")
    run(*common, "-T", str(tmp_path / "up"), f"scp{url}b")
    run(*common, "-C", "400000", "-T", str(tmp_path / "up"), f"sftp{url}c")
    for name in "abc":
        assert (door.files.root / name).read_bytes() == content, name
    run(*common, "-o", str(tmp_path / "down1"), f"sftp{url}a")
    run(*common, "-o", str(tmp_path / "down2"), f"scp{url}a")
    assert (tmp_path / "down1").read_bytes() == content
    assert (tmp_path / "down2").read_bytes() == content


def connected(served: Served, **how: object) -> paramiko.SSHClient:
    """Return a paramiko client that knows the server."""
    client = paramiko.SSHClient()
    client.load_host_keys(str(served.folder / "known_hosts"))
    client.connect(
        HOST,
        port=served.port,
        username="anna",
        look_for_keys=False,
        allow_agent=False,
        **how,
    )
    return client


def test_paramiko_pipelines_prefetches_and_checks(
    served: Served, door: PlainAuthenticator, tmp_path: Path
) -> None:
    """Pipelined writes, prefetched reads, check-file, seek, listing and an own error class."""
    content = os.urandom(2_000_000)
    (tmp_path / "up").write_bytes(content)
    with connected(served, key_filename=str(served.key)) as client:
        sftp = client.open_sftp()
        sftp.put(str(tmp_path / "up"), "/a")
        sftp.get("/a", str(tmp_path / "down"))
        assert (tmp_path / "down").read_bytes() == content
        with sftp.open("/a") as file:
            assert file.check("sha256") == hashlib.sha256(content).digest()
            file.seek(1_000_000)
            assert file.read(10) == content[1_000_000:1_000_010]
        with sftp.open("/a", "a") as file:
            file.write(b"more")
        assert (door.files.root / "a").read_bytes() == content + b"more"
        assert sftp.listdir("/") == ["a"]
        with pytest.raises(FileNotFoundError):
            sftp.stat("/b")
        with pytest.raises(PermissionError, match="nobody may write that"):
            sftp.open("/forbidden", "w")
        holed = sftp.open("/h", "w")
        holed.write(b"first")
        holed.seek(8_000_000)
        with pytest.raises(OSError, match="in order"):
            holed.write(b"a hole" * 1_000_000)
        holed.close()  # paramiko does not look at the answer
        assert not (door.files.root / "h").exists()
        sftp.close()


def test_paramiko_signs_in_with_a_password(served: Served, door: PlainAuthenticator) -> None:
    """The right one opens, a wrong one does not, and the failure is noted."""
    with connected(served, password="correct horse") as client:
        sftp = client.open_sftp()
        assert sftp.listdir("/") == []
        sftp.close()
    with pytest.raises(paramiko.AuthenticationException):
        connected(served, password="wrong")
    assert [name for name, _, _ in door.failures] == ["anna"]


def test_a_sha1_signature_is_refused(
    served: Served, door: PlainAuthenticator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An RSA key may sign with SHA-2, and with SHA-1 it may not, though asyncssh would take it."""
    door.keys.add(make_key(tmp_path / "rsa", "rsa", "-b", "2048"))

    async def sign_in() -> None:
        known = str(served.folder / "known_hosts")
        keys = [str(tmp_path / "rsa")]
        async with asyncssh.connect(
            HOST, served.port, username="anna", client_keys=keys, known_hosts=known, config=None
        ):
            pass

    asyncio.run(sign_in())

    def sign_with_sha1(_: object, pair: asyncssh.SSHKeyPair) -> bool:
        pair.set_sig_algorithm(b"ssh-rsa")
        return True

    monkeypatch.setattr(asyncssh.SSHClientConnection, "_choose_signature_alg", sign_with_sha1)
    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(sign_in())
    assert [why for _, _, why in door.failures] == ["the signature algorithm is too weak"]


@pytest.mark.peer("sshfs")
def test_sshfs_mounts_it(served: Served, door: PlainAuthenticator, tmp_path: Path) -> None:
    """Files are read, written, appended to, cut to nothing, renamed and listed by ordinary programs."""
    point = tmp_path / "mount"
    point.mkdir()
    content = os.urandom(900_000)
    (door.files.root / "a").write_bytes(content)
    options = served.ssh_options()[2:]
    mounted = subprocess.run(
        ["sshfs", f"anna@{HOST}:/", str(point), "-p", str(served.port), *options],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert mounted.returncode == 0, mounted.stderr
    try:
        assert (point / "a").read_bytes() == content
        shutil.copyfile(point / "a", point / "b")
        with (point / "b").open("ab") as file:
            file.write(b"more")
        (point / "c").write_bytes(b"first")
        (point / "c").write_bytes(b"second")
        (point / "d").mkdir()
        (point / "b").rename(point / "d/b")
        assert sorted(one.name for one in point.iterdir()) == ["a", "c", "d"]
    finally:
        subprocess.run(["fusermount3", "-u", str(point)], check=True, timeout=20)
    assert (door.files.root / "d/b").read_bytes() == content + b"more"
    assert (door.files.root / "c").read_bytes() == b"second"


def test_ssh_audit_finds_nothing_to_fail(served: Served) -> None:
    """No algorithm that the server offers is one that ssh-audit fails."""
    result = subprocess.run(
        [sys.executable, "-m", "ssh_audit.ssh_audit", "-n", "-p", str(served.port), HOST],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "mlkem768x25519-sha256" in result.stdout, result.stdout + result.stderr
    assert "[fail]" not in result.stdout, result.stdout


@pytest.mark.peer("openssh-client")
def test_a_declared_tunnel_carries_bytes_both_ways(
    served: Served, door: PlainAuthenticator
) -> None:
    """``ssh -W`` to a declared service: what it is told comes back, to the last byte."""
    content = os.urandom(3_000_000)
    with socket.create_server((HOST, 0)) as service:

        def echo() -> None:
            peer, _ = service.accept()
            with peer:
                while data := peer.recv(65536):
                    peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=echo)
        thread.start()
        port = service.getsockname()[1]
        door.tunnels.add((HOST, port))
        result = subprocess.run(
            [
                *("ssh", *served.ssh_options(), "-p", str(served.port)),
                *("-W", f"{HOST}:{port}", f"anna@{HOST}"),
            ],
            input=content,
            capture_output=True,
            timeout=30,
            check=False,
        )
        thread.join(10)
    assert result.returncode == 0, result.stderr
    assert result.stdout == content


@pytest.mark.peer("openssh-client")
def test_who_loses_a_tunnel_while_it_is_opened_does_not_get_it(
    served: Served, door: PlainAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service may take its time to answer; what was allowed before it did is asked again."""
    allow = door.may_tunnel

    def once(name: str, *rest: Any, **more: Any) -> None:
        allow(name, *rest, **more)
        door.tunnels.clear()

    monkeypatch.setattr(door, "may_tunnel", once)
    with socket.create_server((HOST, 0)) as service:
        port = service.getsockname()[1]
        door.tunnels.add((HOST, port))
        result = subprocess.run(
            [
                *("ssh", *served.ssh_options(), "-p", str(served.port)),
                *("-W", f"{HOST}:{port}", f"anna@{HOST}"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert result.returncode != 0
    assert "no tunnel to there is declared" in result.stderr


@pytest.mark.peer("openssh-client")
def test_a_service_that_is_down_is_told_at_the_opening(
    served: Served, door: PlainAuthenticator
) -> None:
    """A tunnel to a port where nobody listens fails with the reason."""
    port = free_port()
    door.tunnels.add((HOST, port))
    result = served.ssh("-W", f"{HOST}:{port}")
    assert result.returncode != 0
    assert "does not answer" in result.stderr


@pytest.mark.peer("openssh-client")
def test_closing_lets_a_transfer_end(
    served: Served, door: PlainAuthenticator, tmp_path: Path
) -> None:
    """A server that goes down waits for the upload that is under way."""
    content = os.urandom(2_000_000)
    (tmp_path / "up").write_bytes(content)
    command = ["sftp", *served.ssh_options(), "-l", "16000", "-P", str(served.port), "-b", "-"]
    with subprocess.Popen(
        [*command, f"anna@{HOST}"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as client:
        assert client.stdin is not None
        client.stdin.write(f"put {tmp_path}/up a\n".encode())
        client.stdin.close()
        part = door.files.root / "a.part"
        assert wait_until(part.exists)
        assert served.running is not None
        assert served.loop is not None
        closing = served.loop.create_task  # the loop is another thread's
        done = threading.Event()
        running = served.running

        def close() -> None:
            task = closing(running.close(60))
            task.add_done_callback(lambda _: done.set())

        served.loop.call_soon_threadsafe(close)
        assert done.wait(90)
        client.wait(60)
    assert (door.files.root / "a").read_bytes() == content
