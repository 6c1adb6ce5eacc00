"""Where existence is hidden, the questions of USER_AUTH and CUSTOM_AUTH are everybody's alike."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ostiary.model.pool import UserStatus
from ostiary.ports.mail import Message
from tests.userpool.people_kit import ADA, MAIL, PHONE, Stage, open_stage
from tests.userpool.pool_kit import PASSWORD

HIDES = {"PreventUserExistenceErrors": "ENABLED"}
ALL_WAYS = ["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"]
POLICIES = {"SignInPolicy": {"AllowedFirstAuthFactors": ALL_WAYS}}
WRONG_CODE = {"EMAIL_OTP_CODE": "00000000"}
NOBODY = "nobody"
TRIGGERS = (
    "DefineAuthChallenge",
    "CreateAuthChallenge",
    "VerifyAuthChallengeResponse",
)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        yield opened


@pytest.fixture
async def pool(stage: Stage) -> Stage:
    """Everything is allowed, and one user has an address that is proven."""
    await stage.build(client=HIDES, Policies=POLICIES)
    await stage.sdk.call(
        "SetUserPoolMfaConfig",
        UserPoolId=stage.pool_id,
        WebAuthnConfiguration={"RelyingPartyId": "login.example.org"},
    )
    await stage.add_user()
    return stage


async def begin(stage: Stage, name: str, preferred: str = "") -> Any:
    more = {"PREFERRED_CHALLENGE": preferred} if preferred else {}
    return await stage.sdk.call(
        "InitiateAuth",
        ClientId=stage.client_id,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": name, **more},
    )


async def refusals(stage: Stage, way: str, **answer: str) -> list[tuple[str, str]]:
    """What a user and a stranger are told of an answer."""
    told = []
    for name in (ADA, NOBODY):
        asked = await begin(stage, name, way)
        told.append(await stage.respond_refused(asked, **{"USERNAME": name, **answer}))
    return told


async def test_everybody_is_offered_all_that_the_pool_allows(pool: Stage) -> None:
    await pool.add_user("bare", email="")
    offered = [
        (await begin(pool, name))["AvailableChallenges"]
        for name in (ADA, "bare", NOBODY)
    ]

    assert offered[0] == offered[1] == offered[2]
    assert sorted(offered[0]) == [
        "EMAIL_OTP",
        "PASSWORD",
        "PASSWORD_SRP",
        "SMS_OTP",
        "WEB_AUTHN",
    ]


async def test_who_may_be_known_is_offered_what_they_have(stage: Stage) -> None:
    await stage.build(Policies=POLICIES)
    await stage.add_user()

    assert sorted((await begin(stage, ADA))["AvailableChallenges"]) == [
        "EMAIL_OTP",
        "PASSWORD",
        "PASSWORD_SRP",
    ]


@pytest.mark.parametrize("name", [ADA, NOBODY])
async def test_a_number_that_a_user_lacks_is_asked_for_as_a_stranger_s(
    pool: Stage, name: str
) -> None:
    asked = await begin(pool, name, "SMS_OTP")

    assert asked["ChallengeName"] == "SMS_OTP"
    assert asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"].startswith("+***")
    assert pool.site.mailer.sent == []
    assert await pool.respond_refused(
        asked, USERNAME=name, SMS_OTP_CODE="00000000"
    ) == (
        "CodeMismatchException",
        "Invalid code or auth state for the user.",
    )


async def test_an_answer_without_its_code_misses_it(pool: Stage) -> None:
    told = await refusals(pool, "EMAIL_OTP")

    assert (
        told
        == [("InvalidParameterException", "Missing required parameter EMAIL_OTP_CODE")]
        * 2
    )


async def test_a_wrong_code_is_wrong_whoever_answers(pool: Stage) -> None:
    known, unknown = await refusals(pool, "EMAIL_OTP", **WRONG_CODE)

    assert known == unknown
    assert known[0] == "CodeMismatchException"


async def test_an_answer_under_another_name_is_none(pool: Stage) -> None:
    known, unknown = await refusals(pool, "EMAIL_OTP", USERNAME="else", **WRONG_CODE)

    assert known == unknown
    assert known[0] == "NotAuthorizedException"


@pytest.mark.parametrize("name", [ADA, NOBODY])
async def test_guesses_are_locked_out_over_all_sessions(pool: Stage, name: str) -> None:
    told = []
    for _ in range(6):
        asked = await begin(pool, name, "EMAIL_OTP")
        told += [
            await pool.respond_refused(asked, USERNAME=name, **WRONG_CODE)
            for _ in range(3)
        ]

    assert [code for code, _ in told] == [
        *["CodeMismatchException"] * 15,
        *["NotAuthorizedException"] * 3,
    ]
    assert told[-1][1] == "Password attempts exceeded"


async def test_a_session_dies_after_three_wrong_codes(pool: Stage) -> None:
    for name in (ADA, NOBODY):
        asked = await begin(pool, name, "EMAIL_OTP")
        for _ in range(3):
            await pool.respond_refused(asked, USERNAME=name, **WRONG_CODE)

        assert (await pool.respond_refused(asked, USERNAME=name, **WRONG_CODE))[
            0
        ] == "NotAuthorizedException"


async def test_a_first_code_does_not_wait_for_its_mail(
    pool: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, sent = asyncio.Event(), list[Message]()

    async def send(message: Message) -> None:
        await gate.wait()
        sent.append(message)

    monkeypatch.setattr(pool.site.mailer, "send", send)
    async with asyncio.timeout(5):
        asked = await begin(pool, ADA, "EMAIL_OTP")

    assert sent == []

    gate.set()
    await pool.site.settle()
    code = "".join(c for c in sent[0].text if c.isdigit())

    assert "AuthenticationResult" in await pool.respond(asked, EMAIL_OTP_CODE=code)


async def test_capitals_of_an_attribute_are_not_shown(pool: Stage) -> None:
    await pool.add_user("bob", email="Bob@Example.org")
    asked = await begin(pool, "bob", "EMAIL_OTP")

    assert asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"] == "b***@e***"


@pytest.mark.spec("WebAuthn-2#14.6.2")
async def test_everybody_is_asked_for_a_passkey_and_none_is_named(pool: Stage) -> None:
    shown = {}
    for name in (ADA, NOBODY):
        asked = await begin(pool, name, "WEB_AUTHN")
        options = json.loads(asked["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"])
        shown[name] = (sorted(options), len(asked["Session"]))

        assert options["allowCredentials"] == []

    assert shown[ADA] == shown[NOBODY]


async def test_a_passkey_that_nobody_has_proves_nothing(pool: Stage) -> None:
    for answer in ({}, {"CREDENTIAL": "{}"}, {"CREDENTIAL": "no JSON"}):
        known, unknown = await refusals(pool, "WEB_AUTHN", **answer)

        assert known == unknown


@pytest.mark.parametrize("username", ["a", "a" * 100])
async def test_lengths_do_not_follow_the_username_behind_an_alias(
    stage: Stage, username: str
) -> None:
    await stage.build(client=HIDES, Policies=POLICIES, AliasAttributes=["email"])
    await stage.add_user(username)
    srp, lengths = stage.srp(), []
    for name in (MAIL, "bob@example.org"):
        by_code = await begin(stage, name, "EMAIL_OTP")
        by_srp = await stage.begin_srp(srp, USERNAME=name)
        block = by_srp["ChallengeParameters"]["SECRET_BLOCK"]
        lengths.append((len(by_code["Session"]), len(block)))

    assert lengths[0] == lengths[1]


async def test_a_stranger_s_alias_has_a_username_behind_it(stage: Stage) -> None:
    await stage.build(client=HIDES, AliasAttributes=["email", "phone_number"])
    for name in ("bob@example.org", PHONE):
        told = [
            (await stage.begin_srp(stage.srp(name)))["ChallengeParameters"]["USERNAME"]
            for _ in range(2)
        ]

        assert told[0] == told[1] != name
        assert len(told[0]) == 36


async def build_custom(stage: Stage, **settings: Any) -> None:
    functions = {
        "DefineAuthChallenge": lambda event: (
            event | {"response": {"challengeName": "CUSTOM_CHALLENGE"}}
        ),
        "CreateAuthChallenge": lambda event: (
            event
            | {
                "response": {
                    "publicChallengeParameters": {"hint": "blue"},
                    "privateChallengeParameters": {"answer": "sky"},
                }
            }
        ),
        "VerifyAuthChallengeResponse": lambda event: (
            event | {"response": {"answerCorrect": False}}
        ),
    }
    config = {name: stage.triggers.arn(name, functions[name]) for name in TRIGGERS}
    await stage.build(client=HIDES, LambdaConfig=config, **settings)


async def test_a_custom_question_to_a_stranger_looks_like_a_user_s(
    stage: Stage,
) -> None:
    await build_custom(stage, UsernameAttributes=["email"])
    await stage.add_user(MAIL, email="")
    shapes = []
    for name in (MAIL, "bob@example.org"):
        asked = await stage.sdk.call(
            "InitiateAuth",
            ClientId=stage.client_id,
            AuthFlow="CUSTOM_AUTH",
            AuthParameters={"USERNAME": name},
        )
        called = asked["ChallengeParameters"].pop("USERNAME")
        next_one = await stage.respond(asked, USERNAME=name, ANSWER="sea")
        shapes.append(
            (
                asked["ChallengeParameters"],
                len(called),
                len(asked["Session"]),
                next_one["ChallengeName"],
                len(next_one["Session"]),
            )
        )

    assert shapes[0] == shapes[1]


async def test_confirming_is_refused_alike(stage: Stage) -> None:
    await stage.build(client=HIDES)
    await stage.add_user()
    await stage.sdk.call(
        "SignUp",
        ClientId=stage.client_id,
        Username="bob",
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": "bob@example.org"}],
    )

    async def confirm(name: str) -> tuple[str, str]:
        return await stage.sdk.refused(
            "ConfirmSignUp",
            ClientId=stage.client_id,
            Username=name,
            ConfirmationCode="000000",
        )

    told = {name: await confirm(name) for name in (ADA, "bob", NOBODY)}

    assert set(told.values()) == {
        (
            "CodeMismatchException",
            "Invalid verification code provided, please try again.",
        )
    }
    for _ in range(20):
        assert await confirm("bob") == told[NOBODY]


@pytest.mark.parametrize(
    ("setting", "refusal"),
    [
        ("ENABLED", ("NotAuthorizedException", "Incorrect username or password.")),
        (
            "LEGACY",
            ("PasswordResetRequiredException", "Password reset required for the user"),
        ),
    ],
)
async def test_who_was_imported_is_told_to_reset_where_that_may_be_said(
    stage: Stage, setting: str, refusal: tuple[str, str]
) -> None:
    await stage.build(client={"PreventUserExistenceErrors": setting})
    await stage.add_user()
    await stage.site.config.store.change_user(
        pool_id=stage.pool_id,
        username=ADA,
        rule=lambda user: (
            replace(user, password=None, status=UserStatus.RESET_REQUIRED),
            None,
        ),
    )

    assert await stage.sdk.refused("InitiateAuth", **stage.by_password()) == refusal
    srp = stage.srp()
    answer = await stage.prove_srp(srp, await stage.begin_srp(srp))
    assert (
        await stage.respond_refused({"ChallengeName": "PASSWORD_VERIFIER"}, **answer)
        == refusal
    )
