"""What administrators do with clients: secrets, scopes, providers, the end."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import pytest

from tests.userpool.pool_kit import CALLBACK, Demo, PoolSite, build_demo
from tests.userpool.pool_sdk import Sdk

INVALID = "InvalidParameterException"
NOT_FOUND = "ResourceNotFoundException"


@pytest.fixture
async def demo(site: PoolSite) -> Demo:
    return await build_demo(site, GenerateSecret=True)


@dataclass
class Clients:
    """Calls about the demo's client."""

    sdk: Sdk
    demo: Demo

    async def call(self, operation: str, **members: Any) -> Any:
        return await self.sdk.call(operation, **self._names(), **members)

    async def refused(self, operation: str, **members: Any) -> tuple[str, str]:
        return await self.sdk.refused(operation, **self._names(), **members)

    def _names(self) -> dict[str, str]:
        return {"UserPoolId": self.demo.pool_id, "ClientId": self.demo.client_id}

    async def is_believed(self, secret: str) -> bool:
        """Whether the token endpoint takes the secret; the code is wrong either way."""
        pair = base64.b64encode(f"{self.demo.client_id}:{secret}".encode()).decode()
        fields = {
            "grant_type": "authorization_code",
            "code": "no-code",
            "redirect_uri": CALLBACK,
        }
        answer = await self.demo.token(fields, authorization=f"Basic {pair}")
        return bool(answer.json()["error"] != "invalid_client")


@pytest.fixture
def clients(sdk: Sdk, demo: Demo) -> Clients:
    return Clients(sdk, demo)


async def test_no_client_is_one_of_dynamic_registration(clients: Clients) -> None:
    where = {"UserPoolId": clients.demo.pool_id}
    regular = await clients.sdk.call(
        "ListUserPoolClients", **where, ClientType="REGULAR"
    )
    dynamic = await clients.sdk.call("ListUserPoolClients", **where, ClientType="DCR")

    assert [c["ClientId"] for c in regular["UserPoolClients"]] == [
        clients.demo.client_id
    ]
    assert dynamic["UserPoolClients"] == []


async def test_a_client_that_is_deleted_is_gone(clients: Clients) -> None:
    await clients.call("DeleteUserPoolClient")

    gone = (NOT_FOUND, f"User pool client {clients.demo.client_id} does not exist.")
    assert await clients.refused("DescribeUserPoolClient") == gone
    assert await clients.refused("DeleteUserPoolClient") == gone


async def test_secrets_change_without_a_moment_without_any(clients: Clients) -> None:
    described = await clients.call("DescribeUserPoolClient")
    old = described["UserPoolClient"]["ClientSecret"]
    added = (await clients.call("AddUserPoolClientSecret"))["ClientSecretDescriptor"]
    new = added["ClientSecretValue"]

    assert added["ClientSecretId"].startswith(f"{clients.demo.client_id}--")
    assert await clients.is_believed(old)
    assert await clients.is_believed(new)
    assert not await clients.is_believed(new[::-1])

    listed = (await clients.call("ListUserPoolClientSecrets"))["ClientSecrets"]
    first, second = (secret["ClientSecretId"] for secret in listed)

    assert second == added["ClientSecretId"]
    assert all("ClientSecretValue" not in secret for secret in listed)
    code, _ = await clients.refused("AddUserPoolClientSecret")
    assert code == "LimitExceededException"

    await clients.call("DeleteUserPoolClientSecret", ClientSecretId=first)

    assert not await clients.is_believed(old)
    assert await clients.is_believed(new)
    shown = await clients.call("DescribeUserPoolClient")
    assert shown["UserPoolClient"]["ClientSecret"] == new
    assert await clients.refused(
        "DeleteUserPoolClientSecret", ClientSecretId=first
    ) == (NOT_FOUND, f"Client secret {first} does not exist.")
    assert await clients.refused(
        "DeleteUserPoolClientSecret", ClientSecretId=second
    ) == (INVALID, "The last secret of a client cannot be deleted.")


async def test_a_secret_that_the_caller_chose_is_not_told_again(
    clients: Clients,
) -> None:
    chosen = "my0own1secret2of3many4letters"
    added = await clients.call("AddUserPoolClientSecret", ClientSecret=chosen)

    assert "ClientSecretValue" not in added["ClientSecretDescriptor"]
    assert await clients.is_believed(chosen)


async def test_a_public_client_gets_no_secret(site: PoolSite, sdk: Sdk) -> None:
    clients = Clients(sdk, await build_demo(site))

    code, _ = await clients.refused("AddUserPoolClientSecret")

    assert code == INVALID


async def test_a_client_may_ask_for_scopes_and_providers_that_exist(
    clients: Clients,
) -> None:
    pool_id = clients.demo.pool_id
    asked: dict[str, Any] = {
        "AllowedOAuthFlows": ["client_credentials"],
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthScopes": ["https://api.example.org/v1/read"],
    }

    assert await clients.refused("UpdateUserPoolClient", **asked) == (
        "ScopeDoesNotExistException",
        "Invalid scope requested: https://api.example.org/v1/read",
    )

    await clients.sdk.call(
        "CreateResourceServer",
        UserPoolId=pool_id,
        Identifier="https://api.example.org/v1",
        Name="api",
        Scopes=[{"ScopeName": "read", "ScopeDescription": "Reads"}],
    )
    made = await clients.call("UpdateUserPoolClient", **asked)

    assert made["UserPoolClient"]["AllowedOAuthFlows"] == ["client_credentials"]
    assert await clients.refused(
        "UpdateUserPoolClient",
        **asked | {"AllowedOAuthScopes": ["https://api.example.org/v1/write"]},
    ) == (
        "ScopeDoesNotExistException",
        "Invalid scope requested: https://api.example.org/v1/write",
    )

    providers = {"SupportedIdentityProviders": ["COGNITO", "Works"]}

    assert await clients.refused("UpdateUserPoolClient", **providers) == (
        INVALID,
        f"The provider Works does not exist for User Pool {pool_id}",
    )

    await clients.sdk.call(
        "CreateIdentityProvider",
        UserPoolId=pool_id,
        ProviderName="Works",
        ProviderType="OIDC",
        ProviderDetails={
            "client_id": "c",
            "client_secret": "hush",
            "authorize_scopes": "openid",
            "attributes_request_method": "GET",
            "oidc_issuer": "https://works.example.org",
        },
    )
    made = await clients.call("UpdateUserPoolClient", **providers)

    assert made["UserPoolClient"]["SupportedIdentityProviders"] == ["COGNITO", "Works"]


async def test_rotation_and_the_old_refresh_flow_exclude_each_other(
    clients: Clients,
) -> None:
    rotation = {"RefreshTokenRotation": {"Feature": "ENABLED"}}
    old = {"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]}

    code, text = await clients.refused("UpdateUserPoolClient", **rotation, **old)

    assert code == INVALID
    assert "GetTokensFromRefreshToken" in text
    await clients.call("UpdateUserPoolClient", **rotation)
    await clients.call(
        "UpdateUserPoolClient", RefreshTokenRotation={"Feature": "DISABLED"}, **old
    )


async def test_implicit_is_a_flow_beside_code(clients: Clients) -> None:
    made = await clients.call(
        "UpdateUserPoolClient",
        AllowedOAuthFlows=["code", "implicit"],
        AllowedOAuthScopes=["openid"],
        AllowedOAuthFlowsUserPoolClient=True,
    )

    assert made["UserPoolClient"]["AllowedOAuthFlows"] == ["code", "implicit"]
