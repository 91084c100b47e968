"""
Clients that know no Curve25519 and no AES-GCM, at drops that name what they need.
"""

from __future__ import annotations

import subprocess
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
