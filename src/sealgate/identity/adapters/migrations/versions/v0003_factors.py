"""Roles, second factors, passkeys, grants, and sign-ins."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _of_identity(name: str = "identity") -> sa.Column[str]:
    return sa.Column(
        name, sa.Text, sa.ForeignKey("identities.name", ondelete="CASCADE"), primary_key=True
    )


def upgrade() -> None:
    """Add the tables; what is there stays untouched."""
    op.create_table("identity_roles", _of_identity(), sa.Column("name", sa.Text, primary_key=True))
    op.create_table(
        "one_time_codes",
        _of_identity(),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("set_at", sa.Double, nullable=False),
    )
    op.create_table(
        "recovery_codes",
        _of_identity(),
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("used_at", sa.Double, nullable=True),
    )
    op.create_table(
        "user_handles", _of_identity(), sa.Column("handle", sa.Text, nullable=False, unique=True)
    )
    # A passkey stays when its identity goes, as other keys do: it was revoked.
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("identity", sa.Text, nullable=False, index=True),
        sa.Column("public", sa.LargeBinary, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("synced", sa.Boolean, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("added_at", sa.Double, nullable=False),
        sa.Column("used_at", sa.Double, nullable=True),
        sa.Column("revoked_at", sa.Double, nullable=True),
    )
    op.create_table(
        "enrolments",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column(
            "identity",
            sa.Text,
            sa.ForeignKey("identities.name", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("ends_at", sa.Double, nullable=False),
    )
    # Who was let in for what stays told when the person goes.
    op.create_table(
        "grants",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, nullable=False, index=True),
        sa.Column("asset", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("approver", sa.Text, nullable=False),
        sa.Column("decided_by_actor", sa.Text, nullable=False),
        sa.Column("approved_at", sa.Double, nullable=True),
        sa.Column("denied_at", sa.Double, nullable=True),
        sa.Column("ended_by", sa.Text, nullable=False),
        sa.Column("ended_at", sa.Double, nullable=True),
    )
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, index=True),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("proven", sa.Text, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("used_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double, nullable=True),
    )
    op.create_index("trail_by_time", "identity_trail", ["at"])
