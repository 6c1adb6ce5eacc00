"""A browser that signed up is signed in by its own right code, and by nothing else."""

from __future__ import annotations

import re

from tests.userpool.pool_kit import CALLBACK, Demo, PoolSite

NEW = "An0ther!pw"


async def test_a_second_press_of_the_button_leads_to_the_sign_in_page(
    site: PoolSite, demo: Demo
) -> None:
    page = await demo.sign_up()
    cookies = dict(demo.browser.cookies)
    first = await demo.browser.submit(page, {"code": site.mailer.last_code()})

    assert first.location.startswith(CALLBACK)

    demo.browser.cookies = cookies
    again = await demo.browser.submit(page, {"code": site.mailer.last_code()})

    assert again.location.startswith("/login?")
    assert "cognito" not in demo.browser.cookies
    assert "pending-signup" not in demo.browser.cookies


async def _confirm_elsewhere(site: PoolSite, demo: Demo) -> None:
    other = site.browser()
    page = await other.get(f"/confirm?{demo.query()}")
    done = await other.submit(
        page, {"username": "ada@example.org", "code": site.mailer.last_code()}
    )

    assert "Your account is confirmed." in done.text


async def test_whoever_signed_another_up_is_not_signed_in_as_them(
    site: PoolSite, demo: Demo
) -> None:
    page = await demo.sign_up()
    await _confirm_elsewhere(site, demo)
    answer = await demo.browser.submit(page, {"code": "x"})

    assert answer.location.startswith("/login?")
    assert "cognito" not in demo.browser.cookies


async def test_a_reset_ends_what_a_sign_up_left_in_a_browser(
    site: PoolSite, demo: Demo
) -> None:
    page = await demo.sign_up()
    await _confirm_elsewhere(site, demo)
    owner = site.browser()
    reset = await owner.submit(
        await owner.get(f"/forgotPassword?{demo.query()}"),
        {"username": "ada@example.org"},
    )
    await site.settle()
    await owner.submit(
        reset,
        {
            "username": "ada@example.org",
            "confirmation_code": site.mailer.last_code(),
            "password": NEW,
            "confirmPassword": NEW,
        },
    )
    shown = await demo.browser.get(f"/confirm?{demo.query()}")

    assert "a***@e***" not in shown.text.lower()

    answer = await demo.browser.submit(page, {"code": "x"})

    assert answer.status == 200
    assert "cognito" not in demo.browser.cookies


async def test_signing_out_forgets_a_sign_up(demo: Demo) -> None:
    await demo.sign_up()

    assert "pending-signup" in demo.browser.cookies

    answer = await demo.browser.get(f"/logout?{demo.query()}")

    assert "pending-signup" not in demo.browser.cookies
    assert any(
        re.match("pending-signup=.*Max-Age=0", v)
        for k, v in answer.headers
        if k == "set-cookie"
    )
