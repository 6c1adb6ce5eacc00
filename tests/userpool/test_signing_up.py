"""People through the API: signing up, confirming, coming back from a forgotten password."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.ports.triggers import Event, TriggerUnavailable
from tests.userpool.people_kit import ADA, MAIL, NEW, Stage, refusing
from tests.userpool.pool_kit import PASSWORD
from tests.userpool.sign_up_kit import (
    CODE_OVER,
    CODE_WRONG,
    attributes_of,
    confirm,
    confirm_refused,
    signing_up,
)

# Signing up


async def test_a_sign_up_is_confirmed_by_the_mailed_code(stage: Stage) -> None:
    made = await stage.sdk.call("SignUp", **signing_up(stage))

    assert made["UserConfirmed"] is False
    assert made["CodeDeliveryDetails"] == {
        "Destination": "a***@e***",
        "DeliveryMedium": "EMAIL",
        "AttributeName": "email",
    }
    assert (await attributes_of(stage))["email_verified"] == "false"
    await confirm(stage, stage.code())
    assert await attributes_of(stage) == {
        "sub": made["UserSub"],
        "email": MAIL,
        "email_verified": "true",
    }
    assert "AuthenticationResult" in await stage.sign_in()


async def test_wrong_used_and_old_codes_confirm_nobody(stage: Stage) -> None:
    await stage.sdk.call("SignUp", **signing_up(stage))
    code = stage.code()
    wrong = "1" * 6 if code != "1" * 6 else "2" * 6

    assert await confirm_refused(stage, wrong) == CODE_WRONG
    stage.site.clock.pass_s(86400)
    assert await confirm_refused(stage, code) == CODE_OVER
    await stage.sdk.call(
        "ResendConfirmationCode", ClientId=stage.client_id, Username=ADA
    )
    await confirm(stage, stage.code())
    assert await confirm_refused(stage, stage.code()) == (
        "NotAuthorizedException",
        "User cannot be confirmed. Current status is CONFIRMED",
    )


async def test_a_taken_name_is_taken(stage: Stage) -> None:
    await stage.sdk.call("SignUp", **signing_up(stage))

    assert await stage.sdk.refused("SignUp", **signing_up(stage)) == (
        "UsernameExistsException",
        "User already exists",
    )


@pytest.mark.parametrize(
    ("pool", "name", "attributes", "expected"),
    [
        (
            {"UsernameAttributes": ["email"]},
            "ada",
            {},
            ("InvalidParameterException", "Username should be an email."),
        ),
        (
            {"UsernameAttributes": ["phone_number"]},
            "ada",
            {},
            ("InvalidParameterException", "Username should be a phone number."),
        ),
        (
            {"UsernameAttributes": ["email", "phone_number"]},
            "ada",
            {},
            (
                "InvalidParameterException",
                "Username should be either an email or a phone number.",
            ),
        ),
        (
            {"AliasAttributes": ["email"]},
            "a@b.example",
            {},
            (
                "InvalidParameterException",
                (
                    "Username cannot be of email format, since user pool is configured for "
                    "email alias."
                ),
            ),
        ),
        (
            {},
            "ada",
            {"email": "nobody"},
            ("InvalidParameterException", "Invalid email address format."),
        ),
        (
            {},
            "ada",
            {"phone_number": "555"},
            ("InvalidParameterException", "Invalid phone number format."),
        ),
        (
            {},
            "ada",
            {"custom:tier": "gold"},
            (
                "NotAuthorizedException",
                "A client attempted to write unauthorized attribute",
            ),
        ),
        (
            {},
            "ada",
            {"email_verified": "true"},
            (
                "NotAuthorizedException",
                "A client attempted to write unauthorized attribute",
            ),
        ),
        (
            {"Schema": [{"Name": "given_name", "Required": True}]},
            "ada",
            {},
            (
                "InvalidParameterException",
                (
                    "Attributes did not conform to the schema: given_name: The attribute is "
                    "required\n"
                ),
            ),
        ),
        (
            {"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True}},
            "ada",
            {},
            ("NotAuthorizedException", "SignUp is not permitted for this user pool"),
        ),
    ],
)
async def test_a_sign_up_that_is_wrong_says_how(
    stage: Stage,
    pool: dict[str, Any],
    name: str,
    attributes: dict[str, str],
    expected: tuple[str, str],
) -> None:
    await stage.build(**pool)

    assert (
        await stage.sdk.refused("SignUp", **signing_up(stage, name, **attributes))
        == expected
    )


async def test_passwords_obey_the_policy_one_rule_at_a_time(stage: Stage) -> None:
    said = [
        (await stage.sdk.refused("SignUp", **signing_up(stage, password=password)))
        for password in ("Aa1!", "aaaaaaaa", "AAAAAAAA", "AAAAaaaa", "AAAAaaaa1")
    ]

    assert [code for code, _ in said] == ["InvalidPasswordException"] * 5
    assert [
        text.removeprefix("Password did not conform with policy: ") for _, text in said
    ] == [
        "Password not long enough",
        "Password must have uppercase characters",
        "Password must have lowercase characters",
        "Password must have numeric characters",
        "Password must have symbol characters",
    ]


async def test_custom_attributes_are_written_where_the_client_may(
    stage: Stage,
) -> None:
    await stage.build(
        Schema=[
            {
                "Name": "tier",
                "AttributeDataType": "String",
                "StringAttributeConstraints": {"MaxLength": "4"},
            }
        ],
        client={
            "WriteAttributes": ["email", "custom:tier"],
            "ReadAttributes": ["email", "custom:tier"],
        },
    )
    code, text = await stage.sdk.refused(
        "SignUp", **signing_up(stage, **{"custom:tier": "golden"})
    )
    assert (code, "custom:tier" in text) == ("InvalidParameterException", True)
    await stage.sdk.call("SignUp", **signing_up(stage, **{"custom:tier": "gold"}))
    assert (await attributes_of(stage))["custom:tier"] == "gold"


async def test_a_trigger_may_confirm_and_prove_at_once(stage: Stage) -> None:
    def welcome(event: Event) -> Event:
        event["response"] = {"autoConfirmUser": True, "autoVerifyEmail": True}
        return event

    arn, told = stage.triggers.arn("welcome", welcome), []

    def tell(event: Event) -> Event:
        told.append(event["triggerSource"])
        return event

    after = stage.triggers.arn("after", tell)
    await stage.build(LambdaConfig={"PreSignUp": arn, "PostConfirmation": after})
    made = await stage.sdk.call("SignUp", **signing_up(stage))

    assert made["UserConfirmed"] is True
    assert "CodeDeliveryDetails" not in made
    assert (await attributes_of(stage))["email_verified"] == "true"
    assert told == ["PostConfirmation_ConfirmSignUp"]
    assert "AuthenticationResult" in await stage.sign_in()


async def test_a_trigger_may_refuse_a_sign_up(stage: Stage) -> None:
    arn = stage.triggers.arn("no", refusing("Not allowed"))
    await stage.build(LambdaConfig={"PreSignUp": arn})

    assert await stage.sdk.refused("SignUp", **signing_up(stage)) == (
        "UserLambdaValidationException",
        "PreSignUp failed with error Not allowed.",
    )
    listed = await stage.sdk.call("ListUsers", UserPoolId=stage.pool_id)
    assert listed["Users"] == []


async def test_a_trigger_that_answers_nonsense_is_unreadable(stage: Stage) -> None:
    arn = stage.triggers.arn("odd", lambda _event: "nonsense")
    await stage.build(LambdaConfig={"PreSignUp": arn})

    assert await stage.sdk.refused("SignUp", **signing_up(stage)) == (
        "InvalidLambdaResponseException",
        "Unrecognizable lambda output",
    )


async def test_a_trigger_that_is_not_there_is_broken(stage: Stage) -> None:
    arn = "arn:aws:lambda:ap-southeast-1:000000000000:function:gone"

    def broken(_event: Event) -> Event:
        raise TriggerUnavailable("an error")

    stage.triggers.functions["gone"] = broken
    await stage.build(LambdaConfig={"PreSignUp": arn})

    assert await stage.sdk.refused("SignUp", **signing_up(stage)) == (
        "UnexpectedLambdaException",
        f"{arn} failed with an error",
    )


async def test_a_trigger_writes_the_mail(stage: Stage) -> None:
    def write(event: Event) -> Event:
        assert event["triggerSource"] == "CustomMessage_SignUp"
        code = event["request"]["codeParameter"]
        event["response"] = {"emailMessage": f"Hi, {code}!", "emailSubject": "Hello"}
        return event

    await stage.build(
        LambdaConfig={"CustomMessage": stage.triggers.arn("write", write)}
    )
    await stage.sdk.call("SignUp", **signing_up(stage))
    mail = stage.site.mailer.sent[-1]

    assert (mail.subject, mail.text) == ("Hello", f"Hi, {stage.code()}!")


@pytest.mark.parametrize(
    ("hides", "operation", "expected"),
    [
        (
            "LEGACY",
            "ResendConfirmationCode",
            ("UserNotFoundException", "Username/client id combination not found."),
        ),
        (
            "LEGACY",
            "ForgotPassword",
            ("UserNotFoundException", "Username/client id combination not found."),
        ),
        ("ENABLED", "ResendConfirmationCode", None),
        ("ENABLED", "ForgotPassword", None),
    ],
)
async def test_a_stranger_s_name_is_answered_as_the_client_says(
    stage: Stage, hides: str, operation: str, expected: tuple[str, str] | None
) -> None:
    await stage.build(client={"PreventUserExistenceErrors": hides})
    members = {"ClientId": stage.client_id, "Username": "nobody@example.org"}
    if expected is not None:
        assert await stage.sdk.refused(operation, **members) == expected
        return
    replies = [await stage.sdk.call(operation, **members) for _ in range(2)]

    assert replies[0]["CodeDeliveryDetails"] == replies[1]["CodeDeliveryDetails"]
    assert replies[0]["CodeDeliveryDetails"]["Destination"].startswith("n***@")
    assert stage.site.mailer.sent == []


# Aliases


async def test_an_alias_signs_in_once_it_is_proven(stage: Stage) -> None:
    await stage.build(
        AliasAttributes=["email"], client={"PreventUserExistenceErrors": "ENABLED"}
    )
    await stage.sdk.call("SignUp", **signing_up(stage))
    before = await stage.sdk.refused("InitiateAuth", **stage.by_password(MAIL))
    await confirm(stage, stage.code())

    assert before[0] == "NotAuthorizedException"
    assert "AuthenticationResult" in await stage.sign_in(MAIL)


async def test_an_alias_is_one_user_s_unless_it_is_taken_over(stage: Stage) -> None:
    await stage.build(AliasAttributes=["email"])
    for name in (ADA, "eve"):
        await stage.sdk.call("SignUp", **signing_up(stage, name))
        if name == ADA:
            await confirm(stage, stage.code())

    assert await confirm_refused(stage, stage.code(), "eve") == (
        "AliasExistsException",
        "An account with the email already exists.",
    )
    await stage.sdk.call(
        "ResendConfirmationCode", ClientId=stage.client_id, Username="eve"
    )
    await confirm(stage, stage.code(), "eve", ForceAliasCreation=True)
    assert (await attributes_of(stage))["email_verified"] == "false"
    assert (await attributes_of(stage, MAIL))["sub"] == (
        await attributes_of(stage, "eve")
    )["sub"]


# Forgotten passwords


def resetting(stage: Stage, code: str, password: str = NEW) -> dict[str, Any]:
    return {
        "ClientId": stage.client_id,
        "Username": ADA,
        "ConfirmationCode": code,
        "Password": password,
    }


async def test_a_forgotten_password_is_replaced_by_code(stage: Stage) -> None:
    await stage.add_user()
    sent = await stage.sdk.call(
        "ForgotPassword", ClientId=stage.client_id, Username=ADA
    )
    assert sent["CodeDeliveryDetails"]["Destination"] == "a***@e***"
    code = stage.code()
    wrong = "1" * 6 if code != "1" * 6 else "2" * 6

    assert (
        await stage.sdk.refused("ConfirmForgotPassword", **resetting(stage, wrong))
        == CODE_WRONG
    )
    await stage.sdk.call("ConfirmForgotPassword", **resetting(stage, code))
    assert "AuthenticationResult" in await stage.sign_in(password=NEW)
    assert (await stage.sdk.refused("ConfirmForgotPassword", **resetting(stage, code)))[
        0
    ] == "ExpiredCodeException"


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            "unproven",
            (
                "InvalidParameterException",
                (
                    "Cannot reset password for the user as there is no registered/verified "
                    "email or phone_number"
                ),
            ),
        ),
        (
            "temporary",
            (
                "NotAuthorizedException",
                "User password cannot be reset in the current state.",
            ),
        ),
        (
            "admin only",
            ("NotAuthorizedException", "Contact administrator to reset password."),
        ),
        ("disabled", ("NotAuthorizedException", "User is disabled.")),
    ],
)
async def test_who_cannot_be_sent_a_code_is_told_why(
    stage: Stage, case: str, expected: tuple[str, str]
) -> None:
    if case == "admin only":
        await stage.build(
            AccountRecoverySetting={
                "RecoveryMechanisms": [{"Priority": 1, "Name": "admin_only"}]
            }
        )
    proven = "false" if case == "unproven" else "true"
    await stage.add_user(email_verified=proven)
    if case == "temporary":
        await stage.admin("AdminSetUserPassword", Password=NEW, Permanent=False)
    if case == "disabled":
        await stage.admin("AdminDisableUser")

    assert (
        await stage.sdk.refused(
            "ForgotPassword", ClientId=stage.client_id, Username=ADA
        )
        == expected
    )


async def test_an_operator_s_reset_sends_a_code_and_locks_the_password(
    stage: Stage,
) -> None:
    await stage.add_user()
    await stage.admin("AdminResetUserPassword")

    assert await stage.sdk.refused("InitiateAuth", **stage.by_password()) == (
        "PasswordResetRequiredException",
        "Password reset required for the user",
    )
    await stage.sdk.call("ConfirmForgotPassword", **resetting(stage, stage.code()))
    assert "AuthenticationResult" in await stage.sign_in(password=NEW)


async def test_an_earlier_password_is_not_taken_again(stage: Stage) -> None:
    await stage.build(Policies={"PasswordPolicy": {"PasswordHistorySize": 2}})
    await stage.add_user()

    async def change(password: str) -> None:
        await stage.admin("AdminSetUserPassword", Password=password, Permanent=True)

    await change(NEW)
    code, text = await stage.admin_refused(
        "AdminSetUserPassword", Password=PASSWORD, Permanent=True
    )
    assert (code, text) == (
        "PasswordHistoryPolicyViolationException",
        "Password has previously been used",
    )
    await change("Th1rd!pass")
    await change(PASSWORD)
