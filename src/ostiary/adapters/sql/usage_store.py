"""The counts of applications in the configuration's database: one row for each day and service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, Integer, String, Table, delete, insert, select, update

from ostiary.adapters.sql.config_tables import METADATA
from ostiary.adapters.sql.engine import Database
from ostiary.ports.usage import KEPT_DAYS, Used

_ID_CHARS: Final = 36

APPLICATION_USAGE = Table(
    "application_usage",
    METADATA,
    Column("application", String(_ID_CHARS), primary_key=True),
    Column("service", String(_ID_CHARS), primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("ok", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
)
_COUNTS: Final = ("ok", "refused", "failed")


class SqlUsageStore:
    """The usage port on a database whose tables are up to date."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, used: Sequence[Used]) -> None:
        if not used:
            return
        table = APPLICATION_USAGE
        async with self._database.writing() as db:
            for one in used:
                here = (
                    (table.c.application == one.application)
                    & (table.c.service == one.service)
                    & (table.c.day == one.day)
                )
                more = {n: table.c[n] + getattr(one, n) for n in _COUNTS}
                changed = await db.execute(update(table).where(here).values(more))
                if not changed.rowcount:
                    values = {n: getattr(one, n) for n in Used.__dataclass_fields__}
                    await db.execute(insert(table).values(values))
            oldest = max(one.day for one in used) - KEPT_DAYS
            await db.execute(delete(table).where(table.c.day < oldest))

    async def read(self, application: str, *, since: int) -> tuple[Used, ...]:
        table = APPLICATION_USAGE
        query = (
            select(table)
            .where(table.c.application == application, table.c.day >= since)
            .order_by(table.c.day, table.c.service)
        )
        async with self._database.reading() as db:
            rows = (await db.execute(query)).mappings().all()
        return tuple(Used(**row) for row in rows)
