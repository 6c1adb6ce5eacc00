"""The tables of the configuration, as the newest step of the migrations leaves them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

METADATA = MetaData()
VERSION_TABLE: Final = "config_version"
MAX_VALUE_CHARS: Final = 255

ROWS = Table(
    "config_rows",
    METADATA,
    Column("kind", String(40), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("workspace", String(36), nullable=False),
    Column("body", Text, nullable=False),
    Column("sealed", LargeBinary),
)
NAMES = Table(
    "config_names",
    METADATA,
    Column("kind", String(40), primary_key=True),
    Column("workspace", String(36), primary_key=True),
    Column("field", String(80), primary_key=True),
    Column("value", String(MAX_VALUE_CHARS), primary_key=True),
    Column("id", String(36), nullable=False),
    Index("ix_config_names_id", "kind", "id"),
)
REFERENCES = Table(
    "config_references",
    METADATA,
    Column("kind", String(40), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("field", String(40), primary_key=True),
    Column("to_kind", String(40), nullable=False),
    Column("to_id", String(36), primary_key=True),
    Index("ix_config_references_to", "to_kind", "to_id", "kind", "field", "id"),
)
TAGS = Table(
    "config_tags",
    METADATA,
    Column("tag", String(255), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("id", String(36), primary_key=True),
    Index("ix_config_tags_id", "kind", "id"),
)
REVISIONS = Table(
    "config_revisions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("kept_from", BigInteger, nullable=False),
)
CHANGES = Table(
    "config_changes",
    METADATA,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(40), primary_key=True),
    Column("id", String(36), primary_key=True),
)
