"""The triggers of a sign-in on the hosted pages: before, after, and who comes from elsewhere."""

from __future__ import annotations

import pytest

from ostiary.ports.triggers import Event, TriggerRefused
from tests.userpool.hosted_people import Lobby, read_errors
from tests.userpool.people_kit import ADA, MAIL, NEW, refusing
from tests.userpool.pool_kit import PASSWORD


def same(event: Event) -> Event:
    return event


async def set_triggers(lobby: Lobby, **arns: str) -> None:
    await lobby.stage.sdk.call(
        "UpdateUserPool",
        UserPoolId=lobby.stage.pool_id,
        AutoVerifiedAttributes=["email"],
        LambdaConfig=arns,
    )


async def test_both_triggers_of_a_sign_in_are_asked(lobby: Lobby) -> None:
    await lobby.build()
    await lobby.stage.add_user()
    arn = lobby.stage.triggers.arn("same", same)
    await set_triggers(lobby, PreAuthentication=arn, PostAuthentication=arn)

    assert "code=" in (await lobby.sign_in()).location
    assert [e["triggerSource"] for e in lobby.stage.triggers.events] == [
        "PreAuthentication_Authentication",
        "PostAuthentication_Authentication",
    ]
    assert lobby.stage.triggers.events[0]["callerContext"]["clientId"] == (
        lobby.stage.client_id
    )


@pytest.mark.parametrize("name", ["PreAuthentication", "PostAuthentication"])
async def test_each_of_them_can_refuse(lobby: Lobby, name: str) -> None:
    await lobby.build()
    await lobby.stage.add_user()
    arn = lobby.stage.triggers.arn("no", refusing("Not <today>"))
    await set_triggers(lobby, **{name: arn})
    page = await lobby.sign_in()

    assert read_errors(page) == f"{name} failed with error Not <today>."
    assert "<today>" not in page.text
    assert "cognito" not in lobby.browser.cookies


async def test_who_just_signed_up_passes_them_too(lobby: Lobby) -> None:
    await lobby.build()
    arn = lobby.stage.triggers.arn("no", refusing("Not yet"))
    await set_triggers(lobby, PreAuthentication=arn)
    page = await lobby.browser.get(f"/signup?{lobby.query}")
    fields = {"username": ADA, "password": PASSWORD}
    await lobby.browser.submit(page, fields)
    await lobby.stage.admin(
        "AdminUpdateUserAttributes", UserAttributes=[{"Name": "email", "Value": MAIL}]
    )
    page = await lobby.browser.get(f"/confirm?{lobby.query}")
    page = await lobby.submit_form(page, "cognitoResendForm")
    page = await lobby.submit(page, code=lobby.stage.code())

    assert read_errors(page) == "PreAuthentication failed with error Not yet."
    assert "cognito" not in lobby.browser.cookies


def old_place(event: Event) -> Event:
    """Knows Ada and her password."""
    if event["userName"] != ADA or event["request"].get("password") not in {
        None,
        PASSWORD,
    }:
        raise TriggerRefused("nobody")
    event["response"] = {
        "userAttributes": {"email": MAIL, "email_verified": "true"},
        "finalUserStatus": "CONFIRMED",
        "messageAction": "SUPPRESS",
    }
    return event


async def test_who_is_elsewhere_still_becomes_a_user_here(lobby: Lobby) -> None:
    await lobby.build()
    arn = lobby.stage.triggers.arn("old", old_place)
    await set_triggers(lobby, UserMigration=arn)

    assert read_errors(await lobby.sign_in("Wr0ng!pass")) == (
        "Incorrect username or password."
    )
    assert (await lobby.stage.admin_refused("AdminGetUser"))[0] == (
        "UserNotFoundException"
    )
    assert (await lobby.claims(await lobby.sign_in()))["email"] == MAIL
    assert (await lobby.stage.admin("AdminGetUser"))["UserStatus"] == "CONFIRMED"


async def test_who_has_forgotten_a_password_elsewhere_sets_one_here(
    lobby: Lobby,
) -> None:
    await lobby.build()
    arn = lobby.stage.triggers.arn("old", old_place)
    await set_triggers(lobby, UserMigration=arn)
    page = await lobby.browser.get(f"/forgotPassword?{lobby.query}")
    page = await lobby.submit(page, username=ADA)
    await lobby.stage.site.settle()
    page = await lobby.submit(
        page,
        username=ADA,
        confirmation_code=lobby.stage.code(),
        password=NEW,
        confirmPassword=NEW,
    )

    assert "Your password is changed." in page.text
    assert "code=" in (await lobby.sign_in(NEW)).location
