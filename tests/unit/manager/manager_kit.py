"""A Manager over a real Admin API in one process, and a browser that is none."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.types import Message

from ostiary.adapters.declarative import dump_yaml
from ostiary.adapters.rows import RowsOfFile
from ostiary.adapters.shared import MemoryShared
from ostiary.adapters.sql.config_rows import Sealer
from ostiary.adapters.sql.config_store import STEPS, SqlConfigStore
from ostiary.adapters.sql.engine import Database
from ostiary.admin.access import RbacAccess, Users
from ostiary.admin.admins import AdminEndpoints
from ostiary.admin.app import Flows
from ostiary.admin.audit import AuditRules
from ostiary.admin.developers import PortalDesk
from ostiary.admin.inside import InsideClient
from ostiary.admin.rbac import RbacEndpoints
from ostiary.admin.tokens import build_hint, hash_token
from ostiary.manager.app import create_manager
from ostiary.manager.config import (
    Finding,
    ManagerConfig,
    OpenDoor,
    ProviderDoor,
    TokenDoor,
)
from ostiary.manager.reception import Reception
from ostiary.manager.sessions import SessionList
from ostiary.model.access import RbacRole, RbacRoleEndpoint, RbacUser, RbacUserRole
from ostiary.node.manager import StoredPeople
from ostiary.node.sessions import SessionsOfNode
from ostiary.node.traffic import Traffic
from ostiary.plugins import CATALOG
from ostiary.web.guard import build_guard
from tests.support.ports import FakeClock
from tests.unit.admin.admin_kit import KEY, NOW, Node, Numbers, database_node

ADA, EVE = "ada-token-0123456789", "eve-token-0123456789"
HOME = "/default"


@dataclass(frozen=True)
class Reply:
    status: int
    fields: Sequence[tuple[str, str]]
    text: str

    @property
    def location(self) -> str:
        return next((v for n, v in self.fields if n == "location"), "")

    @property
    def cookies(self) -> list[str]:
        return [v for n, v in self.fields if n == "set-cookie"]

    def header(self, name: str) -> str:
        return next((v for n, v in self.fields if n == name), "")

    @property
    def words(self) -> str:
        """What a person reads."""
        bare = re.sub(r"<style>.*?</style>|<[^>]*>", " ", self.text, flags=re.DOTALL)
        return " ".join(unescape(bare).split())

    def values(self) -> dict[str, list[str]]:
        """What stands in the fields of the page's form, as a browser would post it."""
        found: dict[str, list[str]] = {}

        def add(name: str, value: str) -> None:
            found.setdefault(unescape(name), []).append(unescape(value))

        for tag in re.findall(r"<input\b[^>]*>", self.text):
            named = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
            kind = named.get("type", "text")
            is_off = kind == "checkbox" and " checked" not in tag
            if "name" in named and not is_off and kind != "submit":
                add(named["name"], named.get("value", ""))
        for head, text in re.findall(
            r"<textarea\b([^>]*)>(.*?)</textarea>", self.text, re.DOTALL
        ):
            add(re.findall(r'name="([^"]*)"', head)[0], text.removeprefix("\n"))
        for head, inner in re.findall(
            r"<select\b([^>]*)>(.*?)</select>", self.text, re.DOTALL
        ):
            options = re.findall(r'<option value="([^"]*)"( selected)?', inner)
            chosen = [v for v, on in options if on] or [v for v, _ in options[:1]]
            add(re.findall(r'name="([^"]*)"', head)[0], chosen[0])
        return found


@dataclass
class Browser:
    """Keeps cookies, says where its requests come from, and follows redirects when told."""

    app: Any  # Any: an ASGI application
    host: str = "127.0.0.1:8002"
    scheme: str = "http"
    address: str = "127.0.0.1"
    server: str = "127.0.0.1"
    jar: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    async def send(
        self,
        method: str,
        target: str,
        data: Mapping[str, Any] | None = None,
        said: Mapping[str, str] | None = None,
    ) -> Reply:
        body = b"" if data is None else urlencode(data, doseq=True).encode()
        fields = {"host": self.host, **self.headers}
        if self.jar:
            fields["cookie"] = "; ".join(f"{n}={v}" for n, v in self.jar.items())
        if data is not None:
            fields["content-type"] = "application/x-www-form-urlencoded"
        fields |= {name.replace("_", "-"): v for name, v in (said or {}).items()}
        path, _, query = target.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1",
            "method": method, "scheme": self.scheme, "path": path,
            "raw_path": path.encode(), "query_string": query.encode(),
            "root_path": "", "client": (self.address, 1), "server": (self.server, 2),
            "headers": [(n.encode(), v.encode()) for n, v in fields.items()],
        }  # fmt: skip
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        told = [(n.decode().lower(), v.decode()) for n, v in sent[0]["headers"]]
        for name, value in told:
            if name == "set-cookie":
                key, _, rest = value.partition("=")
                kept = rest.partition(";")[0]
                self.jar.pop(key, None)
                if kept:
                    self.jar[key] = kept
        text = b"".join(m.get("body", b"") for m in sent[1:]).decode()
        return Reply(sent[0]["status"], told, text)

    async def get(self, target: str, **headers: str) -> Reply:
        return await self.send("GET", target, said=headers)

    async def post(
        self, target: str, data: Mapping[str, Any] | None = None, **headers: str
    ) -> Reply:
        """A form that the browser says is from this site."""
        said = {"sec_fetch_site": "same-origin", **headers}
        return await self.send("POST", target, data or {}, said)

    async def submit(self, target: str, /, **changes: Any) -> Reply:
        """Open a page, change some of its form's fields (dots as `__`), and post it."""
        page = await self.get(target)
        assert page.status == 200, page.words
        values: dict[str, Any] = dict(page.values())
        for name, value in changes.items():
            values[name.replace("__", ".")] = value
        action = re.search(r'action="([^"]*)" method="POST" name="manager', page.text)
        assert action is not None
        return await self.post(unescape(action[1]), values)

    async def sign_in(self, token: str = ADA, **more: str) -> Reply:
        return await self.post("/auth/sign-in", {"token": token, **more})


@dataclass
class Site:
    """A Manager, its node, and its clock."""

    node: Node
    config: ManagerConfig
    clock: FakeClock
    shared: MemoryShared
    asked: list[tuple[Mapping[str, Any], str]]
    app: Any = None  # Any: an ASGI application

    def __post_init__(self) -> None:
        self.app = create_manager(self.config)

    def tab(self, **more: Any) -> Browser:
        """Another browser of the same Manager."""
        return Browser(self.app, **more)

    async def admin(self, method: str, path: str, body: Any = None) -> Any:
        """What the Admin API answers; Any: JSON."""
        headers = {"kong-admin-token": ADA}
        reply = await self.node.send(method, path, body, **headers)
        assert reply.status < 400, reply.text
        return reply.json() if reply.body else None


@cache
def _hash(token: str) -> str:
    """What is kept of a token; slow, so once for all tests."""
    return hash_token(token, b"s" * 16)


async def _add_users(store: SqlConfigStore) -> None:
    """Ada may do everything; Eve may only read the list of services."""
    async with store.writing() as write:
        for number, (name, token, endpoint, actions) in enumerate(
            (
                ("ada", ADA, "*", ("create", "delete", "read", "update")),
                ("eve", EVE, "/services", ("read",)),
            ),
            1,
        ):
            user, role, link, rule = (
                f"{number}000000{kind}-0000-4000-8000-000000000000" for kind in range(4)
            )
            await write.add(RbacRole(id=role, name=f"{name}s"))
            await write.add(
                RbacUser(
                    id=user,
                    name=name,
                    user_token=_hash(token),
                    user_token_ident=build_hint(token),
                )
            )
            await write.add(RbacUserRole(id=link, user=user, role=role))
            await write.add(
                RbacRoleEndpoint(
                    id=rule,
                    role=role,
                    workspace="*",
                    endpoint=endpoint,
                    actions=actions,
                )
            )


def _choose_door(
    users: Users | None, reception: Reception | None
) -> OpenDoor | TokenDoor | ProviderDoor:
    if users is None:
        return OpenDoor(admits_strangers=False)
    people = StoredPeople(users._store, users)
    if reception is None:
        return TokenDoor(people=people)
    return ProviderDoor(people=people, reception=reception)


def _guard(store: SqlConfigStore, users: Users) -> dict[str, Any]:
    header = "Kong-Admin-Token"
    access = RbacAccess(store=store, users=users, level="on", header=header)
    return {"access": access}


async def _open_store(folder: Path) -> SqlConfigStore:
    async with database_node(folder):
        pass  # makes the tables
    place = f"sqlite:///{folder / 'config.db'}"
    return SqlConfigStore(Database(place, steps=STEPS), Sealer(KEY))


@asynccontextmanager
async def manager_site(
    folder: Path,
    *,
    rbac: bool = False,
    door: OpenDoor | None = None,
    gui_url: str | None = None,
    allowed: Sequence[str] = (),
    findings: Sequence[Finding] = (),
    file: dict[str, Any] | None = None,
    audit: bool = True,
    reception: Reception | None = None,
    traffic: Traffic | None = None,
    sessions: Mapping[str, Any] | None = None,
    portal: PortalDesk | None = None,
    flows: Flows | None = None,
    **more: Any,
) -> AsyncIterator[Site]:
    """A Manager over a database, or over a file that says `file`."""
    clock = FakeClock()
    clock.move(NOW - clock.now())
    shared = MemoryShared(clock)
    asked: list[tuple[Mapping[str, Any], str]] = []

    async def examine(config: Mapping[str, Any], uri: str, _: str) -> Sequence[Finding]:
        asked.append((config, uri))
        return findings

    def build(node: Node, users: Users | None) -> Site:
        for name, plugin in CATALOG.items():
            node.view.plugins[name] = plugin.priority
        entrance = _choose_door(users, reception)
        config = ManagerConfig(
            admin=InsideClient(node.app),
            shared=shared,
            clock=clock,
            entropy=Numbers(),
            door=door or entrance,
            guard=build_guard(allowed_hosts=allowed, gui_url=gui_url),
            examine=examine,
            dump_yaml=dump_yaml,
            version="1",
            home=gui_url,
            writable=file is None,
            **more,
        )
        return Site(node, config, clock, shared, asked)

    if file is not None:
        rows = RowsOfFile()
        desk = SessionsOfNode(managers=SessionList(shared), store=rows)
        yield build(Node(file, sessions=desk, flows=flows), None)
        return
    store = await _open_store(folder)
    users = Users(store, secret=KEY)
    admins = AdminEndpoints(
        users=users,
        entropy=Numbers(),
        now=clock.now,
        gui_url=gui_url,
        at_provider=reception is not None,
    )
    node = Node(
        store=store,
        rbac=RbacEndpoints(users=users, entropy=Numbers()),
        sessions=SessionsOfNode(
            managers=SessionList(shared), store=store, **(sessions or {})
        ),
        traffic=traffic,
        portal=portal,
        flows=flows,
        admins=admins,
        audit=AuditRules(log=store.audit, ttl_s=1000) if audit else None,
        **(_guard(store, users) if rbac else {}),
    )
    try:
        if rbac:
            await _add_users(store)
        yield build(node, users if rbac else None)
    finally:
        await store.close()
