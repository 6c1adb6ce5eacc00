"""Sessions of the node's own sites and whose they are; the revision of portals' files."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables, and the row."""
    op.create_table(
        "session_records",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_session_records_expiry", "session_records", ["expires_at"])
    op.create_table(
        "session_members",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("member", sa.String(length=255), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", "member"),
    )
    op.create_index("ix_session_members_expiry", "session_members", ["expires_at"])
    op.execute(
        "INSERT INTO config_revisions (id, revision, kept_from) VALUES (2, 0, 0)"
    )
