"""Records of pools: everything that is kept under a name as JSON."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, insert, select

from ostiary.adapters.sql import rows
from ostiary.adapters.sql.engine import Database
from ostiary.adapters.sql.tables import RECORDS
from ostiary.model.pool import Record, RecordKind


def _which(
    pool_id: str, kind: RecordKind, owner: str | None, name: str | None
) -> list[ColumnElement[bool]]:
    wanted = [RECORDS.c.pool_id == pool_id, RECORDS.c.kind == kind.value]
    if owner is not None:
        wanted.append(RECORDS.c.owner == owner)
    if name is not None:
        wanted.append(RECORDS.c.name == name)
    return wanted


class RecordTables:
    """The part of the pool store that is about records."""

    _database: Database

    async def add_record(self, record: Record) -> None:
        async with self._database.writing() as db:
            await db.execute(insert(RECORDS).values(rows.record_values(record)))

    async def save_record(self, record: Record) -> None:
        wanted = _which(record.pool_id, record.kind, record.owner, record.name)
        async with self._database.writing() as db:
            await db.execute(delete(RECORDS).where(*wanted))
            await db.execute(insert(RECORDS).values(rows.record_values(record)))

    async def load_record(
        self, *, pool_id: str, kind: RecordKind, name: str, owner: str = ""
    ) -> Record | None:
        query = select(RECORDS).where(*_which(pool_id, kind, owner, name))
        async with self._database.reading() as db:
            row = (await db.execute(query)).mappings().first()
        return rows.read_record(row) if row else None

    async def delete_record(
        self, *, pool_id: str, kind: RecordKind, name: str, owner: str = ""
    ) -> bool:
        query = delete(RECORDS).where(*_which(pool_id, kind, owner, name))
        async with self._database.writing() as db:
            return (await db.execute(query)).rowcount > 0

    async def delete_records(
        self,
        *,
        pool_id: str,
        kind: RecordKind,
        owner: str | None = None,
        name: str | None = None,
    ) -> None:
        query = delete(RECORDS).where(*_which(pool_id, kind, owner, name))
        async with self._database.writing() as db:
            await db.execute(query)

    async def list_records(
        self,
        *,
        pool_id: str,
        kind: RecordKind,
        owner: str | None = None,
        name: str | None = None,
        after: str = "",
        limit: int,
    ) -> tuple[Record, ...]:
        order = RECORDS.c.name if name is None else RECORDS.c.owner
        query = (
            select(RECORDS)
            .where(*_which(pool_id, kind, owner, name), order > after)
            .order_by(order)
            .limit(limit)
        )
        async with self._database.reading() as db:
            found = (await db.execute(query)).mappings().all()
        return tuple(map(rows.read_record, found))
