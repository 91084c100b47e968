"""Commands of Sealgate that run within the process of the tests: a new one takes ten times as long."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from sealgate.cli import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def run_here(
    arguments: Sequence[str],
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    entered: str = "",
) -> subprocess.CompletedProcess[str]:
    """
    Run one command in *folder*, in *environment*, with *entered* on its standard input.

    Not from a thread or a coroutine: folder, environment and streams are those of the process.
    """
    read, out, err = _stream(entered), _stream(), _stream()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.chdir(folder)
        patch.setattr("sys.stdin", read)
        if environment is not None:
            for name in os.environ.keys() - environment.keys():
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
        code = run(arguments)
    return subprocess.CompletedProcess(list(arguments), code, _said(out), _said(err))


def _stream(content: str = "") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content.encode()), "utf-8", newline="", write_through=True)


def _said(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
