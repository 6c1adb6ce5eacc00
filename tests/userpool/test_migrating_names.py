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
        (MAIL_ALIASES, MAIL),
        (MAIL_ALIASES, PHONE),
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
