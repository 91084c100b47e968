"""
A seal in each row that says who may come in, and a trail whose entries are chained.

What is there is sealed as it stands, with the key that the connection has
(:mod:`sealgate.identity.adapters.sealed_rows`), and the trail says so.
"""

import json
import time

import sqlalchemy as sa
from alembic import op

from sealgate.chained import START, digest_after, digest_of
from sealgate.identity.adapters.sealed_rows import key_id, key_of, put_sealed, seal_all

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OWNED = (
    ("identity_groups", "identity"),
    ("identity_roles", "identity"),
    ("client_certificates", "identity"),
    ("ssh_keys", "identity"),
    ("passwords", "identity"),
    ("one_time_codes", "identity"),
    ("recovery_codes", "identity"),
    ("user_handles", "identity"),
    ("passkeys", "identity"),
    ("enrolments", "identity"),
    ("grants", "person"),
    ("provider_links", "identity"),
)
_CONTENT = ("at", "by", "action", "subject", "detail")


def upgrade() -> None:
    """Add the columns, and fill them."""
    for name, _ in _OWNED:
        _add(name, sa.Column("mark", sa.Text), sa.Column("seal", sa.Text))
    _add("sign_ins", sa.Column("seal", sa.Text))
    _add(
        "identities",
        sa.Column("marks", sa.Text),
        sa.Column("changed", sa.Integer),
        sa.Column("seal", sa.Text),
    )
    _add("identity_trail", sa.Column("digest", sa.Text))
    _add(
        "identity_state",
        sa.Column("trail_id", sa.Integer),
        sa.Column("trail_digest", sa.Text),
        sa.Column("key_id", sa.Text),
        sa.Column("seal", sa.Text),
    )
    op.create_index("trail_by_subject", "identity_trail", ["subject"])
    _fill(op.get_bind())


def _add(table: str, *columns: sa.Column[str] | sa.Column[int]) -> None:
    for column in columns:
        op.add_column(table, column)


def _fill(connection: sa.Connection) -> None:
    # As the tables are at this revision, whatever later ones add.
    metadata = sa.MetaData()
    names = [name for name, _ in _OWNED]
    names += ["sign_ins", "identities", "identity_trail", "identity_state"]
    tables = {name: sa.Table(name, metadata, autoload_with=connection) for name in names}
    marks: dict[str, list[str]] = {}
    for name, owner in _OWNED:
        for person, made in seal_all(connection, tables[name], owner).items():
            marks.setdefault(person, []).extend(made)
    seal_all(connection, tables["sign_ins"])
    number, digest, last = _chain(connection, tables["identity_trail"])
    identities = tables["identities"]
    for person in connection.scalars(sa.select(identities.c.name)).all():
        listed = json.dumps(sorted(marks.get(person, [])))
        values = {"marks": listed, "changed": last.get(person, 0)}
        held = identities.c.name == person
        connection.execute(sa.update(identities).where(held).values(**values))
    seal_all(connection, identities)
    state = tables["identity_state"]
    row = dict(connection.execute(sa.select(state)).mappings().one())
    row |= {
        "trail_id": number,
        "trail_digest": digest,
        "key_id": key_id(key_of(connection)),
    }
    connection.execute(sa.delete(state))
    put_sealed(connection, state, row)


def _chain(connection: sa.Connection, trail: sa.Table) -> tuple[int, str, dict[str, int]]:
    number, digest, last = 0, START, {}
    rows = connection.execute(sa.select(trail).order_by(trail.c.id)).mappings().all()
    for row in rows:
        number = row["id"]
        digest = _after(digest, dict(row))
        held = trail.c.id == number
        connection.execute(sa.update(trail).where(held).values(digest=digest))
        last[row["subject"]] = number
    if rows:
        entry = {
            "id": number + 1,
            "at": time.time(),
            "by": "sealgate",
            "action": "register sealed",
            "subject": "",
            "detail": f"{number} entries, {len(last)} names",
        }
        number, digest = number + 1, _after(digest, entry)
        connection.execute(sa.insert(trail).values(**entry, digest=digest))
    return number, digest, last


def _after(previous: str, row: dict[str, object]) -> str:
    at, number = float(str(row["at"])), int(str(row["id"]))
    content = {key: row[key] for key in _CONTENT} | {"at": at}
    return digest_after(previous, number, at, "identity", number, digest_of(content))
