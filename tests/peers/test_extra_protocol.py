"""One protocol more is one folder and one line: it is planned, served, judged and audited."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.peers.transferred import PASSWORD, file_place
from tests.ports import free_port

if TYPE_CHECKING:
    from tests.peers.transferred import FilePlace

pytestmark = pytest.mark.peer("openssh-client")
ROOT = Path(__file__).parents[2]
OPTIONS = ("PubkeyAuthentication=no", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")


def fetch(place: FilePlace, port: int, path: str) -> subprocess.CompletedProcess[bytes]:
    """Return what OpenSSH's ssh says to somebody who fetches *path*."""
    helper = place.folder / "password"
    helper.write_text(f"#!/bin/sh\necho '{PASSWORD}'\n")
    helper.chmod(0o700)
    options = [part for option in OPTIONS for part in ("-o", option)]
    return subprocess.run(
        ["ssh", "-F", "none", *options, "-p", str(port), "anna@127.0.0.1", path],
        capture_output=True,
        check=False,
        timeout=60,
        env={**place.environment, "SSH_ASKPASS": str(helper), "SSH_ASKPASS_REQUIRE": "force"},
    )


def test_one_folder_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real client fetches what the class lets it, the trail names the protocol, an audit sees it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    port = free_port()
    (tmp_path / "up").write_bytes(b"content" * 50_000)
    with file_place(tmp_path) as place:
        place.module = "tests.fetch_protocol"
        place.write(listen=f'fetch = "127.0.0.1:{port}"')
        planned = place.sealgate("plan")
        assert f"fetch on 127.0.0.1:{port}" in planned.stdout, planned.stderr
        services = json.loads(place.sealgate("plan", "--format", "json").stdout)["services"]
        assert "fetch server" in [service["name"] for service in services]
        with place.serving() as serving:
            assert serving.ready["fetch"] == [f"127.0.0.1:{port}"]
            done = place.sftp_batch(f"put {tmp_path}/up /inbox/a", f"put {tmp_path}/up /partners/a")
            assert done.returncode == 0, done.stderr
            got = fetch(place, port, "inbox/a")
            assert got.stdout == b"content" * 50_000, got.stderr
            # A confidential drop asks for a key, over whatever it is reached.
            assert fetch(place, port, "partners/a").stdout == b""
            audited = json.loads(place.sealgate("audit", "--format", "json").stdout)
            assert (audited["summary"]["open"], audited["summary"]["not_observed"]) == (0, 0)
            [server] = [one for one in audited["assets"] if one["kind"] == "file server"]
            assert server["columns"]["in_transit"]["met"] is True
        # It is looked at like any other: nobody answers there any more.
        unreachable = json.loads(place.sealgate("audit", "--format", "json").stdout)["findings"]
        assert [one for one in unreachable if f"127.0.0.1:{port}" in one["found"]]
        [download] = [one for one in place.events() if one.action == "download"]
        assert (download.protocol, download.place) == ("fetch", "inbox/a")
