"""The console in a real browser: the page's clicks, the keyboard alone, and nobody kept out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Page

from ostiary.cli.demo.check import enter_code, new_person, read_code, sign_in, sign_up
from ostiary.cli.demo.values import DemoState
from tests.browser.console_walk import (
    Made,
    add_client,
    add_domain,
    create_pool,
    exchange,
    reach,
    serve_callback,
    set_client,
)
from tests.browser.judging import judge_as_ours
from tests.browser.visits import Visitor, open_context

Open = Callable[[Page, Visitor], Awaitable[object]]


def console_of(state: DemoState) -> str:
    return f"{state.userpool_url}/console"


async def test_the_pages_clicks_end_in_a_working_login(
    demo: DemoState, browser: Browser
) -> None:
    """Every click of the page, in its order, and then a person of the new pool."""
    person = new_person()
    async with (
        serve_callback() as callback,
        open_context(browser) as operator,
        open_context(browser) as visitor,
    ):
        page = await operator.new_page()
        pool_id = await create_pool(page, console_of(demo))
        client_id = await add_client(page)
        await set_client(page, callback)
        home = await add_domain(page, demo.domain, "console-walk")
        made = Made(pool_id=pool_id, client_id=client_id, home=home)
        tab, mail = await visitor.new_page(), await visitor.new_page()
        await tab.goto(made.sign_in_url(callback))
        await tab.get_by_role("link", name="Sign up", exact=True).click()
        await sign_up(tab, person)
        await enter_code(tab, await read_code(mail, demo.mailbox_url, person.email))
        await tab.get_by_role("heading", name="Signed in").wait_for()
        first = await asyncio.to_thread(
            exchange, demo, made, await callback.code(), callback
        )
        await visitor.clear_cookies()
        await tab.goto(made.sign_in_url(callback))
        await sign_in(tab, email=person.email, password=person.password)
        await tab.get_by_role("heading", name="Signed in").wait_for()
        again = await asyncio.to_thread(
            exchange, demo, made, await callback.code(), callback
        )
        await page.get_by_role("link", name="Users and groups").click()
        row = page.get_by_role("row").filter(has_text=person.email)

        assert first["email"] == person.email
        assert again["sub"] == first["sub"]
        assert first["iss"].endswith(f"/{pool_id}")
        assert await row.get_by_text("CONFIRMED", exact=True).count() == 1


async def test_a_pool_can_be_made_by_keyboard_alone(
    demo: DemoState, page: Page
) -> None:
    await page.goto(f"{console_of(demo)}/create-pool")
    await reach(page, "Pool name")
    await page.keyboard.type("keyboard-pool")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Attributes", level=1).wait_for()
    await reach(page, "Username")
    await page.keyboard.press("ArrowDown")
    await reach(page, "family name")
    await page.keyboard.press("Space")
    await reach(page, "Next step")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Policies", level=1).wait_for()
    await reach(page, "Review")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Review", level=1).wait_for()

    assert await page.get_by_text("email, family_name").count() == 1

    await reach(page, "Create pool")
    await page.keyboard.press("Enter")
    await page.get_by_role("status").filter(has_text="created successfully").wait_for()


async def test_a_mistake_is_focused_and_told(demo: DemoState, page: Page) -> None:
    await page.goto(f"{console_of(demo)}/create-pool")
    await page.get_by_role("button", name="Step through settings").click()
    field = page.get_by_label("Pool name")
    await page.get_by_role("alert").wait_for()

    assert await field.get_attribute("aria-invalid") == "true"
    assert await field.evaluate("e => e === document.activeElement")
    assert "at 'poolName'" in await page.locator("#pool_name-error").inner_text()


async def test_another_sites_form_makes_no_pool(demo: DemoState, page: Page) -> None:
    await page.goto("about:blank")
    target = f"{console_of(demo)}/create-pool"
    await page.set_content(
        f'<form method="post" action="{target}"><button>Send</button></form>'
    )
    async with page.expect_response(target) as waiting:
        await page.get_by_role("button").click()

    assert (await waiting.value).status == 403


def at(path: str) -> Open:
    async def go(page: Page, visitor: Visitor) -> None:
        pool = f"/pools/{visitor.state.user_pool_id}"
        await page.goto(
            console_of(visitor.state)
            + path.format(pool=pool, client=visitor.state.client_id)
        )

    return go


async def user(page: Page, visitor: Visitor) -> None:
    await at("{pool}/users")(page, visitor)
    await page.get_by_label("Begins with").fill(visitor.person.email)
    await page.get_by_role("button", name="Search").click()
    row = page.get_by_role("row").filter(has_text=visitor.person.email)
    await row.get_by_role("link").click()


async def client_details(page: Page, visitor: Visitor) -> None:
    await at("{pool}/clients")(page, visitor)
    await page.get_by_text("Show Details").click()
    await page.locator("summary").filter(has_text="The API calls").click()


async def client_permissions(page: Page, visitor: Visitor) -> None:
    await at("{pool}/clients/new")(page, visitor)
    await page.get_by_text("Set attribute read and write permissions").click()


async def settings_refused(page: Page, visitor: Visitor) -> None:
    await at("{pool}/client-settings/{client}")(page, visitor)
    await page.get_by_label("Callback URL(s)").fill("http://kong-ee:8443/cognito")
    await page.get_by_role("button", name="Save changes").click()
    await page.locator("#callback_urls-error").wait_for()


def wizard(key: str) -> Open:
    async def go(page: Page, visitor: Visitor) -> None:
        await at("/create-pool")(page, visitor)
        await page.get_by_label("Pool name").fill("never-made")
        await page.locator(f"button.step[value={key}]").click()

    return go


WIZARD = (
    *("attributes", "policies", "mfa", "messages", "tags"),
    *("devices", "clients", "triggers", "review"),
)
PAGES: dict[str, Open] = {
    "console": at(""),
    "console_empty": at("?region=eu-west-1"),
    "console_general": at("{pool}"),
    "console_clients": at("{pool}/clients"),
    "console_client_details": client_details,
    "console_client_new": client_permissions,
    "console_client_delete": at("{pool}/clients/delete?client={client}"),
    "console_client_settings": at("{pool}/client-settings/{client}"),
    "console_settings_refused": settings_refused,
    "console_domain": at("{pool}/domain"),
    "console_users": at("{pool}/users"),
    "console_nobody": at("{pool}/users?field=email&text=nobody-at-all"),
    "console_user": user,
    "console_user_new": at("{pool}/users/new"),
    "console_groups": at("{pool}/groups"),
    "console_servers": at("{pool}/resource-servers"),
    "console_providers": at("{pool}/identity-providers"),
    "console_delete": at("{pool}/delete"),
    "console_missing": at("/pools/ap-southeast-1_nothing00"),
    "console_wizard_name": at("/create-pool"),
    **{f"console_wizard_{key}": wizard(key) for key in WIZARD},
}


@pytest.mark.spec("WCAG22")
@pytest.mark.parametrize("name", PAGES)
async def test_nobody_is_kept_out_of_the_console(
    browser: Browser, visitor: Visitor, name: str
) -> None:
    async with open_context(browser, reduced_motion="reduce") as context:
        page = await context.new_page()
        await PAGES[name](page, visitor)

        await judge_as_ours(page, name)
