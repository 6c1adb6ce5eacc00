"""Only names that a pool's users can have are asked for elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.ports.triggers import Event
from tests.userpool.people_kit import MAIL, PHONE, Stage, open_stage


def old_place(event: Event) -> Event:
    """Knows everybody, by any name and password."""
    event["response"] = {
        "userAttributes": {"email": MAIL, "email_verified": "true"},
        "finalUserStatus": "CONFIRMED",
    }
    return event


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        yield opened


async def build(stage: Stage, pool: dict[str, Any]) -> None:
    arn = stage.triggers.arn("old", old_place)
    await stage.build(LambdaConfig={"UserMigration": arn}, **pool)


MAIL_NAMES = {"UsernameAttributes": ["email"]}
MAIL_ALIASES = {"AliasAttributes": ["email", "phone_number"]}


@pytest.mark.spec("cognito#3.13")
@pytest.mark.parametrize(
    ("pool", "name"),
    [({}, "ada"), (MAIL_NAMES, MAIL), (MAIL_ALIASES, "ada"), ({}, "a" * 128)],
)
async def test_names_of_the_pools_kind_are_asked_for(
    stage: Stage, pool: dict[str, Any], name: str
) -> None:
    """Who comes with a name that can be kept is asked for, and becomes a user."""
    await build(stage, pool)

    assert "AuthenticationResult" in await stage.sign_in(name)
    assert [e["userName"] for e in stage.triggers.events] == [name]


@pytest.mark.spec("cognito#3.10")
@pytest.mark.parametrize(
    ("pool", "name"),
    [
        (MAIL_NAMES, "ada"),
        (MAIL_NAMES, PHONE),
        ({"UsernameConfiguration": {"CaseSensitive": False}}, "İ" * 128),
    ],
)
async def test_other_names_are_nobodys_and_not_asked_for(
    stage: Stage, pool: dict[str, Any], name: str
) -> None:
    """What would be refused as a name at sign-up is answered like any name that nobody has."""
    await build(stage, pool)
    by_password = await stage.sdk.refused(
        "InitiateAuth", **stage.by_password(name, "Passw0rd!x")
    )
    forgotten, _ = await stage.sdk.refused(
        "ForgotPassword", ClientId=stage.client_id, Username=name
    )
    listed = await stage.sdk.call("ListUsers", UserPoolId=stage.pool_id)

    assert by_password == ("UserNotFoundException", "User does not exist.")
    assert forgotten == "UserNotFoundException"
    assert stage.triggers.events == []
    assert listed["Users"] == []


@pytest.mark.parametrize("name", [MAIL, PHONE])
async def test_an_alias_without_a_username_behind_it_is_nobodys(
    stage: Stage, name: str
) -> None:
    """Nobody owns an address as a name, whatever another place says."""
    await build(stage, MAIL_ALIASES)

    assert (
        await stage.sdk.refused("InitiateAuth", **stage.by_password(name, "Passw0rd!x"))
    )[0] == "UserNotFoundException"
    assert len(stage.triggers.events) == 1
    assert (await stage.sdk.call("ListUsers", UserPoolId=stage.pool_id))["Users"] == []


async def test_an_alias_leads_to_the_username_that_is_told(stage: Stage) -> None:
    """Who signs in elsewhere by address becomes the user whose username the trigger tells."""

    def old_place(event: Event) -> Event:
        event["response"] = {
            "userAttributes": {
                "username": "ada",
                "email": MAIL,
                "email_verified": "true",
            },
            "finalUserStatus": "CONFIRMED",
        }
        return event

    arn = stage.triggers.arn("old", old_place)
    await stage.build(LambdaConfig={"UserMigration": arn}, AliasAttributes=["email"])

    for name in (MAIL, "ada"):
        assert "AuthenticationResult" in await stage.sign_in(name)
    assert [e["userName"] for e in stage.triggers.events] == [MAIL]
