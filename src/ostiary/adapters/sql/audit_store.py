"""
The audit log in the configuration's database: one code path for SQLite and PostgreSQL.

A request's record is one insert. Once in a second of the clock an insert also lets some records
go whose time is over; until then nobody is shown them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Table,
    delete,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from ostiary.adapters.sql.audit_tables import AUDIT_OBJECTS, AUDIT_REQUESTS
from ostiary.adapters.sql.engine import Database
from ostiary.ports.audit import Found, ObjectRecord, RequestRecord, Search

# Far more than a node records in a second, and milliseconds of work.
GONE_AT_ONCE: Final = 500


async def keep_objects(db: AsyncConnection, records: Sequence[ObjectRecord]) -> None:
    """Keep records of rows, in the transaction that changes the rows."""
    await db.execute(insert(AUDIT_OBJECTS), [asdict(record) for record in records])


class SqlAuditLog:
    """The audit log port on a database whose tables are up to date."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cleaned_at: int | None = None

    async def keep(self, record: RequestRecord) -> None:
        now = record.request_timestamp
        async with self._database.writing() as db:
            await db.execute(insert(AUDIT_REQUESTS).values(asdict(record)))
            if self._cleaned_at != now:
                self._cleaned_at = now
                for table in (AUDIT_REQUESTS, AUDIT_OBJECTS):
                    await _let_go(db, table, now)

    async def requests(self, search: Search, *, now: int) -> Found[RequestRecord]:
        rows, total, behind = await self._find(AUDIT_REQUESTS, search, now)
        records = tuple(RequestRecord(**_without_number(row)) for row in rows)
        return Found(records=records, total=total, behind=behind)

    async def objects(self, search: Search, *, now: int) -> Found[ObjectRecord]:
        rows, total, behind = await self._find(AUDIT_OBJECTS, search, now)
        records = tuple(ObjectRecord(**_without_number(row)) for row in rows)
        return Found(records=records, total=total, behind=behind)

    async def _find(
        self, table: Table, search: Search, now: int
    ) -> tuple[Sequence[RowMapping], int, int | None]:
        wanted = _wanted(table, search, now)
        query = select(table).where(*wanted)
        if search.behind is not None:
            query = query.where(table.c.number < search.behind)
        query = query.order_by(table.c.number.desc()).limit(search.size + 1)
        every = select(func.count(literal_column("*"))).select_from(table)
        async with self._database.reading() as db:
            found = (await db.execute(query)).mappings().all()
            total = int((await db.execute(every.where(*wanted))).scalar_one())
        rows = found[: search.size]
        more = len(found) > search.size
        return rows, total, int(rows[-1]["number"]) if more else None


def _wanted(table: Table, search: Search, now: int) -> list[ColumnElement[bool]]:
    at = table.c.request_timestamp
    wanted = [table.c.expires_at > now]
    wanted += [table.c[name] == value for name, value in search.values.items()]
    if search.after is not None:
        wanted.append(at >= search.after)
    if search.before is not None:
        wanted.append(at < search.before)
    return wanted


def _without_number(row: RowMapping) -> dict[str, Any]:  # Any: columns
    return {name: value for name, value in row.items() if name != "number"}


async def _let_go(db: AsyncConnection, table: Table, now: int) -> None:
    # Skipped where another node lets the same ones go: two that wait for each other would
    # cost one of them its record.
    some = (
        select(table.c.number)
        .where(table.c.expires_at <= now)
        .order_by(table.c.expires_at)
        .limit(GONE_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    await db.execute(delete(table).where(table.c.number.in_(some)))
