"""
What every process of a node does alike: read its orders, log, and stop when told.

Orders come as one JSON line on standard input, so that no secret is in an argument or the
environment. The pipe stays open: its end means that the supervisor is gone, and so are we.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ostiary.gateway import access_log
from ostiary.gateway.error_log import CURRENT, build_formatter
from ostiary.gateway.record import Listener
from ostiary.sessions.keys import KeyRing
from ostiary.settings import Settings

LEVELS = {
    "debug": 10, "info": 20, "notice": 25, "warn": 30, "error": 40,
    "crit": 50, "alert": 50, "emerg": 50,
}  # fmt: skip
logging.addLevelName(25, "NOTICE")
FOREVER_S = 10 * 365 * 86400.0
CONFIG_KEY = "node:config"
CONFIG_CHANNEL = "node:config"
READY_CHANNEL = "node:ready"
# How long an ending worker lets requests finish.
DRAIN_S = 10.0
# And then what was asked of providers for people who have gone.
FINISH_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A process serves: what it is, its worker number or its name, and the revision."""

    who: str
    revision: str
    pid: int


def build_ready(who: str, revision: str = "0") -> bytes:
    """The message of this process on the channel of those that are ready."""
    return f"{who} {revision} {os.getpid()}".encode()


def read_ready(message: bytes) -> Ready:
    """
    Read back `build_ready`.

    Raises:
        ValueError: It is none.
    """
    who, revision, pid, *_ = message.decode().split(" ")
    return Ready(who=who, revision=revision, pid=int(pid))


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """
    What the supervisor tells a process.

    `sockets` are (site, `plain` or `tls`, fd); `workers` is how many the node has.
    """

    role: str
    number: int
    settings: Settings
    prefix: Path
    node_socket: Path
    node_id: str
    ring: KeyRing = field(repr=False)
    database_key: bytes = field(repr=False)
    assertion_key: Mapping[str, str] = field(repr=False)
    sockets: tuple[tuple[str, str, int], ...] = ()
    workers: int = 0

    def take_sockets(self, site: str) -> list[tuple[str, socket.socket]]:
        """The (`plain` or `tls`, socket) pairs of a site. Take them once."""
        return [
            (kind, socket.socket(fileno=fd))
            for owner, kind, fd in self.sockets
            if owner == site
        ]


def read_orders() -> Orders:
    """Read the supervisor's line from standard input."""
    from ostiary.node.secrets import load_ring

    # What a process that has no handlers yet would die of.
    for number in (signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    data: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    return Orders(
        role=data["role"],
        number=data["number"],
        settings=Settings.model_validate(data["settings"], strict=False),
        prefix=Path(data["prefix"]),
        node_socket=Path(data["node_socket"]),
        node_id=data["node_id"],
        ring=load_ring(data["ring"]),
        database_key=bytes.fromhex(data["database_key"]),
        assertion_key=data["assertion_key"],
        sockets=tuple((site, kind, fd) for site, kind, fd in data["sockets"]),
        workers=data["workers"],
    )


def open_log(prefix: Path, target: str) -> logging.Handler | None:
    """The handler for a log setting; None for `off`."""
    match target:
        case "off":
            return None
        case "/dev/stdout":
            return logging.StreamHandler(sys.stdout)
        case "/dev/stderr":
            return logging.StreamHandler(sys.stderr)
        case _:
            path = Path(target) if Path(target).is_absolute() else prefix / target
            path.parent.mkdir(parents=True, exist_ok=True)
            return logging.FileHandler(path, encoding="utf-8")


def start_logging(orders: Orders, target: str) -> None:
    """Send everything that is logged in this process to the error log."""
    handler = _open_error_log(orders, target)
    logging.basicConfig(level=LEVELS[orders.settings.log_level], handlers=[handler])
    # Libraries' own lines may quote addresses and queries; warnings of theirs are enough.
    for name in (
        "asyncio",
        "aiohttp",
        "aiosqlite",
        "sqlalchemy",
        "alembic",
        "mail",
        "uvicorn",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)


def _open_error_log(orders: Orders, target: str) -> logging.Handler:
    place, form = split_log(target)
    handler = open_log(orders.prefix, place) or logging.NullHandler()
    handler.setFormatter(build_formatter(form, orders.number))
    return handler


def send_apart(orders: Orders, name: str, target: str) -> None:
    """Give one logger an error log of its own."""
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.addHandler(_open_error_log(orders, target))


def split_log(target: str) -> tuple[str, access_log.Format]:
    """The place and the form of a log setting: `json` after the place asks for JSON."""
    place, _, form = target.partition(" ")
    return place, "json" if form.strip() == "json" else "kong"


def log_line(level: str, line: str) -> None:
    """The log hook that sign-in and plugins get; it knows which request they work for."""
    subject = CURRENT.get()
    logging.getLogger("ostiary.openid-connect").log(
        LEVELS[level],
        "[openid-connect] %s",
        line,
        extra={"about": None if subject is None else subject.about},
    )


def open_access_log(prefix: Path, target: str) -> tuple[Listener, ...]:
    """The listener that writes the proxy's access log; `json` after the file asks for JSON."""
    place, form = split_log(target)
    write = build_access_log(prefix, place)
    return () if write is None else (access_log.build_access_log(write, form),)


def build_access_log(prefix: Path, target: str) -> Callable[[str], None] | None:
    """The hook that gets one line per exchange, or None."""
    handler = open_log(prefix, target)
    if handler is None:
        return None
    logger = logging.getLogger(f"ostiary.access.{target}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    return logger.info


def open_site_log(
    prefix: Path, target: str
) -> tuple[Callable[[str], None] | None, access_log.Format]:
    """The hook that writes a site's access log, or None, and the form of its lines."""
    place, form = split_log(target)
    return build_access_log(prefix, place), form


async def wait_for_end(on_hangup: Callable[[], None] | None = None) -> None:
    """Return on SIGTERM or SIGINT, or when the supervisor is gone."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, on_hangup or (lambda: None))
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    gone = asyncio.create_task(reader.read())
    waiter = asyncio.create_task(stop.wait())
    await asyncio.wait({gone, waiter}, return_when=asyncio.FIRST_COMPLETED)
    for task in (gone, waiter):
        task.cancel()
