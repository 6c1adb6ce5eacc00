"""Every page over a real Admin API: lists, rows, forms, and what is kept from whom."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.manager.config import Banners
from ostiary.node.manager import build_kconfig
from ostiary.settings import read_settings
from tests.unit.manager.manager_kit import HOME, Browser, Site, manager_site

PAGES = (
    "", "/services", "/services/new", "/routes", "/routes/new", "/consumers", "/consumers/new",
    "/consumer_groups", "/consumer_groups/new", "/plugins", "/plugins/select", "/upstreams",
    "/upstreams/new", "/certificates", "/certificates/new", "/snis", "/snis/new",
    "/ca_certificates", "/ca_certificates/new", "/keys", "/keys/new", "/key-sets",
    "/key-sets/new", "/vaults", "/vaults/new", "/rbac/users", "/rbac/users/new", "/rbac/roles",
    "/rbac/roles/new", "/admins", "/admins/invite", "/groups", "/groups/new", "/portal", "/audit", "/audit?of=objects", "/sessions", "/flows", "/info",
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


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example/x", "/\\/evil.example/x"])  # fmt: skip
async def test_a_link_of_another_site_leads_to_no_other_site(
    tab: Browser, path: str
) -> None:
    page = await tab.get(path, sec_fetch_site="cross-site", sec_fetch_mode="navigate")
    links = re.findall(r'class="button" href="([^"]*)">Open it here', page.text)

    assert page.status == 403
    assert links == ["/evil.example/x"]


async def test_a_form_is_sent_to_the_address_that_it_came_from(
    site: Site, tab: Browser
) -> None:
    await site.admin("POST", "/workspaces", {"name": "a b\\c"})
    page = await tab.get("/a b\\c/services/new")

    assert 'action="/a%20b%5Cc/services/new"' in page.text


@pytest.mark.parametrize("at", [1_700_000_000_000, 10**15])
async def test_one_row_with_an_odd_time_does_not_hide_the_others(
    site: Site, tab: Browser, at: int
) -> None:
    body = {"name": "odd", "host": "h.test", "created_at": at}
    row = await site.admin("POST", "/services", body)
    await site.admin("POST", "/services", {"name": "even", "host": "h.test"})
    pages = [await tab.get(f"{HOME}/services{p}") for p in ("", f"/{row['id']}")]

    assert [page.status for page in pages] == [200, 200]
    assert all(str(at) in page.words for page in pages)
    assert "even" in pages[0].words


async def test_links_that_delete_stay_in_a_workspace_that_is_called_edit(
    site: Site, tab: Browser
) -> None:
    await site.admin("POST", "/workspaces", {"name": "edit"})
    upstream = await site.admin("POST", "/edit/upstreams", {"name": "u.test"})
    below = f"/edit/upstreams/{upstream['id']}"
    target = await site.admin("POST", f"{below}/targets", {"target": "1.2.3.4:80"})
    page = await tab.get(below)

    assert f'href="{below}/targets/{target["id"]}/edit"' in page.text
    assert f'href="{below}/targets/{target["id"]}/delete"' in page.text


@pytest.mark.spec("gateway#5.6")
async def test_scripts_for_kong_manager_read_where_the_admin_api_is(
    tmp_path: Path,
) -> None:
    settings = read_settings(file_text=None, environ={}).settings
    async with manager_site(
        tmp_path, rbac=True, kconfig=build_kconfig(settings)
    ) as site:
        reply = await site.tab().get("/kconfig.js")
    found = json.loads(reply.text.partition("window.K_CONFIG = ")[2])

    assert reply.header("content-type").startswith("text/javascript")
    assert reply.header("cache-control") == "no-store"
    assert found["ADMIN_API_PORT"] == "8001"
    assert found["ADMIN_GUI_PATH"] == "/"
    assert found["ANONYMOUS_REPORTS"] == "false"


@pytest.mark.spec("portal#4.1")
async def test_pages_say_what_an_operator_has_them_say(tmp_path: Path) -> None:
    banners = Banners(
        header="Staging <b>",
        footer="Ask ops",
        title="Staff only",
        body="You are watched.",
    )
    async with manager_site(tmp_path, rbac=True, banners=banners) as site:
        asked = await site.tab().get("/auth/sign-in")
        tab = site.tab()
        await tab.sign_in()
        page = await tab.get("/default")

    assert "Staff only You are watched." in asked.words
    assert "Staging &lt;b&gt;" in page.text
    assert "Ask ops" in page.words
    assert "Staff only" not in page.words
