"""The debugger of the demo, and the Manager's, at our user pool: what works, and what each mistake is called."""

from __future__ import annotations

import asyncio
from typing import Any

import boto3
import pytest
from playwright.async_api import BrowserContext, Page

from ostiary.cli.demo.check import sign_in
from ostiary.cli.demo.values import DemoState
from tests.browser.judging import judge, judge_as_ours
from tests.browser.visits import Visitor

NOWHERE = "https://nowhere.example/callback"


async def follow(page: Page, selector: str) -> None:
    """Click, and be on the next page: what is read then must not be of the one before."""
    async with page.expect_navigation():
        await page.locator(selector).first.click()


async def press(page: Page, act: str) -> None:
    await follow(page, f'button[value="{act}"]')


async def open_more(page: Page) -> None:
    await page.get_by_text("More about the client and the request").click()


async def read_cause(page: Page) -> str:
    """The cause that the page names; empty for none."""
    return await page.locator("#result").get_attribute("data-cause") or ""


async def sign_in_there(page: Page, visitor: Visitor) -> None:
    """From the page to the pool's, and back."""
    await follow(page, "#go")
    person = visitor.person
    async with page.expect_navigation():
        await sign_in(page, email=person.email, password=person.password)


def open_sdk(state: DemoState) -> Any:
    """An unmodified boto3 client; Any: they are made at run time."""
    return boto3.client(
        "cognito-idp",
        endpoint_url=state.userpool_url,
        region_name=state.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def make_client(state: DemoState, **settings: Any) -> dict[str, Any]:
    """A client of the pool that may come back to the debugger; Any: JSON."""
    made = open_sdk(state).create_user_pool_client(
        **{
            "UserPoolId": state.user_pool_id,
            "ClientName": "debugged",
            "SupportedIdentityProviders": ["COGNITO"],
            "CallbackURLs": [f"{state.debugger_url}/callback"],
            "LogoutURLs": [f"{state.debugger_url}/"],
            "AllowedOAuthFlows": ["code"],
            "AllowedOAuthFlowsUserPoolClient": True,
            "AllowedOAuthScopes": ["openid", "email"],
            **settings,
        }
    )
    found: dict[str, Any] = made["UserPoolClient"]
    return found


async def test_the_demo_s_debugger_goes_through_all_that_the_pool_has(
    page: Page, visitor: Visitor
) -> None:
    state = visitor.state
    await page.goto(f"{state.debugger_url}/")
    await judge_as_ours(page, "debugger-empty")
    await page.goto(state.debugger_link)
    await press(page, "sign_in")
    await judge(page, "debugger-ready")
    await sign_in_there(page, visitor)

    assert page.url.startswith(f"{state.debugger_url}/callback?")

    await judge(page, "debugger-signed-in")
    for act in ("refresh", "userinfo", "revocation", "logout"):
        await press(page, act)

        assert page.url == f"{state.debugger_url}/#result"
        assert await read_cause(page) == ""
        assert await page.locator("table.rules tr.bad").count() == 0

    await follow(page, "#go-out")

    assert page.url == f"{state.debugger_url}/"


async def test_a_revoked_refresh_token_is_not_offered_again(
    page: Page, visitor: Visitor
) -> None:
    await page.goto(visitor.state.debugger_link)
    await press(page, "sign_in")
    await sign_in_there(page, visitor)
    await press(page, "revocation")

    assert await page.locator('button[value="refresh"]').count() == 0


async def test_a_redirect_uri_that_is_not_registered_is_named_before_anybody_goes(
    page: Page, demo: DemoState
) -> None:
    await page.goto(demo.debugger_link)
    await page.locator("#redirect_uri").fill(NOWHERE)
    await press(page, "sign_in")

    assert await read_cause(page) == "redirect_uri_unregistered"
    assert NOWHERE in await page.locator("#result").inner_text()

    await judge(page, "debugger-refused")


async def test_a_scope_that_the_client_may_not_have_is_named(
    page: Page, demo: DemoState
) -> None:
    await page.goto(demo.debugger_link)
    await page.locator("#scope").fill("openid nobody/has.this")
    await press(page, "sign_in")

    assert await read_cause(page) == "scope_refused"


async def test_a_client_that_nobody_knows_is_named(page: Page, demo: DemoState) -> None:
    await page.goto(demo.debugger_link)
    await page.locator("#client_id").fill("0123456789abcdefghijklmnop")
    await press(page, "sign_in")

    assert await read_cause(page) == "client_unknown"


async def test_a_missing_secret_and_a_needless_one_are_told_apart(
    page: Page, visitor: Visitor
) -> None:
    state = visitor.state
    made = await asyncio.to_thread(make_client, state, GenerateSecret=True)
    await page.goto(state.debugger_link)
    await page.locator("#client_id").fill(made["ClientId"])
    await page.locator("#scope").fill("openid email")
    await press(page, "sign_in")
    await sign_in_there(page, visitor)

    assert await read_cause(page) == "secret_missing"

    await page.goto(state.debugger_link)
    await page.locator("#client_secret").fill("a-secret-that-it-has-not")
    await press(page, "sign_in")
    await follow(page, "#go")

    assert await read_cause(page) == "secret_unneeded"
    assert "a-secret-that-it-has-not" not in await page.content()


async def test_a_client_with_its_secret_gets_a_token_of_its_own(
    page: Page, demo: DemoState
) -> None:
    await asyncio.to_thread(
        open_sdk(demo).create_resource_server,
        UserPoolId=demo.user_pool_id,
        Identifier="orders",
        Name="orders",
        Scopes=[{"ScopeName": "read", "ScopeDescription": "Read orders"}],
    )
    made = await asyncio.to_thread(
        make_client,
        demo,
        GenerateSecret=True,
        AllowedOAuthFlows=["client_credentials"],
        AllowedOAuthScopes=["orders/read"],
    )
    await page.goto(demo.debugger_link)
    await page.locator("#client_id").fill(made["ClientId"])
    await page.locator("#client_secret").fill(made["ClientSecret"])
    await page.locator("#scope").fill("orders/read")
    await press(page, "client_credentials")

    assert await read_cause(page) == ""
    assert "orders/read" in await page.locator('[data-kind="client_credentials"]').inner_text()  # fmt: skip
    assert made["ClientSecret"] not in await page.content()


@pytest.mark.spec("D16")
async def test_the_standard_logout_at_a_pool_is_called_what_it_is(
    page: Page, demo: DemoState
) -> None:
    await page.goto(demo.debugger_link)
    await open_more(page)
    await page.locator("#logout_form").select_option("standard")
    await press(page, "discover")
    await press(page, "logout")

    assert await read_cause(page) == "cognito_logout_form"


async def test_a_logout_address_that_is_not_registered_is_named(
    page: Page, demo: DemoState
) -> None:
    await page.goto(demo.debugger_link)
    await open_more(page)
    await page.locator("#logout_redirect_uri").fill("https://nowhere.example/")
    await press(page, "discover")
    await press(page, "logout")

    assert await read_cause(page) == "logout_uri_unregistered"


async def test_an_answer_that_came_elsewhere_is_pasted(
    page: Page, context: BrowserContext, visitor: Visitor
) -> None:
    state = visitor.state
    elsewhere = f"{state.manager_url}/auth/debugger"
    await page.goto(state.debugger_link)
    await page.locator("#redirect_uri").fill(elsewhere)
    await press(page, "sign_in")
    address = await page.locator("#go").get_attribute("href")
    tab = await context.new_page()
    await tab.goto(address or "")
    person = visitor.person
    await sign_in(tab, email=person.email, password=person.password)
    await tab.wait_for_url(f"{elsewhere}?**")
    await page.get_by_label("The address that you came back to").fill(tab.url)
    await press(page, "paste")

    assert await read_cause(page) == ""
    assert await page.locator('[data-kind="token"] .badge.good').count() == 1


async def test_the_manager_has_it_too_and_replays_what_the_gateway_did(
    page: Page, visitor: Visitor
) -> None:
    state = visitor.state
    await page.goto(
        f"{state.manager_url}/default/debugger?issuer={state.issuer}&client_id={state.client_id}"
    )
    await press(page, "sign_in")
    await sign_in_there(page, visitor)

    assert page.url.startswith(f"{state.manager_url}/auth/debugger?")
    assert await read_cause(page) == ""

    await judge(page, "manager-debugger")
    # The pool knows this browser by now, so that the gateway's sign-in asks nothing.
    await page.goto(visitor.target)
    link = page.locator("table a")
    for _ in range(50):  # workers tell control in the background
        await page.goto(f"{state.manager_url}/default/flows")
        if await link.count():
            break
    await follow(page, "table a")

    assert await page.locator("svg.run-diagram").count() == 1

    await judge(page, "manager-sign-in-story")
