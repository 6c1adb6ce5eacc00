"""A node with a database and RBAC, whose Manager a browser can open, beside the demo."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from ostiary.cli.demo.ports import choose_ports
from ostiary.cli.demo.values import DemoState
from tests.support.lean_node import LeanNode, lean_node

TOKEN = "a-long-random-token-of-kong-admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerSite:
    """The Manager's address, and its node."""

    url: str
    node: LeanNode
    ids: dict[str, str]

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        """What the Admin API answers; Any: JSON."""
        got = await self.node.get(
            self.node.ports.admin,
            path,
            method=method,
            body=None if body is None else json.dumps(body),
            content_type="application/json",
            kong_admin_token=TOKEN,
        )
        assert got.status < 400, got.body
        return got.json() if got.body else None

    async def sign_in(self, page: Page, path: str = "/workspaces") -> None:
        """From no cookies to a page."""
        await page.goto(self.url + path)
        await page.get_by_label("Token").fill(TOKEN)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(self.url + path)


async def _fill(site: ManagerSite, demo: DemoState) -> None:
    """Some of everything."""
    await site.admin("POST", "/workspaces", {"name": "payments", "comment": "Money"})
    service = {"name": "orders", "url": "http://orders.internal/v1", "tags": ["a", "b"]}
    made = [
        ("service", "/services", service),
        ("route", "/services/orders/routes", {"name": "cognito", "paths": ["/cognito"]}),
        ("oidc", "/routes/cognito/plugins", {
            "name": "openid-connect",
            "config": {
                "issuer": demo.issuer, "client_id": [demo.client_id],
                "auth_methods": ["authorization_code", "session"],
            },
        }),
        ("plugin", "/plugins", {"name": "rate-limiting", "config": {"minute": 100}}),
        ("consumer", "/consumers", {"username": "ada", "custom_id": "sub-1"}),
        ("key", "/consumers/ada/key-auth", {}),
        ("upstream", "/upstreams", {"name": "pool.internal"}),
        ("target", "/upstreams/pool.internal/targets", {"target": "127.0.0.1:9"}),
        ("user", "/rbac/users", {"name": "eve", "user_token": "a-token-of-eve-01"}),
        ("role", "/rbac/roles", {"name": "readers", "comment": "May look"}),
        ("group", "/groups", {"name": "platform", "comment": "Who runs it"}),
        ("given", "/groups/platform/roles", {"rbac_role_id": "readers"}),
    ]  # fmt: skip
    for name, path, body in made:
        site.ids[name] = (await site.admin("POST", path, body)).get("id", "")
    admin = {"username": "grace", "email": "grace@example.com"}
    site.ids["admin"] = (await site.admin("POST", "/admins", admin))["admin"]["id"]
    on = {"config": {"portal": True, "portal_auth": "none"}}
    await site.admin("PATCH", "/workspaces/default", on)
    developer = {"email": "dev@example.com", "meta": '{"full_name": "Dev Eloper"}'}
    site.ids["developer"] = (await site.admin("POST", "/developers", developer))["id"]
    apps = "/developers/dev@example.com/applications"
    shop = {"name": "Shop", "description": "Sells what there is"}
    site.ids["application"] = (await site.admin("POST", apps, shop))["id"]
    rule = {"endpoint": "/services/*", "actions": "read"}
    await site.admin("POST", "/rbac/roles/readers/endpoints", rule)


@asynccontextmanager
async def running_manager(folder: Path, demo: DemoState) -> AsyncIterator[ManagerSite]:
    """A node that trusts whom the demo trusts, with some of everything in it."""
    own = await asyncio.to_thread(choose_ports, free=True, say=lambda _: None)
    async with lean_node(
        folder,
        database="sqlite",
        enforce_rbac="on",
        password=TOKEN,
        audit_log="on",
        admin_gui_listen=f"127.0.0.1:{own.manager}",
        portal="on",
        portal_gui_listen=f"127.0.0.1:{own.portal_gui}",
        portal_api_listen=f"127.0.0.1:{own.portal_api}",
        portal_gui_host=f"127.0.0.1:{own.portal_gui}",
        lua_ssl_trusted_certificate=demo.ca_file,
    ) as node:
        site = ManagerSite(
            url=f"http://127.0.0.1:{own.manager}",
            node=node,
            ids={},
        )
        await _fill(site, demo)
        await node.proxy("/cognito/x", accept="text/html")
        yield site
