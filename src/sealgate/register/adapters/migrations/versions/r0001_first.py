"""The first schema: assets, assessments, decisions, audits, evidence, and the trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None

_START = "0" * 64


def upgrade() -> None:
    """Create every table, and the one row that holds the end of the trail."""
    op.create_table(
        "assets",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("parent", sa.Text),
        sa.Column("first_seen_at", sa.Float, nullable=False),
        sa.Column("last_seen_at", sa.Float, nullable=False),
    )
    op.create_table(
        "assessments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("asset", sa.Text, sa.ForeignKey("assets.id"), nullable=False, index=True),
        sa.Column("assessed_at", sa.Float, nullable=False),
        sa.Column("classification", sa.Text, nullable=False),
        sa.Column("computed", sa.Text, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("asset", sa.Text, sa.ForeignKey("assets.id"), nullable=False, index=True),
        sa.Column("decided_at", sa.Float, nullable=False),
        sa.Column("classification", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "audits",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("audited_at", sa.Float, nullable=False),
        sa.Column("vantage", sa.Text, nullable=False),
        sa.Column("met", sa.Integer, nullable=False),
        sa.Column("open_findings", sa.Integer, nullable=False),
        sa.Column("accepted", sa.Integer, nullable=False),
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("audit", sa.Integer, sa.ForeignKey("audits.id"), nullable=False, index=True),
        sa.Column("sort", sa.Text, nullable=False),
        sa.Column("asset", sa.Text, nullable=False, index=True),
        sa.Column("details", sa.JSON, nullable=False),
    )
    op.create_table(
        "trail",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
    )
    head = op.create_table(
        "trail_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "digest": _START}])
