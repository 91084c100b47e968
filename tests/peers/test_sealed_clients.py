"""sshfs, rclone and lftp against ``sealgate serve`` and its sealed drops."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.peers.transferred import PASSWORD, file_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.peers.transferred import FilePlace

_DROPS = """
[[drop]]
name = "partners"
class = "confidential"
store = "file:stores/partners"
admit = ["group:partners", "group:readers"]

[[drop]]
name = "kept"
class = "confidential"
store = "file:stores/kept"
admit = ["group:partners", "group:readers"]
delete = []

[[drop]]
name = "plain"
class = "restricted"
store = "file:stores/plain"
admit = ["group:partners"]
delete = []
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilePlace]:
    """Serve two drops; in one of them nobody may take anything away."""
    with file_place(tmp_path_factory.mktemp("clients")) as place:
        place.write(_DROPS)
        with place.serving():
            yield place


@contextlib.contextmanager
def mounted(place: FilePlace, point: Path) -> Iterator[Path]:
    """Mount the drops at *point* with sshfs, as anna."""
    point.mkdir()
    # sshfs takes a part of ssh's options, and User is none of it.
    options = [one for one in place.ssh_options() if one != "-o" and not one.startswith("User=")]
    result = subprocess.run(
        ["sshfs", "anna@127.0.0.1:/", str(point), "-o", ",".join(options)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    try:
        yield point
    finally:
        subprocess.run(["fusermount3", "-u", str(point)], check=True, timeout=20)


@pytest.mark.peer("sshfs")
def test_sshfs_makes_files_of_every_usual_kind(place: FilePlace, tmp_path: Path) -> None:
    """
    Programs create, copy, append, empty, rename and remove as on a disk, and see what they write.

    sshfs asks for the attributes of a file right behind opening it, before a byte has come.
    """
    content = os.urandom(900_000)
    (tmp_path / "source").write_bytes(content)
    os.utime(tmp_path / "source", (1_000_000_000, 1_000_000_000))
    with mounted(place, tmp_path / "mount") as point:
        drop = point / "partners"
        with (drop / "new").open("xb") as file:
            assert os.fstat(file.fileno()).st_size == 0
            assert (drop / "new").stat().st_size == 0
            file.write(content)
            file.flush()
            assert os.fstat(file.fileno()).st_size == len(content)
            assert (drop / "new").stat().st_size == len(content)
            assert "new" in {one.name for one in drop.iterdir()}
        assert (drop / "new").read_bytes() == content
        (drop / "touched").touch()
        shutil.copy2(tmp_path / "source", drop / "copied")
        assert (drop / "copied").stat().st_mtime == 1_000_000_000
        with (drop / "copied").open("ab") as file:
            file.write(b"more")
        (drop / "twice").write_bytes(b"first")
        (drop / "twice").write_bytes(b"second")
        (drop / "folder").mkdir()
        (drop / "copied").rename(drop / "folder/moved")
        for command in (
            f"echo one > '{drop}/shell' && echo two >> '{drop}/shell'",
            f"cp '{tmp_path}/source' '{drop}/by cp' && cmp '{tmp_path}/source' '{drop}/by cp'",
            f"dd if='{tmp_path}/source' of='{drop}/by dd' bs=64k conv=fsync status=none",
            f"tar -C '{tmp_path}' -cf '{drop}/by tar' source && tar -tf '{drop}/by tar'",
            f"install -m 600 '{tmp_path}/source' '{drop}/installed'",
            f"rm '{drop}/new'",
        ):
            done = subprocess.run(
                ["sh", "-c", command], capture_output=True, text=True, timeout=30, check=False
            )
            assert done.returncode == 0, command + done.stderr
    with mounted(place, tmp_path / "again") as point:
        drop = point / "partners"
        assert (drop / "folder/moved").read_bytes() == content + b"more"
        assert (drop / "twice").read_bytes() == b"second"
        assert (drop / "touched").read_bytes() == b""
        assert (drop / "shell").read_bytes() == b"one\ntwo\n"
        for name in ("by cp", "by dd", "installed"):
            assert (drop / name).read_bytes() == content
        assert not (drop / "new").exists()


def run(place: FilePlace, *command: str, **more: str) -> str:
    """Run *command*, which must end with 0."""
    home = {"HOME": str(place.folder), "RCLONE_CONFIG": str(place.folder / "rclone.conf")}
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **home, **more},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def rclone_over(place: FilePlace, protocol: str, folder: str) -> tuple[str, ...]:
    """Return rclone's name of *folder* over *protocol*, and the options that go with it."""
    if protocol == "sftp":
        place.ssh_options()  # writes known_hosts
        options = f"port={place.sftp},user=anna,key_file={place.folder / 'anna'},shell_type=none"
        remote = f":sftp,host=127.0.0.1,{options},known_hosts_file={place.folder / 'known_hosts'}:"
        return (f"{remote}{folder}",)
    password = run(place, "rclone", "obscure", PASSWORD).splitlines()[-1]
    options = f"host=127.0.0.1,port={place.ftps},user=anna,pass={password},explicit_tls=true"
    options += ",disable_tls13=true"
    return (f":ftp,{options},concurrency=1,no_check_certificate=true:{folder}",)


@pytest.mark.peer("rclone")
@pytest.mark.parametrize("protocol", ["sftp", "ftps"])
def test_rclone_delivers_where_nobody_may_delete(
    place: FilePlace, tmp_path: Path, protocol: str
) -> None:
    """It uploads under a name of its own and renames, also over another connection."""
    source = tmp_path / f"by-{protocol}"
    (source / "sub").mkdir(parents=True)
    for number in range(8):
        (source / f"{number}.bin").write_bytes(os.urandom(20_000))
    (source / "sub" / ("long" * 30)).write_bytes(b"a long name")
    drop = "kept" if protocol == "sftp" else "plain"  # rclone shows no client certificate
    remote, *options = rclone_over(place, protocol, f"/{drop}/by-{protocol}")
    run(place, "rclone", "copy", str(source), remote, *options)
    run(place, "rclone", "check", "--download", str(source), remote, *options)


@pytest.mark.peer("lftp")
def test_lftp_delivers_under_temporary_names_where_nobody_may_delete(
    place: FilePlace, tmp_path: Path
) -> None:
    """With ``xfer:use-temp-file`` it renames behind each upload."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/one").write_bytes(b"1" * 100_000)
    (tmp_path / "out/two words").write_bytes(b"2")
    program = "ssh -a -x -F none " + " ".join(place.ssh_options())
    script = "; ".join(
        [
            f'set sftp:connect-program "{program}"',
            "set cmd:fail-exit yes",
            "set xfer:use-temp-file yes",
            "open -u anna,x sftp://127.0.0.1",
            f"mirror -R {tmp_path}/out /kept/by-lftp",
            f"mirror /kept/by-lftp {tmp_path}/back",
        ]
    )
    run(place, "lftp", "-c", script)
    names = {one.name: one.read_bytes() for one in (tmp_path / "back").iterdir()}
    assert names == {"one": b"1" * 100_000, "two words": b"2"}


@pytest.mark.peer("restic")
def test_restic_backs_up_where_nobody_may_delete(place: FilePlace, tmp_path: Path) -> None:
    """A repository is made, written to twice and read back; its locks alone stay behind."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/one").write_bytes(os.urandom(100_000))
    program = " ".join(["ssh -F none", *place.ssh_options(), "127.0.0.1 -s sftp"])
    restic = [
        "restic",
        "-r",
        "sftp:anna@127.0.0.1:/kept/repository",
        "-o",
        f"sftp.command={program}",
    ]
    password = {"RESTIC_PASSWORD": "a password of the repository"}
    cache = ["--no-cache", "--quiet"]
    run(place, *restic, *cache, "init", **password)
    run(place, *restic, *cache, "backup", str(tmp_path / "data"), **password)
    (tmp_path / "data/two").write_bytes(b"2")
    run(place, *restic, *cache, "backup", str(tmp_path / "data"), **password)
    run(place, *restic, *cache, "--no-lock", "check", "--read-data", **password)
    run(
        place, *restic, *cache, "--no-lock", "restore", "latest",
        "--target", str(tmp_path / "back"), **password,
    )  # fmt: skip
    back = tmp_path / "back" / str(tmp_path / "data")[1:]
    assert {one.name for one in back.iterdir()} == {"one", "two"}


@pytest.mark.peer("rclone")
@pytest.mark.parametrize("protocol", ["sftp", pytest.param("ftps", marks=pytest.mark.soak)])
def test_rclone_finds_names_as_it_gave_them(
    place: FilePlace, tmp_path: Path, protocol: str
) -> None:
    """Names of a Mac come in parts (NFD); told in another form, no upload was found again."""
    source = tmp_path / "cafe\u0301"
    source.mkdir()
    for name in ("u\u0308ber.txt", "e\u0301te\u0301.csv", "\u1112\u1161\u11ab"):
        (source / name).write_text(name)
    drop = "kept" if protocol == "sftp" else "plain"
    remote, *options = rclone_over(place, protocol, f"/{drop}/nfd-{protocol}-e\u0301")
    strict = ("--no-unicode-normalization", *options)
    run(place, "rclone", "copy", str(tmp_path), remote, *strict)
    run(place, "rclone", "copy", str(tmp_path), remote, *strict)
    run(place, "rclone", "check", "--download", str(tmp_path), remote, *strict)
