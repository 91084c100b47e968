"""Whose account belongs to which person at an identity provider."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; what is there stays untouched."""
    # A link stays when its identity goes: whoever was removed is not added again by a provider.
    op.create_table(
        "provider_links",
        sa.Column("issuer", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("identity", sa.Text, nullable=False, index=True),
        sa.Column("linked_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double, nullable=True),
    )
