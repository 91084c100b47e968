"""
Fills the volume of two drops to the brim through both servers, and tells what clients saw.

Run as a program (``python -m tests.peers.filled_serve FOLDER``) where ``FOLDER/stores`` is a
small file system of its own; prints the counts and the clients' own words as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.peers.transferred import PASSWORD, file_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.peers.transferred import FilePlace

EARLY_BYTES = 300_000
FILE_BYTES = 1_500_000
MOST = 40


class Clients:
    """Three programs that put a local file into a drop; each returns its exit code and words."""

    def __init__(self, place: FilePlace) -> None:
        self.place = place

    def openssh(self, local: Path, path: str) -> tuple[int, str]:
        """Put by OpenSSH's sftp."""
        done = self.place.sftp_batch(f"put {local} {path}")
        return done.returncode, done.stderr

    def lftp(self, local: Path, path: str) -> tuple[int, str]:
        """
        Put by lftp over FTPS; its protocol tells what a person sees only in its status line.

        It takes 452 for a passing trouble, and tries again.
        """
        done = self._run("lftp", "-d", "-c", self.lftp_script(f"put {local} -o {path}"))
        lines = done.stderr.splitlines()
        heard = [line for line in lines if line.startswith(("<--- 4", "<--- 5", "put:"))]
        return done.returncode, "\n".join(heard)

    def lftp_script(self, command: str) -> str:
        """Return *command* behind what lets lftp in by certificate."""
        place = self.place
        return (
            f"set ssl:ca-file {place.ca}; set ftp:ssl-force true; set ftp:ssl-protect-data true; "
            f"set ssl:cert-file {place.folder}/anna.crt; set ssl:key-file {place.folder}/anna.key; "
            "set cmd:fail-exit true; set net:max-retries 1; set net:timeout 20; set net:reconnect-interval-base 1; "
            f"set net:persist-retries 0; open -u anna,- ftp://localhost:{place.ftps}; {command}"
        )

    def curl(self, local: Path, path: str) -> tuple[int, str]:
        """Put by curl over FTPS; its words and the server's last reply."""
        place = self.place
        command = ["curl", "-sSv", "--ssl-reqd", "--cacert", str(place.ca), "-u", "anna:"]
        command += ["--cert", f"{place.folder}/anna.crt", "--key", f"{place.folder}/anna.key"]
        done = self._run(*command, "-T", str(local), f"ftp://localhost:{place.ftps}{path}")
        lines = done.stderr.splitlines()
        heard = [line for line in lines if line.startswith(("< 4", "< 5", "curl:"))]
        return done.returncode, "\n".join(heard)

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "LFTP_HOME": str(self.place.folder)},
        )


def main(folder: str) -> None:
    """Upload until nothing fits, look at what was there, free some, and upload again."""
    with file_place(Path(folder)) as place:
        counts: Counter[str] = Counter()
        said: dict[str, str] = {}
        with place.serving() as serving:
            fill(place, counts, said)
        counts["tracebacks"] = serving.said.count("Traceback")
        verified = place.sealgate("verify", "--full")
        counts["verify"] = verified.returncode
        assert PASSWORD not in serving.said
        print(json.dumps({"counts": counts, "said": said, "told": serving.said}))


def fill(place: FilePlace, counts: Counter[str], said: dict[str, str]) -> None:
    """Do it with one client after the other."""
    clients = Clients(place)
    local = place.folder / "local"
    kept: dict[str, bytes] = {}
    for drop in ("partners", "inbox"):
        for number in range(3):
            put(clients.openssh, local, f"/{drop}/early{number}", EARLY_BYTES, kept)
    ways: tuple[tuple[str, Callable[[Path, str], tuple[int, str]]], ...] = (
        ("openssh", clients.openssh),
        ("lftp", clients.lftp),
        ("curl", clients.curl),
    )
    for name, way in ways:
        full = ""
        for number in range(MOST):
            drop = ("partners", "inbox")[number % 2]
            full = put(way, local, f"/{drop}/{name}{number}", FILE_BYTES, kept)
            if full:
                break
            counts[f"{name} taken"] += 1
        assert full, "the volume was never full"
        counts[f"{name} refused"] += 1
        said[name] = full
        look(place, kept, counts)
        # Room for two: uploads work again, by the same client.
        for path in [path for path in kept if "early" not in path][-2:]:
            done = place.sftp_batch(f"rm {path}")
            assert done.returncode == 0, done.stderr
            del kept[path]
        again = put(way, local, f"/inbox/{name}-again", FILE_BYTES, kept)
        assert not again, again
        counts[f"{name} taken again"] += 1
    look(place, kept, counts)
    # Parts that broke off may lie there to be gone on with; nothing else does.
    counts["files"] = len(kept)


def put(
    way: Callable[[Path, str], tuple[int, str]],
    local: Path,
    path: str,
    size: int,
    kept: dict[str, bytes],
) -> str:
    """Put new content; return the words of a refusal, "" when it was taken."""
    content = os.urandom(size)
    local.write_bytes(content)
    code, words = way(local, path)
    if code == 0:
        kept[path] = content
        return ""
    return words or f"exit code {code}"


def look(place: FilePlace, kept: dict[str, bytes], counts: Counter[str]) -> None:
    """Get every file that was taken, and compare."""
    back = place.folder / "back"
    back.mkdir(exist_ok=True)
    lines = [f"get {path} {back}/{path.replace('/', '_')}" for path in kept]
    done = place.sftp_batch(*lines)
    assert done.returncode == 0, done.stderr
    for path, content in kept.items():
        counts["looked at"] += 1
        counts["lost"] += (back / path.replace("/", "_")).read_bytes() != content


if __name__ == "__main__":
    main(*sys.argv[1:])
