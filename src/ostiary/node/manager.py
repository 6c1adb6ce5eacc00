"""
The Manager's site, composed: the Admin API in process, RBAC users who sign in, and the doctor.

Spec: decision 0041.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.applications import Starlette

from ostiary import __version__
from ostiary.adapters.declarative import dump_yaml
from ostiary.adapters.fetch import AiohttpFetch
from ostiary.adapters.system import SystemClock, SystemEntropy
from ostiary.admin.access import Users
from ostiary.admin.admin_roles import read_places
from ostiary.admin.inside import InsideClient
from ostiary.http.url import origin_of
from ostiary.manager.app import create_manager
from ostiary.manager.config import (
    Banners,
    ManagerConfig,
    OpenDoor,
    Person,
    ProviderDoor,
    TokenDoor,
)
from ostiary.manager.provider import AdminProvider, ProviderInvalid, read_provider
from ostiary.manager.reception import Reception
from ostiary.model.access import RbacUser
from ostiary.model.admins import APPROVED, INVITED, Admin
from ostiary.model.workspaces import (
    DEFAULT_NAME,
    DEFAULT_WORKSPACE,
    Workspace,
    workspace_of,
)
from ostiary.node.client_keys import KeyFile
from ostiary.node.debugging import build_debugger
from ostiary.node.examiner import Examiner, FindVaults, find_no_vaults
from ostiary.node.role import LEVELS, Orders
from ostiary.portal.config import build_addresses
from ostiary.ports.config_store import ConfigStore
from ostiary.ports.fetch import Fetch
from ostiary.ports.shared import Shared
from ostiary.settings import Settings, SettingsInvalid, is_loopback
from ostiary.settings.operators import read_session_clocks
from ostiary.signin.authenticate import Signin
from ostiary.signin.values import Toolbox
from ostiary.web.guard import build_guard

_LOG: Final = logging.getLogger("ostiary.manager")
# What listens at every address of this machine.
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::", "[::]"})  # noqa: S104 - compared with, not listened at


def _log(level: str, line: str) -> None:
    _LOG.log(LEVELS[level], "%s", line)


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
        home = await self._name(workspace)
        if home is None:
            return None
        admin = await self._find_admin(user)
        if admin is not None and admin.status not in {APPROVED, INVITED}:
            return None  # whatever somebody has made of their RBAC user meanwhile
        places = await self._read_places(admin)
        return Person(
            id=user.id,
            workspace=workspace,
            name=user.name,
            # An admin may have no role in the workspace that their row is in.
            home=home if home in places or not places else places[0],
            mark=_mark(user, admin),
            places=places,
        )

    async def _name(self, workspace: str) -> str | None:
        """What a workspace is called, if it is there."""
        row = await self.store.get("workspaces", workspace)
        if isinstance(row, Workspace):
            return row.name
        return DEFAULT_NAME if workspace == DEFAULT_WORKSPACE else None

    async def _find_admin(self, user: RbacUser) -> Admin | None:
        """The admin who acts as a user, if one does."""
        if workspace_of(user) != DEFAULT_WORKSPACE:
            return None
        row = await self.store.find("admins", {"rbac_user": user.id or ""})
        return row if isinstance(row, Admin) else None

    async def _read_places(self, admin: Admin | None) -> tuple[str, ...]:
        """The names of the workspaces in which an admin has roles."""
        places = () if admin is None else await read_places(self.store, admin)
        names = [await self._name(place) for place in places]
        return tuple(sorted(name for name in names if name is not None))


def _mark(user: RbacUser, admin: Admin | None) -> str:
    """What is another one as soon as sessions of before count for nothing."""
    epoch = 0 if admin is None else admin.epoch
    return hashlib.sha256(f"{epoch}:{user.user_token}".encode()).hexdigest()


def find_provider(settings: Settings) -> AdminProvider | None:
    """
    Where operators sign in, if not with tokens.

    Raises:
        SettingsInvalid: It cannot be used.
    """
    try:
        return read_provider(settings)
    except ProviderInvalid as error:
        raise SettingsInvalid(str(error)) from error


def describe_provider(settings: Settings) -> tuple[str, ...]:
    """What an operator should know of a provider that works."""
    provider = find_provider(settings)
    if provider is None:
        return ()
    told = []
    if provider.config.ssl_verify is False:
        host = urlsplit(provider.config.issuer).hostname
        told.append(
            f"the Manager's sign-in does not verify the certificate of {host}: ssl_verify is false"
        )
    if provider.is_chosen:
        name = ".".join(provider.claim)
        told.append(
            f"admin_gui_auth_conf: admin_claim: people choose {name} themselves at most providers, and may choose "
            "an admin's: use email or sub, or see that yours lets nobody change it"
        )
    return tuple(told)


def choose_door(
    settings: Settings,
    store: ConfigStore,
    users: Users,
    reception: Reception | None = None,
) -> OpenDoor | TokenDoor | ProviderDoor:
    """Who may come in: never more people than may use the Admin API."""
    if reception is not None:
        return ProviderDoor(people=StoredPeople(store, users), reception=reception)
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


def build_kconfig(settings: Settings) -> dict[str, str]:
    """What Kong Manager's own program is told: ports, and how operators sign in."""
    ports = dict.fromkeys((False, True), "")
    for address in reversed(settings.admin_listen):
        ports[address.tls] = str(address.port)
    return {
        "ADMIN_GUI_PATH": "/",
        "ADMIN_GUI_URL": settings.admin_gui_url or "",
        "ADMIN_GUI_AUTH": settings.admin_gui_auth or "",
        "ADMIN_API_URL": "",
        "ADMIN_API_PORT": ports[False],
        "ADMIN_API_SSL_PORT": ports[True],
        "RBAC": settings.enforce_rbac,
        "RBAC_HEADER": settings.rbac_auth_header,
        "ANONYMOUS_REPORTS": "false",
    }


def choose_portals(settings: Settings) -> Callable[[str], tuple[str, str]] | None:
    """Where workspaces' portals are, and the redirect URI of each."""
    if not settings.portal:
        return None
    addresses = build_addresses(settings)
    return lambda name: (addresses.gui_of(name), f"{addresses.api_of(name)}/auth")


def open_fetch(settings: Settings, *, keeps: bool = True) -> AiohttpFetch:
    """How the doctor and the debugger ask providers: trusting whom the gateway trusts."""
    trusted = settings.lua_ssl_trusted_certificate
    return AiohttpFetch(ca_file=None if trusted == "system" else trusted, keeps=keeps)


def build_reception(orders: Orders, shared: Shared, fetch: Fetch) -> Reception | None:
    """The door to the provider, where operators sign in at one."""
    provider = find_provider(orders.settings)
    if provider is None:
        return None
    entropy = SystemEntropy()
    tools = Toolbox(
        fetch=fetch,
        shared=shared,
        clock=SystemClock(),
        entropy=entropy,
        ring=orders.ring,
        log=_log,
        client_keys=KeyFile(orders.prefix, orders.database_key),
    )
    return Reception(Signin(tools), provider, orders.ring, entropy)


def build_manager(
    orders: Orders,
    *,
    admin: Starlette,
    store: ConfigStore,
    users: Users,
    shared: Shared,
    fetch: Fetch,
    debug_fetch: Fetch,
    writable: bool,
    reception: Reception | None = None,
    find_vaults: FindVaults = find_no_vaults,
) -> Starlette:
    """The Manager over the Admin API of this node."""
    settings = orders.settings
    clocks = read_session_clocks(settings.admin_gui_session_conf)
    hosts = [h.strip() for h in settings.admin_allowed_hosts.split(",") if h.strip()]
    url = settings.admin_gui_url
    return create_manager(
        ManagerConfig(
            admin=InsideClient(admin),
            shared=shared,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            door=choose_door(settings, store, users, reception),
            guard=build_guard(allowed_hosts=hosts, gui_url=url),
            examine=Examiner(
                fetch, KeyFile(orders.prefix, orders.database_key), find_vaults
            ),
            dump_yaml=dump_yaml,
            version=__version__,
            home=None if not url else origin_of(url),
            writable=writable,
            proxy=choose_proxy(settings),
            portals=choose_portals(settings),
            kconfig=build_kconfig(settings),
            banners=Banners(
                header=settings.admin_gui_header_txt,
                footer=settings.admin_gui_footer_txt,
                title=settings.admin_gui_login_banner_title,
                body=settings.admin_gui_login_banner_body,
            ),
            debugger=build_debugger(
                debug_fetch, allowed=settings.debugger_allowed_hosts, ring=orders.ring
            ),
            has_debugger=settings.debugger_allowed_hosts != "off",
            idle_s=clocks.idle_s,
            absolute_s=clocks.absolute_s,
        )
    )
