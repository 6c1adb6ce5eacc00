"""Signing in by choice, by triggers, and with a device that is remembered."""

from __future__ import annotations

from typing import Any

import pytest
from pycognito.aws_srp import generate_hash_device

from ostiary.ports.triggers import Event
from tests.userpool.factors_kit import TOTP_ON, set_mfa
from tests.userpool.people_kit import ADA, Stage, read_claims, refusing
from tests.userpool.pool_kit import PASSWORD

# USER_AUTH


def by_choice(stage: Stage, name: str = ADA, **more: str) -> dict[str, Any]:
    return {
        "ClientId": stage.client_id,
        "AuthFlow": "USER_AUTH",
        "AuthParameters": {"USERNAME": name, **more},
    }


@pytest.fixture
async def with_choice(stage: Stage) -> None:
    await stage.build(
        Policies={
            "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}
        },
        client={"PreventUserExistenceErrors": "ENABLED"},
    )
    await stage.add_user()


async def test_a_person_chooses_among_what_there_is(
    stage: Stage, with_choice: None
) -> None:
    asked = await stage.sdk.call("InitiateAuth", **by_choice(stage))

    assert asked["ChallengeName"] == "SELECT_CHALLENGE"
    assert set(asked["AvailableChallenges"]) == {
        "PASSWORD",
        "PASSWORD_SRP",
        "EMAIL_OTP",
    }
    done = await stage.respond(asked, ANSWER="PASSWORD", PASSWORD=PASSWORD)
    assert "AuthenticationResult" in done


async def test_a_mailed_code_stands_for_the_password(
    stage: Stage, with_choice: None
) -> None:
    asked = await stage.sdk.call(
        "InitiateAuth", **by_choice(stage, PREFERRED_CHALLENGE="EMAIL_OTP")
    )

    assert (asked["ChallengeName"], asked["AvailableChallenges"]) == (
        "EMAIL_OTP",
        ["EMAIL_OTP"],
    )
    done = await stage.respond(asked, EMAIL_OTP_CODE=stage.code())
    assert "AuthenticationResult" in done


async def test_a_stranger_is_asked_for_a_code_that_was_never_sent(
    stage: Stage, with_choice: None
) -> None:
    asked = await stage.sdk.call(
        "InitiateAuth", **by_choice(stage, "nobody", PREFERRED_CHALLENGE="EMAIL_OTP")
    )

    assert asked["ChallengeName"] == "EMAIL_OTP"
    assert stage.site.mailer.sent == []
    assert (
        await stage.respond_refused(asked, USERNAME="nobody", EMAIL_OTP_CODE="00000000")
    )[0] == "CodeMismatchException"


async def test_the_choice_of_srp_leads_to_its_question(
    stage: Stage, with_choice: None
) -> None:
    srp = stage.srp()
    asked = await stage.sdk.call("InitiateAuth", **by_choice(stage))
    public = srp.get_auth_params()["SRP_A"]
    verifier = await stage.respond(asked, ANSWER="PASSWORD_SRP", SRP_A=public)
    responses = await stage.prove_srp(srp, verifier)

    assert "AuthenticationResult" in await stage.respond(verifier, **responses)


# CUSTOM_AUTH


def define(event: Event) -> Event:
    session = event["request"]["session"]
    if session and session[-1]["challengeResult"]:
        event["response"] = {"issueTokens": True, "failAuthentication": False}
    elif len(session) >= 2:
        event["response"] = {"issueTokens": False, "failAuthentication": True}
    else:
        event["response"] = {"challengeName": "CUSTOM_CHALLENGE", "issueTokens": False}
    return event


def create(event: Event) -> Event:
    event["response"] = {
        "publicChallengeParameters": {"question": "6 x 7"},
        "privateChallengeParameters": {"answer": "42"},
        "challengeMetadata": "SUM",
    }
    return event


def verify(event: Event) -> Event:
    request = event["request"]
    wanted = request["privateChallengeParameters"]["answer"]
    event["response"] = {"answerCorrect": request["challengeAnswer"] == wanted}
    return event


def by_triggers(stage: Stage, name: str = ADA) -> dict[str, Any]:
    return {
        "ClientId": stage.client_id,
        "AuthFlow": "CUSTOM_AUTH",
        "AuthParameters": {"USERNAME": name},
    }


@pytest.fixture
async def with_triggers(stage: Stage) -> None:
    arn = stage.triggers.arn
    await stage.build(
        LambdaConfig={
            "DefineAuthChallenge": arn("define", define),
            "CreateAuthChallenge": arn("create", create),
            "VerifyAuthChallengeResponse": arn("verify", verify),
        },
    )
    await stage.add_user()


async def test_triggers_ask_and_judge(stage: Stage, with_triggers: None) -> None:
    asked = await stage.sdk.call("InitiateAuth", **by_triggers(stage))

    assert asked["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert asked["ChallengeParameters"] == {"question": "6 x 7", "USERNAME": ADA}
    again = await stage.respond(asked, ANSWER="41")
    done = await stage.respond(again, ANSWER="42")
    assert "AuthenticationResult" in done
    last = stage.triggers.events[-1]
    assert last["triggerSource"] == "DefineAuthChallenge_Authentication"
    assert [s["challengeResult"] for s in last["request"]["session"]] == [False, True]
    assert last["request"]["userAttributes"]["cognito:user_status"] == "CONFIRMED"
    assert last["callerContext"]["clientId"] == stage.client_id


async def test_triggers_may_want_nobody_in(stage: Stage, with_triggers: None) -> None:
    asked = await stage.sdk.call("InitiateAuth", **by_triggers(stage))
    again = await stage.respond(asked, ANSWER="0")

    assert await stage.respond_refused(again, ANSWER="0") == (
        "NotAuthorizedException",
        "Incorrect username or password.",
    )


async def test_a_right_answer_lets_no_stranger_in(
    stage: Stage, with_triggers: None
) -> None:
    stage.client_id = await stage.add_client(PreventUserExistenceErrors="ENABLED")
    asked = await stage.sdk.call("InitiateAuth", **by_triggers(stage, "nobody"))
    again = await stage.respond(asked, USERNAME="nobody", ANSWER="42")

    assert (await stage.respond_refused(again, USERNAME="nobody", ANSWER="42"))[
        0
    ] == "NotAuthorizedException"


async def test_custom_sign_in_needs_its_triggers(stage: Stage) -> None:
    await stage.add_user()

    assert await stage.sdk.refused("InitiateAuth", **by_triggers(stage)) == (
        "InvalidParameterException",
        "Custom auth lambda trigger is not configured for the user pool.",
    )


async def test_a_trigger_before_the_password_may_refuse(stage: Stage) -> None:
    arn = stage.triggers.arn("pre", refusing("Not today"))
    await stage.build(LambdaConfig={"PreAuthentication": arn})
    await stage.add_user()

    assert await stage.sdk.refused("InitiateAuth", **stage.by_password()) == (
        "UserLambdaValidationException",
        "PreAuthentication failed with error Not today.",
    )


async def test_a_trigger_changes_claims_but_none_that_are_proven(
    stage: Stage,
) -> None:
    def change(event: Event) -> Event:
        event["response"] = {
            "claimsOverrideDetails": {
                "claimsToAddOrOverride": {"tier": "gold", "sub": "eve", "n": 1},
                "claimsToSuppress": ["email"],
                "groupOverrideDetails": {"groupsToOverride": ["made"]},
            }
        }
        return event

    arn = stage.triggers.arn("claims", change)
    await stage.build(LambdaConfig={"PreTokenGeneration": arn})
    await stage.add_user()
    claims = read_claims((await stage.tokens())["IdToken"])

    assert claims["tier"] == "gold"
    assert claims["sub"] != "eve"
    assert "email" not in claims
    assert "n" not in claims
    assert claims["cognito:groups"] == ["made"]
    event = stage.triggers.events[-1]
    assert event["triggerSource"] == "TokenGeneration_Authentication"


async def test_a_trigger_of_the_second_version_changes_access_tokens(
    stage: Stage,
) -> None:
    def change(event: Event) -> Event:
        assert event["version"] == "2"
        event["response"] = {
            "claimsAndScopeOverrideDetails": {
                "accessTokenGeneration": {
                    "claimsToAddOrOverride": {"org": {"id": 7}, "client_id": "eve"},
                    "scopesToAdd": ["orders/read"],
                }
            }
        }
        return event

    arn = stage.triggers.arn("claims", change)
    config = {"LambdaVersion": "V2_0", "LambdaArn": arn}
    await stage.build(LambdaConfig={"PreTokenGenerationConfig": config})
    await stage.add_user()
    claims = read_claims((await stage.tokens())["AccessToken"])

    assert claims["org"] == {"id": 7}
    assert claims["client_id"] == stage.client_id
    assert claims["scope"] == "aws.cognito.signin.user.admin orders/read"


# Devices


DEVICES = {
    "ChallengeRequiredOnNewDevice": True,
    "DeviceOnlyRememberedOnUserPrompt": False,
}


async def remember(stage: Stage) -> tuple[Any, dict[str, str]]:
    """Sign in by SRP, name the device, and keep its secret as pycognito does."""
    srp = stage.srp()
    asked = await stage.begin_srp(srp)
    done = await stage.respond(asked, **await stage.prove_srp(srp, asked))
    result = done["AuthenticationResult"]
    named = result["NewDeviceMetadata"]
    password, config = generate_hash_device(named["DeviceGroupKey"], named["DeviceKey"])
    reply = await stage.sdk.call(
        "ConfirmDevice",
        AccessToken=result["AccessToken"],
        DeviceKey=named["DeviceKey"],
        DeviceSecretVerifierConfig=config,
        DeviceName="laptop",
    )
    assert reply["UserConfirmationNecessary"] is False
    return result, {
        "device_key": named["DeviceKey"],
        "device_group_key": named["DeviceGroupKey"],
        "device_password": password,
    }


async def test_a_remembered_device_stands_for_the_second_factor(
    stage: Stage,
) -> None:
    await stage.build(DeviceConfiguration=DEVICES)
    await set_mfa(stage, **{**TOTP_ON, "MfaConfiguration": "OPTIONAL"})
    await stage.add_user()
    _, device = await remember(stage)
    await stage.add_app()

    srp = stage.srp(**device)
    asked = await stage.begin_srp(srp, DEVICE_KEY=device["device_key"])
    proven = await stage.prove_srp(srp, asked)
    assert proven["DEVICE_KEY"] == device["device_key"]
    proving = await stage.respond(asked, **proven)
    assert proving["ChallengeName"] == "DEVICE_SRP_AUTH"
    verifier = await stage.respond(
        proving,
        DEVICE_KEY=device["device_key"],
        SRP_A=srp.get_auth_params()["SRP_A"],
    )
    assert verifier["ChallengeName"] == "DEVICE_PASSWORD_VERIFIER"
    responses = srp.process_device_challenge(verifier["ChallengeParameters"])
    done = await stage.respond(verifier, **responses)
    claims = read_claims(done["AuthenticationResult"]["AccessToken"])
    assert claims["device_key"] == device["device_key"]


async def test_a_device_that_is_forgotten_stands_for_nothing(stage: Stage) -> None:
    await stage.build(DeviceConfiguration=DEVICES)
    await set_mfa(stage, **{**TOTP_ON, "MfaConfiguration": "OPTIONAL"})
    await stage.add_user()
    result, device = await remember(stage)
    listed = await stage.sdk.call("ListDevices", AccessToken=result["AccessToken"])
    assert [d["DeviceKey"] for d in listed["Devices"]] == [device["device_key"]]
    await stage.add_app()
    await stage.admin("AdminForgetDevice", DeviceKey=device["device_key"])

    reply = await stage.sdk.call(
        "InitiateAuth", **stage.by_password(DEVICE_KEY=device["device_key"])
    )
    assert reply["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


async def test_a_device_with_another_password_proves_nothing(stage: Stage) -> None:
    await stage.build(DeviceConfiguration=DEVICES)
    await set_mfa(stage, **{**TOTP_ON, "MfaConfiguration": "OPTIONAL"})
    await stage.add_user()
    _, device = await remember(stage)
    await stage.add_app()
    srp = stage.srp(**{**device, "device_password": "another"})
    proving = await stage.sdk.call(
        "InitiateAuth", **stage.by_password(DEVICE_KEY=device["device_key"])
    )
    verifier = await stage.respond(
        proving,
        DEVICE_KEY=device["device_key"],
        SRP_A=srp.get_auth_params()["SRP_A"],
    )
    responses = srp.process_device_challenge(verifier["ChallengeParameters"])

    assert (await stage.respond_refused(verifier, **responses))[
        0
    ] == "NotAuthorizedException"
