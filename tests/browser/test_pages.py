"""
Every page that people see: accessible, in light and dark, on a phone and on a desk.

Set `BROWSER_SHOTS` to a folder to keep a picture of each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Page

from ostiary.cli.demo.check import new_person, sign_in, sign_up
from tests.browser.factor_pools import TEMPORARY
from tests.browser.judging import find_barriers, judge_as_ours
from tests.browser.visits import Visitor, open_context

Visit = Callable[[Page, Visitor], Awaitable[object]]


async def login(page: Page, visitor: Visitor) -> None:
    await page.goto(visitor.target)


async def login_refused(page: Page, visitor: Visitor) -> None:
    await login(page, visitor)
    await sign_in(page, email="nobody@example.org", password="Wrong-password-1")
    await page.get_by_role("alert").wait_for()


async def signup(page: Page, visitor: Visitor) -> None:
    await login(page, visitor)
    await page.get_by_role("link", name="Sign up", exact=True).click()


async def signup_refused(page: Page, visitor: Visitor) -> None:
    await signup(page, visitor)
    for field in await page.locator("form input:visible:not([type=submit])").all():
        mail = await field.get_attribute("type") == "email"
        await field.fill("someone@example.org" if mail else "short")
    await page.locator("input[name=signUpButton]").click()
    await page.locator(".field-error, [role=alert]").first.wait_for()


async def confirm(page: Page, visitor: Visitor) -> None:
    await signup(page, visitor)
    await sign_up(page, new_person())


async def confirm_refused(page: Page, visitor: Visitor) -> None:
    await confirm(page, visitor)
    await page.locator("#verification_code").fill("000000")
    await page.locator("input[name=confirm]").click()
    await page.get_by_role("alert").wait_for()


async def code_resent(page: Page, visitor: Visitor) -> None:
    await confirm(page, visitor)
    await page.get_by_role("button", name="Resend it").click()
    await page.get_by_role("status").wait_for()


async def forgot(page: Page, visitor: Visitor) -> None:
    await login(page, visitor)
    await page.get_by_role("link", name="Forgot your password?").click()


async def reset(page: Page, visitor: Visitor) -> None:
    await forgot(page, visitor)
    await page.locator("#username").fill("nobody@example.org")
    await page.locator("input[name=reset_my_password]").click()
    await page.locator("#forgot_password_code").wait_for()


async def login_with_codes(page: Page, visitor: Visitor) -> None:
    await page.goto(visitor.pools["coded"].url())
    await page.get_by_role("button", name="Email me a code instead").wait_for()


async def login_styled(page: Page, visitor: Visitor) -> None:
    await page.goto(visitor.pools["styled"].url())
    button = page.locator("input[name=signInSubmitButton]")
    colour = await button.evaluate("e => getComputedStyle(e).backgroundColor")

    assert colour == "rgb(122, 59, 0)"
    assert await page.locator("img").evaluate("e => e.naturalWidth") == 160


async def login_in_german(page: Page, visitor: Visitor) -> None:
    await page.goto(visitor.pools["coded"].url(lang="de"))
    await page.get_by_text("Sprache").click()

    assert await page.locator("html").get_attribute("lang") == "de"


async def signup_in_japanese(page: Page, visitor: Visitor) -> None:
    await page.goto(visitor.pools["coded"].url("/signup", lang="ja"))


async def new_password(page: Page, visitor: Visitor) -> None:
    await visitor.pools["coded"].sign_in(page, "invited", TEMPORARY)
    await page.locator("#new_password").wait_for()


async def new_password_refused(page: Page, visitor: Visitor) -> None:
    await new_password(page, visitor)
    for field in await page.locator("form input:visible:not([type=submit])").all():
        await field.fill("short")
    await page.locator("input[name=reset_password]").click()
    await page.locator(".field-error").wait_for()


async def mailed_code(page: Page, visitor: Visitor) -> None:
    await visitor.pools["coded"].sign_in(page, "mailed")
    await page.locator("#verification_code").wait_for()


async def mailed_code_refused(page: Page, visitor: Visitor) -> None:
    await mailed_code(page, visitor)
    await page.locator("#verification_code").fill("00000000")
    await page.locator("input[name=mfaSubmitButton]").click()
    await page.get_by_role("alert").wait_for()


async def mailed_code_resent(page: Page, visitor: Visitor) -> None:
    await mailed_code(page, visitor)
    await page.get_by_role("button", name="Resend it").click()
    await page.get_by_role("status").wait_for()


async def factor_choice(page: Page, visitor: Visitor) -> None:
    await visitor.pools["coded"].sign_in(page, "both")
    await page.get_by_role("button", name="Code by text message").wait_for()


async def chosen_code(page: Page, visitor: Visitor) -> None:
    await factor_choice(page, visitor)
    await page.get_by_role("button", name="Code by text message").click()
    await page.get_by_role("button", name="Use another way").wait_for()


async def app_set_up(page: Page, visitor: Visitor) -> None:
    await visitor.pools["asking"].sign_in(page, "ada")
    await page.locator("#totp-secret").wait_for()


async def app_set_up_refused(page: Page, visitor: Visitor) -> None:
    await app_set_up(page, visitor)
    await page.locator("#verification_code").fill("000000")
    await page.locator("input[name=mfaSubmitButton]").click()
    await page.get_by_role("alert").wait_for()


async def app_set_up_in_german(page: Page, visitor: Visitor) -> None:
    await visitor.pools["asking"].sign_in(page, "ada", lang="de")
    await page.locator("#totp-secret").wait_for()


async def no_factor(page: Page, visitor: Visitor) -> None:
    await visitor.pools["texting"].sign_in(page, "ada")
    await page.get_by_text("A phone number is needed").wait_for()


async def step_over(page: Page, visitor: Visitor) -> None:
    await mailed_code(page, visitor)
    await page.context.clear_cookies()
    await page.locator("#verification_code").fill("00000000")
    await page.locator("input[name=mfaSubmitButton]").click()
    await page.get_by_text("Please start again").wait_for()


async def hosted_error(page: Page, visitor: Visitor) -> None:
    url = f"{visitor.state.hosted_ui_url}/error?error=redirect_mismatch"
    await require_status(page, url, 400)


async def mailbox_empty(page: Page, visitor: Visitor) -> None:
    await page.goto(f"{visitor.state.mailbox_url}/?email=nobody@example.org&waited=1")
    await page.get_by_text("No mail yet").wait_for()


async def mailbox(page: Page, visitor: Visitor) -> None:
    await page.goto(visitor.state.mailbox_url)
    await page.locator(".mails").wait_for()


async def mail(page: Page, visitor: Visitor) -> None:
    await page.goto(
        f"{visitor.state.mailbox_url}/wait?email={visitor.person.email}&after=0"
    )
    await page.locator("#mail-code").wait_for()


async def landing(page: Page, visitor: Visitor) -> None:
    await page.goto(visitor.state.landing_url)
    await page.locator("#user-pool-id").wait_for()


async def echo(page: Page, visitor: Visitor) -> None:
    await visitor.sign_in(page)


async def echo_on_the_second_route(page: Page, visitor: Visitor) -> None:
    await visitor.sign_in(page, visitor.state.second_url)

    assert await page.locator("#person").inner_text() == visitor.person.email


async def gateway_400(page: Page, visitor: Visitor) -> None:
    callback = f"{visitor.state.proxy_tls_url}/cognito?code=a&state=b"
    await require_status(page, callback, 400)


async def gateway_401(page: Page, visitor: Visitor) -> None:
    target = visitor.state.protected_url
    await page.goto("about:blank")
    await page.set_content(
        f'<form method="post" action="{target}"><button>Send</button></form>'
    )
    async with page.expect_response(target) as waiting:
        await page.get_by_role("button").click()
    await page.wait_for_load_state()

    assert (await waiting.value).status == 401


async def gateway_403(page: Page, visitor: Visitor) -> None:
    await visitor.sign_in(page)
    await require_status(page, f"{visitor.state.proxy_tls_url}/staff", 403)


async def gateway_404(page: Page, visitor: Visitor) -> None:
    await require_status(page, f"{visitor.state.proxy_tls_url}/nothing-here", 404)


async def gateway_502(page: Page, visitor: Visitor) -> None:
    await require_status(page, f"{visitor.state.proxy_tls_url}/dead", 502)


async def require_status(page: Page, url: str, status: int) -> None:
    response = await page.goto(url)

    assert response is not None
    assert response.status == status, await page.locator("body").inner_text()


PAGES: dict[str, Visit] = {
    visit.__name__: visit
    for visit in (
        login,
        login_refused,
        signup,
        signup_refused,
        confirm,
        confirm_refused,
        code_resent,
        forgot,
        reset,
        login_with_codes,
        login_styled,
        login_in_german,
        signup_in_japanese,
        new_password,
        new_password_refused,
        mailed_code,
        mailed_code_refused,
        mailed_code_resent,
        factor_choice,
        chosen_code,
        app_set_up,
        app_set_up_refused,
        app_set_up_in_german,
        no_factor,
        step_over,
        hosted_error,
        mailbox_empty,
        mailbox,
        mail,
        landing,
        echo,
        echo_on_the_second_route,
        gateway_400,
        gateway_401,
        gateway_403,
        gateway_404,
        gateway_502,
    )
}


@pytest.mark.spec("WCAG22")
@pytest.mark.parametrize("name", PAGES)
async def test_nobody_is_kept_out_of_a_page(
    browser: Browser, visitor: Visitor, name: str
) -> None:
    # Colours must not be judged halfway through a transition.
    async with open_context(browser, reduced_motion="reduce") as context:
        page = await context.new_page()
        await PAGES[name](page, visitor)

        await judge_as_ours(page, name)


async def test_the_judge_finds_a_planted_barrier(page: Page) -> None:
    await page.set_content('<button></button><p style="color:#ccc">pale</p>')
    found = {rule for rule, _, _ in await find_barriers(page)}

    assert {"button-name", "color-contrast"} <= found


async def _ask_elsewhere(browser: Browser) -> None:
    async with open_context(browser) as context:
        # Nothing leaves: the request ends in the browser.
        await context.route("**/*", lambda route: route.abort())
        page = await context.new_page()
        await page.set_content('<img src="https://elsewhere.example/a.png" alt="">')


async def _break_the_policy(browser: Browser, url: str) -> None:
    async with open_context(browser) as context:
        page = await context.new_page()
        await page.goto(url)
        async with page.expect_console_message():
            await page.evaluate(
                "document.body.innerHTML = '<img src=\"http://127.0.0.1:1/a\">'"
            )


async def test_the_watch_sees_what_must_not_be(
    browser: Browser, visitor: Visitor
) -> None:
    with pytest.raises(AssertionError, match=r"elsewhere\.example"):
        await _ask_elsewhere(browser)
    with pytest.raises(AssertionError, match="Content Security Policy"):
        await _break_the_policy(browser, visitor.state.mailbox_url)
