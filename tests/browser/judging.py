"""Whether a page is for everybody: axe's rules, light and dark, on a phone and on a desk."""

from __future__ import annotations

import os
from typing import Final, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from tests.browser.shots import keep_picture

Scheme = Literal["light", "dark"]
# The rule, how much it matters, and the elements that break it.
Barrier = tuple[str, str, list[str]]

SIZES: Final = {"phone": (390, 844), "desk": (1280, 800)}
_SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")
_AXE: Final = Axe().axe_script
_RUN: Final = """
    axe.run({resultTypes: ['violations']}).then(({violations}) =>
        violations.map(({id, impact, nodes}) => [id, impact, nodes.map(n => n.html)]))
"""


def choose_schemes(*, is_phone: bool) -> tuple[Scheme, ...]:
    """
    Which colours a page is judged in at a size; in both where somebody looks at the pictures.

    Contrast depends on colours alone and room on the size alone: two of the four show everything.
    """
    if os.environ.get("BROWSER_SHOTS"):
        return _SCHEMES
    return ("dark",) if is_phone else ("light",)


async def find_barriers(page: Page) -> list[Barrier]:
    """What axe complains of, as the page is now; a document gets axe once, which is half the time."""
    if await page.evaluate("typeof axe === 'undefined'"):
        await page.evaluate(_AXE)
    return [(name, impact, html) for name, impact, html in await page.evaluate(_RUN)]


async def judge(page: Page, name: str) -> None:
    """Room and barriers at both sizes; with `BROWSER_SHOTS`, pictures. The page is left on a desk."""
    for size, (width, height) in SIZES.items():
        await page.set_viewport_size({"width": width, "height": height})
        shown = await page.evaluate("document.documentElement.scrollWidth")

        assert shown <= width, f"{name} is {shown} px wide on a {size}"

        for scheme in choose_schemes(is_phone=size == "phone"):
            # Without motion: colours on their way from light to dark have any contrast.
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await keep_picture(page, name)

            assert await find_barriers(page) == [], f"{name}, {scheme}, {size}"


async def judge_as_ours(page: Page, name: str) -> None:
    """The same of a page of ours: it has a heading, and its title says whose it is."""
    assert await page.get_by_role("heading", level=1).count() == 1
    assert (await page.title()).endswith(" · Ostiary")

    await judge(page, name)
