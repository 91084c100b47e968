"""Clients that know no Curve25519 and no AES-GCM, at drops that name what they need."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.peers.transferred import file_place

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.transferred import FilePlace

pytestmark = pytest.mark.peer("openssh-client")
_DROPS = """
[[drop]]
name = "legacy"
class = "confidential"
store = "file:stores/legacy"
admit = ["group:partners"]
older_clients = ["ecdh-sha2-nistp256", "aes256-ctr"]

[[drop]]
name = "partners"
class = "confidential"
store = "file:stores/partners"
admit = ["group:partners"]
"""
_OLDER = ("-o", "KexAlgorithms=ecdh-sha2-nistp256", "-o", "Ciphers=aes256-ctr")
_OTHER = ("-o", "KexAlgorithms=ecdh-sha2-nistp384", "-o", "Ciphers=aes256-ctr")
_OLDER_OFFERED = {"ecdh-sha2-nistp256", "aes256-ctr"}
_WEAK = ("-o", "KexAlgorithms=diffie-hellman-group14-sha1", "-o", "Ciphers=aes256-ctr")


def sftp(place: FilePlace, how: tuple[str, ...], *lines: str) -> subprocess.CompletedProcess[str]:
    """Run *lines* in OpenSSH's sftp with the algorithms *how*."""
    return subprocess.run(
        ["sftp", "-F", "none", *how, *place.ssh_options(), "-b", "-", "127.0.0.1"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=place.folder,
    )


def test_a_drop_takes_older_clients_by_name_and_no_other_drop_does(tmp_path: Path) -> None:
    """What is measured on the connection decides for each drop; the log names the setting."""
    (tmp_path / "up").write_bytes(b"content" * 50_000)
    with file_place(tmp_path) as place:
        place.write(_DROPS)
        with place.serving() as serving:
            done = sftp(
                place, _OLDER, f"put {tmp_path}/up /legacy/a", f"get /legacy/a {tmp_path}/b"
            )
            assert done.returncode == 0, done.stderr
            assert (tmp_path / "b").read_bytes() == b"content" * 50_000
            done = sftp(place, _OLDER, f"put {tmp_path}/up /partners/a")
            assert done.returncode != 0
            assert 'older_clients = ["ecdh-sha2-nistp256"]' in done.stderr
            done = sftp(place, (), f"put {tmp_path}/up /partners/a")
            assert done.returncode == 0, done.stderr
            # A client that hangs up at once may take back what it offered before that is read.
            for how in (*[_OTHER] * 8, _WEAK):
                assert "no matching key exchange" in sftp(place, how, "ls").stderr
        assert 'older_clients = ["ecdh-sha2-nistp384"]' in serving.said


def test_a_reload_lets_older_clients_in_and_shuts_them_out(tmp_path: Path) -> None:
    """
    What a drop names counts from the reload on, for connections that are open as well.

    An audit from outside sees what the server offers then: nothing that the class of the drop
    forbids, and with no name in the configuration nothing older at all.
    """
    (tmp_path / "up").write_bytes(b"content")
    without = _DROPS.replace('older_clients = ["ecdh-sha2-nistp256", "aes256-ctr"]\n', "")
    put = f"put {tmp_path}/up /legacy/a"
    with file_place(tmp_path) as place:
        place.write(without)
        with place.serving():
            assert not _OLDER_OFFERED & offered(place)
            assert "no matching key exchange" in sftp(place, _OLDER, put).stderr
            place.write(_DROPS)
            said = place.sealgate("reload")
            assert said.returncode == 0, said.stderr
            done = sftp(place, _OLDER, put)
            assert done.returncode == 0, done.stderr
            assert offered(place) >= _OLDER_OFFERED
            place.write(without)
            kept = place.stored_bytes("legacy")
            # The server leaves the connection that came in before; nothing more comes by it.
            done = sftp(
                place,
                _OLDER,
                "ls /legacy",
                f"!{sys.executable} -m sealgate reload -c {place.config}",
                f"put {tmp_path}/up /legacy/b",
            )
            assert "changed: sftp server" in done.stdout
            assert done.returncode != 0
            assert place.stored_bytes("legacy") == kept
            assert "no matching key exchange" in sftp(place, _OLDER, put).stderr
            assert not _OLDER_OFFERED & offered(place)


def offered(place: FilePlace) -> set[str]:
    """Return what OpenSSH sees offered, once an audit of it has found every rule kept."""
    done = place.sealgate("audit", "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["summary"]["not_observed"] == 0
    server, *drops = found["assets"]
    assert server["columns"]["in_transit"] == {"required": 2, "provided": 2, "met": True}
    assert all(drop["columns"]["in_transit"]["met"] for drop in drops)
    seen = subprocess.run(
        ["ssh", "-vv", "-F", "none", *place.ssh_options(), "127.0.0.1", "true"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    ).stderr
    _, _, seen = seen.partition("peer server KEXINIT proposal")
    # OpenSSH says its own proposal again later, for a new exchange of keys.
    names: set[str] = set()
    for line in ("KEX algorithms", "ciphers stoc"):
        shown = re.search(rf"debug2: {line}: (\S+)", seen)
        assert shown is not None, seen
        names |= set(shown[1].split(","))
    return names
