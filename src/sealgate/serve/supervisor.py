"""
Everything that one configuration serves: sites by the gateway, files by their servers.

A reload is taken over whole or not at all: both sides check before either changes. Who
may come in is told to both, whatever the one says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.app.state import has_database, open_register
from sealgate.errors import BugError, GatewayError, SealgateError
from sealgate.serve.deployment import plan
from sealgate.serve.facts import observe
from sealgate.serve.file_servers import Transfer
from sealgate.serve.gateway import Change, Gateway, remarks_on
from sealgate.serve.monitoring import Monitoring, Registered, Snapshot, Sources
from sealgate.serve.opened_keys import OpenedKeys
from sealgate.serve.ports import Ports
from sealgate.serve.relay_policies import as_far_as_possible
from sealgate.serve.relays import Inspection
from sealgate.serve.sign_in import SignIn
from sealgate.serve.signer import Signing

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import Observation
    from sealgate.serve.deployment import Deployment
    from sealgate.serve.file_servers_plan import Wanted

# How long transfers that began before a change of addresses may go on.
REPLACED_DRAIN_SECONDS = 600.0


class NotPutBackError(GatewayError):
    """A reload failed half-way, and what was served before could not be put back whole."""


class Services:
    """
    The gateway and the file servers of one configuration.

    The arguments are those of :class:`~sealgate.serve.gateway.Gateway`.
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
        self.gateway = Gateway(now=now, tell=tell, workers=workers)
        keys = OpenedKeys(now)
        self.transfer = Transfer(now=now, tell=tell, keys=keys, processes=workers)
        self.inspection = Inspection(now=now, tell=tell, processes=workers)
        self.sign_in = SignIn(now=now, tell=tell, keys=keys)
        self.signing = Signing(now=now, tell=tell)
        self.monitoring = Monitoring(
            Sources(self.gateway.counters, self.gateway.is_serving, self._registered)
        )
        self._wanted: Wanted | None = None

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
        deployment = self._prepared(self._inventory)
        self.gateway.apply(deployment)
        self._follow(deployment, 0.0)
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
        deployment = self._prepared(inventory)
        changed = self.gateway.apply(deployment)
        try:
            changed += self._follow(deployment, REPLACED_DRAIN_SECONDS)
        except Exception as error:
            # The gateway serves the new one already.
            self._put_back(before, error)
            raise
        self._inventory = inventory
        remarks = [*remarks_on(deployment)]
        if inventory.envoy != before.envoy:
            remarks.append("another envoy is run only after sealgate serve is started again")
        return Change(changed, tuple(remarks))

    def _prepared(self, inventory: Inventory) -> Deployment:
        """Return what will run for *inventory*, with everything ready that may fail."""
        facts = observe(inventory, now=self._now(), proofs=self.gateway.proofs)
        deployment = plan(inventory, facts)
        deployment.check()
        self.gateway.prepare(deployment)
        self.inspection.prepare(deployment)
        self.signing.prepare(deployment)
        self.sign_in.prepare(deployment)
        self._wanted = self.transfer.prepare(deployment)
        return deployment

    def _follow(self, deployment: Deployment, drain_seconds: float) -> tuple[str, ...]:
        # What was prepared beside the gateway.
        if self._wanted is None:
            raise BugError("the file servers were not prepared")
        return (
            *self.inspection.apply(drain_seconds=drain_seconds),
            *self.signing.apply(drain_seconds=drain_seconds),
            *self.sign_in.apply(deployment),
            *self.transfer.apply(self._wanted, drain_seconds=drain_seconds),
            *self.monitoring.apply(deployment.metrics),
        )

    def _put_back(self, before: Inventory, error: Exception) -> None:
        try:
            deployment = self._prepared(before)
            self.gateway.apply(deployment)
            self._follow(deployment, REPLACED_DRAIN_SECONDS)
        except SealgateError as again:
            told = error.message if isinstance(error, SealgateError) else type(error).__name__
            raise NotPutBackError(
                f"{told}; what was served before cannot be put back whole: {again.message}",
                hint="restart sealgate serve",
            ) from error

    def readmit(self) -> Change:
        """
        Take over who may enter now; returns only when it is enforced.

        Raises:
            SourceError: the database of identities cannot be read.
            GatewayError: Envoy did not confirm.
        """
        try:
            return self.gateway.readmit()
        finally:
            self.transfer.recheck()

    def watch(self) -> None:
        """Replace what visitors wait for when it is stuck; quick, and called between ticks."""
        self.inspection.watch()

    def tick(self) -> None:
        """
        Do what time and files bring.

        Raises:
            GatewayError: Envoy crashes again and again.
        """
        before = self.gateway.certificates
        self.gateway.tick()
        if self.gateway.certificates is not before:
            self.transfer.refresh_certificate(self.inventory, self.gateway.certificates)
        self.transfer.tick(self.inventory)
        self.inspection.tick(self.inventory)
        self.gateway.sample(self.inspection.share)
        signs_anew = self._tick_signing()
        if self.sign_in.tick() or signs_anew:
            self.gateway.renew_keys()
        if self.monitoring.is_open:
            self.monitoring.note(self._snapshot())

    def promises(self) -> tuple[Observation, ...]:
        """Return what is enforced, as the host sees it."""
        files: tuple[Observation, ...] = ()
        if self.transfer.pids():
            from sealgate.app.apart import reasons_not_apart  # noqa: PLC0415
            from sealgate.transfer.promise import promises  # noqa: PLC0415

            files = promises(self.inventory, reasons_not_apart(self.inventory))
        return (*self.gateway.promises(), *files)

    def status(self) -> dict[str, object]:
        """Return what runs, as plain values."""
        return {
            **self.gateway.status(),
            **self.transfer.status(),
            **self.inspection.status(),
            **self.sign_in.status(),
            **self.signing.status(),
        }

    def stop(self, *, drain_seconds: float, hurry: Callable[[], bool] = lambda: False) -> bool:
        """
        End: accept nothing more, let what runs end within *drain_seconds*.

        *hurry* is asked meanwhile and may cut the wait short. Returns whether everything
        ended by itself.
        """
        self.monitoring.leave()
        self.transfer.request_stop(drain_seconds)
        sites = self.gateway.stop(drain_seconds=drain_seconds, hurry=hurry)
        self.inspection.stop(self.inventory)
        self.sign_in.stop()
        self.signing.kill()
        files = self.transfer.await_end(hurry=hurry)
        self.monitoring.close()
        return sites and files

    def kill(self) -> None:
        """End everything now."""
        self.gateway.kill()
        self.inspection.kill()
        self.sign_in.kill()
        self.signing.kill()
        self.transfer.kill()
        self.monitoring.close()

    def _tick_signing(self) -> bool:
        try:
            return self.signing.tick(self.inventory)
        except SealgateError as error:
            self._tell(f"error: {error.message}; the keys from before stay")
            return False

    def _snapshot(self) -> Snapshot:
        sessions: dict[str, int] = {}
        for told in self.transfer.status()["file_servers"]:  # type: ignore[attr-defined]  # a list
            name = str(told["protocol"])
            sessions[name] = sessions.get(name, 0) + int(told.get("sessions", 0))
        fenced = {d.name: d.name in self.transfer.fenced for d in self.inventory.drops}
        return self.gateway.snapshot(sessions, fenced)

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
