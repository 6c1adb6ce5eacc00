"""Where a client hides who exists, the API answers a stranger's name as a user's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.ports.mail import Message
from tests.userpool.people_kit import ADA, MAIL, NEW, Stage, open_stage
from tests.userpool.pool_kit import PASSWORD

STRANGER = "alf@elsewhere.org"  # as a mask shows it, like Ada's address
HIDES = {"PreventUserExistenceErrors": "ENABLED"}
BY_CODE = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}
MISMATCH = (
    "CodeMismatchException",
    "Invalid verification code provided, please try again.",
)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        yield opened


@pytest.fixture
async def by_address(stage: Stage) -> Stage:
    """People are called by their addresses."""
    await stage.build(
        client=HIDES,
        Policies=BY_CODE,
        UsernameAttributes=["email"],
        UsernameConfiguration={"CaseSensitive": False},
    )
    return stage


@pytest.fixture
async def by_name(stage: Stage) -> Stage:
    await stage.build(client=HIDES, Policies=BY_CODE)
    return stage


async def ask(stage: Stage, operation: str, name: str) -> Any:
    reply = await stage.sdk.call(operation, ClientId=stage.client_id, Username=name)
    return reply["CodeDeliveryDetails"]


async def begin(stage: Stage, name: str, preferred: str = "") -> Any:
    more = {"PREFERRED_CHALLENGE": preferred} if preferred else {}
    return await stage.sdk.call(
        "InitiateAuth",
        ClientId=stage.client_id,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": name, **more},
    )


async def begin_code(stage: Stage, name: str) -> Any:
    return await begin(stage, name, "EMAIL_OTP")


async def invite(stage: Stage, name: str) -> None:
    await stage.admin(
        "AdminCreateUser",
        name,
        MessageAction="SUPPRESS",
        TemporaryPassword=PASSWORD,
        UserAttributes=[
            {"Name": "email", "Value": MAIL},
            {"Name": "email_verified", "Value": "true"},
        ],
    )


@pytest.mark.parametrize("name", [MAIL, STRANGER, "ALF@Elsewhere.org"])
async def test_an_address_is_masked_whoever_has_it(
    by_address: Stage, name: str
) -> None:
    await by_address.add_user(MAIL, email="")
    shown = {
        "Destination": "a***@e***",
        "DeliveryMedium": "EMAIL",
        "AttributeName": "email",
    }

    assert await ask(by_address, "ForgotPassword", name) == shown
    assert await ask(by_address, "ResendConfirmationCode", name) == shown
    asked = await begin_code(by_address, name)
    assert (
        asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"]
        == shown["Destination"]
    )


async def test_a_user_s_capitals_are_not_shown(by_address: Stage) -> None:
    await by_address.add_user("Ada@Example.org", email="")

    assert (await ask(by_address, "ForgotPassword", MAIL))["Destination"] == "a***@e***"


async def test_a_name_has_one_invented_address(by_name: Stage) -> None:
    told = [
        (await ask(by_name, operation, "nobody"))["Destination"]
        for operation in ("ForgotPassword", "ResendConfirmationCode")
    ]
    asked = await begin_code(by_name, "nobody")
    other = await ask(by_name, "ForgotPassword", "somebody")

    assert {*told, asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"]} == {
        told[0]
    }
    assert other["Destination"] != told[0]


async def test_a_pool_without_mail_invents_a_number(stage: Stage) -> None:
    by_phone = {"Priority": 1, "Name": "verified_phone_number"}
    await stage.build(
        client=HIDES,
        AutoVerifiedAttributes=["phone_number"],
        AccountRecoverySetting={"RecoveryMechanisms": [by_phone]},
    )
    for operation in ("ForgotPassword", "ResendConfirmationCode"):
        shown = await ask(stage, operation, "nobody")

        assert shown["DeliveryMedium"] == "SMS"
        assert shown["Destination"].startswith("+*******")


async def test_a_stranger_s_session_is_as_long_as_a_user_s(stage: Stage) -> None:
    for names in (["email"], []):
        await stage.build(client=HIDES, Policies=BY_CODE, UsernameAttributes=names)
        await stage.add_user(MAIL, email="" if names else MAIL)
        known = await begin_code(stage, MAIL)
        unknown = await begin_code(stage, "bob@example.org")

        assert len(unknown["Session"]) == len(known["Session"])


async def resetting_refused(
    stage: Stage, name: str, code: str = "000000"
) -> tuple[str, str]:
    return await stage.sdk.refused(
        "ConfirmForgotPassword",
        ClientId=stage.client_id,
        Username=name,
        ConfirmationCode=code,
        Password=NEW,
    )


async def test_every_reset_code_that_is_not_right_is_wrong(by_name: Stage) -> None:
    await by_name.add_user()
    await by_name.add_user("off", email="off@example.org")
    await by_name.admin("AdminDisableUser", "off")

    assert await resetting_refused(by_name, "nobody") == MISMATCH
    assert await resetting_refused(by_name, "off") == MISMATCH
    assert await resetting_refused(by_name, ADA) == MISMATCH  # asked for nothing

    await ask(by_name, "ForgotPassword", ADA)
    await by_name.site.settle()
    code = by_name.code()
    for _ in range(17):
        assert await resetting_refused(by_name, ADA) == MISMATCH
    by_name.site.clock.pass_s(86400)

    assert await resetting_refused(by_name, ADA, code) == MISMATCH


async def test_a_reset_is_the_same_question_for_everybody(by_name: Stage) -> None:
    names = ["ada", "off", "new", "lax", "nobody"]
    await by_name.add_user("ada")
    await by_name.add_user("off")
    await by_name.admin("AdminDisableUser", "off")
    await invite(by_name, "new")
    await by_name.add_user("lax", email_verified="false")
    for _ in range(7):  # more than may be sent in an hour
        for name in names:
            shown = await ask(by_name, "ForgotPassword", name)
            assert shown["DeliveryMedium"] == "EMAIL"
    await by_name.site.settle()

    assert {m.recipient for m in by_name.site.mailer.sent} == {MAIL}

    by_name.site.clock.pass_s(86400)
    by_name.site.mailer.broken = True
    for name in names:
        await ask(by_name, "ForgotPassword", name)


async def test_a_code_asked_for_again_is_the_same_question(by_name: Stage) -> None:
    await by_name.add_user()
    await by_name.sdk.call(
        "SignUp",
        ClientId=by_name.client_id,
        Username="bob",
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": "bob@example.org"}],
    )
    for _ in range(7):
        for name in ("bob", ADA, "nobody"):
            await ask(by_name, "ResendConfirmationCode", name)
    await by_name.site.settle()

    assert {m.recipient for m in by_name.site.mailer.sent} == {"bob@example.org"}


@pytest.mark.parametrize("operation", ["ForgotPassword", "ResendConfirmationCode"])
async def test_the_answer_does_not_wait_for_the_mail(
    by_name: Stage, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await by_name.add_user()
    await by_name.sdk.call(
        "SignUp",
        ClientId=by_name.client_id,
        Username="bob",
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": "bob@example.org"}],
    )
    gate, sent = asyncio.Event(), list[str]()

    async def send(message: Message) -> None:
        await gate.wait()
        sent.append(message.recipient)

    monkeypatch.setattr(by_name.site.mailer, "send", send)
    async with asyncio.timeout(5):
        await ask(by_name, operation, ADA if operation == "ForgotPassword" else "bob")

    assert sent == []

    gate.set()
    await by_name.site.settle()

    assert len(sent) == 1


async def test_who_is_invited_is_offered_what_strangers_are(by_name: Stage) -> None:
    await invite(by_name, ADA)
    invited, unknown = await begin(by_name, ADA), await begin(by_name, "nobody")
    await begin_code(by_name, ADA)

    assert invited["AvailableChallenges"] == unknown["AvailableChallenges"]
    assert by_name.site.mailer.sent == []
    assert (await by_name.sign_in())["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


async def test_who_is_disabled_is_asked_as_strangers_are(by_name: Stage) -> None:
    await by_name.add_user()
    await by_name.admin("AdminDisableUser")
    asked = await begin_code(by_name, ADA)
    unknown = await begin_code(by_name, "bob")
    wrong = {"EMAIL_OTP_CODE": "00000000"}

    assert by_name.site.mailer.sent == []
    assert asked["AvailableChallenges"] == unknown["AvailableChallenges"]
    assert len(asked["Session"]) == len(unknown["Session"])
    assert await by_name.respond_refused(
        asked, **wrong
    ) == await by_name.respond_refused(unknown, USERNAME="bob", **wrong)


async def test_a_code_that_cannot_be_mailed_tells_nothing(by_name: Stage) -> None:
    await by_name.add_user()
    by_name.site.mailer.broken = True
    asked = await begin_code(by_name, ADA)

    assert asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"] == "a***@e***"
    assert (await by_name.respond_refused(asked, EMAIL_OTP_CODE="00000000"))[
        0
    ] == "CodeMismatchException"
