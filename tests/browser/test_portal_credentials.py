"""A developer's own credential: made in the portal, known by the gateway, rotated, taken away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page

from ostiary.cli.demo.values import DemoState
from ostiary.model.developer_credentials import CREDENTIAL_PLUGINS
from tests.browser.test_portal import Keyboard, judge, sign_in
from tests.browser.test_portal_applications import Caller, press_act, publish
from tests.browser.visits import open_context, sign_up_someone

WIDTH = "document.documentElement.scrollWidth"


async def give_out(caller: Caller, plugins: Sequence[str] | None) -> None:
    config = {"portal_developer_credentials": plugins}
    await caller.admin("PATCH", "/workspaces/default", {"config": config})


@asynccontextmanager
async def giving_out(caller: Caller) -> AsyncIterator[None]:
    """Other tests look at the same portal."""
    await give_out(caller, CREDENTIAL_PLUGINS)
    try:
        yield
    finally:
        await give_out(caller, None)


async def require_room_for_a_long_address(
    caller: Caller, demo: DemoState, manager: Page
) -> None:
    """An address that has no place to break fits on a phone, wherever it stands."""
    developer = {"email": f"{'a' * 64}@example.org", "status": 0, "meta": '{"full_name": "Ada"}'}  # fmt: skip
    row = await caller.admin("POST", "/developers", developer)
    await manager.set_viewport_size({"width": 390, "height": 844})
    await manager.goto(f"{demo.manager_url}/default/developers/{row['id']}")
    widths = [await manager.evaluate(WIDTH)]
    await manager.get_by_role("button", name="Make it", exact=True).click()
    await manager.get_by_role("heading", name="New credential").wait_for()
    widths.append(await manager.evaluate(WIDTH))
    await manager.get_by_role("link", name="I have copied it").click()
    await caller.admin("DELETE", f"/developers/{row['id']}", None)

    assert max(widths) <= 390, widths


@pytest.mark.spec("WCAG22")
@pytest.mark.spec("portal#1.6")
async def test_a_credential_is_made_used_rotated_and_taken_away(
    browser: Browser, demo: DemoState
) -> None:
    caller, at = Caller(demo), f"{demo.portal_url}/credentials"
    await publish(caller, "ledger", registers=False)
    async with open_context(browser) as context:
        visitor = await sign_up_someone(demo, context)
    email = visitor.person.email
    developer = {"email": email, "status": 0, "meta": '{"full_name": "Ada"}'}
    row = await caller.admin("POST", "/developers", developer)
    async with (
        giving_out(caller),
        open_context(browser, reduced_motion="reduce") as context,
    ):
        page, manager = await context.new_page(), await context.new_page()
        person = Keyboard(page)
        await sign_in(person, visitor)
        await page.wait_for_url(f"{demo.portal_url}/dashboard")

        await page.goto(at)
        await judge(page, "credentials-empty", "Credentials")
        await person.press("#new-basic-auth")
        await judge(page, "credential-password", "Your new password")
        await page.goto(at)
        await person.press("#new-jwt")
        await judge(page, "credential-signing-key", "Your new signing key")
        await page.goto(at)
        await person.press("#new-key-auth")
        await judge(page, "credential-key", "Your new key")
        key = await page.locator("#new-secret").inner_text()
        passed = str(await caller.becomes("/ledger", 200, apikey=key)).lower()
        await page.goto(at)
        await judge(page, "credentials", "Credentials")
        await person.press(page.get_by_role("button", name=f"Rotate the key {key[:4]}"))
        await page.get_by_text("works for one more day").wait_for()
        other = await page.locator("#new-secret").inner_text()
        await caller.becomes("/ledger", 200, apikey=other)
        await caller.becomes("/ledger", 200, apikey=key)
        await page.goto(at)
        link = page.get_by_role("link", name=f"Delete the key {key[:4]}")
        await person.press(link)
        await judge(page, "credential-delete", "Delete this key?")
        await person.press('main button[type="submit"]')
        await page.get_by_text("opens nothing from now on").wait_for()
        await caller.becomes("/ledger", 401, apikey=key)
        await caller.becomes("/ledger", 200, apikey=other)

        assert "x-consumer-id" in passed
        assert "x-consumer-username" not in passed
        assert email not in passed

        whose = f"{demo.manager_url}/default/developers/{row['id']}"
        await manager.goto(whose)
        await judge(manager, "manager-developer-credentials", "Ada")
        await manager.get_by_role("button", name="Make it", exact=True).click()
        await judge(manager, "manager-developer-credential", "New credential")
        given = await manager.locator("#new-secret").inner_text()
        await caller.becomes("/ledger", 200, apikey=given)
        await require_room_for_a_long_address(caller, demo, manager)
        await manager.goto(whose)

        await give_out(caller, ["jwt"])
        await caller.becomes("/ledger", 401, apikey=other)
        await caller.becomes("/ledger", 200, apikey=given)
        await give_out(caller, CREDENTIAL_PLUGINS)
        await caller.becomes("/ledger", 200, apikey=other)
        await press_act(manager, "Revoke", "access is revoked")
        await caller.becomes("/ledger", 401, apikey=other)
        await caller.becomes("/ledger", 401, apikey=given)
