"""Records, the tree that sums them up, its head, and what is known of unfinished uploads."""

import sqlalchemy as sa
from alembic import op

revision = "s0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    # Names are compared byte by byte, as SQLite does by itself.
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "store_records",
        sa.Column("store", text, primary_key=True),
        sa.Column("area", sa.Integer, primary_key=True),
        sa.Column("parent", text, primary_key=True),
        sa.Column("name", text, primary_key=True),
        sa.Column("leaf", text, nullable=False),
        sa.Column("is_folder", sa.Integer, nullable=False),
        sa.Column("classification", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("modified_at", sa.Double, nullable=False),
        sa.Column("stored_at", sa.Double, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("rung", sa.Integer, nullable=False),
        sa.Column("object_id", text, nullable=False),
        sa.Column("object_size", sa.BigInteger, nullable=False),
        sa.Column("binding", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("store_records_leaf", "store_records", ["store", "leaf"])
    op.create_index("store_records_object", "store_records", ["object_id"])
    op.create_table(
        "store_nodes",
        sa.Column("store", text, primary_key=True),
        sa.Column("parent", text, primary_key=True),
        sa.Column("digit", text, primary_key=True),
        sa.Column("total", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "store_heads",
        sa.Column("store", text, primary_key=True),
        sa.Column("store_id", sa.LargeBinary, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("total", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "store_uploads",
        sa.Column("store", text, primary_key=True),
        sa.Column("parent", text, primary_key=True),
        sa.Column("name", text, primary_key=True),
        sa.Column("object_id", text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("rung", sa.Integer, nullable=False),
        sa.Column("began_at", sa.Double, nullable=False),
        sa.Column("header_size", sa.Integer, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("binding", sa.LargeBinary, nullable=False),
        sa.Column("mac", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("store_uploads_object", "store_uploads", ["object_id"])
