"""The page's clicks in the console, and a plain client of the pool that they make."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.async_api import Page

from ostiary.cli.demo.values import DemoState

SEED_URLS = (
    "“https://kong-ee:8446/default, https://kong-ee:8447/default/, "
    "https://kong-ee:8447/default/auth, https://kong-ee:8443/cognito”"
)
STEPS = 60


@dataclass
class Callback:
    """A loopback address that a browser is sent back to."""

    port: int = 0
    came: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/callback"

    async def code(self) -> str:
        target = await asyncio.wait_for(self.came.get(), 15)
        return parse_qs(urlsplit(target).query)["code"][0]


@asynccontextmanager
async def serve_callback() -> AsyncIterator[Callback]:
    callback = Callback()

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        target = head.split(b" ")[1].decode()
        if target.startswith("/callback"):
            callback.came.put_nowait(target)
        body = b"<!doctype html><title>Client</title><h1>Signed in</h1>"
        lines = (
            b"HTTP/1.1 200 OK",
            b"Content-Type: text/html",
            b"Connection: close",
            b"Content-Length: %d" % len(body),
        )
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    callback.port = server.sockets[0].getsockname()[1]
    async with server:
        yield callback


@dataclass(frozen=True, kw_only=True)
class Made:
    """What the clicks made."""

    pool_id: str
    client_id: str
    home: str

    @property
    def prefix(self) -> str:
        return (urlsplit(self.home).hostname or "").partition(".")[0]

    def sign_in_url(self, callback: Callback) -> str:
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": callback.url,
            "scope": "openid email profile",
            "state": "s",
        }
        return f"{self.home}/oauth2/authorize?{urlencode(query)}"


async def create_pool(page: Page, console: str) -> str:
    """From the list of pools to the new pool's id."""
    await page.goto(console)
    await page.get_by_role("link", name="Create a user pool").first.click()
    await page.get_by_label("Pool name").fill("test-pool")
    await page.get_by_role("button", name="Step through settings").click()
    await page.get_by_label("Email address or phone number", exact=True).check()
    await page.get_by_label("Allow email addresses", exact=True).check()
    for name in ("email", "family name", "given name"):
        await page.get_by_label(name, exact=True).check()
    for heading in ("Policies", "MFA and verifications", "Message", "tags", "Devices"):
        await page.get_by_role("button", name="Next step").click()
        await page.get_by_role("heading", level=1).filter(has_text=heading).wait_for()
    await page.get_by_label("No", exact=True).check()
    for heading in ("app clients", "triggers"):
        await page.get_by_role("button", name="Next step").click()
        await page.get_by_role("heading", level=1).filter(has_text=heading).wait_for()
    await page.get_by_role("button", name="Save changes").click()
    await page.get_by_role("button", name="Create pool").click()
    await page.get_by_role("status").filter(has_text="created successfully").wait_for()
    return (await page.locator("#pool-id").inner_text()).strip()


async def add_client(page: Page) -> str:
    """From a pool to its new client's id."""
    await page.get_by_role("link", name="App clients", exact=True).click()
    await page.get_by_role("link", name="Add an app client").click()
    await page.get_by_label("App client name").fill("kong-api")
    await page.get_by_text("Set attribute read and write permissions").click()
    kept = {"email", "given_name", "family_name"}
    for box in await page.locator("input[name=read], input[name=write]").all():
        await box.set_checked(await box.get_attribute("value") in kept)
    await page.get_by_role("button", name="Create app client").last.click()
    await page.get_by_role("status").wait_for()
    await page.get_by_text("Show Details").click()
    await page.get_by_text("No secret: a public client").wait_for()
    return (await page.locator(".client-id").first.inner_text()).strip()


async def set_client(page: Page, callback: Callback) -> None:
    """App client settings, as the page has them, with a callback that answers."""
    await page.get_by_role("link", name="App client settings").first.click()
    await page.get_by_label("Cognito User Pool").check()
    await page.get_by_label("Callback URL(s)").fill(f"{SEED_URLS}, {callback.url}")
    await page.get_by_label("Authorization code grant").check()
    for scope in ("email", "openid", "aws.cognito.signin.user.admin", "profile"):
        await page.get_by_label(scope, exact=True).check()
    await page.get_by_role("button", name="Save changes").click()
    await page.get_by_role("status").filter(has_text="Quotation marks").wait_for()


async def add_domain(page: Page, taken: str, free: str) -> str:
    """A name that another pool has, then one that is free; the new pages' address."""
    await page.get_by_role("link", name="Domain name").click()
    await page.get_by_label("Domain prefix").fill(taken)
    await page.get_by_role("button", name="Check availability").click()
    await page.get_by_text("This domain is not available").wait_for()
    await page.get_by_label("Domain prefix").fill(free)
    await page.get_by_role("button", name="Check availability").click()
    await page.get_by_text("This domain is available").wait_for()
    await page.get_by_role("button", name="Save changes").click()
    return (await page.locator("#domain-url").inner_text()).strip()


def exchange(state: DemoState, made: Made, code: str, callback: Callback) -> Any:
    """The ID token's claims for a code, as any client would get them."""
    fields = {
        "grant_type": "authorization_code",
        "client_id": made.client_id,
        "code": code,
        "redirect_uri": callback.url,
    }
    # Names under .localhost are known to browsers, not to every resolver.
    url = f"{state.userpool_url}/_domain/{made.prefix}/oauth2/token"
    with urllib.request.urlopen(url, urlencode(fields).encode(), timeout=10) as reply:
        token = json.load(reply)["id_token"]
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


async def reach(page: Page, name: str) -> None:
    """Press Tab until what is focused says this of itself."""
    for _ in range(STEPS):
        await page.keyboard.press("Tab")
        said = await page.evaluate(
            "() => { const e = document.activeElement;"
            " return (e.labels?.[0] ?? e).textContent.trim() }"
        )
        if said == name:
            return
    raise AssertionError(f"Tab never came to {name!r}")
