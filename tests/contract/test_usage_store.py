"""The usage port: one suite, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ostiary.adapters.sql.config_store import open_config_store
from ostiary.ports.usage import KEPT_DAYS, UsageStore, Used
from tests.support.postgres_server import PostgresServer, postgres_server

KEY = b"k" * 32
APP, OTHER, SERVICE = "a" * 36, "b" * 36, "s" * 36


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[UsageStore]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'config.db'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.url(server.make_database())
    opened = await open_config_store(url, KEY)
    try:
        yield opened.open_usage()
    finally:
        await opened.close()


@pytest.mark.spec("portal#5.2")
async def test_counts_of_a_day_add_up(store: UsageStore) -> None:
    await store.add([Used(application=APP, service=SERVICE, day=100, ok=2)])
    await store.add([Used(application=APP, service=SERVICE, day=100, ok=1, failed=3)])
    await store.add([Used(application=APP, service=SERVICE, day=101, refused=1)])
    await store.add([Used(application=OTHER, service=SERVICE, day=100, ok=9)])

    assert await store.read(APP, since=100) == (
        Used(application=APP, service=SERVICE, day=100, ok=3, failed=3),
        Used(application=APP, service=SERVICE, day=101, refused=1),
    )
    assert len(await store.read(APP, since=101)) == 1
    assert await store.read("c" * 36, since=0) == ()


@pytest.mark.spec("portal#5.2")
async def test_days_that_nobody_asks_about_are_let_go(store: UsageStore) -> None:
    await store.add([Used(application=APP, service=SERVICE, day=100, ok=1)])
    await store.add([Used(application=APP, service=SERVICE, day=101 + KEPT_DAYS, ok=1)])

    assert [used.day for used in await store.read(APP, since=0)] == [101 + KEPT_DAYS]
