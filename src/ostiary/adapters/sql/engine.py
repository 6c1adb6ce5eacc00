"""
Engines: connection settings, transactions, migrations, and where foreign errors stop.

SQLite runs in WAL mode with foreign keys on; transactions that write begin IMMEDIATE, so that
two writers queue instead of failing half-way (busy_timeout bounds the wait). On PostgreSQL who
reads in order to write locks the row first (`with_for_update`), in a statement of its own.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from ostiary.adapters.sql import postgresql, sqlite
from ostiary.ports.pool_store import AlreadyExists, StoreUnavailable

_BUSY_TIMEOUT_MS = 5000
_BUSY_PAUSE_MS = 10
_COMMAND_WITHIN_S = 10.0
# A step may build an index over every user, and a second node waits for the first.
_MIGRATION_WITHIN_S = 1800.0
_WRITES = "ostiary_writes"
_TAKEN = {"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}


def _build_engine(url: str, *, within_s: float) -> AsyncEngine:
    scheme, _, rest = url.partition("://")
    if scheme in postgresql.SCHEMES:
        return postgresql.build_engine(url, within_s=within_s)
    if scheme not in {"sqlite", "sqlite+aiosqlite"}:
        raise StoreUnavailable("the database's URL must be of SQLite or PostgreSQL")
    engine = create_async_engine(
        f"sqlite+aiosqlite://{rest}",
        hide_parameters=True,
        connect_args={"async_creator_fn": sqlite.connect},
    )
    _check_folder(engine.url.database)
    _prepare_sqlite(engine)
    return engine


def _use_wal(cursor: Any) -> None:  # Any: the driver's own type
    # Two nodes that open a new file at once both ask, and SQLite tells one at once that it is
    # busy, whatever busy_timeout says: each holds what the other needs.
    tries = _BUSY_TIMEOUT_MS // _BUSY_PAUSE_MS
    for left in reversed(range(tries)):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if not left:
                raise
            await_only(asyncio.sleep(_BUSY_PAUSE_MS / 1000))
        else:
            return


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _connected(
        connection: Any, _record: object
    ) -> None:  # Any: the driver's own type
        # The driver must not begin transactions by itself: it would do so late, and deferred.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
            "synchronous=NORMAL",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        _use_wal(cursor)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _check_folder(database: str | None) -> None:
    # The driver would fail as well, but leave its thread behind while doing so.
    if database and database != ":memory:" and not Path(database).parent.is_dir():
        raise StoreUnavailable("the database's folder does not exist")


class Database:
    """An engine with two kinds of transactions. `steps` is the folder of its migrations."""

    def __init__(
        self,
        url: str,
        *,
        within_s: float = _COMMAND_WITHIN_S,
        steps: str = "migrations",
    ) -> None:
        self._url = url
        self._steps = steps
        self._engine = _build_engine(url, within_s=within_s)
        if self._engine.dialect.name == "sqlite":
            self._reader = self._engine
            self._writer = self._engine.execution_options(**{_WRITES: True})
        else:
            self._reader = self._engine.execution_options(**postgresql.READING)
            self._writer = self._engine.execution_options(**postgresql.WRITING)

    async def upgrade(self) -> None:
        """Bring the schema to the newest step, in one transaction, one node at a time."""
        if self._engine.dialect.name == "sqlite":
            async with self.writing() as connection:
                await connection.run_sync(_run_migrations, self._steps)
            return
        patient = _build_engine(self._url, within_s=_MIGRATION_WITHIN_S)
        try:
            async with _transaction(patient) as connection:
                await connection.run_sync(postgresql.wait_for_migrations)
                await connection.run_sync(_run_migrations, self._steps)
        finally:
            await patient.dispose()

    async def close(self) -> None:
        await self._engine.dispose()

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that only reads, all of it as it was at one moment."""
        return _transaction(self._reader)

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that may write; commits at the end, rolls back on any error."""
        return _transaction(self._writer)


def _run_migrations(connection: Connection, steps: str) -> None:
    config = Config()
    config.set_main_option("script_location", f"ostiary.adapters.sql:{steps}")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _reason(error: BaseException) -> str:
    """The kind of an error as its driver calls it, and the database's own code."""
    said = (error.orig if isinstance(error, DBAPIError) else None) or error
    codes = (getattr(said, name, None) for name in ("sqlstate", "sqlite_errorname"))
    return " ".join((type(said.__cause__ or said).__name__, *filter(None, codes)))


@asynccontextmanager
async def _transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    # Raised from nothing, and only the kind: messages of drivers and servers hold values, and
    # would be written where an error that nobody expected is written with its causes.
    try:
        async with engine.begin() as connection:
            try:
                yield connection
            except TimeoutError:
                # A server that does not answer would not answer a rollback either.
                await connection.invalidate()
                raise
    except (SQLAlchemyError, OSError, *postgresql.ERRORS) as error:
        reason = _reason(error)
        if isinstance(error, IntegrityError) and _TAKEN & set(reason.split()):
            raise AlreadyExists("a unique name is taken") from None
        raise StoreUnavailable(f"the database failed: {reason}") from None
