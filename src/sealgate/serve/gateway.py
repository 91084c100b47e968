"""
One gateway at work: what it serves, and every change of that while it serves.

Synchronous and single-threaded; :mod:`sealgate.serve.running` gives it a thread, a control
socket and a clock to wake up by. Three rules hold throughout. A reload is taken over
whole or not at all. A revocation is taken over even when everything else fails, if
need be by ending Envoy. What a file brings while serving is checked first; a bad one
changes nothing and is told.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.app.certificates import fetched_sites, upkeep_complaint
from sealgate.errors import BugError, GatewayError, SealgateError
from sealgate.gateway.adapters.doors import refuse_taken, shown
from sealgate.gateway.promise import promises
from sealgate.gateway.translate import translate
from sealgate.serve.attempts import Attempts
from sealgate.serve.certificate_keeper import CertificateKeeper
from sealgate.serve.envoy_keeper import EnvoyKeeper
from sealgate.serve.gateway_parts import Check, Parts, called, gather_parts, remarks_on
from sealgate.serve.material import (
    Certificates,
    aged,
    gather_admissions,
    gather_certificates,
    gather_countries,
)
from sealgate.serve.monitoring import Snapshot
from sealgate.serve.ports import Ports, opened
from sealgate.serve.relay_policies import as_far_as_possible
from sealgate.serve.watch import FileWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealgate.gateway.model import EnvoyFiles, Material
    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import Observation

# Changes of identities on another node of the same database are noticed so soon.
SHARED_STORE_SECONDS = 5.0
# After so many failures to take an admission over, Envoy is ended and started anew.
_MAX_STALE_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Change:
    """What a running gateway took over: *changed* parts, and *remarks* for a person."""

    changed: tuple[str, ...]
    remarks: tuple[str, ...] = ()


class Gateway:
    """
    The gateway of one configuration.

    *load* gives the configuration anew on a reload. *now* tells seconds since the epoch.
    *tell* takes one line for a person. *check* is asked before anything is taken over,
    for what is served beside the sites; it raises what stands against that.

    Without a site no Envoy runs.
    """

    def __init__(
        self,
        inventory: Inventory,
        *,
        load: Callable[[], Inventory],
        now: Callable[[], float],
        tell: Callable[[str], None],
        workers: int | None = None,
        check: Check = lambda _inventory, _certificates, _countries: None,
    ) -> None:
        self._load = load
        self._now = now
        self._tell = tell
        self._check = check
        self._ports = Ports()
        self._inventory = as_far_as_possible(self._ports.settle(inventory))
        self._envoy = EnvoyKeeper(workers=workers, tell=tell, revived=self._revived)
        self._served: Parts | None = None
        self._watch = FileWatch()
        self._keeper = CertificateKeeper(tell=tell)
        self._attempts = Attempts(tell)
        self._stale_attempts = 0
        self._shared_poll_at = 0.0
        self._started_at = 0.0
        self._applied_at = 0.0

    @property
    def inventory(self) -> Inventory:
        """Return what is served, with the ports that were chosen."""
        return self._parts.inventory if self._served else self._inventory

    @property
    def pid(self) -> int | None:
        """Return Envoy's process id, ``None`` while it does not run."""
        return self._envoy.pid

    @property
    def certificates(self) -> Certificates:
        """Return the certificates that are shown now."""
        return self._parts.certificates

    @property
    def _parts(self) -> Parts:
        if self._served is None:
            raise BugError("the gateway was not started")
        return self._served

    def start(self) -> tuple[str, ...]:
        """
        Gather everything, refuse what cannot be kept, and return once Envoy serves.

        Returns what a person should know.

        Raises:
            ConfigError: with everything that is missing for a promise to be kept.
            GatewayError: an address cannot be had, or Envoy cannot be run.
            SourceError: the state folder cannot be used.
        """
        inventory = self._inventory
        now = self._now()
        if inventory.sites:
            self._envoy.find(inventory)
        parts, material = self._gather(inventory, now)
        if inventory.sites:
            self._envoy.begin(inventory, translate(inventory, material))
        self._settle(parts)
        self._started_at = self._applied_at = now
        return remarks_on(parts)

    def reload(self, inventory: Inventory | None = None) -> Change:
        """
        Take *inventory* over, by default as it is now; what cannot be kept changes nothing.

        Raises:
            ConfigError: with every fault; the old configuration stays.
            GatewayError: Envoy refused, or the change needs a restart.
        """
        inventory = as_far_as_possible(self._ports.settle(inventory or self._load()))
        old = self._parts.inventory
        if inventory.state_folder != old.state_folder:
            raise GatewayError(
                "this change needs a restart: the state folder is another one",
                hint="stop sealgate serve and start it again",
            )
        parts, material = self._gather(inventory, self._now())
        if not inventory.sites:
            self._keeper.stop()
            self._envoy.forget()
            changed: tuple[str, ...] = ("sites",) if old.sites else ()
        elif self._envoy.envoy is None:
            self._envoy.begin(inventory, translate(inventory, material))
            changed = ("sites",)
        else:
            refuse_taken(a for a in opened(inventory).all if a not in opened(old).all)
            changed = self._apply(translate(inventory, material))
        self._settle(parts)
        remarks = [*remarks_on(parts)]
        if inventory.envoy != old.envoy:
            remarks.append("another envoy is run only after sealgate serve is started again")
        return Change(changed, tuple(remarks))

    def readmit(self) -> Change:
        """
        Take over who may enter now; returns only when Envoy enforces it.

        Raises:
            SourceError: the database of identities cannot be read.
            GatewayError: Envoy did not confirm; it is tried again until it does.
        """
        parts = self._parts
        now = self._now()
        try:
            parts.admissions = gather_admissions(parts.inventory, now=now)
        except SealgateError:
            # What time ends, ends all the same.
            parts.admissions = aged(parts.inventory, parts.admissions, now=now)
            self._enforce()
            raise
        return Change(self._enforce())

    def renew_keys(self) -> None:
        """Take new signing keys of sessions over, when there are any; a failure is told."""
        self._attempts.make("signing keys", self._now(), self._take_over)

    def tick(self) -> None:
        """
        Do what time and files bring: crashes, renewals, expiries, replaced files.

        Raises:
            GatewayError: Envoy crashes again and again.
        """
        if self._parts.inventory.sites and not self._envoy.revive(self._files):
            return
        now = self._now()
        parts = self._parts
        files = self._watch.changed()
        given = any(path in files for path in parts.certificates.watched)
        if given or self._attempts.is_due("certificates", parts.certificates.due, now):
            self._attempts.make("certificates", now, self._renew)
        self._keep_certificates(now)
        database = parts.inventory.access.geo_database
        if database in files or self._attempts.is_due("countries", math.inf, now):
            self._attempts.make("countries", now, self._follow_countries)
        if self._attempts.is_due("admissions", parts.admissions.due, now) or self._poll_is_due():
            self._attempts.make("admissions", now, self.readmit)
        elif self._stale_attempts:
            self._attempts.make("admissions", now, self._enforce)
        self._warn_of_ends(now)

    def sample(self, share: int) -> None:
        """Have *share* of ten thousand answers of observed routes read."""
        self._envoy.sample(share)

    def promises(self) -> tuple[Observation, ...]:
        """Return what the running gateway enforces, as the host sees it."""
        parts = self._parts
        now = self._now()
        if self.pid is None or self._stale_attempts:
            return ()
        return promises(parts.inventory, parts.material(now, self._keeper.proofs), now=now)

    def status(self) -> dict[str, object]:
        """Return what runs, as plain values; times in seconds since the epoch."""
        parts = self._parts
        doors = opened(parts.inventory)
        return {
            "pid": os.getpid(),
            "envoy_pid": self.pid,
            "envoy_version": self._envoy.version,
            "config": parts.inventory.source,
            "state_folder": parts.inventory.state_folder,
            "started_at": self._started_at,
            "applied_at": self._applied_at,
            "crashes": self._envoy.crash_count,
            "https": [shown(a) for a in doors.https],
            "http": [shown(a) for a in doors.http],
            "egress": [shown(a) for a in doors.egress],
            "sites": {
                site.name: {"certificate_ends_at": parts.certificates.ends.get(site.name)}
                for site in parts.inventory.sites
            },
            "faults": self._attempts.faults,
        }

    def snapshot(self, sessions: Mapping[str, int], fenced: Mapping[str, bool]) -> Snapshot:
        """
        Return what monitoring is told; *sessions* are those of the file servers.

        *fenced* tells of each drop whether its store is damaged.
        """
        parts, now = self._parts, self._now()
        runs = self.pid is not None or not parts.inventory.sites
        return Snapshot(
            serves=runs and not self._stale_attempts,
            started_at=self._started_at,
            applied_at=self._applied_at,
            crashes=self._envoy.crash_count,
            faults=len(self._attempts.faults),
            ends=parts.certificates.ends,
            kept={
                site.name: not upkeep_complaint(parts.inventory, site, now=now)
                for site in fetched_sites(parts.inventory)
            },
            sessions=sessions,
            fenced=fenced,
        )

    def counters(self) -> Mapping[str, int]:
        """
        Return what Envoy counted; any thread may ask.

        Raises:
            GatewayError: it does not answer.
        """
        envoy = self._envoy.envoy
        return envoy.admin.counters() if envoy is not None else {}

    def is_serving(self) -> bool:
        """Return whether Envoy serves, where there is something to serve; any thread may ask."""
        envoy = self._envoy.envoy
        return envoy.admin.is_ready() if envoy is not None else True

    def stop(self, *, drain_seconds: float, hurry: Callable[[], bool] = lambda: False) -> bool:
        """
        End: accept nothing more, let running requests end within *drain_seconds*.

        *hurry* is asked meanwhile and may cut the wait short. Returns whether every
        request ended by itself.
        """
        self._keeper.stop()
        return self._envoy.drain(within_seconds=drain_seconds, hurry=hurry)

    def kill(self) -> None:
        """End Envoy now."""
        self._keeper.stop()
        self._envoy.kill()

    def _gather(self, inventory: Inventory, now: float) -> tuple[Parts, Material]:
        return gather_parts(inventory, now=now, proofs=self._keeper.proofs, check=self._check)

    def _files(self) -> EnvoyFiles:
        parts = self._parts
        return translate(parts.inventory, parts.material(self._now(), self._keeper.proofs))

    def _settle(self, parts: Parts) -> None:
        self._served = parts
        self._attempts.clear()
        self._stale_attempts = 0
        watched = [*parts.certificates.watched, parts.inventory.access.geo_database]
        self._watch = FileWatch(path for path in watched if path is not None)

    def _apply(self, files: EnvoyFiles) -> tuple[str, ...]:
        changed = tuple(sorted({called(name) for name in self._envoy.apply(files)}))
        self._applied_at = self._now()
        return changed

    def _take_over(self) -> tuple[str, ...]:
        return self._apply(self._files()) if self._parts.inventory.sites else ()

    def _enforce(self) -> tuple[str, ...]:
        try:
            changed = self._take_over()
        except SealgateError:
            # Until this succeeds, Envoy admits whom it should not: it is tried again at
            # each tick, and in the end Envoy goes.
            self._stale_attempts += 1
            if self._stale_attempts >= _MAX_STALE_ATTEMPTS:
                self._tell("error: envoy takes nothing over, and is ended and started anew")
                self.kill()
            raise
        self._stale_attempts = 0
        return changed

    def _renew(self) -> None:
        parts = self._parts
        before = parts.certificates
        parts.certificates = gather_certificates(parts.inventory, now=self._now())
        try:
            changed = self._take_over()
        except SealgateError:
            parts.certificates = before
            raise
        for remark in parts.certificates.remarks:
            self._tell(remark)
        for part in changed:
            self._tell(f"{part}: renewed, and taken over")

    def _keep_certificates(self, now: float) -> None:
        if self._keeper.tick(self._parts.inventory, now):
            self._attempts.make("certificates", now, self._renew)
        if self._keeper.wants_proofs:
            self._attempts.make("proofs", now, self._show_proofs)

    def _show_proofs(self) -> None:
        try:
            self._take_over()
        except SealgateError as error:
            self._keeper.shown(error)
            raise
        self._keeper.shown()

    def _follow_countries(self) -> None:
        # Envoy watches the copy itself and reads it anew when it is replaced.
        gather_countries(self._parts.inventory)
        self._tell("the country database was replaced, and taken over")

    def _poll_is_due(self) -> bool:
        if self._parts.inventory.register_url is None:
            # The file of this machine alone: whoever changes it tells us.
            return False
        if time.monotonic() < self._shared_poll_at:
            return False
        self._shared_poll_at = time.monotonic() + SHARED_STORE_SECONDS
        return True

    def _warn_of_ends(self, now: float) -> None:
        for site, end in self._parts.certificates.ends.items():
            if now > end:
                day = dt.datetime.fromtimestamp(end, tz=dt.UTC).date().isoformat()
                said = f'the certificate of "{site}" ended on {day}: browsers refuse it'
                self._attempts.complain(f"end {site}", said)

    def _revived(self) -> None:
        self._stale_attempts = 0
        self._applied_at = self._now()
