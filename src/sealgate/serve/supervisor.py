"""
Everything that one configuration serves: one list of services, which change together.

A reload is taken over whole or not at all: all prepare before one commits, and all are rolled
back when one fails. Who may come in is told to each, whatever another says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.app.state import has_database, open_register
from sealgate.errors import BugError, GatewayError, SealgateError
from sealgate.serve.deployment import plan
from sealgate.serve.file_servers import FileServers
from sealgate.serve.gateway import Change, EnvoyService, remarks_on
from sealgate.serve.monitoring import Monitoring, Registered, Snapshot, Sources
from sealgate.serve.observe import observe
from sealgate.serve.opened_keys import OpenedKeys
from sealgate.serve.ports import Ports
from sealgate.serve.relay_policies import as_far_as_possible
from sealgate.serve.relays import Relays
from sealgate.serve.sign_in import SignInService
from sealgate.serve.signer import Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import Observation
    from sealgate.serve.deployment import Deployment
    from sealgate.serve.service import Service

# How long transfers that began before a change of addresses may go on.
REPLACED_DRAIN_SECONDS = 600.0


class NotPutBackError(GatewayError):
    """A reload failed half-way, and what was served before could not be put back whole."""


class Supervisor:
    """
    The gateway and the file servers of one configuration.

    The arguments are those of :class:`~sealgate.serve.gateway.EnvoyService`.
    """

    def __init__(
        self,
        inventory: Inventory,
        *,
        load: Callable[[], Inventory],
        now: Callable[[], float],
        tell: Callable[[str], None],
        workers: int | None = None,
    ) -> None:
        self._tell = tell
        self._load = load
        self._now = now
        self._ports = Ports()
        self._inventory = as_far_as_possible(self._ports.settle(inventory))
        self.envoy = EnvoyService(now=now, tell=tell, workers=workers)
        keys = OpenedKeys(now)
        self.file_servers = FileServers(now=now, tell=tell, keys=keys, processes=workers)
        self.relays = Relays(now=now, tell=tell, processes=workers)
        self.sign_in = SignInService(now=now, tell=tell, keys=keys)
        self.signer = Signer(now=now, tell=tell)
        self.monitoring = Monitoring(
            Sources(self.envoy.counters, self.envoy.is_serving, self._registered)
        )
        # In the order in which they change: Envoy alone may refuse what it was shown before, and
        # where it ends, the others are asked no more.
        self.services: tuple[Service, ...] = (
            self.envoy,
            self.relays,
            self.signer,
            self.sign_in,
            self.file_servers,
            self.monitoring,
        )

    @property
    def inventory(self) -> Inventory:
        """Return what is served, with the ports that were chosen."""
        return self._inventory

    def start(self) -> tuple[str, ...]:
        """
        Start everything; return what a person should know.

        Raises:
            ConfigError: with everything that is missing for a promise to be kept.
            GatewayError: an address cannot be had, or a server cannot be run.
            SourceError: the state folder or the sealing keys cannot be used.
        """
        deployment = self._planned(self._inventory)
        self._take_over(deployment, 0.0)
        self.monitoring.note(self._snapshot())
        return remarks_on(deployment)

    def reload(self) -> Change:
        """
        Take the configuration over as it is now, whole or not at all.

        Raises:
            ConfigError: with every fault; the old configuration stays.
            GatewayError: a server refused, or the change needs a restart; the old one stays.
            NotPutBackError: a server refused, and so did one when the old one was put back.
        """
        before = self._inventory
        inventory = as_far_as_possible(self._ports.settle(self._load()))
        if inventory.state_folder != before.state_folder:
            raise GatewayError(
                "this change needs a restart: the state folder is another one",
                hint="stop sealgate serve and start it again",
            )
        deployment = self._planned(inventory)
        changed = self._take_over(deployment, REPLACED_DRAIN_SECONDS)
        self._inventory = inventory
        remarks = [*remarks_on(deployment)]
        if inventory.envoy != before.envoy:
            remarks.append("another envoy is run only after sealgate serve is started again")
        return Change(changed, tuple(remarks))

    def _planned(self, inventory: Inventory) -> Deployment:
        facts = observe(inventory, now=self._now(), proofs=self.envoy.proofs)
        deployment = plan(inventory, facts)
        deployment.check()
        return deployment

    def _take_over(self, wanted: Deployment, drain_seconds: float) -> tuple[str, ...]:
        """
        Have all services serve *wanted*, or all what they served before; return what changed.

        Raises:
            SealgateError: one could not; what was served before is.
            NotPutBackError: one could not, and what was served before is not wholly.
        """
        begun: list[Service] = []
        changed: list[str] = []
        try:
            for service in self.services:
                begun.append(service)
                service.prepare(wanted)
            for service in self.services:
                changed += service.commit()
        except SealgateError as error:
            self._roll_back(reversed(begun), error.message)
            raise
        except Exception as error:
            told = _told(error)
            self._roll_back(reversed(begun), told)
            # What it says may hold what it was about.
            raise BugError(told) from error
        for service in self.services:
            try:
                service.confirm(drain_seconds)
            except Exception as error:  # noqa: BLE001  # the others are to let go, too
                # All is served as wanted; what is left of before is in nobody's way.
                self._tell(f"error: {_told(error)}; what is configured is served")
        return tuple(changed)

    def _roll_back(self, begun: Iterable[Service], why: str) -> None:
        faults: list[str] = []
        for service in begun:
            try:
                service.roll_back()
            except Exception as again:  # noqa: BLE001  # the others are to be put back all the same
                faults.append(_told(again))
        if faults:
            raise NotPutBackError(
                f"{why}; what was served before cannot be put back whole: {'; '.join(faults)}",
                hint="restart sealgate serve",
            )

    def readmit(self) -> Change:
        """
        Take over who may enter now; returns only when it is enforced.

        Raises:
            SourceError: the database of identities cannot be read.
            GatewayError: Envoy did not confirm.
        """
        try:
            return self.envoy.readmit()
        finally:
            self.file_servers.recheck()

    def watch(self) -> None:
        """Replace what visitors wait for when it is stuck; quick, and called between ticks."""
        self.relays.watch()

    def tick(self) -> None:
        """
        Do what time and files bring.

        Raises:
            GatewayError: Envoy crashes again and again.
        """
        before = self.envoy.certificates
        self.envoy.tick()
        if self.envoy.certificates is not before:
            self.file_servers.refresh_certificate(self.envoy.certificates)
        self.file_servers.tick()
        self.relays.tick()
        self.envoy.sample(self.relays.share)
        signs_anew = self._tick_signer()
        if self.sign_in.tick() or signs_anew:
            self.envoy.renew_keys()
        if self.monitoring.is_open:
            self.monitoring.note(self._snapshot())

    def guaranteed(self) -> tuple[Observation, ...]:
        """Return what is enforced, as the host sees it."""
        files: tuple[Observation, ...] = ()
        if self.file_servers.pids():
            from sealgate.app.apart import reasons_not_apart  # noqa: PLC0415
            from sealgate.protocols.guarantees import guaranteed  # noqa: PLC0415

            files = guaranteed(self.inventory, reasons_not_apart(self.inventory))
        return (*self.envoy.guaranteed(), *files)

    def status(self) -> dict[str, object]:
        """Return what runs, as plain values."""
        return {key: told for service in self.services for key, told in service.status().items()}

    def stop(self, *, drain_seconds: float, hurry: Callable[[], bool] = lambda: False) -> bool:
        """
        End: accept nothing more, let what runs end within *drain_seconds*.

        *hurry* is asked meanwhile and may cut the wait short. Returns whether everything
        ended by itself.
        """
        for service in self.services:
            service.request_stop(drain_seconds)
        # Each is waited for, whatever became of the one before.
        ended = [service.await_end(hurry) for service in self.services]
        return all(ended)

    def kill(self) -> None:
        """End everything now."""
        for service in self.services:
            service.kill()

    def _tick_signer(self) -> bool:
        try:
            return self.signer.tick()
        except SealgateError as error:
            self._tell(f"error: {error.message}; the keys from before stay")
            return False

    def _snapshot(self) -> Snapshot:
        sessions: dict[str, int] = {}
        for told in self.file_servers.status()["file_servers"]:  # type: ignore[attr-defined]  # a list
            name = str(told["protocol"])
            sessions[name] = sessions.get(name, 0) + int(told.get("sessions", 0))
        fenced = {d.name: d.name in self.file_servers.fenced for d in self.inventory.drops}
        return self.envoy.snapshot(sessions, fenced)

    def _registered(self) -> Registered:
        if not has_database(self.inventory):
            return Registered()
        with open_register(self.inventory) as register:
            last = register.audits()[-1:]
            return Registered(
                register.counted_transfers(),
                last[0].audited_at if last else None,
                last[0].open_findings if last else 0,
            )


def _told(error: Exception) -> str:
    """Return what may be said of *error*: of one that nobody foresaw, its kind alone."""
    if isinstance(error, SealgateError):
        return error.message
    return f"a service ended with {type(error).__name__}"
