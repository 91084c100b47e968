"""``sealgate explain``."""

from __future__ import annotations

import pytest

from sealgate.cli import run
from sealgate.inspection.model import BodyRefusal
from sealgate.policy.rules import RULES


def test_a_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """Why, the clause, and what to type."""
    assert run(["explain", "transit-weak-version"]) == 0
    out = capsys.readouterr().out
    assert "RFC 8996, 4" in out
    assert "ssl_protocols" in out


def test_without_a_rule_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Every rule has a line."""
    assert run(["explain"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(RULES)


@pytest.mark.parametrize("rule", BodyRefusal)
def test_what_a_held_back_body_means_is_told(
    rule: BodyRefusal, capsys: pytest.CaptureFixture[str]
) -> None:
    """The name on the page of a refusal can be explained, with what to do."""
    assert run(["explain", rule.value]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{rule.value}: ")
    assert "  fix: " in out


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("transit-weak-versions", "sealgate explain transit-weak-version"),
        ("inspect-budgett", "sealgate explain inspect-budget\n"),
        ("qqqqqq", "sealgate explain\n"),
    ],
)
def test_a_rule_that_does_not_exist_is_a_usage_error(
    typed: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The closest rule is offered, or the list."""
    assert run(["explain", typed]) == 2
    err = capsys.readouterr().err
    assert f'sealgate: error: rule "{typed}" does not exist\n' in err
    assert f"sealgate: hint: {hint}" in err
