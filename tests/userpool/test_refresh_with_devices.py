"""A refresh token that was given to a device comes back from that device, or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.userpool.people_kit import ALL_FLOWS, Stage, open_stage, read_claims
from tests.userpool.pool_kit import Browser, build_demo, open_site, query_of

DEVICES = {
    "ChallengeRequiredOnNewDevice": False,
    "DeviceOnlyRememberedOnUserPrompt": False,
}
REFUSED = ("NotAuthorizedException", "Invalid Refresh Token")
ROTATION = {
    "ExplicitAuthFlows": [f for f in ALL_FLOWS if f != "ALLOW_REFRESH_TOKEN_AUTH"],
    "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        await opened.build(DeviceConfiguration=DEVICES)
        await opened.add_user()
        yield opened


def by_flow(stage: Stage, token: str, device: str | None) -> tuple[str, dict[str, Any]]:
    parameters = {"REFRESH_TOKEN": token, "DEVICE_KEY": device}
    return "InitiateAuth", {
        "ClientId": stage.client_id,
        "AuthFlow": "REFRESH_TOKEN_AUTH",
        "AuthParameters": {k: v for k, v in parameters.items() if v is not None},
    }


def by_admin(
    stage: Stage, token: str, device: str | None
) -> tuple[str, dict[str, Any]]:
    _, members = by_flow(stage, token, device)
    return "AdminInitiateAuth", {**members, "UserPoolId": stage.pool_id}


def by_operation(
    stage: Stage, token: str, device: str | None
) -> tuple[str, dict[str, Any]]:
    members = {"RefreshToken": token, "DeviceKey": device}
    return "GetTokensFromRefreshToken", {
        "ClientId": stage.client_id,
        **{k: v for k, v in members.items() if v is not None},
    }


WAYS = pytest.mark.parametrize("way", [by_flow, by_admin, by_operation])


@pytest.mark.spec("cognito#3.12")
@WAYS
async def test_the_device_that_a_token_was_given_to_refreshes_it(
    stage: Stage, way: Any
) -> None:
    """The key is enough, confirmed or not: many applications keep it and confirm nothing."""
    tokens = await stage.tokens()
    key = tokens["NewDeviceMetadata"]["DeviceKey"]
    operation, members = way(stage, tokens["RefreshToken"], key)
    renewed = await stage.sdk.call(operation, **members)
    claims = read_claims(renewed["AuthenticationResult"]["AccessToken"])

    assert claims["device_key"] == key


@pytest.mark.spec("cognito#3.12")
@WAYS
async def test_without_its_device_a_token_is_no_good(stage: Stage, way: Any) -> None:
    """No key, one of nobody, and another device of the same person are refused alike."""
    tokens = await stage.tokens()
    another = (await stage.tokens())["NewDeviceMetadata"]["DeviceKey"]
    nobodys = f"ap-southeast-1_{'0' * 8}-0000-0000-0000-{'0' * 12}"
    seen = []
    for device in (None, nobodys, another):
        operation, members = way(stage, tokens["RefreshToken"], device)
        seen.append(await stage.sdk.refused(operation, **members))

    assert seen == [REFUSED] * 3


@pytest.mark.parametrize("by_admin", [False, True])
async def test_a_device_that_is_forgotten_refreshes_nothing(
    stage: Stage, by_admin: bool
) -> None:
    """
    Who forgets a lost device ends what it holds, and no other sign-in.

    Access tokens that it has go on to their end, as after any end of a refresh token.
    """
    tokens, others = await stage.tokens(), await stage.tokens()
    key = tokens["NewDeviceMetadata"]["DeviceKey"]
    if by_admin:
        await stage.admin("AdminForgetDevice", DeviceKey=key)
    else:
        await stage.sdk.call(
            "ForgetDevice", AccessToken=others["AccessToken"], DeviceKey=key
        )
    operation, members = by_flow(stage, tokens["RefreshToken"], key)
    refused = await stage.sdk.refused(operation, **members)
    other_key = others["NewDeviceMetadata"]["DeviceKey"]
    operation, members = by_flow(stage, others["RefreshToken"], other_key)

    assert refused == REFUSED
    assert "AuthenticationResult" in await stage.sdk.call(operation, **members)


async def test_a_pool_that_tracks_no_devices_asks_for_none(stage: Stage) -> None:
    """Neither where it never did nor where it was switched off; a key that is sent anyway is nothing."""
    before = await stage.tokens()
    await stage.sdk.call("UpdateUserPool", UserPoolId=stage.pool_id)
    after = await stage.tokens()
    for tokens in (before, after):
        for key in (None, "ap-southeast-1_0-0"):
            operation, members = by_flow(stage, tokens["RefreshToken"], key)
            assert "AuthenticationResult" in await stage.sdk.call(operation, **members)

    assert "NewDeviceMetadata" not in after


async def test_a_refusal_for_its_device_uses_no_token_up(stage: Stage) -> None:
    """Where tokens rotate, a call that forgot the key may be made again with it."""
    stage.client_id = await stage.add_client(**ROTATION)
    tokens = await stage.tokens()
    key = tokens["NewDeviceMetadata"]["DeviceKey"]
    operation, members = by_operation(stage, tokens["RefreshToken"], None)
    refused = await stage.sdk.refused(operation, **members)
    operation, members = by_operation(stage, tokens["RefreshToken"], key)
    renewed = (await stage.sdk.call(operation, **members))["AuthenticationResult"]
    operation, members = by_operation(stage, renewed["RefreshToken"], key)

    assert refused == REFUSED
    assert "AuthenticationResult" in await stage.sdk.call(operation, **members)


async def test_the_token_endpoint_takes_no_token_of_a_device(stage: Stage) -> None:
    """Nothing there could name the device; where none are tracked any more, it takes the token."""
    tokens = await stage.tokens()
    browser = Browser(stage.site.app, host="127.0.0.1:9229")
    fields = {
        "grant_type": "refresh_token",
        "client_id": stage.client_id,
        "refresh_token": tokens["RefreshToken"],
    }
    refused = await browser.post("/oauth2/token", fields)
    await stage.sdk.call("UpdateUserPool", UserPoolId=stage.pool_id)
    taken = await browser.post("/oauth2/token", fields)

    assert (refused.status, refused.json()) == (400, {"error": "invalid_grant"})
    assert taken.status == 200


async def test_tokens_of_the_hosted_pages_are_of_no_device(tmp_path: Path) -> None:
    """Where devices are tracked, who signed in at the pages refreshes without one."""
    async with open_site(tmp_path) as site:
        demo = await build_demo(site)
        await site.call(
            "UpdateUserPool",
            UserPoolId=demo.pool_id,
            DeviceConfiguration=DEVICES,
            AutoVerifiedAttributes=["email"],
        )
        code = query_of((await demo.confirm()).location)["code"]
        tokens = (await demo.exchange(code)).json()
        fields = {
            "grant_type": "refresh_token",
            "client_id": demo.client_id,
            "refresh_token": tokens["refresh_token"],
        }
        renewed = await demo.token(fields)

    assert renewed.status == 200
    assert "device_key" not in read_claims(renewed.json()["access_token"])
