"""The Manager in a real browser: by clicks, by keyboard alone, and nobody kept out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from ostiary.cli.demo.values import DemoState
from tests.browser.console_walk import reach
from tests.browser.judging import judge_as_ours
from tests.browser.manager_site import ManagerSite, running_manager
from tests.browser.visits import open_context


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def manager(
    demo: DemoState, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ManagerSite]:
    async with running_manager(tmp_path_factory.mktemp("manager"), demo) as site:
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(
    browser: Browser, manager: ManagerSite
) -> AsyncIterator[BrowserContext]:
    """A browser that has signed in."""
    async with open_context(browser, reduced_motion="reduce") as context:
        page = await context.new_page()
        await manager.sign_in(page)
        await page.close()
        yield context


async def test_clicks_from_nothing_to_a_guarded_route(
    manager: ManagerSite, demo: DemoState, page: Page
) -> None:
    """Sign in, a workspace's service, its route, openid-connect on it; then the gateway asks for a sign-in."""
    await manager.sign_in(page)
    await page.get_by_role("link", name="default", exact=True).click()
    await page.get_by_role("link", name="Services", exact=True).click()
    await page.get_by_role("link", name="New service").click()
    await page.get_by_label("Name").fill("clicked")
    await page.get_by_label("URL", exact=True).fill(demo.upstream_url)
    await page.get_by_role("button", name="Create service").click()
    await page.get_by_role("status").filter(has_text="It was created").wait_for()
    await page.get_by_role("link", name="New route").click()
    await page.get_by_label("Name").fill("clicked-route")
    await page.get_by_label("Paths").fill("/clicked")
    await page.get_by_role("button", name="Create route").click()
    await page.get_by_role("link", name="New plugin").click()
    await page.get_by_role("link", name="openid-connect", exact=True).click()
    await page.get_by_label("Client ID").fill(demo.client_id)
    await page.locator("[id='config.issuer']").fill(demo.issuer)
    for box in await page.locator("input[name='config.auth_methods']").all():
        method = await box.get_attribute("value")
        await box.set_checked(method in {"authorization_code", "session"})
    async with page.expect_popup() as popup:
        await page.get_by_role("button", name="Test this configuration").click()
    result = await popup.value
    await result.get_by_role("heading", level=1).wait_for()
    told = await result.locator(".findings").inner_text()
    await result.close()
    await page.get_by_role("button", name="Create plugin").click()
    await page.get_by_role("status").filter(has_text="It was created").wait_for()
    uri = await page.locator(".uris code").inner_text()

    assert f"the provider says issuer {demo.issuer}" in told
    assert uri.endswith("/clicked")
    assert await page.get_by_text("clicked-route").count()

    got = await manager.node.proxy("/clicked/x", accept="text/html")

    assert got.status == 302
    assert demo.client_id in str(got.headers["location"])


async def test_a_plugin_is_switched_off_and_on_in_the_list(
    manager: ManagerSite, operator: BrowserContext
) -> None:
    page = await operator.new_page()
    await page.goto(f"{manager.url}/default/plugins")
    await page.get_by_role("button", name="Disable rate-limiting").click()
    await page.get_by_role("status").filter(has_text="is disabled").wait_for()
    await page.get_by_role("button", name="Enable rate-limiting").click()
    await page.get_by_role("status").filter(has_text="is enabled").wait_for()
    await page.close()


async def test_a_service_can_be_made_by_keyboard_alone(
    manager: ManagerSite, page: Page
) -> None:
    await page.goto(manager.url)
    await reach(page, "Token")
    await page.keyboard.type("a-long-random-token-of-kong-admin")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/workspaces")
    await reach(page, "payments")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/payments")
    await reach(page, "Services")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/payments/services")
    await reach(page, "New service")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/services/new")
    await reach(page, "Name")
    await page.keyboard.type("by-keyboard")
    await reach(page, "URL")
    await page.keyboard.type("http://keyboard.internal")
    await reach(page, "Create service")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="by-keyboard", level=1).wait_for()


async def test_a_mistake_is_focused_and_told(
    manager: ManagerSite, operator: BrowserContext
) -> None:
    page = await operator.new_page()
    await page.goto(f"{manager.url}/default/services/new")
    await page.get_by_label("Host").fill("orders.internal")
    await page.get_by_label("Path").fill("no-slash")
    await page.get_by_role("button", name="Create service").click()
    field = page.get_by_label("Path")
    await page.get_by_role("alert").first.wait_for()

    assert await field.get_attribute("aria-invalid") == "true"
    assert await field.input_value() == "no-slash"
    assert await field.evaluate("e => e === document.activeElement")
    assert "should start with: /" in await page.locator("#path-error").inner_text()

    await page.close()


async def test_another_sites_form_changes_nothing(
    manager: ManagerSite, operator: BrowserContext
) -> None:
    page = await operator.new_page()
    await page.goto("about:blank")
    target = f"{manager.url}/default/consumers/new"
    await page.set_content(
        f'<form method="post" action="{target}"><input name="username" value="eve">'
        "<button>Send</button></form>"
    )
    async with page.expect_response(target) as waiting:
        await page.get_by_role("button").click()

    assert (await waiting.value).status == 403
    assert "eve" not in str(await manager.admin("GET", "/consumers"))

    await page.close()


async def test_signing_out_leaves_nothing_open(
    manager: ManagerSite, page: Page
) -> None:
    await manager.sign_in(page)
    await page.get_by_role("link", name="Sign out").click()
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_role("status").filter(has_text="signed out").wait_for()
    await page.goto(f"{manager.url}/default/services")

    assert "/auth/sign-in" in page.url


PAGES = {
    "workspaces": "/workspaces",
    "workspace_new": "/workspaces/new",
    "overview": "/default",
    "services": "/default/services",
    "nothing_fits": "/default/services?name=nothing",
    "empty": "/payments/routes",
    "service": "/default/services/{service}",
    "service_edit": "/default/services/{service}/edit",
    "service_delete": "/default/services/{service}/delete",
    "route": "/default/routes/{route}",
    "route_new": "/default/routes/new?service={service}",
    "plugins": "/default/plugins",
    "gallery": "/default/plugins/select?route={route}",
    "oidc": "/default/plugins/{oidc}",
    "oidc_edit": "/default/plugins/{oidc}/edit",
    "rate_limiting": "/default/plugins/{plugin}/edit",
    "consumer": "/default/consumers/{consumer}",
    "key_new": "/default/consumers/{consumer}/key-auth/new",
    "upstream": "/default/upstreams/{upstream}",
    "upstream_edit": "/default/upstreams/{upstream}/edit",
    "certificate_new": "/default/certificates/new",
    "admins": "/default/admins",
    "admin": "/default/admins/{admin}",
    "admin_invite": "/default/admins/invite",
    "no_admins": "/payments/admins",
    "groups": "/default/groups",
    "group": "/default/groups/{group}",
    "group_new": "/default/groups/new",
    "sessions": "/default/sessions",
    "appearance": "/default/portal/appearance",
    "users": "/default/rbac/users",
    "user": "/default/rbac/users/{user}",
    "role": "/default/rbac/roles/{role}",
    "portal": "/default/portal",
    "portal-settings": "/default/portal/settings",
    "portal-files": "/default/portal/files",
    "portal-file": "/default/portal/files/edit?path=content/index.md",
    "portal-roles": "/default/developer-roles",
    "invite": "/default/developers/invite",
    "developers": "/default/developers/requested",
    "developer": "/default/developers/{developer}",
    "applications": "/default/applications",
    "application": "/default/applications/{application}",
    "audit": "/default/audit",
    "changes": "/default/audit?of=objects",
    "flows": "/default/flows",
    "info": "/default/info",
    "missing": "/default/nothing",
    "sign_out": "/auth/sign-out",
}


@pytest.mark.spec("WCAG22")
@pytest.mark.parametrize("name", PAGES)
async def test_nobody_is_kept_out_of_the_manager(
    manager: ManagerSite, operator: BrowserContext, name: str
) -> None:
    page = await operator.new_page()
    await page.goto(manager.url + PAGES[name].format(**manager.ids))
    await judge_as_ours(page, f"manager_{name}")
    await page.close()


@pytest.mark.spec("WCAG22")
async def test_nobody_is_kept_out_of_a_form_with_everything_unfolded(
    manager: ManagerSite, operator: BrowserContext
) -> None:
    page = await operator.new_page()
    await page.goto(f"{manager.url}/default/plugins/{manager.ids['oidc']}/edit")
    await page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")  # fmt: skip
    await judge_as_ours(page, "manager_unfolded")
    await page.close()


@pytest.mark.spec("WCAG22")
async def test_nobody_is_kept_out_of_signing_in(
    manager: ManagerSite, browser: Browser
) -> None:
    async with open_context(browser, reduced_motion="reduce") as context:
        page = await context.new_page()
        await page.goto(manager.url)
        await page.get_by_label("Token").fill("wrong")
        await page.get_by_role("button", name="Sign in").click()
        await page.locator("#token-error").wait_for()
        await judge_as_ours(page, "manager_sign_in_refused")
