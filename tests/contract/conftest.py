"""One whole node for all tests that leave it as they found it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.contract.page_node import PageNode
from tests.support.lean_node import eventually
from tests.support.node import running_node
from tests.support.page_file import perform_page

SHARED = "page_node"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def made_node(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[PageNode]:
    """Not for tests: they take `page_node`."""
    async with running_node(tmp_path_factory.mktemp("page")) as node:
        made = await asyncio.to_thread(perform_page, node.site, node.file)
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who shares the node shares the event loop of its upstream and its mailbox."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and SHARED in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
