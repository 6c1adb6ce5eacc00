"""Short connections at a fixed rate, whatever the answers take: one request each, then closed."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

TICK_S = 0.005
PATIENCE_S = 20
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class _Upstream(asyncio.Protocol):
    """Answers every request with two bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            self._rest = self._rest[end + 4 :]
            self._transport.write(REPLY)


@asynccontextmanager
async def small_upstream() -> AsyncIterator[int]:
    """The port of an upstream that answers at once."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Upstream, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@dataclass(slots=True)
class Tally:
    """What became of the connections."""

    sent: int = 0
    ends: Counter[str] = field(default_factory=Counter)

    @property
    def failures(self) -> dict[str, int]:
        return {end: n for end, n in self.ends.items() if not end.startswith("200")}


async def ask_once(port: int, path: str = "/") -> str:
    """One request on a connection of its own; the status, or what went wrong."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await loop.sock_connect(sock, ("127.0.0.1", port))
            request = (
                f"GET {path} HTTP/1.1\r\nHost: load.test\r\nConnection: close\r\n\r\n"
            )
            await loop.sock_sendall(sock, request.encode())
            answer = b""
            while piece := await loop.sock_recv(sock, 65536):
                answer += piece
    except (OSError, TimeoutError) as error:
        return type(error).__name__
    finally:
        sock.close()
    if not answer.endswith(b"\r\n\r\nok"):
        return f"cut short: {answer[:40]!r}"
    return answer[9:12].decode()


@asynccontextmanager
async def short_connections(
    port: int, *, per_second: int, path: str = "/"
) -> AsyncIterator[Tally]:
    """Connections at this rate while the body runs; at the end all answers are in."""
    tally = Tally()
    tasks: set[asyncio.Task[None]] = set()
    loop = asyncio.get_running_loop()

    async def one() -> None:
        tally.ends[await ask_once(port, path)] += 1

    async def send(stop: Callable[[], bool]) -> None:
        begun = loop.time()
        while not stop():
            due = int((loop.time() - begun) * per_second)
            while tally.sent < due:
                tally.sent += 1
                task = loop.create_task(one())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(TICK_S)

    over = asyncio.Event()
    sender = loop.create_task(send(over.is_set))
    try:
        yield tally
    finally:
        over.set()
        await sender
        await asyncio.gather(*tasks)
