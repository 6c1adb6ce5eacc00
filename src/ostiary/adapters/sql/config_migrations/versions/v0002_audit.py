"""The audit log: requests to the Admin API, and the rows that they changed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "audit_requests",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("request_timestamp", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("client_ip", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("workspace", sa.String(length=36), nullable=False),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("removed_from_payload", sa.Text(), nullable=True),
        sa.Column("rbac_user_id", sa.Text(), nullable=True),
        sa.Column("rbac_user_name", sa.Text(), nullable=True),
        sa.Column("request_source", sa.Text(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_audit_requests_id", "audit_requests", ["request_id"])
    op.create_index("ix_audit_requests_expiry", "audit_requests", ["expires_at"])
    op.create_table(
        "audit_objects",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("request_id", sa.String(length=32), nullable=False),
        sa.Column("request_timestamp", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("dao_name", sa.String(length=40), nullable=False),
        sa.Column("entity_key", sa.String(length=36), nullable=False),
        sa.Column("operation", sa.String(length=10), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("removed_from_entity", sa.Text(), nullable=True),
        sa.Column("rbac_user_id", sa.Text(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_audit_objects_request", "audit_objects", ["request_id"])
    op.create_index("ix_audit_objects_entity", "audit_objects", ["entity_key"])
    op.create_index("ix_audit_objects_expiry", "audit_objects", ["expires_at"])
