"""
Session records in the configuration's database: for the sites, which are few to ask.

Names longer than a column are kept by their digest. What has ended is never shown; now and then
a write lets some of it go.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import Table, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ostiary.adapters.sql.engine import Database
from ostiary.adapters.sql.session_tables import (
    MAX_KEY_CHARS,
    SESSION_MEMBERS,
    SESSION_RECORDS,
)
from ostiary.ports.clock import Clock
from ostiary.ports.pool_store import AlreadyExists, StoreUnavailable
from ostiary.ports.shared import SharedUnavailable

# Once in so many seconds of the clock, ended rows go.
_CLEAN_EVERY_S: Final = 60


def _short(text: str) -> str:
    if len(text) < MAX_KEY_CHARS and "\x00" not in text:
        return text
    return "#" + hashlib.sha256(text.encode()).hexdigest()


class SqlSessionStore:
    """
    The session store port on a database whose tables are up to date.

    Of two who set a new key in the same moment, one may be told that it could not.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._cleaned_at = 0.0

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.reading() as db:
                yield db
        except (StoreUnavailable, AlreadyExists) as error:
            raise SharedUnavailable(str(error)) from error

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.writing() as db:
                yield db
                await self._clean(db)
        except (StoreUnavailable, AlreadyExists) as error:
            raise SharedUnavailable(str(error)) from error

    async def _clean(self, db: AsyncConnection) -> None:
        now = self._clock.now()
        if now - self._cleaned_at < _CLEAN_EVERY_S:
            return
        self._cleaned_at = now
        for table in (SESSION_RECORDS, SESSION_MEMBERS):
            await db.execute(delete(table).where(table.c.expires_at <= now))

    async def get(self, key: str) -> bytes | None:
        record = SESSION_RECORDS
        query = select(record.c.value).where(
            record.c.key == _short(key), record.c.expires_at > self._clock.now()
        )
        async with self._reading() as db:
            found = (await db.execute(query)).scalar_one_or_none()
        return None if found is None else bytes(found)

    async def keys(self, part: str, *, most: int) -> tuple[tuple[str, float], ...]:
        record = SESSION_RECORDS
        query = (
            select(record.c.key, record.c.expires_at)
            .where(
                record.c.key.contains(part, autoescape=True),
                record.c.expires_at > self._clock.now(),
            )
            .order_by(record.c.expires_at.desc(), record.c.key)
            .limit(most)
        )
        async with self._reading() as db:
            return tuple((key, ends) for key, ends in await db.execute(query))

    async def records(
        self, start: str, *, most: int
    ) -> tuple[tuple[str, bytes, float], ...]:
        record = SESSION_RECORDS
        query = (
            select(record.c.key, record.c.value, record.c.expires_at)
            .where(
                record.c.key.startswith(start, autoescape=True),
                record.c.expires_at > self._clock.now(),
            )
            .order_by(record.c.expires_at.desc(), record.c.key)
            .limit(most)
        )
        async with self._reading() as db:
            rows = await db.execute(query)
            return tuple((key, bytes(value), ends) for key, value, ends in rows)

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        async with self._writing() as db:
            row = {"key": _short(key), "value": value}
            await self._put(db, SESSION_RECORDS, row, ("key",), ttl_s)

    async def _put(
        self,
        db: AsyncConnection,
        table: Table,
        row: dict[str, Any],  # Any: columns
        keys: tuple[str, ...],
        ttl_s: float,
    ) -> None:
        """A row in place of the one with its keys; without time left there is none."""
        same = and_(*(table.c[name] == row[name] for name in keys))
        if ttl_s <= 0:
            await db.execute(delete(table).where(same))
            return
        made = {**row, "expires_at": self._clock.now() + ttl_s}
        changed = await db.execute(update(table).where(same).values(made))
        if not changed.rowcount:
            await db.execute(insert(table).values(made))

    async def replace(self, key: str, old: bytes, new: bytes, *, ttl_s: float) -> bool:
        record, now = SESSION_RECORDS, self._clock.now()
        same = and_(
            record.c.key == _short(key),
            record.c.value == old,
            record.c.expires_at > now,
        )
        if ttl_s <= 0:
            change: Any = delete(record).where(same)  # Any: one of two statements
        else:
            values = {"value": new, "expires_at": now + ttl_s}
            change = update(record).where(same).values(values)
        async with self._writing() as db:
            return bool((await db.execute(change)).rowcount)

    async def overwrite(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        record, now = SESSION_RECORDS, self._clock.now()
        living = and_(record.c.key == _short(key), record.c.expires_at > now)
        async with self._writing() as db:
            values = {"value": value, "expires_at": now + max(0.0, ttl_s)}
            done = await db.execute(update(record).where(living).values(values))
            return bool(done.rowcount)

    async def keep(self, key: str, *, ttl_s: float) -> bool:
        record, now = SESSION_RECORDS, self._clock.now()
        living = and_(record.c.key == _short(key), record.c.expires_at > now)
        async with self._writing() as db:
            values = {"expires_at": now + max(0.0, ttl_s)}
            done = await db.execute(update(record).where(living).values(values))
            return bool(done.rowcount)

    async def delete(self, key: str) -> None:
        record = SESSION_RECORDS
        async with self._writing() as db:
            await db.execute(delete(record).where(record.c.key == _short(key)))

    async def index(self, name: str, member: str, *, ttl_s: float) -> None:
        async with self._writing() as db:
            row = {"name": _short(name), "member": member}
            await self._put(db, SESSION_MEMBERS, row, ("name", "member"), ttl_s)

    async def members(self, name: str) -> tuple[str, ...]:
        member = SESSION_MEMBERS
        query = (
            select(member.c.member)
            .where(
                member.c.name == _short(name),
                member.c.expires_at > self._clock.now(),
            )
            .order_by(member.c.expires_at)
        )
        async with self._reading() as db:
            return tuple((await db.execute(query)).scalars().all())

    async def unindex(self, name: str, member: str) -> None:
        listed = SESSION_MEMBERS
        async with self._writing() as db:
            await db.execute(
                delete(listed).where(
                    listed.c.name == _short(name), listed.c.member == member
                )
            )
