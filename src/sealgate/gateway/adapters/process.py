"""
Runs Envoy as a child that dies with Sealgate.

An Envoy that nobody supervises would go on admitting people whose certificates were
revoked since, so the kernel kills it when its parent is gone: the gateway fails
closed. Restarting a crashed Envoy is left to the caller, who knows how often it did.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import GatewayError
from sealgate.gateway.adapters.admin import Admin
from sealgate.gateway.adapters.messages import read_tail, reason_in
from sealgate.gateway.model import ACCESS_LOG, ADMIN_SOCKET, BOOTSTRAP

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.gateway.adapters.binary import EnvoyBinary

LOG = "envoy.log"
# The log is emptied at each start and whenever it is found larger than this.
MAX_LOG_BYTES = 8 * 1024 * 1024
# Refusals and failures are written there, so anybody can make it grow.
MAX_ACCESS_LOG_BYTES = 64 * 1024 * 1024
READY_SECONDS = 10.0
# How long connections of a replaced listener may go on; each is closed after its
# running request. A connection may serve one more request by the old listener's filters,
# which is why the policy stands in the routes and not there.
LISTENER_DRAIN_SECONDS = 60
_POLL_SECONDS = 0.01
_DRAIN_POLL_SECONDS = 0.05
_KILL_SECONDS = 2.0
_LOG_FLUSH_MILLISECONDS = 1000
# unix(7): sun_path holds 108 bytes, the last of them zero.
_MAX_SOCKET_PATH_BYTES = 107
# prctl(2): PR_SET_PDEATHSIG (1) with SIGKILL (9) survives execve of a plain file. It is
# set after the fork, so a parent that died in between is looked for by hand.
_LAUNCHER = """
import ctypes, os, sys
zero = ctypes.c_ulong(0)
failed = ctypes.CDLL(None).prctl(1, ctypes.c_ulong(9), zero, zero, zero)
if failed or os.getppid() != int(sys.argv[1]):
    sys.exit(127)
os.execv(sys.argv[2], sys.argv[2:])
"""
# A fault of its own, about which it writes a last word.
_OWN_SIGNALS = frozenset(
    [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP]
)


class EnvoyProcess:
    """
    One running Envoy on the configuration files in *folder*.

    The kernel kills it when the *thread* that started it ends (prctl(2)), so it must be
    started by a thread that lives as long as the gateway.
    """

    def __init__(self, binary: EnvoyBinary, folder: str, *, workers: int | None = None) -> None:
        """Remember what to run: *workers* threads, by default one per usable core."""
        self._binary = binary
        self._folder = Path(folder)
        self._workers = workers or len(os.sched_getaffinity(0))
        self._child: subprocess.Popen[bytes] | None = None
        self.admin = Admin(str(self._folder / ADMIN_SOCKET))

    @property
    def pid(self) -> int | None:
        """Return the process id, ``None`` before the start and after the end."""
        return self._child.pid if self._child is not None and self.is_running() else None

    @property
    def log_path(self) -> str:
        """Return the file that Envoy's own messages go to."""
        return str(self._folder / LOG)

    def is_running(self) -> bool:
        """Return whether the process lives."""
        return self._child is not None and self._child.poll() is None

    def start(self, *, ready_seconds: float = READY_SECONDS) -> None:
        """
        Start Envoy and return once it serves.

        Raises:
            GatewayError: it died (with its last complaint) or is not ready in time;
                then it does not run.
        """
        _refuse_long_path(self._folder / ADMIN_SOCKET)
        (self._folder / ADMIN_SOCKET).unlink(missing_ok=True)
        command = [
            *(sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid())),
            self._binary.path,
            *("--config-path", str(self._folder / BOOTSTRAP)),
            *("--concurrency", str(self._workers)),
            # Without it a second Envoy would take the first one's shared memory.
            "--disable-hot-restart",
            # A field that this Envoy does not know would be left out in silence.
            "--reject-unknown-dynamic-fields",
            *("--drain-time-s", str(LISTENER_DRAIN_SECONDS)),
            *("--drain-strategy", "immediate"),
            *("--log-level", "warning"),
            # Whoever looks at the log after a refusal finds it; the default is ten seconds.
            *("--file-flush-interval-msec", str(_LOG_FLUSH_MILLISECONDS)),
        ]
        with contextlib.suppress(OSError):
            _make_own(self._folder / ACCESS_LOG)
        # Appended to, so that it can be emptied while Envoy runs.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        log = os.open(self.log_path, flags, 0o600)
        try:
            self._child = subprocess.Popen(  # noqa: S603  # found and checked by find_envoy
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                # Envoy needs nothing of ours, and our environment may hold secrets.
                env={"PATH": os.defpath},
                # A terminal's Ctrl-C is for Sealgate, which then drains.
                start_new_session=True,
                umask=0o077,
            )
        except OSError as error:
            raise GatewayError(f"envoy cannot be started: {error.strerror}") from error
        finally:
            os.close(log)
        self._await_ready(ready_seconds)

    def _await_ready(self, ready_seconds: float) -> None:
        until = time.monotonic() + ready_seconds
        while not self.admin.is_ready():
            if not self.is_running():
                raise GatewayError(
                    f"envoy ended while starting: {self.complaint()}",
                    hint=f"its own words are in {self.log_path}",
                )
            if time.monotonic() > until:
                reason = self.complaint()
                self.kill()
                raise GatewayError(
                    f"envoy is not ready after {ready_seconds:g} seconds: {reason}",
                    hint=f"its own words are in {self.log_path}",
                )
            time.sleep(_POLL_SECONDS)

    def complaint(self, *, since_byte: int = 0) -> str:
        """
        Return why Envoy ended, or what it complained of last (after byte *since_byte* of its log).

        One that was killed said nothing of it: whatever stands in its log is about something else.
        """
        if killed := self._killed_by():
            return killed
        return reason_in(read_tail(self.log_path, since_byte=since_byte))

    def _killed_by(self) -> str:
        code = self._child.poll() if self._child is not None else None
        if code is None or code >= 0 or -code in _OWN_SIGNALS:
            return ""
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        # signal(7): the kernel sends it when memory is short.
        short = ", perhaps because memory was short" if -code == signal.SIGKILL else ""
        return f"it was killed ({name}){short}"

    def log_size(self) -> int:
        """Return the size of Envoy's log in bytes, and empty it when it has grown too far."""
        try:
            size = Path(self.log_path).stat().st_size
            if size > MAX_LOG_BYTES:
                os.truncate(self.log_path, 0)
                return 0
        except OSError:
            return 0
        return size

    def bound_logs(self) -> None:
        """Keep Envoy's logs from filling the disk; the access log has one older part."""
        self.log_size()
        access = self._folder / ACCESS_LOG
        with contextlib.suppress(OSError, GatewayError):
            if access.stat().st_size > MAX_ACCESS_LOG_BYTES:
                access.replace(access.with_name(f"{ACCESS_LOG}.1"))
                _make_own(access)
                self.admin.reopen_logs()

    def drain(self, *, within_seconds: float, hurry: Callable[[], bool] = lambda: False) -> bool:
        """
        Accept nothing more, let running requests end, then end Envoy.

        *hurry* is asked meanwhile and may cut the wait short. Returns whether every
        request ended within *within_seconds*; those that did not are cut.
        """
        finished = True
        if self.is_running():
            try:
                self.admin.start_drain()
                finished = self._await_idle(time.monotonic() + within_seconds, hurry)
            except GatewayError:
                # It does not answer any more: nothing to wait for.
                finished = False
        self.kill()
        return finished

    def _await_idle(self, until: float, hurry: Callable[[], bool]) -> bool:
        while self.is_running():
            if self.admin.active_requests() == 0:
                return True
            if time.monotonic() > until or hurry():
                return False
            time.sleep(_DRAIN_POLL_SECONDS)
        return False

    def kill(self) -> None:
        """End Envoy now; running requests are cut. Nothing happens when it does not run."""
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(_KILL_SECONDS)
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        (self._folder / ADMIN_SOCKET).unlink(missing_ok=True)


def _make_own(log: Path) -> None:
    # Envoy makes logs that everybody may read, whatever its umask is; one that is there it takes.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    opened = os.open(log, flags, 0o600)
    try:
        os.fchmod(opened, 0o600)
    finally:
        os.close(opened)


def _refuse_long_path(socket_path: Path) -> None:
    length = len(os.fsencode(socket_path))
    if length > _MAX_SOCKET_PATH_BYTES:
        raise GatewayError(
            f'"{socket_path}" is {length} bytes long, but a Unix socket\'s path has at most'
            f" {_MAX_SOCKET_PATH_BYTES}",
            hint="put sealgate.toml in a folder with a shorter path",
        )
