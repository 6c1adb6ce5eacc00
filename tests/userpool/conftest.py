"""The databases that the store of the user pool is tested on."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ostiary.adapters.sql import open_store
from tests.support.postgres_server import PostgresServer, postgres_server
from tests.userpool.shortcuts import read_keys_once


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over what stays until the end: 0.3 s each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def known_keys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        read_keys_once(patch)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: PostgresServer) -> str:
    """A database with the newest tables; who changes tables takes `empty_database_url`."""
    name = postgres.make_database()

    async def migrate() -> None:
        async with open_store(postgres.url(name)):
            pass

    with ThreadPoolExecutor(1) as apart:  # apart from the event loops of tests
        apart.submit(asyncio.run, migrate()).result()
    return name


@pytest.fixture
def postgres_url(postgres: PostgresServer, migrated: str) -> Iterator[str]:
    """A PostgreSQL database with tables and nothing in them: a new one takes 0.3 s."""
    yield postgres.url(migrated)
    postgres.empty_database(migrated)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'pool.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """As `database_url`, without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'pool.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.make_database()
    yield server.url(name)
    server.drop_database(name)
