"""One whole node for all tests that leave it as they found it, and the databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_asyncio

from ostiary.adapters.sql import open_store
from ostiary.cli.demo import steps
from tests.contract.page_node import PageNode
from tests.support.lean_node import eventually
from tests.support.node import running_node
from tests.support.postgres_server import PostgresServer, postgres_server

SHARED = "page_node"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def made_node(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[PageNode]:
    """Not for tests: they take `page_node`."""
    async with running_node(tmp_path_factory.mktemp("page")) as node:
        made = await asyncio.to_thread(
            steps.perform, node.site, node.file, {}, lambda _: None
        )
        yield PageNode(node=node, made=made, file=node.file.read_text())


@pytest_asyncio.fixture(loop_scope="session")
async def page_node(made_node: PageNode) -> AsyncIterator[PageNode]:
    """The node that others use too; who does not leave it as it was is told."""
    yield made_node

    async def in_order() -> bool:
        return await asyncio.to_thread(made_node.is_as_made)

    try:
        await eventually(in_order)
    except AssertionError:
        await asyncio.to_thread(made_node.restart)
        raise


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who shares the node shares the event loop of its upstream and its mailbox."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and SHARED in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
