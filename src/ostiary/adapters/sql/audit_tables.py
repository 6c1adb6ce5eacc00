"""The tables of the audit log, as the newest step of the migrations leaves them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from ostiary.adapters.sql.config_tables import METADATA

# Numbers itself in SQLite only when it is called INTEGER.
_NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")

AUDIT_REQUESTS = Table(
    "audit_requests",
    METADATA,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("request_id", String(32), nullable=False),
    Column("request_timestamp", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("client_ip", Text),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("workspace", String(36), nullable=False),
    Column("payload", Text),
    Column("removed_from_payload", Text),
    Column("rbac_user_id", Text),
    Column("rbac_user_name", Text),
    Column("request_source", Text),
    Column("signature", Text),
    Index("ix_audit_requests_id", "request_id"),
    Index("ix_audit_requests_expiry", "expires_at"),
)
AUDIT_OBJECTS = Table(
    "audit_objects",
    METADATA,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False),
    Column("request_id", String(32), nullable=False),
    Column("request_timestamp", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("dao_name", String(40), nullable=False),
    Column("entity_key", String(36), nullable=False),
    Column("operation", String(10), nullable=False),
    Column("entity", Text, nullable=False),
    Column("removed_from_entity", Text),
    Column("rbac_user_id", Text),
    Column("signature", Text),
    Index("ix_audit_objects_request", "request_id"),
    Index("ix_audit_objects_entity", "entity_key"),
    Index("ix_audit_objects_expiry", "expires_at"),
)
