"""userInfo, revocation and cross-origin use of the endpoints that carry no cookies."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from tests.userpool.pool_kit import Answer, Demo, PoolSite, build_demo, query_of

BAD_TOKEN = "Access token is expired, disabled, or deleted, or the user has globally signed out."


async def sign_in(demo: Demo, **query: str) -> dict[str, Any]:
    code = query_of((await demo.confirm(**query)).location)["code"]
    tokens: dict[str, Any] = (await demo.exchange(code)).json()
    return tokens


async def ask_info(demo: Demo, authorization: str, method: str = "GET") -> Answer:
    return await demo.site.browser().request(
        method, "/oauth2/userInfo", headers={"authorization": authorization}
    )


@pytest.mark.spec("OIDC-Core#5.3.2")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_value_of_user_info_is_a_text(demo: Demo, method: str) -> None:
    tokens = await sign_in(demo)
    info = await ask_info(demo, f"Bearer {tokens['access_token']}", method)

    assert info.header("content-type") == "application/json;charset=UTF-8"
    assert all(isinstance(v, str) for v in info.json().values())
    assert info.json()["email_verified"] == "true"
    assert info.json()["sub"] == info.json()["username"]


@pytest.mark.spec("RFC6750#3.1")
@pytest.mark.parametrize(
    ("authorization", "status", "code", "description"),
    [
        ("", 400, "invalid_request", "Bad OAuth2 request at UserInfo Endpoint"),
        ("Bearer ", 400, "invalid_request", "Bad OAuth2 request at UserInfo Endpoint"),
        ("Basic x", 400, "invalid_request", "Bad OAuth2 request at UserInfo Endpoint"),
        ("Bearer a.b.c", 401, "invalid_token", BAD_TOKEN),
        ("Bearer {id_token}", 401, "invalid_token", BAD_TOKEN),
        ("Bearer {refresh_token}", 401, "invalid_token", BAD_TOKEN),
    ],
)
async def test_user_info_names_what_is_wrong(
    demo: Demo, authorization: str, status: int, code: str, description: str
) -> None:
    tokens = await sign_in(demo)
    answer = await ask_info(demo, authorization.format(**tokens))

    assert answer.status == status
    assert answer.json() == {"error": code, "error_description": description}
    assert f'error="{code}", error_description="{description}"' in answer.header(
        "www-authenticate"
    )


async def test_a_token_without_openid_is_told_so(demo: Demo) -> None:
    tokens = await sign_in(demo, scope="aws.cognito.signin.user.admin")
    answer = await ask_info(demo, f"Bearer {tokens['access_token']}")

    assert answer.status == 403
    assert answer.json() == {
        "error": "insufficient_scope",
        "error_description": "Access token does not contain openid scope",
    }


async def test_a_token_is_over_with_its_time(site: PoolSite, demo: Demo) -> None:
    tokens = await sign_in(demo)
    site.clock.pass_s(3599)

    assert (await ask_info(demo, f"Bearer {tokens['access_token']}")).status == 200

    site.clock.pass_s(1)

    assert (await ask_info(demo, f"Bearer {tokens['access_token']}")).status == 401


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


@pytest.mark.spec("RFC7009#2.1")
@pytest.mark.parametrize("which", ["old", "new", "deleted", "wrong"])
async def test_both_live_secrets_of_a_client_work(site: PoolSite, which: str) -> None:
    demo = await build_demo(site, GenerateSecret=True)
    client = {"UserPoolId": demo.pool_id, "ClientId": demo.client_id}
    described = await site.call("DescribeUserPoolClient", **client)
    old = described["UserPoolClient"]["ClientSecret"]
    added = await site.call("AddUserPoolClientSecret", **client)
    new = added["ClientSecretDescriptor"]["ClientSecretValue"]
    code = query_of((await demo.confirm()).location)["code"]
    tokens = (await demo.exchange(code, client_secret=new)).json()
    if which == "deleted":
        listed = (await site.call("ListUserPoolClientSecrets", **client))[
            "ClientSecrets"
        ]
        first = next(
            s["ClientSecretId"]
            for s in listed
            if s["ClientSecretId"] != added["ClientSecretDescriptor"]["ClientSecretId"]
        )
        await site.call("DeleteUserPoolClientSecret", **client, ClientSecretId=first)
    secret = {"old": old, "new": new, "deleted": old, "wrong": "x" * 50}[which]
    answer = await demo.browser.post(
        "/oauth2/revoke",
        {"token": tokens["refresh_token"]},
        authorization=basic(demo.client_id, secret),
    )
    refreshed = await demo.token(
        {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
        authorization=basic(demo.client_id, new),
    )

    if which in {"old", "new"}:
        assert (answer.status, answer.body) == (200, b"")
        assert refreshed.json() == {"error": "invalid_grant"}
    else:
        assert (answer.status, answer.json()) == (401, {"error": "invalid_client"})
        assert refreshed.status == 200


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/oauth2/token", True),
        ("/oauth2/userInfo", True),
        ("/oauth2/revoke", True),
        ("/oauth2/authorize", False),
        ("/login", False),
        ("/mfa", False),
    ],
)
async def test_scripts_of_other_sites_reach_what_carries_no_cookies(
    demo: Demo, path: str, allowed: bool
) -> None:
    answer = await demo.site.browser().request(
        "OPTIONS",
        path,
        headers={
            "origin": "https://app.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "x-amz-user-agent,content-type",
        },
    )

    if allowed:
        assert answer.status == 200
        assert answer.header("access-control-allow-origin") == "*"
        assert "x-amz-user-agent" in answer.header("access-control-allow-headers")
        assert answer.header("access-control-allow-credentials") == ""
    else:
        assert answer.header("access-control-allow-origin") == ""


async def test_a_script_can_read_why_it_was_refused(demo: Demo) -> None:
    answer = await demo.token(
        {"grant_type": "x", "client_id": demo.client_id}, origin="https://app.example"
    )

    assert answer.status == 400
    assert answer.header("access-control-allow-origin") == "*"


async def test_a_token_is_nobody_s_when_another_takes_the_name(site: PoolSite) -> None:
    demo = await build_demo(site)
    tokens = await sign_in(demo)
    username = (await ask_info(demo, f"Bearer {tokens['access_token']}")).json()[
        "username"
    ]
    store = site.config.store
    user = await store.load_user(pool_id=demo.pool_id, username=username)
    assert user is not None
    await store.save_user(replace(user, sub="00000000-0000-7000-8000-000000000000"))

    assert (await ask_info(demo, f"Bearer {tokens['access_token']}")).status == 401
