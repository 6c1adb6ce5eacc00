"""Sites of one process: they answer while they are open, and end together."""

from __future__ import annotations

import asyncio
import socket
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ostiary.node.serving import serve_sites

DEADLINE_S = 4  # shorter than what a site that ends waits for its last requests
NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def ask(port: int) -> bytes:
    """The last line of what a site says."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n")
    try:
        return (await reader.read()).rpartition(b"\r\n")[2]
    finally:
        writer.close()


async def refuses(port: int) -> None:
    """Wait until nobody listens there."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            return
        writer.close()
        assert time.monotonic() < deadline, "it still listens"
        await asyncio.sleep(0.02)


async def test_no_site_waits_for_the_last_request_of_another_before_it_ends() -> None:
    arrived: set[str] = set()
    go = asyncio.Event()

    def site(name: str) -> Starlette:
        async def answer(_: Request) -> PlainTextResponse:
            arrived.add(name)
            await go.wait()
            return PlainTextResponse(name)

        return Starlette(routes=[Route("/", answer)])

    socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [sock.getsockname()[1] for sock in socks]
    over = asyncio.Event()

    async def serve() -> None:
        sites = [(site(name), [("plain", s)]) for name, s in zip("ab", socks, strict=True)]  # fmt: skip
        async with serve_sites(sites):
            await over.wait()

    serving = asyncio.create_task(serve())
    asked = [asyncio.create_task(ask(port)) for port in ports]
    async with asyncio.timeout(DEADLINE_S):
        while arrived != {"a", "b"}:
            await asyncio.sleep(0.01)
    over.set()
    for port in ports:
        await refuses(port)
    go.set()

    assert await asyncio.gather(*asked) == [b"a", b"b"]
    await serving


async def test_no_answer_waits_for_the_clients_acknowledgement() -> None:
    told: list[int] = []

    class Watched(socket.socket):
        """Made without a protocol, as the demo's are; tells what its connections do."""

        def accept(self) -> tuple[socket.socket, object]:
            accepted, peer = super().accept()
            told.append(accepted.getsockopt(*NO_DELAY))
            return accepted, peer

    async def answer(_: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    sock = Watched()
    sock.bind(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/", answer)])
    async with serve_sites([(app, [("plain", sock)])]):
        assert await ask(sock.getsockname()[1]) == b"here"

    assert sock.proto == 0
    assert told == [1]
