"""The command that runs the gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.cli import run, serve
from sealgate.errors import GatewayError, UsageError
from sealgate.policy.inventory import Inventory
from sealgate.serve.running import Options


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    """Return what every configuration says."""
    one = Inventory(str(tmp_path / "sealgate.toml"), str(tmp_path / ".sealgate"))
    monkeypatch.setattr(serve, "configured", lambda _config: one)
    return one


def test_options_reach_the_gateway(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drain, workers and ready file are handed on; the end is exit code 0."""
    seen = []

    def served(given: Inventory, options: Options, *, ready_file: str | None) -> bool:
        seen.append((given, options.drain_seconds, options.workers, ready_file))
        return True

    monkeypatch.setattr("sealgate.serve.foreground.serve", served)
    arguments = ["--drain-seconds", "7", "--workers", "3", "--ready-file", "r.json"]
    assert run(["serve", *arguments]) == 0
    assert seen == [(inventory, 7.0, 3, "r.json")]


def test_cut_requests_are_told(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ending is no failure, but nobody should wonder about a torn download."""
    monkeypatch.setattr("sealgate.serve.foreground.serve", lambda *_, **__: False)
    assert run(["serve"]) == 0
    assert "still running after 30 seconds were cut" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(GatewayError("no", hint="so"), 1), (UsageError("no", hint="so"), 2)]
)
def test_an_error_is_one_line_and_a_hint(
    inventory: Inventory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
) -> None:
    """Own failure is 1, what the operator must mend is 2."""

    def failed(*_: object, **__: object) -> bool:
        raise error

    monkeypatch.setattr("sealgate.serve.foreground.serve", failed)
    assert run(["serve"]) == code
    assert capsys.readouterr().err == "sealgate: error: no\nsealgate: hint: so\n"


@pytest.mark.parametrize("wrong", [["--workers", "0"], ["--drain-seconds", "-1"], ["more"]])
def test_a_wrong_option_is_usage(inventory: Inventory, wrong: list[str]) -> None:
    """Exit code 2, without a traceback."""
    assert run(["serve", *wrong]) == 2
