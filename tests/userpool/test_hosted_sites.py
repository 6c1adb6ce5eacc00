"""What a request may ask of the sign-in pages, how long a session lasts, and several pools at once."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.userpool.hosted_kit import SIGN_IN
from tests.userpool.people_kit import read_claims
from tests.userpool.pool_kit import (
    CALLBACK,
    Answer,
    Browser,
    Demo,
    PoolSite,
    query_of,
)


async def ask(demo: Demo, **query: str) -> Answer:
    return await demo.browser.get(f"/oauth2/authorize?{demo.query(**query)}")


async def sign_in(demo: Demo, **query: str) -> Answer:
    page = await demo.browser.get(f"/login?{demo.query(**query)}")
    return await demo.browser.submit(page, SIGN_IN)


async def test_a_login_hint_fills_the_name_in(demo: Demo) -> None:
    hint = 'ada"<b>@example.org'
    page = await demo.browser.get(f"/login?{demo.query(login_hint=hint)}")

    assert 'value="ada&#34;&lt;b&gt;@example.org"' in page.text
    assert re.search(r'id="signInFormPassword"[^>]* autofocus', page.text)


@pytest.mark.spec("OIDC-Core#3.1.2.1")
@pytest.mark.parametrize(
    ("prompt", "goes_to"),
    [
        ("", "code"),
        ("none", "code"),
        ("consent", "code"),
        ("login", "login"),
        ("select_account", "login"),
        ("login consent", "login"),
    ],
)
async def test_a_prompt_decides_whether_a_session_is_enough(
    demo: Demo, prompt: str, goes_to: str
) -> None:
    await demo.confirm()
    answer = await ask(demo, prompt=prompt)

    if goes_to == "code":
        assert "code" in query_of(answer.location)
    else:
        assert answer.location.startswith("/login?")


async def test_signing_in_again_gives_a_new_cookie_and_keeps_the_old_session(
    demo: Demo,
) -> None:
    await demo.confirm()
    old = demo.browser.cookies["cognito"]
    answer = await sign_in(demo, prompt="login")

    assert "code" in query_of(answer.location)
    assert demo.browser.cookies["cognito"] != old

    demo.browser.cookies["cognito"] = old

    assert "code" in query_of((await ask(demo)).location)


@pytest.mark.spec("OIDC-Core#3.1.2.1")
async def test_max_age_asks_again_when_the_sign_in_is_older(
    site: PoolSite, demo: Demo
) -> None:
    await demo.confirm()
    site.clock.pass_s(61)

    assert "code" in query_of((await ask(demo, max_age="61")).location)
    assert (await ask(demo, max_age="60")).location.startswith("/login?")
    assert (
        query_of((await ask(demo, max_age="60", prompt="none")).location)["error"]
        == "login_required"
    )

    code = query_of((await sign_in(demo, max_age="60")).location)["code"]
    claims = read_claims((await demo.exchange(code)).json()["id_token"])

    assert claims["auth_time"] == int(site.clock.now())


@pytest.mark.parametrize("nonce", ["n-1", ""])
async def test_the_nonce_is_the_request_s(demo: Demo, nonce: str) -> None:
    code = query_of((await demo.confirm(nonce=nonce)).location)["code"]
    claims = read_claims((await demo.exchange(code)).json()["id_token"])

    assert claims.get("nonce", "") == nonce


@pytest.mark.parametrize("page", ["/oauth2/authorize", "/login"])
@pytest.mark.parametrize(
    ("name", "value", "refused"),
    [
        ("identity_provider", "COGNITO", False),
        ("identity_provider", "Google", True),
        ("idp_identifier", "example.org", True),
    ],
)
async def test_only_the_pool_itself_is_a_provider_here(
    demo: Demo, page: str, name: str, value: str, refused: bool
) -> None:
    answer = await demo.browser.get(f"{page}?{demo.query(**{name: value})}")

    if refused:
        assert answer.location.startswith(f"{CALLBACK}?")
        assert query_of(answer.location)["error"] == "invalid_request"
    else:
        assert "error" not in answer.location


async def test_a_session_lasts_an_hour_however_much_it_is_used(
    site: PoolSite, demo: Demo
) -> None:
    answer = await demo.confirm()
    cookie = next(v for k, v in answer.headers if v.startswith("cognito="))

    assert "Max-Age=3600" in cookie
    for _ in range(3):
        site.clock.pass_s(1199)

        assert "code" in query_of((await ask(demo)).location)

    site.clock.pass_s(3)

    assert (await ask(demo)).location.startswith("/login?")


async def build_other(site: PoolSite, domain: str, **client: Any) -> Demo:
    pool = await site.call("CreateUserPool", PoolName=domain)
    pool_id = pool["UserPool"]["Id"]
    await site.call("CreateUserPoolDomain", Domain=domain, UserPoolId=pool_id)
    made = await site.call(
        "CreateUserPoolClient",
        UserPoolId=pool_id,
        ClientName=f"client of {domain}",
        CallbackURLs=["https://other.example/cb"],
        AllowedOAuthFlows=["code"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthScopes=["openid"],
        **client,
    )
    browser = site.browser(host=f"{domain}.auth.localhost:9443")
    return Demo(site, pool_id, made["UserPoolClient"]["ClientId"], browser)


OTHER = {"redirect_uri": "https://other.example/cb", "scope": "openid"}


async def test_each_domain_serves_its_own_pool(site: PoolSite, demo: Demo) -> None:
    other = await build_other(site, "second")
    mine = await demo.browser.get(f"/login?{demo.query()}")
    theirs = await other.browser.get(f"/login?{other.query(**OTHER)}")

    assert ("kong-api" in mine.text, "kong-api" in theirs.text) == (True, False)
    assert "client of second" in theirs.text

    wrong = await other.browser.get(f"/login?{demo.query()}")

    assert wrong.location.startswith("/error?")
    assert (await other.browser.get("/nothing")).status == 404
    assert (
        await site.browser(host="third.auth.localhost:9443").get("/login")
    ).status == 404


async def test_a_session_and_a_password_count_at_their_own_pool_only(
    site: PoolSite, demo: Demo
) -> None:
    other = await build_other(site, "second")
    await demo.confirm()
    other.browser.cookies = dict(demo.browser.cookies)
    answer = await ask(other, **OTHER)

    assert answer.location.startswith("/login?")

    page = await other.browser.get(answer.location)
    refused = await other.browser.submit(page, SIGN_IN)

    assert refused.status == 200
    assert "cognito" in demo.browser.cookies


async def test_all_clients_of_a_pool_share_the_session(
    site: PoolSite, demo: Demo
) -> None:
    await demo.confirm()
    made = await site.call(
        "CreateUserPoolClient",
        UserPoolId=demo.pool_id,
        ClientName="another",
        CallbackURLs=["https://other.example/cb"],
        AllowedOAuthFlows=["code"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthScopes=["openid"],
    )
    demo.client_id = made["UserPoolClient"]["ClientId"]

    assert "code" in query_of((await ask(demo, **OTHER)).location)


async def log_out(browser: Browser, query: str) -> Answer:
    return await browser.get(f"/logout?{query}")


async def test_leaving_to_a_registered_address_ends_the_session(demo: Demo) -> None:
    await demo.confirm()
    target = "https://kong-ee.localhost:8446/default"
    answer = await log_out(
        demo.browser, f"client_id={demo.client_id}&logout_uri={target}"
    )

    assert answer.location == target
    assert "cognito" not in demo.browser.cookies


async def test_leaving_to_the_sign_in_page_keeps_the_request(demo: Demo) -> None:
    await demo.confirm()
    answer = await log_out(demo.browser, demo.query(scope="", lang="de"))

    assert answer.location.startswith("/login?")
    assert "scope=email+openid" in answer.location
    assert "cognito" not in demo.browser.cookies

    page = await demo.browser.get(answer.location)

    assert "Anmelden" in page.text


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("client_id={}", "Required String parameter"),
        ("client_id={}&logout_uri=https://evil.example", "Required String parameter"),
        ("client_id={}&redirect_uri=https://evil.example", "redirect_mismatch"),
    ],
)
async def test_leaving_to_nowhere_is_an_error_and_ends_the_session_too(
    demo: Demo, query: str, text: str
) -> None:
    await demo.confirm()
    answer = await log_out(demo.browser, query.format(demo.client_id))
    page = await demo.browser.get(answer.location)

    assert page.status == 400
    assert text in page.text
    assert "evil.example" not in page.text
    assert "cognito" not in demo.browser.cookies
