"""At which step of its migrations a database is, without changing it."""

from __future__ import annotations

from alembic.migration import MigrationContext
from sqlalchemy import Connection

from ostiary.adapters.sql.config_store import STEPS, WITHIN_S
from ostiary.adapters.sql.config_tables import VERSION_TABLE
from ostiary.adapters.sql.engine import Database


def _read_step(connection: Connection) -> str | None:
    options = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


async def fetch_step(url: str, *, within_s: float = WITHIN_S) -> str | None:
    """
    The step of the configuration's tables; None where there are none yet.

    Raises:
        StoreUnavailable: The database does not answer.
    """
    database = Database(url, within_s=within_s, steps=STEPS)
    try:
        async with database.reading() as connection:
            return await connection.run_sync(_read_step)
    finally:
        await database.close()
