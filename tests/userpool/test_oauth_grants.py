"""The token endpoint's other grants: a client for itself, and refresh tokens that rotate."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.ports.triggers import Event
from tests.userpool.people_kit import FakeTriggers, read_claims, refusing
from tests.userpool.pool_kit import (
    Answer,
    Demo,
    PoolSite,
    build_demo,
    open_site,
    query_of,
)

ROTATION = {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10}


@pytest.fixture
def triggers() -> FakeTriggers:
    return FakeTriggers()


@pytest.fixture
async def site(tmp_path: Path, triggers: FakeTriggers) -> AsyncIterator[PoolSite]:
    async with open_site(tmp_path, triggers=triggers) as opened:
        yield opened


async def serve_scopes(demo: Demo, *names: str) -> None:
    scopes = [{"ScopeName": n, "ScopeDescription": n} for n in names]
    members = {
        "UserPoolId": demo.pool_id,
        "Identifier": "https://api.example",
        "Name": "api",
        "Scopes": scopes,
    }
    made = await demo.site.call_raw("CreateResourceServer", members)
    if made.status != 200:
        await demo.site.call("UpdateResourceServer", **members)


async def add_client(demo: Demo, **settings: Any) -> dict[str, Any]:
    made = await demo.site.call(
        "CreateUserPoolClient",
        UserPoolId=demo.pool_id,
        **{
            "ClientName": "machine",
            "GenerateSecret": True,
            "AllowedOAuthFlows": ["client_credentials"],
            "AllowedOAuthFlowsUserPoolClient": True,
            "AllowedOAuthScopes": [
                "https://api.example/read",
                "https://api.example/write",
            ],
            **settings,
        },
    )
    client: dict[str, Any] = made["UserPoolClient"]
    return client


@pytest.fixture
async def demo(site: PoolSite) -> Demo:
    demo = await build_demo(site)
    await serve_scopes(demo, "read", "write")
    return demo


async def ask(demo: Demo, client: dict[str, Any], **fields: str) -> Answer:
    pair = f"{client['ClientId']}:{client['ClientSecret']}"
    basic = base64.b64encode(pair.encode()).decode()
    return await demo.token(
        {"grant_type": "client_credentials", **fields}, authorization=f"Basic {basic}"
    )


@pytest.mark.spec("RFC6749#4.4.3")
async def test_a_client_gets_a_token_about_itself(demo: Demo) -> None:
    client = await add_client(demo)
    reply = (await ask(demo, client)).json()

    assert set(reply) == {"access_token", "token_type", "expires_in"}
    assert (reply["token_type"], reply["expires_in"]) == ("Bearer", 3600)

    claims = read_claims(reply["access_token"])

    assert set(claims) == {
        "sub",
        "token_use",
        "scope",
        "auth_time",
        "iss",
        "exp",
        "iat",
        "version",
        "jti",
        "client_id",
    }
    assert claims["sub"] == claims["client_id"] == client["ClientId"]
    assert claims["scope"] == "https://api.example/read https://api.example/write"
    assert (claims["token_use"], claims["version"]) == ("access", 2)


@pytest.mark.spec("RFC6749#3.3")
@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("https://api.example/read", "https://api.example/read"),
        ("openid", {"error": "invalid_scope"}),
        ("https://api.example/admin", {"error": "invalid_scope"}),
    ],
)
async def test_only_the_client_s_custom_scopes_are_given(
    demo: Demo, scope: str, expected: object
) -> None:
    client = await add_client(demo)
    answer = await ask(demo, client, scope=scope)

    if isinstance(expected, dict):
        assert (answer.status, answer.json()) == (400, expected)
    else:
        assert read_claims(answer.json()["access_token"])["scope"] == expected


async def test_a_scope_that_its_server_lost_is_left_out(demo: Demo) -> None:
    client = await add_client(demo)
    await serve_scopes(demo, "write")
    answer = await ask(demo, client)

    assert read_claims(answer.json()["access_token"])["scope"] == (
        "https://api.example/write"
    )

    await serve_scopes(demo)

    assert (await ask(demo, client)).json() == {"error": "invalid_grant"}


@pytest.mark.spec("RFC6749#4.4.2")
async def test_a_wrong_secret_or_another_flow_gives_nothing(demo: Demo) -> None:
    client = await add_client(demo)
    wrong = await ask(demo, client | {"ClientSecret": "x" * 51})
    other = await ask(demo, await add_client(demo, AllowedOAuthFlows=["code"]))

    assert wrong.json() == {"error": "invalid_client"}
    assert other.json() == {"error": "unauthorized_client"}


async def test_a_client_s_token_is_nobody_at_user_info(demo: Demo) -> None:
    reply = (await ask(demo, await add_client(demo))).json()
    answer = await demo.browser.get(
        "/oauth2/userInfo", authorization=f"Bearer {reply['access_token']}"
    )

    assert answer.status == 401


def change_token(event: Event) -> Event:
    note = event["request"].get("clientMetadata", {}).get("tenant", "none")
    event["response"]["claimsAndScopeOverrideDetails"] = {
        "accessTokenGeneration": {
            "claimsToAddOrOverride": {"tenant": note, "sub": "somebody"},
            "scopesToAdd": ["extra/scope"],
            "scopesToSuppress": ["https://api.example/write"],
        }
    }
    return event


async def set_trigger(demo: Demo, arn: str, version: str) -> None:
    await demo.site.call(
        "UpdateUserPool",
        UserPoolId=demo.pool_id,
        AutoVerifiedAttributes=["email"],
        LambdaConfig={
            "PreTokenGenerationConfig": {"LambdaVersion": version, "LambdaArn": arn}
        },
    )


async def test_the_third_version_of_the_trigger_changes_a_client_s_token(
    demo: Demo, triggers: FakeTriggers
) -> None:
    client = await add_client(demo)
    await set_trigger(demo, triggers.arn("change", change_token), "V3_0")
    metadata = json.dumps({"tenant": "t1"})
    reply = (await ask(demo, client, aws_client_metadata=metadata)).json()
    claims = read_claims(reply["access_token"])

    assert (claims["tenant"], claims["sub"]) == ("t1", client["ClientId"])
    assert claims["scope"] == "https://api.example/read extra/scope"

    event = triggers.events[-1]

    assert event["triggerSource"] == "TokenGeneration_ClientCredentials"
    assert event["version"] == "3"
    assert event["request"]["scopes"] == [
        "https://api.example/read",
        "https://api.example/write",
    ]
    assert event["request"]["clientMetadata"] == {"tenant": "t1"}


async def test_earlier_versions_are_not_asked_about_clients(
    demo: Demo, triggers: FakeTriggers
) -> None:
    client = await add_client(demo)
    await set_trigger(demo, triggers.arn("change", change_token), "V2_0")

    assert "tenant" not in read_claims((await ask(demo, client)).json()["access_token"])
    assert triggers.events == []


async def test_a_trigger_can_refuse_a_client(
    demo: Demo, triggers: FakeTriggers
) -> None:
    client = await add_client(demo)
    await set_trigger(demo, triggers.arn("no", refusing("No.")), "V3_0")
    answer = await ask(demo, client)

    assert (answer.status, answer.json()) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": 1}'])
async def test_metadata_that_is_no_object_of_texts_is_refused(
    demo: Demo, text: str
) -> None:
    answer = await ask(demo, await add_client(demo), aws_client_metadata=text)

    assert answer.json() == {"error": "invalid_request"}


async def refresh(demo: Demo, token: str) -> Answer:
    return await demo.token(
        {
            "grant_type": "refresh_token",
            "client_id": demo.client_id,
            "refresh_token": token,
        }
    )


async def sign_in(demo: Demo) -> dict[str, Any]:
    code = query_of((await demo.confirm()).location)["code"]
    tokens: dict[str, Any] = (await demo.exchange(code)).json()
    return tokens


@pytest.fixture
async def rotating(site: PoolSite) -> Demo:
    return await build_demo(site, RefreshTokenRotation=ROTATION)


@pytest.mark.spec("RFC6749#6")
async def test_a_refresh_token_stays_where_tokens_do_not_rotate(demo: Demo) -> None:
    tokens = await sign_in(demo)
    again = [(await refresh(demo, tokens["refresh_token"])).json() for _ in range(2)]

    assert all("refresh_token" not in reply for reply in again)
    assert set(again[1]) == {"access_token", "id_token", "token_type", "expires_in"}


@pytest.mark.spec("RFC9700#4.14.2")
async def test_a_rotated_token_works_for_the_grace_period(rotating: Demo) -> None:
    tokens = await sign_in(rotating)
    fresh = (await refresh(rotating, tokens["refresh_token"])).json()

    assert fresh["refresh_token"] != tokens["refresh_token"]

    rotating.site.clock.pass_s(10)

    assert (await refresh(rotating, tokens["refresh_token"])).status == 200
    assert (await refresh(rotating, fresh["refresh_token"])).status == 200


@pytest.mark.spec("RFC9700#4.14.2")
async def test_of_many_at_once_one_gets_a_fresh_token_and_all_ends(
    site: PoolSite,
) -> None:
    demo = await build_demo(
        site, RefreshTokenRotation=ROTATION | {"RetryGracePeriodSeconds": 0}
    )
    given = (await sign_in(demo))["refresh_token"]
    replies = await asyncio.gather(*(refresh(demo, given) for _ in range(5)))
    fresh = [r.json()["refresh_token"] for r in replies if r.status == 200]

    assert len(fresh) == 1
    assert (await refresh(demo, fresh[0])).json() == {"error": "invalid_grant"}


@pytest.mark.spec("RFC9700#4.14.2")
async def test_of_many_at_once_all_may_go_on_within_the_grace_period(
    rotating: Demo,
) -> None:
    given = (await sign_in(rotating))["refresh_token"]
    replies = await asyncio.gather(*(refresh(rotating, given) for _ in range(5)))

    assert [reply.status for reply in replies] == [200] * 5


@pytest.mark.spec("RFC9700#4.14.2")
async def test_reuse_after_it_ends_all_that_was_made_from_it(rotating: Demo) -> None:
    tokens = await sign_in(rotating)
    fresh = (await refresh(rotating, tokens["refresh_token"])).json()
    rotating.site.clock.pass_s(11)

    assert (await refresh(rotating, tokens["refresh_token"])).json() == {
        "error": "invalid_grant"
    }
    assert (await refresh(rotating, fresh["refresh_token"])).json() == {
        "error": "invalid_grant"
    }

    info = await rotating.browser.get(
        "/oauth2/userInfo", authorization=f"Bearer {fresh['access_token']}"
    )

    assert info.status == 401


async def test_a_fresh_token_lives_as_long_as_the_first_would_have(
    rotating: Demo,
) -> None:
    tokens = await sign_in(rotating)
    rotating.site.clock.pass_s(29 * 86400)
    fresh = (await refresh(rotating, tokens["refresh_token"])).json()
    rotating.site.clock.pass_s(86400)

    assert (await refresh(rotating, fresh["refresh_token"])).json() == {
        "error": "invalid_grant"
    }


async def test_a_sign_in_s_tokens_lose_a_scope_with_its_server(site: PoolSite) -> None:
    demo = await build_demo(site)
    await serve_scopes(demo, "read")
    client = await site.call(
        "DescribeUserPoolClient", UserPoolId=demo.pool_id, ClientId=demo.client_id
    )
    settings = client["UserPoolClient"]
    for member in ("CreationDate", "LastModifiedDate", "ClientSecret"):
        settings.pop(member, None)
    scopes = ["openid", "https://api.example/read"]
    await site.call("UpdateUserPoolClient", **settings | {"AllowedOAuthScopes": scopes})
    answer = await demo.confirm(scope=" ".join(scopes))
    code = query_of(answer.location)["code"]
    tokens = (await demo.exchange(code)).json()

    assert read_claims(tokens["access_token"])["scope"] == " ".join(scopes)

    await serve_scopes(demo)
    fresh = (await refresh(demo, tokens["refresh_token"])).json()

    assert read_claims(fresh["access_token"])["scope"] == "openid"
