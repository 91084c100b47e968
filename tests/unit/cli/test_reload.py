"""The command that has the running gateway take a changed configuration over."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.app.reload import Applied, NotRunning
from sealgate.cli import reload, run
from sealgate.errors import ConfigError, Fault
from sealgate.policy.inventory import Inventory


@pytest.fixture(autouse=True)
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    """Return what every configuration says."""
    one = Inventory(str(tmp_path / "sealgate.toml"), str(tmp_path / ".sealgate"))
    monkeypatch.setattr(reload, "configured", lambda _config: one)
    return one


@pytest.mark.parametrize(
    ("answer", "code", "out", "err"),
    [
        pytest.param(
            Applied(("listeners", 'routes of "a"'), ("look",)),
            0,
            'changed: listeners\nchanged: routes of "a"\n',
            "sealgate: look\n",
            id="changed",
        ),
        pytest.param(Applied(), 0, "nothing changed\n", "", id="unchanged"),
        pytest.param(
            NotRunning(),
            3,
            "",
            "sealgate: error: no gateway of this configuration is running\n"
            "sealgate: hint: sealgate serve\n",
            id="nobody",
        ),
    ],
)
def test_the_answer_is_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: Applied | NotRunning,
    code: int,
    out: str,
    err: str,
) -> None:
    """What changed goes to standard output, what a person should know to standard error."""
    monkeypatch.setattr("sealgate.app.reload.reload", lambda _inventory: answer)
    assert run(["reload"]) == code
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (out, err)


def test_each_fault_is_told_at_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and a form that editors can jump to."""

    def refused(_inventory: Inventory) -> Applied:
        faults = [Fault("f.toml", 3, "wrong", "type this"), Fault("f.toml", 9, "bad")]
        raise ConfigError("f.toml cannot be served", faults=faults)

    monkeypatch.setattr("sealgate.app.reload.reload", refused)
    assert run(["reload"]) == 2
    assert capsys.readouterr().err == (
        "sealgate: error: f.toml:3: wrong\n"
        "sealgate: hint: type this\n"
        "sealgate: error: f.toml:9: bad\n"
    )
