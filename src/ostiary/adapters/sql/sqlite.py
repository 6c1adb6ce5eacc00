"""
SQLite's driver with one trip to its thread for each statement.

aiosqlite goes there to make a cursor, to execute, to fetch and to close: four trips of some
0.1 ms each, many times what SQLite does meanwhile. Here rows are fetched where the statement is
executed, and cursors, which do nothing by themselves, are made and closed on the way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import partial
from typing import Any

import aiosqlite

_CHUNK = 64


class _Cursor(aiosqlite.Cursor):
    """Holds what its statement found."""

    _found: list[Any]
    _is_quiet = True

    async def execute(
        self, sql: str, parameters: Iterable[Any] | None = None
    ) -> aiosqlite.Cursor:
        # Not quiet again after a failure or when nobody waits any more: the thread may be at it.
        self._is_quiet = False
        self._found = await self._execute(  # type: ignore[no-untyped-call]  # theirs
            self._execute_and_fetch, sql, parameters or ()
        )
        self._is_quiet = True
        return self

    def _execute_and_fetch(self, sql: str, parameters: Any) -> Any:  # Any: the driver's
        self._cursor.execute(sql, parameters)
        return self._cursor.fetchall()

    async def fetchall(self) -> Iterable[Any]:
        return self._found

    async def close(self) -> None:
        if self._is_quiet:
            self._cursor.close()
        else:
            await super().close()


class _Connection(aiosqlite.Connection):
    def cursor(self) -> _Cursor:  # type: ignore[override]  # made at once, entered as theirs
        return _Cursor(self, self._conn.cursor())


def connect(database: str, **options: Any) -> _Connection:  # Any: sqlite3's
    """A connection that is not open yet, as `aiosqlite.connect` makes them."""
    options["check_same_thread"] = False
    made = _Connection(partial(sqlite3.connect, database, **options), _CHUNK)
    made._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does to those it makes
    return made
