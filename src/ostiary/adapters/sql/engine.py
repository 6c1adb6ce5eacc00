"""
Engines: connection settings, transactions, migrations, and where foreign errors stop.

SQLite runs in WAL mode with foreign keys on; transactions that write begin IMMEDIATE, so that
two writers queue instead of failing half-way (busy_timeout bounds the wait).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ostiary.ports.pool_store import AlreadyExists, StoreUnavailable

_BUSY_TIMEOUT_MS = 5000
_WRITES = "ostiary_writes"


def _normal_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"sqlite+aiosqlite{separator}{rest}" if scheme == "sqlite" else url


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _connected(
        connection: Any, _record: object
    ) -> None:  # Any: the driver's own type
        # The driver must not begin transactions by itself: it would do so late, and deferred.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
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
    """An engine with two kinds of transactions."""

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(_normal_url(url), hide_parameters=True)
        if self._engine.dialect.name == "sqlite":
            _check_folder(self._engine.url.database)
            _prepare_sqlite(self._engine)
        self._writer = self._engine.execution_options(**{_WRITES: True})

    async def upgrade(self) -> None:
        """Bring the schema to the newest step, in one transaction."""
        async with self.writing() as connection:
            await connection.run_sync(_run_migrations)

    async def close(self) -> None:
        await self._engine.dispose()

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that only reads."""
        return _transaction(self._engine)

    def writing(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that may write; commits at the end, rolls back on any error."""
        return _transaction(self._writer)


def _run_migrations(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "ostiary.adapters.sql:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@asynccontextmanager
async def _transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    try:
        async with engine.begin() as connection:
            yield connection
    except IntegrityError as error:
        raise AlreadyExists("a unique name is taken") from error
    except (SQLAlchemyError, OSError) as error:
        # Only the kind: messages of the driver can hold values.
        raise StoreUnavailable(
            f"the database failed: {type(error).__name__}"
        ) from error
