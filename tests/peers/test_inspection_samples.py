"""The relay of observed routes: started by what comes, ended when nothing does, and let go gently."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sealgate.inspection.model import Policy, RelayUpstream, above
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.serve.samples import Samples
from tests.peers.inspecting import CARD, PUBLIC, get, length_answer, read_answer, site
from tests.processes import lives
from tests.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sealgate.inspection.adapters.relay_process import Seen
    from tests.peers.inspecting import Site

PAGE = b"<p>" + CARD + b"</p>"
LONG = b"x" * 100_000


class Observed:
    """One observed route: where it is asked, what was told, and the samples of it."""

    def __init__(self, folder: Path, behind: Site, quiet_seconds: float) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.seen: list[Seen] = []
        self.samples = Samples(
            seen=self.seen.append, tell=self.told.append, quiet_seconds=quiet_seconds
        )
        self.path = ""
        self.observe(behind.path)

    def observe(self, upstream: str) -> None:
        """Have the route lead to *upstream* from now on."""
        self.path = str(self.folder / f"{len(upstream)}.sock")
        kinds = above(PUBLIC, DEFAULT_MODEL)
        policy = Policy("route shop.example/", False, RelayUpstream(upstream), kinds, frozenset())
        self.samples.prepare(str(self.folder), {self.path: policy})
        self.samples.commit()
        self.samples.confirm(PATIENCE_SECONDS)

    def observe_nothing(self) -> None:
        """Have no route observed from now on."""
        self.samples.prepare(str(self.folder), {})
        self.samples.commit()
        self.samples.confirm(PATIENCE_SECONDS)

    def connect(self) -> socket.socket:
        """Return a connection, as Envoy makes one."""
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(PATIENCE_SECONDS)
        made.connect(self.path)
        return made

    def is_turned_away(self) -> bool:
        """Return whether nobody answers, and says so at once."""
        with self.connect() as made:
            return made.recv(1) == b""

    def is_served(self) -> bool:
        """Return whether a relay answers with the page of the site."""
        self.samples.tick()
        with self.connect() as made:
            try:
                made.sendall(get("/shop/4711"))
                return read_answer(made)[1] == PAGE
            except (AssertionError, OSError):
                return False

    def ticks_until(self, holds: Callable[[], object]) -> bool:
        """Return whether *holds* came true while time went on."""

        def after_a_tick() -> object:
            self.samples.tick()
            return holds()

        return wait_until(after_a_tick)

    def notices_the_end_of(self, pid: int) -> bool:
        """Return whether the relay *pid* is gone after a while."""
        return self.ticks_until(lambda: not lives(pid))


@contextmanager
def observed(folder: Path, behind: Site, quiet_seconds: float = 1000.0) -> Iterator[Observed]:
    """Observe a route to *behind*."""
    made = Observed(folder, behind, quiet_seconds)
    try:
        yield made
    finally:
        made.samples.kill()


def test_relay_comes_with_samples_and_goes_without(tmp_path: Path) -> None:
    """The first is turned away and starts one, which reads what follows; a quiet while ends it."""
    with (
        site(tmp_path, lambda _: [length_answer(PAGE)]) as behind,
        observed(tmp_path, behind, quiet_seconds=0.5) as route,
    ):
        route.samples.tick()
        assert route.samples.pids() == []
        assert route.is_turned_away()
        assert behind.requests == []
        assert wait_until(route.is_served)
        pid = route.samples.pids()[0]
        assert route.ticks_until(lambda: route.seen)
        assert route.ticks_until(lambda: not route.samples.pids())
        assert route.is_turned_away()
        assert route.notices_the_end_of(pid)
        assert wait_until(route.is_served), "the next samples bring the next relay"
        assert route.told == []


def test_no_relay_comes_for_routes_that_are_observed_no_more(tmp_path: Path) -> None:
    """A sample that was turned away right before a reload starts nothing after it."""
    with (
        site(tmp_path, lambda _: [length_answer(PAGE)]) as behind,
        observed(tmp_path, behind) as route,
    ):
        assert route.is_turned_away()
        route.observe_nothing()
        route.samples.tick()
        assert route.samples.pids() == []


def test_relay_that_is_killed_or_stopped_is_told_once(tmp_path: Path) -> None:
    """Nobody waits meanwhile, and another one comes after a pause that grows."""
    with (
        site(tmp_path, lambda _: [length_answer(PAGE)]) as behind,
        observed(tmp_path, behind) as route,
    ):
        for how in (signal.SIGKILL, signal.SIGSTOP):
            assert wait_until(route.is_served)
            (pid,) = route.samples.pids()
            os.kill(pid, how)
            assert route.is_turned_away()
            assert route.notices_the_end_of(pid)
        assert len(route.told) == 1
        assert "ended or hung" in route.told[0]


def test_relay_that_is_replaced_ends_what_it_began(tmp_path: Path) -> None:
    """A reload in the midst of an answer does not cut it; new ones go to the new relay."""
    may_end = threading.Event()

    def answer(request: bytes) -> list[bytes | threading.Event]:
        whole = length_answer(LONG)
        return (
            [whole[:5000], may_end, whole[5000:]] if b"/long" in request else [length_answer(PAGE)]
        )

    (tmp_path / "other").mkdir()
    with (
        site(tmp_path, answer) as behind,
        site(tmp_path / "other", answer) as other,
        observed(tmp_path, behind) as route,
    ):
        assert wait_until(route.is_served)
        (pid,) = route.samples.pids()
        with route.connect() as under_way:
            under_way.sendall(get("/long"))
            assert under_way.recv(10)
            route.observe(other.path)
            assert route.samples.pids() == []
            assert wait_until(route.is_served)
            assert lives(pid)
            may_end.set()
            body = b""
            while len(body) < len(LONG):
                more = under_way.recv(65536)
                assert more, len(body)
                body += more
        assert route.notices_the_end_of(pid)
        assert other.requests
        assert route.told == []
