"""
Control: reads the configuration, gives it to the workers, serves the Admin API.

A configuration that is wrong changes nothing: the one before keeps serving, here and after a
restart.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from pathlib import Path

from starlette.applications import Starlette

from ostiary import __version__
from ostiary.adapters.declarative import FileUnusable, load_declarative, parse_yaml
from ostiary.adapters.shared import MemoryShared, SocketShared
from ostiary.adapters.system import SystemClock, SystemEntropy
from ostiary.admin.app import AdminConfig, create_app
from ostiary.admin.state import NodeView, describe_redirect_uris
from ostiary.admin.status import NodeNow, StatusEndpoints, create_status_app
from ostiary.gateway.check import (
    build_revision,
    describe_config_warnings,
    read_plugin_configs,
)
from ostiary.gateway.compile import NOTHING, Workshop, compile_lines, finish
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.jose.errors import BrokenSeal
from ostiary.jose.keys import PrivateKey
from ostiary.kit import Services
from ostiary.model.declarative import (
    DeclarativeInvalid,
    dump_rows,
    load_rows,
    read_declarative,
)
from ostiary.model.gateway import Config
from ostiary.node.certificate import default_certificate
from ostiary.node.client_keys import KeyFile
from ostiary.node.exposition import build_exposition, read_node
from ostiary.node.lastgood import open_last_good, save_last_good
from ostiary.node.observer import Observer
from ostiary.node.role import (
    CONFIG_CHANNEL,
    CONFIG_KEY,
    FOREVER_S,
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
from ostiary.node.said import describe_safely
from ostiary.node.serving import serve_sites
from ostiary.node.stories import CHANNEL as STORIES
from ostiary.node.stories import Stories
from ostiary.node.tls import build_tls
from ostiary.plugins import BUNDLED, CATALOG
from ostiary.ports.fetch import FetchFailed, FetchLimits
from ostiary.ports.shared import SharedUnavailable
from ostiary.settings import Settings
from ostiary.signin.authenticate import Signin
from ostiary.signin.known import KnownIssuers
from ostiary.signin.schema import OpenidConnectConfig
from ostiary.signin.values import Toolbox

_LOG = logging.getLogger("ostiary.control")
WATCH_S = 0.2
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
    """A warning for every Admin API listener that others than this machine can reach (D25)."""
    return tuple(
        f"the Admin API listens on {a.host}:{a.port} without authentication"
        for a in settings.admin_listen
        if not (a.host.startswith("127.") or a.host in {"::1", "localhost"})
    )


def read_mark(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written or another takes its place; None without one."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Control:
    """The node's one writer of configuration."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.shared = SocketShared(orders.node_socket)
        self.view = NodeView(
            node_id=orders.node_id,
            version=__version__,
            hostname=socket.gethostname(),
            plugins={p.name: p.priority for p in BUNDLED},
            jwks=(PrivateKey.from_private_jwk(orders.assertion_key).public_jwk(),),
        )
        self.stories = Stories()
        self.providers = KnownIssuers(self.shared)
        self.observer = Observer(self.shared, workers=orders.workers)
        self._lock = asyncio.Lock()
        self._checker = _build_checker(orders)
        self._compiled = NOTHING
        self._heard = asyncio.Event()
        self._mark: tuple[int, int, int] | None = None

    async def apply(self, config: Config) -> None:
        """
        Check a configuration as workers will, keep it, and give it to every worker.

        Raises:
            DeclarativeInvalid: It is wrong; nothing was changed.
            OSError: It cannot be kept; nothing was changed.
            SharedUnavailable: The node socket is away.
        """
        async with self._lock:
            lines = dump_rows(config)
            workshop = Workshop(catalog=CATALOG, services=self._checker)
            self._compiled = finish(compile_lines(self._compiled, lines, workshop))
            data = b"\n".join(lines)
            save_last_good(self.orders.prefix, self.orders.database_key, data)
            await self._publish(data)
            self._show(config)
            for warning in self.view.warnings:
                _LOG.warning("%s", warning)

    async def _publish(self, data: bytes) -> None:
        await self.shared.set(CONFIG_KEY, data, ttl_s=FOREVER_S)
        await self.shared.publish(CONFIG_CHANNEL, b"")

    def _show(self, config: Config) -> None:
        """Let the Admin API show a configuration that serves."""
        checked = read_plugin_configs(config, CATALOG)
        self.view.config = config
        self.view.plugin_configs = {
            row: entity.model_dump(mode="json") for row, entity in checked.items()
        }
        self.providers.show(
            {k: v for k, v in checked.items() if isinstance(v, OpenidConnectConfig)}
        )
        self.view.revision = build_revision(config)
        self.view.warnings = (
            *describe_open_admin(self.orders.settings),
            *describe_config_warnings(config, CATALOG),
        )
        for found in describe_redirect_uris(self.view):
            if found["paths"] and not found["configured"]:
                _LOG.log(
                    LEVELS["notice"],
                    "route %s: register https://<your host>%s as redirect URI at the provider",
                    found["route"],
                    found["paths"][0],
                )

    async def apply_text(self, text: str) -> None:
        """As `apply`, from the text of a declarative file."""
        await self.apply(read_declarative(parse_yaml(text)))

    async def load_file(self) -> None:
        """Read the declarative file; a bad one is said in one sentence and changes nothing."""
        path = self.orders.settings.declarative_config
        if path is None:
            return
        self._mark = read_mark(Path(path))
        try:
            await self.apply(load_declarative(Path(path)))
            self.view.problem = None
            _LOG.info("configuration %s is live", self.view.revision)
        except (FileUnusable, DeclarativeInvalid) as error:
            self.view.problem = f"{path}: {error}"
        except OSError as error:
            self.view.problem = f"cannot keep the configuration in {self.orders.prefix}: {error.strerror}"
        except SharedUnavailable:
            self._mark = None  # the file is as good as unread: the watch tries again
            self.view.problem = f"{path}: the node socket is away"
        except Exception as error:  # noqa: BLE001 - the watch and the next SIGHUP go on
            self.view.problem = f"{path}: cannot be used ({describe_safely(error)})"
        if self.view.problem is not None:
            _LOG.error(
                "%s; the previous configuration keeps serving", self.view.problem
            )

    async def watch_file(self) -> None:
        """Load the declarative file whenever it has changed and then stayed as it is for a moment."""
        path = self.orders.settings.declarative_config
        if path is None:
            return
        seen = self._mark
        while True:
            await asyncio.sleep(WATCH_S)
            now = read_mark(Path(path))
            if now == seen and now != self._mark and now is not None:
                await self.load_file()
            seen = now

    async def start(self) -> None:
        """
        Find out what serves: what the node knows, else what was good last.

        The file is read when a node starts; a control process that was restarted alone takes
        what is live, which somebody may have changed through `/config` since.
        """
        path = self.orders.settings.declarative_config
        live = await self.shared.get(CONFIG_KEY)
        if live is not None and self._take(live, "the live configuration"):
            # The watch looks for changes from now on: what is live may be newer than the file.
            self._mark = read_mark(Path(path)) if path is not None else None
            return
        try:
            kept = open_last_good(self.orders.prefix, self.orders.database_key)
        except (BrokenSeal, OSError) as error:
            _LOG.error("the last good configuration cannot be opened: %s", error)
            kept = None
        if kept is not None and self._take(kept, "the last good configuration"):
            await self._publish(kept)
        await self.load_file()
        await self._until_served()

    async def _until_served(self) -> None:
        """Wait until every worker serves what was published: a node that has started answers."""
        revision = self.view.revision
        if revision == NOTHING.snapshot.revision:
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

    def _take(self, data: bytes, name: str) -> bool:
        """Show a configuration that was checked once, maybe by another version of us."""
        workshop = Workshop(catalog=CATALOG, services=self._checker)
        lines = data.split(b"\n")
        try:
            self._compiled = finish(compile_lines(self._compiled, lines, workshop))
            self._show(load_rows(lines))
        except Exception as error:  # noqa: BLE001 - a node starts without it
            said = describe_safely(error)
            _LOG.warning("%s is of no use to this version: %s", name, said)
            return False
        return True

    async def run(self) -> None:
        """Serve until the end."""
        settings = self.orders.settings
        await self.shared.connect()
        self.shared.subscribe(READY_CHANNEL, self._hear_worker)
        self.shared.subscribe(STORIES, self.stories.hear)
        await self.observer.start()
        await self.start()
        ends = StatusEndpoints(self.view, self.look, self.expose)
        write, form = open_site_log(self.orders.prefix, settings.admin_access_log)
        app = create_app(
            AdminConfig(
                view=self.view,
                apply_text=self.apply_text,
                allowed_hosts=tuple(
                    h.strip()
                    for h in settings.admin_allowed_hosts.split(",")
                    if h.strip()
                ),
                gui_url=settings.admin_gui_url,
                access_log=write,
                access_form=form,
                status=ends,
                client_keys=KeyFile(self.orders.prefix, self.orders.database_key),
                providers=self.providers,
                flows=self.stories,
            )
        )
        tls = build_tls(settings, *default_certificate(settings, self.orders.prefix))
        reloads: set[asyncio.Task[None]] = set()

        def reload() -> None:
            task = asyncio.create_task(self.load_file())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        if settings.declarative_config_watch:
            watching = asyncio.create_task(self.watch_file(), name="watch")
            reloads.add(watching)
        sites = [
            (app, self.orders.take_sockets("admin")),
            (self.status_app(ends), self.orders.take_sockets("status")),
        ]
        async with serve_sites(sites, tls=tls):
            # Who hears that we are ready may ask for a reload at once.
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
            await self.shared.publish(READY_CHANNEL, build_ready("control"))
            await wait_for_end(on_hangup=reload)
            for task in tuple(reloads):
                task.cancel()
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
        )

    def _hear_worker(self, message: bytes) -> None:
        ready = read_ready(message)
        if ready.who.isdecimal():
            self.view.workers[int(ready.who)] = ready.revision
            self._heard.set()


def main() -> None:
    """Run the control process."""
    orders = read_orders()
    start_logging(orders, orders.settings.admin_error_log)
    asyncio.run(Control(orders).run())


if __name__ == "__main__":
    main()
