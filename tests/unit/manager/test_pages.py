"""Every page over a real Admin API: lists, rows, forms, and what is kept from whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.manager.manager_kit import HOME, Browser, Site, manager_site

PAGES = (
    "", "/services", "/services/new", "/routes", "/routes/new", "/consumers", "/consumers/new",
    "/consumer_groups", "/consumer_groups/new", "/plugins", "/plugins/select", "/upstreams",
    "/upstreams/new", "/certificates", "/certificates/new", "/snis", "/snis/new",
    "/ca_certificates", "/ca_certificates/new", "/keys", "/keys/new", "/key-sets",
    "/key-sets/new", "/vaults", "/vaults/new", "/rbac/users", "/rbac/users/new", "/rbac/roles",
    "/rbac/roles/new", "/portal", "/audit", "/audit?of=objects", "/flows", "/info",
)  # fmt: skip


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with manager_site(tmp_path) as found:
        yield found


@pytest.fixture
def tab(site: Site) -> Browser:
    return site.tab()


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_opens_on_an_empty_node(tab: Browser, path: str) -> None:
    page = await tab.get(HOME + path)

    assert page.status == 200, page.words
    assert "<h1>" in page.text
    assert "default-src 'none'" in page.header("content-security-policy")
    assert page.header("cache-control") == "no-store"


PLUGINS = (
    "acl", "basic-auth", "correlation-id", "cors", "file-log", "http-log", "ip-restriction", "jwt",
    "key-auth", "openid-connect", "prometheus", "rate-limiting", "request-size-limiting",
    "request-termination", "request-transformer", "response-transformer",
)  # fmt: skip


@pytest.mark.parametrize("name", PLUGINS)
async def test_every_plugin_has_a_form(tab: Browser, name: str) -> None:
    page = await tab.get(f"{HOME}/plugins/new?name={name}")

    assert page.status == 200, page.words
    assert f"New {name}" in page.words
