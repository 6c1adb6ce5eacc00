"""The JSON API, driven by an unmodified SDK that knows nothing but the endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.userpool.pool_kit import Demo, PoolSite
from tests.userpool.pool_sdk import Sdk
from tests.userpool.pool_shapes import find_faults

POOL: dict[str, Any] = {
    "PoolName": "test-pool",
    "UsernameAttributes": ["email"],
    "UsernameConfiguration": {"CaseSensitive": False},
    "AutoVerifiedAttributes": ["email"],
    "LambdaConfig": {},
    "UserPoolTags": {},
    "Schema": [
        {"Name": n, "Required": True, "Mutable": True}
        for n in ("email", "family_name", "given_name")
    ],
}


def test_the_judge_of_replies_refuses_wrong_ones() -> None:
    assert find_faults("DescribeUserPool", {"UserPool": {"Id": 7}})
    assert find_faults("DescribeUserPool", {"UserPool": {"Nonsense": "x"}})
    assert find_faults("DescribeUserPool", {"UserPool": {"MfaConfiguration": "MAYBE"}})
    assert find_faults("AdminGetUser", {"UserStatus": "CONFIRMED"})
    assert (
        find_faults("DescribeUserPool", {"UserPool": {"MfaConfiguration": "ON"}}) == []
    )


async def test_the_console_steps_of_a_pool_work_as_calls(sdk: Sdk) -> None:
    pool = (await sdk.call("CreateUserPool", **POOL))["UserPool"]

    assert pool["Id"].startswith("ap-southeast-1_")
    assert len(pool["Id"]) == len("ap-southeast-1_") + 9
    assert pool["Policies"]["PasswordPolicy"] == {
        "MinimumLength": 8,
        "RequireUppercase": True,
        "RequireLowercase": True,
        "RequireNumbers": True,
        "RequireSymbols": True,
        "TemporaryPasswordValidityDays": 7,
    }
    assert [a["Name"] for a in pool["SchemaAttributes"]][:3] == [
        "sub",
        "name",
        "given_name",
    ]
    assert {a["Name"] for a in pool["SchemaAttributes"] if a["Required"]} == {
        "sub",
        "email",
        "family_name",
        "given_name",
    }

    await sdk.call("UpdateUserPool", UserPoolId=pool["Id"], DeletionProtection="ACTIVE")
    described = (await sdk.call("DescribeUserPool", UserPoolId=pool["Id"]))["UserPool"]

    assert described["DeletionProtection"] == "ACTIVE"
    assert described["UsernameAttributes"] == ["email"]
    assert "AutoVerifiedAttributes" not in described

    free = await sdk.call("DescribeUserPoolDomain", Domain="kongdemo")

    assert free["DomainDescription"] == {}

    await sdk.call("CreateUserPoolDomain", Domain="kongdemo", UserPoolId=pool["Id"])
    taken = await sdk.call("DescribeUserPoolDomain", Domain="kongdemo")

    assert taken["DomainDescription"]["UserPoolId"] == pool["Id"]
    assert taken["DomainDescription"]["Status"] == "ACTIVE"


async def test_an_update_of_a_client_replaces_all_of_it(sdk: Sdk) -> None:
    pool_id = (await sdk.call("CreateUserPool", **POOL))["UserPool"]["Id"]
    made = await sdk.call(
        "CreateUserPoolClient",
        UserPoolId=pool_id,
        ClientName="kong-api",
        ReadAttributes=["email"],
        GenerateSecret=True,
    )
    client = made["UserPoolClient"]

    assert client["RefreshTokenValidity"] == 30
    assert client["EnableTokenRevocation"] is True
    assert client["TokenValidityUnits"] == {}
    assert "ExplicitAuthFlows" not in client
    assert len(client["ClientSecret"]) == 52

    updated = await sdk.call(
        "UpdateUserPoolClient",
        UserPoolId=pool_id,
        ClientId=client["ClientId"],
        CallbackURLs=["https://kong-ee:8443/cognito"],
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid"],
        AllowedOAuthFlowsUserPoolClient=True,
    )

    assert updated["UserPoolClient"]["ClientSecret"] == client["ClientSecret"]
    assert updated["UserPoolClient"]["ClientName"] == "kong-api"
    assert "ReadAttributes" not in updated["UserPoolClient"]

    described = await sdk.call(
        "DescribeUserPoolClient", UserPoolId=pool_id, ClientId=client["ClientId"]
    )

    assert described["UserPoolClient"] == updated["UserPoolClient"]


async def test_listings_come_in_pages_and_only_with_our_tokens(sdk: Sdk) -> None:
    for _ in range(3):
        await sdk.call("CreateUserPool", PoolName="p")
    first = await sdk.call("ListUserPools", MaxResults=2)
    second = await sdk.call("ListUserPools", MaxResults=2, NextToken=first["NextToken"])

    assert len({p["Id"] for p in first["UserPools"] + second["UserPools"]}) == 3
    assert "NextToken" not in second
    assert await sdk.refused("ListUserPools", MaxResults=2, NextToken="made-up") == (
        "InvalidParameterException",
        "Invalid pagination token",
    )


async def test_users_are_listed_searched_and_read(sdk: Sdk, demo: Demo) -> None:
    await demo.confirm()
    pool_id = demo.pool_id
    (user,) = (await sdk.call("ListUsers", UserPoolId=pool_id))["Users"]

    assert user["UserStatus"] == "CONFIRMED"
    assert {a["Name"]: a["Value"] for a in user["Attributes"]}[
        "email_verified"
    ] == "true"

    for text, hits in (
        ('email = "Ada@Example.org"', 1),
        ('given_name ^= "A"', 1),
        ('email = "b@example.org"', 0),
        ('cognito:user_status = "CONFIRMED"', 1),
    ):
        found = await sdk.call("ListUsers", UserPoolId=pool_id, Filter=text)

        assert len(found["Users"]) == hits

    for name in (user["Username"], "ada@example.org"):
        got = await sdk.call("AdminGetUser", UserPoolId=pool_id, Username=name)

        assert got["Username"] == user["Username"]
        assert got["UserAttributes"][0]["Name"] == "sub"
        assert "UserMFASettingList" not in got


@pytest.mark.parametrize(
    ("operation", "members", "expected"),
    [
        (
            "DescribeUserPool",
            {"UserPoolId": "ap-southeast-1_nobody123"},
            (
                "ResourceNotFoundException",
                "User pool ap-southeast-1_nobody123 does not exist.",
            ),
        ),
        (
            "CreateUserPool",
            {
                "PoolName": "p",
                "Policies": {"PasswordPolicy": {"MinimumLength": 5}},
            },
            (
                "InvalidParameterException",
                (
                    "1 validation error detected: Value '5' at "
                    "'policies.passwordPolicy.minimumLength' failed to satisfy constraint: "
                    "Member must have value greater than or equal to 6"
                ),
            ),
        ),
        (
            "CreateUserPool",
            {"PoolName": "p", "KeyConfiguration": {"KeyType": "AWS_OWNED_KEY"}},
            ("InvalidParameterException", "KeyConfiguration is not supported yet."),
        ),
        (
            "CreateUserPool",
            {
                "PoolName": "p",
                "AliasAttributes": ["email"],
                "UsernameAttributes": ["email"],
            },
            (
                "InvalidParameterException",
                "Only one of the aliasAttributes or usernameAttributes can be set in a user pool.",
            ),
        ),
        (
            "CreateUserPool",
            {
                "PoolName": "p",
                "Schema": [
                    {"Name": "x", "AttributeDataType": "String", "Required": True}
                ],
            },
            (
                "InvalidParameterException",
                "Required custom attributes are not supported currently.",
            ),
        ),
        (
            "GetProvisionedLimit",
            {"LimitDefinition": {"LimitClass": "API_CATEGORY", "Attributes": {}}},
            (
                "NotAuthorizedException",
                "The operation GetProvisionedLimit is left out here: limits are not bought here.",
            ),
        ),
    ],
)
async def test_refusals_speak_in_the_api_s_words(
    sdk: Sdk, operation: str, members: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert await sdk.refused(operation, **members) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            {"CallbackURLs": ["http://example.org/cb"]},
            (
                "InvalidParameterException",
                "http://example.org/cb cannot use the HTTP protocol.",
            ),
        ),
        (
            {"CallbackURLs": ["javascript:alert(1)"]},
            ("InvalidParameterException", "javascript:alert(1) is not a valid URL."),
        ),
        (
            {"AllowedOAuthFlowsUserPoolClient": True},
            (
                "InvalidOAuthFlowException",
                (
                    "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool "
                    "client is allowed to use OAuth flows."
                ),
            ),
        ),
        (
            {"AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": []},
            (
                "InvalidOAuthFlowException",
                (
                    "client_credentials flow can not be selected if client does not have "
                    "a client secret."
                ),
            ),
        ),
        (
            {"AllowedOAuthScopes": ["nonsense"]},
            ("ScopeDoesNotExistException", "Invalid scope requested: nonsense"),
        ),
        (
            {"AllowedOAuthFlows": ["client_credentials", "implicit"]},
            (
                "InvalidOAuthFlowException",
                (
                    "client_credentials flow can not be selected along with code flow "
                    "or implicit flow."
                ),
            ),
        ),
        (
            {"WriteAttributes": ["email"]},
            (
                "InvalidParameterException",
                "Invalid write attributes specified while creating a client",
            ),
        ),
        (
            {"CallbackURLs": ["http://localhost:3000/", "http://[::1]/"]},
            None,
        ),
    ],
)
async def test_a_client_is_judged_before_it_is_kept(
    sdk: Sdk, members: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    pool_id = (await sdk.call("CreateUserPool", **POOL))["UserPool"]["Id"]
    call = {"UserPoolId": pool_id, "ClientName": "c", **members}
    if expected is None:
        await sdk.call("CreateUserPoolClient", **call)
    else:
        assert await sdk.refused("CreateUserPoolClient", **call) == expected


async def test_a_domain_is_unique_plain_and_one_per_pool(sdk: Sdk) -> None:
    first = (await sdk.call("CreateUserPool", **POOL))["UserPool"]["Id"]
    second = (await sdk.call("CreateUserPool", **POOL))["UserPool"]["Id"]
    await sdk.call("CreateUserPoolDomain", Domain="one", UserPoolId=first)

    assert await sdk.refused(
        "CreateUserPoolDomain", Domain="one", UserPoolId=second
    ) == (
        "InvalidParameterException",
        "Domain already associated with another user pool.",
    )
    assert await sdk.refused(
        "CreateUserPoolDomain", Domain="two", UserPoolId=first
    ) == (
        "InvalidParameterException",
        "User pool already has a domain configured.",
    )
    assert await sdk.refused(
        "CreateUserPoolDomain", Domain="my-cognito", UserPoolId=second
    ) == (
        "InvalidParameterException",
        "Domain cannot contain reserved word: cognito",
    )


async def test_an_unsigned_call_is_refused(site: PoolSite) -> None:
    answer = await site.call_raw("ListUserPools", {"MaxResults": 1}, headers={})

    assert answer.status == 400
    assert answer.json() == {
        "__type": "MissingAuthenticationTokenException",
        "message": "Missing Authentication Token",
    }
    assert answer.header("x-amzn-errortype") == "MissingAuthenticationTokenException:"
    assert answer.header("access-control-allow-origin") == "*"


@pytest.mark.parametrize("body", ["[]", "null", '{"MaxResults": "1"}'])
async def test_a_body_of_wrong_types_is_a_serialization_error(
    site: PoolSite, body: str
) -> None:
    answer = await site.call_raw("ListUserPools", json.loads(body))

    assert answer.json()["__type"] == "SerializationException"


async def test_a_missing_member_must_not_be_null(site: PoolSite) -> None:
    answer = await site.call_raw("CreateUserPool", {})

    assert answer.json()["message"] == (
        "1 validation error detected: Value null at 'poolName' failed to satisfy "
        "constraint: Member must not be null"
    )


async def test_an_operation_outside_the_model_is_unknown(site: PoolSite) -> None:
    answer = await site.call_raw("MakeCoffee", {})

    assert answer.json()["__type"] == "UnknownOperationException"
    assert answer.json()["message"] == "The operation MakeCoffee is not known."


async def test_a_pool_of_another_region_is_not_seen(site: PoolSite, demo: Demo) -> None:
    other = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=A/20261122/eu-west-1/"
        "cognito-idp/aws4_request, Signature=0"
    }
    answer = await site.call_raw(
        "DescribeUserPool", {"UserPoolId": demo.pool_id}, headers=other
    )

    assert answer.json()["__type"] == "ResourceNotFoundException"


async def test_browsers_of_any_origin_may_ask_to_call(site: PoolSite) -> None:
    answer = await site.browser(host="cognito-idp.localhost").request(
        "OPTIONS",
        "/",
        headers={
            "origin": "https://app.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "x-amz-target,x-amz-user-agent",
        },
    )

    assert answer.status == 200
    assert answer.header("access-control-allow-origin") == "*"
    assert "x-amz-target" in answer.header("access-control-allow-headers")


async def test_a_pool_as_the_console_makes_it_comes_back_whole(sdk: Sdk) -> None:
    given: dict[str, Any] = {
        **POOL,
        "Policies": {
            "PasswordPolicy": {
                "MinimumLength": 10,
                "RequireUppercase": True,
                "RequireLowercase": True,
                "RequireNumbers": False,
                "RequireSymbols": True,
                "TemporaryPasswordValidityDays": 7,
            }
        },
        "AdminCreateUserConfig": {
            "AllowAdminCreateUserOnly": False,
            "InviteMessageTemplate": {
                "SMSMessage": "Your username is {username} and password {####}. ",
                "EmailMessage": "Your username is {username} and password {####}. ",
                "EmailSubject": "Your temporary password",
            },
        },
        "MfaConfiguration": "OFF",
        "AccountRecoverySetting": {
            "RecoveryMechanisms": [
                {"Priority": 1, "Name": "verified_email"},
                {"Priority": 2, "Name": "verified_phone_number"},
            ]
        },
        "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
        "VerificationMessageTemplate": {
            "DefaultEmailOption": "CONFIRM_WITH_CODE",
            "EmailMessage": "Welcome! Your code is {####}.",
            "EmailSubject": "Welcome",
            "SmsMessage": "Your code is {####}.",
        },
        "UserPoolTier": "ESSENTIALS",
    }
    made = (await sdk.call("CreateUserPool", **given))["UserPool"]
    pool = (await sdk.call("DescribeUserPool", UserPoolId=made["Id"]))["UserPool"]

    assert pool == made
    others = {"PoolName", "Schema", "AdminCreateUserConfig", "Policies"}
    for name in set(given) - others:
        assert pool[name] == given[name], name
    assert pool["Policies"]["PasswordPolicy"] == given["Policies"]["PasswordPolicy"]
    assert pool["AdminCreateUserConfig"]["UnusedAccountValidityDays"] == 7
    assert pool["EmailVerificationMessage"] == "Welcome! Your code is {####}."
    assert pool["Arn"].endswith(f":userpool/{pool['Id']}")


async def test_a_pool_s_own_words_are_in_its_mails(site: PoolSite, demo: Demo) -> None:
    await site.call(
        "UpdateUserPool",
        UserPoolId=demo.pool_id,
        AutoVerifiedAttributes=["email"],
        VerificationMessageTemplate={
            "EmailMessage": "Welcome! Your code is {####}.",
            "EmailSubject": "Welcome",
        },
    )
    await demo.sign_up()
    (mail,) = site.mailer.sent

    assert mail.subject == "Welcome"
    assert mail.text == f"Welcome! Your code is {site.mailer.last_code()}."
    assert mail.recipient == "Ada@Example.org"


async def test_a_pool_closed_to_sign_ups_offers_none(
    site: PoolSite, demo: Demo
) -> None:
    await site.call(
        "UpdateUserPool",
        UserPoolId=demo.pool_id,
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
    )
    login = await demo.browser.get(f"/login?{demo.query()}")
    page = await demo.browser.get(f"/signup?{demo.query()}")
    answer = await demo.browser.submit(page, {"password": "x"})

    assert "/signup" not in login.text
    assert "SignUp is not permitted for this user pool" in answer.text


async def test_hosted_pages_are_not_open_to_other_origins(
    site: PoolSite, demo: Demo
) -> None:
    page = await demo.browser.get(
        f"/login?{demo.query()}", origin="https://evil.example"
    )

    assert page.header("access-control-allow-origin") == ""
