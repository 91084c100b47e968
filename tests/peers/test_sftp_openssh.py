"""OpenSSH's sftp, scp and ssh against the server."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from sealgate.protocols.model import Method, TransferError
from sealgate.storage.model import Trouble
from tests.unit.protocols.ssh.ssh_plain import PlainAuthenticator, PlainFiles, make_tree
from tests.unit.protocols.ssh.ssh_served import HOST, ssh_served
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.protocols.ssh.ssh_served import Served

pytestmark = pytest.mark.peer("openssh-client")

ODD = "a b'c\"d ä;$(touch x)*.txt"


class House:
    """A server with one caller, over one folder."""

    def __init__(self, served: Served, door: PlainAuthenticator) -> None:
        self.served = served
        self.door = door
        self.files = door.files
        self.root = door.files.root


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Serve an empty folder to anna and her key."""
    root = tmp_path / "root"
    root.mkdir()
    door = PlainAuthenticator(PlainFiles(root))
    with ssh_served(tmp_path / "ssh", door) as served:
        door.keys.add(served.fingerprint)
        yield House(served, door)


def test_put_and_get_return_the_same_bytes(house: House, tmp_path: Path) -> None:
    """Several MiB that fit no power of two go up and come back whole."""
    content = os.urandom(5_000_001)
    (tmp_path / "up").write_bytes(content)
    result = house.served.sftp(f"put {tmp_path}/up a", f"get a {tmp_path}/down", "ls -l")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "down").read_bytes() == content
    assert (house.root / "a").read_bytes() == content
    assert "anna" in result.stdout
    assert house.files.closed == ["a"]


def test_folders_go_up_and_down(house: House, tmp_path: Path) -> None:
    """``put -r`` and ``get -r`` carry a tree, empty files and odd names included."""
    tree = {"t/one": b"1", "t/sub/two": b"2" * 70_000, "t/sub/empty": b"", f"t/{ODD}": b"x"}
    make_tree(tmp_path, tree)
    result = house.served.sftp(f"put -r {tmp_path}/t", f"get -r t {tmp_path}/back")
    assert result.returncode == 0, result.stderr
    for name, content in tree.items():
        assert (house.root / name).read_bytes() == content
        assert (tmp_path / "back" / name.removeprefix("t/")).read_bytes() == content


def test_reput_goes_on_behind_a_broken_upload(house: House, tmp_path: Path) -> None:
    """What was broken off is listed with its size and finished by ``reput``."""
    content = os.urandom(600_000)
    (tmp_path / "up").write_bytes(content)
    (house.root / "a.part").write_bytes(content[:200_000])
    result = house.served.sftp(f"reput {tmp_path}/up a")
    assert result.returncode == 0, result.stderr
    assert (house.root / "a").read_bytes() == content


def test_reget_goes_on_behind_a_broken_download(house: House, tmp_path: Path) -> None:
    """``reget`` asks only for what is missing."""
    content = os.urandom(600_000)
    (house.root / "a").write_bytes(content)
    (tmp_path / "down").write_bytes(content[:300_000])
    result = house.served.sftp(f"reget a {tmp_path}/down")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "down").read_bytes() == content


def test_rename_replaces_and_remove_removes(house: House) -> None:
    """``rename`` is posix-rename: what lay there is gone."""
    make_tree(house.root, {"a": b"new", "b": b"old", "c": b"x"})
    result = house.served.sftp("rename a b", "rm c", "mkdir d", "rename b d/b", "ls -1 d")
    assert result.returncode == 0, result.stderr
    assert (house.root / "d/b").read_bytes() == b"new"
    assert not (house.root / "c").exists()


def test_copy_within_the_server(house: House) -> None:
    """``copy`` moves no bytes over the wire (copy-data)."""
    content = os.urandom(1_000_000)
    make_tree(house.root, {"a": content})
    result = house.served.sftp("copy a b")
    assert result.returncode == 0, result.stderr
    assert (house.root / "b").read_bytes() == content


def test_df_shows_what_fits(house: House) -> None:
    """``df`` gets size and room from the session."""
    result = house.served.sftp("df")
    assert result.returncode == 0, result.stderr
    assert "1048576" in result.stdout
    assert "50%" in result.stdout


def test_times_are_kept(house: House, tmp_path: Path) -> None:
    """``put -p`` gives the file the time of its original, ``get -p`` brings it back."""
    (tmp_path / "up").write_bytes(b"x")
    os.utime(tmp_path / "up", (1_000_000_000, 1_000_000_000))
    result = house.served.sftp(f"put -p {tmp_path}/up a", f"get -p a {tmp_path}/down")
    assert result.returncode == 0, result.stderr
    assert (house.root / "a").stat().st_mtime == 1_000_000_000
    assert (tmp_path / "down").stat().st_mtime == 1_000_000_000


def test_modes_that_would_lie_are_refused(house: House) -> None:
    """A mode that leaves the owner what they have is taken, one that takes it away is not."""
    make_tree(house.root, {"a": b"x"})
    assert house.served.sftp("chmod 644 a").returncode == 0
    refused = house.served.sftp("chmod 400 a")
    assert refused.returncode == 1
    assert "unsupported" in refused.stderr.lower()
    assert house.served.sftp("chown 0 a").returncode == 1


def test_links_are_refused(house: House) -> None:
    """Neither symbolic nor hard links come to be, and the client says so."""
    make_tree(house.root, {"a": b"x"})
    symbolic = house.served.sftp("ln -s a b")
    assert symbolic.returncode == 1
    assert "unsupported" in symbolic.stderr.lower()
    hard = house.served.sftp("ln a b")
    assert hard.returncode == 1
    assert "does not support" in hard.stderr
    assert not (house.root / "b").exists()


def test_a_refusal_says_why(house: House, tmp_path: Path) -> None:
    """The sentence and the rule reach the person, though OpenSSH prints its own phrase too."""
    (tmp_path / "up").write_bytes(b"x")
    result = house.served.sftp(f"put {tmp_path}/up forbidden")
    assert result.returncode == 1
    assert "nobody may write that (rule name-rule)" in result.stderr
    assert "Permission denied" in result.stderr


def test_a_full_drop_says_so_and_leaves_nothing(house: House, tmp_path: Path) -> None:
    """An upload over the quota fails with the reason, and no file appears."""
    house.files.quota_bytes = 100_000
    (tmp_path / "up").write_bytes(os.urandom(400_000))
    result = house.served.sftp(f"put {tmp_path}/up a")
    assert result.returncode == 1
    assert "quota" in result.stderr
    assert not (house.root / "a").exists()
    assert house.files.aborted == ["a"]


def test_a_refusal_at_close_is_no_success(house: House, tmp_path: Path) -> None:
    """CLOSE is answered only after the upload was taken: a refusal then fails the transfer."""
    house.files.refuse_close = True
    (tmp_path / "up").write_bytes(b"x")
    result = house.served.sftp(f"put {tmp_path}/up a")
    assert result.returncode == 1
    assert "drop-class-exceeded" in result.stderr


def test_a_caller_below_the_class_is_told(house: House) -> None:
    """A refusal at sign-in shows sentence and rule before the connection ends."""
    house.door.refusal = TransferError(
        Trouble.DENIED, 'drop "partners" requires more', rule="transit-not-hybrid"
    )
    result = house.served.sftp("ls")
    assert result.returncode != 0
    assert 'drop "partners" requires more (rule transit-not-hybrid)' in result.stderr


def test_key_and_password_can_be_asked_for_together(house: House, tmp_path: Path) -> None:
    """After the key alone the authenticator wants more; with the password behind it, it is enough."""
    house.door.needs = frozenset([Method.PUBLIC_KEY, Method.PASSWORD])
    alone = house.served.sftp("ls")
    assert alone.returncode != 0
    assert "a password is missing (rule access-two-factors)" in alone.stderr
    script = tmp_path / "askpass"
    script.write_text("#!/bin/sh\necho correct horse\n")
    script.chmod(stat.S_IRWXU)
    options = house.served.ssh_options("BatchMode=no", "NumberOfPasswordPrompts=1")
    both = subprocess.run(
        ["sftp", *options, "-P", str(house.served.port), f"anna@{HOST}"],
        input="ls\n",
        text=True,
        capture_output=True,
        timeout=30,
        check=False,
        env={**os.environ, "SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force"},
    )
    assert both.returncode == 0, both.stderr


def test_a_stranger_gets_nothing(house: House, tmp_path: Path) -> None:
    """A key that nobody knows and a name that nobody bears are refused in the same words."""
    house.door.keys.clear()
    known = house.served.sftp("ls")
    house.served.name = "nobody"
    unknown = house.served.sftp("ls")
    assert known.returncode == unknown.returncode == 255
    assert known.stderr.replace("anna", "nobody") == unknown.stderr
    assert "Permission denied (publickey,password)" in known.stderr


def test_facts_of_the_channel_are_those_of_the_connection(house: House) -> None:
    """What the client insists on is what the authenticator is told."""
    asked = ("KexAlgorithms=curve25519-sha256", "Ciphers=aes128-gcm@openssh.com")
    assert house.served.sftp("ls", options=asked).returncode == 0
    assert house.served.sftp("ls").returncode == 0
    weak, usual = house.door.channels
    assert (weak.group, weak.cipher) == ("curve25519-sha256", "aes128-gcm@openssh.com")
    assert usual.group == "mlkem768x25519-sha256"
    assert usual.strict_kex
    assert usual.peer == HOST
    assert usual.mac == ""


@pytest.mark.parametrize(
    "weak",
    [
        "KexAlgorithms=diffie-hellman-group14-sha256",
        "Ciphers=aes256-ctr",
        "HostKeyAlgorithms=rsa-sha2-512",
    ],
)
def test_weak_algorithms_are_not_spoken(house: House, weak: str) -> None:
    """A client that wants them finds no common ground."""
    result = house.served.sftp("ls", options=(weak,))
    assert result.returncode == 255
    assert "no matching" in result.stderr


@pytest.mark.parametrize("cipher", ["aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"])
def test_rekeying_in_the_midst_of_a_transfer(house: House, tmp_path: Path, cipher: str) -> None:
    """The client changes keys every MiB, both ways, and no byte is lost."""
    content = os.urandom(12_000_000)
    (tmp_path / "up").write_bytes(content)
    result = house.served.sftp(
        f"put {tmp_path}/up a",
        f"get a {tmp_path}/down",
        options=("RekeyLimit=1M", f"Ciphers={cipher}"),
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "down").read_bytes() == content


@pytest.mark.parametrize("old", [(), ("-O",)])
def test_scp_both_ways(house: House, tmp_path: Path, old: tuple[str, ...]) -> None:
    """New scp (over SFTP) and old, files and trees, times and odd names, end with 0."""
    tree = {"t/one": os.urandom(300_000), "t/sub/two": b"", "t/sub/three": b"3"}
    make_tree(tmp_path, {**tree, ODD: b"odd"})
    os.utime(tmp_path / "t/one", (1_000_000_000, 1_000_000_000))
    up = house.served.scp(*old, "-rp", str(tmp_path / "t"), str(tmp_path / ODD), "HOST:/")
    assert up.returncode == 0, up.stderr
    assert (house.root / ODD).read_bytes() == b"odd"
    assert (house.root / "t/one").stat().st_mtime == 1_000_000_000
    down = house.served.scp(*old, "-rp", "HOST:/t", str(tmp_path / "back"))
    assert down.returncode == 0, down.stderr
    for name, content in tree.items():
        assert (house.root / name).read_bytes() == content
        assert (tmp_path / "back" / name.removeprefix("t/")).read_bytes() == content
    assert (tmp_path / "back/one").stat().st_mtime == 1_000_000_000


@pytest.mark.parametrize("old", [(), ("-O",)])
def test_scp_ends_with_1_when_a_file_is_missing(
    house: House, tmp_path: Path, old: tuple[str, ...]
) -> None:
    """What could not be copied shows in the exit status and in words."""
    make_tree(house.root, {"a": b"x"})
    result = house.served.scp(*old, "HOST:/a", "HOST:/missing", str(tmp_path))
    assert result.returncode == 1
    assert "no such file" in result.stderr.lower()
    assert (tmp_path / "a").read_bytes() == b"x"


def test_old_scp_tells_a_refusal(house: House, tmp_path: Path) -> None:
    """A name that may not be written fails with the reason; the other files arrive."""
    make_tree(tmp_path, {"forbidden": b"x", "good": b"y"})
    result = house.served.scp("-O", str(tmp_path / "forbidden"), str(tmp_path / "good"), "HOST:/")
    assert result.returncode == 1
    assert "nobody may write that" in result.stderr
    assert (house.root / "good").read_bytes() == b"y"


def test_old_scp_expands_a_pattern(house: House, tmp_path: Path) -> None:
    """Old scp leaves ``*`` to the server."""
    make_tree(house.root, {"a.txt": b"1", "b.txt": b"2", "c.csv": b"3"})
    result = house.served.scp("-O", "HOST:/*.txt", str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert sorted(one.name for one in tmp_path.glob("*.*")) == ["a.txt", "b.txt"]


@pytest.mark.parametrize("words", [(), ("id",), ("scp",), ("rsync --server . /",)])
def test_there_is_no_shell_and_no_command(house: House, words: tuple[str, ...]) -> None:
    """Both are refused in one line that says what works, with status 1."""
    result = house.served.ssh(*words)
    assert result.returncode == 1
    said = [line for line in result.stderr.splitlines() if "Pseudo-terminal" not in line]
    assert len(said) == 1
    assert "no shell, no commands" in said[0]
    assert result.stdout == ""


def test_forwarding_of_everything_else_is_refused(house: House) -> None:
    """Remote forwarding fails; a tunnel that is not declared is refused with the reason."""
    remote = house.served.ssh("-N", "-R", "0:127.0.0.1:1", options=("ExitOnForwardFailure=yes",))
    assert remote.returncode == 255
    tunnel = house.served.ssh("-W", "127.0.0.1:1")
    assert tunnel.returncode != 0
    assert "no tunnel to there is declared" in tunnel.stderr


def test_an_upload_that_is_cut_off_stays_resumable(house: House, tmp_path: Path) -> None:
    """The client is killed in the middle: no file appears, and the session lets go."""
    (tmp_path / "up").write_bytes(os.urandom(40_000_000))
    command = ["sftp", *house.served.ssh_options(), "-l", "20000", "-P", str(house.served.port)]
    with subprocess.Popen(
        [*command, "-b", "-", f"anna@{HOST}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as client:
        assert client.stdin is not None
        client.stdin.write(f"put {tmp_path}/up a\n".encode())
        client.stdin.close()
        part = house.root / "a.part"
        assert wait_until(lambda: part.exists() and part.stat().st_size > 500_000)
        client.kill()
    assert wait_until(lambda: house.files.left)
    assert house.files.aborted == ["a"]
    assert not (house.root / "a").exists()


def test_a_store_behind_a_network_is_called_in_threads(house: House, tmp_path: Path) -> None:
    """With a remote store all of it works as well, the old scp included."""
    house.files.remote = True
    house.files.delay_seconds = 0.001
    content = os.urandom(3_000_000)
    (tmp_path / "up").write_bytes(content)
    result = house.served.sftp(
        f"put {tmp_path}/up a", f"get a {tmp_path}/down", "rename a b", "ls", "df", "copy b c"
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "down").read_bytes() == content
    old = house.served.scp("-O", "HOST:/c", str(tmp_path / "old"))
    assert old.returncode == 0, old.stderr
    assert (tmp_path / "old").read_bytes() == content
