"""What administrators do with pools: factors, tags, attributes, certificates, the end."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.userpool.pool_kit import START, PoolSite
from tests.userpool.pool_sdk import Sdk

INVALID = "InvalidParameterException"
SMS = {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms", "ExternalId": "x"}
OFF_AND_ON = (
    INVALID,
    (
        "Invalid MFA configuration given, can't turn off MFA and configure an MFA "
        "together."
    ),
)
NEEDS_SMS = (
    INVALID,
    (
        "SMS configuration and Auto verification for phone_number are required when MFA "
        "is required/optional"
    ),
)
NO_FACTOR = (
    INVALID,
    (
        "At least one of SmsMfaConfiguration, SoftwareTokenMfaConfiguration and "
        "EmailMfaConfiguration is required when MFA is required/optional."
    ),
)


async def make_pool(sdk: Sdk, **settings: Any) -> str:
    made = await sdk.call("CreateUserPool", PoolName="p", **settings)
    pool_id: str = made["UserPool"]["Id"]
    return pool_id


async def test_a_pool_is_deleted_when_nothing_forbids_it(sdk: Sdk) -> None:
    pool_id = await make_pool(sdk, DeletionProtection="ACTIVE")
    await sdk.call("CreateUserPoolDomain", UserPoolId=pool_id, Domain="demo")

    assert await sdk.refused("DeleteUserPool", UserPoolId=pool_id) == (
        INVALID,
        "User pool cannot be deleted. It has a domain configured that should be deleted first.",
    )

    await sdk.call("DeleteUserPoolDomain", UserPoolId=pool_id, Domain="demo")

    assert await sdk.refused("DeleteUserPool", UserPoolId=pool_id) == (
        INVALID,
        "The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.",
    )

    await sdk.call("UpdateUserPool", UserPoolId=pool_id)
    await sdk.call("DeleteUserPool", UserPoolId=pool_id)

    assert await sdk.refused("DescribeUserPool", UserPoolId=pool_id) == (
        "ResourceNotFoundException",
        f"User pool {pool_id} does not exist.",
    )


async def test_a_pool_gets_the_id_that_its_tag_chooses(sdk: Sdk) -> None:
    tags = {"_custom_id_": "ap-southeast-1_mine1"}
    first = await make_pool(sdk, UserPoolTags=tags)
    before = await sdk.call("GetSigningCertificate", UserPoolId=first)

    assert first == "ap-southeast-1_mine1"
    assert await sdk.refused("CreateUserPool", PoolName="p", UserPoolTags=tags) == (
        INVALID,
        "User pool ap-southeast-1_mine1 already exists.",
    )

    await sdk.call("DeleteUserPool", UserPoolId=first)
    again = await make_pool(sdk, UserPoolTags=tags)
    after = await sdk.call("GetSigningCertificate", UserPoolId=again)

    assert before["Certificate"] != after["Certificate"]


@pytest.mark.parametrize("chosen", ["eu-west-1_mine", "ap-southeast-1_a/b", "mine"])
async def test_a_chosen_id_is_of_the_region(sdk: Sdk, chosen: str) -> None:
    refused = await sdk.refused(
        "CreateUserPool", PoolName="p", UserPoolTags={"_custom_id_": chosen}
    )

    assert refused == (
        INVALID,
        "The tag _custom_id_ must be a user pool id of the region ap-southeast-1.",
    )


async def test_factors_are_chosen_together_and_passkeys_apart(sdk: Sdk) -> None:
    pool_id = await make_pool(sdk)
    passkeys = {"RelyingPartyId": "example.org", "UserVerification": "preferred"}
    set_mfa = {"UserPoolId": pool_id}

    assert await sdk.call("GetUserPoolMfaConfig", UserPoolId=pool_id) | {
        "ResponseMetadata": {}
    } == {"MfaConfiguration": "OFF", "ResponseMetadata": {}}

    await sdk.call("SetUserPoolMfaConfig", **set_mfa, WebAuthnConfiguration=passkeys)
    await sdk.call(
        "SetUserPoolMfaConfig",
        **set_mfa,
        MfaConfiguration="OPTIONAL",
        SoftwareTokenMfaConfiguration={"Enabled": True},
        SmsMfaConfiguration={"SmsConfiguration": SMS},
    )
    both = await sdk.call("GetUserPoolMfaConfig", UserPoolId=pool_id)

    assert both["MfaConfiguration"] == "OPTIONAL"
    assert both["SoftwareTokenMfaConfiguration"] == {"Enabled": True}
    assert both["SmsMfaConfiguration"] == {"SmsConfiguration": SMS}
    assert both["WebAuthnConfiguration"] == passkeys

    one = await sdk.call(
        "SetUserPoolMfaConfig",
        **set_mfa,
        MfaConfiguration="ON",
        EmailMfaConfiguration={"Message": "Code {####}.", "Subject": "Code"},
    )

    assert "SoftwareTokenMfaConfiguration" not in one
    assert "SmsMfaConfiguration" not in one
    assert one["WebAuthnConfiguration"] == passkeys
    described = await sdk.call("DescribeUserPool", UserPoolId=pool_id)
    assert described["UserPool"]["MfaConfiguration"] == "ON"
    assert described["UserPool"]["SmsConfiguration"] == SMS

    await sdk.call("UpdateUserPool", UserPoolId=pool_id, MfaConfiguration="OPTIONAL")
    off = await sdk.call(
        "SetUserPoolMfaConfig",
        **set_mfa,
        MfaConfiguration="OFF",
        SoftwareTokenMfaConfiguration={"Enabled": False},
    )

    assert off["MfaConfiguration"] == "OFF"
    assert "EmailMfaConfiguration" not in off
    assert off["WebAuthnConfiguration"] == passkeys


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            {
                "MfaConfiguration": "OFF",
                "SoftwareTokenMfaConfiguration": {"Enabled": True},
            },
            OFF_AND_ON,
        ),
        ({"SmsMfaConfiguration": {"SmsConfiguration": SMS}}, OFF_AND_ON),
        ({"MfaConfiguration": "ON"}, NO_FACTOR),
        (
            {
                "MfaConfiguration": "OPTIONAL",
                "SoftwareTokenMfaConfiguration": {"Enabled": False},
            },
            NO_FACTOR,
        ),
        ({"MfaConfiguration": "ON", "SmsMfaConfiguration": {}}, NEEDS_SMS),
    ],
)
async def test_factors_are_judged_before_they_are_kept(
    sdk: Sdk, members: dict[str, Any], expected: tuple[str, str]
) -> None:
    pool_id = await make_pool(sdk)

    assert (
        await sdk.refused("SetUserPoolMfaConfig", UserPoolId=pool_id, **members)
        == expected
    )


async def test_a_pool_with_factors_needs_short_messages_or_another_one(
    sdk: Sdk,
) -> None:
    assert (
        await sdk.refused("CreateUserPool", PoolName="p", MfaConfiguration="ON")
        == NEEDS_SMS
    )

    pool_id = await make_pool(sdk, MfaConfiguration="ON", SmsConfiguration=SMS)
    found = await sdk.call("GetUserPoolMfaConfig", UserPoolId=pool_id)

    assert found["SmsMfaConfiguration"] == {"SmsConfiguration": SMS}


async def test_tags_are_set_one_by_one_and_taken_off(sdk: Sdk) -> None:
    made = await sdk.call("CreateUserPool", PoolName="p", UserPoolTags={"a": "1"})
    arn = made["UserPool"]["Arn"]
    await sdk.call("TagResource", ResourceArn=arn, Tags={"a": "2", "b": "3"})
    tags = await sdk.call("ListTagsForResource", ResourceArn=arn)

    assert tags["Tags"] == {"a": "2", "b": "3"}

    await sdk.call("UntagResource", ResourceArn=arn, TagKeys=["a", "nothing"])
    tags = await sdk.call("ListTagsForResource", ResourceArn=arn)

    assert tags["Tags"] == {"b": "3"}


async def test_only_pools_have_tags(sdk: Sdk) -> None:
    bucket = "arn:aws:s3:::000000000000:bucket"
    nobody = "arn:aws:cognito-idp:ap-southeast-1:0:userpool/ap-southeast-1_nobody"

    assert await sdk.refused("ListTagsForResource", ResourceArn=nobody) == (
        "ResourceNotFoundException",
        "User pool ap-southeast-1_nobody does not exist.",
    )
    code, _ = await sdk.refused("ListTagsForResource", ResourceArn=bucket)
    assert code == INVALID


async def test_custom_attributes_are_added_all_or_none(sdk: Sdk) -> None:
    pool_id = await make_pool(sdk)
    added = [
        {"Name": "shoe", "AttributeDataType": "Number"},
        {
            "Name": "note",
            "AttributeDataType": "String",
            "DeveloperOnlyAttribute": True,
            "StringAttributeConstraints": {"MaxLength": "9"},
        },
    ]
    await sdk.call("AddCustomAttributes", UserPoolId=pool_id, CustomAttributes=added)
    pool = (await sdk.call("DescribeUserPool", UserPoolId=pool_id))["UserPool"]

    assert [a["Name"] for a in pool["SchemaAttributes"]][-2:] == [
        "custom:shoe",
        "dev:custom:note",
    ]

    for attribute, text in (
        (added[0], "custom:shoe: Existing attribute already has name custom:shoe."),
        (
            {"Name": "x"},
            "Invalid AttributeDataType input, consider using the provided AttributeDataType enum.",
        ),
        (
            {"Name": "x", "AttributeDataType": "String", "Required": True},
            "Required custom attributes are not supported currently.",
        ),
        (
            {"Name": "email", "AttributeDataType": "String"},
            "custom:email is not supported yet.",
        ),
    ):
        both = [{"Name": "new", "AttributeDataType": "String"}, attribute]

        assert await sdk.refused(
            "AddCustomAttributes", UserPoolId=pool_id, CustomAttributes=both
        ) == (INVALID, text)

    after = (await sdk.call("DescribeUserPool", UserPoolId=pool_id))["UserPool"]

    assert after["SchemaAttributes"] == pool["SchemaAttributes"]


@pytest.mark.spec("RFC5280#4.1")
async def test_the_signing_certificate_is_of_the_key_that_signs_access_tokens(
    site: PoolSite, sdk: Sdk
) -> None:
    pool_id = await make_pool(sdk)
    first = await sdk.call("GetSigningCertificate", UserPoolId=pool_id)
    again = await sdk.call("GetSigningCertificate", UserPoolId=pool_id)
    keys = (await site.browser().get(f"/{pool_id}/.well-known/jwks.json")).json()
    certificate = x509.load_der_x509_certificate(base64.b64decode(first["Certificate"]))
    certificate.verify_directly_issued_by(certificate)
    public = certificate.public_key()
    assert isinstance(public, RSAPublicKey)
    modulus = public.public_numbers().n.to_bytes(256, "big")

    assert first["Certificate"] == again["Certificate"]
    assert (
        base64.urlsafe_b64encode(modulus).decode().rstrip("=") == keys["keys"][1]["n"]
    )
    assert certificate.not_valid_before_utc.timestamp() == START
    assert (
        certificate.not_valid_after_utc.year - 10
        == certificate.not_valid_before_utc.year
    )
