"""Signing in: the ways it should go, the ways it must not, and without hands or scripts."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from ostiary.cli.demo.check import (
    WRONG_PASSWORD,
    enter_code,
    read_code,
    require_place,
    sign_in,
)
from ostiary.cli.demo.values import DemoState
from tests.browser.visits import Visitor, host_of, open_context, sign_up_someone


async def _session_cookies(context: BrowserContext, state: DemoState) -> list[Any]:
    cookies = await context.cookies(state.proxy_tls_url)
    return [c for c in cookies if "session" in c["name"]]


async def _seen_callback(page: Page, visitor: Visitor) -> str:
    """Sign in, and return the callback's address as the browser asked for it."""
    prefix = f"{visitor.state.proxy_tls_url}/cognito?"
    seen: list[str] = []
    page.on(
        "request", lambda r: seen.append(r.url) if r.url.startswith(prefix) else None
    )
    await visitor.sign_in(page)

    assert len(seen) == 1
    assert "code=" in seen[0]
    return seen[0]


async def _assert_refused_page(page: Page, url: str) -> None:
    response = await page.goto(url)

    assert response is not None
    assert response.status == 400
    assert await page.get_by_role("heading", level=1).count() == 1
    assert await page.get_by_role("link", name="Sign in again").is_visible()


async def test_a_wrong_password_is_refused_and_starts_no_session(
    page: Page, context: BrowserContext, visitor: Visitor
) -> None:
    await page.goto(visitor.target)
    await sign_in(page, email=visitor.person.email, password="Wrong-password-1")
    await page.get_by_role("alert").wait_for()

    assert await page.get_by_role("alert").inner_text() == WRONG_PASSWORD
    assert await page.locator("#signInFormUsername").input_value() == (
        visitor.person.email
    )
    assert await page.locator("#signInFormPassword").input_value() == ""
    assert await _session_cookies(context, visitor.state) == []


async def test_a_tampered_session_cookie_asks_to_log_in_again(
    page: Page, context: BrowserContext, visitor: Visitor
) -> None:
    await visitor.sign_in(page)
    cookies = await _session_cookies(context, visitor.state)

    assert len(cookies) == 1

    value = cookies[0]["value"]
    middle = len(value) // 2
    other = "A" if value[middle] != "A" else "B"
    cookies[0]["value"] = value[:middle] + other + value[middle + 1 :]
    await context.clear_cookies(domain=host_of(visitor.state.hosted_ui_url))
    await context.add_cookies(cookies)
    await page.goto(visitor.target)
    await require_place(page, visitor.login_url)


async def test_a_tampered_state_is_refused_with_a_way_on(
    page: Page, visitor: Visitor
) -> None:
    await page.goto(visitor.target)
    state = parse_qs(urlsplit(page.url).query)["state"][0]
    middle = len(state) // 2
    other = "A" if state[middle] != "A" else "B"
    tampered = state[:middle] + other + state[middle + 1 :]
    callback = f"{visitor.state.proxy_tls_url}/cognito"
    await _assert_refused_page(page, f"{callback}?code=abc&state={tampered}")
    await page.get_by_role("link", name="Sign in again").click()
    await require_place(page, visitor.login_url)


async def test_a_callback_of_another_browser_is_refused(
    page: Page, browser: Browser, visitor: Visitor
) -> None:
    callback = await _seen_callback(page, visitor)
    async with open_context(browser) as other:
        await _assert_refused_page(await other.new_page(), callback)

        assert await _session_cookies(other, visitor.state) == []


async def test_a_callback_asked_for_again_leads_back_to_the_page(
    page: Page, visitor: Visitor
) -> None:
    callback = await _seen_callback(page, visitor)
    await page.goto(callback)
    await require_place(page, visitor.target)


@pytest.mark.spec("D2")
async def test_twenty_tabs_opened_at_once_all_arrive(
    page: Page, context: BrowserContext, visitor: Visitor
) -> None:
    await visitor.sign_in(page)
    await context.clear_cookies(domain=host_of(visitor.state.proxy_tls_url))
    targets = [f"{visitor.state.protected_url}?tab={n}" for n in range(20)]
    tabs = [await context.new_page() for _ in targets]
    responses = await asyncio.gather(
        *(tab.goto(url) for tab, url in zip(tabs, targets, strict=True))
    )

    assert [r.status if r else None for r in responses] == [200] * 20
    assert [tab.url for tab in tabs] == targets
    for number, tab in enumerate(tabs):
        line = await tab.locator("#request-line").inner_text()

        assert line.endswith(f"?tab={number}")


async def test_signing_up_and_in_works_without_scripts(
    browser: Browser, demo: DemoState
) -> None:
    async with open_context(browser, java_script_enabled=False) as context:
        visitor = await sign_up_someone(demo, context)
        await context.clear_cookies()
        await visitor.sign_in(await context.new_page())


async def test_signing_in_works_by_keyboard_alone(page: Page, visitor: Visitor) -> None:
    await page.goto(visitor.target)
    # The page puts the cursor there itself, a moment after it has loaded.
    await page.locator("#signInFormUsername:focus").wait_for()
    keys = page.keyboard
    await keys.type(visitor.person.email)
    await keys.press("Tab")
    await keys.type(visitor.person.password)
    await keys.press("Tab")

    assert await page.locator(":focus").inner_text() == "Forgot your password?"

    await keys.press("Tab")

    assert await page.locator(":focus").get_attribute("value") == "Sign in"

    await keys.press("Enter")
    await page.wait_for_url(visitor.target)


async def test_the_first_stop_of_the_keyboard_skips_to_the_content(
    page: Page, visitor: Visitor
) -> None:
    await visitor.sign_in(page)
    await page.keyboard.press("Tab")

    assert await page.locator(":focus").inner_text() == "Skip to content"


async def test_a_forgotten_password_is_set_anew_by_mailed_code(
    browser: Browser, demo: DemoState
) -> None:
    async with open_context(browser) as context:
        visitor = await sign_up_someone(demo, context)
        await context.clear_cookies()
        page, tab = await context.new_page(), await context.new_page()
        await tab.goto(demo.mailbox_url)
        after = await tab.locator("input[name=after]").get_attribute("value")
        await page.goto(visitor.target)
        await page.get_by_role("link", name="Forgot your password?").click()
        await page.locator("#username").fill(visitor.person.email)
        await page.locator("input[name=reset_my_password]").click()
        code = await read_code(
            tab, demo.mailbox_url, visitor.person.email, after=int(after or 0)
        )
        fresh = visitor.person.password + "-new"
        await page.locator("#username").fill(visitor.person.email)
        await page.locator("#forgot_password_code").fill(code)
        await page.locator("#new_password").fill(fresh)
        await page.locator("#confirm_password").fill(fresh)
        await page.locator("input[name=reset_password]").click()
        await page.get_by_role("status").wait_for()
        await sign_in(page, email=visitor.person.email, password=fresh)
        await page.wait_for_url(visitor.target)


async def test_someone_who_left_before_confirming_confirms_at_the_next_sign_in(
    browser: Browser, demo: DemoState
) -> None:
    from ostiary.cli.demo.check import new_person, sign_up

    person = new_person()
    visitor = Visitor(state=demo, person=person)
    async with open_context(browser) as context:
        page = await context.new_page()
        await page.goto(visitor.target)
        await page.get_by_role("link", name="Sign up", exact=True).click()
        await sign_up(page, person)
    async with open_context(browser) as context:
        page, tab = await context.new_page(), await context.new_page()
        await page.goto(visitor.target)
        await sign_in(page, email=person.email, password=person.password)
        await page.locator("#verification_code").wait_for()
        await enter_code(page, await read_code(tab, demo.mailbox_url, person.email))
        await page.wait_for_url(visitor.target)
