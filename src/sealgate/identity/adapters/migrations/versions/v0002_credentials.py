"""SSH keys, passwords, and a counter that tells a server that something changed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; what is there stays untouched."""
    # A key stays when its identity goes, as a certificate does: it was revoked.
    op.create_table(
        "ssh_keys",
        sa.Column("fingerprint", sa.Text, primary_key=True),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("public", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=False, index=True),
        sa.Column("added_at", sa.Double, nullable=False),
        sa.Column("revoked_at", sa.Double, nullable=True),
    )
    op.create_table(
        "passwords",
        sa.Column(
            "identity",
            sa.Text,
            sa.ForeignKey("identities.name", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("phc", sa.Text, nullable=False),
        sa.Column("set_at", sa.Double, nullable=False),
    )
    state = op.create_table(
        "identity_state",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("password_rounds", sa.Integer, nullable=False),
    )
    # RFC 9106, 4, second recommended option: three passes.
    op.bulk_insert(state, [{"id": 1, "generation": 1, "password_rounds": 3}])
