"""
Envoy as the gateway's data plane: validated first, started, changed live, confirmed.

Nothing counts as applied until Envoy itself reports the version as in use. A change
that Envoy refuses is taken back, so that the old configuration stays whole.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import BugError, GatewayError, SealgateError
from sealgate.files import private_folder
from sealgate.gateway.adapters.binary import EnvoyBinary, find_envoy
from sealgate.gateway.adapters.files import differing, flattened, remove_files, write_files
from sealgate.gateway.adapters.messages import one_line, reason_in, refused
from sealgate.gateway.adapters.process import READY_SECONDS, EnvoyProcess
from sealgate.gateway.adapters.watches import require_instances
from sealgate.gateway.model import BOOTSTRAP, EnvoyFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sealgate.gateway.adapters.admin import Admin, Subscriptions
    from sealgate.gateway.adapters.files import Written
    from sealgate.gateway.model import JSONObject

CONFIRM_SECONDS = 5
# Measured: a megabyte a second on a machine with nothing else to do, a tenth on a very busy one.
_READ_PER_SECOND = 100_000
VALIDATE_SECONDS = 30.0
_POLL_SECONDS = 0.01
# Envoy reports a version when its main thread has taken it over; the worker threads
# follow by a message each.
_WORKERS_SECONDS = 0.05


def validate(
    files: EnvoyFiles, binary: EnvoyBinary | None = None, *, old: EnvoyFiles | None = None
) -> None:
    """
    Have Envoy judge *files* without running it: all, or what an Envoy that goes by *old* lacks.

    The certificates, keys and databases that they name must be there.

    Raises:
        GatewayError: Envoy refuses them, with the reason in one line.
    """
    binary = binary or find_envoy()
    judged = files.files if old is None else differing(files, old)
    with tempfile.TemporaryDirectory(prefix="sealgate-") as folder:
        written = write_files(folder, {BOOTSTRAP: flattened(judged)})
        command = [binary.path, "--mode", "validate", "--config-path", f"{folder}/{BOOTSTRAP}"]
        try:
            answer = subprocess.run(  # noqa: S603  # found and checked by find_envoy
                command,
                check=False,
                capture_output=True,
                timeout=VALIDATE_SECONDS + reading_seconds(written),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GatewayError(
                f"envoy could not validate the configuration: {type(error).__name__}"
            ) from error
    if answer.returncode != 0:
        raise refused(reason_in(answer.stderr.decode("utf-8", "replace")), files)


class Envoy:
    """
    The data plane of one gateway.

    Not thread-safe, and to be started by a thread that lives as long as the gateway
    (see :class:`EnvoyProcess`).
    """

    def __init__(self, binary: EnvoyBinary, folder: str, *, workers: int | None = None) -> None:
        """Take *folder* for the configuration files; it belongs to Sealgate alone."""
        self._binary = binary
        self._folder = folder
        self._process = EnvoyProcess(binary, folder, workers=workers)
        self._files: EnvoyFiles | None = None
        self._judged: EnvoyFiles | None = None

    @property
    def pid(self) -> int | None:
        """Return Envoy's process id, ``None`` while it does not run."""
        return self._process.pid

    @property
    def files(self) -> EnvoyFiles | None:
        """Return the configuration in use, ``None`` before the first start."""
        return self._files

    @property
    def admin(self) -> Admin:
        """Return its admin interface, which any thread may ask."""
        return self._process.admin

    @property
    def complaint(self) -> str:
        """Return what Envoy complained of last."""
        return self._process.complaint()

    def start(self, files: EnvoyFiles) -> None:
        """
        Write *files*, and return once Envoy serves them.

        They are not judged before: Envoy reads them once, and ends where it refuses one.

        Raises:
            GatewayError: Envoy refused, died, cannot bind an address, or may not watch
                as many files; it does not run then.
        """
        require_instances(files.files)
        private_folder(Path(self._folder))
        remove_files(self._folder, keep=files.files)
        written = write_files(self._folder, files.files)
        self._process.start(ready_seconds=READY_SECONDS + reading_seconds(written))
        try:
            self._confirm(files.files, written, rejected_before={}, log_before=0)
        except SealgateError:
            self._process.kill()
            raise
        self._files = files

    def judge(self, files: EnvoyFiles) -> None:
        """
        Return when *files* can be taken over, as far as that is seen before.

        Raises:
            GatewayError: Envoy refuses them, may not watch as many files, or the change needs
                a restart.
        """
        old = self._files
        if old is None:
            raise BugError("envoy was not started, so nothing can be taken over")
        if files.needs_restart_from(old):
            raise GatewayError(
                "this change needs a restart: the bootstrap differs",
                hint="stop sealgate serve and start it again",
            )
        if any(files.steps_from(old)):
            require_instances(files.files, old.files, envoy_pid=self.pid)
            validate(files, self._binary, old=old)
        self._judged = files

    def apply(self, files: EnvoyFiles) -> tuple[str, ...]:
        """
        Take *files* over without dropping a connection; return the names that changed.

        Returns only after Envoy reported each step as in use. When it refuses one, all
        files are put back and the old configuration stays.

        Raises:
            GatewayError: Envoy refused, may not watch as many files, or the change needs
                a restart.
        """
        old = self._files
        if old is None:
            raise BugError("envoy was not started, so nothing can be taken over")
        if files is not self._judged:
            self.judge(files)
        self._judged = None
        steps = list(files.steps_from(old))
        if not steps:
            self._files = files
            return ()
        changed: dict[str, None] = {}
        try:
            for step in steps:
                changed.update(dict.fromkeys(step))
                self._write_and_confirm(step)
        except SealgateError:
            self._take_back(old, changed)
            raise
        remove_files(self._folder, keep=files.files)
        self._files = files
        return tuple(changed)

    def is_running(self) -> bool:
        """Return whether Envoy lives; also keeps its logs from growing without end."""
        self._process.bound_logs()
        return self._process.is_running()

    def drain(self, *, within_seconds: float, hurry: Callable[[], bool] = lambda: False) -> bool:
        """
        Accept nothing more, let running requests end, then end Envoy.

        *hurry* is asked meanwhile and may cut the wait short. Returns whether all of
        them ended within *within_seconds*.
        """
        return self._process.drain(within_seconds=within_seconds, hurry=hurry)

    def kill(self) -> None:
        """End Envoy now; running requests are cut."""
        self._process.kill()

    def _write_and_confirm(self, step: Mapping[str, JSONObject]) -> None:
        before = self._process.admin.subscriptions().rejected
        log_before = self._process.log_size()
        written = write_files(self._folder, step)
        self._confirm(step, written, rejected_before=before, log_before=log_before)

    def _take_back(self, old: EnvoyFiles, changed: Mapping[str, None]) -> None:
        back = {name: content for name, content in old.files.items() if name in changed}
        written = write_files(self._folder, back)
        remove_files(self._folder, keep=old.files)
        # The fault that led here is the one to tell, whatever this ends in.
        with contextlib.suppress(GatewayError):
            for _ in self._await_in_use(dict(_expected(back, written)), patience(written)):
                pass

    def _confirm(
        self,
        step: Mapping[str, JSONObject],
        written: Mapping[str, Written],
        *,
        rejected_before: Mapping[str, int],
        log_before: int,
    ) -> None:
        expected = dict(_expected(step, written))
        for seen in self._await_in_use(expected, patience(written), log_before=log_before):
            for source in expected:
                for name in _named(source, seen.rejected):
                    if seen.rejected[name] > rejected_before.get(name, 0):
                        raise GatewayError(
                            f"envoy refused the configuration: {self._reason(source, log_before)}"
                        )
        time.sleep(_WORKERS_SECONDS)

    def _reason(self, source: str, log_before: int) -> str:
        faults: tuple[str, ...] = ()
        # That it refused is known; when it does not say why, its log may.
        with contextlib.suppress(GatewayError):
            faults = self._process.admin.listener_faults() if "lds" in source else ()
        return one_line(faults[-1]) if faults else self._process.complaint(since_byte=log_before)

    def _await_in_use(
        self, expected: Mapping[str, str], seconds: int, *, log_before: int = 0
    ) -> Iterator[Subscriptions]:
        until = time.monotonic() + seconds
        while True:
            try:
                seen = self._process.admin.subscriptions()
            except GatewayError:
                # The thread that answers also reads configurations, and says nothing meanwhile.
                if time.monotonic() > until or not self._process.is_running():
                    raise
                time.sleep(_POLL_SECONDS)
                continue
            yield seen
            if _in_use(expected, seen):
                return
            if time.monotonic() > until:
                raise GatewayError(
                    f"envoy did not take the configuration over within {seconds:g} seconds:"
                    f" {self._process.complaint(since_byte=log_before)}"
                )
            time.sleep(_POLL_SECONDS)


def patience(step: Mapping[str, Written]) -> int:
    """Return for how many seconds Envoy is waited for when it takes *step* over."""
    return CONFIRM_SECONDS + reading_seconds(step)


def reading_seconds(files: Mapping[str, Written]) -> int:
    """
    Return how many seconds Envoy is given to read *files*, beside those for everything else.

    Many sites, and tables of certificates, are counted in megabytes.
    """
    return sum(one.size for one in files.values()) // _READ_PER_SECOND


def _expected(
    step: Mapping[str, JSONObject], written: Mapping[str, Written]
) -> Iterator[tuple[str, str]]:
    """
    Yield, per configuration source that *step* touches, its name and new version.

    Names are those of Envoy's statistics; of a route source only the end is known.
    """
    for name, content in step.items():
        version = written[name].version
        resources = content.get("resources")
        if name == BOOTSTRAP or not isinstance(resources, list):
            continue
        if name.startswith("cds"):
            yield "cluster_manager.cds", version
        elif name.startswith("lds"):
            yield "listener_manager.lds", version
        for resource in resources:
            if not isinstance(resource, dict):
                continue
            # Statistics cannot hold a colon in a name.
            called = str(resource.get("name", "")).replace(":", "_")
            if name.startswith("rds"):
                yield f".rds.{called}", version
            elif name.startswith("sds"):
                yield f"sds.{called}", version


def _named(source: str, known: Mapping[str, object]) -> list[str]:
    if source.startswith("."):
        return [name for name in known if name.endswith(source)]
    return [source] if source in known else []


def _in_use(expected: Mapping[str, str], seen: Subscriptions) -> bool:
    # A source that no listener names yet is not known to Envoy: nothing to wait for.
    return seen.warming == 0 and all(
        seen.versions[name] == version
        for source, version in expected.items()
        for name in _named(source, seen.versions)
    )
