"""The whole product over SFTP: ``sealgate serve``, real people, sealed drops, the trail."""

from __future__ import annotations

import hashlib
import os
import subprocess
from typing import TYPE_CHECKING

import paramiko
import pytest

from tests.peers.transferred import PASSWORD, file_place
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.peers.transferred import FilePlace

pytestmark = pytest.mark.peer("openssh-client")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilePlace]:
    """Serve the usual drops."""
    with file_place(tmp_path_factory.mktemp("sealed")) as place, place.serving():
        yield place


def test_what_is_put_is_sealed_and_comes_back(place: FilePlace, tmp_path: Path) -> None:
    """No piece of the content lies in the store, the bytes come back, the trail has the digest."""
    content = os.urandom(3_000_001)
    (tmp_path / "up").write_bytes(content)
    result = place.sftp_batch(
        f"put {tmp_path}/up /partners/a", f"get /partners/a {tmp_path}/down", "ls -l /partners"
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "down").read_bytes() == content
    stored = b"".join(
        one.read_bytes() for one in (place.folder / "stores").rglob("*") if one.is_file()
    )
    assert len(stored) > len(content)
    assert content[100_000:100_032] not in stored
    digest = hashlib.sha256(content).hexdigest()
    assert wait_until(
        lambda: (
            {"upload", "download"} <= {one.action for one in place.events() if one.digest == digest}
        )
    )
    upload = next(one for one in place.events() if one.digest == digest)
    assert upload.group == "mlkem768x25519-sha256"
    assert upload.caller == "anna"


def test_trees_renames_copies_and_room(place: FilePlace, tmp_path: Path) -> None:
    """What OpenSSH's client can do works on the real store as well."""
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "one").write_bytes(b"1" * 200_000)
    (tree / "sub/empty").write_bytes(b"")
    result = place.sftp_batch(
        "cd partners",
        f"put -rp {tree}",
        "rename tree/one tree/sub/two",
        "copy tree/sub/two tree/three",
        "df",
        f"get -rp tree {tmp_path}/back",
        "chmod 640 tree/three",
        "-ln -s tree x",
        "rm tree/three",
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "back/sub/two").read_bytes() == b"1" * 200_000
    assert (tmp_path / "back/three").read_bytes() == b"1" * 200_000
    assert (tmp_path / "back/sub/empty").read_bytes() == b""


def test_an_upload_that_was_cut_off_is_gone_on_with(place: FilePlace, tmp_path: Path) -> None:
    """After a kill in the middle, ``reput`` sends the rest, and the file is whole."""
    content = os.urandom(6_000_000)
    (tmp_path / "up").write_bytes(content)
    before = place.stored_bytes("partners")
    command = ["sftp", "-F", "none", *place.ssh_options(), "-l", "4000", "-b", "-", "127.0.0.1"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as client:
        assert client.stdin is not None
        client.stdin.write(f"put {tmp_path}/up /partners/cut\n".encode())
        client.stdin.close()
        assert wait_until(lambda: place.stored_bytes("partners") > before + 500_000)
        client.kill()
    assert wait_until(lambda: place.sftp_batch("ls -l /partners/cut").returncode == 0)
    listed = place.sftp_batch("ls -l /partners/cut")
    size = int(listed.stdout.splitlines()[-1].split()[4])
    assert 0 < size < len(content)
    assert size % 65536 == 0
    done = place.sftp_batch(
        f"reput {tmp_path}/up /partners/cut", f"get /partners/cut {tmp_path}/down"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "down").read_bytes() == content


def test_a_password_opens_what_it_is_enough_for(place: FilePlace) -> None:
    """The restricted drop opens; the confidential one says which rule asks for more."""
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(
            "127.0.0.1",
            port=place.sftp,
            username="anna",
            password=PASSWORD,
            look_for_keys=False,
            allow_agent=False,
        )
        sftp = client.open_sftp()
        with sftp.open("/inbox/p", "w") as file:
            file.write(b"by password")
        with sftp.open("/inbox/p") as file:
            assert file.read() == b"by password"
        with pytest.raises(PermissionError, match=r"\(rule .+\)"):
            sftp.stat("/partners/a")
        sftp.close()


def test_who_only_reads_is_told_so(place: FilePlace, tmp_path: Path) -> None:
    """A reader may not write, and sees the sentence beside OpenSSH's own phrase."""
    (tmp_path / "up").write_bytes(b"x")
    result = place.sftp_batch(f"put {tmp_path}/up /partners/b", name="ben")
    assert result.returncode == 1
    assert "you may not write here" in result.stderr
