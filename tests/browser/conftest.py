"""One demo, one Chromium and one signed-up person for the whole session."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import pytest_asyncio
import yaml
from playwright.async_api import Browser, BrowserContext, Page

from ostiary.cli.demo.browser import launch_browser
from ostiary.cli.demo.values import DemoState
from tests.browser.demo_process import is_alive, start_demo
from tests.browser.visits import Visitor, open_context, sign_up_someone

READY_S = 10


def _add_awkward_routes(state: DemoState, folder: Path) -> None:
    """Give the gateway two more routes: one whose upstream is dead, one that asks for a group."""
    config = yaml.safe_load((folder / "kong.yml").read_text(encoding="utf-8"))
    routes = config["services"][0]["routes"]
    page = next(r for r in routes if r["name"] == "cognito")
    oidc = page["plugins"][0]["config"]
    asks = {
        "groups_claim": ["cognito:groups"],
        "groups_required": ["nobody-is-in-it"],
    }
    routes.append(
        {
            "name": "staff",
            "paths": ["/staff"],
            "plugins": [{"name": "openid-connect", "config": oidc | asks}],
        }
    )
    config["services"].append(
        {
            "name": "dead",
            "url": "http://127.0.0.1:1",
            "routes": [{"name": "dead", "paths": ["/dead"]}],
        }
    )
    request = urllib.request.Request(
        f"{state.admin_url}/config",
        data=json.dumps(config).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10):
        pass
    deadline = time.monotonic() + READY_S
    while _status(f"{state.proxy_url}/dead") != 502:
        assert time.monotonic() < deadline, "the new routes did not come up"


def _register_callback(state: DemoState, url: str) -> None:
    client: Any = boto3.client(  # Any: boto3's clients are made at run time
        "cognito-idp",
        endpoint_url=state.userpool_url,
        region_name=state.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    ids = {"UserPoolId": state.user_pool_id, "ClientId": state.client_id}
    found = client.describe_user_pool_client(**ids)["UserPoolClient"]
    for name in ("CreationDate", "LastModifiedDate"):
        found.pop(name, None)
    found["CallbackURLs"].append(url)
    client.update_user_pool_client(**found)


def _status(url: str) -> int:
    # The gateway's name need not resolve outside a browser.
    host = url.split("/")[2]
    here = url.replace(host.partition(":")[0], "127.0.0.1", 1)
    request = urllib.request.Request(here, headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoState]:
    folder = tmp_path_factory.mktemp("browser") / "demo"
    with start_demo(folder) as process:
        state = process.wait_ready()
        _register_callback(state, f"{state.proxy_tls_url}/staff")
        _add_awkward_routes(state, folder)
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
        return await sign_up_someone(demo, context)


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
