"""A node without a user pool: two workers, control, an echo upstream. Starts in about a second."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from prometheus_client.parser import text_string_to_metric_families

from ostiary.cli.demo.ports import Ports, choose_ports
from ostiary.cli.demo.sites import echo_app
from ostiary.node.serving import serve_site
from ostiary.node.supervisor import Supervisor
from ostiary.settings import read_settings
from tests.support.node import _listen, bare_environ

DEADLINE_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(slots=True, kw_only=True)
class LeanNode:
    supervisor: Supervisor
    ports: Ports
    prefix: Path

    def _fetch(
        self,
        port: int,
        path: str,
        method: str,
        body: str | None,
        fields: dict[str, str],
    ) -> Got:
        trust = None
        if port in {a.port for a in self.supervisor.settings.status_listen if a.tls}:
            trust = ssl.create_default_context(cafile=self.prefix / "ssl/default.crt")
        connection = (
            http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            if trust is None
            else http.client.HTTPSConnection("127.0.0.1", port, context=trust, timeout=10)
        )  # fmt: skip
        try:
            connection.request(method, path, body, fields)
            reply = connection.getresponse()
            return Got(status=reply.status, headers=reply.headers, body=reply.read())
        finally:
            connection.close()

    async def get(
        self,
        port: int,
        path: str,
        *,
        method: str = "GET",
        body: str | None = None,
        **fields: str,
    ) -> Got:
        """One request on a connection of its own: workers take turns."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        return await asyncio.to_thread(self._fetch, port, path, method, body, named)

    async def proxy(self, path: str, **more: Any) -> Got:
        return await self.get(self.ports.proxy, path, **more)

    async def status(self, path: str, **more: Any) -> Got:
        return await self.get(self.ports.status, path, **more)

    async def configure(self, data: dict[str, Any]) -> None:
        """Post a configuration and wait until every worker serves it."""
        text = json.dumps({"_format_version": "3.0", **data})
        admin = self.ports.admin
        got = await self.get(
            admin, "/config", method="POST", body=text, content_type="application/json"
        )
        assert got.status == 201, got.body

        async def everywhere() -> bool:
            status = (await self.get(admin, "/status")).json()
            wanted = {str(n): status["configuration_hash"] for n in (1, 2)}
            return bool(status["workers"] == wanted)

        await eventually(everywhere)

    async def read_metrics(self, port: int | None = None) -> dict[str, float]:
        """Every sample by its name and labels, as they are written."""
        got = await self.get(port or self.ports.status, "/metrics")
        assert got.status == 200
        return read_samples(got.body.decode())


def read_samples(text: str) -> dict[str, float]:
    return {
        f"{s.name}{json.dumps(s.labels, sort_keys=True)}": s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def total(samples: dict[str, float], name: str, *words: str) -> float:
    """The sum of a metric over the samples whose labels hold all these words."""
    return sum(
        value
        for key, value in samples.items()
        if key.partition("{")[0] == name and all(w in key for w in words)
    )


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait, with a deadline, until something that other processes do is done."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            if await check():
                return
        except (OSError, http.client.HTTPException):
            pass
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)


def portal_settings(ports: Ports) -> dict[str, Any]:
    """A portal on free ports, in a database."""
    return {
        "database": "sqlite",
        "portal": True,
        "portal_gui_listen": f"127.0.0.1:{ports.portal_gui}, 127.0.0.1:{ports.portal_gui_tls} ssl",
        "portal_gui_host": f"127.0.0.1:{ports.portal_gui}",
        "portal_api_listen": f"127.0.0.1:{ports.portal_api}, 127.0.0.1:{ports.portal_api_tls} ssl",
    }


@asynccontextmanager
async def lean_node(
    folder: Path, *, status_flags: str = "", **settings: Any
) -> AsyncIterator[LeanNode]:
    """A started node without a configuration; with a portal only where that is asked for."""
    ports = choose_ports(free=True, say=lambda _: None)
    if settings.get("portal"):
        settings = {**portal_settings(ports), **settings}
    loaded = read_settings(
        file_text=None,
        environ={},
        overrides={
            "prefix": str(folder / "node"),
            "proxy_listen": f"127.0.0.1:{ports.proxy}",
            "admin_listen": f"127.0.0.1:{ports.admin}",
            "status_listen": f"127.0.0.1:{ports.status} {status_flags}",
            "admin_gui_listen": "off",
            "nginx_worker_processes": 2,
            "database": "off",
            **settings,
        },
    ).settings
    supervisor = Supervisor(loaded)
    with mock.patch.dict(os.environ, bare_environ(), clear=True):
        supervisor.prepare()
        echo = AsyncExitStack()
        await echo.enter_async_context(serve_site(echo_app(), _listen(ports.upstream)))
        try:
            await supervisor.start()
            yield LeanNode(supervisor=supervisor, ports=ports, prefix=folder / "node")
        finally:
            await asyncio.gather(supervisor.stop(), echo.aclose())
