"""Where a client hides who exists, the hosted pages tell nobody; where not, they do."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.ports.mail import Message
from tests.userpool.hosted_kit import SIGN_IN
from tests.userpool.pool_kit import PASSWORD, Demo, PoolSite, build_demo

ONE_TEXT = "Invalid verification code provided, please try again."
OTHER_TEXTS = (
    "Attempt limit exceeded, please try after some time.",
    "Invalid code provided, please request a code again.",
    "User cannot be confirmed. Current status is CONFIRMED",
)


async def _refusals(site: PoolSite, demo: Demo) -> list[str]:
    """Too many tries, expired, confirmed already, and nobody, in this order."""
    page = await demo.sign_up()
    browser, texts = demo.browser, []
    right = site.mailer.last_code()
    wrong = "000000" if right != "000000" else "000001"
    for _ in range(15):
        await browser.submit(page, {"code": wrong})
    texts.append((await browser.submit(page, {"code": right})).text)
    site.clock.pass_s(86400)
    named = {"username": "ada@example.org", "code": right}
    browser = site.browser()
    form = await browser.get(f"/confirm?{demo.query()}")
    texts.append((await browser.submit(form, named)).text)
    other = await build_demo_user(site, demo)
    texts.append((await browser.submit(form, {"username": other, "code": "1"})).text)
    texts.append((await browser.submit(form, named | {"username": "no@b.org"})).text)
    return texts


async def build_demo_user(site: PoolSite, demo: Demo) -> str:
    demo.browser = site.browser()
    page = await demo.sign_up("bo@example.org")
    await demo.browser.submit(page, {"code": site.mailer.last_code()})
    return "bo@example.org"


async def test_every_code_that_does_not_work_has_one_text(
    site: PoolSite, demo: Demo
) -> None:
    for text in await _refusals(site, demo):
        assert ONE_TEXT in text
        assert not any(other in text for other in OTHER_TEXTS)


async def test_a_client_that_hides_nothing_says_what_is_wrong(site: PoolSite) -> None:
    demo = await build_demo(site, PreventUserExistenceErrors="LEGACY")
    limit, expired, confirmed, nobody = await _refusals(site, demo)

    assert OTHER_TEXTS[0] in limit
    assert OTHER_TEXTS[1] in expired
    assert OTHER_TEXTS[2] in confirmed
    assert OTHER_TEXTS[1] in nobody


async def test_a_reset_code_used_up_looks_like_a_wrong_one(
    site: PoolSite, demo: Demo
) -> None:
    await demo.confirm()
    form = await demo.browser.get(f"/confirmforgotPassword?{demo.query()}")
    fields = {
        "username": "ada@example.org",
        "confirmation_code": "000000",
        "password": PASSWORD,
        "confirmPassword": PASSWORD,
    }
    for _ in range(17):
        answer = await demo.browser.submit(form, fields)

        assert ONE_TEXT in answer.text


@pytest.mark.parametrize("name", ["ada@example.org", "Nobody@example.org"])
async def test_a_stranger_is_locked_out_as_a_user_is(
    site: PoolSite, demo: Demo, name: str
) -> None:
    await demo.confirm()
    page = await demo.browser.get(f"/login?{demo.query()}")
    wrong = SIGN_IN | {"username": name, "password": "wrong"}
    for _ in range(5):
        assert "Incorrect" in (await demo.browser.submit(page, wrong)).text

    folded = wrong | {"username": name.lower()}

    assert "attempts exceeded" in (await demo.browser.submit(page, folded)).text

    site.clock.pass_s(1)

    assert "Incorrect" in (await demo.browser.submit(page, wrong)).text


async def test_asking_for_a_reset_does_not_wait_for_the_mail(
    site: PoolSite, demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    await demo.confirm()
    gate, sent = asyncio.Event(), list[str]()

    async def send(message: Message) -> None:
        await gate.wait()
        sent.append(message.recipient)

    monkeypatch.setattr(site.mailer, "send", send)
    page = await demo.browser.get(f"/forgotPassword?{demo.query()}")
    async with asyncio.timeout(5):
        answer = await demo.browser.submit(page, {"username": "ada@example.org"})

    assert answer.status == 200
    assert sent == []

    gate.set()
    await site.settle()

    assert sent == ["Ada@Example.org"]
