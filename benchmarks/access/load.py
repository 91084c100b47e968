"""
Whether memory stays flat: everything at once, through one ``sealgate serve``, for minutes.

Public pages, locked ones with a certificate, signed-in ones with tokens made anew, people
who sign in and out, an enforcing and an observed route, files over SFTP and FTPS, and
monitoring. The memory of each process that no file backs, and its descriptors, are read every
few seconds; how fast they grow is the slope of least squares over the last minutes.

Every sample is kept in ``build/benchmarks/load.csv``.
"""

from __future__ import annotations

import os
import statistics
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.access import relay
from benchmarks.access.crowd import Crowd
from benchmarks.metric import FOLDER, Metric
from benchmarks.processes import anonymous_mib, open_files, with_descendants
from tests.peers.transferred import file_place
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

EVERY_SECONDS = 5.0
# What was warmed up in the first minutes is no growth.
LAST_MINUTES = 5.0
# The smallest piece of memory that malloc gives is 32 bytes with its head; 500 requests a second,
# as on a busy machine, that each lose one would lose 0.9 MiB a minute. This is less, and still more
# than the noise of one run.
MOST_MIB_PER_MINUTE = 0.5
# Whoever lost one for each sign-in, or for each session of a file server, would lose 20 a minute.
MOST_FILES_PER_MINUTE = 1.0
_KIB = 1024
_ROLES = {
    "sealgate.signin": "sign-in",
    "sealgate.inspection": "relays",
    "sealgate.protocols": "file-servers",
    "envoy": "envoy",
}


@dataclass(frozen=True)
class Sample:
    """What each part held, *at* seconds after the load began."""

    at: float
    mib: dict[str, float]
    files: dict[str, int]


def measure(folder: Path, minutes: float) -> Iterator[Metric]:
    """Yield what was held after a minute and at the end, and how it grew."""
    pages = relay.write_pages(folder / "pages")
    for name in ("members", "desk", "observed", "notices"):
        (folder / "pages" / name).mkdir()
        for page in pages:
            (folder / "pages" / name / page.name).hardlink_to(folder / "pages" / page.name)
    site = relay.start_site(folder)
    home = folder / "place"
    home.mkdir()
    try:
        with file_place(home) as place:
            (home / "brought").write_bytes(relay.page(100 * _KIB))
            https, metrics = free_port(), free_port()
            place.write(
                _MODEL + _DROP + _sites(site.port), head=_LIMITS, listen=_listen(https, metrics)
            )
            with place.serving("--workers", str(os.cpu_count())) as serving:
                crowd = Crowd(place, https)
                samples = _watched(serving.process.pid, crowd, metrics, minutes)
    finally:
        site.process.terminate()
        site.process.wait(5)
    _keep(samples)
    for kind, count in crowd.done.items():
        yield Metric(f"load-{kind}", count / minutes, "1/min")
    yield from _judged(samples, "mib", "MiB", MOST_MIB_PER_MINUTE, lambda one: one.mib)
    yield from _judged(samples, "files", "files", MOST_FILES_PER_MINUTE, lambda one: one.files)


_LIMITS = "[limits]\nsession_requests_per_second = 10000000\nsign_in_per_minute = 0\n"
# The guideline's classes, and one more that is public: all routes of a class on a site are
# enforced, or none is.
_MODEL = "".join(
    f'[[class]]\nid = "{name}"\nin_transit = "{transit}"\naccess = "{access}"\nat_rest = "{rest}"\n'
    for name, transit, access, rest in (
        ("public", "unencrypted", "none", "none"),
        ("notices", "unencrypted", "none", "none"),
        ("restricted", "protected", "low", "protected"),
        ("confidential", "encrypted", "high", "encrypted"),
        ("secret", "highly encrypted", "very high", "highly encrypted"),
    )
)
_DROP = """
[[drop]]
name = "partners"
class = "confidential"
store = "file:stores/partners"
admit = ["group:partners"]
"""


def _listen(https: int, metrics: int) -> str:
    return (
        f'https = "127.0.0.1:{https}"\nhttp = "127.0.0.1:{free_port()}"\n'
        f'metrics = "127.0.0.1:{metrics}"'
    )


def _sites(upstream: int) -> str:
    return f"""
[[site]]
domains = ["localhost"]
upstream = "http://127.0.0.1:{upstream}"
[[site.route]]
path = "/"
class = "public"
[[site.route]]
path = "/observed"
class = "public"
inspect = "observe"
[[site.route]]
path = "/members"
class = "restricted"
[[site.route]]
path = "/desk"
class = "confidential"
admit = ["group:partners"]
[[site.route]]
path = "/notices"
class = "notices"
inspect = "enforce"
"""


def _watched(pid: int, crowd: Crowd, metrics: int, minutes: float) -> list[Sample]:
    samples = []
    with crowd.coming():
        began = time.monotonic()
        while (passed := time.monotonic() - began) < minutes * 60:
            with crowd.nobody_signs_in:
                samples.append(_sample(pid, passed))
            asked = urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics")
            with asked as answer:
                answer.read()
            crowd.wait(EVERY_SECONDS)
    return samples


def _sample(serve: int, at: float) -> Sample:
    mib: dict[str, float] = {}
    files: dict[str, int] = {}
    for pid in with_descendants(serve):
        role = "serve" if pid == serve else _role(pid)
        mib[role] = mib.get(role, 0.0) + anonymous_mib(pid)
        files[role] = files.get(role, 0) + open_files(pid)
    mib["total"], files["total"] = sum(mib.values()), sum(files.values())
    return Sample(at, mib, files)


def _role(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return "other"
    return next((role for sign, role in _ROLES.items() if sign in words), "other")


def _judged(
    samples: Sequence[Sample],
    name: str,
    unit: str,
    most: float,
    look: Callable[[Sample], dict[str, float] | dict[str, int]],
) -> Iterator[Metric]:
    last = samples[-1].at
    tail = [one for one in samples if one.at >= last - min(LAST_MINUTES * 60, last / 2)]
    for role in sorted({role for one in samples for role in look(one)}):

        def held(one: Sample, role: str = role) -> float:
            return look(one).get(role, 0)

        early = [one for one in samples if abs(one.at - 60) <= 2 * EVERY_SECONDS] or samples[:1]
        yield Metric(f"load-{role}-{name}-minute-1", statistics.median(map(held, early)), unit)
        yield Metric(f"load-{role}-{name}-end", statistics.median(map(held, samples[-5:])), unit)
        grown = statistics.linear_regression([one.at / 60 for one in tail], [*map(held, tail)])
        target = most if role == "total" else None
        yield Metric(f"load-{role}-{name}-growth", grown.slope, f"{unit}/min", target, at_most=True)


def _keep(samples: Sequence[Sample]) -> None:
    roles = sorted({role for one in samples for role in one.mib})
    lines = ["seconds," + ",".join(f"{role} MiB,{role} files" for role in roles)]
    for one in samples:
        cells = (f"{one.mib.get(role, 0):.3f},{one.files.get(role, 0)}" for role in roles)
        lines.append(f"{one.at:.1f}," + ",".join(cells))
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "load.csv").write_text("\n".join(lines) + "\n")
