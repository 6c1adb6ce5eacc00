"""What tests of the user pool are given: sites and who talks to them, databases, time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ostiary.adapters.sql.pool_store import open_store
from tests.support.postgres_server import PostgresServer, postgres_server
from tests.userpool.console_kit import Console, open_console
from tests.userpool.hosted_people import Lobby, open_lobby
from tests.userpool.people_kit import Stage, open_stage
from tests.userpool.pool_kit import Demo, PoolSite, build_demo, open_site
from tests.userpool.pool_sdk import Sdk, serve_sdk
from tests.userpool.shortcuts import read_keys_once


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over what stays until the end, and come less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def known_keys() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        read_keys_once(patch)
        yield


# Sites. A test file that wants another one of the same name makes its own.


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[PoolSite]:
    """A site without pools."""
    async with open_site(tmp_path) as opened:
        yield opened


@pytest.fixture
async def demo(site: PoolSite) -> Demo:
    """The pool of the walk-through."""
    return await build_demo(site)


@pytest.fixture
async def sdk(site: PoolSite) -> AsyncIterator[Sdk]:
    async with serve_sdk(site.app) as client:
        yield client


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A site with a pool and a client, driven through the SDK."""
    async with open_stage(tmp_path) as opened:
        await opened.build()
        yield opened


@pytest.fixture
async def lobby(tmp_path: Path) -> AsyncIterator[Lobby]:
    """A browser in front of a site that has no pools yet."""
    async with open_lobby(tmp_path) as opened:
        yield opened


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Console]:
    async with open_console(tmp_path) as opened:
        yield opened


# Databases


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
