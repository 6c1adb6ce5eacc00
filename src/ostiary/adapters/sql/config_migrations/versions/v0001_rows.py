"""The configuration: rows, what is unique of them, references, tags, revisions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "config_rows",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace", sa.String(length=36), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "id"),
    )
    op.create_table(
        "config_names",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("workspace", sa.String(length=36), nullable=False),
        sa.Column("field", sa.String(length=80), nullable=False),
        sa.Column("value", sa.String(length=255), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("kind", "workspace", "field", "value"),
    )
    op.create_index("ix_config_names_id", "config_names", ["kind", "id"])
    op.create_table(
        "config_references",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("to_kind", sa.String(length=40), nullable=False),
        sa.Column("to_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", "field", "to_id"),
    )
    op.create_index(
        "ix_config_references_to",
        "config_references",
        ["to_kind", "to_id", "kind", "field", "id"],
    )
    op.create_table(
        "config_tags",
        sa.Column("tag", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("tag", "kind", "id"),
    )
    op.create_index("ix_config_tags_id", "config_tags", ["kind", "id"])
    op.create_table(
        "config_revisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("kept_from", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(
        "INSERT INTO config_revisions (id, revision, kept_from) VALUES (1, 0, 0)"
    )
    op.create_table(
        "config_changes",
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("revision", "kind", "id"),
    )
