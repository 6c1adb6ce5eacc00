"""What administrators keep in pools: groups and members, resource servers, identity providers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ostiary.model.pool import RecordKind, User, UserStatus
from ostiary.userpool.groups import load_groups
from ostiary.userpool.services import build_services
from tests.userpool.pool_kit import PoolSite
from tests.userpool.pool_sdk import Sdk

INVALID = "InvalidParameterException"
NOT_FOUND = "ResourceNotFoundException"
NO_GROUP = (NOT_FOUND, "Group not found.")
ROLE = "arn:aws:iam::000000000000:role/best"
OIDC = {
    "client_id": "c",
    "client_secret": "hush-hush",
    "authorize_scopes": "openid email",
    "attributes_request_method": "GET",
    "oidc_issuer": "https://works.example.org",
}


@pytest.fixture
async def pool_id(site: PoolSite) -> str:
    made = await site.call("CreateUserPool", PoolName="p")
    pool_id: str = made["UserPool"]["Id"]
    for name in ("ada", "bob"):
        await site.config.store.add_user(make_user(pool_id, name))
    return pool_id


def make_user(pool_id: str, name: str) -> User:
    return User(
        pool_id=pool_id,
        username=name,
        sub=f"sub-of-{name}",
        login_key=name,
        attributes={"email": f"{name}@example.org", "sub": f"sub-of-{name}"},
        status=UserStatus.CONFIRMED,
        password=None,
        created_at=1,
        modified_at=1,
    )


async def test_a_group_is_made_read_changed_and_listed(sdk: Sdk, pool_id: str) -> None:
    where = {"UserPoolId": pool_id}
    made = await sdk.call(
        "CreateGroup", **where, GroupName="staff", Description="All", Precedence=0
    )

    assert made["Group"]["Precedence"] == 0
    assert "RoleArn" not in made["Group"]
    assert await sdk.refused("CreateGroup", **where, GroupName="staff") == (
        "GroupExistsException",
        "A group with the name already exists.",
    )

    await sdk.call("UpdateGroup", **where, GroupName="staff", RoleArn=ROLE)
    got = await sdk.call("GetGroup", **where, GroupName="staff")

    assert got["Group"]["Description"] == "All"
    assert got["Group"]["RoleArn"] == ROLE

    await sdk.call("CreateGroup", **where, GroupName="guests")
    first = await sdk.call("ListGroups", **where, Limit=1)
    second = await sdk.call(
        "ListGroups", **where, Limit=1, NextToken=first["NextToken"]
    )

    assert [g["GroupName"] for g in first["Groups"] + second["Groups"]] == [
        "guests",
        "staff",
    ]
    assert "NextToken" not in second


@pytest.mark.parametrize("operation", ["GetGroup", "UpdateGroup", "DeleteGroup"])
async def test_a_group_that_is_not_there_is_named_so(
    sdk: Sdk, pool_id: str, operation: str
) -> None:
    assert await sdk.refused(operation, UserPoolId=pool_id, GroupName="x") == NO_GROUP


async def test_members_are_listed_from_both_sides(sdk: Sdk, pool_id: str) -> None:
    where = {"UserPoolId": pool_id}
    for name in ("staff", "guests"):
        await sdk.call("CreateGroup", **where, GroupName=name)
        await sdk.call("AdminAddUserToGroup", **where, GroupName=name, Username="ada")
    for name in ("bob", "ada"):
        member = {"GroupName": "staff", "Username": name}
        await sdk.call("AdminAddUserToGroup", **where, **member)
    theirs = await sdk.call("AdminListGroupsForUser", **where, Username="ada")
    first = await sdk.call("ListUsersInGroup", **where, GroupName="staff", Limit=1)
    second = await sdk.call(
        "ListUsersInGroup",
        **where,
        GroupName="staff",
        Limit=1,
        NextToken=first["NextToken"],
    )

    assert [g["GroupName"] for g in theirs["Groups"]] == ["guests", "staff"]
    assert [u["Username"] for u in first["Users"] + second["Users"]] == ["ada", "bob"]
    assert first["Users"][0]["Attributes"][0] == {"Name": "sub", "Value": "sub-of-ada"}

    for _ in range(2):
        await sdk.call(
            "AdminRemoveUserFromGroup", **where, GroupName="guests", Username="ada"
        )
    await sdk.call("DeleteGroup", **where, GroupName="staff")
    theirs = await sdk.call("AdminListGroupsForUser", **where, Username="ada")

    assert theirs["Groups"] == []


async def test_a_group_made_again_has_nobody_in_it(sdk: Sdk, pool_id: str) -> None:
    where = {"UserPoolId": pool_id, "GroupName": "staff"}
    await sdk.call("CreateGroup", **where)
    await sdk.call("AdminAddUserToGroup", **where, Username="ada")
    await sdk.call("DeleteGroup", **where)
    await sdk.call("CreateGroup", **where)

    assert (await sdk.call("ListUsersInGroup", **where))["Users"] == []


@pytest.mark.parametrize(
    "operation", ["AdminAddUserToGroup", "AdminRemoveUserFromGroup"]
)
async def test_membership_needs_a_group_and_a_user(
    sdk: Sdk, pool_id: str, operation: str
) -> None:
    where = {"UserPoolId": pool_id}
    await sdk.call("CreateGroup", **where, GroupName="staff")

    assert (
        await sdk.refused(operation, **where, GroupName="x", Username="ada") == NO_GROUP
    )
    assert await sdk.refused(
        operation, **where, GroupName="staff", Username="nobody"
    ) == ("UserNotFoundException", "User does not exist.")


async def test_a_user_is_in_a_hundred_groups_and_no_more(
    site: PoolSite, sdk: Sdk, pool_id: str
) -> None:
    where = {"UserPoolId": pool_id}
    for number in range(101):
        await site.call("CreateGroup", **where, GroupName=f"g{number}")
    for number in range(100):
        await site.call_raw(
            "AdminAddUserToGroup",
            {**where, "GroupName": f"g{number}", "Username": "ada"},
        )
    member = {**where, "Username": "ada"}

    code, _ = await sdk.refused("AdminAddUserToGroup", **member, GroupName="g100")
    assert code == INVALID
    await sdk.call("AdminAddUserToGroup", **member, GroupName="g7")


async def test_tokens_see_groups_by_precedence(
    site: PoolSite, sdk: Sdk, pool_id: str
) -> None:
    where = {"UserPoolId": pool_id}
    for name, settings in (
        ("b", {}),
        ("a", {}),
        ("late", {"Precedence": 5, "RoleArn": ROLE}),
        ("first", {"Precedence": 0}),
    ):
        await sdk.call("CreateGroup", **where, GroupName=name, **settings)
        await sdk.call("AdminAddUserToGroup", **where, GroupName=name, Username="ada")
    pool = await site.config.store.load_pool(pool_id)
    assert pool is not None
    user = make_user(pool_id, "ada")

    groups = await load_groups(build_services(site.config), pool, user)

    assert [g.name for g in groups] == ["first", "late", "a", "b"]
    assert groups[1].role_arn == ROLE
    assert (
        await load_groups(
            build_services(site.config), pool, replace(user, username="bob")
        )
        == ()
    )


async def test_a_resource_server_is_made_read_changed_and_deleted(
    sdk: Sdk, pool_id: str
) -> None:
    named = {"UserPoolId": pool_id, "Identifier": "https://api.example.org"}
    scopes = [{"ScopeName": "read", "ScopeDescription": "Reads"}]
    made = await sdk.call("CreateResourceServer", **named, Name="api", Scopes=scopes)

    assert made["ResourceServer"] == {**named, "Name": "api", "Scopes": scopes}
    assert await sdk.refused("CreateResourceServer", **named, Name="api") == (
        INVALID,
        f"https://api.example.org already exists in user pool {pool_id}.",
    )

    await sdk.call("UpdateResourceServer", **named, Name="other")
    got = await sdk.call("DescribeResourceServer", **named)

    assert got["ResourceServer"] == {**named, "Name": "other", "Scopes": []}
    listed = await sdk.call("ListResourceServers", UserPoolId=pool_id, MaxResults=1)
    assert listed["ResourceServers"] == [got["ResourceServer"]]

    await sdk.call("DeleteResourceServer", **named)

    for operation, more in (
        ("DescribeResourceServer", {}),
        ("UpdateResourceServer", {"Name": "x"}),
        ("DeleteResourceServer", {}),
    ):
        assert await sdk.refused(operation, **named, **more) == (
            NOT_FOUND,
            "Resource server https://api.example.org does not exist.",
        )


async def test_a_pool_has_so_many_resource_servers(
    site: PoolSite, sdk: Sdk, pool_id: str
) -> None:
    for number in range(25):
        await site.call(
            "CreateResourceServer",
            UserPoolId=pool_id,
            Identifier=f"s{number}",
            Name="s",
        )

    code, _ = await sdk.refused(
        "CreateResourceServer", UserPoolId=pool_id, Identifier="s", Name="s"
    )
    assert code == "LimitExceededException"


async def test_a_provider_is_made_found_changed_and_deleted(
    site: PoolSite, sdk: Sdk, pool_id: str
) -> None:
    named = {"UserPoolId": pool_id, "ProviderName": "Works"}
    new: dict[str, Any] = {
        **named,
        "ProviderType": "OIDC",
        "ProviderDetails": OIDC,
        "IdpIdentifiers": ["works.example.org"],
    }
    made = (await sdk.call("CreateIdentityProvider", **new))["IdentityProvider"]

    assert made["ProviderDetails"] == {**OIDC, "attributes_url_add_attributes": "false"}
    assert made["AttributeMapping"] == {"username": "sub"}
    assert await sdk.refused("CreateIdentityProvider", **new) == (
        "DuplicateProviderException",
        "A provider with the name Works already exists.",
    )

    record = await site.config.store.load_record(
        pool_id=pool_id, kind=RecordKind.IDENTITY_PROVIDER, name="Works"
    )
    assert record is not None
    assert "hush-hush" not in str(dict(record.value))

    found = await sdk.call(
        "GetIdentityProviderByIdentifier",
        UserPoolId=pool_id,
        IdpIdentifier="works.example.org",
    )
    assert found["IdentityProvider"] == made

    mapping = {"email": "mail"}
    await sdk.call("UpdateIdentityProvider", **named, AttributeMapping=mapping)
    described = await sdk.call("DescribeIdentityProvider", **named)

    assert described["IdentityProvider"]["ProviderDetails"] == made["ProviderDetails"]
    assert described["IdentityProvider"]["AttributeMapping"] == {
        "username": "sub",
        **mapping,
    }
    listed = await sdk.call("ListIdentityProviders", UserPoolId=pool_id, MaxResults=60)
    assert [p["ProviderName"] for p in listed["Providers"]] == ["Works"]
    pool = (await sdk.call("DescribeUserPool", UserPoolId=pool_id))["UserPool"]
    assert "identities" in [a["Name"] for a in pool["SchemaAttributes"]]

    await sdk.call("DeleteIdentityProvider", **named)

    for operation in (
        "DescribeIdentityProvider",
        "UpdateIdentityProvider",
        "DeleteIdentityProvider",
    ):
        code, _ = await sdk.refused(operation, **named)
        assert code == NOT_FOUND
    code, _ = await sdk.refused(
        "GetIdentityProviderByIdentifier", UserPoolId=pool_id, IdpIdentifier="w"
    )
    assert code == NOT_FOUND


GOOGLE = {"client_id": "c", "client_secret": "s", "authorize_scopes": "email"}
APPLE = {"client_id": "c", "team_id": "t", "key_id": "k", "authorize_scopes": "name"}


@pytest.mark.parametrize(
    ("kind", "details", "lacking"),
    [
        ("OIDC", OIDC | {"oidc_issuer": ""}, "oidc_issuer"),
        ("OIDC", OIDC, None),
        ("Google", {"client_id": "c", "authorize_scopes": "email"}, "client_secret"),
        ("Google", GOOGLE, None),
        ("Facebook", GOOGLE | {"api_version": "v17.0"}, None),
        ("LoginWithAmazon", GOOGLE, None),
        ("SignInWithApple", APPLE, "private_key"),
        ("SignInWithApple", APPLE | {"private_key": "pem"}, None),
        ("SAML", {"IDPSignout": "true"}, "MetadataURL or MetadataFile"),
        ("SAML", {"MetadataURL": "https://works.example.org/saml"}, None),
    ],
)
async def test_a_provider_needs_the_details_of_its_type(
    sdk: Sdk, pool_id: str, kind: str, details: dict[str, str], lacking: str | None
) -> None:
    new: dict[str, Any] = {
        "UserPoolId": pool_id,
        "ProviderName": "Works",
        "ProviderType": kind,
        "ProviderDetails": details,
    }
    if lacking is None:
        made = await sdk.call("CreateIdentityProvider", **new)

        assert details.items() <= made["IdentityProvider"]["ProviderDetails"].items()
    else:
        assert await sdk.refused("CreateIdentityProvider", **new) == (
            INVALID,
            f"Missing required provider details: {lacking}",
        )


async def test_names_and_identifiers_of_providers_are_their_own(
    sdk: Sdk, pool_id: str
) -> None:
    new: dict[str, Any] = {
        "UserPoolId": pool_id,
        "ProviderType": "OIDC",
        "ProviderDetails": OIDC,
        "IdpIdentifiers": ["w"],
    }
    await sdk.call("CreateIdentityProvider", ProviderName="Works", **new)

    assert await sdk.refused(
        "CreateIdentityProvider", ProviderName="COGNITO", **new
    ) == (
        INVALID,
        "The name COGNITO stands for the user pool itself.",
    )
    assert await sdk.refused("CreateIdentityProvider", ProviderName="Other", **new) == (
        INVALID,
        "The identifier w belongs to another provider.",
    )
    await sdk.call(
        "UpdateIdentityProvider",
        UserPoolId=pool_id,
        ProviderName="Works",
        IdpIdentifiers=["w", "x"],
    )
