"""People who are elsewhere still become users when they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.ports.triggers import Event, TriggerRefused
from tests.userpool.people_kit import ADA, MAIL, Stage, open_stage
from tests.userpool.pool_kit import PASSWORD


def old_place(event: Event) -> Event:
    """Knows Ada and her password."""
    if event["userName"] != ADA:
        raise TriggerRefused("nobody")
    given = event["request"].get("password")
    if event["triggerSource"] == "UserMigration_Authentication" and given != PASSWORD:
        raise TriggerRefused("wrong password")
    event["response"] = {
        "userAttributes": {"email": MAIL, "email_verified": "true"},
        "finalUserStatus": "CONFIRMED",
        "messageAction": "SUPPRESS",
    }
    return event


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        arn = opened.triggers.arn("old", old_place)
        await opened.build(LambdaConfig={"UserMigration": arn})
        yield opened


async def test_who_gives_the_right_password_is_a_user_from_now_on(
    stage: Stage,
) -> None:
    assert "AuthenticationResult" in await stage.sign_in()
    user = await stage.admin("AdminGetUser")
    asked = len(stage.triggers.events)
    assert "AuthenticationResult" in await stage.sign_in()

    assert user["UserStatus"] == "CONFIRMED"
    assert len(stage.triggers.events) == asked


async def test_who_gives_a_wrong_one_is_not(stage: Stage) -> None:
    code, _ = await stage.sdk.refused(
        "InitiateAuth", **stage.by_password(password="Wr0ng!pass")
    )

    assert code == "UserNotFoundException"
    assert (await stage.admin_refused("AdminGetUser"))[0] == "UserNotFoundException"


async def test_who_has_forgotten_it_is_sent_a_code(stage: Stage) -> None:
    await stage.sdk.call("ForgotPassword", ClientId=stage.client_id, Username=ADA)
    await stage.sdk.call(
        "ConfirmForgotPassword",
        ClientId=stage.client_id,
        Username=ADA,
        ConfirmationCode=stage.code(),
        Password="An0ther!pass",
    )

    assert "AuthenticationResult" in await stage.sign_in(password="An0ther!pass")


async def test_who_comes_several_times_at_once_is_one_user(stage: Stage) -> None:
    replies = await asyncio.gather(*(stage.sign_in() for _ in range(4)))
    users = (await stage.sdk.call("ListUsers", UserPoolId=stage.pool_id))["Users"]

    assert all("AuthenticationResult" in reply for reply in replies)
    assert [user["Username"] for user in users] == [ADA]
