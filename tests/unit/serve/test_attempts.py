"""What fails is told once, tried again after a while, and forgotten when it works."""

from __future__ import annotations

from sealgate.errors import ConfigError, Fault, GatewayError
from sealgate.serve.attempts import RETRY_SECONDS, Attempts


def failing(message: str) -> None:
    """Fail."""
    raise GatewayError(message)


def test_a_failure_is_told_once_and_tried_again() -> None:
    """The same words are not repeated; other words are; success makes room for the first again."""
    told: list[str] = []
    attempts = Attempts(told.append)
    assert attempts.is_due("country", 5.0, 5.0)
    assert not attempts.is_due("country", 5.0, 4.9)
    for now in (0.0, 60.0):
        attempts.make("country", now, lambda: failing("it is gone"))
    assert told == ["error: it is gone; what was served before stays"]
    assert not attempts.is_due("country", 5.0, 60.0 + RETRY_SECONDS - 1)
    assert attempts.is_due("country", 1e9, 60.0 + RETRY_SECONDS)
    attempts.make("country", 120.0, lambda: failing("it is damaged"))
    assert attempts.faults == ["it is damaged"]
    attempts.make("country", 180.0, lambda: None)
    assert attempts.faults == []
    assert not attempts.is_due("country", 1e9, 1e8)
    attempts.make("country", 240.0, lambda: failing("it is damaged"))
    assert len(told) == 3


def test_every_fault_of_a_configuration_is_told() -> None:
    """Not the sentence above them."""
    told: list[str] = []
    faults = [Fault("sealgate.toml", 3, "no key"), Fault("sealgate.toml", 4, "no chain")]
    error = ConfigError("cannot be served", faults=faults)

    def fail() -> None:
        raise error

    attempts = Attempts(told.append)
    attempts.make("certificates", 0.0, fail)
    assert told == ["error: no key; no chain; what was served before stays"]


def test_a_complaint_stands_until_all_is_done_anew() -> None:
    """It is a fault like others, told once."""
    told: list[str] = []
    attempts = Attempts(told.append)
    for _ in range(3):
        attempts.complain("end shop", "it ended")
    assert told == ["error: it ended"]
    assert attempts.faults == ["it ended"]
    attempts.clear()
    assert attempts.faults == []
