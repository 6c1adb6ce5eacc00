"""The processes beside the gateway: upstream, load, provider. Each is run by `run.py`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

REPLY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 64\r\n\r\n"
    + b"x" * 64
)


class Upstream(asyncio.Protocol):
    """Answers every request with 64 bytes."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        self.rest += data
        count = self.rest.count(b"\r\n\r\n")
        if count:
            self.rest = self.rest[self.rest.rindex(b"\r\n\r\n") + 4 :]
            self.transport.write(REPLY * count)


class Client(asyncio.Protocol):
    """One kept-alive connection that asks again as soon as it is answered."""

    def __init__(
        self, requests: list[bytes], start: int, counter: list[int], stop: float
    ) -> None:
        self.requests = requests
        self.at = start
        self.counter = counter
        self.stop = stop
        self.rest = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.transport.write(self.requests[self.at % len(self.requests)])
        self.at += 1

    def data_received(self, data: bytes) -> None:
        self.rest += data
        end = self.rest.find(b"\r\n\r\n")
        if end < 0 or len(self.rest) < end + 4 + 64:
            return
        if not self.rest.startswith(b"HTTP/1.1 200"):
            self.counter[1] += 1
        self.counter[0] += 1
        self.rest = b""
        if time.monotonic() > self.stop:
            self.transport.close()
            if not self.done.done():
                self.done.set_result(None)
        else:
            self.ask()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.counter[1] += 1
            self.done.set_result(None)


async def upstream(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


async def load(port: int, file: str, seconds: float) -> None:
    requests = [r.encode("latin-1") for r in json.loads(Path(file).read_text())]
    loop = asyncio.get_running_loop()
    counter = [0, 0]
    started = time.monotonic()
    clients = []
    for number in range(32):
        start = number * 31
        _, client = await loop.create_connection(
            lambda start=start: Client(requests, start, counter, started + seconds),
            "127.0.0.1",
            port,
        )
        clients.append(client)
    await asyncio.gather(*(c.done for c in clients))
    took = time.monotonic() - started
    print(json.dumps({"requests": counter[0], "failed": counter[1], "seconds": took}))


async def provider(port: int, file: str) -> None:
    documents: dict[str, Any] = json.loads(Path(file).read_text())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        path = line.split(b" ")[1].decode() if line else "/"
        body = json.dumps(documents.get(path, {})).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            % len(body)
            + body
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    role, port, *rest = sys.argv[1:]
    match role:
        case "upstream":
            uvloop.run(upstream(int(port)))
        case "provider":
            uvloop.run(provider(int(port), rest[0]))
        case "load":
            uvloop.run(load(int(port), rest[0], float(rest[1])))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
