"""
Control: reads the configuration, gives it to the workers, serves the Admin API.

A configuration that is wrong changes nothing: the one before keeps serving, here and after a
restart.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from ostiary import __version__
from ostiary.adapters.shared import MemoryShared, SocketShared
from ostiary.adapters.system import SystemClock, SystemEntropy
from ostiary.admin.access import RbacAccess, Users
from ostiary.admin.admins import AdminEndpoints
from ostiary.admin.app import AdminConfig, create_app
from ostiary.admin.autofill import Autofill
from ostiary.admin.gate import Access, OpenAccess
from ostiary.admin.rbac import RbacEndpoints
from ostiary.admin.service_contracts import REGISTRATION
from ostiary.admin.state import NodeView, describe_redirect_uris
from ostiary.admin.status import NodeNow, StatusEndpoints, create_status_app
from ostiary.gateway.changes import NOTHING_YET
from ostiary.gateway.compile import Workshop
from ostiary.gateway.metrics import Metrics
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.jose.keys import PrivateKey
from ostiary.kit import Services
from ostiary.manager.sessions import SessionList
from ostiary.model.gateway import Plugin
from ostiary.model.workspaces import Workspace
from ostiary.node.audit import build_audit_rules
from ostiary.node.behind import BehindProxies
from ostiary.node.certificate import default_certificate
from ostiary.node.client_keys import KeyFile
from ostiary.node.collector import building_for_good
from ostiary.node.delivery import Publisher
from ostiary.node.enabled import choose_plugins
from ostiary.node.exposition import build_exposition, read_node
from ostiary.node.health import HealthDesk, HealthPages
from ostiary.node.lastgood import save_last_good
from ostiary.node.live import LiveConfiguration
from ostiary.node.manager import (
    build_manager,
    build_reception,
    describe_provider,
    open_fetch,
)
from ostiary.node.observer import Observer
from ostiary.node.role import (
    FINISH_S,
    LEVELS,
    READY_CHANNEL,
    Orders,
    build_ready,
    log_line,
    open_site_log,
    read_orders,
    read_ready,
    send_apart,
    start_logging,
    wait_for_end,
)
from ostiary.node.route_sessions import RouteSessions
from ostiary.node.rules import CatalogRules
from ostiary.node.serving import serve_sites
from ostiary.node.sessions import SessionsOfNode
from ostiary.node.sources import DatabaseSource, FileSource, NoWhole
from ostiary.node.stores import LateSessions, open_database
from ostiary.node.stories import CHANNEL as STORIES
from ostiary.node.stories import Stories
from ostiary.node.tls import build_tls
from ostiary.node.traffic import Traffic, watch
from ostiary.node.usage import UsageKeeper
from ostiary.plugins import BUNDLED, CATALOG
from ostiary.ports.config_store import ConfigStore
from ostiary.ports.fetch import FetchFailed, FetchLimits
from ostiary.settings import Settings, show_settings
from ostiary.signin.authenticate import Signin
from ostiary.signin.known import KnownIssuers
from ostiary.signin.schema import OpenidConnectConfig
from ostiary.signin.values import Toolbox

if TYPE_CHECKING:
    from ostiary.node.portal import NodePortal

_LOG = logging.getLogger("ostiary.control")
SERVED_WITHIN_S = 30.0


class _NoFetch:
    """Control checks configurations; it asks no provider anything."""

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        raise FetchFailed(
            f"control does not fetch ({request.method}, {limits.timeout_s} s)"
        )


def _build_checker(orders: Orders) -> Services:
    """Services for compiling a configuration without serving it."""
    clock = SystemClock()
    tools = Toolbox(
        fetch=_NoFetch(),
        shared=MemoryShared(clock),
        clock=clock,
        entropy=SystemEntropy(),
        ring=orders.ring,
        log=log_line,
    )
    return Services(signin=Signin(tools), log=log_line)


def describe_open_admin(settings: Settings) -> tuple[str, ...]:
    """A warning for every open Admin API listener that others than this machine can reach (D25)."""
    if settings.enforce_rbac != "off":
        return ()
    return tuple(
        f"the Admin API listens on {a.host}:{a.port} without authentication"
        for a in settings.admin_listen
        if not (a.host.startswith("127.") or a.host in {"::1", "localhost"})
    )


def _build_access(settings: Settings, store: ConfigStore, users: Users) -> Access:
    """Who may use the Admin API."""
    if settings.enforce_rbac == "off":
        return OpenAccess()
    return RbacAccess(
        store=store,
        users=users,
        level=settings.enforce_rbac,
        header=settings.rbac_auth_header,
    )


class Control:
    """The node's one writer of configuration."""

    def __init__(self, orders: Orders, shared: SocketShared | None = None) -> None:
        self.orders = orders
        self.shared = shared or SocketShared(orders.node_socket)
        self.catalog = choose_plugins(orders.settings.plugins, CATALOG)
        self.view = NodeView(
            node_id=orders.node_id,
            version=__version__,
            hostname=socket.gethostname(),
            plugins={p.name: p.priority for p in BUNDLED if p.name in self.catalog},
            jwks=(PrivateKey.from_private_jwk(orders.assertion_key).public_jwk(),),
            database=orders.settings.database or "off",
        )
        self.stories = Stories()
        self.providers = KnownIssuers(self.shared)
        self.desk = HealthDesk(self.shared, workers=orders.workers)
        self.observer = Observer(self.shared, workers=orders.workers)
        self.sessions = RouteSessions(self.shared, workers=orders.workers)
        self.traffic = Traffic()
        self.live = LiveConfiguration(
            Publisher(self.shared),
            Workshop(
                catalog=self.catalog,
                services=_build_checker(orders),
                serves=False,
                environ=os.environ,
            ),
            keep=partial(save_last_good, orders.prefix, orders.database_key),
            shown=self._show,
        )
        self.source = self._build_source()
        self.portal: NodePortal | None = None
        self._heard = asyncio.Event()
        self._told: set[str] = set()
        self._notes = describe_provider(orders.settings)

    def _show(self) -> None:
        """Let the Admin API show a configuration that serves."""
        self.view.rows = self.live.rows
        configs = {key: judged.config for key, judged in self.live.plugins.items()}
        self.view.plugin_configs = configs
        self.providers.show(
            {k: v for k, v in configs.items() if isinstance(v, OpenidConnectConfig)}
        )
        self.view.revision = self.live.revision
        self.view.warnings = (
            *describe_open_admin(self.orders.settings),
            *self.live.warnings,
            *self._warn_of_portals(),
            *self._notes,
        )
        for warning in self.view.warnings:
            if warning not in self._told:
                _LOG.warning("%s", warning)
        self._told = set(self.view.warnings)

    def _warn_of_portals(self) -> tuple[str, ...]:
        if self.portal is None:
            return ()
        rows = self.live.rows.values()
        return self.portal.desk.warn(r for r in rows if isinstance(r, Workspace))

    def _tell_redirect_uris(self) -> None:
        for found in describe_redirect_uris(self.view):
            if found["paths"] and not found["configured"]:
                _LOG.log(
                    LEVELS["notice"],
                    "route %s: register https://<your host>%s as redirect URI at the provider",
                    found["route"],
                    found["paths"][0],
                )

    async def _until_served(self) -> None:
        """Wait until every worker serves what was published: a node that has started answers."""
        revision = self.view.revision
        if revision == NOTHING_YET:
            return
        try:
            async with asyncio.timeout(SERVED_WITHIN_S):
                while {
                    self.view.workers.get(number)
                    for number in range(1, self.orders.workers + 1)
                } - {revision}:
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            _LOG.warning("not every worker serves configuration %s yet", revision)

    def _build_source(self) -> FileSource | DatabaseSource:
        orders, settings = self.orders, self.orders.settings
        if settings.database == "off":
            return FileSource(
                orders,
                self.live,
                view=self.view,
                shared=self.shared,
                catalog=self.catalog,
            )
        return DatabaseSource(
            orders,
            self.live,
            view=self.view,
            shared=self.shared,
            open_store=partial(
                open_database, settings, orders.prefix, orders.database_key
            ),
        )

    def _build_portal(self) -> NodePortal | None:
        """The portal, where there is one: it needs a database."""
        if not self.orders.settings.portal or isinstance(self.source, FileSource):
            return None
        # Late: a node without a portal does without its libraries.
        from ostiary.node.portal import NodePortal

        portal = NodePortal(self.orders, self.source.store, self.shared)
        self.shared.on_connect(portal.forget_sessions)
        return portal

    async def start(self) -> None:
        """Make the configuration live, and see it served by every worker."""
        known = await self.source.start()
        self._tell_redirect_uris()
        if not known:
            await self._until_served()

    def _build_keeper(self) -> UsageKeeper:
        assert isinstance(self.source, DatabaseSource)

        def takes_applications() -> bool:
            rows = self.live.rows.values()
            return any(isinstance(r, Plugin) and r.name == REGISTRATION for r in rows)

        return UsageKeeper(
            self.observer,
            self.shared,
            self.source.store.usage,
            SystemClock(),
            is_needed=takes_applications,
        )

    def _admin_config(self, ends: StatusEndpoints, users: Users) -> AdminConfig:
        settings = self.orders.settings
        write, form = open_site_log(self.orders.prefix, settings.admin_access_log)
        source = self.source
        return AdminConfig(
            view=self.view,
            store=source.store,
            whole=source if isinstance(source, FileSource) else NoWhole(),
            plugins=CatalogRules(self.catalog),
            autofill=Autofill(now=SystemClock().now, entropy=SystemEntropy()),
            changed=source.changed,
            writable=source.writable,
            settings=show_settings(settings),
            allowed_hosts=tuple(
                h.strip() for h in settings.admin_allowed_hosts.split(",") if h.strip()
            ),
            gui_url=settings.admin_gui_url,
            access_log=write,
            access_form=form,
            status=ends,
            health=HealthPages(self.desk, node_id=self.orders.node_id),
            client_keys=KeyFile(self.orders.prefix, self.orders.database_key),
            providers=self.providers,
            flows=self.stories,
            access=_build_access(settings, source.store, users),
            rbac=RbacEndpoints(users=users, entropy=SystemEntropy()),
            admins=AdminEndpoints(
                users=users,
                entropy=SystemEntropy(),
                now=SystemClock().now,
                gui_url=settings.admin_gui_url,
                at_provider=settings.admin_gui_auth is not None,
                invitation_s=settings.admin_invitation_expiry,
            ),
            sessions=self._build_sessions(),
            traffic=self.traffic,
            keeps_routes_apart=settings.route_validation_strategy == "smart",
            portal=None if self.portal is None else self.portal.desk,
            usage=source.store.usage if isinstance(source, DatabaseSource) else None,
            app_clients=None if self.portal is None else self.portal.app_clients,
            audit=build_audit_rules(settings, source.store.audit)
            if isinstance(source, DatabaseSource)
            else None,
        )

    def _build_sessions(self) -> SessionsOfNode:
        """Who is signed in at this node."""
        found = SessionsOfNode(
            managers=SessionList(self.shared),
            store=self.source.store,
            routes=self.sessions,
            find_plugins=self.live.find_signing_in,
        )
        if self.portal is None or isinstance(self.source, FileSource):
            return found
        return replace(
            found,
            portals=LateSessions(self.source.store, SystemClock()),
            own=self.portal.kept_sessions,
            forget=self.portal.forget_sessions,
        )

    async def run(self) -> None:
        """Serve until the end."""
        settings = self.orders.settings
        self.portal = self._build_portal()
        await self.shared.connect()
        self.shared.subscribe(READY_CHANNEL, self._hear_worker)
        self.shared.subscribe(STORIES, self.stories.hear)
        self.desk.start()
        await self.observer.start()
        self.sessions.start()
        with building_for_good():
            await self.start()
        ends = StatusEndpoints(self.view, self.look, self.expose)
        users = Users(self.source.store, secret=os.urandom(32))
        app = create_app(self._admin_config(ends, users))
        fetch = open_fetch(settings)
        debug_fetch = open_fetch(settings, keeps=False)
        reception = build_reception(self.orders, self.shared, fetch)
        tls = build_tls(settings, *default_certificate(settings, self.orders.prefix))
        tasks: set[asyncio.Task[None]] = set()

        def reload() -> None:
            task = asyncio.create_task(self.source.reload())
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        tasks.add(asyncio.create_task(self.source.follow(), name="follow"))
        if self.portal is not None:
            tasks.add(asyncio.create_task(self._build_keeper().run(), name="usage"))
        watching = watch(self.traffic, self.count, SystemClock().now)
        tasks.add(asyncio.create_task(watching, name="traffic"))
        sites = [
            (app, self.orders.take_sockets("admin")),
            (self.status_app(ends), self.orders.take_sockets("status")),
            (
                BehindProxies(
                    build_manager(
                        self.orders,
                        admin=app,
                        store=self.source.store,
                        users=users,
                        shared=self.shared,
                        fetch=fetch,
                        debug_fetch=debug_fetch,
                        writable=self.source.writable,
                        reception=reception,
                        find_vaults=self.live.find_vaults,
                    ),
                    settings,
                ),
                self.orders.take_sockets("manager"),
            ),
        ]
        if self.portal is not None:
            sites += self.portal.sites(app)
        async with serve_sites(sites, tls=tls):
            # Who hears that we are ready may ask for a reload at once.
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
            await self.shared.publish(READY_CHANNEL, build_ready("control"))
            await wait_for_end(on_hangup=reload)
            for task in tuple(tasks):
                task.cancel()
        if reception is not None:
            await reception.close(FINISH_S)
        await fetch.close()
        await debug_fetch.close()
        if self.portal is not None:
            await self.portal.close()
        await self.live.close()
        await self.source.close()
        await self.shared.close()

    def status_app(self, ends: StatusEndpoints) -> Starlette:
        """The status listener's site."""
        settings = self.orders.settings
        if settings.status_listen:
            send_apart(self.orders, "ostiary.status", settings.status_error_log)
        write, form = open_site_log(self.orders.prefix, settings.status_access_log)
        return create_status_app(
            ends, version=__version__, access_log=write, access_form=form
        )

    async def look(self, *, counts: bool) -> NodeNow:
        """The workers as they are now."""
        return read_node(await self.observer.observe(metrics=counts))

    async def count(self) -> Metrics:
        """The workers' numbers, added up."""
        return (await self.observer.observe(metrics=True)).total

    async def expose(self, accept: str) -> tuple[bytes, str]:
        """The node's numbers for Prometheus, and their content type."""
        seen = await self.observer.observe(metrics=True)
        # With many routes the text has megabytes; probes are answered while it is written.
        return await asyncio.to_thread(
            build_exposition,
            seen,
            accept=accept,
            node_id=self.orders.node_id,
            version=__version__,
            revision=self.view.revision,
            workspaces=self.live.compiled.snapshot.workspaces,
        )

    def _hear_worker(self, message: bytes) -> None:
        ready = read_ready(message)
        if ready.who.isdecimal():
            self.view.workers[int(ready.who)] = ready.revision
            self.view.pids[int(ready.who)] = ready.pid
            self._heard.set()


def main() -> None:
    """Run the control process."""
    orders = read_orders()
    start_logging(orders, orders.settings.admin_error_log)
    asyncio.run(Control(orders).run())


if __name__ == "__main__":
    main()
