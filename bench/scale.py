"""
SCALE=1: a database of 10 000 services, routes and plugins and 100 000 consumers.

How long it takes to write them, to start with them, until a change is served by the slowest
worker, and what changes cost those who are served meanwhile. `SCALE_ROWS` makes it smaller.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import spread
from bench.options import Options
from bench.processes import CannotRun, Children, find_module, free_port, rss_bytes
from bench.systems import nginx, ostiary

from ostiary.adapters.sql.config_store import open_config_store
from ostiary.model.declarative import iterate_rows, read_declarative
from ostiary.node.secrets import open_secrets

ROWS = 10_000
CONSUMERS_PER_ROW = 10
CONNECTIONS = 16
CHANGES = 20
QUIET_S = 10.0
GIVE_UP_S = 60.0
LIMITS = {"import": 60.0, "start": 5.0, "change": 0.1, "p99": 2.0}


def declare(upstream: int, rows: int) -> dict[str, Any]:
    """The whole configuration as a file says it; the plugin answers nobody."""
    plugin = {"name": "correlation-id", "config": {"echo_downstream": True}}
    return {
        "_format_version": "3.0",
        "services": [
            {
                "name": f"s{n}",
                "url": f"http://127.0.0.1:{upstream}",
                "routes": [
                    {"name": f"r{n}", "paths": [f"/r{n}/"], "plugins": [plugin]}
                ],
            }
            for n in range(rows)
        ],
        "consumers": [
            {"username": f"u{n}", "keyauth_credentials": [{"key": f"key-{n}"}]}
            for n in range(rows * CONSUMERS_PER_ROW)
        ],
    }  # fmt: skip


async def fill(prefix: Path, data: dict[str, Any]) -> float:
    """Read the file and write its rows; how long both took, in seconds."""
    prefix.mkdir(parents=True, exist_ok=True)
    key = open_secrets(prefix).database_key
    store = await open_config_store(f"sqlite:///{prefix / 'config.db'}", key)
    began = time.monotonic()
    try:
        rows = [row for _, row in iterate_rows(read_declarative(data))]
        async with store.writing() as write:
            await write.clear()
            await write.put_all(rows)
    finally:
        await store.close()
    return time.monotonic() - began


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A node of two workers over the database."""

    process: subprocess.Popen[bytes]
    proxy: int
    admin: int


def launch(children: Children, prefix: Path) -> tuple[Site, float]:
    """
    Start it; how long until every worker serves the whole configuration, in seconds.

    The Admin API is there when that is so: control waits for it.
    """
    proxy, admin = free_port(), free_port()
    environ = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("KONG_", "OSTIARY_"))},
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "KONG_PROXY_LISTEN": f"127.0.0.1:{proxy}",
        "KONG_ADMIN_LISTEN": f"127.0.0.1:{admin}",
        "KONG_STATUS_LISTEN": "off",
        "KONG_ADMIN_GUI_LISTEN": "off",
        "KONG_PROXY_ACCESS_LOG": "off",
        "KONG_ADMIN_ACCESS_LOG": "off",
        "OSTIARY_DATABASE": "sqlite",
    }  # fmt: skip
    began = time.monotonic()
    process = children.start(
        "ostiary-scale", sys.executable, "-m", "ostiary", "start",
        "--prefix", str(prefix), "--workers", "2", environ=environ,
    )  # fmt: skip
    site = Site(process=process, proxy=proxy, admin=admin)
    deadline = began + GIVE_UP_S
    while time.monotonic() < deadline:
        try:
            if ask(http.client.HTTPConnection("127.0.0.1", proxy), "/r5/64") == 200:
                children.wait_for(process, admin)
                return site, time.monotonic() - began
        except OSError:
            time.sleep(0.01)
    raise CannotRun(f"no 200 within {GIVE_UP_S:g} s of the start")


def ask(connection: http.client.HTTPConnection, path: str) -> int:
    """One request; its status."""
    connection.request("GET", path)
    reply = connection.getresponse()
    reply.read()
    return reply.status


class Workers:
    """Connections that are spread over both workers."""

    def __init__(self, site: Site) -> None:
        self.open = [
            http.client.HTTPConnection("127.0.0.1", site.proxy, timeout=GIVE_UP_S)
            for _ in range(CONNECTIONS)
        ]

    def wait(self, path: str, status: int) -> None:
        """Until every connection answers so."""
        deadline = time.monotonic() + GIVE_UP_S
        for connection in self.open:
            while ask(connection, path) != status:
                if time.monotonic() > deadline:
                    raise CannotRun(f"{path} is not {status} within {GIVE_UP_S:g} s")


def change(site: Site, path: str) -> None:
    """Give a route another path."""
    connection = http.client.HTTPConnection("127.0.0.1", site.admin, timeout=GIVE_UP_S)
    body = json.dumps({"paths": [path]})
    connection.request(
        "PATCH", "/routes/r5", body, {"Content-Type": "application/json"}
    )
    reply = connection.getresponse()
    if reply.status != 200:
        raise CannotRun(f"the Admin API said {reply.status}: {reply.read()[:200]!r}")
    reply.read()
    connection.close()


def measure_changes(site: Site) -> list[float]:
    """Seconds from the Admin API's reply to the slowest worker, for some changes."""
    workers = Workers(site)
    took = []
    for number in range(CHANGES):
        path = f"/new{number}/"
        change(site, path)
        replied = time.monotonic()
        workers.wait(f"{path}64", 200)
        took.append(time.monotonic() - replied)
    return took


@contextmanager
def changing(site: Site) -> Iterator[None]:
    """Two changes a second while the body runs."""
    over = threading.Event()

    def run() -> None:
        number = 0
        while not over.wait(0.5):
            number += 1
            change(site, f"/more{number}/")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def measure_p99(site: Site) -> float:
    """The 99th of 100 latencies of one request after the other, in seconds."""
    workers = Workers(site).open
    took: list[float] = []
    until = time.monotonic() + QUIET_S
    while time.monotonic() < until:
        for connection in workers:
            began = time.monotonic()
            if ask(connection, "/r7/64") != 200:
                raise CannotRun("a request was not answered with 200")
            took.append(time.monotonic() - began)
    return sorted(took)[len(took) * 99 // 100]


def _say(name: str, value: float, shown: str) -> None:
    limit = LIMITS[name]
    verdict = "met" if value <= limit else "MISSED"
    print(f"{shown}  (≤ {limit:g}: {verdict})")


def run(folder: Path, children: Children, options: Options) -> bool:
    """Write, start, change; print what each costs."""
    rows = int(os.environ.get("SCALE_ROWS") or (200 if options.quick else ROWS))
    upstream = nginx.start_upstream(folder, children)
    prefix = folder / "scale"
    print(f"Ostiary {ostiary.READABLE}, two workers, SQLite")
    print(
        f"{rows} services, routes and plugins, {rows * CONSUMERS_PER_ROW} consumers with keys"
    )
    took = asyncio.run(fill(prefix, declare(upstream, rows)))
    _say("import", took, f"reading and writing them: {took:.1f} s")
    site, first = launch(children, prefix)
    children.stop(site.process)
    site, again = launch(children, prefix)
    _say("start", first, f"first start until every worker serves all: {first:.2f} s")
    _say("start", again, f"later starts until every worker serves all: {again:.2f} s")
    Workers(site).wait("/r5/64", 200)
    latency = spread(measure_changes(site))
    _say("change", latency.high, f"a change, from the reply to the slowest worker: "
         f"{latency.median * 1000:.0f} ms ({latency.low * 1000:.0f}–{latency.high * 1000:.0f})")  # fmt: skip
    quiet = measure_p99(site)
    with changing(site):
        busy = measure_p99(site)
    _say("p99", busy / quiet, f"p99 while two changes a second come: {busy * 1000:.1f} ms, "
         f"quiet {quiet * 1000:.1f} ms, {busy / quiet:.1f} times")  # fmt: skip
    for role in ("worker", "control"):
        size = rss_bytes(find_module(site.process.pid, f"ostiary.node.{role}")) / 1e6
        print(f"memory of the {role}: {size:.0f} MB RSS")
    return True
