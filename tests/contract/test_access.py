"""A node that keeps workspaces apart and knows who asks, driven from outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.lean_node import Got, LeanNode, eventually, lean_node

PASSWORD = "planted-password-of-the-first-user"
DEV = "planted-token-of-a-developer"


async def ask(
    node: LeanNode,
    method: str,
    path: str,
    data: Any = None,
    *,
    token: str | None = PASSWORD,
) -> Got:
    fields = {} if token is None else {"Kong_Admin_Token": token}
    body = None
    if data is not None:
        body, fields["content_type"] = json.dumps(data), "application/json"
    return await node.get(node.ports.admin, path, method=method, body=body, **fields)


async def make(node: LeanNode, path: str, data: Any, **more: Any) -> dict[str, Any]:
    got = await ask(node, "POST", path, data, **more)
    assert got.status == 201, got.body
    return got.json()


async def served(node: LeanNode, path: str, status: int, **fields: str) -> None:
    async def everywhere() -> bool:
        found = [(await node.proxy(path, **fields)).status for _ in range(6)]
        return set(found) == {status}

    await eventually(everywhere)


@pytest.mark.spec("gateway#1.15")
@pytest.mark.spec("gateway#1.16")
async def test_two_teams_share_a_node_and_nothing_else(tmp_path: Path) -> None:
    settings = {"database": "sqlite", "enforce_rbac": "on", "password": PASSWORD}
    async with lean_node(tmp_path, **settings) as node:
        refused = await ask(node, "GET", "/services", token=None)
        assert (refused.status, refused.json()) == (
            401,
            {"message": "Invalid RBAC credentials"},
        )
        url = f"http://127.0.0.1:{node.ports.upstream}"
        keys = {}
        for team in ("blue", "red"):
            await make(node, "/workspaces", {"name": team})
            await make(node, f"/{team}/services", {"name": "echo", "url": url})
            route = {"name": "r", "paths": [f"/{team}"]}
            await make(node, f"/{team}/services/echo/routes", route)
            await make(node, f"/{team}/plugins", {"name": "key-auth"})
            await make(node, f"/{team}/consumers", {"username": "ada"})
            made = await make(node, f"/{team}/consumers/ada/key-auth", {})
            keys[team] = made["key"]
        for team, other in (("blue", "red"), ("red", "blue")):
            await served(node, f"/{team}", 200, apikey=keys[team])
            await served(node, f"/{team}", 401, apikey=keys[other])

        await make(node, "/blue/rbac/users", {"name": "dev", "user_token": DEV})
        roles = {"roles": "workspace-admin"}
        await make(node, "/blue/rbac/users/dev/roles", roles)
        assert (await ask(node, "GET", "/blue/services", token=DEV)).status == 200
        for path in ("/red/services", "/services", "/blue/rbac/users", "/workspaces"):
            assert (await ask(node, "GET", path, token=DEV)).status == 403, path
        gone = await ask(node, "DELETE", "/blue/plugins/x", token=DEV)
        assert gone.status == 204
        # What kept the node and wrote its logs knows no token.
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        kept = b"".join(path.read_bytes() for path in files)
        assert DEV.encode() not in kept
        assert PASSWORD.encode() not in kept

        whole = await ask(node, "DELETE", "/workspaces/red?cascade=true")
        assert whole.status == 204
        await served(node, "/red", 404, apikey=keys["red"])
        await served(node, "/blue", 200, apikey=keys["blue"])
