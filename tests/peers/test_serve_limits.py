"""What a drop does not take: each limit in the protocol's own error, with the sentence that says why."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.peers.filled_serve import Clients
from tests.peers.transferred import PASSWORD, file_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.peers.transferred import FilePlace

pytestmark = [
    pytest.mark.peer("openssh-client"),
    pytest.mark.peer("lftp"),
    pytest.mark.peer("curl"),
]
# A client certificate or a key, and a country: all of them come in.
DROPS = """
[[drop]]
name = "small"
class = "confidential"
store = "file:stores/small"
admit = ["group:partners"]
quota = "1MB"

[[drop]]
name = "short"
class = "confidential"
store = "file:stores/short"
admit = ["group:partners"]
max_file_size = "200KB"

[[drop]]
name = "tables"
class = "confidential"
store = "file:stores/tables"
admit = ["group:partners"]
file_names = ["*.csv"]

[[drop]]
name = "shelf"
class = "confidential"
store = "file:stores/shelf"
admit = ["group:partners", "group:readers"]
write = ["group:readers"]
delete = ["group:readers"]

[[drop]]
name = "letterbox"
class = "confidential"
store = "file:stores/letterbox"
admit = ["group:partners", "group:readers"]
read = ["group:readers"]
list = ["group:readers"]
delete = ["group:readers"]
"""
LIMITS = [
    ("small/a", 1_200_000, 552, "the quota of this drop is used up"),
    ("short/a", 250_000, 552, "files of this drop have at most 200000 bytes"),
    ("tables/a.txt", 10, 553, "files of this drop are called *.csv"),
    ("shelf/a", 10, 550, "you may not write here"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilePlace]:
    """Serve drops that take little; what ben may read lies on the shelf."""
    with file_place(tmp_path_factory.mktemp("limits")) as place:
        place.write(DROPS)
        (place.folder / "local").write_bytes(b"day,rain\n")
        with place.serving():
            done = place.sftp_batch(f"put {place.folder}/local /shelf/book", name="ben")
            assert done.returncode == 0, done.stderr
            yield place


@pytest.mark.parametrize(("path", "size", "code", "told"), LIMITS)
def test_what_is_too_much_is_refused_in_words(
    place: FilePlace, tmp_path: Path, path: str, size: int, code: int, told: str
) -> None:
    """OpenSSH shows the sentence, curl and lftp the reply; nothing looks like a whole file."""
    local = tmp_path / "local"
    local.write_bytes(os.urandom(size))
    clients = Clients(place)
    status, words = clients.openssh(local, f"/{path}")
    assert (status, told in words) == (1, True), words
    status, words = clients.curl(local, f"/{path}")
    assert status, words
    assert f"< {code} {told}" in words, words
    status, words = clients.lftp(local, f"/{path}")
    assert status, words
    assert f"<--- {code} {told}" in words, words
    # Nor is a part kept of what has no room to become whole.
    assert place.sftp_batch(f"ls /{path}").returncode == 1


def test_send_tells_that_the_quota_is_used_up(place: FilePlace, tmp_path: Path) -> None:
    """Our own client fails with the server's sentence, over both protocols, and says nothing was sent."""
    path, size, _, told = LIMITS[0]
    local = tmp_path / "local.txt"
    local.write_bytes(b"nothing of note\n" * (size // 16))
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    place.ssh_options()
    over_ssh = [
        "-i",
        str(place.folder / "anna"),
        "--known-hosts",
        str(place.folder / "known_hosts"),
    ]
    over_tls = ["--ca", str(place.ca), "--cert", str(place.folder / "anna.crt")]
    over_tls += ["--key", str(place.folder / "anna.key")]
    for url, options in (
        (f"sftp://anna@127.0.0.1:{place.sftp}/{path}", over_ssh),
        (f"ftps://anna@localhost:{place.ftps}/{path}", over_tls),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SEALGATE_PASSWORD_FILE", str(password))
            done = place.sealgate("send", str(local), url, *options)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert told in done.stderr
        # Nor is a part kept of what has no room to become whole.
        assert place.sftp_batch(f"ls /{path}").returncode == 1


def test_a_drop_that_is_read_only_stays_as_it_is(place: FilePlace, tmp_path: Path) -> None:
    """Who may only read can neither replace, rename nor remove, and still gets the file."""
    local = tmp_path / "local"
    local.write_bytes(b"other")
    for line in (f"put {local} /shelf/book", "rename /shelf/book /shelf/b", "rm /shelf/book"):
        done = place.sftp_batch(line)
        assert done.returncode == 1
        assert "you may not" in done.stderr, done.stderr
    done = place.sftp_batch(f"get /shelf/book {tmp_path}/back")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "back").read_bytes() == b"day,rain\n"
    for command in ("rm /shelf/book", "mv /shelf/book /shelf/b"):
        script = Clients(place).lftp_script(command)
        refused = lftp(place, script)
        assert refused.returncode == 1
        assert "550 you may not" in refused.stderr, refused.stderr


def test_a_letterbox_takes_and_gives_nothing(place: FilePlace, tmp_path: Path) -> None:
    """Who may only write can neither read, list nor replace what lies there."""
    local = tmp_path / "local"
    local.write_bytes(b"a letter")
    done = place.sftp_batch(f"put {local} /letterbox/one")
    assert done.returncode == 0, done.stderr
    for line in (
        f"get /letterbox/one {tmp_path}/x",
        "ls /letterbox",
        f"put {local} /letterbox/one",
    ):
        done = place.sftp_batch(line)
        assert done.returncode == 1, line
        assert "you may not" in done.stderr, done.stderr
    refused = lftp(place, Clients(place).lftp_script(f"get /letterbox/one -o {tmp_path}/y"))
    assert refused.returncode == 1
    assert "550 you may not read here" in refused.stderr
    assert not (tmp_path / "y").exists()
    read = place.sftp_batch(f"get /letterbox/one {tmp_path}/z", name="ben")
    assert read.returncode == 0, read.stderr
    assert (tmp_path / "z").read_bytes() == b"a letter"


def lftp(place: FilePlace, script: str) -> subprocess.CompletedProcess[str]:
    """Run lftp with its protocol on stderr."""
    return subprocess.run(
        ["lftp", "-d", "-c", script],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "LFTP_HOME": str(place.folder)},
    )
