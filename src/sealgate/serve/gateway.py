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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sealgate.app.certificates import fetched_sites, upkeep_complaint
from sealgate.errors import BugError, SealgateError
from sealgate.gateway.adapters.doors import answers, refuse_taken, shown
from sealgate.gateway.guarantees import guaranteed
from sealgate.gateway.translate import translate
from sealgate.serve.attempts import Attempts
from sealgate.serve.certificate_keeper import CertificateKeeper
from sealgate.serve.deployment import plan
from sealgate.serve.envoy_keeper import EnvoyKeeper
from sealgate.serve.facts import Certificates
from sealgate.serve.monitoring import Snapshot
from sealgate.serve.observe import (
    aged,
    gather_admissions,
    gather_certificates,
    gather_countries,
    with_keys,
)
from sealgate.serve.ports import opened
from sealgate.serve.relay_policies import inspection_remarks
from sealgate.serve.watch import FileWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealgate.gateway.model import EnvoyFiles, Proof
    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import Observation
    from sealgate.serve.deployment import Deployment

# Changes of identities on another node of the same database are noticed so soon.
SHARED_STORE_SECONDS = 5.0
# After so many failures to take an admission over, Envoy is ended and started anew.
_MAX_STALE_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Change:
    """What a running gateway took over: *changed* parts, and *remarks* for a person."""

    changed: tuple[str, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Before:
    """What was served before a change, and the files that Envoy ran by; ``None``: none."""

    deployment: Deployment | None
    files: EnvoyFiles | None


class EnvoyService:
    """
    The gateway of one configuration: Envoy, and what it is told as files and time change.

    *now* tells seconds since the epoch. *tell* takes one line for a person. Without a site no
    Envoy runs.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        tell: Callable[[str], None],
        workers: int | None = None,
    ) -> None:
        self._now = now
        self._tell = tell
        self._envoy = EnvoyKeeper(workers=workers, tell=tell, revived=self._revived)
        self._served: Deployment | None = None
        self._next: Deployment | None = None
        self._before: _Before | None = None
        self._watch = FileWatch()
        self._keeper = CertificateKeeper(tell=tell)
        self._attempts = Attempts(tell)
        self._stale_attempts = 0
        self._shared_poll_at = 0.0
        self._drain_seconds = 0.0
        self._started_at = 0.0
        self._applied_at = 0.0

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """Return what an authority of certificates asks for now."""
        return self._keeper.proofs

    @property
    def pid(self) -> int | None:
        """Return Envoy's process id, ``None`` while it does not run."""
        return self._envoy.pid

    @property
    def certificates(self) -> Certificates:
        """Return the certificates that are shown now."""
        return self._deployment.facts.certificates

    @property
    def _deployment(self) -> Deployment:
        if self._served is None:
            raise BugError("the gateway was not started")
        return self._served

    @property
    def _inventory(self) -> Inventory:
        return self._deployment.inventory

    def prepare(self, wanted: Deployment) -> None:
        """
        Have Envoy judge *wanted*, and look at its addresses; nothing changes.

        Raises:
            GatewayError: there is no Envoy, it refuses, or an address cannot be had.
        """
        self._next = wanted
        if wanted.envoy is None:
            return
        if self._envoy.envoy is None:
            self._envoy.find(wanted.inventory)
        held = opened(self._inventory).all if self._served is not None else ()
        refuse_taken(a for a in opened(wanted.inventory).all if a not in held)
        self._envoy.judge(wanted.envoy)

    def commit(self) -> tuple[str, ...]:
        """
        Serve what was prepared; return what changed, once Envoy serves it.

        Raises:
            GatewayError: Envoy cannot be run, or refused.
        """
        wanted, before = self._next, self._served
        if wanted is None:
            raise BugError("nothing was prepared")
        self._before = _Before(before, self._envoy.files)
        changed: tuple[str, ...]
        if wanted.envoy is None:
            changed = ("sites",) if before is not None and before.inventory.sites else ()
        elif self._envoy.envoy is None:
            self._envoy.begin(wanted.inventory, wanted.envoy)
            changed = ("sites",)
        else:
            changed = self._apply(wanted.envoy)
        if before is None:
            self._started_at = self._applied_at = self._now()
        self._serve(wanted)
        return changed

    def confirm(self, _drain_seconds: float) -> None:
        """Let go of an Envoy that has nothing to serve any more."""
        self._next = self._before = None
        if self._deployment.envoy is None:
            self._keeper.stop()
            self._envoy.forget()

    def roll_back(self) -> None:
        """
        Have Envoy go by what was served before, or end where none ran.

        Raises:
            GatewayError: it refuses that now.
        """
        before, self._before, self._next = self._before, None, None
        if before is None:
            return
        if before.deployment is not None:
            self._serve(before.deployment)
        self._served = before.deployment
        if before.files is None:
            self._envoy.forget()
        elif self._envoy.is_running():
            self._envoy.apply(before.files)
        # One that ended meanwhile begins with what is served at the next tick.

    def _serve(self, deployment: Deployment) -> None:
        self._served = deployment
        self._attempts.clear()
        self._stale_attempts = 0
        watched = [*self.certificates.watched, deployment.inventory.access.geo_database]
        self._watch = FileWatch(path for path in watched if path is not None)

    def readmit(self) -> Change:
        """
        Take over who may enter now; returns only when Envoy enforces it.

        Raises:
            SourceError: the database of identities cannot be read.
            GatewayError: Envoy did not confirm; it is tried again until it does.
        """
        inventory, now = self._inventory, self._now()
        try:
            admissions = gather_admissions(inventory, now=now)
        except SealgateError:
            # What time ends, ends all the same.
            admissions = aged(inventory, self._deployment.facts.admissions, now=now)
            self._see(admissions=admissions)
            self._enforce()
            raise
        self._see(admissions=admissions)
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
        if self._inventory.sites and not self._envoy.revive(self._files):
            return
        now = self._now()
        files = self._watch.changed()
        given = any(path in files for path in self.certificates.watched)
        if given or self._attempts.is_due("certificates", self.certificates.due, now):
            self._attempts.make("certificates", now, self._renew)
        self._keep_certificates(now)
        database = self._inventory.access.geo_database
        if database in files or self._attempts.is_due("countries", math.inf, now):
            self._attempts.make("countries", now, self._follow_countries)
        due = self._deployment.facts.admissions.due
        if self._attempts.is_due("admissions", due, now) or self._poll_is_due():
            self._attempts.make("admissions", now, self.readmit)
        elif self._stale_attempts:
            self._attempts.make("admissions", now, self._enforce)
        self._warn_of_ends(now)

    def sample(self, share: int) -> None:
        """Have *share* of ten thousand answers of observed routes read."""
        self._envoy.sample(share)

    def guaranteed(self) -> tuple[Observation, ...]:
        """Return what the running gateway enforces, as the host sees it."""
        if self.pid is None or self._stale_attempts:
            return ()
        seen = self._seen_now()
        return guaranteed(seen.inventory, seen.material, now=seen.facts.now)

    def status(self) -> dict[str, object]:
        """Return what runs, as plain values; times in seconds since the epoch."""
        inventory = self._inventory
        doors = opened(inventory)
        return {
            "pid": os.getpid(),
            "envoy_pid": self.pid,
            "envoy_version": self._envoy.version,
            "config": inventory.source,
            "state_folder": inventory.state_folder,
            "started_at": self._started_at,
            "applied_at": self._applied_at,
            "crashes": self._envoy.crash_count,
            "https": [shown(a) for a in doors.https],
            "http": [shown(a) for a in doors.http],
            "egress": [shown(a) for a in doors.egress],
            "sites": {
                site.name: {"certificate_ends_at": self.certificates.ends.get(site.name)}
                for site in inventory.sites
            },
            "faults": self._attempts.faults,
        }

    def snapshot(self, sessions: Mapping[str, int], fenced: Mapping[str, bool]) -> Snapshot:
        """
        Return what monitoring is told; *sessions* are those of the file servers.

        *fenced* tells of each drop whether its store is damaged.
        """
        inventory, now = self._inventory, self._now()
        runs = self.pid is not None or not inventory.sites
        return Snapshot(
            serves=runs and not self._stale_attempts,
            started_at=self._started_at,
            applied_at=self._applied_at,
            crashes=self._envoy.crash_count,
            faults=len(self._attempts.faults),
            ends=self.certificates.ends,
            kept={
                site.name: not upkeep_complaint(inventory, site, now=now)
                for site in fetched_sites(inventory)
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

    def request_stop(self, drain_seconds: float) -> None:
        """Note how long running requests may go on; they end in :meth:`await_end`."""
        self._drain_seconds = drain_seconds

    def await_end(self, hurry: Callable[[], bool] = lambda: False) -> bool:
        """Accept nothing more, and return whether every request ended by itself in time."""
        self._keeper.stop()
        return self._envoy.drain(within_seconds=self._drain_seconds, hurry=hurry)

    def kill(self) -> None:
        """End Envoy now."""
        self._keeper.stop()
        self._envoy.kill()

    def _see(self, **facts: object) -> None:
        """Go by *facts* from now on, at the next take-over."""
        deployment = self._deployment
        seen = replace(deployment.facts, **facts)  # type: ignore[arg-type]  # fields of Facts
        self._served = replace(deployment, facts=seen)

    def _seen_now(self) -> Deployment:
        inventory, now = self._inventory, self._now()
        facts = replace(self._deployment.facts, proofs=self._keeper.proofs, faults=())
        return plan(inventory, with_keys(facts, inventory, now=now))

    def _files(self) -> EnvoyFiles:
        # What would be refused at a start, as a lock that nobody may open any more, is served on:
        # a revocation is taken over whatever it leaves.
        seen = self._seen_now()
        return translate(seen.inventory, seen.material)

    def _apply(self, files: EnvoyFiles) -> tuple[str, ...]:
        changed = tuple(sorted({called(name) for name in self._envoy.apply(files)}))
        self._applied_at = self._now()
        return changed

    def _take_over(self) -> tuple[str, ...]:
        return self._apply(self._files()) if self._inventory.sites else ()

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
        before = self.certificates
        self._see(certificates=gather_certificates(self._inventory, now=self._now()))
        try:
            changed = self._take_over()
        except SealgateError:
            self._see(certificates=before)
            raise
        for remark in self.certificates.remarks:
            self._tell(remark)
        for part in changed:
            self._tell(f"{part}: renewed, and taken over")

    def _keep_certificates(self, now: float) -> None:
        if self._keeper.tick(self._inventory, now):
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
        gather_countries(self._inventory)
        self._tell("the country database was replaced, and taken over")

    def _poll_is_due(self) -> bool:
        if self._inventory.register_url is None:
            # The file of this machine alone: whoever changes it tells us.
            return False
        if time.monotonic() < self._shared_poll_at:
            return False
        self._shared_poll_at = time.monotonic() + SHARED_STORE_SECONDS
        return True

    def _warn_of_ends(self, now: float) -> None:
        for site, end in self.certificates.ends.items():
            if now > end:
                day = dt.datetime.fromtimestamp(end, tz=dt.UTC).date().isoformat()
                said = f'the certificate of "{site}" ended on {day}: browsers refuse it'
                self._attempts.complain(f"end {site}", said)

    def _revived(self) -> None:
        self._stale_attempts = 0
        self._applied_at = self._now()


def remarks_on(deployment: Deployment) -> tuple[str, ...]:
    """Return what a person should know of what is served by *deployment*."""
    return (
        *deployment.facts.certificates.remarks,
        *silent_upstreams(deployment.inventory),
        *inspection_remarks(deployment.inventory),
    )


def silent_upstreams(inventory: Inventory) -> tuple[str, ...]:
    """Return a remark for each site that does not answer now."""
    return tuple(
        f'the site behind "{site.name}" does not answer; visitors see a page that says so'
        for site in inventory.sites
        if not answers(site.upstream)
    )


def called(file: str) -> str:
    """Return what a person calls the part of the configuration that Envoy reads from *file*."""
    stem = file.removesuffix(".json")
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
