"""What the hosted pages and OAuth endpoints refuse, remember and forget."""

from __future__ import annotations

import asyncio
import base64

import pytest

from ostiary.jose.jwt import read_unverified_claims
from tests.userpool.hosted_kit import CHALLENGE, SIGN_IN, VERIFIER, code_of
from tests.userpool.pool_kit import (
    CALLBACK,
    Demo,
    PoolSite,
    build_demo,
    query_of,
)


@pytest.mark.spec("RFC6749#4.1.2")
async def test_a_code_used_twice_revokes_what_the_first_use_gave(demo: Demo) -> None:
    code = query_of((await demo.confirm()).location)["code"]
    tokens = (await demo.exchange(code)).json()
    again = await demo.exchange(code)

    assert again.status == 400
    assert again.json() == {"error": "invalid_grant"}

    refreshed = await demo.token(
        {
            "grant_type": "refresh_token",
            "client_id": demo.client_id,
            "refresh_token": tokens["refresh_token"],
        }
    )

    assert refreshed.json() == {"error": "invalid_grant"}

    info = await demo.site.browser().get(
        "/oauth2/userInfo", authorization=f"Bearer {tokens['access_token']}"
    )

    assert info.status == 401


@pytest.mark.spec("RFC6749#4.1.2")
async def test_of_parallel_exchanges_of_one_code_one_wins(demo: Demo) -> None:
    code = query_of((await demo.confirm()).location)["code"]
    answers = await asyncio.gather(*(demo.exchange(code) for _ in range(8)))

    assert sorted(a.status for a in answers) == [200] + [400] * 7


@pytest.mark.spec("RFC6749#4.1.2")
async def test_a_code_dies_after_five_minutes(site: PoolSite, demo: Demo) -> None:
    code = query_of((await demo.confirm()).location)["code"]
    site.clock.pass_s(300)

    assert (await demo.exchange(code)).json() == {"error": "invalid_grant"}


@pytest.mark.spec("RFC7636#4.6")
@pytest.mark.parametrize(
    ("challenge", "verifier", "status"),
    [
        (CHALLENGE, VERIFIER, 200),
        (CHALLENGE, "w" * 43, 400),
        (CHALLENGE, "", 400),
        ("", VERIFIER, 400),
    ],
)
async def test_pkce_is_demanded_where_it_was_begun_and_only_there(
    demo: Demo, challenge: str, verifier: str, status: int
) -> None:
    await demo.confirm()
    method = "S256" if challenge else ""
    code = await code_of(demo, code_challenge=challenge, code_challenge_method=method)

    assert (await demo.exchange(code, code_verifier=verifier)).status == status


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": f"{CALLBACK}/"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"code": "00000000-0000-4000-8000-000000000000"}, "invalid_grant"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_secret": "surprise"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
        ({"grant_type": ""}, "invalid_request"),
    ],
)
@pytest.mark.spec("RFC6749#5.2")
async def test_a_wrong_exchange_is_named(
    demo: Demo, changes: dict[str, str], error: str
) -> None:
    code = query_of((await demo.confirm()).location)["code"]
    answer = await demo.exchange(**{"code": code, **changes})

    assert answer.status == 400
    assert answer.json() == {"error": error}
    assert answer.header("cache-control") == "no-store"


@pytest.mark.spec("RFC6749#3.2")
async def test_a_repeated_parameter_is_refused(site: PoolSite, demo: Demo) -> None:
    answer = await site.browser().request(
        "POST",
        "/oauth2/token",
        body=f"grant_type=a&grant_type=b&client_id={demo.client_id}".encode(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )

    assert answer.json() == {"error": "invalid_request"}


@pytest.mark.parametrize(
    ("method", "content_type", "status"),
    [
        ("POST", "application/json", 400),
        ("GET", "application/x-www-form-urlencoded", 405),
    ],
)
async def test_the_token_endpoint_takes_posted_forms_only(
    site: PoolSite, demo: Demo, method: str, content_type: str, status: int
) -> None:
    answer = await site.browser().request(
        method, "/oauth2/token", body=b"{}", headers={"content-type": content_type}
    )

    assert answer.status == status
    assert status == 400 or answer.body == b""


@pytest.mark.parametrize("path", ["/oauth2/authorize", "/logout", "/confirmUser"])
async def test_a_scanner_s_head_request_changes_nothing(demo: Demo, path: str) -> None:
    await demo.confirm()
    answer = await demo.browser.request("HEAD", f"{path}?{demo.query()}")

    assert answer.status == 405
    assert "cognito" in demo.browser.cookies


async def test_the_link_of_a_mail_confirms_and_signs_nobody_in(
    site: PoolSite, demo: Demo
) -> None:
    await demo.sign_up()
    (user,) = (await site.call("ListUsers", UserPoolId=demo.pool_id))["Users"]
    link = f"/confirmUser/?client_id={demo.client_id}&user_name={user['Username']}"
    wrong = await site.browser().get(f"{link}&confirmation_code=x")

    assert wrong.status == 400

    done = await site.browser().get(
        f"{link}&confirmation_code={site.mailer.last_code()}"
    )

    assert done.status == 200
    assert "Your registration has been confirmed!" in done.text
    assert all(k != "set-cookie" for k, _ in done.headers)


@pytest.mark.spec("RFC6749#2.3.1")
@pytest.mark.parametrize("way", ["basic", "post", "none", "wrong", "both"])
async def test_a_confidential_client_proves_itself(site: PoolSite, way: str) -> None:
    demo = await build_demo(site, GenerateSecret=True)
    described = await site.call(
        "DescribeUserPoolClient", UserPoolId=demo.pool_id, ClientId=demo.client_id
    )
    secret = described["UserPoolClient"]["ClientSecret"]
    code = query_of((await demo.confirm()).location)["code"]
    basic = base64.b64encode(f"{demo.client_id}:{secret}".encode()).decode()
    fields = {
        "grant_type": "authorization_code",
        "client_id": demo.client_id,
        "code": code,
        "redirect_uri": CALLBACK,
    }
    match way:
        case "basic":
            del fields["client_id"]
            answer = await demo.token(fields, authorization=f"Basic {basic}")
        case "post":
            answer = await demo.token(fields | {"client_secret": secret})
        case "none":
            answer = await demo.token(fields)
        case "wrong":
            answer = await demo.token(fields | {"client_secret": secret[::-1]})
        case _:
            both = fields | {"client_secret": secret}
            answer = await demo.token(both, authorization=f"Basic {basic}")
    expected = {
        "basic": None,
        "post": None,
        "none": "invalid_client",
        "wrong": "invalid_client",
        "both": "invalid_request",
    }[way]

    assert answer.json().get("error") == expected


@pytest.mark.spec("RFC6749#6")
async def test_a_refresh_keeps_who_and_when_and_needs_its_client(
    site: PoolSite, demo: Demo
) -> None:
    first = (
        await demo.exchange(query_of((await demo.confirm()).location)["code"])
    ).json()
    site.clock.pass_s(1000)
    fields = {
        "grant_type": "refresh_token",
        "client_id": demo.client_id,
        "refresh_token": first["refresh_token"],
    }
    second = (await demo.token(fields)).json()
    before, after = (read_unverified_claims(t["id_token"]) for t in (first, second))

    assert "refresh_token" not in second
    assert after["auth_time"] == before["auth_time"]
    assert after["origin_jti"] == before["origin_jti"]
    assert after["jti"] != before["jti"]
    assert "nonce" not in after

    site.clock.pass_s(30 * 86400)

    assert (await demo.token(fields)).json() == {"error": "invalid_grant"}


@pytest.mark.spec("RFC7009#2")
async def test_revoking_a_refresh_token_ends_its_access_tokens_here(
    site: PoolSite, demo: Demo
) -> None:
    tokens = (
        await demo.exchange(query_of((await demo.confirm()).location)["code"])
    ).json()
    fields = {"token": tokens["refresh_token"], "client_id": demo.client_id}
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}

    assert (await site.browser().get("/oauth2/userInfo", **bearer)).status == 200

    done = await site.browser().post("/oauth2/revoke", fields)

    assert (done.status, done.body) == (200, b"")
    assert (await site.browser().get("/oauth2/userInfo", **bearer)).status == 401
    assert (await site.browser().post("/oauth2/revoke", fields)).status == 200

    unknown = await site.browser().post("/oauth2/revoke", fields | {"client_id": "no"})

    assert (unknown.status, unknown.json()) == (401, {"error": "invalid_client"})

    access = fields | {"token": tokens["access_token"]}
    refused = await site.browser().post("/oauth2/revoke", access)

    assert refused.json() == {"error": "unsupported_token_type"}


async def test_userinfo_says_what_is_wrong_with_a_token(
    site: PoolSite, demo: Demo
) -> None:
    none = await site.browser().get("/oauth2/userInfo")

    assert none.status == 400
    assert "Bad OAuth2 request at UserInfo Endpoint" in none.header("www-authenticate")

    bad = await site.browser().get("/oauth2/userInfo", authorization="Bearer a.b.c")

    assert bad.status == 401
    assert bad.json()["error"] == "invalid_token"

    await demo.confirm()
    code = await code_of(demo, scope="aws.cognito.signin.user.admin")
    tokens = (await demo.exchange(code)).json()

    assert "id_token" not in tokens

    narrow = await site.browser().get(
        "/oauth2/userInfo", authorization=f"Bearer {tokens['access_token']}"
    )

    assert narrow.status == 403


async def test_a_live_session_gives_a_code_silently_for_one_hour(
    site: PoolSite, demo: Demo
) -> None:
    await demo.confirm()

    assert await code_of(demo, prompt="none")

    forced = await demo.browser.get(f"/oauth2/authorize?{demo.query(prompt='login')}")

    assert forced.location.startswith("/login?")

    site.clock.pass_s(3600)
    stale = await demo.browser.get(f"/oauth2/authorize?{demo.query(prompt='none')}")

    assert query_of(stale.location) == {
        "state": "a state+/=%",
        "error": "login_required",
    }


@pytest.mark.spec("OIDC-Core#3.1.2.1")
async def test_max_age_asks_again(site: PoolSite, demo: Demo) -> None:
    await demo.confirm()
    site.clock.pass_s(60)

    assert await code_of(demo, max_age="60")

    answer = await demo.browser.get(f"/oauth2/authorize?{demo.query(max_age='59')}")

    assert answer.location.startswith("/login?")


async def test_the_session_cookie_is_guarded_and_fresh_at_each_sign_in(
    demo: Demo,
) -> None:
    done = await demo.confirm()
    cookie = next(v for k, v in done.headers if k == "set-cookie" and "cognito=" in v)

    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=3600" in cookie

    before = demo.browser.cookies["cognito"]
    page = await demo.browser.get(f"/login?{demo.query()}")
    await demo.browser.submit(page, SIGN_IN)

    assert demo.browser.cookies["cognito"] != before
