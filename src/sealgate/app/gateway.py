"""
One gateway at work: what it serves, and every change of that while it serves.

Synchronous and single-threaded; :mod:`sealgate.app.serve` gives it a thread, a control
socket and a clock to wake up by. Three rules hold throughout. A reload is taken over
whole or not at all. A revocation is taken over even when everything else fails, if
need be by ending Envoy. What a file brings while serving is checked first; a bad one
changes nothing and is told.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.certificate_keeper import CertificateKeeper
from sealgate.app.certificates import fetched_sites, upkeep_complaint
from sealgate.app.crashes import CRASH_WINDOW_SECONDS, MAX_CRASHES, Crashes
from sealgate.app.decided import weaker_than_decided
from sealgate.app.material import (
    ENVOY_FOLDER,
    Admissions,
    Certificates,
    aged,
    gather_admissions,
    gather_certificates,
    gather_countries,
    make_material,
)
from sealgate.app.metrics import Snapshot
from sealgate.app.ports import Ports, opened
from sealgate.app.watch import FileWatch
from sealgate.errors import BugError, ConfigError, GatewayError, SealgateError
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.adapters.doors import answers, refuse_taken, shown
from sealgate.gateway.adapters.envoy import Envoy
from sealgate.gateway.adapters.files import make_folder
from sealgate.gateway.model import CertificateFiles
from sealgate.gateway.promise import promises, refusals
from sealgate.gateway.translate import translate
from sealgate.policy.inventory import Inventory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealgate.errors import Fault
    from sealgate.gateway.adapters.binary import EnvoyBinary
    from sealgate.gateway.model import EnvoyFiles, Material
    from sealgate.policy.observation import Observation

# What could not be renewed is tried again so often.
RETRY_SECONDS = 60.0
# Changes of identities on another node of the same database are noticed so soon.
SHARED_STORE_SECONDS = 5.0
# After so many failures to take an admission over, Envoy is ended and started anew.
_MAX_STALE_ATTEMPTS = 2

_REFUSED = CertificateFiles("", "")

Check = Callable[[Inventory, Certificates, str | None], None]


@dataclass(frozen=True, slots=True)
class Change:
    """
    What a running gateway took over: *changed* parts, and *remarks* for a person.
    """

    changed: tuple[str, ...]
    remarks: tuple[str, ...] = ()


@dataclass(slots=True)
class _Parts:
    """
    What is served now.
    """

    inventory: Inventory
    certificates: Certificates
    countries: str | None
    admissions: Admissions


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
        self._workers = workers
        self._check = check
        self._ports = Ports()
        self._inventory = self._ports.settle(inventory)
        self._binary: EnvoyBinary | None = None
        self._envoy: Envoy | None = None
        self._served: _Parts | None = None
        self._watch = FileWatch()
        self._keeper = CertificateKeeper(tell=tell)
        self._crashes = Crashes()
        self._retry_at: dict[str, float] = {}
        self._stale_attempts = 0
        self._shared_poll_at = 0.0
        self._told: dict[str, str] = {}
        self._started_at = 0.0
        self._applied_at = 0.0

    @property
    def inventory(self) -> Inventory:
        """
        Return what is served, with the ports that were chosen.
        """
        return self._parts.inventory if self._served else self._inventory

    @property
    def pid(self) -> int | None:
        """
        Return Envoy's process id, ``None`` while it does not run.
        """
        return self._envoy.pid if self._envoy else None

    @property
    def certificates(self) -> Certificates:
        """
        Return the certificates that are shown now.
        """
        return self._parts.certificates

    @property
    def _parts(self) -> _Parts:
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
            self._binary = find_envoy(inventory.envoy)
        parts, material = self._gather(inventory, now)
        if inventory.sites:
            self._begin(inventory, material)
        self._settle(parts)
        self._started_at = self._applied_at = now
        return (*parts.certificates.remarks, *_silent_upstreams(inventory))

    def reload(self) -> Change:
        """
        Take the configuration over as it is now; what cannot be kept changes nothing.

        Raises:
            ConfigError: with every fault; the old configuration stays.
            GatewayError: Envoy refused, or the change needs a restart.
        """
        inventory = self._ports.settle(self._load())
        old = self._parts.inventory
        if inventory.state_folder != old.state_folder:
            raise GatewayError(
                "this change needs a restart: the state folder is another one",
                hint="stop sealgate serve and start it again",
            )
        parts, material = self._gather(inventory, self._now())
        if not inventory.sites:
            self.kill()
            self._envoy = None
            changed: tuple[str, ...] = ("sites",) if old.sites else ()
        elif self._envoy is None:
            self._begin(inventory, material)
            changed = ("sites",)
        else:
            refuse_taken(a for a in opened(inventory).all if a not in opened(old).all)
            changed = self._apply(translate(inventory, material))
        self._settle(parts)
        remarks = [*parts.certificates.remarks, *_silent_upstreams(inventory)]
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
        """
        Take new signing keys of sessions over, when there are any; a failure is told.
        """
        self._attempt("signing keys", self._now(), self._take_over)

    def tick(self) -> None:
        """
        Do what time and files bring: crashes, renewals, expiries, replaced files.

        Raises:
            GatewayError: Envoy crashes again and again.
        """
        if not self._revive():
            return
        now = self._now()
        parts = self._parts
        files = self._watch.changed()
        given = any(path in files for path in parts.certificates.watched)
        if given or self._is_due("certificates", parts.certificates.due, now):
            self._attempt("certificates", now, self._renew)
        self._keep_certificates(now)
        database = parts.inventory.access.geo_database
        if database in files or self._is_due("countries", math.inf, now):
            self._attempt("countries", now, self._follow_countries)
        if self._is_due("admissions", parts.admissions.due, now) or self._poll_is_due():
            self._attempt("admissions", now, self.readmit)
        elif self._stale_attempts:
            self._attempt("admissions", now, self._enforce)
        self._warn_of_ends(now)

    def promises(self) -> tuple[Observation, ...]:
        """
        Return what the running gateway enforces, as the host sees it.
        """
        parts = self._parts
        now = self._now()
        if self.pid is None or self._stale_attempts:
            return ()
        return promises(parts.inventory, self._material(parts, now), now=now)

    def status(self) -> dict[str, object]:
        """
        Return what runs, as plain values; times in seconds since the epoch.
        """
        parts = self._parts
        doors = opened(parts.inventory)
        return {
            "pid": os.getpid(),
            "envoy_pid": self.pid,
            "envoy_version": self._binary.version_text if self._binary else "",
            "config": parts.inventory.source,
            "state_folder": parts.inventory.state_folder,
            "started_at": self._started_at,
            "applied_at": self._applied_at,
            "crashes": self._crashes.count,
            "https": [shown(a) for a in doors.https],
            "http": [shown(a) for a in doors.http],
            "egress": [shown(a) for a in doors.egress],
            "sites": {
                site.name: {"certificate_ends_at": parts.certificates.ends.get(site.name)}
                for site in parts.inventory.sites
            },
            "faults": sorted(self._told.values()),
        }

    def snapshot(self, sessions: Mapping[str, int]) -> Snapshot:
        """
        Return what monitoring is told; *sessions* are those of the file servers.
        """
        parts, now = self._parts, self._now()
        runs = self.pid is not None or not parts.inventory.sites
        return Snapshot(
            serves=runs and not self._stale_attempts,
            started_at=self._started_at,
            applied_at=self._applied_at,
            crashes=self._crashes.count,
            faults=len(self._told),
            ends=parts.certificates.ends,
            kept={
                site.name: not upkeep_complaint(parts.inventory, site, now=now)
                for site in fetched_sites(parts.inventory)
            },
            sessions=sessions,
        )

    def counters(self) -> Mapping[str, int]:
        """
        Return what Envoy counted; any thread may ask.

        Raises:
            GatewayError: it does not answer.
        """
        envoy = self._envoy
        return envoy.admin.counters() if envoy is not None else {}

    def is_serving(self) -> bool:
        """
        Return whether Envoy serves, where there is something to serve; any thread may ask.
        """
        envoy = self._envoy
        return envoy.admin.is_ready() if envoy is not None else True

    def stop(self, *, drain_seconds: float, hurry: Callable[[], bool] = lambda: False) -> bool:
        """
        End: accept nothing more, let running requests end within *drain_seconds*.

        *hurry* is asked meanwhile and may cut the wait short. Returns whether every
        request ended by itself.
        """
        self._keeper.stop()
        if self._envoy is None:
            return True
        return self._envoy.drain(within_seconds=drain_seconds, hurry=hurry)

    def kill(self) -> None:
        """
        End Envoy now.
        """
        self._keeper.stop()
        if self._envoy is not None:
            self._envoy.kill()

    def _begin(self, inventory: Inventory, material: Material) -> None:
        folder = str(Path(inventory.state_folder, ENVOY_FOLDER))
        make_folder(folder)
        self._binary = find_envoy(inventory.envoy)
        refuse_taken(opened(inventory).all)
        self._envoy = Envoy(self._binary, folder, workers=self._workers)
        self._envoy.start(translate(inventory, material))

    def _gather(self, inventory: Inventory, now: float) -> tuple[_Parts, Material]:
        faults: list[Fault] = []
        certificates, countries = Certificates({}, {}), None
        with _collected(faults):
            certificates = gather_certificates(inventory, now=now)
        with _collected(faults):
            countries = gather_countries(inventory)
        parts = _Parts(inventory, certificates, countries, gather_admissions(inventory, now=now))
        material = self._material(parts, now)
        faults += weaker_than_decided(inventory)
        # What was refused above is not refused again for being absent.
        sites = {site.name: _REFUSED for site in inventory.sites}
        database = inventory.access.geo_database
        faults += refusals(
            inventory,
            dataclasses.replace(
                material, certificates={**sites, **material.certificates}, geo_database=database
            ),
        )
        with _collected(faults):
            self._check(inventory, certificates, countries)
        if faults:
            raise ConfigError(
                f'"{inventory.source}" cannot be served as it promises', faults=faults
            )
        return parts, material

    def _material(self, parts: _Parts, now: float) -> Material:
        return dataclasses.replace(
            make_material(
                parts.inventory, parts.certificates, parts.countries, parts.admissions, now=now
            ),
            proofs=self._keeper.proofs,
        )

    def _files(self) -> EnvoyFiles:
        parts = self._parts
        return translate(parts.inventory, self._material(parts, self._now()))

    def _settle(self, parts: _Parts) -> None:
        self._served = parts
        self._retry_at.clear()
        self._told.clear()
        self._stale_attempts = 0
        watched = [*parts.certificates.watched, parts.inventory.access.geo_database]
        self._watch = FileWatch(path for path in watched if path is not None)

    def _apply(self, files: EnvoyFiles) -> tuple[str, ...]:
        if self._envoy is None:
            raise BugError("the gateway was not started")
        changed = tuple(sorted({_called(name) for name in self._envoy.apply(files)}))
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
            self._attempt("certificates", now, self._renew)
        if self._keeper.wants_proofs:
            self._attempt("proofs", now, self._show_proofs)

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

    def _attempt(self, what: str, now: float, act: Callable[[], object]) -> None:
        try:
            act()
        except SealgateError as error:
            faults = error.faults if isinstance(error, ConfigError) else ()
            said = "; ".join(fault.message for fault in faults) or error.message
            self._retry_at[what] = now + RETRY_SECONDS
            if self._told.get(what) != said:
                self._told[what] = said
                self._tell(f"error: {said}; what was served before stays")
        else:
            self._retry_at.pop(what, None)
            self._told.pop(what, None)

    def _is_due(self, what: str, due: float, now: float) -> bool:
        return now >= self._retry_at.get(what, due)

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
            if now > end and f"end {site}" not in self._told:
                day = dt.datetime.fromtimestamp(end, tz=dt.UTC).date().isoformat()
                said = f'the certificate of "{site}" ended on {day}: browsers refuse it'
                self._told[f"end {site}"] = said
                self._tell(f"error: {said}")

    def _revive(self) -> bool:
        """
        Return whether Envoy runs; one that crashed is started again, not for ever.
        """
        envoy = self._envoy
        if envoy is None:
            return not self._parts.inventory.sites
        if envoy.is_running():
            return True
        now = time.monotonic()
        if not self._crashes.is_pending:
            self._note_crash(envoy, now)
        if not self._crashes.may_start(now):
            return False
        self._crashes.started()
        try:
            envoy.start(self._files())
        except GatewayError as error:
            self._tell(f"error: {error.message}")
            self._note_crash(envoy, time.monotonic())
            return False
        self._stale_attempts = 0
        self._applied_at = self._now()
        self._tell("envoy runs again")
        return True

    def _note_crash(self, envoy: Envoy, now: float) -> None:
        reason = envoy.complaint
        if self._crashes.note(now):
            raise GatewayError(
                f"envoy ended {MAX_CRASHES} times within {CRASH_WINDOW_SECONDS:g} seconds;"
                f" nothing is served any more: {reason}",
                hint=f"its own words are in {Path(self._parts.inventory.state_folder, ENVOY_FOLDER)}",
            )
        self._tell(f"error: envoy ended, and is started again: {reason}")


@contextlib.contextmanager
def _collected(faults: list[Fault]) -> Iterator[None]:
    # Every fault in one go, so that nobody has to start again for each.
    try:
        yield
    except ConfigError as error:
        faults += error.faults


def _silent_upstreams(inventory: Inventory) -> tuple[str, ...]:
    return tuple(
        f'the site behind "{site.name}" does not answer; visitors see a page that says so'
        for site in inventory.sites
        if not answers(site.upstream)
    )


def _called(name: str) -> str:
    stem = name.removesuffix(".json")
    match stem.partition("-"):
        case ("cds", _, _):
            return "upstreams"
        case ("lds", _, _):
            return "listeners"
        case ("sds", _, site):
            return f'certificate of "{site}"'
        case ("rds", _, "http"):
            return "redirects"
        case ("rds", _, "egress"):
            return "the way out to payment gateways"
        case (_, _, site):
            return f'routes of "{site.removeprefix("https-")}"'
