"""What only a real browser does: its tabs, its history, its cookie rules, its keyboard."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Request, Route, async_playwright

from ostiary.cli.demo.browser import _FLAGS, PROGRAMS, _trust, find_program
from ostiary.cli.demo.check import sign_in
from ostiary.cli.demo.values import DemoState
from tests.browser.extra_sites import Extra, extra_sites
from tests.browser.visits import TIMEOUT_MS, Visitor
from tests.support.flows import read_flow

DEADLINE_S = 10
KEPT_OUT = "This browser does not keep the sign-in"
NO_COOKIE = "This sign-in does not belong here"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def extra(demo: DemoState) -> AsyncIterator[Extra]:
    async with extra_sites(demo) as served:
        yield served


def follow_requests(page: Page) -> list[str]:
    """The addresses that the page navigates to from now on, without their queries."""
    seen: list[str] = []

    def note(request: Request) -> None:
        if request.is_navigation_request():
            seen.append(request.url.partition("?")[0])

    page.on("request", note)
    return seen


async def session_cookies(context: BrowserContext) -> set[str]:
    return {
        c["name"] for c in await context.cookies() if "session" in c.get("name", "")
    }  # fmt: skip


async def heading(page: Page) -> str:
    return await page.get_by_role("heading", level=1).inner_text()


async def shown_request_id(page: Page) -> str:
    return await page.locator("dl.facts code").inner_text()


def explain(state: DemoState, request_id: str) -> str:
    printed = subprocess.run(
        [
            *(sys.executable, "-m", "ostiary", "explain", request_id),
            *("--admin", state.admin_url),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        check=True,
    )
    return printed.stdout


@pytest.mark.spec("D2")
async def test_twenty_tabs_opened_and_signed_in_at_once_each_end_at_their_own_page(
    context: BrowserContext, visitor: Visitor
) -> None:
    targets = [f"{visitor.state.protected_url}?tab={n}" for n in range(20)]
    tabs = [await context.new_page() for _ in targets]
    together = list(zip(tabs, targets, strict=True))

    assert await context.cookies() == []

    # Half of them ask at once, and half again as if none had been before.
    for some in (together[:10], together[10:]):
        await context.clear_cookies(name="XSRF-TOKEN")
        everyone = asyncio.Barrier(len(some))

        async def wait_for_all(route: Route, all_: asyncio.Barrier = everyone) -> None:
            await all_.wait()
            await route.continue_()

        await context.route(f"{visitor.login_url}?*", wait_for_all)
        await asyncio.gather(*(tab.goto(url) for tab, url in some))
        await context.unroute(f"{visitor.login_url}?*")

    assert {tab.url.partition("?")[0] for tab in tabs} == {visitor.login_url}

    tokens = {await tab.locator("input[name=_csrf]").input_value() for tab in tabs}
    kept = [c["value"] for c in await context.cookies() if c["name"] == "XSRF-TOKEN"]

    # Not one visit, seen by twenty tabs: no cookie can be the right one for all of them.
    assert len(tokens) > 1
    assert len(kept) == 1

    async def finish(tab: Page, url: str) -> None:
        await sign_in(tab, email=visitor.person.email, password=visitor.person.password)
        await tab.wait_for_url(url)

    await asyncio.gather(*(finish(tab, url) for tab, url in together))
    for number, tab in enumerate(tabs):
        line = await tab.locator("#request-line").inner_text()

        assert line.endswith(f"?tab={number}")
    assert len(await session_cookies(context)) == 1


@pytest.mark.spec("D9")
async def test_an_app_of_one_page_learns_that_its_session_ended_and_where_to_sign_in(
    page: Page, context: BrowserContext, visitor: Visitor, extra: Extra
) -> None:
    await visitor.sign_in(page, extra.url("/app"))
    await page.locator("#load").click()
    await page.locator("#status", has_text="200").wait_for()

    assert await page.locator("#data").inner_text() == "from the app"

    # Somebody logs out in another tab; this page does not know.
    await (await context.new_page()).goto(extra.url("/app?logout=true"))
    async with page.expect_response(extra.url("/app/data")) as waiting:
        await page.locator("#load").click()
    reply = await waiting.value

    assert reply.status == 401
    assert reply.headers["content-type"].startswith("application/json")
    assert (await reply.json())["login_url"] == extra.url("/app/data")

    person = visitor.person
    await page.get_by_role("link", name="Sign in again").click()
    await page.wait_for_url(f"{visitor.login_url}?*")
    await sign_in(page, email=person.email, password=person.password)
    await page.wait_for_url(extra.url("/app/data"))

    assert await page.get_by_text("from the app").is_visible()
    await page.goto(extra.url("/app"))
    await page.locator("#load").click()
    await page.locator("#status", has_text="200").wait_for()


async def test_a_browser_that_refuses_the_session_cookie_is_told_so_after_three_sign_ins(
    page: Page, context: BrowserContext, extra: Extra
) -> None:
    seen = follow_requests(page)
    response = await page.goto(extra.url("/lossy/page"))

    assert response is not None
    assert response.status == 400
    assert await heading(page) == KEPT_OUT
    assert await session_cookies(context) == set()
    one_round = [
        extra.url("/lossy/page"),
        f"{extra.provider('lossy').issuer}/authorize",
        extra.url("/lossy"),
    ]
    assert seen == [*one_round * 3, extra.url("/lossy/page")]

    request_id = await shown_request_id(page)
    story = await asyncio.to_thread(read_flow, extra.state.admin_url, request_id)
    assert (story["code"], story["status"]) == ("loop_detected", 400)


@asynccontextmanager
async def browser_without_cookies(ca_file: Path) -> AsyncIterator[Page]:
    """A Chromium whose settings say: no site may store anything."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        await _trust(home, ca_file)
        settings = home / "profile" / "Default" / "Preferences"
        settings.parent.mkdir(parents=True)
        blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
        settings.write_text(json.dumps(blocked))
        is_root = os.geteuid() == 0
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                home / "profile",
                executable_path=find_program(PROGRAMS, package="chromium"),
                args=[*_FLAGS, *(("--no-sandbox",) if is_root else ())],
                chromium_sandbox=not is_root,
                env={**os.environ, "HOME": folder},
            )
            context.set_default_timeout(TIMEOUT_MS)
            try:
                yield context.pages[0]
            finally:
                await context.close()


async def test_a_browser_that_keeps_no_cookie_at_all_is_told_so_at_once(
    extra: Extra,
) -> None:
    async with browser_without_cookies(Path(extra.state.ca_file)) as page:
        seen = follow_requests(page)
        response = await page.goto(extra.url("/plain/page"))

        assert response is not None
        assert response.status == 400
        assert await heading(page) == NO_COOKIE
        assert await page.context.cookies() == []
        assert len(seen) == 3

        request_id = await shown_request_id(page)
        story = await asyncio.to_thread(read_flow, extra.state.admin_url, request_id)
        assert "lost its cookie" in story["why"]
        await page.get_by_role("link", name="Sign in again").click()
        await page.wait_for_url(extra.url("/plain?*"))
        assert await heading(page) == NO_COOKIE
        assert len(seen) == 6
    assert extra.provider("plain").asked("/token") == []


async def test_a_provider_whose_clock_is_ahead_is_named_by_the_story_of_the_request(
    page: Page, context: BrowserContext, extra: Extra
) -> None:
    response = await page.goto(extra.url("/strict-clock/page"))

    assert response is not None
    assert response.status == 401
    assert await heading(page) == "Sign-in failed"
    assert await session_cookies(context) == set()

    request_id = await shown_request_id(page)
    story = await asyncio.to_thread(read_flow, extra.state.admin_url, request_id)
    printed = await asyncio.to_thread(explain, extra.state, request_id)

    assert story["code"] == "login_failed"
    assert "clock" in story["why"], story["why"]
    assert story["why"] in printed

    response = await page.goto(extra.url("/lenient-clock/page"))

    assert response is not None
    assert (response.status, page.url) == (200, extra.url("/lenient-clock/page"))


async def test_going_back_to_the_provider_and_on_again_costs_no_second_token(
    page: Page, extra: Extra
) -> None:
    target, link = extra.url("/asking/page"), page.get_by_role("link", name="Continue")
    tokens = extra.provider("asking")
    await page.goto(target)
    callback = await link.get_attribute("href")
    await link.click()
    await page.wait_for_url(target)
    assert len(tokens.asked("/token")) == 1

    await page.go_back()
    assert page.url.startswith(extra.site.origin)
    async with page.expect_response(lambda r: r.url == target) as waiting:
        await link.click()
    assert (await waiting.value).status == 200
    await page.wait_for_url(target)

    assert callback is not None
    response = await page.goto(callback)
    assert response is not None
    assert (response.status, page.url) == (200, target)
    assert len(tokens.asked("/token")) == 1


async def test_two_sign_ins_on_one_host_live_side_by_side_and_end_alone(
    page: Page, context: BrowserContext, visitor: Visitor, extra: Extra
) -> None:
    members, portal = visitor.state.second_url, extra.url("/portal/page")
    await visitor.sign_in(page, members)
    first = await session_cookies(context)
    await page.goto(portal)
    assert page.url == portal
    both = await session_cookies(context)
    assert first < both

    await page.goto(extra.url("/portal?logout=true"))
    assert await heading(page) == "Signed out"
    assert await session_cookies(context) == first
    seen = follow_requests(page)
    await page.goto(members)
    assert seen == [members]

    await page.goto(portal)
    assert await session_cookies(context) == both
    await page.goto(visitor.state.logout_url)
    assert await session_cookies(context) == both - first
    seen.clear()
    await page.goto(portal)
    assert seen == [portal]


async def test_signing_in_and_out_works_by_keyboard_alone(
    page: Page, context: BrowserContext, visitor: Visitor, extra: Extra
) -> None:
    await page.goto(extra.url("/app"))
    await page.locator("#signInFormUsername:focus").wait_for()
    keys = page.keyboard
    await keys.type(visitor.person.email)
    await keys.press("Tab")
    await keys.type(visitor.person.password)
    await keys.press("Enter")
    await page.wait_for_url(extra.url("/app"))
    assert len(await session_cookies(context)) == 1

    for _ in range(2):
        await keys.press("Tab")
    assert await page.locator(":focus").inner_text() == "Log out"
    await keys.press("Enter")
    await page.wait_for_url(f"{visitor.login_url}?*")

    assert await session_cookies(context) == set()


async def test_an_answer_posted_from_the_providers_site_signs_in(
    page: Page, context: BrowserContext, extra: Extra
) -> None:
    target = extra.url("/posted/page?x=1")
    posts: list[str] = []
    page.on("request", lambda r: posts.append(r.url) if r.method == "POST" else None)
    await page.goto(target)
    await page.wait_for_url(target)

    assert posts == [extra.url("/posted")]
    assert len(await session_cookies(context)) == 1
    response = await page.goto(target)
    assert response is not None
    assert (response.status, page.url) == (200, target)
    assert len(extra.provider("posted").asked("/token")) == 1
