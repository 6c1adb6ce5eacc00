"""Databases: SQLite through aiosqlite, PostgreSQL through asyncpg; one engine for both."""
