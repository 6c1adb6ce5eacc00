"""A developer's way through the portal with a keyboard alone, and every page of it judged."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, Locator, Page

from ostiary.cli.demo.check import require_place
from ostiary.cli.demo.values import DemoState
from tests.browser import judging
from tests.browser.visits import Visitor, open_context, sign_up_someone

MAX_TABS = 80
HAS_FOCUS = "element => element === document.activeElement"
OUTLINE = "element => getComputedStyle(element).outlineStyle"


@dataclass(frozen=True, slots=True)
class Keyboard:
    """Somebody who has no mouse."""

    page: Page

    async def reach(self, wanted: str | Locator) -> None:
        """Go on with the tabulator until an element has the focus, and shows it."""
        target = self.page.locator(wanted) if isinstance(wanted, str) else wanted
        for _ in range(MAX_TABS):
            await self.page.keyboard.press("Tab")
            if await target.evaluate(HAS_FOCUS):
                assert await target.evaluate(OUTLINE) != "none", f"{wanted} hides it"
                return
        raise AssertionError(f"the tabulator does not reach {wanted}")

    async def press(self, wanted: str | Locator) -> None:
        await self.reach(wanted)
        await self.page.keyboard.press("Enter")

    async def fill(self, wanted: str, text: str) -> None:
        await self.reach(wanted)
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.type(text)


async def judge(page: Page, name: str, heading: str) -> None:
    """Light and dark, phone and desk; the page is left on a desk."""
    await page.get_by_role("heading", name=heading, level=1).wait_for()
    await judging.judge(page, f"portal-{name}")


async def register(person: Keyboard, visitor: Visitor) -> None:
    page, url = person.page, visitor.state.portal_url
    await page.goto(url)
    await judge(page, "home", "")
    await person.press("#portal-register")
    await judge(page, "register", "Sign up")
    await person.fill('[name="meta.full_name"]', "Ada Lovelace")
    await person.fill('[name="email"]', "ada..l@example.org")
    await page.keyboard.press("Enter")
    await page.locator(".field-error").wait_for()
    await judge(page, "register-refused", "Sign up")
    await person.fill('[name="email"]', visitor.person.email)
    await page.keyboard.press("Enter")
    await judge(page, "registered", "Thank you")


async def approve(person: Keyboard, visitor: Visitor) -> None:
    page, email = person.page, visitor.person.email
    await page.goto(f"{visitor.state.manager_url}/default/developers/requested")
    button = page.get_by_role("button", name=f"Approve {email}", exact=True)
    await person.press(button)
    await page.get_by_text("The developer is approved").wait_for()


async def sign_in(person: Keyboard, visitor: Visitor) -> None:
    page = person.page
    await page.goto(f"{visitor.state.portal_url}/dashboard")
    await judge(page, "login", "Sign in")
    await person.press("#portal-login")
    await page.wait_for_url(f"{visitor.login_url}?**")
    await person.fill('input[name="username"]', visitor.person.email)
    await person.fill('input[name="password"]', visitor.person.password)
    await page.keyboard.press("Enter")


@pytest.mark.spec("WCAG22")
@pytest.mark.spec("portal#4.3")
async def test_the_way_through_the_portal_needs_no_mouse_and_keeps_nobody_out(
    browser: Browser, demo: DemoState
) -> None:
    async with open_context(browser) as context:
        visitor = await sign_up_someone(demo, context)
    async with open_context(browser, reduced_motion="reduce") as context:
        page = await context.new_page()
        person, url = Keyboard(page), demo.portal_url

        await register(person, visitor)
        await sign_in(person, visitor)
        await page.wait_for_url(f"{url}/unauthorized")
        await judge(page, "waiting", "Your registration waits for approval")
        await approve(Keyboard(await context.new_page()), visitor)
        await page.goto(f"{url}/dashboard")
        await judge(page, "dashboard", "Hello, Ada Lovelace")
        await person.press('main a[href$="/settings"]')
        await judge(page, "settings", "Settings")
        await person.fill('[name="meta.full_name"]', "Ada King")
        await page.keyboard.press("Enter")
        await page.get_by_text("Saved.").wait_for()
        await person.press('a[href$="/settings/delete"]')
        await judge(page, "delete", "Delete your account?")
        await person.press('main button[type="submit"]')
        await judge(page, "deleted", "Your account was deleted")
        await page.goto(f"{url}/dashboard")
        await require_place(page, f"{url}/unauthorized")
