"""Databases: SQLite through aiosqlite, PostgreSQL through asyncpg; one store for both."""

from __future__ import annotations

from ostiary.adapters.sql.pool_store import open_store

__all__ = ["open_store"]
