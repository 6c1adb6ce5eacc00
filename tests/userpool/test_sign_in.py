"""Signing in through the API: passwords, SRP, refresh, sign-out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.userpool.people_kit import (
    ADA,
    MAIL,
    Stage,
    open_stage,
    read_claims,
    secret_hash,
)
from tests.userpool.pool_kit import PASSWORD

WRONG = ("NotAuthorizedException", "Incorrect username or password.")
SECRET = "a-secret-of-32-characters-or-more"[:24].replace("-", "x") + "12345678"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        await opened.build()
        await opened.add_user()
        yield opened


async def test_a_password_gives_the_three_tokens(stage: Stage) -> None:
    reply = await stage.sign_in()

    assert reply["ChallengeParameters"] == {}
    result = reply["AuthenticationResult"]
    assert (result["TokenType"], result["ExpiresIn"]) == ("Bearer", 3600)
    assert set(result) == {
        "AccessToken",
        "IdToken",
        "RefreshToken",
        "TokenType",
        "ExpiresIn",
    }


async def test_tokens_of_the_api_say_what_such_tokens_say(stage: Stage) -> None:
    result = await stage.tokens()
    access, identity = (read_claims(result[n]) for n in ("AccessToken", "IdToken"))

    assert set(access) == {
        "sub",
        "iss",
        "client_id",
        "origin_jti",
        "jti",
        "event_id",
        "token_use",
        "scope",
        "auth_time",
        "iat",
        "exp",
        "username",
    }
    assert access["scope"] == "aws.cognito.signin.user.admin"
    assert access["username"] == ADA
    assert (identity["email"], identity["email_verified"]) == (MAIL, True)
    assert (identity["aud"], identity["cognito:username"]) == (stage.client_id, ADA)
    assert "at_hash" not in identity
    assert access["origin_jti"] == identity["origin_jti"]
    assert access["jti"] != identity["jti"]


@pytest.mark.parametrize(
    ("flow", "text"),
    [
        (
            "USER_PASSWORD_AUTH",
            "USER_PASSWORD_AUTH flow not enabled for this client",
        ),
        ("USER_AUTH", "Auth flow not enabled for this client"),
        ("ADMIN_USER_PASSWORD_AUTH", "Initiate Auth method not supported"),
    ],
)
async def test_a_flow_that_the_client_may_not_use_is_refused(
    stage: Stage, flow: str, text: str
) -> None:
    client_id = await stage.add_client(ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])
    members = {**stage.by_password(), "ClientId": client_id, "AuthFlow": flow}

    assert await stage.sdk.refused("InitiateAuth", **members) == (
        "InvalidParameterException",
        text,
    )


async def test_a_client_without_a_list_may_prove_passwords_by_srp_alone(
    stage: Stage,
) -> None:
    stage.client_id = await stage.add_client(ExplicitAuthFlows=[])
    srp = stage.srp()
    asked = await stage.begin_srp(srp)
    proven = await stage.respond(asked, **await stage.prove_srp(srp, asked))

    assert "AccessToken" in proven["AuthenticationResult"]
    assert (await stage.sdk.refused("InitiateAuth", **stage.by_password()))[
        0
    ] == "InvalidParameterException"


@pytest.mark.parametrize("missing", ["USERNAME", "PASSWORD"])
async def test_a_missing_parameter_is_named(stage: Stage, missing: str) -> None:
    members = stage.by_password()
    del members["AuthParameters"][missing]

    assert await stage.sdk.refused("InitiateAuth", **members) == (
        "InvalidParameterException",
        f"Missing required parameter {missing}",
    )


async def test_a_wrong_password_is_refused_and_counted(stage: Stage) -> None:
    wrong = stage.by_password(password="Wr0ng!pass")
    for _ in range(5):
        assert await stage.sdk.refused("InitiateAuth", **wrong) == WRONG

    assert await stage.sdk.refused("InitiateAuth", **stage.by_password()) == (
        "NotAuthorizedException",
        "Password attempts exceeded",
    )
    stage.site.clock.pass_s(2)
    assert "AuthenticationResult" in await stage.sign_in()


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("LEGACY", ("UserNotFoundException", "User does not exist.")),
        ("ENABLED", WRONG),
    ],
)
async def test_whether_a_user_exists_is_told_only_where_it_may_be(
    stage: Stage, setting: str, expected: tuple[str, str]
) -> None:
    stage.client_id = await stage.add_client(PreventUserExistenceErrors=setting)

    assert (
        await stage.sdk.refused("InitiateAuth", **stage.by_password("nobody"))
        == expected
    )


async def test_who_has_not_confirmed_may_not_sign_in(stage: Stage) -> None:
    await stage.sdk.call(
        "SignUp",
        ClientId=stage.client_id,
        Username="eve",
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": "eve@example.org"}],
    )

    assert await stage.sdk.refused("InitiateAuth", **stage.by_password("eve")) == (
        "UserNotConfirmedException",
        "User is not confirmed.",
    )


async def test_who_is_disabled_may_not_sign_in_and_loses_the_tokens(
    stage: Stage,
) -> None:
    tokens = await stage.tokens()
    await stage.admin("AdminDisableUser")

    assert await stage.sdk.refused("InitiateAuth", **stage.by_password()) == (
        "NotAuthorizedException",
        "User is disabled.",
    )
    code, _ = await stage.sdk.refused("GetUser", AccessToken=tokens["AccessToken"])
    assert code == "NotAuthorizedException"
    await stage.admin("AdminEnableUser")
    assert "AuthenticationResult" in await stage.sign_in()


async def test_a_confidential_client_proves_its_secret(stage: Stage) -> None:
    stage.client_id = await stage.add_client(ClientSecret=SECRET)
    right = secret_hash(SECRET, ADA, stage.client_id)

    assert await stage.sdk.refused("InitiateAuth", **stage.by_password()) == (
        "NotAuthorizedException",
        (
            f"Client {stage.client_id} is configured with secret but SECRET_HASH was not "
            "received"
        ),
    )
    assert await stage.sdk.refused(
        "InitiateAuth", **stage.by_password(SECRET_HASH="no")
    ) == (
        "NotAuthorizedException",
        f"Unable to verify secret hash for client {stage.client_id}",
    )
    assert "AuthenticationResult" in await stage.sdk.call(
        "InitiateAuth", **stage.by_password(SECRET_HASH=right)
    )


async def test_an_administrator_s_flow_needs_no_hint_of_srp(stage: Stage) -> None:
    members = {**stage.by_password(), "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}
    reply = await stage.sdk.call(
        "AdminInitiateAuth", UserPoolId=stage.pool_id, **members
    )

    assert "AuthenticationResult" in reply


# SRP


async def test_srp_proves_a_password_that_is_never_sent(stage: Stage) -> None:
    srp = stage.srp()
    asked = await stage.begin_srp(srp)
    assert asked["ChallengeName"] == "PASSWORD_VERIFIER"
    proven = await stage.respond(asked, **await stage.prove_srp(srp, asked))

    assert read_claims(proven["AuthenticationResult"]["IdToken"])["email"] == MAIL


async def test_srp_with_a_wrong_password_proves_nothing(stage: Stage) -> None:
    srp = stage.srp(password="Wr0ng!pass")
    asked = await stage.begin_srp(srp)
    responses = await stage.prove_srp(srp, asked)

    assert await stage.respond_refused(asked, **responses) == WRONG


async def test_an_answer_by_srp_works_once(stage: Stage) -> None:
    srp = stage.srp()
    asked = await stage.begin_srp(srp)
    responses = await stage.prove_srp(srp, asked)
    await stage.respond(asked, **responses)

    assert await stage.respond_refused(asked, **responses) == WRONG


async def test_an_answer_by_srp_is_over_with_its_session(stage: Stage) -> None:
    srp = stage.srp()
    asked = await stage.begin_srp(srp)
    responses = await stage.prove_srp(srp, asked)
    stage.site.clock.pass_s(181)

    assert (await stage.respond_refused(asked, **responses))[
        1
    ] == "Invalid session for the user, session is expired."


async def test_a_stranger_s_name_is_asked_the_same_each_time(stage: Stage) -> None:
    stage.client_id = await stage.add_client(PreventUserExistenceErrors="ENABLED")
    srp = stage.srp("nobody")
    asked = [await stage.begin_srp(srp) for _ in range(2)]
    shown = [a["ChallengeParameters"] for a in asked]
    responses = await stage.prove_srp(srp, asked[0])

    assert shown[0]["SALT"] == shown[1]["SALT"]
    assert shown[0]["SRP_B"] != shown[1]["SRP_B"]
    assert set(shown[0]) == {
        "SALT",
        "SECRET_BLOCK",
        "SRP_B",
        "USERNAME",
        "USER_ID_FOR_SRP",
    }
    assert await stage.respond_refused(asked[0], **responses) == WRONG


@pytest.mark.spec("RFC5054#2.5.4")
@pytest.mark.parametrize("public", ["0", "zz", "", "F" * 1025])
async def test_a_number_that_proves_nothing_is_refused(
    stage: Stage, public: str
) -> None:
    code, _ = await stage.sdk.refused(
        "InitiateAuth",
        ClientId=stage.client_id,
        AuthFlow="USER_SRP_AUTH",
        AuthParameters={"USERNAME": ADA, "SRP_A": public},
    )

    assert code == "InvalidParameterException"


async def test_guesses_by_srp_are_locked_out_like_others(stage: Stage) -> None:
    srp = stage.srp(password="Wr0ng!pass")
    for _ in range(5):
        asked = await stage.begin_srp(srp)
        await stage.respond_refused(asked, **await stage.prove_srp(srp, asked))
    asked = await stage.begin_srp(srp)

    assert await stage.respond_refused(asked, **await stage.prove_srp(srp, asked)) == (
        "NotAuthorizedException",
        "Password attempts exceeded",
    )


async def test_srp_signs_in_by_address_where_addresses_are_the_names(
    stage: Stage,
) -> None:
    await stage.build(UsernameAttributes=["email"])
    await stage.admin("AdminCreateUser", MAIL, MessageAction="SUPPRESS")
    await stage.admin("AdminSetUserPassword", MAIL, Password=PASSWORD, Permanent=True)
    srp = stage.srp(MAIL)
    asked = await stage.begin_srp(srp)
    responses = await stage.prove_srp(srp, asked)
    proven = await stage.respond(asked, **responses)
    claims = read_claims(proven["AuthenticationResult"]["IdToken"])

    assert asked["ChallengeParameters"]["USER_ID_FOR_SRP"] == claims["sub"]
    assert (claims["cognito:username"], claims["email"]) == (claims["sub"], MAIL)


# Refresh and sign-out


def by_refresh(stage: Stage, token: str, **more: str) -> dict[str, Any]:
    return {
        "ClientId": stage.client_id,
        "AuthFlow": "REFRESH_TOKEN_AUTH",
        "AuthParameters": {"REFRESH_TOKEN": token, **more},
    }


async def test_a_refresh_token_gives_new_tokens_and_keeps_their_time(
    stage: Stage,
) -> None:
    first = await stage.tokens()
    stage.site.clock.pass_s(10)
    reply = await stage.sdk.call(
        "InitiateAuth", **by_refresh(stage, first["RefreshToken"])
    )
    second = reply["AuthenticationResult"]
    before, after = (read_claims(t["AccessToken"]) for t in (first, second))

    assert "RefreshToken" not in second
    assert before["auth_time"] == after["auth_time"]
    assert before["origin_jti"] == after["origin_jti"]
    assert before["jti"] != after["jti"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("unknown", "Invalid Refresh Token"),
        ("old", "Refresh Token has expired"),
        ("revoked", "Refresh Token has been revoked"),
        ("signed out", "Refresh Token has been revoked"),
        ("another client", "Invalid Refresh Token"),
    ],
)
async def test_a_refresh_token_that_does_not_stand_is_refused(
    stage: Stage, change: str, text: str
) -> None:
    tokens = await stage.tokens()
    token = tokens["RefreshToken"]
    match change:
        case "unknown":
            token = "nobody's"
        case "old":
            stage.site.clock.pass_s(30 * 86400)
        case "revoked":
            await stage.sdk.call("RevokeToken", ClientId=stage.client_id, Token=token)
        case "signed out":
            await stage.sdk.call("GlobalSignOut", AccessToken=tokens["AccessToken"])
        case _:
            stage.client_id = await stage.add_client()

    assert await stage.sdk.refused("InitiateAuth", **by_refresh(stage, token)) == (
        "NotAuthorizedException",
        text,
    )


async def test_a_refresh_token_that_rotates_is_replaced_and_remembered(
    stage: Stage,
) -> None:
    stage.client_id = await stage.add_client(
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
    )
    first = (await stage.tokens())["RefreshToken"]

    async def refresh(token: str) -> Any:
        reply = await stage.sdk.call(
            "GetTokensFromRefreshToken", ClientId=stage.client_id, RefreshToken=token
        )
        return reply["AuthenticationResult"]

    second = (await refresh(first))["RefreshToken"]
    assert second != first
    stage.site.clock.pass_s(5)
    assert "AccessToken" in await refresh(first)
    stage.site.clock.pass_s(6)
    code, _ = await stage.sdk.refused(
        "GetTokensFromRefreshToken", ClientId=stage.client_id, RefreshToken=first
    )
    assert code == "RefreshTokenReuseException"
    assert await stage.sdk.refused(
        "GetTokensFromRefreshToken", ClientId=stage.client_id, RefreshToken=second
    ) == ("NotAuthorizedException", "Refresh Token has been revoked")


async def test_an_access_token_is_revoked_with_its_refresh_token(stage: Stage) -> None:
    tokens = await stage.tokens()
    await stage.sdk.call(
        "RevokeToken", ClientId=stage.client_id, Token=tokens["RefreshToken"]
    )

    assert await stage.sdk.refused("GetUser", AccessToken=tokens["AccessToken"]) == (
        "NotAuthorizedException",
        "Access Token has been revoked",
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("broken", "Invalid Access Token"),
        ("old", "Access Token has expired"),
        ("identity", "Invalid Access Token"),
        ("signature", "Could not verify signature for Access Token"),
    ],
)
async def test_an_access_token_that_is_none_is_refused(
    stage: Stage, change: str, text: str
) -> None:
    tokens = await stage.tokens()
    token = tokens["AccessToken"]
    match change:
        case "broken":
            token = "a.b.c"
        case "old":
            stage.site.clock.pass_s(3600)
        case "identity":
            token = tokens["IdToken"]
        case _:
            head, body, signature = token.split(".")
            other = ("A" if signature[5] != "A" else "B") + signature[6:]
            token = f"{head}.{body}.{signature[:5]}{other}"

    assert await stage.sdk.refused("GetUser", AccessToken=token) == (
        "NotAuthorizedException",
        text,
    )


async def test_of_many_who_sign_in_at_once_all_are_signed_in(stage: Stage) -> None:
    replies = await asyncio.gather(*(stage.sign_in() for _ in range(8)))

    assert all("AuthenticationResult" in reply for reply in replies)


async def test_groups_are_in_both_tokens_best_first(stage: Stage) -> None:
    for name, precedence in (("zoo", 1), ("art", 5), ("bar", None)):
        more = {} if precedence is None else {"Precedence": precedence}
        await stage.sdk.call(
            "CreateGroup", UserPoolId=stage.pool_id, GroupName=name, **more
        )
        await stage.admin("AdminAddUserToGroup", GroupName=name)
    tokens = await stage.tokens()

    for kind in ("AccessToken", "IdToken"):
        assert read_claims(tokens[kind])["cognito:groups"] == ["zoo", "art", "bar"]
