"""One stranger behind a name: found by it and by the `sub` that was answered, as a user is."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.model.pool import Pool
from ostiary.model.pool_settings import PoolSettings
from ostiary.userpool import nobody
from ostiary.userpool.delivery import mask
from ostiary.userpool.services import Services
from tests.userpool.people_kit import (
    MAIL,
    PHONE,
    Stage,
    open_stage,
    secret_hash,
)
from tests.userpool.pool_kit import PASSWORD

HIDES = {"PreventUserExistenceErrors": "ENABLED"}
BY_CODE = {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}
STRANGER = "bob@elsewhere.org"
SUB = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-70[0-9a-f]{2}-[0-9a-f]{4}-[0-9a-f]{12}")
WRONG = {"EMAIL_OTP_CODE": "00000000"}
MISMATCH = "CodeMismatchException"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        yield opened


@pytest.fixture
async def pool(stage: Stage) -> Stage:
    """People are called by their addresses, and one is."""
    await stage.build(client=HIDES, Policies=BY_CODE, UsernameAttributes=["email"])
    await stage.add_user(MAIL, email="")
    return stage


async def ask_srp(stage: Stage, name: str) -> tuple[str, str]:
    asked = await stage.begin_srp(stage.srp(), USERNAME=name)
    shown = asked["ChallengeParameters"]
    return shown["USERNAME"], shown["SALT"]


async def ask_code(stage: Stage, name: str) -> Any:
    return await stage.sdk.call(
        "InitiateAuth",
        ClientId=stage.client_id,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": name, "PREFERRED_CHALLENGE": "EMAIL_OTP"},
    )


async def shown_to(stage: Stage, name: str) -> set[tuple[str, str]]:
    """Where codes are said to go, by every operation that says so."""
    asked = (await ask_code(stage, name))["ChallengeParameters"]
    told = {
        (
            asked["CODE_DELIVERY_DELIVERY_MEDIUM"],
            asked["CODE_DELIVERY_DESTINATION"],
        )
    }
    for operation in ("ForgotPassword", "ResendConfirmationCode"):
        details = (
            await stage.sdk.call(operation, ClientId=stage.client_id, Username=name)
        )["CodeDeliveryDetails"]
        told.add((details["DeliveryMedium"], details["Destination"]))
    return told


async def test_a_stranger_s_sub_has_the_form_of_a_user_s(pool: Stage) -> None:
    for name in (MAIL, STRANGER):
        assert SUB.fullmatch((await ask_srp(pool, name))[0])


async def test_who_is_asked_again_by_the_sub_is_the_same_one(pool: Stage) -> None:
    for name in (MAIL, STRANGER):
        told = await ask_srp(pool, name)

        assert await ask_srp(pool, told[0]) == told
        assert await shown_to(pool, told[0]) == await shown_to(pool, name)


async def test_an_answer_may_name_the_sub(pool: Stage) -> None:
    for name in (MAIL, STRANGER):
        sub, _ = await ask_srp(pool, name)
        asked = await ask_code(pool, name)

        assert (await pool.respond_refused(asked, USERNAME=sub, **WRONG))[0] == MISMATCH
        assert (await pool.respond_refused(asked, USERNAME=f" {sub}", **WRONG))[
            0
        ] == "NotAuthorizedException"


async def test_who_is_locked_out_is_locked_out_by_every_name(pool: Stage) -> None:
    for name in (MAIL, STRANGER):
        sub, _ = await ask_srp(pool, name)
        for _ in range(5):
            await pool.sdk.refused("InitiateAuth", **pool.by_password(name, "wrong"))
        _, text = await pool.sdk.refused("InitiateAuth", **pool.by_password(sub, "x"))

        assert text == "Password attempts exceeded"


@pytest.mark.parametrize("state", ["disabled", "invited", "unproven", "reset", "gone"])
async def test_a_name_has_one_address_whatever_its_state(
    stage: Stage, state: str
) -> None:
    """Each operation shows the same one, and a wrong code is wrong."""
    await stage.build(client=HIDES, Policies=BY_CODE)
    await stage.add_user("eve", email="eve@example.org")
    match state:
        case "disabled":
            await stage.admin("AdminDisableUser", "eve")
        case "invited":
            await stage.admin("AdminDeleteUser", "eve")
            await stage.admin(
                "AdminCreateUser",
                "eve",
                MessageAction="SUPPRESS",
                TemporaryPassword=PASSWORD,
                UserAttributes=[{"Name": "email", "Value": "eve@example.org"}],
            )
        case "unproven":
            await stage.admin(
                "AdminUpdateUserAttributes",
                "eve",
                UserAttributes=[{"Name": "email_verified", "Value": "false"}],
            )
        case "reset":
            await stage.admin("AdminResetUserPassword", "eve")
        case _:
            await stage.admin("AdminDeleteUser", "eve")
    asked = await ask_code(stage, "eve")

    assert len(await shown_to(stage, "eve")) == 1
    assert (await stage.respond_refused(asked, USERNAME="eve", **WRONG))[0] == MISMATCH
    assert (await stage.respond_refused(asked, USERNAME="eve"))[
        0
    ] == "InvalidParameterException"


@pytest.mark.parametrize(
    "operation", ["AdminDisableUser", "AdminResetUserPassword", "AdminDeleteUser"]
)
async def test_what_becomes_of_a_user_meanwhile_is_not_told(
    pool: Stage, operation: str
) -> None:
    asked = await ask_code(pool, MAIL)
    await pool.admin(operation, MAIL)
    told = await pool.respond_refused(asked, USERNAME=MAIL, **WRONG)
    unknown = await pool.respond_refused(
        await ask_code(pool, STRANGER), USERNAME=STRANGER, **WRONG
    )

    if operation != "AdminDeleteUser":  # nobody is there to be found out any more
        assert told == unknown


@pytest.mark.parametrize(
    ("names", "setting"),
    [
        (["verified_email"], ["email"]),
        (["verified_phone_number"], ["phone_number"]),
        (["verified_email", "verified_phone_number"], ["email", "phone_number"]),
        ([], []),
    ],
)
async def test_the_medium_follows_pool_and_name_alone(
    stage: Stage, names: list[str], setting: list[str]
) -> None:
    recovery: dict[str, Any] = {}
    if names:
        ranked = [{"Priority": n + 1, "Name": name} for n, name in enumerate(names)]
        recovery["AccountRecoverySetting"] = {"RecoveryMechanisms": ranked}
    await stage.build(
        client=HIDES,
        UsernameAttributes=["email", "phone_number"],
        AutoVerifiedAttributes=setting,
        **recovery,
    )
    await stage.add_user(
        MAIL, email="", phone_number=PHONE, phone_number_verified="true"
    )
    for known, unknown in ((MAIL, STRANGER), (PHONE, "+15550177777")):
        for operation in ("ForgotPassword", "ResendConfirmationCode"):
            media = [
                (
                    await stage.sdk.call(
                        operation, ClientId=stage.client_id, Username=name
                    )
                )["CodeDeliveryDetails"]["DeliveryMedium"]
                for name in (known, unknown)
            ]

            assert media[0] == media[1], (operation, known)


async def test_guesses_of_a_user_who_is_sent_no_more_still_count(pool: Stage) -> None:
    """A flood of sends does not free the guesses."""
    for name in (MAIL, STRANGER):
        told = ""
        for _ in range(6):
            asked = await ask_code(pool, name)
            for _ in range(3):
                _, told = await pool.respond_refused(asked, USERNAME=name, **WRONG)
        for _ in range(32):
            asked = await ask_code(pool, name)

        assert told == "Password attempts exceeded"
        assert (await pool.respond_refused(asked, USERNAME=name, **WRONG))[1] == told


async def test_a_secret_hash_may_be_over_the_sub(stage: Stage) -> None:
    await stage.build(UsernameAttributes=["email"])
    await stage.add_user(MAIL, email="")
    made = await stage.sdk.call(
        "CreateUserPoolClient",
        UserPoolId=stage.pool_id,
        ClientName="secret",
        GenerateSecret=True,
        **HIDES,
    )
    client = made["UserPoolClient"]
    for name in (MAIL, STRANGER):
        sub, _ = await ask_srp(stage, MAIL)
        if name == STRANGER:
            asked = await stage.sdk.call(
                "InitiateAuth",
                ClientId=client["ClientId"],
                AuthFlow="USER_SRP_AUTH",
                AuthParameters={
                    **stage.srp().get_auth_params(),
                    "USERNAME": name,
                    "SECRET_HASH": secret_hash(
                        client["ClientSecret"], name, client["ClientId"]
                    ),
                },
            )
            sub = asked["ChallengeParameters"]["USERNAME"]
        reply = await stage.sdk.call(
            "ForgotPassword",
            ClientId=client["ClientId"],
            Username=name,
            SecretHash=secret_hash(client["ClientSecret"], sub, client["ClientId"]),
        )

        assert reply["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"


def open_pool(stage: Stage) -> tuple[Services, Pool]:
    services: Services = stage.site.app.state.services
    pool = Pool(
        id="eu-west-1_abcdefghi",
        name="p",
        settings=PoolSettings(UsernameAttributes=("email", "phone_number")),
        created_at=0,
        modified_at=0,
    )
    return services, pool


async def test_a_sub_carries_what_the_name_s_mask_shows(stage: Stage) -> None:
    services, pool = open_pool(stage)
    some = st.text("abcz09", min_size=1, max_size=5)

    @settings(max_examples=200, deadline=None)
    @given(local=some, domain=some, digits=st.integers(0, 10**10))
    def check(local: str, domain: str, digits: int) -> None:
        address, number = f"{local}@{domain}", f"+{digits:011d}"
        by_address = nobody.find_stranger(services, pool, address)
        by_number = nobody.find_stranger(services, pool, number)

        assert mask(nobody.invent_address(services, pool, by_address)) == mask(address)
        assert mask(nobody.invent_number(services, pool, by_number)) == mask(number)
        assert nobody.find_stranger(services, pool, by_address) == by_address

    check()


async def test_every_name_has_a_stranger(stage: Stage) -> None:
    services, pool = open_pool(stage)

    @settings(max_examples=200, deadline=None)
    @given(name=st.text(max_size=140))
    def check(name: str) -> None:
        sub = nobody.find_stranger(services, pool, name)

        assert SUB.fullmatch(sub)
        assert mask(nobody.invent_address(services, pool, name)).count("***@") == 1
        assert nobody.invent_number(services, pool, sub) == nobody.invent_number(
            services, pool, name
        )

    check()
