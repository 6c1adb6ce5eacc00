"""One demo, one Chromium and one signed-up person for the whole session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from ostiary.cli.demo.browser import launch_browser
from ostiary.cli.demo.values import DemoState
from tests.browser.demo_process import is_alive, start_demo
from tests.browser.demo_routes import (
    apply_config,
    build_awkward_config,
    register_callback,
)
from tests.browser.factor_pools import build_pools
from tests.browser.visits import Visitor, open_context, sign_up_someone


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoState]:
    folder = tmp_path_factory.mktemp("browser") / "demo"
    with start_demo(folder) as process:
        state = process.wait_ready()
        register_callback(state, f"{state.proxy_tls_url}/staff")
        apply_config(state, build_awkward_config(state))
        yield state
        status = process.interrupt()

        assert status == 0, process.output
        assert [pid for pid in state.pids if is_alive(pid)] == []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(demo: DemoState) -> AsyncIterator[Browser]:
    async with launch_browser(ca_file=Path(demo.ca_file)) as launched:
        yield launched


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def visitor(browser: Browser, demo: DemoState) -> Visitor:
    async with open_context(browser) as context:
        someone = await sign_up_someone(demo, context)
    return replace(someone, pools=await asyncio.to_thread(build_pools, demo))


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    async with open_context(browser) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here shares the browser's event loop."""
    here = Path(__file__).parent
    shared = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if here in item.path.parents and asyncio.iscoroutinefunction(
            getattr(item, "function", None)
        ):
            item.add_marker(shared, append=False)
