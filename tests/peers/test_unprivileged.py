"""The service as an ordinary user who may open low ports and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.peers.served import Place, Site, given_certificate
from tests.peers.unprivileged import NOBODY, unprivileged
from tests.processes import lives
from tests.waiting import wait_until

UNIT = Path(__file__).parents[2] / "packaging/systemd/sealgate.service"
# CAP_NET_BIND_SERVICE is the tenth (capability.h).
ONLY_LOW_PORTS = f"{1 << 10:016x}"
# systemd's own scale, from 0 to 10; 1.5 when this was written.
MOST_EXPOSED = 2.0


def capabilities(pid: int) -> dict[str, str]:
    """Return the sets of capabilities of the process *pid*, and its user."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = dict(re.findall(r"^(Cap\w+|Uid):\t(\S+)", text, re.MULTILINE))
    return {name: found[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "Uid")}


@pytest.mark.skipif(
    os.geteuid() != 0 and "CI" not in os.environ, reason="only root may become another user"
)
def test_low_ports_without_root(site: Site) -> None:
    """With the one ambient capability both ports open; no process has another, or is root."""
    # Below a folder that others may enter, as a real user's would be.
    folder = Path(tempfile.mkdtemp(prefix="sealgate-", dir="/var/tmp"))  # a new one
    place = Place(folder, site.server_port)
    place.https, place.http = 443, 80
    try:
        given_certificate(folder, "site")
        place.write("/", tls='certificate = { chain = "site.pem", key = "site.key" }')
        for path in (folder, *folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)
        process = place.start("--ready-file", str(place.ready_file), prefix=unprivileged())
        try:
            assert wait_until(lambda: place.ready_file.exists() or process.poll() is not None)
            assert process.poll() is None, place.config.read_text()
            ready = json.loads(place.ready_file.read_text())
            for pid in (ready["pid"], ready["envoy_pid"]):
                assert capabilities(pid) == {
                    **dict.fromkeys(("CapEff", "CapPrm", "CapBnd", "CapAmb"), ONLY_LOW_PORTS),
                    "Uid": str(NOBODY),
                }
            assert place.status("/", "--insecure") == 200
            process.kill()
            # The capability must not keep the kernel from ending Envoy with us.
            assert wait_until(lambda: not lives(ready["envoy_pid"]))
        finally:
            process.kill()
            process.communicate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_the_unit_is_as_hard_as_it_says() -> None:
    """By systemd's own measure; never root, one capability, the state folder for its user."""
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is not installed (packages-debian.txt)"
    done = subprocess.run(
        [program, "security", "--offline=true", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    level = re.search(r"exposure level for sealgate.service: ([0-9.]+)", done.stdout)
    assert level, done.stdout + done.stderr
    assert float(level[1]) <= MOST_EXPOSED
    lines = set(UNIT.read_text().splitlines())
    assert {
        "User=sealgate",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "NoNewPrivileges=yes",
        "StateDirectoryMode=0700",
        "UMask=0077",
    } <= lines
