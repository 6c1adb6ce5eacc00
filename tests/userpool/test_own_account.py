"""A signed-in person on their own account, and an operator on everybody's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.userpool.people_kit import ADA, MAIL, NEW, PHONE, Stage
from tests.userpool.pool_kit import PASSWORD
from tests.userpool.sign_up_kit import CODE_OVER, attributes_of, named, signing_up

# A signed-in person


async def test_a_person_sees_and_changes_what_the_client_may(stage: Stage) -> None:
    await stage.add_user(given_name="Ada")
    token = (await stage.tokens())["AccessToken"]
    await stage.sdk.call(
        "UpdateUserAttributes", AccessToken=token, UserAttributes=named(nickname="A")
    )
    user = await stage.sdk.call("GetUser", AccessToken=token)

    assert user["Username"] == ADA
    shown = {a["Name"]: a["Value"] for a in user["UserAttributes"]}
    assert (shown["nickname"], shown["given_name"]) == ("A", "Ada")
    assert "UserMFASettingList" not in user
    await stage.sdk.call(
        "DeleteUserAttributes", AccessToken=token, UserAttributeNames=["nickname"]
    )
    assert "nickname" not in await attributes_of(stage)


async def test_a_new_address_is_proven_by_the_code_it_was_sent(stage: Stage) -> None:
    await stage.add_user()
    token = (await stage.tokens())["AccessToken"]
    sent = await stage.sdk.call(
        "UpdateUserAttributes",
        AccessToken=token,
        UserAttributes=named(email="new@example.org"),
    )
    assert sent["CodeDeliveryDetailsList"][0]["Destination"] == "n***@e***"
    assert (await attributes_of(stage))["email_verified"] == "false"
    code = stage.code()
    verifying = {"AccessToken": token, "AttributeName": "email", "Code": code}
    await stage.sdk.call("VerifyUserAttribute", **verifying)
    assert (await attributes_of(stage))["email_verified"] == "true"
    assert (await stage.sdk.refused("VerifyUserAttribute", **verifying)) == CODE_OVER


async def test_a_code_proves_no_address_but_the_one_it_was_sent_to(
    stage: Stage,
) -> None:
    await stage.add_user()
    token = (await stage.tokens())["AccessToken"]
    await stage.sdk.call(
        "GetUserAttributeVerificationCode", AccessToken=token, AttributeName="email"
    )
    code = stage.code()
    await stage.admin(
        "AdminUpdateUserAttributes",
        UserAttributes=named(email="eve@example.org", email_verified="false"),
    )

    assert (
        await stage.sdk.refused(
            "VerifyUserAttribute", AccessToken=token, AttributeName="email", Code=code
        )
    )[0] in {"CodeMismatchException", "ExpiredCodeException"}
    assert (await attributes_of(stage))["email_verified"] == "false"


async def test_a_new_address_may_have_to_wait_for_its_code(stage: Stage) -> None:
    await stage.build(
        UserAttributeUpdateSettings={
            "AttributesRequireVerificationBeforeUpdate": ["email"]
        }
    )
    await stage.add_user()
    token = (await stage.tokens())["AccessToken"]
    await stage.sdk.call(
        "UpdateUserAttributes",
        AccessToken=token,
        UserAttributes=named(email="new@example.org"),
    )
    assert (await attributes_of(stage))["email"] == MAIL
    await stage.sdk.call(
        "VerifyUserAttribute",
        AccessToken=token,
        AttributeName="email",
        Code=stage.code(),
    )
    attributes = await attributes_of(stage)

    assert (attributes["email"], attributes["email_verified"]) == (
        "new@example.org",
        "true",
    )


async def test_what_was_fixed_at_the_start_stays(stage: Stage) -> None:
    await stage.build(Schema=[{"Name": "given_name", "Mutable": False}])
    await stage.add_user(given_name="Ada")
    token = (await stage.tokens())["AccessToken"]

    assert await stage.sdk.refused(
        "UpdateUserAttributes", AccessToken=token, UserAttributes=named(given_name="E")
    ) == (
        "InvalidParameterException",
        "user.given_name: Attribute cannot be updated.\n",
    )


async def test_a_person_changes_the_password(stage: Stage) -> None:
    await stage.add_user()
    token = (await stage.tokens())["AccessToken"]
    changing = {
        "AccessToken": token,
        "PreviousPassword": PASSWORD,
        "ProposedPassword": NEW,
    }

    assert await stage.sdk.refused(
        "ChangePassword", **{**changing, "PreviousPassword": "Wr0ng!pass"}
    ) == ("NotAuthorizedException", "Incorrect username or password.")
    await stage.sdk.call("ChangePassword", **changing)
    assert "AuthenticationResult" in await stage.sign_in(password=NEW)


async def test_guesses_at_the_old_password_are_limited(stage: Stage) -> None:
    await stage.add_user()
    token = (await stage.tokens())["AccessToken"]
    wrong = {
        "AccessToken": token,
        "PreviousPassword": "Wr0ng!pass",
        "ProposedPassword": NEW,
    }
    for _ in range(5):
        await stage.sdk.refused("ChangePassword", **wrong)

    assert await stage.sdk.refused("ChangePassword", **wrong) == (
        "LimitExceededException",
        "Attempt limit exceeded, please try after some time.",
    )


async def test_who_leaves_is_gone_with_all_tokens(stage: Stage) -> None:
    await stage.add_user()
    tokens = await stage.tokens()
    await stage.sdk.call("DeleteUser", AccessToken=tokens["AccessToken"])

    assert await stage.admin_refused("AdminGetUser") == (
        "UserNotFoundException",
        "User does not exist.",
    )
    assert (await stage.sdk.refused("GetUser", AccessToken=tokens["AccessToken"]))[
        0
    ] == "NotAuthorizedException"


# An operator


async def test_an_operator_finds_a_user_by_any_of_their_names(stage: Stage) -> None:
    await stage.build(
        UsernameAttributes=["email", "phone_number"], AutoVerifiedAttributes=["email"]
    )
    made = await stage.admin(
        "AdminCreateUser",
        MAIL,
        MessageAction="SUPPRESS",
        UserAttributes=named(email=MAIL, phone_number=PHONE),
    )
    sub = made["User"]["Attributes"][0]["Value"]

    assert made["User"]["Username"] == sub
    for name in (MAIL, PHONE, sub):
        assert (await stage.admin("AdminGetUser", name))["Username"] == sub


@pytest.mark.parametrize(
    ("operation", "members", "expected"),
    [
        (
            "AdminCreateUser",
            {"MessageAction": "SUPPRESS"},
            ("UsernameExistsException", "User account already exists"),
        ),
        (
            "AdminCreateUser",
            {"MessageAction": "RESEND"},
            (
                "UnsupportedUserStateException",
                "Resend not possible. ada status is not FORCE_CHANGE_PASSWORD",
            ),
        ),
        (
            "AdminConfirmSignUp",
            {},
            (
                "NotAuthorizedException",
                "User cannot be confirmed. Current status is CONFIRMED",
            ),
        ),
        (
            "AdminDeleteUserAttributes",
            {"UserAttributeNames": ["custom:x"]},
            (
                "InvalidParameterException",
                (
                    "Invalid user attributes: user.custom:x: Attribute does not exist in the "
                    "schema.\n"
                ),
            ),
        ),
        (
            "AdminSetUserPassword",
            {"Password": "short", "Permanent": True},
            (
                "InvalidPasswordException",
                "Password did not conform with policy: Password not long enough",
            ),
        ),
    ],
)
async def test_an_operator_is_refused_in_the_api_s_words(
    stage: Stage, operation: str, members: dict[str, Any], expected: tuple[str, str]
) -> None:
    await stage.add_user()

    assert await stage.admin_refused(operation, **members) == expected


@pytest.mark.parametrize(
    "operation",
    [
        "AdminGetUser",
        "AdminDeleteUser",
        "AdminEnableUser",
        "AdminDisableUser",
        "AdminConfirmSignUp",
        "AdminResetUserPassword",
        "AdminUserGlobalSignOut",
        "AdminListDevices",
    ],
)
async def test_an_operator_learns_that_there_is_no_such_user(
    stage: Stage, operation: str
) -> None:
    assert await stage.admin_refused(operation, "nobody") == (
        "UserNotFoundException",
        "User does not exist.",
    )


async def test_an_empty_value_deletes(stage: Stage) -> None:
    await stage.add_user(nickname="A")
    await stage.admin("AdminUpdateUserAttributes", UserAttributes=named(nickname=""))

    assert "nickname" not in await attributes_of(stage)


async def test_a_sign_up_may_be_confirmed_without_any_proof(stage: Stage) -> None:
    await stage.sdk.call("SignUp", **signing_up(stage))
    await stage.admin("AdminConfirmSignUp")

    assert (await attributes_of(stage))["email_verified"] == "false"
    assert "AuthenticationResult" in await stage.sign_in()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('email = "b@example.org"', ["bob"]),
        ('email ^= "A@"', []),
        ('username ^= "b"', ["bob"]),
        ('status = "Disabled"', ["bob"]),
        ('cognito:user_status = "CONFIRMED"', ["ada", "bob"]),
        ('given_name = "%"', []),
    ],
)
async def test_a_listing_is_filtered(stage: Stage, text: str, names: list[str]) -> None:
    await stage.add_user()
    await stage.add_user("bob", email="b@example.org", given_name="Bob")
    await stage.admin("AdminDisableUser", "bob")
    found = await stage.sdk.call("ListUsers", UserPoolId=stage.pool_id, Filter=text)

    assert [u["Username"] for u in found["Users"]] == names


async def test_a_token_is_not_of_another_user_with_the_same_name(stage: Stage) -> None:
    stage.client_id = await stage.add_client(EnableTokenRevocation=False)
    await stage.add_user()
    token = (await stage.tokens())["AccessToken"]
    await stage.admin("AdminDeleteUser")
    await stage.add_user()

    assert await stage.sdk.refused("GetUser", AccessToken=token) == (
        "UserNotFoundException",
        "User does not exist.",
    )
