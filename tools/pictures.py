"""
Pictures of every page for the docs, from what the browser tests keep.

    BROWSER_SHOTS=shots .venv/bin/python -m pytest tests/browser
    .venv/bin/python tools/pictures.py shots

With `--some` after the folder, pictures that it does not have stay as they are.

Writes `docs/images/pages/*.jpg` (on a desk, in light colours) and `docs/pages.md`, which lists them.
"""

from __future__ import annotations

import asyncio
import base64
import re
import sys
from pathlib import Path
from typing import Final

from playwright.async_api import async_playwright

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "images" / "pages"
PAGE: Final = ROOT / "docs" / "pages.md"
WIDTH: Final = 720
MAX_HEIGHT: Final = 900
QUALITY: Final = 62
_NAME: Final = re.compile(r"(?P<name>.+)-light-(?:desk|1280)\.png")
# Areas by how the names of their pictures begin; what fits none is a hosted page of the pool.
_AREAS: Final = (
    ("portal-manager-", "The Manager: applications"),
    ("portal-", "The developer portal"),
    ("content-", "The developer portal's content"),
    ("manager-", "The Manager"),
    ("debugger-", "The debugger"),
    ("console", "The user pool's console"),
    ("", "The user pool's hosted pages, and the demo's own"),
)


def find_area(name: str) -> str:
    """The heading that a picture stands under."""
    return next(title for start, title in _AREAS if name.startswith(start))


async def convert(paths: list[Path]) -> int:
    """Make small pictures of the large ones; how many there were."""
    count = 0
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = await browser.new_page(viewport={"width": WIDTH, "height": MAX_HEIGHT})
        for path in paths:
            match = _NAME.fullmatch(path.name)
            if match is None:
                continue
            data = base64.b64encode(path.read_bytes()).decode()
            await page.set_content(
                f'<body style="margin:0"><img style="width:{WIDTH}px;display:block" src="data:image/png;base64,{data}">'
            )
            picture = page.locator("img")
            box = await picture.bounding_box()
            assert box is not None
            height = min(int(box["height"]), MAX_HEIGHT)
            clip = {"x": 0, "y": 0, "width": WIDTH, "height": height}
            name = match["name"].replace("_", "-")
            await page.screenshot(
                path=FOLDER / f"{name}.jpg",
                type="jpeg",
                quality=QUALITY,
                clip=clip,  # type: ignore[arg-type]  # a clip
            )
            count += 1
        await browser.close()
    return count


def build_page(names: list[str]) -> str:
    """The list of all pictures."""
    lines = [
        "# Every page",
        "",
        "On a desk, in light colours; each is there for a phone and in dark colours too. The browser tests look at them all, with axe.",
    ]
    areas: dict[str, list[str]] = {title: [] for _, title in _AREAS}
    for name in names:
        areas[find_area(name)].append(name)
    for title, some in areas.items():
        if some:
            lines += ["", f"## {title}", ""]
        for name in some:
            words = name.replace("-", " ")
            for start in ("portal ", "manager ", "content "):
                words = words.removeprefix(start)
            lines += [f"![{words}](images/pages/{name}.jpg)", ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Convert the pictures of a folder."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if "--some" not in sys.argv[2:]:
        for old in FOLDER.glob("*.jpg"):
            old.unlink()
    count = asyncio.run(convert(sorted(Path(sys.argv[1]).glob("*.png"))))
    names = sorted(path.stem for path in FOLDER.glob("*.jpg"))
    PAGE.write_text(build_page(names))
    print(f"{count} pictures, {len(names)} pages")


if __name__ == "__main__":
    main()
