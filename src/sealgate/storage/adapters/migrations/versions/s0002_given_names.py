"""How a name was given, where that is not its normal form."""

import sqlalchemy as sa
from alembic import op

revision = "s0002"
down_revision = "s0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what was stored before was given in normal form, as far as is known."""
    column = sa.Column("given", sa.Text, nullable=False, server_default="")
    op.add_column("store_records", column)
