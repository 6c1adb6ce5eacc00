"""
Where a node's configuration comes from: a declarative file, or a database.

Whatever goes wrong, what serves goes on serving: a file that is wrong changes nothing, and a
database that is away is waited for.

Spec: gateway §§2.3, 5.5; decision 0015 (lines), 0016 (reload).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from ostiary.adapters.declarative import (
    FileUnusable,
    dump_yaml,
    load_declarative,
    parse_yaml,
)
from ostiary.adapters.rows import RowsOfFile
from ostiary.admin.state import NodeView
from ostiary.gateway.changes import NOTHING_YET
from ostiary.gateway.check import build_revision, read_plugin_configs
from ostiary.jose.errors import BrokenSeal
from ostiary.kit import Catalog
from ostiary.model.config import Config
from ostiary.model.declarative import (
    DeclarativeInvalid,
    dump_config,
    dump_row,
    dump_rows,
    load_rows,
    read_declarative,
)
from ostiary.model.kinds import OF_MODEL
from ostiary.model.row import Row
from ostiary.node.delivery import Base, fetch_base, fetch_log, following
from ostiary.node.lastgood import is_kept, open_last_good
from ostiary.node.live import LiveConfiguration
from ostiary.node.role import Orders
from ostiary.node.said import describe_safely
from ostiary.node.stores import AuditedStore, LateStore
from ostiary.ports.config_store import ConfigStore
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.ports.shared import Shared, SharedUnavailable

WATCH_S = 0.2
LOOK_S = 0.25
_LOG = logging.getLogger("ostiary.control")


class Source(Protocol):
    """One way to come by a configuration."""

    store: ConfigStore
    writable: bool

    async def start(self) -> bool:
        """Make live what there is; tell whether workers have it already."""
        ...

    async def reload(self) -> None:
        """Look again now."""
        ...

    async def follow(self) -> None:
        """Look again whenever there may be something new, for ever."""
        ...

    async def changed(self) -> None:
        """What was written through `store` is to be live."""
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...


def read_mark(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written or another takes its place; None without one."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


async def take_live(shared: Shared, live: LiveConfiguration) -> bool:
    """Know the configuration that the node has; tell whether it has one that is of use."""
    base = await fetch_base(shared)
    if base is None or not _take(live, base, "the live configuration"):
        return False
    for step in following(await fetch_log(shared), base.revision) or ():
        await live.advance([*step.lines], step.gone)
    return True


def take_last_good(orders: Orders, live: LiveConfiguration) -> bool:
    """Know the configuration on disk; tell whether there is one that is of use."""
    try:
        kept = open_last_good(orders.prefix, orders.database_key)
    except (BrokenSeal, OSError) as error:
        _LOG.error("the last good configuration cannot be opened: %s", error)
        return False
    return kept is not None and _take(live, kept, "the last good configuration")


def _take(live: LiveConfiguration, base: Base, name: str) -> bool:
    """Show a configuration that was checked once, maybe by another version of us."""
    try:
        live.take(base)
    except Exception as error:  # noqa: BLE001 - a node starts without it
        said = describe_safely(error)
        _LOG.warning("%s is of no use to this version: %s", name, said)
        return False
    return True


class FileSource:
    """The declarative file, and `/config`, which may replace what the file said."""

    writable = False

    def __init__(
        self,
        orders: Orders,
        live: LiveConfiguration,
        *,
        view: NodeView,
        shared: Shared,
        catalog: Catalog,
    ) -> None:
        self._orders = orders
        self._live = live
        self._view = view
        self._shared = shared
        self._catalog = catalog
        self._lock = asyncio.Lock()
        self._mark: tuple[int, int, int] | None = None
        self._config = Config()
        self.store = RowsOfFile()

    @property
    def _path(self) -> Path | None:
        path = self._orders.settings.declarative_config
        return None if path is None else Path(path)

    # The configuration as a whole, for the Admin API.

    @property
    def revision(self) -> str:
        """The hash of what is live."""
        return self._live.revision

    def read(self, text: str) -> Config:
        """
        The configuration in a text.

        Raises:
            DeclarativeInvalid: It is wrong.
            ValueError: It is no YAML.
        """
        try:
            config = read_declarative(parse_yaml(text))
        except FileUnusable as error:
            raise ValueError(str(error)) from error
        read_plugin_configs(config, self._catalog)
        return config

    def hash(self, config: Config) -> str:
        """The hash that a configuration would have."""
        return build_revision(config)

    async def apply(self, config: Config) -> None:
        """
        Check a configuration as workers will, keep it, and give it to every worker.

        Raises:
            DeclarativeInvalid: It is wrong; nothing was changed.
            OSError: It cannot be kept; nothing was changed.
            SharedUnavailable: The node socket is away.
        """
        async with self._lock:
            await self._live.replace(dump_rows(config))
            self._show(config)

    def dump(self) -> str:
        """What is live, as the text of a file."""
        return dump_yaml(dump_config(self._config))

    def _show(self, config: Config) -> None:
        self._config = config
        self.store.show(config)

    # Where it comes from.

    async def start(self) -> bool:
        """
        Read the file when a node starts.

        A control process that was restarted alone takes what is live, which somebody may have
        changed through `/config` since.
        """
        if await take_live(self._shared, self._live):
            self._show(load_rows(self._live.compiled.lines))
            # The watch looks for changes from now on: what is live may be newer than the file.
            self._mark = read_mark(self._path) if self._path is not None else None
            return True
        if take_last_good(self._orders, self._live):
            self._show(load_rows(self._live.compiled.lines))
            await self._live.publisher.rebase(self._live.base())
            await self._live.publisher.ask()
        await self.reload()
        return False

    async def reload(self) -> None:
        """Read the declarative file; a bad one is said in one sentence and changes nothing."""
        text = self._orders.settings.declarative_config_string
        path = Path("declarative_config_string") if text else self._path
        if path is None:
            return
        self._mark = read_mark(path)
        problem = None
        try:
            config = (
                read_declarative(parse_yaml(text)) if text else load_declarative(path)
            )
            await self.apply(config)
            _LOG.info("configuration %s is live", self._view.revision)
        except (FileUnusable, DeclarativeInvalid) as error:
            problem = f"{path}: {error}"
        except OSError as error:
            problem = f"cannot keep the configuration in {self._orders.prefix}: {error.strerror}"
        except SharedUnavailable:
            self._mark = None  # the file is as good as unread: the watch tries again
            problem = f"{path}: the node socket is away"
        except Exception as error:  # noqa: BLE001 - the watch and the next SIGHUP go on
            problem = f"{path}: cannot be used ({describe_safely(error)})"
        self._view.problem = problem
        if problem is not None:
            _LOG.error("%s; the previous configuration keeps serving", problem)

    async def follow(self) -> None:
        """Load the declarative file whenever it has changed and then stayed as it is for a moment."""
        path = self._path
        if path is None or not self._orders.settings.declarative_config_watch:
            return
        seen = self._mark
        while True:
            await asyncio.sleep(WATCH_S)
            now = read_mark(path)
            if now == seen and now != self._mark and now is not None:
                await self.reload()
            seen = now

    async def changed(self) -> None:
        """Nothing is written one by one."""

    async def close(self) -> None:
        """Nothing is open."""


class DatabaseSource:
    """Rows in a database, which other nodes may write as well."""

    writable = True

    def __init__(
        self,
        orders: Orders,
        live: LiveConfiguration,
        *,
        view: NodeView,
        shared: Shared,
        open_store: Callable[[], Awaitable[AuditedStore]],
    ) -> None:
        self._orders = orders
        self._live = live
        self._view = view
        self._shared = shared
        self._lock = asyncio.Lock()
        self._number: int | None = None
        self.store: LateStore = LateStore(open_store)

    async def start(self) -> bool:
        """
        What the database says; while it is away, what the node or its disk remembers.

        Workers of a node that starts have begun with the latter by themselves.
        """
        known = await take_live(self._shared, self._live)
        await self.reload()
        is_unread = self._number is None and not known
        if is_unread and take_last_good(self._orders, self._live):
            await self._live.publisher.rebase(self._live.base())
            await self._live.publisher.ask()
        return known

    async def reload(self) -> None:
        """Read what is new; a database that is away is said in one sentence and waited for."""
        problem = None
        try:
            await self._pull()
        except StoreUnavailable as error:
            problem = f"the database is away: {error}"
        except SharedUnavailable:
            problem = "the node socket is away"
        except OSError as error:
            problem = f"cannot keep the configuration in {self._orders.prefix}: {error.strerror}"
        except Exception as error:  # noqa: BLE001 - the next look may be better
            problem = (
                f"what the database holds cannot be used ({describe_safely(error)})"
            )
        if problem is not None and problem != self._view.problem:
            _LOG.error("%s; the configuration so far keeps serving", problem)
        elif problem is None and self._view.problem is not None:
            _LOG.warning("the database answers again")
        self._view.problem = problem

    async def changed(self) -> None:
        """Look at once: it is written, whatever becomes of it here is told in the status."""
        await self.reload()

    async def _pull(self) -> None:
        """
        Make live what was written since.

        Raises:
            StoreUnavailable, SharedUnavailable, DeclarativeInvalid, OSError: It cannot be.
        """
        async with self._lock:
            if self._number is not None:
                news = await self.store.since(self._number)
                if news is not None:
                    if news.revision != self._number:
                        await self._live.advance(_lines(news.rows), news.gone)
                        self._number = news.revision
                    return
            number, lines = await self.store.lines()
            has_some = self._live.revision != NOTHING_YET
            if number or has_some or is_kept(self._orders.prefix):
                await self._live.replace(lines)
            self._number = number

    async def follow(self) -> None:
        """Look for what others have written."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.reload()

    async def close(self) -> None:
        """Let the database go."""
        await self.store.close()


def _lines(rows: tuple[Row, ...]) -> list[bytes]:
    return [dump_row(row, OF_MODEL[type(row)]) for row in rows]


class NoWhole:
    """`/config` where rows are in a database: it is refused before anybody asks."""

    revision = NOTHING_YET

    def read(self, text: str) -> Config:
        """Never asked."""
        raise RuntimeError(f"a text of {len(text)} characters for a database")

    def hash(self, config: Config) -> str:
        """Never asked."""
        return build_revision(config)

    async def apply(self, config: Config) -> None:
        """Never asked."""
        raise RuntimeError(f"{len(config.services)} services for a database")

    def dump(self) -> str:
        """Never asked."""
        return ""
