"""A node whose developers have credentials: what opens a route, and from when on it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_admin_node import live_within, write
from tests.support.lean_node import LeanNode, lean_node

EMAIL = "ada@example.com"
SIGN_IN = "Zq7-mR2x.Kp9_Lw4v~Tn6sBd3"
OF = f"/developers/{EMAIL}"


async def guard(node: LeanNode, workspace: str = "") -> None:
    """A route of a workspace that asks for a key."""
    name = workspace.strip("/") or "a"
    url = f"http://127.0.0.1:{node.ports.upstream}"
    await write(node, "PUT", f"{workspace}/services/echo", {"url": url})
    route = {"paths": [f"/{name}"], "service": {"name": "echo"}}
    await write(node, "PUT", f"{workspace}/routes/{name}", route)
    await write(node, "POST", f"{workspace}/routes/{name}/plugins", {"name": "key-auth"})  # fmt: skip
    await live_within(node, f"/{name}", 401)


async def register(node: LeanNode, workspace: str = "") -> None:
    body = {"email": EMAIL, "meta": '{"full_name": "Ada"}', "status": 0, "key": SIGN_IN}
    await write(node, "POST", f"{workspace}/developers", body)


async def make_own(node: LeanNode) -> dict[str, Any]:
    """Sign in at the portal's API, and make a key there."""
    port = node.ports.portal_api
    entered = await node.get(port, "/default/auth", apikey=SIGN_IN)
    assert entered.status in {200, 204}, entered.body
    cookie = entered.headers["set-cookie"].partition(";")[0]
    made = await node.get(port, "/default/credentials/key-auth", method="POST", cookie=cookie)  # fmt: skip
    assert made.status == 200, made.body
    row: dict[str, Any] = made.json()
    return row


@pytest.mark.spec("portal#1.6")
@pytest.mark.spec("portal#1.7")
@pytest.mark.spec("T-O7")
async def test_developers_pass_while_they_and_their_credentials_are_good(
    tmp_path: Path,
) -> None:
    settings = {"portal_auth": "key-auth", "portal_developer_credentials": "key-auth"}
    async with lean_node(tmp_path, database="sqlite", portal=True, **settings) as node:
        await write(node, "PATCH", "/workspaces/default", {"config": {"portal": True}})
        await write(node, "POST", "/workspaces", {"name": "team"})
        await guard(node)
        await guard(node, "/team")
        await register(node)
        given = await write(node, "POST", f"{OF}/credentials/key-auth")
        by_admin, own = given.json()["key"], (await make_own(node))["key"]

        for key in (by_admin, own):
            await live_within(node, "/a", 200, apikey=key)
            await live_within(node, "/team", 401, apikey=key)

        for plugins, status in (([], 401), (["jwt"], 401), (None, 200)):
            config = {"portal_developer_credentials": plugins}
            await write(node, "PATCH", "/workspaces/default", {"config": config})
            await live_within(node, "/a", status, apikey=own)
            await live_within(node, "/a", 200, apikey=by_admin)

        for status, answer in ((3, 401), (0, 200)):
            await write(node, "PATCH", OF, {"status": status})
            for key in (by_admin, own):
                await live_within(node, "/a", answer, apikey=key)

        path = f"{OF}/credentials/key-auth/{given.json()['id']}"
        await write(node, "DELETE", path)
        await live_within(node, "/a", 401, apikey=by_admin)
        await live_within(node, "/a", 200, apikey=own)
        await write(node, "DELETE", OF)
        await live_within(node, "/a", 401, apikey=own)


@pytest.mark.spec("portal#1.2")
async def test_none_passes_on_a_node_without_a_portal_and_workspaces_can_be_narrowed(
    tmp_path: Path,
) -> None:
    settings = {"portal_auth": "key-auth", "portal_developer_credentials": "key-auth"}
    config = {"portal": True, "portal_developer_credentials": ["key-auth"]}
    async with lean_node(tmp_path, database="sqlite", portal=True, **settings) as node:
        await write(node, "PATCH", "/workspaces/default", {"config": config})
        await guard(node)
        await register(node)
        by_admin = (await write(node, "POST", f"{OF}/credentials/key-auth")).json()
        keys = (by_admin["key"], (await make_own(node))["key"])
        await write(node, "POST", "/consumers", {"username": "anna"})
        await write(node, "POST", "/consumers/anna/key-auth", {"key": "hers"})
        for key in (*keys, "hers"):
            await live_within(node, "/a", 200, apikey=key)

    async with lean_node(tmp_path, database="sqlite", **settings) as node:
        url = f"http://127.0.0.1:{node.ports.upstream}"
        await write(node, "PATCH", "/services/echo", {"url": url})
        await live_within(node, "/a", 200, apikey="hers")
        for key in keys:
            await live_within(node, "/a", 401, apikey=key)
        less: dict[str, Any] = {"config": {"portal_developer_credentials": []}}
        await write(node, "PATCH", "/workspaces/default", less)
