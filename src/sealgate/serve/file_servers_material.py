"""
What the file servers are made of: host keys, a certificate, stores, rules, the sealing keys.

Everything is checked here, before anything that runs is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.apart import ANSWER_SECONDS
from sealgate.app.keyring import RECORDS_FOLDER
from sealgate.app.keys import local_authority
from sealgate.app.remains import note_made
from sealgate.app.state import database_url
from sealgate.app.storing import store_settings
from sealgate.errors import ConfigError, Fault, SourceError
from sealgate.files import private_folder, write_durably
from sealgate.identity.adapters.own_certificate import check_own_certificate
from sealgate.protocols.authorize import needs_grant
from sealgate.protocols.table import servers_of
from sealgate.protocols.workers_plan import ServedDrops
from sealgate.serve.file_servers_plan import ConfiguredServer, ConfiguredServers
from sealgate.serve.store_watch import silent, why_not_served
from sealgate.storage.adapters.asked import answers
from sealgate.storage.adapters.packed import packed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from sealgate.policy.inventory import Inventory
    from sealgate.serve.deployment import Deployment
    from sealgate.serve.facts import Certificates
    from sealgate.serve.opened_keys import OpenedKeys
    from sealgate.storage.keyring import UnlockedKeyring

LOGS_FOLDER = "logs"
LOG_NAME = "transfer.jsonl"
_CERTIFICATE = "certificate.pem"


class FileServersMaterial:
    """
    Gathers what file servers need; *keys* keeps the sealing keys open in between.

    *now* tells seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float], keys: OpenedKeys) -> None:
        self._now = now
        self._keys = keys

    def gather(
        self,
        deployment: Deployment,
        before: ServedDrops | None,
    ) -> ConfiguredServers:
        """
        Return what the file servers of *deployment* need, checked; *before* is what they serve now.

        A store that is damaged is fenced off, but one that nobody served before: who adds a
        drop to servers at work wants it served.

        Raises:
            ConfigError: with everything that keeps a drop from being kept as its class
                demands, or a server from starting.
            SourceError: the state folder or the sealing keys cannot be used.
            PeerError: the service that keeps the sealing keys does not answer.
        """
        inventory, facts = deployment.inventory, deployment.facts
        model = inventory.model
        database = database_url(inventory)
        state = Path(inventory.state_folder).absolute()
        private_folder(state / LOGS_FOLDER)
        keyring = self._keys.open(inventory) if _needs_keys(inventory) else None
        private_folder(state / RECORDS_FOLDER)
        places = None if before is None else {settings.url for settings in before.stores}
        fenced: dict[str, str] = {}
        faults = list(_faults(inventory, facts.apart, keyring, self._now, places, fenced))
        if faults:
            raise ConfigError(
                f'"{inventory.source}" cannot be served as it promises', faults=faults
            )
        # What was opened just now is missed from now on, also by a process that starts later.
        note_made(inventory)
        stores = tuple(store_settings(inventory, drop) for drop in inventory.drops)
        served = ServedDrops(
            inventory.drops,
            stores,
            inventory.tunnels,
            inventory.access,
            facts.countries,
            tuple(fenced.items()),
        )
        host = _Host(inventory, facts.certificates, self._now)
        return ConfiguredServers(
            tuple(
                ConfiguredServer(
                    server.kind, server.addresses, server.kind.configure(inventory, host)
                )
                for server in deployment.file_servers
            ),
            served,
            packed(keyring) if keyring else None,
            model,
            database,
            transfer_log(inventory),
            str(state),
        )

    def refresh_certificate(self, inventory: Inventory, certificates: Certificates) -> None:
        """
        Put a renewed certificate where a server sees it that showed the one before.

        Raises:
            ConfigError: it cannot be served.
            SourceError: it cannot be read or written.
        """
        host = _Host(inventory, certificates, self._now)
        for kind in servers_of(inventory):
            kind.configure(inventory, host)


@dataclass(frozen=True, slots=True)
class _Host:
    """This host, as servers are configured for it."""

    inventory: Inventory
    certificates: Certificates
    now: Callable[[], float]

    @property
    def state_folder(self) -> str:
        """Return the folder where a server may keep what it makes, in a folder of its own."""
        return str(Path(self.inventory.state_folder).absolute())

    def client_authority(self) -> str:
        """Return the file with the authority that issues the certificates of clients."""
        return local_authority(self.inventory).client(self.now()).path

    def certificate(self, name: str, folder: str) -> str:
        """Return the one file that holds chain and key for *name*, so that both are of one moment."""
        inventory = self.inventory
        site = next((s for s in inventory.sites if name in s.domains and s.tls is None), None)
        files = self.certificates.files.get(site.name if site else name)
        if files is not None:
            try:
                content = Path(files.chain).read_bytes() + Path(files.key).read_bytes()
            except OSError as error:
                raise SourceError(
                    f'the certificate of "{name}" cannot be read: {error.strerror}'
                ) from error
        else:
            tls = inventory.tls
            if tls.chain is None or tls.key is None:
                place = inventory.drops[0].place
                raise ConfigError(
                    "FTPS has no certificate",
                    faults=[
                        Fault(
                            place.file or inventory.source,
                            place.line,
                            f'there is no certificate for "{name}", the name of FTPS',
                            'set certificate = "local-ca" under [tls]',
                        )
                    ],
                )
            given = check_own_certificate(
                tls.chain, tls.key, (name,), now=self.now(), place=tls.place
            )
            content = given.chain + given.key
        private_folder(Path(self.state_folder, folder))
        path = Path(self.state_folder, folder, _CERTIFICATE)
        if not path.exists() or path.read_bytes() != content:
            write_durably(path, content)
        return str(path)


def _faults(
    inventory: Inventory,
    apart: Mapping[str, str | None],
    keyring: UnlockedKeyring | None,
    now: Callable[[], float],
    places: Collection[str] | None,
    fenced: dict[str, str],
) -> Iterator[Fault]:
    # *places* are the stores that are served now, ``None`` at the start.
    if keyring is None:
        return
    answering = tuple(drop for drop in inventory.drops if drop.name in apart)
    seen = answers(
        {d.name: partial(why_not_served, inventory, d, keyring, now=now) for d in answering},
        ANSWER_SECONDS,
        "sealgate stores",
    )
    for drop in inventory.drops:
        wrong = seen.get(drop.name, silent(inventory, drop))
        if wrong is None:
            continue
        if wrong.is_damage and (places is None or drop.store in places):
            fenced[drop.name] = wrong.message
            continue
        where = (drop.place.file or inventory.source, drop.place.line)
        yield Fault(*where, f'drop "{drop.name}": {wrong.message}', wrong.hint)


def _needs_keys(inventory: Inventory) -> bool:
    # A tunnel that asks for one-time codes needs them, too: they are sealed for the site's key.
    return bool(inventory.drops) or any(needs_grant(tunnel) for tunnel in inventory.tunnels)


def transfer_log(inventory: Inventory) -> str:
    """Return the file that events are logged in."""
    return str(Path(inventory.state_folder).absolute() / LOGS_FOLDER / LOG_NAME)
