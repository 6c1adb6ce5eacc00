"""An application's way: made in the portal, approved in the Manager, and known by the gateway."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page

from ostiary.cli.demo.values import DemoState
from tests.browser.test_portal import Keyboard, judge, sign_in
from tests.browser.visits import open_context, sign_up_someone

TRIES = 100
PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls the demo's gateway and its Admin API."""

    demo: DemoState

    async def ask(
        self, url: str, method: str = "GET", body: Any = None, **fields: str
    ) -> tuple[int, Any]:
        """Status and JSON; Any: JSON."""

        def send() -> tuple[int, Any]:
            data = None if body is None else json.dumps(body).encode()
            headers = {"content-type": "application/json", **fields}
            asked = urllib.request.Request(url, data, headers, method=method)
            try:
                with urllib.request.urlopen(asked, timeout=10) as reply:
                    return reply.status, _read(reply.read())
            except urllib.error.HTTPError as error:
                return error.code, _read(error.read())

        return await asyncio.to_thread(send)

    async def admin(self, method: str, path: str, body: Any) -> Any:
        status, value = await self.ask(f"{self.demo.admin_url}{path}", method, body)
        assert status < 400, value
        return value

    async def becomes(self, path: str, wanted: int, **fields: str) -> Any:
        """Ask until the workers answer so: a change reaches them in a moment."""
        status: int = 0
        value: Any = None
        # Only browsers find names below localhost by themselves.
        base = f"http://127.0.0.1:{urlsplit(self.demo.proxy_url).port}"
        for _ in range(TRIES):
            status, value = await self.ask(f"{base}{path}", **fields)
            if status == wanted:
                return value
            await asyncio.sleep(PAUSE_S)
        raise AssertionError(f"{path} answers {status} and not {wanted}: {value}")


def _read(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data


async def publish(caller: Caller, name: str, *, registers: bool) -> None:
    """A service that asks for a key."""
    service = {"name": name, "url": caller.demo.upstream_url}
    await caller.admin("PUT", f"/services/{name}", service)
    await caller.admin("PUT", f"/routes/{name}", {"paths": [f"/{name}"], "service": {"name": name}})  # fmt: skip
    await caller.admin("POST", f"/services/{name}/plugins", {"name": "key-auth"})
    if registers:
        config = {"display_name": "Pets", "description": "All the pets that there are."}
        plugin = {"name": "application-registration", "config": config}
        await caller.admin("POST", f"/services/{name}/plugins", plugin)


async def press_act(page: Page, label: str, said: str) -> None:
    await page.get_by_role("button", name=label, exact=True).click()
    await page.get_by_text(said).wait_for()


@pytest.mark.spec("WCAG22")
@pytest.mark.spec("portal#3.8")
async def test_an_application_is_made_approved_used_and_revoked(
    browser: Browser, demo: DemoState
) -> None:
    caller, at = Caller(demo), f"{demo.portal_url}/applications"
    await publish(caller, "pets", registers=True)
    await publish(caller, "vault", registers=False)
    async with open_context(browser) as context:
        visitor = await sign_up_someone(demo, context)
    developer = {"email": visitor.person.email, "status": 0, "meta": '{"full_name": "Ada"}'}  # fmt: skip
    await caller.admin("POST", "/developers", developer)
    async with open_context(browser, reduced_motion="reduce") as context:
        page, manager = await context.new_page(), await context.new_page()
        person = Keyboard(page)
        await sign_in(person, visitor)
        await page.wait_for_url(f"{demo.portal_url}/dashboard")

        await page.goto(at)
        await judge(page, "applications-empty", "Applications")
        await person.press("#new-application")
        await page.get_by_role("heading", name="New application", level=1).wait_for()
        await person.fill("#app-name", "Pet shop")
        await person.fill("#app-redirect", "http://shop.example/callback")
        await page.keyboard.press("Enter")
        await page.locator("#app-redirect-error").wait_for()
        await judge(page, "application-refused", "New application")
        await person.fill("#app-redirect", "https://shop.example/callback")
        await page.keyboard.press("Enter")
        await judge(page, "application", "Pet shop")
        await person.press(page.get_by_role("button", name="Request access to Pets"))
        await page.get_by_text("Pending Approval").wait_for()
        await person.press("#new-key-button")
        await judge(page, "application-key", "Your new key")
        key = await page.locator("#new-key").inner_text()
        await caller.becomes("/pets", 403, apikey=key)

        await manager.goto(f"{demo.manager_url}/default/applications/requested")
        await judge(manager, "manager-applications-requested", "Applications")
        await press_act(manager, "Approve Pet shop for pets", "may call the service")
        passed = await caller.becomes("/pets", 200, apikey=key)
        await caller.becomes("/vault", 401, apikey=key)
        await page.goto(at)
        await page.get_by_role("heading", name="Applications", level=1).wait_for()
        await page.get_by_role("link", name="Pet shop").click()
        await page.get_by_text("Active").wait_for()
        await judge(page, "application-active", "Pet shop")
        await page.get_by_role("button", name=f"Rotate the key {key[:4]}").click()
        await page.get_by_role("heading", name="Your new key", level=1).wait_for()
        other = await page.locator("#new-key").inner_text()
        await caller.becomes("/pets", 200, apikey=other)
        await caller.becomes("/pets", 200, apikey=key)

        await manager.goto(f"{demo.manager_url}/default/applications")
        await manager.get_by_role("heading", name="Applications", level=1).wait_for()
        await manager.get_by_role("link", name="Pet shop").click()
        await judge(manager, "manager-application", "Pet shop")
        await press_act(manager, "Suspend pets", "The contract is suspended")
        await caller.becomes("/pets", 403, apikey=other)
        await press_act(manager, "Resume pets", "The contract goes on")
        await caller.becomes("/pets", 200, apikey=other)
        await press_act(manager, "Revoke pets", "may no longer call")
        await caller.becomes("/pets", 403, apikey=other)

        assert "x-consumer-id" in json.dumps(passed).lower()
        await page.goto(at)
        await page.get_by_role("link", name="Pet shop").click()
        await page.get_by_role("link", name="Delete", exact=True).click()
        await page.get_by_role("heading", name="Delete Pet shop?", level=1).wait_for()
        await person.press('main button[type="submit"]')
        await page.get_by_role("heading", name="Applications", level=1).wait_for()
        await caller.becomes("/pets", 401, apikey=other)
