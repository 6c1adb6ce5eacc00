"""
The tables of user pools, in types that SQLite and PostgreSQL share.

Settings and attributes are JSON texts in the API's words. Secrets are hashes or sealed bytes.
The migrations are the truth; a test compares them with this.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA: Final = MetaData()
# Four bytes end in 2038; SQLite has one kind of integer.
_SECONDS: Final = BigInteger().with_variant(Integer(), "sqlite")

POOLS: Final = Table(
    "pools",
    METADATA,
    Column("id", String(55), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("settings", Text, nullable=False),
    Column("mfa", Text, nullable=False, server_default="{}"),
    Column("created_at", Double, nullable=False),
    Column("modified_at", Double, nullable=False),
)
POOL_KEYS: Final = Table(
    "pool_keys",
    METADATA,
    Column("pool_id", ForeignKey("pools.id", ondelete="CASCADE"), primary_key=True),
    Column("purpose", String(16), primary_key=True),
    Column("kid", String(64), nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
CLIENTS: Final = Table(
    "clients",
    METADATA,
    Column("id", String(128), primary_key=True),
    Column(
        "pool_id",
        ForeignKey("pools.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("name", String(128), nullable=False),
    Column("settings", Text, nullable=False),
    Column("secrets", Text, nullable=False, server_default="[]"),
    Column("created_at", Double, nullable=False),
    Column("modified_at", Double, nullable=False),
)
DOMAINS: Final = Table(
    "domains",
    METADATA,
    Column("prefix", String(63), primary_key=True),
    Column("pool_id", ForeignKey("pools.id", ondelete="CASCADE"), nullable=False),
    # What the certificate of a whole name is; NULL for a prefix.
    Column("custom", Text),
    Column("is_custom", Boolean, nullable=False),
    Column("managed_login_version", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("pool_id", "is_custom", name="uq_domains_kind"),
)
USERS: Final = Table(
    "users",
    METADATA,
    Column("pool_id", ForeignKey("pools.id", ondelete="CASCADE"), primary_key=True),
    Column("username", String(128), primary_key=True),
    Column("sub", String(36), nullable=False, unique=True),
    Column("login_key", String(2048), nullable=False),
    Column("attributes", Text, nullable=False),
    Column("status", String(32), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("argon2", Text),
    Column("srp_salt", Text),
    Column("srp_verifier", Text),
    Column("factors", Text, nullable=False, server_default="{}"),
    Column("password_set_at", Double, nullable=False, server_default="0"),
    Column("created_at", Double, nullable=False),
    Column("modified_at", Double, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("last_failed_at", Double, nullable=False),
    Column("locked_until", Double, nullable=False),
    UniqueConstraint("pool_id", "login_key", name="uq_users_login_key"),
)
ALIASES: Final = Table(
    "aliases",
    METADATA,
    Column("pool_id", String(55), primary_key=True),
    Column("alias", String(2048), primary_key=True),
    Column("username", String(128), nullable=False),
    ForeignKeyConstraint(
        ["pool_id", "username"],
        ["users.pool_id", "users.username"],
        ondelete="CASCADE",
        name="fk_aliases_user",
    ),
    Index("ix_aliases_user", "pool_id", "username"),
)
RECORDS: Final = Table(
    "records",
    METADATA,
    Column("pool_id", ForeignKey("pools.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("owner", String(128), primary_key=True),
    Column("name", String(256), primary_key=True),
    Column("value", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("modified_at", Double, nullable=False),
    Index("ix_records_name", "pool_id", "kind", "name"),
)
CHALLENGES: Final = Table(
    "challenges",
    METADATA,
    Column("id_hash", String(64), primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("spent", Boolean, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
)
CODES: Final = Table(
    "mailed_codes",
    METADATA,
    Column("pool_id", String(55), primary_key=True),
    Column("username", String(128), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("mac", LargeBinary),
    Column("expires_at", Double, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("tries_since", Double, nullable=False),
    Column("sends", Integer, nullable=False),
    Column("sends_since", Double, nullable=False),
    ForeignKeyConstraint(
        ["pool_id", "username"],
        ["users.pool_id", "users.username"],
        ondelete="CASCADE",
        name="fk_mailed_codes_user",
    ),
)
GRANTS: Final = Table(
    "grants",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("pool_id", String(55), nullable=False),
    Column("username", String(128), nullable=False),
    Column("client_id", ForeignKey("clients.id", ondelete="CASCADE"), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("auth_time", _SECONDS, nullable=False),
    Column("nonce", Text),
    Column("revoked", Boolean, nullable=False),
    Column("device_key", String(64)),
    ForeignKeyConstraint(
        ["pool_id", "username"],
        ["users.pool_id", "users.username"],
        ondelete="CASCADE",
        name="fk_grants_user",
    ),
    Index("ix_grants_user", "pool_id", "username"),
)
AUTHORIZATION_CODES: Final = Table(
    "authorization_codes",
    METADATA,
    Column("code_hash", String(64), primary_key=True),
    Column("grant_id", ForeignKey("grants.id", ondelete="CASCADE"), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("code_challenge", Text),
    Column("expires_at", Double, nullable=False, index=True),
    Column("used", Integer, nullable=False),
)
REFRESH_TOKENS: Final = Table(
    "refresh_tokens",
    METADATA,
    Column("token_hash", String(64), primary_key=True),
    Column("grant_id", ForeignKey("grants.id", ondelete="CASCADE"), nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Column("rotated_at", Double),
)
HOSTED_SESSIONS: Final = Table(
    "hosted_sessions",
    METADATA,
    Column("id_hash", String(64), primary_key=True),
    Column("pool_id", String(55), nullable=False),
    Column("username", String(128), nullable=False),
    Column("auth_time", _SECONDS, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    ForeignKeyConstraint(
        ["pool_id", "username"],
        ["users.pool_id", "users.username"],
        ondelete="CASCADE",
        name="fk_hosted_sessions_user",
    ),
)
