"""A client that the portal makes in the user pool, its token, and a service that asks for a contract."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from ostiary.testing.pool import LocalUserPool
from tests.support.lean_node import LeanNode, eventually, lean_node

pytestmark = pytest.mark.spec("portal#3.8")
SCOPE = "orders/read"


def make_pool(cognito: LocalUserPool) -> tuple[str, str]:
    """A pool with a resource server and a domain: its id, and where tokens are asked for."""
    aws = cognito.client()
    pool = aws.create_user_pool(PoolName="apps")["UserPool"]["Id"]
    scopes = [{"ScopeName": "read", "ScopeDescription": "Read orders"}]
    aws.create_resource_server(
        UserPoolId=pool, Identifier="orders", Name="Orders", Scopes=scopes
    )
    aws.create_user_pool_domain(UserPoolId=pool, Domain="apps")
    return pool, f"{cognito.endpoint_url}/_domain/apps/oauth2/token"


async def admin(node: LeanNode, method: str, path: str, body: Any = None) -> Any:
    got = await node.get(
        node.ports.admin, path, method=method, content_type="application/json",
        body=None if body is None else json.dumps(body),
    )  # fmt: skip
    assert got.status < 400, got.body
    return got.json() if got.body else None


async def test_a_client_of_the_pool_calls_a_service_once_it_is_approved(
    cognito: LocalUserPool, tmp_path: Path
) -> None:
    pool, token_url = make_pool(cognito)
    async with lean_node(
        tmp_path,
        portal="on",
        portal_app_auth="external-oauth2",
        portal_user_pool_id=pool,
        portal_user_pool_url=cognito.endpoint_url,
        portal_user_pool_scopes=SCOPE,
        lua_ssl_trusted_certificate=str(cognito.ca_file),
    ) as node:
        on = {"config": {"portal": True}}
        await admin(node, "PATCH", "/workspaces/default", on)
        upstream = f"http://127.0.0.1:{node.ports.upstream}"
        await admin(node, "POST", "/services", {"name": "orders", "url": upstream})
        await admin(node, "POST", "/services/orders/routes", {"paths": ["/orders"]})
        oidc = {
            "issuer": cognito.issuer(pool),
            "auth_methods": ["bearer"],
            "consumer_claim": ["client_id"],
            "consumer_by": ["custom_id"],
            "scopes_required": [SCOPE],
            "ostiary": {"accept_any_audience": True},
        }
        plugins = "/services/orders/plugins"
        await admin(node, "POST", plugins, {"name": "openid-connect", "config": oidc})
        registers = {"name": "application-registration", "config": {"display_name": "O"}}  # fmt: skip
        await admin(node, "POST", plugins, registers)
        developer = {"email": "ada@example.com", "status": 0, "meta": '{"full_name": "A"}'}  # fmt: skip
        await admin(node, "POST", "/developers", developer)
        apps = "/developers/ada@example.com/applications"
        app = (await admin(node, "POST", apps, {"name": "Shop"}))["id"]
        client = await admin(node, "POST", f"{apps}/{app}/credentials/user-pool")
        token = await asyncio.to_thread(ask_for_token, token_url, client)
        contract = await admin(
            node, "POST", f"{apps}/{app}/application_instances", {"service": {"name": "orders"}},
        )  # fmt: skip

        async def answers(status: int) -> bool:
            got = await node.proxy("/orders", authorization=f"Bearer {token}")
            if got.status == status == 200:
                heard = got.body.decode().lower()
                assert app in heard
                assert client["client_id"].lower() in heard
            return got.status == status

        await eventually(lambda: answers(403))
        path = f"/applications/{app}/application_instances/{contract['id']}"
        await admin(node, "PATCH", path, {"status": 0})
        await eventually(lambda: answers(200))
        await admin(node, "DELETE", f"{apps}/{app}")
        await eventually(lambda: answers(403))

    left = cognito.client().list_user_pool_clients(UserPoolId=pool)["UserPoolClients"]
    assert left == []


def ask_for_token(url: str, client: dict[str, str]) -> str:
    """An access token by the client credentials grant, as any HTTP client asks."""
    both = f"{client['client_id']}:{client['client_secret']}".encode()
    request = urllib.request.Request(
        url,
        urlencode({"grant_type": "client_credentials", "scope": SCOPE}).encode(),
        {"Authorization": f"Basic {base64.b64encode(both).decode()}"},
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        token: str = json.load(reply)["access_token"]
    return token
