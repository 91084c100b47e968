"""The Envoy of a gateway: begun where there is a site, and started again when it crashed."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import BugError, GatewayError, SealgateError
from sealgate.files import private_folder
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.adapters.doors import refuse_taken
from sealgate.gateway.adapters.envoy import Envoy
from sealgate.gateway.model import ENVOY_FOLDER
from sealgate.gateway.translate.inspection import MOST_SHARE, SHARE_KEY
from sealgate.serve.crashes import CRASH_WINDOW_SECONDS, MAX_CRASHES, Crashes
from sealgate.serve.ports import opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.gateway.adapters.binary import EnvoyBinary
    from sealgate.gateway.model import EnvoyFiles
    from sealgate.policy.inventory import Inventory


class EnvoyKeeper:
    """
    One Envoy at most, in the state folder of an inventory.

    *workers* are its threads. *tell* takes one line for a person. *revived* is called when
    one that crashed serves again.
    """

    def __init__(
        self,
        *,
        workers: int | None,
        tell: Callable[[str], None],
        revived: Callable[[], None],
    ) -> None:
        self._workers = workers
        self._tell = tell
        self._revived = revived
        self._binary: EnvoyBinary | None = None
        self._folder = ""
        self._crashes = Crashes()
        self._share = MOST_SHARE
        self.envoy: Envoy | None = None

    @property
    def pid(self) -> int | None:
        """Return Envoy's process id, ``None`` while it does not run."""
        return self.envoy.pid if self.envoy else None

    @property
    def version(self) -> str:
        """Return which Envoy it is, "" before there was a site."""
        return self._binary.version_text if self._binary else ""

    @property
    def crash_count(self) -> int:
        """Return how many crashes of late are known."""
        return self._crashes.count

    @property
    def files(self) -> EnvoyFiles | None:
        """Return what Envoy runs by, ``None`` while there is none."""
        return self.envoy.files if self.envoy else None

    def is_running(self) -> bool:
        """Return whether Envoy lives."""
        return self.envoy is not None and self.envoy.is_running()

    def find(self, inventory: Inventory) -> None:
        """
        Find the program, so that its absence is told before anything else is done.

        Raises:
            GatewayError: there is none that can be used.
        """
        self._binary = find_envoy(inventory.envoy)

    def begin(self, inventory: Inventory, files: EnvoyFiles) -> None:
        """
        Start Envoy on *files*; returns once it serves.

        Raises:
            GatewayError: an address cannot be had, or Envoy cannot be run.
        """
        self._folder = str(Path(inventory.state_folder, ENVOY_FOLDER))
        private_folder(Path(self._folder))
        self._binary = find_envoy(inventory.envoy)
        refuse_taken(opened(inventory).all)
        self.envoy = Envoy(self._binary, self._folder, workers=self._workers)
        self._share = MOST_SHARE
        self.envoy.start(files)

    def judge(self, files: EnvoyFiles) -> None:
        """
        Return when Envoy, which runs, can go by *files*, as far as that is seen before.

        Raises:
            GatewayError: it refuses them, or must be started anew for them.
        """
        if self.envoy is not None:
            self.envoy.judge(files)

    def apply(self, files: EnvoyFiles) -> tuple[str, ...]:
        """
        Have Envoy go by *files*; return the names of those that changed.

        Raises:
            GatewayError: it refused them, or does not run.
        """
        if self.envoy is None:
            raise BugError("the gateway was not started")
        return tuple(self.envoy.apply(files))

    def revive(self, files: Callable[[], EnvoyFiles]) -> bool:
        """
        Return whether Envoy runs; one that crashed is started again on *files*, not for ever.

        Raises:
            GatewayError: it crashes again and again.
        """
        envoy = self.envoy
        if envoy is None:
            return False
        if envoy.is_running():
            return True
        now = time.monotonic()
        if not self._crashes.is_pending:
            self._note_crash(envoy, now)
        if not self._crashes.may_start(now):
            return False
        self._crashes.started()
        self._share = MOST_SHARE
        try:
            envoy.start(files())
        except SealgateError as error:
            self._tell(f"error: {error.message}")
            self._note_crash(envoy, time.monotonic())
            return False
        self._revived()
        self._tell("envoy runs again")
        return True

    def sample(self, share: int) -> None:
        """Have *share* of ten thousand answers of observed routes read."""
        if self.envoy is None or share == self._share:
            return
        # One that does not answer is told again at the next look.
        with contextlib.suppress(GatewayError):
            self.envoy.admin.set_share(SHARE_KEY, share)
            self._share = share

    def drain(self, *, within_seconds: float, hurry: Callable[[], bool]) -> bool:
        """End it: return whether every request ended by itself before it had to."""
        if self.envoy is None:
            return True
        return self.envoy.drain(within_seconds=within_seconds, hurry=hurry)

    def kill(self) -> None:
        """End it now; :meth:`revive` starts it again."""
        if self.envoy is not None:
            self.envoy.kill()

    def forget(self) -> None:
        """End it now, for good."""
        self.kill()
        self.envoy = None

    def _note_crash(self, envoy: Envoy, now: float) -> None:
        reason = envoy.complaint
        if self._crashes.note(now):
            raise GatewayError(
                f"envoy ended {MAX_CRASHES} times within {CRASH_WINDOW_SECONDS:g} seconds;"
                f" nothing is served any more: {reason}",
                hint=f"its own words are in {self._folder}",
            )
        self._tell(f"error: envoy ended, and is started again: {reason}")
