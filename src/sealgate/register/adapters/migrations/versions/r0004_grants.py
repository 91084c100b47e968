"""
By which access rung, and by which grant, something was reached in file transfer.

Rows of before have neither; what vouches for them stays as it was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    with op.batch_alter_table("transfers") as transfers:
        transfers.add_column(sa.Column("access", sa.Integer))
        transfers.add_column(sa.Column("grant", sa.Text))
