"""
The register on SQL: SQLite by default, PostgreSQL for a team.

What is acknowledged is on the disk. Nothing is ever overwritten or removed: an
assessment, a decision or an audit is one more row, and the trail vouches for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa

from sealgate.database import migrate, open_database, reading, writing
from sealgate.errors import SourceError, UsageError
from sealgate.register.adapters import trail
from sealgate.register.adapters.evidence import asset_rows, finding_rows, sighting_row
from sealgate.register.adapters.tables import (
    APPROVALS,
    ASSESSMENTS,
    ASSETS,
    AUDITS,
    DECISIONS,
    EVIDENCE,
    TRANSFERS,
    VERSION_TABLE,
)
from sealgate.register.adapters.trail import Trail
from sealgate.register.model import (
    Approval,
    AssessmentRecord,
    AuditRecord,
    Decision,
    EvidenceRecord,
    RegisteredAsset,
    TrailCheck,
    TransferRecord,
)

if TYPE_CHECKING:
    from sealgate.policy.finding import Report
    from sealgate.policy.observation import Sighting, Vantage

MIGRATIONS = Path(__file__).parent / "migrations"
# The newest revision below it.
HEAD = "r0004"
# SQLite takes at most 32,766 parameters in one statement.
_MANY = 500


class Register:
    """
    Assets, assessments, decisions, audits and evidence, with their history.

    Opening brings an older file up to date without loss.

    Raises:
        SourceError: the database cannot be opened, is damaged, or is newer than this
            Sealgate. Every method may raise it too.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)
        address = self._engine.url
        #: The file that it is kept in, if it is one.
        self.file = address.database if address.get_backend_name() == "sqlite" else None
        try:
            migrate(self._engine, MIGRATIONS, VERSION_TABLE, head=HEAD, first=trail.put_first)
        except SourceError:
            self._engine.dispose()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def record_assessments(self, records: Sequence[AssessmentRecord], *, at: float) -> None:
        """Keep the outcome of one run, in one transaction; earlier ones stay."""
        with writing(self._engine) as connection:
            entries = Trail(connection)
            self._note_assets(connection, ((r.asset, r.kind, r.parent) for r in records), at)
            entries.insert(
                "assessment",
                [
                    {
                        "asset": r.asset,
                        "assessed_at": at,
                        "classification": r.classification,
                        "computed": r.computed,
                        "details": dict(r.details),
                    }
                    for r in records
                ],
                at,
            )

    def record_decision(self, decision: Decision) -> None:
        """
        Keep what a person decided; earlier decisions and assessments stay.

        Raises:
            UsageError: the register has no such asset, or nobody or no reason is named.
        """
        if not decision.by.strip() or not decision.reason.strip():
            raise UsageError("a decision needs who decided and why", hint="give --by and --reason")
        with writing(self._engine) as connection:
            entries = Trail(connection)
            known = sa.select(ASSETS.c.id).where(ASSETS.c.id == decision.asset)
            if connection.execute(known).first() is None:
                raise UsageError(
                    f'the register has no asset "{decision.asset}"',
                    hint="assess it first; the report gives the id of each asset",
                )
            row = {
                "asset": decision.asset,
                "decided_at": decision.decided_at,
                "classification": decision.classification,
                "by": decision.by,
                "reason": decision.reason,
            }
            entries.insert("decision", [row], decision.decided_at)

    def record_approvals(self, approvals: Sequence[Approval], *, kind: str, parent: str) -> None:
        """
        Keep what a person approved, in one transaction; earlier approvals stay.

        An asset that is new here is noted with its *kind* and *parent*.

        Raises:
            UsageError: nobody or no reason is named.
        """
        if not approvals:
            return
        if any(not a.by.strip() or not a.reason.strip() for a in approvals):
            raise UsageError("an approval needs who and why", hint="give --by and --reason")
        at = approvals[-1].approved_at
        with writing(self._engine) as connection:
            entries = Trail(connection)
            self._note_assets(connection, ((a.asset, kind, parent) for a in approvals), at)
            rows = [{name: getattr(a, name) for name in a.__slots__} for a in approvals]
            entries.insert("approval", rows, at)

    def record_audit(
        self,
        report: Report,
        *,
        at: float,
        vantage: Vantage | str,
        sightings: Iterable[Sighting] = (),
    ) -> int:
        """
        Keep *report* and the *sightings* that it rests on; return the audit's number.

        Of each finding: rule, status, found, required, who accepted it until when; of
        each asset: required against provided; of each sighting: fact, value or why
        not, vantage, and what saw it.
        """
        seen = list(sightings)
        with writing(self._engine) as connection:
            entries = Trail(connection)
            assets = {
                a.asset.id: (a.asset.id, a.asset.kind.value, a.asset.parent) for a in report.assets
            }
            self._note_assets(connection, assets.values(), at)
            row = {
                "audited_at": at,
                "vantage": str(vantage),
                "met": report.met,
                "open_findings": len(report.open_findings),
                "accepted": sum(1 for f in report.findings if f.accepted),
            }
            number = entries.insert("audit", [row], at)[0]
            evidence = [*finding_rows(report), *asset_rows(report), *map(sighting_row, seen)]
            entries.insert("evidence", [{"audit": number, **e} for e in evidence], at)
            return number

    def record_transfers(self, records: Sequence[TransferRecord]) -> None:
        """Keep what happened in file transfer, in one transaction."""
        if not records:
            return
        with writing(self._engine) as connection:
            rows = [record.values() for record in records]
            Trail(connection).insert("transfer", rows, records[-1].at)

    def transfers(
        self, *, since: float = 0.0, limit: int | None = None, actions: Sequence[str] = ()
    ) -> Iterator[TransferRecord]:
        """
        Yield what happened from *since* on, oldest first; at most *limit*, the newest of it.

        With *actions* only these.
        """
        query = sa.select(TRANSFERS).where(TRANSFERS.c.at >= since)
        if actions:
            query = query.where(TRANSFERS.c.action.in_(actions))
        if limit is not None:
            newest = query.order_by(TRANSFERS.c.id.desc()).limit(limit).subquery()
            query = sa.select(newest).order_by(newest.c.id)
        else:
            query = query.order_by(TRANSFERS.c.id)
        with reading(self._engine) as connection:
            for row in connection.execute(query):
                _, *values = row
                yield TransferRecord(*values)

    def counted_transfers(self) -> tuple[tuple[str, str, str, int, int], ...]:
        """
        Return how many events of file transfer there are, and their bytes.

        One line for each action, protocol and result, in that order.
        """
        table = TRANSFERS
        key = (table.c.action, table.c.protocol, table.c.result)
        query = (
            sa.select(*key, sa.func.count(), sa.func.coalesce(sa.func.sum(table.c.size), 0))
            .group_by(*key)
            .order_by(*key)
        )
        with reading(self._engine) as connection:
            return tuple(
                (action, protocol, result, int(count), int(size))
                for action, protocol, result, count, size in connection.execute(query)
            )

    def assets(self) -> tuple[RegisteredAsset, ...]:
        """Return every asset with the class that it has, in the order of their ids."""
        with reading(self._engine) as connection:
            held = _newest(connection, ASSESSMENTS, ASSESSMENTS.c.classification)
            computed = _newest(connection, ASSESSMENTS, ASSESSMENTS.c.computed)
            decided = _newest(connection, DECISIONS, DECISIONS.c.classification)
            rows = connection.execute(sa.select(ASSETS).order_by(ASSETS.c.id)).all()
            return tuple(
                RegisteredAsset(
                    row.id,
                    row.kind,
                    row.parent,
                    row.first_seen_at,
                    row.last_seen_at,
                    held.get(row.id),
                    computed.get(row.id),
                    decided.get(row.id),
                )
                for row in rows
            )

    def assessments(self, asset: str) -> tuple[AssessmentRecord, ...]:
        """Return the history of *asset* (by id), oldest first."""
        query = (
            sa.select(ASSESSMENTS, ASSETS.c.kind, ASSETS.c.parent)
            .join(ASSETS, ASSETS.c.id == ASSESSMENTS.c.asset)
            .where(ASSESSMENTS.c.asset == asset)
            .order_by(ASSESSMENTS.c.id)
        )
        with reading(self._engine) as connection:
            return tuple(
                AssessmentRecord(
                    asset=row.asset,
                    kind=row.kind,
                    classification=row.classification,
                    computed=row.computed,
                    details=row.details,
                    parent=row.parent,
                    assessed_at=row.assessed_at,
                )
                for row in connection.execute(query)
            )

    def decisions(self, asset: str | None = None) -> tuple[Decision, ...]:
        """Return every decision, oldest first; of *asset* only when one is given."""
        query = sa.select(DECISIONS).order_by(DECISIONS.c.id)
        if asset is not None:
            query = query.where(DECISIONS.c.asset == asset)
        with reading(self._engine) as connection:
            return tuple(
                Decision(row.asset, row.classification, row.by, row.reason, row.decided_at)
                for row in connection.execute(query)
            )

    def approvals(self, asset: str) -> tuple[Approval, ...]:
        """Return what was approved of *asset*, oldest first."""
        query = sa.select(APPROVALS).where(APPROVALS.c.asset == asset).order_by(APPROVALS.c.id)
        with reading(self._engine) as connection:
            return tuple(
                Approval(r.asset, r.item, r.digest, r.by, r.reason, r.approved_at)
                for r in connection.execute(query)
            )

    def audits(self) -> tuple[AuditRecord, ...]:
        """Return every audit, oldest first."""
        with reading(self._engine) as connection:
            return tuple(
                AuditRecord(r.id, r.audited_at, r.vantage, r.met, r.open_findings, r.accepted)
                for r in connection.execute(sa.select(AUDITS).order_by(AUDITS.c.id))
            )

    def evidence(self, audit: int) -> tuple[EvidenceRecord, ...]:
        """Return what *audit* (by number) rests on, in the order it was recorded."""
        query = sa.select(EVIDENCE).where(EVIDENCE.c.audit == audit).order_by(EVIDENCE.c.id)
        with reading(self._engine) as connection:
            return tuple(
                EvidenceRecord(r.audit, r.sort, r.asset, r.details)
                for r in connection.execute(query)
            )

    def check_trail(self, *, known: str = "") -> TrailCheck:
        """
        Return whether what is recorded is what was recorded.

        *known* is the digest of an entry that was kept elsewhere, "" for none.
        """
        with reading(self._engine) as connection:
            return trail.check(connection, known=known)

    def _note_assets(
        self,
        connection: sa.Connection,
        assets: Iterable[tuple[str, str, str | None]],
        at: float,
    ) -> None:
        noted = {asset[0]: asset for asset in assets}
        ids = list(noted)
        known: set[str] = set()
        for start in range(0, len(ids), _MANY):
            query = sa.select(ASSETS.c.id).where(ASSETS.c.id.in_(ids[start : start + _MANY]))
            known.update(connection.execute(query).scalars())
        new = [
            {"id": i, "kind": kind, "parent": parent, "first_seen_at": at, "last_seen_at": at}
            for i, kind, parent in noted.values()
            if i not in known
        ]
        if new:
            connection.execute(sa.insert(ASSETS), new)
        if known:
            connection.execute(
                sa.update(ASSETS)
                .where(ASSETS.c.id == sa.bindparam("known"))
                .values(last_seen_at=at),
                [{"known": i} for i in sorted(known)],
            )


def _newest(connection: sa.Connection, table: sa.Table, column: Any) -> dict[str, str]:
    latest = sa.select(sa.func.max(table.c.id)).group_by(table.c.asset)
    rows = connection.execute(sa.select(table.c.asset, column).where(table.c.id.in_(latest)))
    return {row[0]: row[1] for row in rows}
