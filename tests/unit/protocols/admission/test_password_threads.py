"""A flood of passwords is in nobody's way who usually comes."""

import threading

from sealgate.protocols.admission.password_threads import PasswordThreads


def test_strangers_keep_nobody_waiting_who_usually_comes() -> None:
    """However long their line is."""
    threads, stop = PasswordThreads(2, "password"), threading.Event()
    flood = [threads.line(usual=False).submit(stop.wait) for _ in range(50)]
    assert threads.line(usual=True).submit(lambda: "right").result(timeout=20) == "right"
    assert not any(one.done() for one in flood)
    stop.set()
    threads.shutdown()
    assert all(one.result() for one in flood)
