"""The console of a pool site for tests: a browser at its pages."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

from ostiary.userpool.app import create_app
from ostiary.userpool.config import ConsoleConfig, LoopbackOnly, TokenSignIn
from tests.userpool.pool_kit import Answer, Browser, PoolSite, open_site

HOST = "127.0.0.1:9229"
OURS = {"sec-fetch-site": "same-origin"}
TOKEN = "t" * 43


@dataclass
class Console:
    """A site with its console, and a browser that has been at it."""

    site: PoolSite
    browser: Browser

    async def get(self, path: str = "", **headers: str) -> Answer:
        return await self.browser.get(f"/console{path}", **headers)

    async def post(
        self, path: str, fields: Mapping[str, str | list[str]], **headers: str
    ) -> Answer:
        return await self.browser.request(
            "POST",
            f"/console{path}",
            body=urlencode(fields, doseq=True).encode(),
            headers={
                "content-type": "application/x-www-form-urlencoded",
                **OURS,
                **headers,
            },
        )

    async def follow(self, answer: Answer) -> Answer:
        assert answer.status == 302, answer.text

        return await self.browser.get(answer.location)


def hidden_of(page: Answer) -> dict[str, str]:
    """The hidden fields of a page."""
    found = re.findall(
        r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text
    )
    return {name: html.unescape(value) for name, value in found}


def error_at(page: Answer, field: str) -> str:
    """What stands at a field."""
    found = re.search(
        rf'id="{re.escape(field)}-error" class="field-error">(.*?)</p>',
        page.text,
        re.DOTALL,
    )
    return html.unescape(found[1]) if found else ""


@asynccontextmanager
async def open_console(
    folder: Path, *, access: LoopbackOnly | TokenSignIn | None = None
) -> AsyncIterator[Console]:
    async with open_site(folder) as site:
        config = ConsoleConfig(access=access or LoopbackOnly())
        site.app = create_app(replace(site.config, console=config))
        yield Console(site, Browser(site.app, host=HOST))
        await site.settle()
