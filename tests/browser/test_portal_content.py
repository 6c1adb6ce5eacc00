"""The portal's pages in a real browser: under their policy, on a phone, for everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Route

from ostiary.pages import security_headers
from ostiary.portal.chrome import STYLES, Chrome, MenuItem
from ostiary.portal.content.access import ANONYMOUS, Reader
from ostiary.portal.content.defaults import load_shipped_files
from ostiary.portal.content.finding import Page as Found
from ostiary.portal.content.finding import SearchPage, find_page
from ostiary.portal.content.menus import build_chrome
from ostiary.portal.content.rendering import render_missing, render_page, render_search
from ostiary.portal.content.search import build_index
from ostiary.portal.content.site import build_site
from ostiary.portal.content.source import SourceFile
from tests.browser.judging import find_barriers
from tests.browser.shots import keep_picture

BASE = "/default"
ADA = Reader(is_authenticated=True, name="Ada Lovelace")
FRAME = Chrome(
    site_name="",
    base=BASE,
    sign_in_url=f"{BASE}/login",
    register_url=f"{BASE}/register",
    sign_out_url=f"{BASE}/logout",
    account_menu=(MenuItem(title="Settings", url=f"{BASE}/settings"),),
)
APIS = (
    ("Payments", "2.4.0", "Charge cards, pay out, and find out what became of a payment.", "Money"),
    ("Parcels", "1.0.3", "Labels, prices and tracking for parcels in 31 countries.", "Delivery"),
    ("Pictures", "0.9.0", "Covers and photographs in every size, cut and compressed.", "Media"),
    ("Addresses", "3.1.0", "Complete and correct postal addresses while people type them.", "Delivery"),
)  # fmt: skip
MORE = [
    SourceFile(
        path=f"specs/{title.lower()}.yaml",
        contents=f"openapi: 3.0.0\ninfo: {{title: {title}, version: '{version}', description: '{said}'}}\ntags: [{{name: {tag}}}]\npaths: {{/{title.lower()}: {{get: {{summary: List, responses: {{}}}}}}}}\n",
    )
    for title, version, said, tag in APIS
]
SITE = build_site([*load_shipped_files(), *MORE], workspace="default", has_auth=True)
INDEX = build_index(SITE)
PAGES = {
    "home": "/", "about": "/about", "catalogue": "/documentation", "guides": "/guides",
    "guide": "/guides/authentication", "guide-with-a-table": "/guides/errors",
    "specification": "/documentation/bookshop", "operation": "/documentation/bookshop/create-order",
    "search": "/search?q=order", "search-without-results": "/search?q=zebra", "missing": "/nothing",
}  # fmt: skip


def draw(path: str, reader: Reader) -> bytes:
    plain, _, query = path.partition("?q=")
    chrome = build_chrome(SITE, reader, FRAME, path=plain, search_text=query)
    match find_page(SITE, plain, reader):
        case Found() as found:
            return render_page(found, chrome).body
        case SearchPage() as found:
            return render_search(found, INDEX, query, chrome)
    return render_missing(chrome)


async def serve(route: Route) -> None:
    path = route.request.url.removeprefix(f"http://portal.test{BASE}") or "/"
    reader = ADA if route.request.headers.get("x-ada") else ANONYMOUS
    headers = dict(security_headers(styles=STYLES, has_own_files=True))
    await route.fulfill(
        body=draw(path, reader), content_type="text/html", headers=headers
    )


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


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [390, 1280])
async def test_every_page_is_for_everybody_and_fits(
    portal: Page, name: str, width: int
) -> None:
    path = PAGES[name]
    told: list[str] = []

    def note(message: ConsoleMessage) -> None:
        told.append(message.text)

    portal.on("console", note)
    await portal.set_viewport_size({"width": width, "height": 900})
    headers = {"x-ada": "1"} if width == 1280 and "guides" in path else {}
    await portal.set_extra_http_headers(headers)
    await portal.goto(f"{BASE}{path}")
    await keep_picture(portal, f"content-{name}")
    found = await find_barriers(portal)
    wide = await portal.evaluate("document.documentElement.scrollWidth")

    assert found == []
    assert wide <= width
    assert told == []


async def test_samples_are_chosen_without_script_and_by_keyboard(portal: Page) -> None:
    await portal.goto(f"{BASE}/documentation/bookshop/create-order")
    shown = portal.locator(".panel-of:visible")
    first = await shown.inner_text()
    await portal.locator("#sample-1").focus()
    await portal.keyboard.press("ArrowRight")
    second = await shown.inner_text()
    await keep_picture(portal, "content-operation-in-python")

    assert first.startswith("curl ")
    assert second.startswith("import requests")
    assert await shown.count() == 1
