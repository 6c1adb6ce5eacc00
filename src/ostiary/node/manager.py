"""
The Manager's site, composed: the Admin API in process, RBAC users who sign in, and the doctor.

Spec: decision 0041.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from starlette.applications import Starlette

from ostiary import __version__
from ostiary.adapters.declarative import dump_yaml
from ostiary.adapters.fetch import AiohttpFetch
from ostiary.adapters.shared import MemoryShared
from ostiary.adapters.system import SystemClock, SystemEntropy
from ostiary.admin.access import Users
from ostiary.admin.inside import InsideClient
from ostiary.http.url import origin_of
from ostiary.manager.app import create_manager
from ostiary.manager.config import (
    Finding,
    ManagerConfig,
    OpenDoor,
    Person,
    TokenDoor,
)
from ostiary.model.access import RbacUser
from ostiary.model.words import describe_problems, read_problems
from ostiary.model.workspaces import (
    DEFAULT_NAME,
    DEFAULT_WORKSPACE,
    Workspace,
    workspace_of,
)
from ostiary.node.client_keys import KeyFile
from ostiary.node.role import Orders
from ostiary.portal.config import build_addresses
from ostiary.ports.config_store import ConfigStore
from ostiary.ports.fetch import Fetch
from ostiary.ports.shared import Shared
from ostiary.sessions.keys import KeyRing, RingKey
from ostiary.settings import Settings, is_loopback
from ostiary.signin.doctor import Doctor
from ostiary.signin.party import compile_party
from ostiary.signin.schema import OpenidConnectConfig
from ostiary.signin.values import Toolbox
from ostiary.web.guard import build_guard

# What listens at every address of this machine.
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::", "[::]"})  # noqa: S104 - compared with, not listened at


@dataclass(frozen=True, slots=True)
class StoredPeople:
    """The people port over the RBAC users of a store."""

    store: ConfigStore
    users: Users

    async def find(self, token: str) -> Person | None:
        """As the port says."""
        return await self._show(await self.users.find(token))

    async def load(self, workspace: str, user: str) -> Person | None:
        """As the port says."""
        row = await self.store.within(workspace).get("rbac_users", user)
        return await self._show(row if isinstance(row, RbacUser) else None)

    async def _show(self, user: RbacUser | None) -> Person | None:
        if user is None or not user.enabled or user.id is None:
            return None
        workspace = workspace_of(user)
        row = await self.store.get("workspaces", workspace)
        is_default = workspace == DEFAULT_WORKSPACE
        if not is_default and not isinstance(row, Workspace):
            return None
        return Person(
            id=user.id,
            workspace=workspace,
            name=user.name,
            home=row.name if isinstance(row, Workspace) else DEFAULT_NAME,
            mark=hashlib.sha256(user.user_token.encode()).hexdigest(),
        )


@dataclass(frozen=True, slots=True)
class Examiner:
    """The doctor, for a configuration that has been found valid."""

    fetch: Fetch
    client_keys: KeyFile

    async def __call__(
        self, config: Mapping[str, Any], redirect_uri: str
    ) -> Sequence[Finding]:
        """Hold it against its provider."""
        clock, entropy = SystemClock(), SystemEntropy()
        tools = Toolbox(
            fetch=self.fetch,
            shared=MemoryShared(clock),
            clock=clock,
            entropy=entropy,
            ring=KeyRing((RingKey(entropy.bytes(4), entropy.bytes(32)),)),
            log=lambda _level, _line: None,
            client_keys=self.client_keys,
        )
        try:
            checked = OpenidConnectConfig.model_validate(dict(config), strict=False)
        except ValidationError as error:
            # Its own text quotes what was given, secrets too.
            return [
                Finding(
                    level="error", code="configuration", text=describe_problems([problem]),
                    remedy="correct it and save",
                )
                for problem in read_problems(error)
            ]  # fmt: skip
        party = compile_party(checked, "manager-test")
        return [
            Finding(level=f.level, code=f.code, text=f.text, remedy=f.remedy)
            for f in await Doctor(tools).examine(party, redirect_uri)
        ]


def choose_door(
    settings: Settings, store: ConfigStore, users: Users
) -> OpenDoor | TokenDoor:
    """Who may come in: never more people than may use the Admin API."""
    if settings.enforce_rbac != "off":
        return TokenDoor(people=StoredPeople(store, users))
    hosts = {a.host for a in settings.admin_listen if not is_loopback(a)}
    return OpenDoor(
        admits_strangers=bool(hosts),
        is_shut=not settings.admin_listen,
        # Whoever cannot reach the Admin API's network must not act in its name from another.
        only_at=None if hosts & _EVERYWHERE or not hosts else frozenset(hosts),
    )


def choose_proxy(settings: Settings) -> tuple[str, int]:
    """The scheme and port that people reach the gateway at, as far as the node knows."""
    listening = sorted(settings.proxy_listen, key=lambda address: not address.tls)
    if not listening:
        return "https", 443
    first = listening[0]
    published = {listener: public for public, listener in settings.port_maps}
    scheme = "https" if first.tls else "http"
    return scheme, published.get(first.port, first.port)


def choose_portals(settings: Settings) -> Callable[[str], tuple[str, str]] | None:
    """Where workspaces' portals are, and the redirect URI of each."""
    if not settings.portal:
        return None
    addresses = build_addresses(settings)
    return lambda name: (addresses.gui_of(name), f"{addresses.api_of(name)}/auth")


def open_fetch(settings: Settings) -> AiohttpFetch:
    """How the doctor asks providers: trusting whom the gateway trusts."""
    trusted = settings.lua_ssl_trusted_certificate
    return AiohttpFetch(ca_file=None if trusted == "system" else trusted)


def build_manager(
    orders: Orders,
    *,
    admin: Starlette,
    store: ConfigStore,
    users: Users,
    shared: Shared,
    fetch: Fetch,
    writable: bool,
) -> Starlette:
    """The Manager over the Admin API of this node."""
    settings = orders.settings
    hosts = [h.strip() for h in settings.admin_allowed_hosts.split(",") if h.strip()]
    url = settings.admin_gui_url
    return create_manager(
        ManagerConfig(
            admin=InsideClient(admin),
            shared=shared,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            door=choose_door(settings, store, users),
            guard=build_guard(allowed_hosts=hosts, gui_url=url),
            examine=Examiner(fetch, KeyFile(orders.prefix, orders.database_key)),
            dump_yaml=dump_yaml,
            version=__version__,
            home=None if not url else origin_of(url),
            writable=writable,
            proxy=choose_proxy(settings),
            portals=choose_portals(settings),
        )
    )
