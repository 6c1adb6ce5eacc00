"""An Admin API with an audit log in a database, and what is asked of that database directly."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ostiary.adapters.sql.config_rows import Sealer
from ostiary.adapters.sql.config_store import STEPS, SqlConfigStore
from ostiary.adapters.sql.engine import Database
from ostiary.admin.access import Users
from ostiary.admin.admins import AdminEndpoints
from ostiary.admin.audit import AuditRules
from ostiary.admin.autofill import Autofill
from ostiary.admin.rbac import RbacEndpoints
from tests.unit.admin.admin_kit import KEY, NOW, Node, Numbers, database_node

TTL_S = 1000


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


class AuditedNode(Node):
    """A node whose clock can be moved; `state` is what other layers know of its requests."""

    clock: Clock
    folder: Path

    def table(self, name: str) -> list[dict[str, Any]]:
        """Every row of a table, whatever the Admin API would show."""
        with sqlite3.connect(self.folder / "config.db") as db:
            db.row_factory = sqlite3.Row
            found = [dict(r) for r in db.execute(f"SELECT * FROM {name}")]
        db.close()
        return found

    def written(self) -> str:
        """All that both tables hold, as one text."""
        rows = self.table("audit_requests") + self.table("audit_objects")
        return json.dumps(rows, ensure_ascii=False)

    async def records(
        self, kind: str = "requests", query: str = ""
    ) -> list[dict[str, Any]]:
        """What `/audit/...` shows."""
        got = await self.call(f"/audit/{kind}{query}")
        assert got.status == 200, got.text
        found: list[dict[str, Any]] = got.json()["data"]
        return found

    async def last(self) -> dict[str, Any]:
        """The newest record of a request."""
        return (await self.records(query="?size=1"))[0]

    def with_state(self, **state: Any) -> None:
        """Let every request carry what other layers find out about it."""
        inner = self.app

        async def outer(scope: Any, receive: Any, send: Any) -> None:
            await inner({**scope, "state": {**state}}, receive, send)

        self.app = outer  # type: ignore[assignment]  # called the same way


@asynccontextmanager
async def audited_node(
    folder: Path, *, rules: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[AuditedNode]:
    """A node with an audit log, unless `rules` say otherwise with everything that they are."""
    async with database_node(folder):
        pass  # the tables are made
    url = f"sqlite:///{folder / 'config.db'}"
    store = SqlConfigStore(Database(url, steps=STEPS), Sealer(KEY))
    clock = Clock()
    given = {
        "log": store.audit,
        "ttl_s": TTL_S,
        "excluded": frozenset({"token", "secret", "password"}),
        **(rules or {}),
    }
    try:
        node = AuditedNode(
            store=store,
            audit=AuditRules(**given),
            rbac=RbacEndpoints(users=Users(store, secret=KEY), entropy=Numbers()),
            admins=AdminEndpoints(
                users=Users(store, secret=KEY),
                entropy=Numbers(),
                now=clock,
                gui_url="https://gw.example:8445",
            ),
            autofill=Autofill(now=clock, entropy=Numbers()),
            **more,
        )
        node.clock, node.folder = clock, folder
        yield node
    finally:
        await store.close()
