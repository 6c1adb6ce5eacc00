"""All tables as JSON and back; bytes stand in base64 under a name of their own."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ostiary.adapters.sql.tables import METADATA
from ostiary.ports.pool_store import NotADump

_BYTES: Final = "base64"
Json = dict[str, Any]  # Any: JSON


def _to_json(value: object) -> object:
    if isinstance(value, bytes):
        return {_BYTES: base64.b64encode(value).decode("ascii")}
    return value


def _from_json(value: object) -> object:
    if isinstance(value, dict):
        return base64.b64decode(value[_BYTES], validate=True)
    return value


async def dump_tables(db: AsyncConnection) -> Json:
    """The rows of every table, by its name."""
    found: Json = {}
    for table in METADATA.sorted_tables:
        rows = (await db.execute(select(table))).mappings().all()
        found[table.name] = [{k: _to_json(v) for k, v in row.items()} for row in rows]
    return found


async def restore_tables(db: AsyncConnection, data: Mapping[str, Any]) -> None:
    """
    Empty every table, then fill it with the rows of a dump.

    Raises:
        NotADump: A table's rows are not its rows.
    """
    for table in reversed(METADATA.sorted_tables):
        await db.execute(delete(table))
    for table in METADATA.sorted_tables:
        rows = _read_rows(table, data.get(table.name, []))
        if rows:
            await db.execute(insert(table), rows)


def _read_rows(table: Table, given: object) -> list[Json]:
    names = {column.name for column in table.columns}
    try:
        if not isinstance(given, list) or any(set(row) != names for row in given):
            raise NotADump(f"no rows of {table.name}")
        return [{k: _from_json(v) for k, v in row.items()} for row in given]
    except (KeyError, TypeError, ValueError) as error:
        raise NotADump(f"no rows of {table.name}") from error
