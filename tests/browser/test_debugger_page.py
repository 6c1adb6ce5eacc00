"""The debugger's page for everybody: by keyboard alone, judged, and closed to other sites."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Request

from ostiary.cli.demo.values import DemoState
from tests.browser.debugger_site import (
    DebuggerPlace,
    Debugging,
    running_debugger,
)
from tests.browser.judging import find_barriers, judge_as_ours
from tests.browser.test_portal import HAS_FOCUS, Keyboard
from tests.browser.visits import open_context
from tests.support.misbehaving_faults import HONEST, SECRET

SCOPE: Final = "openid profile email offline_access"
FEW: Final = 5
OPEN_ALL: Final = "document.querySelectorAll('details').forEach(d => { d.open = true })"
# Whether the result can be seen, and whether it is what the address's fragment names.
SEES_RESULT: Final = """() => {
    const found = document.querySelector("#result");
    const { top, bottom } = found.getBoundingClientRect();
    return [top > -1 && bottom <= innerHeight, found.matches(":target")];
}"""
STORY: Final = {
    "at": 1_800_000_000, "method": "GET", "url": "https://gateway.example/cognito",
    "outcome": "refused", "status": 401, "code": "invalid_aud", "why": "aud is another client's",
    "issuer": "https://idp.example", "took_ms": 31.5,
    "events": [
        {"kind": "provider", "text": "GET https://idp.example/jwks", "status": 200, "at_ms": 1, "took_ms": 12},
        {"kind": "provider", "text": "POST https://idp.example/token", "status": 200, "at_ms": 14, "took_ms": 17},
    ],
    "checks": [
        {"name": "iss", "passed": True, "expected": "https://idp.example", "got": "https://idp.example"},
        {"name": "aud", "passed": False, "expected": "shop", "got": "warehouse"},
    ],
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(demo: DemoState) -> AsyncIterator[DebuggerPlace]:
    async with running_debugger(demo) as found:
        yield found


async def turn_back(page: Page, wanted: str) -> None:
    """Go back with the tabulator, a few steps."""
    for _ in range(FEW):
        await page.keyboard.press("Shift+Tab")
        if await page.locator(wanted).evaluate(HAS_FOCUS):
            return
    raise AssertionError(f"{wanted} is not near")


async def sign_in(place: DebuggerPlace, page: Page) -> Debugging:
    """From the start page to tokens, as a client with a secret."""
    person = await place.open(page, HONEST, scope=SCOPE)
    await person.type(client_id="confidential", client_secret=SECRET)
    await person.press("sign_in")
    told = await person.go()

    assert (told.causes, told.at("token").is_good) == (set(), True)
    return person


@pytest.mark.spec("WCAG22")
async def test_from_the_start_page_to_tokens_by_keyboard_alone(
    place: DebuggerPlace, page: Page
) -> None:
    person = Keyboard(page)
    await page.goto(place.url)
    await person.fill("#issuer", place.providers.issuer(HONEST))
    await person.fill("#client_id", "confidential")
    await person.fill("#client_secret", SECRET)
    await person.press(page.get_by_text("More about the client and the request"))
    await person.reach("#pkce")
    await page.keyboard.press("Space")
    await page.keyboard.press("Space")
    await person.reach('button[value="discover"]')
    await page.keyboard.press("Space")
    await page.locator('[data-kind="discovery"]').wait_for()

    assert await page.evaluate(SEES_RESULT) == [True, True]

    await turn_back(page, 'button[value="sign_in"]')
    await page.keyboard.press("Enter")
    await page.locator("#go").wait_for()

    assert await page.evaluate(SEES_RESULT) == [True, True]

    await person.press("#go")
    await page.locator('[data-kind="token"]').wait_for()

    # The provider's redirect has no fragment, and the page is short above the result.
    assert (await page.evaluate(SEES_RESULT))[0]

    for act in ("refresh", "userinfo"):
        await person.press(f'button[value="{act}"]')
        await page.locator(f'[data-kind="{act}"]').wait_for()

        assert await page.evaluate(SEES_RESULT) == [True, True]

    told = await Debugging(page).read()

    assert (told.causes, told.kinds[-2:]) == (set(), ["refresh", "userinfo"])


@pytest.mark.spec("WCAG22")
async def test_no_state_of_the_page_keeps_anybody_out(
    place: DebuggerPlace, browser: Browser
) -> None:
    async with open_context(browser, reduced_motion="reduce") as context:
        page = await context.new_page()
        person = Debugging(page)
        await page.goto(place.url)
        await page.evaluate(OPEN_ALL)
        await judge_as_ours(page, "debugger-start")
        await person.type(issuer="example.org", scope='"openid"', leeway="soon")
        await person.press("sign_in")
        await judge_as_ours(page, "debugger-errors")

        assert await page.locator("[aria-invalid]").evaluate_all(
            "found => found.map(element => element.id)"
        ) == ["issuer", "client_id", "scope", "leeway"]

        person = await place.open(page, HONEST)
        await person.press("discover")
        await judge_as_ours(page, "debugger-discovered")
        await (await place.open(page, "post-only")).press("sign_in")
        await judge_as_ours(page, "debugger-onward")
        await person.go()
        await judge_as_ours(page, "debugger-refused")
        await sign_in(place, page)
        await judge_as_ours(page, "debugger-tokens")
        await page.goto(place.url)
        await page.get_by_text("Replay a decision of the gateway").click()
        await person.type(story=json.dumps(STORY))
        told = await person.press("replay")
        await judge_as_ours(page, "debugger-story")

        assert told.cause == "token_audience"
        assert told.kinds == ["story", "keys", "token", "story"]


@pytest.mark.spec("WCAG22")
async def test_with_every_step_unfolded_each_region_has_a_name_of_its_own(
    place: DebuggerPlace, page: Page
) -> None:
    person = await sign_in(place, page)
    await person.press("refresh")
    await page.evaluate(OPEN_ALL)

    assert await find_barriers(page) == []


@dataclass(slots=True)
class Traffic:
    """What a browser asked for, and what the debugger's pages came with."""

    place: DebuggerPlace
    asked: list[tuple[str, str]]
    policies: set[str]
    referrers: set[str]

    def follow(self, context: BrowserContext) -> None:
        def request(seen: Request) -> None:
            self.asked.append((seen.resource_type, seen.url))
            if not seen.url.startswith(self.place.url):
                self.referrers.add(seen.headers.get("referer", ""))

        context.on("request", request)
        context.on(
            "response",
            lambda seen: (
                self.policies.add(seen.headers.get("content-security-policy", ""))
                if seen.url.startswith(self.place.url)
                else None
            ),
        )


async def test_the_page_runs_nothing_and_asks_nobody_else(
    place: DebuggerPlace, context: BrowserContext, page: Page
) -> None:
    traffic = Traffic(place, [], set(), set())
    traffic.follow(context)
    person = await sign_in(place, page)
    await person.press("userinfo")
    provider = f"{place.providers.issuer(HONEST)}/authorize?"
    pages = [url for kind, url in traffic.asked if kind == "document"]
    elsewhere = [url for url in pages if not url.startswith(f"{place.url}/")]

    # Only pages are asked for: no script, style, font or picture. One is the provider's.
    assert len(pages) == len(traffic.asked)
    assert [url.startswith(provider) for url in elsewhere] == [True]
    assert traffic.referrers == {""}
    assert await page.locator("script").count() == 0
    assert len(traffic.policies) == 1
    policy = traffic.policies.pop()
    assert policy.startswith("default-src 'none'; ")
    assert "script-src" not in policy


async def test_the_only_cookie_is_the_sign_in_s_and_goes_with_its_answer(
    place: DebuggerPlace, context: BrowserContext, page: Page
) -> None:
    person = await place.open(page, HONEST)
    await person.press("discover")

    assert await context.cookies() == []

    await person.press("sign_in")
    cookies = await context.cookies()

    assert [c["name"].startswith("ostiary-debugger-") for c in cookies] == [True]
    assert (cookies[0]["path"], cookies[0]["httpOnly"]) == ("/callback", True)
    assert cookies[0]["sameSite"] == "Lax"

    await person.go()
    came_back = page.url

    assert await context.cookies() == []

    await page.goto(came_back)
    told = await person.read()

    assert "belongs to no sign-in of this browser" in told.problem
    assert told.steps == ()


async def test_what_is_secret_is_in_no_log(
    place: DebuggerPlace,
    page: Page,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    person = await sign_in(place, page)
    arrived = parse_qs(urlsplit(page.url).query)
    for act in ("refresh", "userinfo", "introspection"):
        await person.press(act)
    tokens = await page.locator(".token-text").evaluate_all(
        "found => found.map(element => element.textContent.trim())"
    )
    carried = await page.locator('input[name="run"]').first.input_value()
    secrets = [SECRET, *arrived["code"], *arrived["state"], *tokens, carried]
    # pytest gives uvicorn's access log, which is off, a handler: that alone switches it on.
    lines = [r.getMessage() for r in caplog.records if r.name != "uvicorn.access"]
    told = "\n".join([*lines, *capfd.readouterr()])

    assert not logging.getLogger("uvicorn.access").propagate
    assert len(tokens) >= 6
    assert all(secrets)
    assert [secret for secret in secrets if secret in told] == []


async def test_a_page_shows_secrets_only_as_the_tokens_that_were_asked_for(
    place: DebuggerPlace, page: Page
) -> None:
    await sign_in(place, page)
    query = urlsplit(page.url).query
    arrived = parse_qs(query)
    shown = await page.content()

    assert SECRET not in shown
    assert arrived["code"][0] not in shown
    assert arrived["state"][0] not in shown


@dataclass(slots=True)
class Tally:
    """A provider that says nothing, and counts who comes."""

    url: str = ""
    came: int = 0


@asynccontextmanager
async def counting_provider() -> AsyncIterator[Tally]:
    tally = Tally()

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        tally.came += 1
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    tally.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield tally


# What the browser, or whoever is none, says of where a form comes from.
STRANGERS: Final[Mapping[str, dict[str, str]]] = {
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "another origin only": {"Origin": "https://evil.example"},
    "another port": {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:1"},
    "a page that hides": {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    "one that claims too much": {
        "Sec-Fetch-Site": "same-origin",
        "Origin": "https://evil.example",
    },
    "nobody": {},
}


async def test_a_form_of_another_site_asks_nobody_anything(
    place: DebuggerPlace,
) -> None:
    ours = {"Sec-Fetch-Site": "same-origin", "Origin": place.url}
    port = urlsplit(place.url).port
    async with counting_provider() as provider, aiohttp.ClientSession() as session:
        form = {"act": "discover", "issuer": provider.url}

        async def post(headers: Mapping[str, str]) -> int:
            async with session.post(place.url, data=form, headers=headers) as reply:
                return reply.status

        refused = {name: await post(said) for name, said in STRANGERS.items()}
        other_host = await post({**ours, "Host": f"evil.example:{port}"})
        link = f"{place.url}/?issuer={provider.url}&client_id=x&act=discover"
        async with session.get(link) as reply:
            filled_in = await reply.text()
        link = f"{place.url}/callback?code=c&state=s&iss={provider.url}"
        async with session.get(link) as reply:
            unasked = reply.status

        assert refused == dict.fromkeys(STRANGERS, 403)
        assert (other_host, unasked, provider.came) == (400, 400, 0)
        assert f'value="{provider.url}"' in filled_in
        assert (await post(ours), provider.came) == (200, 1)


async def test_a_name_that_is_not_loopback_s_is_not_answered(
    place: DebuggerPlace,
) -> None:
    port = urlsplit(place.url).port
    async with aiohttp.ClientSession() as session:

        async def ask(host: str) -> int:
            async with session.get(place.url, headers={"Host": host}) as reply:
                return reply.status

        strangers = ("evil.example", "localhost.evil.example", "10.0.0.1", "")
        found = {host: await ask(f"{host}:{port}") for host in strangers}
        known = {
            host: await ask(f"{host}:{port}") for host in ("localhost", "127.0.0.1")
        }

    assert found == dict.fromkeys(strangers, 400)
    assert known == {"localhost": 200, "127.0.0.1": 200}
