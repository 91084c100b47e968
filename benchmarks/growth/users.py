"""What users cost who are admitted at locks by their certificates: to start, and to change one."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from benchmarks.gateway.engines import free_port
from benchmarks.growth.serving import RefusedError, in_memory, once, serving
from sealgate.app.reload import NotRunning, notify
from sealgate.demo.geography import make_country_database
from sealgate.errors import SealgateError
from sealgate.identity.adapters.database import Database
from sealgate.identity.adapters.schema import CERTIFICATES, GROUPS, IDENTITIES
from sealgate.identity.adapters.sealed_rows import MARK, MARKS, SEAL, seal_of
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.model import ClientCertificate

if TYPE_CHECKING:
    from pathlib import Path

LOCKS = 11
_DAY = 86_400.0


@dataclass(frozen=True)
class Users:
    """
    Seconds of all processors to start; to take one user more over; MiB of Envoy's files.

    *changed* is why not, where it was refused. *adding* is what the store took to keep one user
    with a certificate, in the process that adds.
    """

    started: float
    files_mib: float
    changed: float | str
    adding: float


@once
def measured(count: int) -> Users:
    """
    Start with *count* users in a group that eleven routes admit, and add one.

    Raises:
        RefusedError: it does not start.
    """
    with in_memory() as home:
        _write(home)
        state = home / ".sealgate"
        url = f"sqlite:///{state}/register.sqlite"
        fill(url, count)
        with serving(home) as running:
            before = running.at_rest()
            files = sum(path.stat().st_size for path in (state / "envoy").rglob("*.json"))
            began = time.process_time()
            with IdentityStore(url) as people:
                now = time.time()
                people.add("one-more", ("staff",), by="benchmark", now=now)
                people.credentials.add_certificate(
                    _certificate("one-more", now), by="benchmark", now=now
                )
            adding = time.process_time() - began
            changed: float | str
            try:
                answer = notify(str(state))
                assert not isinstance(answer, NotRunning)
                changed = running.at_rest().since(before).all
            except (SealgateError, RefusedError) as error:
                changed = str(error)
            return Users(running.started.all, files / (1 << 20), changed, adding)


def changed(count: int) -> float:
    """
    Return what one user more beside *count* took of all processors.

    Raises:
        RefusedError: it was refused.
    """
    found = measured(count).changed
    if isinstance(found, str):
        raise RefusedError(found)
    return found


def fill(url: str, count: int) -> None:
    """
    Put *count* users with a certificate each into the group ``staff``, in one go.

    One by one, as people add them, would take longer than all that is measured.
    """
    database = Database.open(url, None)
    try:
        with database.writing() as connection:
            rows: dict[str, list[dict[str, object]]] = {"people": [], "groups": [], "keys": []}
            now = time.time()
            for number in range(count):
                name = f"user-{number}"
                group = _row(connection, GROUPS, {"identity": name, "name": "staff"})
                key = _row(connection, CERTIFICATES, asdict(_certificate(name, now)))
                marks = json.dumps(sorted((str(group[MARK]), str(key[MARK]))))
                person = {"name": name, "added_at": now, MARKS: marks, "changed": 0}
                rows["people"].append(_row(connection, IDENTITIES, person))
                rows["groups"].append(group)
                rows["keys"].append(key)
            for table, which in (
                (IDENTITIES, "people"),
                (GROUPS, "groups"),
                (CERTIFICATES, "keys"),
            ):
                if rows[which]:
                    connection.execute(sa.insert(table), rows[which])
    finally:
        database.close()


def _row(connection: sa.Connection, table: sa.Table, row: dict[str, object]) -> dict[str, object]:
    given: dict[str, object] = {column.name: row.get(column.name) for column in table.columns}
    if MARK in given:
        given[MARK] = f"{table.name}:{secrets.token_hex(8)}"
    given[SEAL] = seal_of(connection, table, given)
    return given


def _certificate(name: str, now: float) -> ClientCertificate:
    return ClientCertificate(
        secrets.token_hex(16), secrets.token_hex(32), name, now - 1, now + 30 * _DAY
    )


def _write(home: Path) -> None:
    make_country_database(home / "country.mmdb")
    lines = ['[access]\ncountries = ["DE"]\ngeo_database = "country.mmdb"\n[listen]']
    lines += [f'https = "127.0.0.1:{free_port()}"\nhttp = "127.0.0.1:{free_port()}"']
    lines += ['[[site]]\ndomains = ["localhost"]\nupstream = "http://127.0.0.1:9"']
    lines += ['[[site.route]]\npath = "/"\nclass = "public"\ninspect = "off"']
    for number in range(LOCKS):
        lines += [f'[[site.route]]\npath = "/lock-{number}"\nclass = "confidential"']
        lines += ['admit = ["group:staff"]']
    (home / "sealgate.toml").write_text("\n".join(lines) + "\n")
