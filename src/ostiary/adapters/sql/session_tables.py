"""The tables of sessions kept in the configuration's database, as the newest step leaves them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Float, Index, LargeBinary, String, Table

from ostiary.adapters.sql.config_tables import METADATA

MAX_KEY_CHARS: Final = 255

SESSION_RECORDS = Table(
    "session_records",
    METADATA,
    Column("key", String(MAX_KEY_CHARS), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index("ix_session_records_expiry", "expires_at"),
)
SESSION_MEMBERS = Table(
    "session_members",
    METADATA,
    Column("name", String(MAX_KEY_CHARS), primary_key=True),
    Column("member", String(MAX_KEY_CHARS), primary_key=True),
    Column("expires_at", Float, nullable=False),
    Index("ix_session_members_expiry", "expires_at"),
)
