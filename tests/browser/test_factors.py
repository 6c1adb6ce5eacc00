"""Second factors in a real browser, by keyboard alone, and what back and reload do."""

from __future__ import annotations

import time

import pyotp
from playwright.async_api import Page

from tests.browser.factor_pools import (
    PASSWORD,
    FactorPool,
    read_app_code,
    read_secret,
)
from tests.browser.visits import Visitor


async def type_password(page: Page, pool: FactorPool, person: str) -> None:
    await page.goto(pool.url())
    await page.locator("#signInFormUsername:focus").wait_for()
    await page.keyboard.type(pool.mail_of(person))
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")


async def test_a_mailed_code_is_given_without_a_mouse(
    page: Page, visitor: Visitor
) -> None:
    pool = visitor.pools["coded"]
    await type_password(page, pool, "mailed")
    await page.locator("#verification_code").wait_for()
    code = await pool.read_mail(page, "mailed")

    await page.locator("#verification_code:focus").wait_for()
    await page.keyboard.type(code)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?code=*")


async def test_an_app_is_set_up_and_then_asked(page: Page, visitor: Visitor) -> None:
    pool = visitor.pools["asking"]
    await type_password(page, pool, "grace")
    secret = await read_secret(page)
    await page.reload()

    assert await read_secret(page) == secret

    code = await read_app_code(page)
    await page.locator("#verification_code").fill(code)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?code=*")
    # Back to a step that was taken: on to the client again, by the session.
    await page.go_back()
    await page.wait_for_url("**/?code=*")
    await type_password(page, pool, "grace")
    await page.locator("#verification_code").fill(code)
    await page.keyboard.press("Enter")
    await page.get_by_text("This code was used already").wait_for()
    # An app whose clock is half a minute fast, which is allowed.
    await page.locator("#verification_code").fill(
        pyotp.TOTP(secret).at(time.time() + 30)
    )
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?code=*")


async def test_a_choice_is_made_and_changed_without_a_mouse(
    page: Page, visitor: Visitor
) -> None:
    pool = visitor.pools["coded"]
    await type_password(page, pool, "both")
    by_mail = page.get_by_role("button", name="Code by email")
    await by_mail.focus()
    await page.keyboard.press("Enter")
    other = page.get_by_role("button", name="Use another way")
    await other.focus()
    await page.keyboard.press("Enter")
    await by_mail.focus()
    await page.keyboard.press("Enter")
    await page.locator("#verification_code:focus").wait_for()
    await page.keyboard.type(await pool.read_mail(page, "both"))
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?code=*")


async def test_enter_in_the_password_signs_in_and_mails_nothing(
    page: Page, visitor: Visitor
) -> None:
    await page.goto(visitor.pools["coded"].url())
    await page.locator("#signInFormUsername").fill("mailed@coded.example")
    await page.locator("#signInFormPassword").fill("wrong")
    await page.keyboard.press("Enter")
    await page.get_by_text("Incorrect username or password.").wait_for()


async def test_a_language_is_chosen_on_the_page_and_stays(
    page: Page, visitor: Visitor
) -> None:
    await page.goto(visitor.pools["coded"].url())
    await page.locator(".languages summary").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Français").click()

    assert await page.locator("html").get_attribute("lang") == "fr"

    await page.get_by_role("link", name="Mot de passe oublié").click()

    assert await page.locator("html").get_attribute("lang") == "fr"
