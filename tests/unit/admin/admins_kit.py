"""A node with RBAC, admins, and the Manager that asks for itself within the process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ostiary.admin.inside import InsideClient
from ostiary.ports.admin_client import Operator
from tests.unit.admin.test_rbac import Guarded, guarded

GUI = "https://gw.example:8445"
ADA = {"username": "ada", "email": "Ada@Example.com"}
EMAIL = "ada@example.com"


# The database of a first one: to hash a token and to make a workspace takes longer than most tests.
_MADE: list[bytes] = []


@asynccontextmanager
async def crew(folder: Path, **more: Any) -> AsyncIterator[Guarded]:
    """A node whose super admin asks; it has a workspace `team`."""
    options: dict[str, Any] = {"gui_url": GUI, **more}
    if not _MADE:
        first = folder / "first"
        first.mkdir()
        async with guarded(first, "on") as root:
            await root.make("/workspaces", {"name": "team"})
        _MADE.append((first / "config.db").read_bytes())
    async with guarded(folder, "on", of_admins=options, data=_MADE[0]) as root:
        yield root


async def arrive(root: Guarded, **said: Any) -> Any:
    """What becomes of somebody whom the provider knows; Any: JSON."""
    site = Operator(site="kong-manager")
    body = {"known_by": "email", "value": EMAIL, "email": EMAIL, **said}
    client = InsideClient(root.node.app)
    reply = await client.call(site, "POST", "/admins/arrivals", body=body)
    return reply.value


async def roles_of(root: Guarded, who: str, *, of: str = "") -> set[str]:
    """The names of the roles of an admin in a workspace."""
    found = await root.get(f"{of}/admins/{who}/roles")
    assert found.status == 200, found.text
    return {role["name"] for role in found.json()["roles"]}
