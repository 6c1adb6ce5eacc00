"""What moto's tests of Cognito say of the service, and a first version of ours did not do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.userpool.people_kit import ADA, MAIL, PHONE, Stage, open_stage
from tests.userpool.pool_kit import PASSWORD

UNCONFIRMED = ("UserNotConfirmedException", "User is not confirmed.")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        yield opened


async def sign_up(stage: Stage, name: str) -> Any:
    return await stage.sdk.call(
        "SignUp", ClientId=stage.client_id, Username=name, Password=PASSWORD
    )


@pytest.mark.parametrize("name", [MAIL, PHONE])
async def test_a_number_is_name_enough_where_it_can_be_one(
    stage: Stage, name: str
) -> None:
    """Where either may be the name, the other is not asked for."""
    await stage.build(UsernameAttributes=["email", "phone_number"])
    made = await sign_up(stage, name)
    shown = await stage.admin("AdminGetUser", made["UserSub"])
    given = {a["Name"]: a["Value"] for a in shown["UserAttributes"]}

    assert given["email" if "@" in name else "phone_number"] == name


async def test_operators_sign_people_in_by_their_own_flow(stage: Stage) -> None:
    """USER_PASSWORD_AUTH is for applications, ADMIN_USER_PASSWORD_AUTH for operators."""
    await stage.build()
    await stage.add_user()
    given = stage.by_password()

    assert await stage.sdk.refused(
        "AdminInitiateAuth", UserPoolId=stage.pool_id, **given
    ) == ("InvalidParameterException", "Initiate Auth method not supported")
    assert "AuthenticationResult" in await stage.sdk.call(
        "AdminInitiateAuth",
        UserPoolId=stage.pool_id,
        **given | {"AuthFlow": "ADMIN_USER_PASSWORD_AUTH"},
    )


async def test_who_is_not_confirmed_is_told_whatever_the_password(stage: Stage) -> None:
    """Where existence is no secret, an application can ask for the code at once."""
    await stage.build(AutoVerifiedAttributes=[])
    await sign_up(stage, ADA)

    for password in (PASSWORD, "wr0ng!Pass"):
        refused = await stage.sdk.refused(
            "InitiateAuth", **stage.by_password(password=password)
        )
        assert refused == UNCONFIRMED
    assert (
        await stage.sdk.refused(
            "InitiateAuth",
            ClientId=stage.client_id,
            AuthFlow="USER_SRP_AUTH",
            AuthParameters=stage.srp().get_auth_params(),
        )
        == UNCONFIRMED
    )


async def test_who_is_not_confirmed_proves_a_password_first_where_nobody_is_known(
    stage: Stage,
) -> None:
    """Where existence is hidden, only the password's holder is told."""
    await stage.build(
        client={"PreventUserExistenceErrors": "ENABLED"}, AutoVerifiedAttributes=[]
    )
    await sign_up(stage, ADA)
    wrong = await stage.sdk.refused(
        "InitiateAuth", **stage.by_password(password="wr0ng!Pass")
    )

    assert wrong == ("NotAuthorizedException", "Incorrect username or password.")
    assert await stage.sdk.refused("InitiateAuth", **stage.by_password()) == UNCONFIRMED


def schema(kind: str, **bounds: str) -> list[dict[str, Any]]:
    return [
        {
            "Name": "size",
            "AttributeDataType": kind,
            f"{kind}AttributeConstraints": bounds,
        }
    ]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (schema("Number", MinValue="x"), "Invalid NumberAttributeConstraints"),
        (schema("Number", MaxValue="1e9"), "Invalid NumberAttributeConstraints"),
        (schema("Number", MaxValue="9" * 5000), "Invalid NumberAttributeConstraints"),
        (schema("String", MinLength="x"), "Invalid StringAttributeConstraints"),
        (schema("Number", MinValue="2", MaxValue="1"), "user.size: Max value cannot"),
        (
            schema("String", MinLength="2", MaxLength="1"),
            "user.size: Max length cannot",
        ),
        (schema("String", MaxLength="2049"), "user.size: String attributes cannot"),
    ],
)
async def test_bounds_that_bound_nothing_are_refused(
    stage: Stage, given: list[dict[str, Any]], text: str
) -> None:
    """They would break every user that is given the attribute."""
    code, told = await stage.sdk.refused("CreateUserPool", PoolName="p", Schema=given)

    assert code == "InvalidParameterException"
    assert told.startswith(text)


async def test_bounds_that_bound_are_kept_and_judged(stage: Stage) -> None:
    """A number within them is taken, another is not; bounds of another type are dropped."""
    bounds = schema("Number", MinValue="-1", MaxValue="3")
    bounds[0]["StringAttributeConstraints"] = {"MaxLength": "7"}
    await stage.build(Schema=bounds)
    pool = await stage.sdk.call("DescribeUserPool", UserPoolId=stage.pool_id)
    shown = next(
        a for a in pool["UserPool"]["SchemaAttributes"] if a["Name"] == "custom:size"
    )

    async def give(value: str) -> str:
        size = {"Name": "custom:size", "Value": value}
        code, _ = await stage.admin_refused(
            "AdminUpdateUserAttributes", UserAttributes=[size]
        )
        return code

    await stage.add_user()

    assert shown["NumberAttributeConstraints"] == {"MinValue": "-1", "MaxValue": "3"}
    assert "StringAttributeConstraints" not in shown
    assert await give("4") == "InvalidParameterException"
    await stage.admin(
        "AdminUpdateUserAttributes",
        UserAttributes=[{"Name": "custom:size", "Value": "2"}],
    )


async def test_nothing_is_said_of_addresses_that_an_operator_did_not_say(
    stage: Stage,
) -> None:
    """Only who signs up has an address that is known to be unproven."""
    await stage.build()
    made = await stage.admin(
        "AdminCreateUser",
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": "email", "Value": MAIL}],
    )
    await stage.sdk.call(
        "SignUp",
        ClientId=stage.client_id,
        Username="bob",
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": "bob@example.org"}],
    )
    bob = await stage.admin("AdminGetUser", "bob")

    assert sorted(a["Name"] for a in made["User"]["Attributes"]) == ["email", "sub"]
    assert {"Name": "email_verified", "Value": "false"} in bob["UserAttributes"]


async def test_an_address_that_is_a_name_already_is_told_as_one(stage: Stage) -> None:
    """By creating and by changing."""
    await stage.build(UsernameAttributes=["email"])
    await stage.add_user(MAIL, email="")
    await stage.add_user("bob@example.org", email="")
    taken = "An account with the given email already exists."

    assert await stage.admin_refused("AdminCreateUser", MAIL) == (
        "UsernameExistsException",
        taken,
    )
    assert await stage.admin_refused(
        "AdminUpdateUserAttributes",
        "bob@example.org",
        UserAttributes=[
            {"Name": "email", "Value": MAIL},
            {"Name": "email_verified", "Value": "true"},
        ],
    ) == ("AliasExistsException", taken)


async def test_a_pool_says_what_people_begin_with(stage: Stage) -> None:
    """Also where nobody has chosen."""
    await stage.build()
    pool = await stage.sdk.call("DescribeUserPool", UserPoolId=stage.pool_id)

    assert pool["UserPool"]["Policies"]["SignInPolicy"] == {
        "AllowedFirstAuthFactors": ["PASSWORD"]
    }


@pytest.mark.parametrize(
    ("setting", "factor"),
    [
        ("SMSMfaSettings", "SMS_MFA"),
        ("SoftwareTokenMfaSettings", "SOFTWARE_TOKEN_MFA"),
        ("EmailMfaSettings", "EMAIL_OTP"),
    ],
)
async def test_a_factor_that_is_not_set_up_cannot_be_turned_on(
    stage: Stage, setting: str, factor: str
) -> None:
    """The text names the factor."""
    await stage.build()
    await stage.add_user(email="", email_verified="")

    wanted: dict[str, Any] = {setting: {"Enabled": True}}

    assert await stage.admin_refused("AdminSetUserMFAPreference", **wanted) == (
        "InvalidParameterException",
        f"User does not have delivery config set to turn on {factor}",
    )
