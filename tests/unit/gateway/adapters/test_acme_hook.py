"""The operator's program for TXT records: how it is called, and what is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.errors import GatewayError
from sealgate.gateway.adapters import acme_hook
from sealgate.gateway.adapters.acme_hook import record_of, run_hook
from sealgate.gateway.model import Proof
from sealgate.policy.inventory import AcmeChallenge

ONE = Proof(AcmeChallenge.DNS_01, "a.example", "token", "token.thumb")


def hook(folder: Path, *lines: str) -> str:
    """Write a program of *lines*."""
    path = folder / "hook"
    path.write_text("\n".join(("#!/bin/sh", *lines)))
    path.chmod(0o755)
    return str(path)


def test_it_gets_action_name_and_value_and_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments are passed as they are, without a shell, and our environment stays ours."""
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    told = tmp_path / "told"
    run_hook(hook(tmp_path, f'printf "%s\\n" "$@" > {told}', f"env >> {told}"), "present", ONE)
    action, name, value, *environment = told.read_text().splitlines()
    assert (action, (name, value)) == ("present", record_of(ONE))
    assert not [line for line in environment if "hunter2" in line]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("echo secret >&2", "exit 3"), "ended with 3 for present, but 0 is required"),
        (("sleep 5",), "did not end within"),
    ],
)
def test_a_failure_is_told_without_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: tuple[str, ...], said: str
) -> None:
    """What it writes may hold keys of the provider."""
    monkeypatch.setattr(acme_hook, "HOOK_SECONDS", 0.3)
    with pytest.raises(GatewayError, match=said) as caught:
        run_hook(hook(tmp_path, *lines), "present", ONE)
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"


def test_a_program_that_is_none_is_named(tmp_path: Path) -> None:
    """Its path is in the message."""
    with pytest.raises(GatewayError, match="cannot be run: No such file or directory"):
        run_hook(str(tmp_path / "gone"), "present", ONE)
