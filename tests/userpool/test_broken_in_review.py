"""Ways into the user pool that a reader with fresh eyes found, closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ostiary.ports.triggers import Event
from tests.userpool.people_kit import ADA, MAIL, NEW, Stage, open_stage, read_claims
from tests.userpool.pool_kit import CALLBACK, PASSWORD
from tests.userpool.sign_up_kit import named

VICTIM = "victim@example.org"
TOTP = {
    "MfaConfiguration": "OPTIONAL",
    "SoftwareTokenMfaConfiguration": {"Enabled": True},
}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        yield opened


async def until_refused(stage: Stage, operation: str, **members: Any) -> None:
    """Call again and again, one call at a time, until the answer is no."""
    while True:
        try:
            await stage.sdk.call(operation, **members)
        except ClientError:
            return


async def test_a_person_who_is_disabled_does_not_come_back_by_own_changes(
    stage: Stage,
) -> None:
    await stage.build()
    for number in range(8):
        name = f"u{number}"
        await stage.add_user(name, email=f"{name}@example.org")
        token = (await stage.tokens(name))["AccessToken"]
        loops = [
            asyncio.create_task(
                until_refused(
                    stage,
                    "UpdateUserAttributes",
                    AccessToken=token,
                    UserAttributes=named(nickname="x"),
                )
            )
            for _ in range(4)
        ]
        await asyncio.sleep(0)
        await stage.admin("AdminDisableUser", name)
        await asyncio.gather(*loops)

        assert (await stage.admin("AdminGetUser", name))["Enabled"] is False


async def test_a_new_password_stays_whatever_is_changed_meanwhile(
    stage: Stage,
) -> None:
    await stage.build()
    await stage.add_user()
    token = (await stage.tokens())["AccessToken"]
    changes = [
        stage.sdk.call(
            "UpdateUserAttributes",
            AccessToken=token,
            UserAttributes=named(nickname=f"n{number}"),
        )
        for number in range(12)
    ]
    await asyncio.gather(
        *changes[:6],
        stage.admin("AdminSetUserPassword", Password=NEW, Permanent=True),
        *changes[6:],
    )

    assert "AuthenticationResult" in await stage.sign_in(password=NEW)


# Sessions


def after_password_a_sum(event: Event) -> Event:
    names = [asked["challengeName"] for asked in event["request"]["session"]]
    if names == ["SRP_A"]:
        event["response"] = {"challengeName": "PASSWORD_VERIFIER"}
    elif names == ["SRP_A", "PASSWORD_VERIFIER"]:
        event["response"] = {"challengeName": "CUSTOM_CHALLENGE"}
    else:
        right = event["request"]["session"][-1]["challengeResult"]
        event["response"] = {"issueTokens": right, "failAuthentication": not right}
    return event


def ask_sum(event: Event) -> Event:
    event["response"] = {
        "publicChallengeParameters": {"question": "6 x 7"},
        "privateChallengeParameters": {"answer": "42"},
    }
    return event


def judge_sum(event: Event) -> Event:
    event["response"] = {"answerCorrect": event["request"]["challengeAnswer"] == "42"}
    return event


@pytest.fixture
async def by_triggers(stage: Stage) -> Stage:
    arn = stage.triggers.arn
    await stage.build(
        LambdaConfig={
            "DefineAuthChallenge": arn("define", after_password_a_sum),
            "CreateAuthChallenge": arn("create", ask_sum),
            "VerifyAuthChallengeResponse": arn("verify", judge_sum),
        },
        client={"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"]},
    )
    return stage


async def begin_by_triggers(stage: Stage) -> tuple[Any, Any]:
    srp = stage.srp()
    asked = await stage.sdk.call(
        "InitiateAuth",
        ClientId=stage.client_id,
        AuthFlow="CUSTOM_AUTH",
        AuthParameters={**srp.get_auth_params(), "CHALLENGE_NAME": "SRP_A"},
    )
    return srp, asked


async def test_what_triggers_ask_after_the_password_cannot_be_left_out(
    by_triggers: Stage,
) -> None:
    stage = by_triggers
    await stage.add_user()
    srp, asked = await begin_by_triggers(stage)
    proof = await stage.prove_srp(srp, asked)
    without = {k: v for k, v in asked.items() if k != "Session"}

    assert (await stage.respond_refused(without, **proof))[
        0
    ] == "NotAuthorizedException"

    srp, asked = await begin_by_triggers(stage)
    question = await stage.respond(asked, **await stage.prove_srp(srp, asked))
    assert question["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert "AuthenticationResult" in await stage.respond(question, ANSWER="42")


async def test_the_block_of_one_sign_in_does_not_go_with_the_session_of_another(
    by_triggers: Stage,
) -> None:
    stage = by_triggers
    await stage.add_user()
    srp, asked = await begin_by_triggers(stage)
    _, other = await begin_by_triggers(stage)
    proof = await stage.prove_srp(srp, asked)

    assert (
        await stage.respond_refused({**asked, "Session": other["Session"]}, **proof)
    )[0] == "NotAuthorizedException"


async def test_triggers_sign_in_nobody_who_has_not_confirmed(
    by_triggers: Stage,
) -> None:
    stage = by_triggers
    await stage.sdk.call(
        "SignUp",
        ClientId=stage.client_id,
        Username=ADA,
        Password=PASSWORD,
        UserAttributes=named(email=MAIL),
    )
    srp, asked = await begin_by_triggers(stage)
    question = await stage.respond(asked, **await stage.prove_srp(srp, asked))

    assert (await stage.respond_refused(question, ANSWER="42"))[
        0
    ] == "UserNotConfirmedException"


async def invited(stage: Stage, name: str = ADA) -> Any:
    await stage.admin(
        "AdminCreateUser",
        name,
        MessageAction="SUPPRESS",
        TemporaryPassword=PASSWORD,
        UserAttributes=named(email=MAIL, email_verified="true"),
    )
    return await stage.sign_in(name)


@pytest.mark.parametrize("change", ["answered", "set", "reset", "another"])
async def test_a_temporary_password_is_replaced_once(stage: Stage, change: str) -> None:
    await stage.build()
    first = await invited(stage)
    second = await stage.sign_in()
    match change:
        case "answered":
            await stage.respond(second, NEW_PASSWORD=NEW)
        case "set":
            await stage.admin("AdminSetUserPassword", Password=NEW, Permanent=True)
        case "reset":
            await stage.admin("AdminSetUserPassword", Password=NEW, Permanent=True)
            await stage.admin("AdminResetUserPassword")
        case _:
            await stage.admin("AdminDeleteUser")
            await stage.add_user(email=VICTIM)
    code, _ = await stage.respond_refused(first, NEW_PASSWORD="Ev1l!pass")

    assert code in {"NotAuthorizedException", "PasswordResetRequiredException"}
    refused = await stage.sdk.refused(
        "InitiateAuth", **stage.by_password(password="Ev1l!pass")
    )
    assert refused[0] in {"NotAuthorizedException", "PasswordResetRequiredException"}


async def test_an_app_is_not_set_up_over_another_by_an_old_session(
    stage: Stage,
) -> None:
    await stage.build()
    await stage.sdk.call(
        "SetUserPoolMfaConfig",
        UserPoolId=stage.pool_id,
        **{**TOTP, "MfaConfiguration": "ON"},
    )
    await stage.add_user()
    sessions = [(await stage.sign_in())["Session"] for _ in range(2)]
    made = [await stage.sdk.call("AssociateSoftwareToken", Session=s) for s in sessions]

    def verifying(which: int) -> dict[str, Any]:
        code = stage.app_code(made[which]["SecretCode"])
        return {"Session": made[which]["Session"], "UserCode": code}

    await stage.sdk.call("VerifySoftwareToken", **verifying(0))
    assert (await stage.sdk.refused("VerifySoftwareToken", **verifying(1)))[
        0
    ] == "NotAuthorizedException"


async def test_a_step_of_the_hosted_pages_is_no_session_of_the_api(
    stage: Stage,
) -> None:
    await stage.build(
        client={
            "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH"],
            "AllowedOAuthFlowsUserPoolClient": True,
            "AllowedOAuthFlows": ["code"],
            "AllowedOAuthScopes": ["openid"],
            "CallbackURLs": [CALLBACK],
            "SupportedIdentityProviders": ["COGNITO"],
        }
    )
    await stage.sdk.call(
        "CreateUserPoolDomain", UserPoolId=stage.pool_id, Domain="demo"
    )
    await stage.admin(
        "AdminCreateUser", MessageAction="SUPPRESS", TemporaryPassword=PASSWORD
    )
    browser = stage.site.browser()
    query = (
        f"response_type=code&client_id={stage.client_id}&redirect_uri={CALLBACK}"
        "&scope=openid"
    )
    page = await browser.get(f"/login?{query}")
    await browser.submit(page, {"username": ADA, "password": PASSWORD})
    step = next(v for k, v in browser.cookies.items() if k.endswith("sign-in-step"))
    asked = {"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": step.strip('"')}

    assert (await stage.respond_refused(asked, NEW_PASSWORD=NEW))[
        0
    ] == "NotAuthorizedException"


# Guesses


async def test_codes_of_one_person_are_not_guessed_over_many_sessions(
    stage: Stage,
) -> None:
    await stage.build()
    await stage.sdk.call("SetUserPoolMfaConfig", UserPoolId=stage.pool_id, **TOTP)
    await stage.add_user()
    secret = await stage.add_app()
    said = set()
    for _ in range(6):
        asked = await stage.sign_in()
        for _ in range(3):
            _, text = await stage.respond_refused(
                asked, SOFTWARE_TOKEN_MFA_CODE="000000"
            )
            said.add(text)
    asked = await stage.sign_in()

    assert "Password attempts exceeded" in said
    assert await stage.respond_refused(
        asked, SOFTWARE_TOKEN_MFA_CODE=stage.app_code(secret)
    ) == ("NotAuthorizedException", "Password attempts exceeded")
    stage.site.clock.pass_s(3600)
    done = await stage.respond(
        await stage.sign_in(), SOFTWARE_TOKEN_MFA_CODE=stage.app_code(secret)
    )
    assert "AuthenticationResult" in done


async def test_a_code_is_not_made_good_again_by_verifying_the_app_again(
    stage: Stage,
) -> None:
    await stage.build()
    await stage.sdk.call("SetUserPoolMfaConfig", UserPoolId=stage.pool_id, **TOTP)
    await stage.add_user()
    secret = await stage.add_app()
    code = stage.app_code(secret)
    done = await stage.respond(await stage.sign_in(), SOFTWARE_TOKEN_MFA_CODE=code)
    token = done["AuthenticationResult"]["AccessToken"]
    for used in (code, stage.app_code(secret, -1)):
        assert (
            await stage.sdk.refused(
                "VerifySoftwareToken", AccessToken=token, UserCode=used
            )
        )[0] == "EnableSoftwareTokenMFAException"

    assert (
        await stage.respond_refused(await stage.sign_in(), SOFTWARE_TOKEN_MFA_CODE=code)
    )[0] == "ExpiredCodeException"


# Names and addresses


async def test_another_s_address_is_no_preferred_username(stage: Stage) -> None:
    await stage.build(AliasAttributes=["email", "preferred_username"])
    members = {
        "ClientId": stage.client_id,
        "Username": "eve",
        "Password": PASSWORD,
        "UserAttributes": named(preferred_username=VICTIM),
    }

    assert (await stage.sdk.refused("SignUp", **members))[
        0
    ] == "InvalidParameterException"


async def test_the_proof_of_one_address_is_none_of_the_next(stage: Stage) -> None:
    await stage.build(AliasAttributes=["email"])
    await stage.add_user()
    token = (await stage.tokens())["AccessToken"]
    await stage.sdk.call(
        "UpdateUserAttributes", AccessToken=token, UserAttributes=named(email="")
    )
    user = await stage.sdk.call("GetUser", AccessToken=token)
    assert "email_verified" not in {a["Name"] for a in user["UserAttributes"]}

    await stage.admin("AdminSetUserPassword", Password=NEW, Permanent=False)
    asked = await stage.sign_in(password=NEW)
    done = await stage.respond(
        asked, NEW_PASSWORD=PASSWORD, **{"userAttributes.email": VICTIM}
    )
    claims = read_claims(done["AuthenticationResult"]["IdToken"])
    assert (claims["email"], claims["email_verified"]) == (VICTIM, False)
    assert (await stage.sdk.refused("InitiateAuth", **stage.by_password(VICTIM)))[
        0
    ] == "UserNotFoundException"


async def test_what_the_schema_asks_for_is_not_emptied(stage: Stage) -> None:
    await stage.build(Schema=[{"Name": "given_name", "Required": True}])
    await stage.add_user(given_name="Ada")
    token = (await stage.tokens())["AccessToken"]

    assert (
        await stage.sdk.refused(
            "UpdateUserAttributes",
            AccessToken=token,
            UserAttributes=named(given_name=""),
        )
    )[0] == "InvalidParameterException"


async def test_a_code_that_was_sent_to_one_address_proves_no_other(
    stage: Stage,
) -> None:
    await stage.build()
    await stage.sdk.call(
        "SignUp",
        ClientId=stage.client_id,
        Username=ADA,
        Password=PASSWORD,
        UserAttributes=named(email="eve@example.org"),
    )
    code = stage.code()
    await stage.admin("AdminUpdateUserAttributes", UserAttributes=named(email=VICTIM))
    members = {"ClientId": stage.client_id, "Username": ADA, "ConfirmationCode": code}

    assert (await stage.sdk.refused("ConfirmSignUp", **members))[0] in {
        "CodeMismatchException",
        "ExpiredCodeException",
    }


@pytest.mark.parametrize("change", ["address", "password"])
async def test_a_reset_code_is_over_with_its_address_and_with_the_password(
    stage: Stage, change: str
) -> None:
    await stage.build()
    await stage.add_user()
    await stage.sdk.call("ForgotPassword", ClientId=stage.client_id, Username=ADA)
    code = stage.code()
    if change == "address":
        await stage.admin(
            "AdminUpdateUserAttributes",
            UserAttributes=named(email=VICTIM, email_verified="true"),
        )
    else:
        await stage.admin("AdminSetUserPassword", Password=NEW, Permanent=True)
    members = {
        "ClientId": stage.client_id,
        "Username": ADA,
        "ConfirmationCode": code,
        "Password": "Ev1l!pass",
    }

    assert (await stage.sdk.refused("ConfirmForgotPassword", **members))[0] in {
        "CodeMismatchException",
        "ExpiredCodeException",
    }


async def test_refreshing_is_for_clients_that_may(stage: Stage) -> None:
    await stage.build(client={"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]})
    await stage.add_user()
    token = (await stage.tokens())["RefreshToken"]

    assert (
        await stage.sdk.refused(
            "GetTokensFromRefreshToken", ClientId=stage.client_id, RefreshToken=token
        )
    )[0] == "InvalidParameterException"


async def test_a_password_is_no_first_factor_where_the_pool_has_none(
    stage: Stage,
) -> None:
    await stage.build(
        Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["EMAIL_OTP"]}}
    )
    await stage.add_user()
    parameters = {
        "USERNAME": ADA,
        "PREFERRED_CHALLENGE": "PASSWORD",
        "PASSWORD": PASSWORD,
    }

    assert (
        await stage.sdk.refused(
            "InitiateAuth",
            ClientId=stage.client_id,
            AuthFlow="USER_AUTH",
            AuthParameters=parameters,
        )
    )[0] == "InvalidParameterException"
