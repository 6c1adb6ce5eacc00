"""What a sign-in may be asked beside the password: every challenge, right and wrong answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.userpool.factors_kit import SMS_ARN, TOTP_ON, set_mfa
from tests.userpool.people_kit import ADA, MAIL, NEW, PHONE, Stage, read_claims

# A temporary password


async def test_a_temporary_password_is_mailed_and_must_be_replaced(
    stage: Stage,
) -> None:
    temporary = await stage.invite()
    asked = await stage.sign_in(password=temporary)

    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    assert json.loads(asked["ChallengeParameters"]["userAttributes"]) == {
        "email": MAIL,
    }
    done = await stage.respond(asked, NEW_PASSWORD=NEW)
    assert "AuthenticationResult" in done
    assert "AuthenticationResult" in await stage.sign_in(password=NEW)
    assert (await stage.admin("AdminGetUser"))["UserStatus"] == "CONFIRMED"


async def test_a_new_password_obeys_the_policy_and_may_be_tried_again(
    stage: Stage,
) -> None:
    asked = await stage.sign_in(password=await stage.invite())

    assert await stage.respond_refused(asked, NEW_PASSWORD="short") == (
        "InvalidPasswordException",
        "Password did not conform with policy: Password not long enough",
    )
    assert "AuthenticationResult" in await stage.respond(asked, NEW_PASSWORD=NEW)


async def test_a_session_is_used_up(stage: Stage) -> None:
    asked = await stage.sign_in(password=await stage.invite())
    await stage.respond(asked, NEW_PASSWORD=NEW)

    assert await stage.respond_refused(asked, NEW_PASSWORD="Yet@nother1") == (
        "NotAuthorizedException",
        "Invalid session for the user, session can only be used once.",
    )
    assert "AuthenticationResult" in await stage.sign_in(password=NEW)


async def test_what_the_schema_asks_for_is_asked_for_with_the_new_password(
    stage: Stage,
) -> None:
    await stage.build(Schema=[{"Name": "given_name", "Required": True}])
    asked = await stage.sign_in(password=await stage.invite())

    assert json.loads(asked["ChallengeParameters"]["requiredAttributes"]) == [
        "userAttributes.given_name"
    ]
    assert await stage.respond_refused(asked, NEW_PASSWORD=NEW) == (
        "InvalidParameterException",
        "Invalid attributes given, given_name is missing",
    )
    done = await stage.respond(
        asked, NEW_PASSWORD=NEW, **{"userAttributes.given_name": "Ada"}
    )
    claims = read_claims(done["AuthenticationResult"]["IdToken"])
    assert claims["given_name"] == "Ada"


async def test_an_address_that_is_there_is_not_changed_by_the_way(
    stage: Stage,
) -> None:
    asked = await stage.sign_in(password=await stage.invite())

    assert await stage.respond_refused(
        asked, NEW_PASSWORD=NEW, **{"userAttributes.email": "eve@example.org"}
    ) == ("InvalidParameterException", "Cannot modify an already provided email")


async def test_a_temporary_password_runs_out(stage: Stage) -> None:
    temporary = await stage.invite()
    stage.site.clock.pass_s(7 * 86400)

    assert await stage.sdk.refused(
        "InitiateAuth", **stage.by_password(password=temporary)
    ) == (
        "NotAuthorizedException",
        "Temporary password has expired and must be reset by an administrator.",
    )
    await stage.admin(
        "AdminCreateUser", MessageAction="RESEND", DesiredDeliveryMediums=["EMAIL"]
    )
    renewed = stage.site.mailer.sent[-1].text.rpartition("password is ")[2][:-2]
    assert (await stage.sign_in(password=renewed))[
        "ChallengeName"
    ] == "NEW_PASSWORD_REQUIRED"


@pytest.mark.parametrize(
    ("session", "text"),
    [
        ("x" * 20, "Invalid session for the user."),
        ("AYABe" + "x" * 40, "Invalid session for the user."),
        (None, "Invalid session for the user."),
    ],
)
async def test_a_session_that_is_not_ours_is_refused(
    stage: Stage, session: str | None, text: str
) -> None:
    asked = {"ChallengeName": "NEW_PASSWORD_REQUIRED"}
    if session is not None:
        asked["Session"] = session

    assert await stage.respond_refused(asked, NEW_PASSWORD=NEW) == (
        "NotAuthorizedException",
        text,
    )


async def test_a_session_belongs_to_its_client_and_its_question(stage: Stage) -> None:
    asked = await stage.sign_in(password=await stage.invite())
    wrong = {**asked, "ChallengeName": "SMS_MFA"}
    assert (await stage.respond_refused(wrong, SMS_MFA_CODE="000000"))[
        1
    ] == "Invalid session for the user."
    stage.client_id = await stage.add_client()

    assert (await stage.respond_refused(asked, NEW_PASSWORD=NEW))[
        1
    ] == "Invalid session for the user."


# Authenticator apps


async def test_who_needs_a_factor_sets_one_up_while_signing_in(stage: Stage) -> None:
    await set_mfa(stage, **TOTP_ON)
    await stage.add_user()
    asked = await stage.sign_in()

    assert asked["ChallengeName"] == "MFA_SETUP"
    assert json.loads(asked["ChallengeParameters"]["MFAS_CAN_SETUP"]) == [
        "SOFTWARE_TOKEN_MFA"
    ]
    assert (await stage.respond_refused(asked))[1] == "Invalid session for the user."
    made = await stage.sdk.call("AssociateSoftwareToken", Session=asked["Session"])
    secret = made["SecretCode"]
    assert await stage.sdk.refused(
        "VerifySoftwareToken", Session=made["Session"], UserCode="000000"
    ) == ("EnableSoftwareTokenMFAException", "Code mismatch")
    verified = await stage.sdk.call(
        "VerifySoftwareToken",
        Session=made["Session"],
        UserCode=stage.app_code(secret),
        FriendlyDeviceName="phone",
    )
    done = await stage.respond({**asked, "Session": verified["Session"]})
    assert "AuthenticationResult" in done

    stage.site.clock.pass_s(30)
    again = await stage.sign_in()
    assert again["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert again["ChallengeParameters"]["FRIENDLY_DEVICE_NAME"] == "phone"
    done = await stage.respond(again, SOFTWARE_TOKEN_MFA_CODE=stage.app_code(secret))
    assert "AuthenticationResult" in done


@pytest.fixture
async def with_app(stage: Stage) -> str:
    await set_mfa(stage, **{**TOTP_ON, "MfaConfiguration": "OPTIONAL"})
    await stage.add_user()
    return await stage.add_app()


async def test_an_app_is_shown_as_the_user_s_factor(
    stage: Stage, with_app: str
) -> None:
    user = await stage.admin("AdminGetUser")

    assert user["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]
    assert user["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"


@pytest.mark.spec("RFC6238#5.2")
async def test_a_code_of_an_app_works_once(stage: Stage, with_app: str) -> None:
    code = stage.app_code(with_app)
    await stage.respond(await stage.sign_in(), SOFTWARE_TOKEN_MFA_CODE=code)

    assert await stage.respond_refused(
        await stage.sign_in(), SOFTWARE_TOKEN_MFA_CODE=code
    ) == ("ExpiredCodeException", "Your software token has already been used once.")


@pytest.mark.spec("RFC6238#5.2")
@pytest.mark.parametrize(
    ("steps", "right"), [(-2, False), (-1, True), (1, True), (2, False)]
)
async def test_an_app_s_clock_may_be_one_step_off(
    stage: Stage, with_app: str, steps: int, right: bool
) -> None:
    stage.site.clock.pass_s(300)
    asked, code = await stage.sign_in(), stage.app_code(with_app, steps)

    if right:
        done = await stage.respond(asked, SOFTWARE_TOKEN_MFA_CODE=code)
        assert "AuthenticationResult" in done
    else:
        assert await stage.respond_refused(asked, SOFTWARE_TOKEN_MFA_CODE=code) == (
            "CodeMismatchException",
            "Invalid code received for user",
        )


async def test_three_wrong_codes_end_the_session(stage: Stage, with_app: str) -> None:
    asked = await stage.sign_in()
    for _ in range(3):
        assert (await stage.respond_refused(asked, SOFTWARE_TOKEN_MFA_CODE="000000"))[
            0
        ] == "CodeMismatchException"

    assert (
        await stage.respond_refused(
            asked, SOFTWARE_TOKEN_MFA_CODE=stage.app_code(with_app)
        )
    )[0] == "NotAuthorizedException"


async def test_an_operator_takes_a_lost_app_away(stage: Stage, with_app: str) -> None:
    await stage.admin("AdminDeleteSoftwareToken")

    assert "AuthenticationResult" in await stage.sign_in()
    assert "UserMFASettingList" not in await stage.admin("AdminGetUser")


async def test_apps_are_for_pools_that_have_them(stage: Stage) -> None:
    await stage.add_user()
    tokens = await stage.tokens()

    assert await stage.sdk.refused(
        "AssociateSoftwareToken", AccessToken=tokens["AccessToken"]
    ) == (
        "SoftwareTokenMFANotFoundException",
        "Software Token MFA has not been enabled by the userPool",
    )


# Codes that are sent


@pytest.fixture
async def with_codes(stage: Stage) -> None:
    await set_mfa(
        stage,
        MfaConfiguration="OPTIONAL",
        SmsMfaConfiguration={"SmsConfiguration": SMS_ARN},
        EmailMfaConfiguration={"Subject": "Your code", "Message": "Code {####}, ada"},
    )
    await stage.add_user(phone_number=PHONE, phone_number_verified="true")


async def prefer(stage: Stage, **settings: Any) -> None:
    await stage.admin("AdminSetUserMFAPreference", **settings)


async def test_a_code_by_sms_completes_the_sign_in(
    stage: Stage, with_codes: None
) -> None:
    await prefer(stage, SMSMfaSettings={"Enabled": True, "PreferredMfa": True})
    asked = await stage.sign_in()

    assert asked["ChallengeName"] == "SMS_MFA"
    assert asked["ChallengeParameters"] == {
        "CODE_DELIVERY_DELIVERY_MEDIUM": "SMS",
        "CODE_DELIVERY_DESTINATION": "+*******9934",
        "USER_ID_FOR_SRP": ADA,
    }
    message = stage.site.mailer.sent[-1]
    assert (message.medium, message.recipient) == ("SMS", PHONE)
    wrong = "1" * 6 if stage.code() != "1" * 6 else "2" * 6
    assert await stage.respond_refused(asked, SMS_MFA_CODE=wrong) == (
        "CodeMismatchException",
        "Invalid code or auth state for the user.",
    )
    done = await stage.respond(asked, SMS_MFA_CODE=stage.code())
    assert "AuthenticationResult" in done


async def test_a_code_by_mail_completes_the_sign_in(
    stage: Stage, with_codes: None
) -> None:
    await prefer(stage, EmailMfaSettings={"Enabled": True, "PreferredMfa": True})
    asked = await stage.sign_in()

    assert asked["ChallengeName"] == "EMAIL_OTP"
    assert asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"] == "a***@e***"
    message = stage.site.mailer.sent[-1]
    assert (message.subject, message.text) == ("Your code", f"Code {stage.code()}, ada")
    assert len(stage.code()) == 8
    done = await stage.respond(asked, EMAIL_OTP_CODE=stage.code())
    assert "AuthenticationResult" in done


async def test_who_has_two_factors_and_prefers_none_chooses(
    stage: Stage, with_codes: None
) -> None:
    await prefer(
        stage, SMSMfaSettings={"Enabled": True}, EmailMfaSettings={"Enabled": True}
    )
    asked = await stage.sign_in()

    assert asked["ChallengeName"] == "SELECT_MFA_TYPE"
    assert json.loads(asked["ChallengeParameters"]["MFAS_CAN_CHOOSE"]) == [
        "SMS_MFA",
        "EMAIL_OTP",
    ]
    assert (await stage.respond_refused(asked, ANSWER="SOFTWARE_TOKEN_MFA"))[
        0
    ] == "MFAMethodNotFoundException"
    chosen = await stage.respond(asked, ANSWER="EMAIL_OTP")
    done = await stage.respond(chosen, EMAIL_OTP_CODE=stage.code())
    assert "AuthenticationResult" in done


async def test_two_factors_are_not_both_preferred(
    stage: Stage, with_codes: None
) -> None:
    code, _ = await stage.admin_refused(
        "AdminSetUserMFAPreference",
        SMSMfaSettings={"Enabled": True, "PreferredMfa": True},
        EmailMfaSettings={"Enabled": True, "PreferredMfa": True},
    )

    assert code == "InvalidParameterException"


async def test_a_code_that_cannot_be_sent_is_no_sign_in(
    stage: Stage, with_codes: None
) -> None:
    await prefer(stage, SMSMfaSettings={"Enabled": True, "PreferredMfa": True})
    stage.site.mailer.broken = True

    assert (await stage.sdk.refused("InitiateAuth", **stage.by_password()))[
        0
    ] == "CodeDeliveryFailureException"


# What happens meanwhile


@pytest.mark.parametrize("change", ["password", "reset", "disabled", "deleted"])
async def test_a_question_is_over_when_its_user_changed(
    stage: Stage, with_app: str, change: str
) -> None:
    asked = await stage.sign_in()
    stage.site.clock.pass_s(1)
    match change:
        case "password":
            await stage.admin("AdminSetUserPassword", Password=NEW, Permanent=True)
        case "reset":
            await stage.admin("AdminResetUserPassword")
        case "disabled":
            await stage.admin("AdminDisableUser")
        case _:
            await stage.admin("AdminDeleteUser")
    code, _ = await stage.respond_refused(
        asked, SOFTWARE_TOKEN_MFA_CODE=stage.app_code(with_app)
    )

    assert code in {
        "NotAuthorizedException",
        "PasswordResetRequiredException",
        "CodeMismatchException",
    }


async def test_a_mailed_code_in_place_of_the_password_is_one_factor(
    stage: Stage,
) -> None:
    await stage.build(
        Policies={
            "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}
        }
    )
    await set_mfa(stage, **{**TOTP_ON, "MfaConfiguration": "OPTIONAL"})
    await stage.add_user()
    secret = await stage.add_app()
    asked = await stage.sdk.call(
        "InitiateAuth",
        ClientId=stage.client_id,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": ADA, "PREFERRED_CHALLENGE": "EMAIL_OTP"},
    )
    second = await stage.respond(asked, EMAIL_OTP_CODE=stage.code())

    assert second["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    code = stage.app_code(secret)
    assert "AuthenticationResult" in await stage.respond(
        second, SOFTWARE_TOKEN_MFA_CODE=code
    )
