"""A portal that signs its developers in itself: every page of it, and the mails between them."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page

from ostiary.cli.demo.values import DemoState
from tests.browser.test_portal import Keyboard, judge
from tests.browser.test_portal_applications import Caller
from tests.browser.visits import open_context

EMAIL = "grace.hopper@example.org"
PASSWORD, OTHER = "a long word for the portal", "another word for the portal"


async def find_link(page: Page, demo: DemoState, subject: str, words: str) -> str:
    """The link of the newest mail of a subject, read in the demo's mailbox."""
    await page.goto(f"{demo.mailbox_url}/?email={quote(EMAIL)}")
    mail = page.get_by_role("link", name=subject)
    for _ in range(50):
        if await mail.count():
            break
        await page.wait_for_timeout(100)
        await page.reload()
    await mail.first.click()
    text = await page.locator("#mail-text").inner_text()
    found = re.search(rf"https://\S*{words}\S*", text)
    assert found is not None, text
    return found[0].rstrip(")>.")


async def sign_in(person: Keyboard, password: str) -> None:
    await person.fill('[name="email"]', EMAIL)
    await person.fill('[name="password"]', password)
    await person.page.keyboard.press("Enter")


@pytest.mark.spec("WCAG22")
@pytest.mark.spec("portal#1.6")
async def test_a_developer_with_a_password_needs_nothing_but_the_portal_and_mail(
    browser: Browser, demo: DemoState
) -> None:
    caller = Caller(demo)
    config = {"portal": True, "portal_auth": "basic-auth", "portal_email_verification": True}  # fmt: skip
    await caller.admin("POST", "/workspaces", {"name": "team", "config": config})
    home = demo.portal_url.replace("/default", "/team")
    async with open_context(browser, reduced_motion="reduce") as context:
        page, mail = await context.new_page(), await context.new_page()
        person = Keyboard(page)
        await page.goto(f"{home}/register")
        await judge(page, "own-register", "Sign up")
        await person.fill('[name="meta.full_name"]', "Grace Hopper")
        await person.fill('[name="email"]', EMAIL)
        await person.fill('[name="password"]', "short")
        await page.keyboard.press("Enter")
        await page.locator(".field-error").wait_for()
        await person.fill('[name="password"]', PASSWORD)
        await page.keyboard.press("Enter")
        await judge(page, "own-registered", "Thank you")

        await page.goto(await find_link(mail, demo, "verify your address", "verify"))
        await judge(page, "own-verify", "Verify your address")
        await person.fill('[name="password"]', PASSWORD)
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="Your address is verified").wait_for()
        await page.goto(f"{home}/dashboard")
        await judge(page, "own-login", "Sign in")
        await sign_in(person, OTHER)
        await page.locator("#problem").wait_for()
        await sign_in(person, PASSWORD)
        await page.get_by_role("heading", name="waits for approval").wait_for()
        await caller.admin("PATCH", f"/team/developers/{EMAIL}", {"status": 0})
        await page.goto(f"{home}/settings")
        await sign_in(person, PASSWORD)
        await judge(page, "own-settings", "Settings")

        await page.goto(f"{home}/logout")
        await page.goto(f"{home}/login")
        await page.get_by_role("link", name="Forgot your password?").click()
        await judge(page, "own-forgot", "Forgot your password?")
        await person.fill('[name="email"]', EMAIL)
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", level=1).wait_for()
        link = await find_link(mail, demo, "Reset your password", "reset-password")
        await page.goto(link)
        await judge(page, "own-reset", "Choose a new password")
        await person.fill('[name="password"]', OTHER)
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="Sign in").last.wait_for()
        await page.goto(f"{home}/dashboard")
        await sign_in(person, OTHER)
        await page.get_by_role("heading", name="Hello, Grace Hopper").wait_for()
        listed = await caller.admin("GET", "/team/openid-connect/sessions", None)

    # The one of before went with the password.
    assert [(one["workspace"], one["who"]) for one in listed["data"]] == [
        ("team", EMAIL)
    ]
