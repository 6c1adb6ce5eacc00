"""
Control: reads the configuration, gives it to the workers, serves the Admin API.

A configuration that is wrong changes nothing: the one before keeps serving, here and after a
restart.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from pathlib import Path

from ostiary import __version__
from ostiary.adapters.declarative import FileUnusable, load_declarative, parse_yaml
from ostiary.adapters.shared.socket import SocketShared
from ostiary.admin.app import AdminConfig, create_app
from ostiary.admin.state import NodeView
from ostiary.gateway.compile import (
    build_revision,
    describe_config_warnings,
    read_plugin_configs,
)
from ostiary.jose.errors import BrokenSeal
from ostiary.model.declarative import (
    DeclarativeInvalid,
    dump_config,
    load_config,
    read_declarative,
)
from ostiary.model.gateway import Config
from ostiary.node.certificate import default_certificate
from ostiary.node.lastgood import open_last_good, save_last_good
from ostiary.node.role import (
    CONFIG_CHANNEL,
    CONFIG_KEY,
    FOREVER_S,
    READY_CHANNEL,
    Orders,
    build_access_log,
    read_orders,
    start_logging,
    wait_for_end,
)
from ostiary.node.serving import serve_site
from ostiary.plugins import BUNDLED, CATALOG

_LOG = logging.getLogger("ostiary.control")


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
        )
        self._lock = asyncio.Lock()

    async def apply(self, config: Config) -> None:
        """
        Check a configuration, keep it, and give it to every worker.

        Raises:
            DeclarativeInvalid: It is wrong; nothing was changed.
            OSError: It cannot be kept; nothing was changed.
            SharedUnavailable: The node socket is away.
        """
        async with self._lock:
            checked = read_plugin_configs(config, CATALOG)
            data = json.dumps(dump_config(config)).encode()
            save_last_good(self.orders.prefix, self.orders.database_key, data)
            await self.shared.set(CONFIG_KEY, data, ttl_s=FOREVER_S)
            await self.shared.publish(CONFIG_CHANNEL, b"")
            self.view.config = config
            self.view.plugin_configs = {
                row: checked[row].model_dump(mode="json", exclude_none=False)
                for row in checked
            }
            self.view.revision = build_revision(config)
            self.view.warnings = describe_config_warnings(config, CATALOG)
            for warning in self.view.warnings:
                _LOG.warning("%s", warning)

    async def apply_text(self, text: str) -> None:
        """As `apply`, from the text of a declarative file."""
        await self.apply(read_declarative(parse_yaml(text)))

    async def load_file(self) -> None:
        """Read the declarative file; a bad one is said in one sentence and changes nothing."""
        path = self.orders.settings.declarative_config
        try:
            config = load_declarative(Path(path)) if path else Config()
            await self.apply(config)
            self.view.problem = None
            _LOG.info("configuration %s is live", self.view.revision)
        except (FileUnusable, DeclarativeInvalid) as error:
            self.view.problem = f"{path}: {error}"
        except OSError as error:
            self.view.problem = f"cannot keep the configuration in {self.orders.prefix}: {error.strerror}"
        if self.view.problem is not None:
            _LOG.error(
                "%s; the previous configuration keeps serving", self.view.problem
            )

    async def start(self) -> None:
        """Serve what was good last, then what the file says."""
        if self.orders.settings.declarative_config is None:
            return
        try:
            data = open_last_good(self.orders.prefix, self.orders.database_key)
        except (BrokenSeal, OSError) as error:
            _LOG.error("the last good configuration cannot be opened: %s", error)
            data = None
        await self.load_file()
        if self.view.problem is not None and data is not None:
            self.view.config = load_config(json.loads(data))
            self.view.revision = build_revision(self.view.config)

    async def run(self) -> None:
        """Serve until the end."""
        settings = self.orders.settings
        await self.shared.connect()
        self.shared.subscribe(READY_CHANNEL, self._hear_worker)
        await self.start()
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
                access_log=build_access_log(
                    self.orders.prefix, settings.admin_access_log
                ),
            )
        )
        sockets = [(kind, socket.socket(fileno=fd)) for kind, fd in self.orders.sockets]
        cert, key = default_certificate(settings, self.orders.prefix)
        reloads: set[asyncio.Task[None]] = set()

        def reload() -> None:
            task = asyncio.create_task(self.load_file())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        async with serve_site(app, sockets, cert=cert, key=key):
            await self.shared.publish(READY_CHANNEL, b"control 0")
            await wait_for_end(on_hangup=reload)
        await self.shared.close()

    def _hear_worker(self, message: bytes) -> None:
        who, _, revision = message.decode().partition(" ")
        if who.isdecimal():
            self.view.workers[int(who)] = revision


def main() -> None:
    """Run the control process."""
    orders = read_orders()
    start_logging(orders, orders.settings.admin_error_log)
    asyncio.run(Control(orders).run())


if __name__ == "__main__":
    main()
