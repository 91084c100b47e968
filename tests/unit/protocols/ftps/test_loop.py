import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pyftpdlib.ioloop import IOLoop

from sealgate.protocols.ftps.loop import Errands, Outcome, outcome_of
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture(name="loop")
def _loop() -> Iterator[Any]:
    loop = IOLoop()
    yield loop
    loop.close()


def test_work_is_done_elsewhere_and_comes_back_here(loop: Any) -> None:
    """The work runs in a thread, what follows in the loop's."""
    errands = Errands(loop, sign_in_threads=1, store_threads=1)
    seen: list[tuple[str, str]] = []

    def then(outcome: Outcome) -> None:
        seen.append((outcome.value, threading.current_thread().name))

    errands.run(lambda: threading.current_thread().name, then)
    errands.run(lambda: threading.current_thread().name, then, sign_in=True)
    while len(seen) < 2:
        loop.poll(1)
    errands.close()
    assert {worker.rsplit("_", 1)[0] for worker, _ in seen} == {"ftps-store", "ftps-sign-in"}
    assert {here for _, here in seen} == {threading.current_thread().name}


def test_an_exception_is_an_outcome() -> None:
    """What goes wrong in a thread reaches whoever asked."""
    outcome = outcome_of(lambda: dict[str, str]()["missing"])
    assert isinstance(outcome.error, KeyError)
    assert outcome.value is None


def test_nothing_is_lost_at_the_end(loop: Any) -> None:
    """Closing waits for work on its way, and what that asks for is still done."""
    errands = Errands(loop, sign_in_threads=1, store_threads=1)
    gate, seen = threading.Event(), []

    def then(outcome: Outcome) -> None:
        seen.append(outcome.value)
        errands.run(lambda: "last", lambda last: seen.append(last.value))

    errands.run(lambda: gate.wait(PATIENCE_SECONDS) and "first", then)
    gate.set()
    errands.close()
    errands.close()
    assert seen == ["first", "last"]
    errands.wake()


def test_a_fault_in_what_follows_does_not_stop_the_rest(
    loop: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """One broken follower is named by its kind, and the next one runs."""
    errands = Errands(loop, sign_in_threads=1, store_threads=1)
    seen: list[object] = []

    def broken(_: Outcome) -> None:
        raise KeyError("secret")

    errands.run(lambda: 1, broken)
    errands.run(lambda: 2, lambda outcome: seen.append(outcome.value))
    errands.close()
    assert seen == [2]
    assert "KeyError" in caplog.text
    assert not [
        one for one in caplog.records if one.levelname == "ERROR" and "secret" in one.message
    ]
