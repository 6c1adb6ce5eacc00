"""An Admin API in one process: over a file's rows, or over a database."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ostiary.adapters.declarative import FileUnusable, dump_yaml, parse_yaml
from ostiary.adapters.rows import RowsOfFile
from ostiary.adapters.shared import MemoryShared
from ostiary.adapters.sql.config_rows import Sealer
from ostiary.adapters.sql.config_store import STEPS, SqlConfigStore, open_config_store
from ostiary.adapters.sql.engine import Database
from ostiary.admin.access import Users
from ostiary.admin.admins import AdminEndpoints
from ostiary.admin.app import AdminConfig, create_app
from ostiary.admin.autofill import Autofill
from ostiary.admin.rbac import RbacEndpoints
from ostiary.admin.state import NodeView
from ostiary.admin.status import NodeNow, StatusEndpoints
from ostiary.gateway.check import build_revision
from ostiary.model.balancing import Target, Upstream
from ostiary.model.config import Config
from ostiary.model.declarative import dump_config, iterate_rows, read_declarative
from ostiary.node.rules import CatalogRules
from ostiary.plugins import CATALOG
from ostiary.ports.config_store import ConfigStore
from ostiary.signin.known import KnownIssuers
from tests.support.ports import FakeClock
from tests.unit.demo.asgi import Reply, call

KEY = b"k" * 32
NOW = 1_800_000_000
# To make the tables takes longer than most tests.
_EMPTY: list[bytes] = []


class Numbers:
    """Random bytes that are not."""

    def __init__(self) -> None:
        self.count = 0

    def bytes(self, count: int) -> bytes:
        self.count += 1
        return (self.count.to_bytes(4) * (count // 4 + 1))[:count]


class Node:
    """A node; by default its configuration is a file's, replaced by what is posted."""

    def __init__(
        self,
        file: dict[str, Any] | None = None,
        *,
        store: ConfigStore | None = None,
        **more: Any,
    ) -> None:
        self.view = NodeView(
            node_id="n", version="1", hostname="h", plugins={"openid-connect": 1050}
        )
        self.entropy = Numbers()
        self.lines: list[str] = []
        self.error: Exception | None = None
        self.turns = 0
        self.changes = 0
        self.decrees: list[tuple[str, str, str | None, bool]] = []
        self.rows = RowsOfFile()
        self.store: ConfigStore = store or self.rows
        self.show(read_declarative(file or {"_format_version": "3.0"}))
        config = {
            "view": self.view,
            "store": store or self.rows,
            "whole": self,
            "writable": store is not None,
            "plugins": CatalogRules(CATALOG),
            "autofill": Autofill(now=lambda: NOW, entropy=self.entropy),
            "changed": self.changed,
            "status": StatusEndpoints(self.view, self.look, self.expose),
            "access_log": self.lines.append,
            "client_keys": self,
            "health": self,
            "providers": KnownIssuers(MemoryShared(FakeClock())),
        }
        self.app = create_app(AdminConfig(**{**config, **more}))

    def show(self, config: Config) -> None:
        self.config = config
        self.rows.show(config)
        self.view.rows = {
            (kind.name, row.id or ""): row for kind, row in iterate_rows(config)
        }

    # The configuration as a whole.

    @property
    def revision(self) -> str:
        return build_revision(self.config)

    def read(self, text: str) -> Config:
        try:
            return read_declarative(parse_yaml(text))
        except FileUnusable as error:
            raise ValueError(str(error)) from error

    def hash(self, config: Config) -> str:
        return build_revision(config)

    async def apply(self, config: Config) -> None:
        if self.error is not None:
            raise self.error
        self.show(config)

    def dump(self) -> str:
        return dump_yaml(dump_config(self.config))

    async def changed(self) -> None:
        self.changes += 1

    # What workers know of upstreams.

    async def targets(
        self, upstream: Upstream, rows: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        return [{**row, "health": "HEALTHY", "of": upstream.name} for row in rows]

    async def balancer(self, upstream: Upstream) -> dict[str, Any]:
        return {"id": upstream.id, "health": "HEALTHY"}

    async def decree(
        self, upstream: Upstream, target: Target, address: str | None, *, healthy: bool
    ) -> bool:
        self.decrees.append((upstream.name, target.target, address, healthy))
        return address != "no address"

    async def look(self, *, counts: bool) -> NodeNow:
        return NodeNow(requests=7 if counts else 0)

    async def public_jwks(self) -> list[dict[str, str]]:
        if self.error is not None:
            raise self.error
        return [{"kty": "EC", "kid": f"client{self.turns}"}]

    async def turn(self) -> None:
        await self.public_jwks()
        self.turns += 1

    async def expose(self, accept: str) -> tuple[bytes, str]:
        return b"metrics 1\n", accept or "text/plain"

    async def call(self, target: str, method: str = "GET", **more: Any) -> Reply:
        return await call(self.app, target, method=method, **more)

    async def send(
        self, method: str, target: str, body: Any = None, **headers: str
    ) -> Reply:
        """A request with a JSON body, if there is one."""
        data = b"" if body is None else json.dumps(body).encode()
        fields = {"content-type": "application/json"} if body is not None else {}
        return await self.call(target, method, body=data, headers=fields | headers)

    async def form(self, method: str, target: str, body: str) -> Reply:
        """A request with a form."""
        fields = {"content-type": "application/x-www-form-urlencoded"}
        return await self.call(target, method, body=body.encode(), headers=fields)

    async def post(self, body: str | bytes, kind: str = "application/json") -> Reply:
        data = body.encode() if isinstance(body, str) else body
        return await self.call(
            "/config", "POST", body=data, headers={"content-type": kind}
        )


@asynccontextmanager
async def database_node(
    folder: Path, *, data: bytes | None = None, **more: Any
) -> AsyncIterator[Node]:
    """A node whose rows are in a database: with the tables that were made first, or `data`."""
    path = folder / "config.db"
    if not _EMPTY:
        await (await open_config_store(f"sqlite:///{path}", KEY)).close()
        _EMPTY.append(path.read_bytes())
    path.write_bytes(_EMPTY[0] if data is None else data)
    store = SqlConfigStore(Database(f"sqlite:///{path}", steps=STEPS), Sealer(KEY))
    users = Users(store, secret=KEY)
    rbac = RbacEndpoints(users=users, entropy=Numbers())
    admins = AdminEndpoints(users=users, entropy=Numbers(), now=lambda: NOW)
    try:
        yield Node(store=store, **{"rbac": rbac, "admins": admins, **more})
    finally:
        await store.close()
