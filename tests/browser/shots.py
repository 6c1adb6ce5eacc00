"""Pictures of pages, for whoever looks at them: `BROWSER_SHOTS` names the folder that they go to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from playwright.async_api import Page

_PHONE: Final = 600
_IS_DARK: Final = "matchMedia('(prefers-color-scheme: dark)').matches"


async def keep_picture(page: Page, name: str) -> None:
    """A picture of the whole page, named by its colours and its size as well."""
    folder = os.environ.get("BROWSER_SHOTS")
    if not folder:
        return
    size = page.viewport_size
    assert size is not None
    scheme = "dark" if await page.evaluate(_IS_DARK) else "light"
    where = "phone" if size["width"] < _PHONE else "desk"
    path = Path(folder) / f"{name}-{scheme}-{where}.png"
    await page.screenshot(path=path, full_page=True)
