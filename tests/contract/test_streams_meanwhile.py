"""A real node: event streams that are asked for, or open, while their session ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ostiary.cli.demo.trust import prepare_trust
from ostiary.http.exchange import IncomingReply
from tests.support.lean_node import Got, LeanNode, lean_node
from tests.support.node import HOST
from tests.support.provider import CLIENT_ID
from tests.support.tls_provider import ProviderSite

DEADLINE_S = 15
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A node, and the site of a provider."""

    node: LeanNode
    site: ProviderSite


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[World]:
    trust = prepare_trust(folder / "trust", host=HOST, domain_prefix="idp")
    site = ProviderSite(cert=trust.pool_cert, key=trust.pool_key)
    ca_file = str(trust.ca_file)
    async with (
        lean_node(folder, lua_ssl_trusted_certificate=ca_file) as node,
        site.serve(),
    ):
        yield World(node=node, site=site)


class Jar:
    """One browser's cookies."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies: dict[str, str] = {}
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    async def get(self, path: str) -> Got:
        got = await self.world.node.proxy(path, accept="text/html", cookie=self.header)
        for field in got.headers.get_all("Set-Cookie") or []:
            name, _, rest = field.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return got

    async def sign_in(self) -> None:
        begun = await self.get("/p/page")
        query = self.world.site.provider("p").authorize(begun.headers["Location"])
        assert (await self.get(f"/p?{query}")).status == 303

    async def ask_for_stream(self) -> asyncio.StreamReader:
        port = self.world.node.ports.proxy
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET /p/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Accept: text/event-stream\r\nCookie: {self.header}\r\n\r\n".encode()
        )
        self._writers.append(writer)
        return reader

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


class Slow:
    """The provider's answers to a refresh wait until they may go."""

    def __init__(self, provider: Any, patch: pytest.MonkeyPatch) -> None:
        self.asked, self.go = asyncio.Event(), asyncio.Event()
        self._send = provider.send
        patch.setattr(provider, "send", self.send)

    async def send(self, request: Any, limits: Any) -> IncomingReply:
        reply: IncomingReply = await self._send(request, limits)
        if b"grant_type=refresh_token" in request.body:
            self.asked.set()
            await self.go.wait()
        return reply


@asynccontextmanager
async def streams() -> AsyncIterator[int]:
    """The port of an upstream whose answers never end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(STREAM)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def configure(world: World, port: int) -> None:
    guard = {
        "issuer": world.site.provider("p").issuer,
        "client_id": [CLIENT_ID],
        "logout_query_arg": "logout",
        "logout_methods": ["GET"],
        "leeway": 3000,  # refreshed by every request
    }
    plugins = [{"name": "openid-connect", "config": guard}]
    route = {"name": "p", "paths": ["/p"], "plugins": plugins}
    url = f"http://127.0.0.1:{port}"
    await world.node.configure(
        {"services": [{"name": "s", "url": url, "routes": [route]}]}
    )


async def test_a_stream_lives_no_longer_than_its_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        asyncio.timeout(4 * DEADLINE_S),
        running(tmp_path) as world,
        streams() as port,
    ):
        await configure(world, port)
        provider = world.site.provider("p")
        provider.lifetime = 60
        leaves, stays = Jar(world), Jar(world)
        await leaves.sign_in()
        await stays.sign_in()
        slow = Slow(provider, monkeypatch)

        late = await leaves.ask_for_stream()
        await slow.asked.wait()
        slow.asked.clear()
        other = await stays.ask_for_stream()
        await slow.asked.wait()
        assert (await leaves.get("/p/page?logout=1")).status == 302
        slow.go.set()

        assert (await late.readline()).startswith(b"HTTP/1.1 401 ")
        assert (await other.readline()).startswith(b"HTTP/1.1 200 ")
        await other.readuntil(b"data: 1")
        assert (await stays.get("/p/page?logout=1")).status == 302
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await other.readuntil(b"data: 2")
        leaves.close()
        stays.close()
