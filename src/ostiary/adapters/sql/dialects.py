"""What SQLite and PostgreSQL say differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Table, cast, type_coerce
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def json_text(
    db: AsyncConnection, column: Column[Any], name: str
) -> ColumnElement[str]:
    """A member of a column that holds a JSON object as text."""
    known = (cast if db.dialect.name == "postgresql" else type_coerce)(column, JSON)
    found: ColumnElement[str] = known[name].as_string()
    return found


async def insert_if_absent(
    db: AsyncConnection, table: Table, values: Mapping[str, object]
) -> None:
    """Insert a row unless its key is there; two that do so at once both go on."""
    build = postgresql.insert if db.dialect.name == "postgresql" else sqlite.insert
    await db.execute(build(table).values(dict(values)).on_conflict_do_nothing())
