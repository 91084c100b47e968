"""What file transfers did: one row for each login, refusal, upload, download and the like."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None

_TEXTS = (
    "action",
    "caller",
    "protocol",
    "peer",
    "version",
    "group",
    "cipher",
    "mac",
    "place",
    "classification",
)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "transfers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Float, nullable=False, index=True),
        *(sa.Column(name, sa.Text, nullable=False, index=name == "caller") for name in _TEXTS),
        sa.Column("size", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("result", "digest", "rule", "key")),
    )
