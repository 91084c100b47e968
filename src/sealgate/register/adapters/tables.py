"""The register's tables. Their history is in ``migrations/``; this is the newest form."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()
VERSION_TABLE = "register_version"

ASSETS = sa.Table(
    "assets",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("parent", sa.Text),
    sa.Column("first_seen_at", sa.Float, nullable=False),
    sa.Column("last_seen_at", sa.Float, nullable=False),
)
ASSESSMENTS = sa.Table(
    "assessments",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("asset", sa.ForeignKey("assets.id"), nullable=False, index=True),
    sa.Column("assessed_at", sa.Float, nullable=False),
    sa.Column("classification", sa.Text, nullable=False),
    sa.Column("computed", sa.Text, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
)
DECISIONS = sa.Table(
    "decisions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("asset", sa.ForeignKey("assets.id"), nullable=False, index=True),
    sa.Column("decided_at", sa.Float, nullable=False),
    sa.Column("classification", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
AUDITS = sa.Table(
    "audits",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("audited_at", sa.Float, nullable=False),
    sa.Column("vantage", sa.Text, nullable=False),
    sa.Column("met", sa.Integer, nullable=False),
    sa.Column("open_findings", sa.Integer, nullable=False),
    sa.Column("accepted", sa.Integer, nullable=False),
)
EVIDENCE = sa.Table(
    "evidence",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("audit", sa.ForeignKey("audits.id"), nullable=False, index=True),
    sa.Column("sort", sa.Text, nullable=False),
    sa.Column("asset", sa.Text, nullable=False, index=True),
    sa.Column("details", sa.JSON, nullable=False),
)
TRANSFERS = sa.Table(
    "transfers",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Float, nullable=False, index=True),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("caller", sa.Text, nullable=False, index=True),
    sa.Column("protocol", sa.Text, nullable=False),
    sa.Column("peer", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("group", sa.Text, nullable=False),
    sa.Column("cipher", sa.Text, nullable=False),
    sa.Column("mac", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("classification", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    # NULL in what was recorded before r0004.
    sa.Column("access", sa.Integer),
    sa.Column("grant", sa.Text),
)
APPROVALS = sa.Table(
    "approvals",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("asset", sa.ForeignKey("assets.id"), nullable=False, index=True),
    sa.Column("approved_at", sa.Float, nullable=False),
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
TRAIL = sa.Table(
    "trail",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)
# One row: whoever writes takes its lock first, so that entries come one after the other.
TRAIL_HEAD = sa.Table(
    "trail_head",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)
# What the trail vouches for, by the event that stands in it.
RECORDED: dict[str, sa.Table] = {
    "assessment": ASSESSMENTS,
    "decision": DECISIONS,
    "audit": AUDITS,
    "evidence": EVIDENCE,
    "transfer": TRANSFERS,
    "approval": APPROVALS,
}
