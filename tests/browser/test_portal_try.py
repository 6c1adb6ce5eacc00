"""The page that tries an operation, in a real browser: under its policy, on a phone, for everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, Route

from ostiary.pages import render, security_headers
from ostiary.portal.chrome import STYLES, Chrome
from ostiary.portal.content.highlight import highlight_code
from ostiary.portal.content.openapi.document import read_api
from ostiary.portal.tryit.answer import show_answer
from ostiary.ports.own_gateway import OwnReply
from tests.unit.portal.tryit.try_kit import SPEC, build, form_of, operation_of

AXE = Axe()
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
    "wrong": draw("get-cat", {"errors": ERRORS, "is_sent": True}),
}  # fmt: skip


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
    found = (await AXE.run(portal)).response["violations"]
    wide = await portal.evaluate("document.documentElement.scrollWidth")

    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
    assert wide <= width
    assert told == []
