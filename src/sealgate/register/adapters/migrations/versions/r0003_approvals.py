"""What people approved, with its digest and the reason: the scripts of payment pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("asset", sa.Text, sa.ForeignKey("assets.id"), nullable=False, index=True),
        sa.Column("approved_at", sa.Float, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
