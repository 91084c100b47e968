"""
The keeper of certificates that are fetched from an authority: when to ask, what came of it.

One thread at a time speaks with the authority, so that the gateway's own never waits. What
it needs of the gateway (show a proof, take a certificate over) it asks for, and the
gateway's thread does it at its next tick.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import queue
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.certificates import (
    acme_folder,
    fetched_sites,
    fetched_versions,
    kept_certificate,
    names_all,
    upkeep_complaint,
)
from sealgate.errors import GatewayError, SealgateError
from sealgate.files import private_folder, write_durably
from sealgate.gateway.adapters.acme_certificates import proof
from sealgate.gateway.adapters.acme_hook import CLEANUP, PRESENT, run_hook
from sealgate.gateway.adapters.acme_state import AcmeError, Upkeep, UpkeepFile
from sealgate.gateway.adapters.doors import shown_fingerprint
from sealgate.gateway.model import CertificateFiles, Proof
from sealgate.gateway.renewal import Life, renew_at, retry_at
from sealgate.policy.inventory import AcmeChallenge

if TYPE_CHECKING:
    from sealgate.gateway.adapters.acme import Issued
    from sealgate.identity.adapters.certificate_versions import KeptCertificate
    from sealgate.policy.inventory import Inventory, Site

# Our own door is looked at so often, and soon after a certificate was taken over.
LOOK_SECONDS = 600.0
_LOOK_SOON_SECONDS = 5.0
# An authority that did not say when it suggests to renew is asked again after this.
_ASK_AGAIN_SECONDS = 6 * 3600.0
_ASK_SOON_SECONDS = 60.0
# Envoy takes a proof over in a fraction of this.
_SHOW_SECONDS = 60.0
_JOIN_SECONDS = 2.0
_PROOFS = "proofs"

# Done when a thread of ours has ended: a step in the gateway's thread.
_Outcome = Callable[[float], bool]


@dataclass(slots=True)
class _Ask:
    """What the thread wants the gateway to show, and how that went."""

    proofs: tuple[Proof, ...]
    done: threading.Event
    error: SealgateError | None = None


class CertificateKeeper:
    """
    Fetches and renews the certificates of one gateway.

    All methods are for the gateway's thread. *draw* gives a number from 0 to 1.
    """

    def __init__(
        self, *, tell: Callable[[str], None], draw: Callable[[], float] = random.random
    ) -> None:
        self._tell = tell
        self._draw = draw
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._outcomes: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()
        self._asked: _Ask | None = None
        self._look_at: dict[str, float] = {}
        self._told: dict[str, str] = {}
        self.proofs: tuple[Proof, ...] = ()

    @property
    def wants_proofs(self) -> bool:
        """Return whether :attr:`proofs` have to be shown, and :meth:`shown` be told."""
        return self._asked is not None

    def shown(self, error: SealgateError | None = None) -> None:
        """Tell that :attr:`proofs` are shown, or why they could not be."""
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.error = error
            asked.done.set()

    def tick(self, inventory: Inventory, now: float) -> bool:
        """Do what is due, without waiting for it; return whether a new certificate is there."""
        fetched = False
        with contextlib.suppress(queue.Empty):
            while True:
                fetched |= self._outcomes.get_nowait()(now)
        if self._thread is not None and not self._thread.is_alive():
            self._thread = None
        # What was fetched is taken over before anybody looks.
        if self._thread is None and not fetched:
            for site in fetched_sites(inventory):
                if self._begin_due(inventory, site, now):
                    break
        return fetched

    def stop(self) -> None:
        """End what is under way; an order is gone on with at the next start."""
        self._stop.set()
        self.shown(GatewayError("the gateway is being stopped"))
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)
            self._thread = None
        self.proofs = ()

    def _begin_due(self, inventory: Inventory, site: Site, now: float) -> bool:
        file = UpkeepFile(acme_folder(inventory), site.name)
        upkeep, kept = file.read(), kept_certificate(inventory, site.name)
        if file.is_wished:
            upkeep = dataclasses.replace(upkeep, renew_at=0.0, failures=0, retry_at=0.0)
            file.write(upkeep)
            file.granted()
        if now >= _due(inventory, site, upkeep, kept):
            self._begin(lambda: self._issue(inventory, site, now))
        elif kept is not None and now >= self._look_at.setdefault(
            site.name, now + _LOOK_SOON_SECONDS
        ):
            self._look_at[site.name] = now + LOOK_SECONDS
            if inventory.listen.trusted_proxies or not inventory.listen.https:
                return False
            self._begin(lambda: self._look(inventory, site, kept))
        elif kept is not None and not upkeep.failures and now >= upkeep.ask_at:
            self._begin(lambda: self._suggest(inventory, site, kept, now))
        else:
            return False
        return True

    def _begin(self, act: Callable[[], _Outcome]) -> None:
        self._stop = threading.Event()

        def run() -> None:
            self._outcomes.put(act())

        self._thread = threading.Thread(target=run, name="sealgate certificates", daemon=True)
        self._thread.start()

    # What follows runs in the thread, up to the outcome that it returns.

    def _issue(self, inventory: Inventory, site: Site, now: float) -> _Outcome:
        from sealgate.gateway.adapters.acme import AcmeAuthority  # noqa: PLC0415  # an extra

        authority = AcmeAuthority(inventory.acme, acme_folder(inventory))
        shown: list[Proof] = []

        def show(proofs: tuple[Proof, ...]) -> None:
            self._show(inventory, proofs, shown, now)

        try:
            issued = authority.issue(site.name, site.domains, show=show, stop=self._stop)
        except SealgateError as error:
            if self._stop.is_set():
                return lambda _now: False
            refused = error
            return lambda later: self._note_failure(inventory, site, refused, later)

        def keep(later: float) -> bool:
            kept = self._note_issued(inventory, site, issued, later)
            authority.settle(site.name)
            return kept

        return keep

    def _show(
        self, inventory: Inventory, proofs: tuple[Proof, ...], shown: list[Proof], now: float
    ) -> None:
        if self._stop.is_set() and proofs:
            raise GatewayError("the gateway is being stopped")
        if inventory.acme.challenge is AcmeChallenge.DNS_01:
            self._show_by_hook(inventory.acme.dns_hook or "", proofs, shown)
            return
        folder = Path(acme_folder(inventory), _PROOFS)
        if inventory.acme.challenge is AcmeChallenge.TLS_ALPN_01:
            proofs = tuple(_with_files(folder, one, now) for one in proofs)
        if self._stop.is_set():
            return
        asked = _Ask(proofs, threading.Event())
        self.proofs, self._asked = proofs, asked
        in_time = asked.done.wait(_SHOW_SECONDS)
        for path in folder.glob("*") if not proofs else ():
            path.unlink(missing_ok=True)
        if asked.error is not None:
            raise asked.error
        if not in_time:
            raise GatewayError("the gateway did not show the proof in time")

    def _show_by_hook(self, hook: str, proofs: tuple[Proof, ...], shown: list[Proof]) -> None:
        for one in shown:
            # A record that stays does no harm; the certificate is worth more.
            with contextlib.suppress(GatewayError):
                run_hook(hook, CLEANUP, one)
        shown.clear()
        for one in proofs:
            shown.append(one)
            run_hook(hook, PRESENT, one)

    def _suggest(
        self, inventory: Inventory, site: Site, kept: KeptCertificate, now: float
    ) -> _Outcome:
        from sealgate.gateway.adapters.acme import AcmeAuthority  # noqa: PLC0415

        at: float | None = None
        again = now + _ASK_AGAIN_SECONDS
        # It is a service: without it, the certificate is renewed by its dates.
        with contextlib.suppress(AcmeError, OSError):
            chain = Path(kept.chain).read_bytes()
            at, again = AcmeAuthority(inventory.acme, acme_folder(inventory)).suggested(chain)

        def note(_later: float) -> bool:
            file = UpkeepFile(acme_folder(inventory), site.name)
            upkeep = file.read()
            if upkeep.fingerprint == kept.fingerprint:
                sooner = upkeep.renew_at if at is None else min(upkeep.renew_at, at)
                ask_at = max(again, now + _ASK_SOON_SECONDS)
                self._write(file, dataclasses.replace(upkeep, renew_at=sooner, ask_at=ask_at))
            return False

        return note

    def _look(self, inventory: Inventory, site: Site, kept: KeptCertificate) -> _Outcome:
        seen = shown_fingerprint(inventory.listen.https[0], site.name)

        def note(_later: float) -> bool:
            # While it is replaced, the one or the other may be seen: look again.
            now_kept = kept_certificate(inventory, site.name)
            if seen is not None and now_kept and now_kept.fingerprint == kept.fingerprint:
                file = UpkeepFile(acme_folder(inventory), site.name)
                upkeep = file.read()
                is_shown = seen == kept.fingerprint
                if upkeep.shown != is_shown:
                    self._write(file, dataclasses.replace(upkeep, shown=is_shown))
                    if not is_shown:
                        self._tell(
                            f"error: on {site.name} another certificate is shown than the one that "
                            "was fetched"
                        )
            return False

        return note

    # Outcomes: in the gateway's thread again.

    def _note_issued(self, inventory: Inventory, site: Site, issued: Issued, now: float) -> bool:
        versions = fetched_versions(inventory)
        try:
            kept = versions.keep(site.name, issued.chain, issued.key)
        except SealgateError as error:
            return self._note_failure(inventory, site, error, now)
        life = Life(kept.not_before, kept.not_after)
        upkeep = Upkeep(
            fingerprint=kept.fingerprint,
            directory=inventory.acme.directory,
            renew_at=renew_at(life, share=self._draw()),
            ask_at=now + _ASK_SOON_SECONDS,
        )
        self._write(UpkeepFile(acme_folder(inventory), site.name), upkeep)
        self._look_at[site.name] = now + _LOOK_SOON_SECONDS
        self._told.pop(site.name, None)
        ends = dt.datetime.fromtimestamp(kept.not_after, tz=dt.UTC)
        self._tell(f'certificate of "{site.name}": fetched, ends on {ends:%Y-%m-%d %H:%M} UTC')
        return True

    def _note_failure(
        self, inventory: Inventory, site: Site, error: SealgateError, now: float
    ) -> bool:
        file = UpkeepFile(acme_folder(inventory), site.name)
        before = file.read()
        at = retry_at(
            now,
            before.failures + 1,
            share=self._draw(),
            has_certificate=kept_certificate(inventory, site.name) is not None,
            not_before=error.not_before if isinstance(error, AcmeError) else None,
        )
        self._write(file, before.failed(error.message, at))
        if self._told.get(site.name) != error.message:
            self._told[site.name] = error.message
            again = dt.datetime.fromtimestamp(at, tz=dt.UTC)
            self._tell(
                f'error: no certificate for "{site.name}": {error.message}; '
                f"tried again at {again:%Y-%m-%d %H:%M} UTC"
            )
        alarm = upkeep_complaint(inventory, site, now=now)
        if alarm and before.failures:
            self._tell(f"error: {site.name}: {alarm}")
        return False

    def _write(self, file: UpkeepFile, upkeep: Upkeep) -> None:
        try:
            file.write(upkeep)
        except SealgateError as error:
            self._tell(f"error: {error.message}")


def _due(inventory: Inventory, site: Site, upkeep: Upkeep, kept: KeptCertificate | None) -> float:
    fits = (
        kept is not None
        and upkeep.fingerprint == kept.fingerprint
        and upkeep.directory == inventory.acme.directory
        and names_all(kept, site)
    )
    due = upkeep.renew_at if fits else 0.0
    return max(due, upkeep.retry_at) if upkeep.failures else due


def _with_files(folder: Path, one: Proof, now: float) -> Proof:
    private_folder(folder)
    chain, key = folder / f"{one.token}.pem", folder / f"{one.token}.key"
    chain_bytes, key_bytes = proof(one.domain, one.answer, now=now)
    write_durably(chain, chain_bytes)
    write_durably(key, key_bytes)
    return dataclasses.replace(one, files=CertificateFiles(str(chain), str(key)))
