"""Records, aliases, factors, challenges, secrets, names of domains; rotation of refresh tokens."""

import base64
import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the API's operations need beside the pages'."""
    op.add_column(
        "pools", sa.Column("mfa", sa.Text(), nullable=False, server_default="{}")
    )
    op.add_column(
        "users", sa.Column("factors", sa.Text(), nullable=False, server_default="{}")
    )
    op.add_column(
        "users",
        sa.Column("password_set_at", sa.Double(), nullable=False, server_default="0"),
    )
    op.add_column("grants", sa.Column("device_key", sa.String(length=64)))
    op.add_column("refresh_tokens", sa.Column("rotated_at", sa.Double()))
    if op.get_bind().dialect.name != "sqlite":  # which has one kind of integer
        for table in ("grants", "hosted_sessions"):
            op.alter_column(table, "auth_time", type_=sa.BigInteger())
    op.create_table(
        "aliases",
        sa.Column("pool_id", sa.String(length=55), nullable=False),
        sa.Column("alias", sa.String(length=2048), nullable=False),
        sa.Column("username", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(
            ["pool_id", "username"],
            ["users.pool_id", "users.username"],
            name="fk_aliases_user",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("pool_id", "alias"),
    )
    op.create_index("ix_aliases_user", "aliases", ["pool_id", "username"])
    op.create_table(
        "records",
        sa.Column("pool_id", sa.String(length=55), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("modified_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["pool_id"], ["pools.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pool_id", "kind", "owner", "name"),
    )
    op.create_index("ix_records_name", "records", ["pool_id", "kind", "name"])
    op.create_table(
        "challenges",
        sa.Column("id_hash", sa.String(length=64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("spent", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id_hash"),
    )
    op.create_index(op.f("ix_challenges_expires_at"), "challenges", ["expires_at"])
    _let_clients_have_two_secrets()
    _let_pools_have_two_domains()


def _let_clients_have_two_secrets() -> None:
    op.add_column(
        "clients",
        sa.Column("secrets", sa.Text(), nullable=False, server_default="[]"),
    )
    clients = sa.table(
        "clients",
        sa.column("id", sa.String()),
        sa.column("created_at", sa.Double()),
        sa.column("sealed_secret", sa.LargeBinary()),
        sa.column("secrets", sa.Text()),
    )
    db = op.get_bind()
    confidential = sa.select(clients).where(clients.c.sealed_secret.is_not(None))
    for row in db.execute(confidential).mappings().all():
        secret = {
            "id": f"{row['id']}--{int(row['created_at'])}",
            "created_at": row["created_at"],
            "sealed": base64.b64encode(row["sealed_secret"]).decode("ascii"),
        }
        db.execute(
            sa.update(clients)
            .where(clients.c.id == row["id"])
            .values(secrets=json.dumps([secret]))
        )
    op.drop_column("clients", "sealed_secret")


def _let_pools_have_two_domains() -> None:
    # A new table: SQLite cannot take a constraint without a name off an old one.
    op.create_table(
        "new_domains",
        sa.Column("prefix", sa.String(length=63), nullable=False),
        sa.Column("pool_id", sa.String(length=55), nullable=False),
        sa.Column("custom", sa.Text()),
        sa.Column("is_custom", sa.Boolean(), nullable=False),
        sa.Column("managed_login_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["pool_id"], ["pools.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("prefix"),
        sa.UniqueConstraint("pool_id", "is_custom", name="uq_domains_kind"),
    )
    op.execute(
        "INSERT INTO new_domains (prefix, pool_id, is_custom, managed_login_version, created_at)"
        " SELECT prefix, pool_id, FALSE, managed_login_version, created_at FROM domains"
    )
    op.drop_table("domains")
    op.rename_table("new_domains", "domains")
