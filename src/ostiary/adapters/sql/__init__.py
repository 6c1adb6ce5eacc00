"""Databases: SQLite through aiosqlite today, written so that PostgreSQL can follow."""

from __future__ import annotations

from ostiary.adapters.sql.pool_store import open_store

__all__ = ["open_store"]
