"""Identities, their groups, their certificates, and the trail of who changed them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "identities",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("added_at", sa.Double, nullable=False),
    )
    op.create_table(
        "identity_groups",
        sa.Column(
            "identity",
            sa.Text,
            sa.ForeignKey("identities.name", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("name", sa.Text, primary_key=True),
    )
    # A certificate stays when its identity goes: it was issued, and was revoked.
    op.create_table(
        "client_certificates",
        sa.Column("serial", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False, unique=True),
        sa.Column("identity", sa.Text, nullable=False, index=True),
        sa.Column("not_before", sa.Double, nullable=False),
        sa.Column("not_after", sa.Double, nullable=False),
        sa.Column("revoked_at", sa.Double, nullable=True),
    )
    op.create_table(
        "identity_trail",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
