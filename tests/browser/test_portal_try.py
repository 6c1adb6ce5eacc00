"""The page that tries an operation, in a real browser: under its policy, on a phone, for everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Route

from ostiary.cli.demo.values import DemoState
from ostiary.pages import render, security_headers
from ostiary.portal.chrome import STYLES, Chrome
from ostiary.portal.content.highlight import highlight_code
from ostiary.portal.content.openapi.document import read_api
from ostiary.portal.tryit.answer import show_answer
from ostiary.portal.tryit.vendored import PLACE, add_scripts, load_file
from ostiary.ports.own_gateway import OwnReply
from tests.browser.judging import choose_schemes, find_barriers
from tests.browser.shots import keep_picture
from tests.browser.test_portal import Keyboard, sign_in
from tests.browser.test_portal_applications import Caller
from tests.browser.visits import open_context, sign_up_someone
from tests.unit.portal.tryit.try_kit import SPEC, build, form_of, operation_of

API = read_api(SPEC, fallback="")
FRAME = Chrome(site_name="Shop", base="/default", tries=True, developer_name="Ada")
ANSWER = OwnReply(
    status=404, took_ms=42, body=b'{"message":"no such cat","ids":[1,2]}',
    fields=(("Content-Type", "application/json"), ("Set-Cookie", "sid=deadbeef; Path=/"), ("X-Long", "x" * 300)),
)  # fmt: skip
ERRORS = {
    "path:name": "please fill this in", "query:size": "choose one", "fields": "line 1: no",
    "auth:token": "it may have only ASCII characters", "server": "choose one",
}  # fmt: skip


def draw(slug: str, more: Mapping[str, Any]) -> bytes:
    values: dict[str, Any] = {
        "answer": None,
        "errors": {},
        "curl": "",
        "values": {},
        "is_sent": False,
        "is_missing": False,
        "home": "https://kong-ee:8443",
    }
    spec_url = "/default/documentation/pets"
    form = form_of(slug)
    return render(
        "portal-try.html", chrome=FRAME, api=API, page_title="Pets", is_short=True,
        operation=operation_of(API, slug), spec_url=spec_url, catalogue_url="/default/documentation",
        operation_url=f"{spec_url}/{slug}", try_url=f"{spec_url}/{slug}/try", form=form, details=form.details,
        highlight=highlight_code, csrf_token="t", **{**values, **more},
    )  # fmt: skip


PAGES = {
    "empty": draw("get-cat", {}),
    "body": draw("add-cat", {}),
    "answered": draw(
        "get-cat",
        {"answer": show_answer(ANSWER), "curl": build().curl, "values": {"path:name": "tom"}, "is_sent": True},
    ),
    "missing": draw("get-cat", {"is_missing": True}),
    "wrong": draw("get-cat", {"errors": ERRORS, "is_sent": True}),
}  # fmt: skip

# Whose pictures are kept; the others are there of the demo's own API.
SHOWN = {"wrong": "refused", "missing": "missing", "body": "with-a-body"}


# A specification of version 3.1 whose parts are elsewhere, and one of which does something.
LURING: dict[str, Any] = {
    **SPEC,
    "openapi": "3.1.0",
    "components": {
        **SPEC.get("components", {}),
        "schemas": {"Elsewhere": {"$ref": "https://kong-ee:8443/pets/cats/tom#/x"}, "Out": {"$ref": "/default/logout"}},
    },
    "info": {**SPEC["info"], "description": "![out](/default/logout)"},
}  # fmt: skip
HOMES = ("http://portal.test/default/",)


async def serve_explore(route: Route, sent: list[str]) -> None:
    """The page of swagger-ui, its files, its specification, and a sender that answers."""
    asked = route.request
    name = asked.url.rpartition("/")[2]
    headers = dict(security_headers(styles=STYLES, has_own_files=True))
    name_of = "Content-Security-Policy"
    headers[name_of] = add_scripts(
        headers[name_of],
        HOMES,
        base="/default",
        paths=("/default/_specs/pets.json", "/default/documentation/pets/explore"),
    )
    if asked.method == "POST":
        sent.append(asked.post_data or "")
        told = {
            "status": 404,
            "phrase": "Not Found",
            "fields": [["Content-Type", "application/json"]],
            "text": '{"no": "such cat"}',
        }
        await route.fulfill(json=told)
    elif name == "explore":
        body = render(
            "portal-explore.html",
            chrome=FRAME,
            page_title="Pets",
            spec_url="/default/documentation/pets",
            catalogue_url="/default/documentation",
            raw_url="/default/_specs/pets.json",
            explore_url="/default/documentation/pets/explore",
            files_url=f"/default/{PLACE}",
            csrf_token="t",
            gateway="https://kong-ee:8443",
            is_missing=False,
        )
        await route.fulfill(body=body, content_type="text/html", headers=headers)
    elif name == "pets.json":
        await route.fulfill(json=LURING)
    else:
        kind = "text/css" if name.endswith("css") else "text/javascript"
        await route.fulfill(body=load_file(name)[0], content_type=kind)


async def serve(route: Route) -> None:
    body = PAGES[route.request.url.rpartition("/")[2]]
    headers = dict(security_headers(styles=STYLES, has_own_files=True))
    await route.fulfill(body=body, content_type="text/html", headers=headers)


@pytest_asyncio.fixture(loop_scope="session", params=["light", "dark"])
async def portal(
    browser: Browser, request: pytest.FixtureRequest
) -> AsyncIterator[Page]:
    context = await browser.new_context(
        color_scheme=request.param, base_url="http://portal.test"
    )
    await context.route("http://portal.test/**", serve)
    yield await context.new_page()
    await context.close()


@pytest.mark.parametrize("name", [*PAGES])
@pytest.mark.parametrize("width", [390, 1280])
async def test_the_form_and_its_answer_are_for_everybody_and_fit(
    portal: Page, name: str, width: int
) -> None:
    """No violation of axe's rules, nothing wider than the screen, nothing in the console."""
    told: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            told.append(message.text)

    portal.on("console", note)
    await portal.set_viewport_size({"width": width, "height": 900})
    await portal.goto(f"/{name}")
    if name in SHOWN:
        await keep_picture(portal, f"content-try-{SHOWN[name]}")
    found = await find_barriers(portal)
    wide = await portal.evaluate("document.documentElement.scrollWidth")

    assert found == []
    assert wide <= width
    assert told == []


async def test_swagger_ui_runs_under_its_policy_and_asks_nobody_else(
    browser: Browser,
) -> None:
    """Every request is to the portal's own workspace; what is tried goes through its sender."""
    told: list[str] = []
    asked: list[str] = []
    sent: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            told.append(message.text)

    context = await browser.new_context()
    await context.route("**/*", lambda route: serve_explore(route, sent))
    page = await context.new_page()
    page.on("console", note)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("response", lambda response: asked.append(response.url))
    await page.goto(f"{HOMES[0]}documentation/pets/explore")
    await page.locator("#operations-default-getCat .opblock-summary-control").click()
    await page.get_by_text("Try it out").click()
    await page.locator('[data-param-name="name"] input').fill("tom & x")
    await page.locator("button.execute").click()
    answer = page.locator(".live-responses-table .response").first
    await answer.wait_for()
    assert "404" in await answer.inner_text()
    assert len(sent) == 1
    assert not any(url.endswith("/logout") for url in asked)
    assert (
        dict(parse_qsl(sent[0]))["url"]
        == "https://kong-ee:8443/pets/cats/tom%20%26%20x"
    )
    assert [url for url in asked if not url.startswith((HOMES[0], "data:"))] == []
    # The picture of the description is refused by the policy, and nothing else is said.
    assert [text for text in told if "img-src data:" not in text] == []
    await context.close()


async def keep_all(page: Page, name: str) -> None:
    """Pictures in both colours and sizes; the page is left on a desk."""
    for scheme in choose_schemes(is_phone=False):
        await page.emulate_media(color_scheme=scheme)
        for width in (390, 1280):
            await page.set_viewport_size({"width": width, "height": 900})
            await keep_picture(page, name)


@pytest.mark.spec("portal#5.2")
async def test_the_demos_example_api_answers_through_its_gateway(
    browser: Browser, demo: DemoState
) -> None:
    """With the form and with swagger-ui; what is no book is a problem of the shop's own."""
    async with open_context(browser) as context:
        visitor = await sign_up_someone(demo, context)
    row = {"email": visitor.person.email, "status": 0, "meta": '{"full_name": "Ada Lovelace"}'}  # fmt: skip
    await Caller(demo).admin("POST", "/developers", row)
    api = f"{demo.portal_url}/documentation/bookshop"
    async with open_context(browser, reduced_motion="reduce") as context:
        page = await context.new_page()
        await sign_in(Keyboard(page), visitor)
        await page.wait_for_url(f"{demo.portal_url}/dashboard")
        await page.goto(f"{api}/get-book/try")
        await page.locator('[name="path:book"]').fill("b-17")
        await keep_all(page, "content-try")
        await page.get_by_role("button", name="Send GET request").click()
        await page.get_by_text("200 OK").wait_for()
        await keep_all(page, "content-try-answered")
        found = await page.get_by_role("status").inner_text()
        await page.locator('[name="path:book"]').fill("b-99")
        await page.get_by_role("button", name="Send GET request").click()
        await page.get_by_text("404 Not Found").wait_for()
        problem = await page.get_by_role("status").inner_text()

        await page.goto(f"{api}/explore")
        await page.locator("#operations-Books-getBook .opblock-summary-control").click()
        await page.get_by_text("Try it out").click()
        await page.locator('[data-param-name="book"] input').fill("b-17")
        await page.locator("button.execute").click()
        answer = page.locator(".live-responses-table .response").first
        await answer.wait_for()
        explored = await answer.inner_text()
        await keep_all(page, "content-explore")

    assert "The Dispossessed" in found
    assert "There is no book b-99." in problem
    assert "The Dispossessed" in explored
