"""What a person does in the browser, and what is watched meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Page

from ostiary.cli.demo.check import (
    Person,
    enter_code,
    new_person,
    read_code,
    sign_in,
    sign_up,
)
from ostiary.cli.demo.values import DemoState
from tests.browser.factor_pools import FactorPool

TIMEOUT_MS = 15_000


def is_loopback(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme in {"data", "about"}:
        return True
    host = parts.hostname or ""
    return host in {"127.0.0.1", "localhost"} or host.endswith(".localhost")


@dataclass(slots=True, kw_only=True)
class Watch:
    """What must stay empty: requests to elsewhere, and complaints of the page's policy."""

    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        def request(seen: Any) -> None:
            if not is_loopback(seen.url):
                self.strangers.append(seen.url)

        def console(message: Any) -> None:
            if "Content Security Policy" in message.text:
                self.complaints.append(message.text)

        context.on("request", request)
        context.on("console", console)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))


@asynccontextmanager
async def open_context(
    browser: Browser, **options: Any
) -> AsyncIterator[BrowserContext]:
    """A visitor without cookies; the end checks what was watched."""
    context = await browser.new_context(**options)
    context.set_default_timeout(TIMEOUT_MS)
    watch = Watch()
    watch.follow(context)
    try:
        yield context
    finally:
        await context.close()

    assert not watch.strangers, watch.strangers
    assert not watch.complaints, watch.complaints


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A person at a demo, with the addresses they use."""

    state: DemoState
    person: Person
    pools: dict[str, FactorPool] = field(default_factory=dict)

    @property
    def target(self) -> str:
        return f"{self.state.protected_url}?x=1"

    @property
    def login_url(self) -> str:
        return f"{self.state.hosted_ui_url}/login"

    async def sign_in(self, page: Page, target: str | None = None) -> None:
        """From no cookies to the protected page."""
        wanted = target or self.target
        await page.goto(wanted)
        await sign_in(page, email=self.person.email, password=self.person.password)
        await page.wait_for_url(wanted)


async def sign_up_someone(state: DemoState, context: BrowserContext) -> Visitor:
    """A new person, signed up and confirmed through the pages."""
    visitor = Visitor(state=state, person=new_person())
    page, tab = await context.new_page(), await context.new_page()
    await page.goto(visitor.target)
    await page.get_by_role("link", name="Sign up", exact=True).click()
    await sign_up(page, visitor.person)
    await enter_code(
        page, await read_code(tab, state.mailbox_url, visitor.person.email)
    )
    await page.wait_for_url(visitor.target)
    return visitor


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""
