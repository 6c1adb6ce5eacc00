"""A portal in one process: its pages and its API over a database, and a provider in memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

from starlette.types import Message

from ostiary.admin.audit import AuditRules
from ostiary.admin.inside import InsideClient
from ostiary.http.url import origin_of
from ostiary.portal.accounts import Accounts
from ostiary.portal.api import create_api
from ostiary.portal.desk import Desk
from ostiary.portal.door import Door
from ostiary.portal.gui import create_gui
from ostiary.portal.hashing import Hashing
from ostiary.portal.library import Library
from ostiary.portal.mailed import MailedLinks
from ostiary.portal.outbox import Outbox
from ostiary.portal.pace import Pace
from ostiary.portal.sessions import Sessions
from ostiary.portal.signing_in import SignIns
from ostiary.portal.site import Site
from ostiary.portal.tokens import MailedTokens
from ostiary.ports.app_clients import AppClients
from ostiary.ports.audit import AuditLog
from ostiary.ports.config_store import ConfigStore
from ostiary.ports.mail import MailUnavailable
from ostiary.ports.mail import Message as Mail
from ostiary.ports.usage import UsageStore
from ostiary.settings import Settings, read_settings
from ostiary.web.hashes import HashCost
from tests.support.browser import World
from tests.support.provider import CLIENT_ID, ISSUER
from tests.unit.admin.admin_kit import Node, database_node

GUI = "https://kong-ee:8446"
API = "https://kong-ee:8447"
HOME = f"{GUI}/default"
EMAIL = "ada@example.com"
ADMIN = "admin@example.com"
# The page's Auth Config JSON, with the provider of the tests.
CONF: dict[str, Any] = {
    "leeway": 100,
    "consumer_by": ["username", "custom_id", "id"],
    "scopes": ["openid", "profile", "email"],
    "logout_query_arg": "logout",
    "client_id": [CLIENT_ID],
    "login_action": "redirect",
    "logout_redirect_uri": [HOME],
    "login_tokens": {},
    "login_redirect_uri": [HOME],
    "forbidden_redirect_uri": [f"{HOME}/unauthorized"],
    "ssl_verify": False,
    "issuer": f"{ISSUER}/.well-known/openid-configuration",
    "logout_methods": ["GET"],
    "consumer_claim": ["email"],
    "login_redirect_mode": "query",
    "redirect_uri": [f"{API}/default/auth"],
}
SETTINGS: dict[str, Any] = {
    "portal": True,
    "portal_gui_protocol": "https",
    "portal_gui_host": "kong-ee:8446",
    "smtp_mock": False,
    "smtp_admin_emails": ADMIN,
}


def build_settings(**more: Any) -> Settings:
    return read_settings(
        file_text=None, environ={}, overrides={**SETTINGS, **more}
    ).settings


class Postbox:
    """Takes mails; while `is_down` it takes none."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.is_down = False

    async def send(self, message: Mail) -> None:
        if self.is_down:
            raise MailUnavailable("down")
        self.mails.append(message)


class LateStore:
    """The store of a node that is made after its portal."""

    def __init__(self) -> None:
        self.store: Any = None  # Any: set before anybody asks

    def __getattr__(self, name: str) -> Any:  # Any: passed on
        return getattr(self.store, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An answer, and the address it came from."""

    url: str
    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def field(self, name: str) -> str | None:
        return next((v for n, v in self.fields if n == name), None)

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True, kw_only=True)
class PortalWorld:
    """A node with a portal."""

    node: Node
    base: World
    settings: Settings
    post: Postbox
    outbox: Outbox
    gui: Any
    api: Any
    site: Site
    rests: list[float]

    def browser(self, ip: str = "127.0.0.1") -> Browser:
        return Browser(world=self, ip=ip)

    async def configure(self, **config: Any) -> None:
        body = {"config": config}
        reply = await self.node.send("PATCH", "/workspaces/default", body)
        assert reply.status == 200, reply.text

    async def switch_on(self, **config: Any) -> None:
        conf = json.dumps({**CONF, **config.pop("conf", {})})
        await self.configure(
            portal=True, portal_auth="openid-connect", portal_auth_conf=conf, **config
        )

    async def developer(self, email: str = EMAIL, **more: Any) -> dict[str, Any]:
        meta = json.dumps({"full_name": "Ada L"})
        reply = await self.node.send(
            "POST", "/developers", {"email": email, "meta": meta, **more}
        )
        assert reply.status == 200, reply.text
        row: dict[str, Any] = reply.json()
        return row

    async def set_status(self, status: int, email: str = EMAIL) -> None:
        reply = await self.node.send(
            "PATCH", f"/developers/{email}", {"status": status}
        )
        assert reply.status == 200, reply.text


@dataclass(slots=True, kw_only=True)
class Browser:
    """A cookie jar for one host, whose ports share it; it follows redirects when asked to."""

    world: PortalWorld
    ip: str
    jar: dict[str, str] = field(default_factory=dict)

    async def ask(
        self,
        url: str,
        method: str = "GET",
        *,
        body: bytes = b"",
        fields: Mapping[str, str] | None = None,
        navigates: bool = True,
    ) -> Seen:
        parts = urlsplit(url)
        app = self.world.gui if parts.port == 8446 else self.world.api
        sent = {"host": parts.netloc, **(fields or {})}
        if navigates:
            sent |= {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
            sent.setdefault("sec-fetch-site", "same-origin")
        if self.jar:
            sent["cookie"] = "; ".join(f"{k}={v}" for k, v in self.jar.items())
        seen = await _send(app, url, method, sent, body, self.ip)
        for name, value in seen.fields:
            if name == "set-cookie":
                self._keep(value)
        return seen

    def _keep(self, text: str) -> None:
        pair, _, rest = text.partition(";")
        name, _, value = pair.partition("=")
        if "max-age=0" in rest.lower() or "1970" in rest:
            self.jar.pop(name, None)
        else:
            self.jar[name] = value

    async def post(self, url: str, **values: str) -> Seen:
        data = urlencode({k.replace("__", "."): v for k, v in values.items()})
        kind = {
            "content-type": "application/x-www-form-urlencoded",
            "origin": origin_of(url),
        }
        return await self.ask(url, "POST", body=data.encode(), fields=kind)

    async def call(
        self, method: str, path: str, body: Any = None, **fields: str
    ) -> Seen:
        """The API as the portal's own scripts call it."""
        data = b"" if body is None else json.dumps(body).encode()
        sent = {
            "content-type": "application/json",
            "origin": GUI,
            "sec-fetch-mode": "cors",
            "sec-fetch-site": "same-site",
            "sec-fetch-dest": "empty",
            **fields,
        }
        return await self.ask(
            f"{API}/default{path}", method, body=data, fields=sent, navigates=False
        )

    async def go(self, url: str) -> Seen:
        """Follow redirects, through the provider if one leads there."""
        seen = await self.ask(url)
        for _ in range(10):
            location = seen.field("location")
            if location is None:
                return seen
            if location.startswith(f"{ISSUER}/authorize"):
                query = self.world.base.provider.authorize(location)
                location = f"{API}/default/auth?{query}"
            elif "://" not in location:
                location = origin_of(seen.url) + location
            elif location.startswith(ISSUER):
                return seen
            seen = await self.ask(location)
        raise AssertionError(f"sent in circles: {seen.url}")

    async def sign_in(self) -> Seen:
        await self.ask(f"{HOME}/login")
        return await self.go(f"{API}/default/auth")


async def _send(
    app: Any, url: str, method: str, fields: Mapping[str, str], body: bytes, ip: str
) -> Seen:
    parts = urlsplit(url)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": parts.path or "/",
        "raw_path": (parts.path or "/").encode(),
        "query_string": parts.query.encode(),
        "headers": [(n.encode(), v.encode()) for n, v in fields.items()],
        "client": (ip, 1),
        "server": (parts.hostname, parts.port),
    }
    sent: list[Message] = []
    pending: list[Message] = [{"type": "http.request", "body": body}]

    async def receive() -> Message:
        return pending.pop() if pending else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return Seen(
        url=url,
        status=sent[0]["status"],
        fields=tuple((n.decode().lower(), v.decode()) for n, v in sent[0]["headers"]),
        body=b"".join(m.get("body", b"") for m in sent[1:]),
    )


@asynccontextmanager
async def portal_world(
    folder: Path,
    *,
    usage: UsageStore | None = None,
    clients: AppClients | None = None,
    audit: bool = False,
    **settings: Any,
) -> AsyncIterator[PortalWorld]:
    """A node whose portal is not switched on yet."""
    base = World()
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    # The provider says so of everybody, unless a test edits it.
    base.provider.id_edits = {"email_verified": True}
    chosen = build_settings(**settings)
    post = Postbox()
    outbox = Outbox(post, waits_s=())
    hashing = Hashing(base.entropy, cost=HashCost(memory_kib=8))
    tokens = MailedTokens(base.ring, base.clock.now)
    late, late_log = LateStore(), LateStore()
    rules = AuditRules(log=cast("AuditLog", late_log), ttl_s=1000) if audit else None
    desk = Desk(
        chosen, cast("ConfigStore", late), outbox, post, hashing=hashing, tokens=tokens
    )
    async with database_node(
        folder, portal=desk, usage=usage, app_clients=clients, audit=rules
    ) as node:
        late.store = node.store
        late_log.store = cast("Any", node.store).audit  # Any: of the database
        accounts = Accounts(InsideClient(node.app), base.clock.now)
        marks = base.stores.store
        sessions = Sessions(marks, base.clock, base.entropy, base.ring)
        site = Site(
            store=node.store,
            portals=desk,
            door=Door(base.signin),
            accounts=accounts,
            admin=InsideClient(node.app),
            sign_ins=SignIns(node.store, marks, sessions, hashing, base.clock.now),
            mailed=MailedLinks(node.store, accounts, desk, tokens, base.clock.now),
            pace=Pace(base.clock.now, rest),
            clock=base.clock,
            entropy=base.entropy,
        )
        library = Library(node.store)
        yield PortalWorld(
            node=node,
            base=base,
            settings=chosen,
            post=post,
            outbox=outbox,
            gui=create_gui(site, library),
            api=create_api(site, library),
            site=site,
            rests=rests,
        )
        await outbox.close()
