"""Raw upstreams, a raw client and a scripted decider, all with deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ostiary.gateway.decision import (
    Decision,
    Forward,
    Outcome,
    Peer,
    Target,
    TlsTo,
)
from ostiary.http.head import Reply, RequestHead
from ostiary.ports.body import Body
from ostiary.proxy import Limits, Listen, Proxy
from ostiary.proxy.resolver import Resolver
from ostiary.proxy.tls import UpstreamTls

PATIENCE_S = 4.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

T = TypeVar("T")

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Decide = Callable[[RequestHead, Peer, Body], Decision]


async def soon(waiting: Awaitable[T]) -> T:
    return await asyncio.wait_for(waiting, PATIENCE_S)


class FakeDecider:
    """Decides what the test says; remembers what it was asked and told."""

    def __init__(self, decide: Decide) -> None:
        self.decide = decide
        self.heads: list[RequestHead] = []
        self.peers: list[Peer] = []
        self.refusals: list[tuple[int, str]] = []

    def on_request(self, head: RequestHead, peer: Peer, body: Body) -> Decision:
        self.heads.append(head)
        self.peers.append(peer)
        return self.decide(head, peer, body)

    def on_bad_request(
        self, status: int, message: str, peer: Peer | None = None
    ) -> Reply:
        self.refusals.append((status, message))
        return Reply(
            status=status,
            fields=((b"Content-Type", b"text/plain"),),
            body=message.encode(),
        )


class Upstream:
    """A server that does exactly what its handler does; counts its connections."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.port = 0

    async def start(
        self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> Upstream:
        self._server = await asyncio.start_server(
            self._serve, host, 0, ssl=tls, limit=1 << 20
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        try:
            await self._handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=PATIENCE_S)
        for writer in self._writers:
            await shut(writer)


async def shut(writer: asyncio.StreamWriter) -> None:
    """Drop a connection and wait until the loop has let go of it."""
    writer.transport.abort()
    with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
        await soon(writer.wait_closed())


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head and body of one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head, await _read_body(reader, head)


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    fields = {
        line.partition(b":")[0].lower(): line.partition(b":")[2].strip()
        for line in head.split(b"\r\n")[1:]
    }
    if b"transfer-encoding" in fields:
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        assert await reader.readexactly(2) == b"\r\n"
        return body
    return await reader.readexactly(int(fields.get(b"content-length", b"0")))


def replies(*raw: bytes) -> Handler:
    """A handler that answers each request of a connection with the next reply."""

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for reply in raw:
            await read_request(reader)
            writer.write(reply)

    return handle


async def always_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(OK)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with the request as it arrived, decoded."""
    while True:
        head, body = await read_request(reader)
        whole = head + body
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(whole))
        writer.write(whole)


class RawClient:
    """A client that sends bytes and reads replies."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def head(self) -> bytes:
        return await soon(self.reader.readuntil(b"\r\n\r\n"))

    async def reply(self, *, bodyless: bool = False) -> tuple[bytes, bytes]:
        head = await self.head()
        body = b"" if bodyless else await soon(_read_body(self.reader, head))
        return head, body

    async def ask(self, raw: bytes) -> tuple[bytes, bytes]:
        self.send(raw)
        return await self.reply()

    async def rest(self) -> bytes:
        """Everything up to the end of the connection, even if it is reset."""
        got = b""
        with contextlib.suppress(ConnectionError):
            while piece := await soon(self.reader.read(65536)):
                got += piece
        return got

    async def is_closed(self) -> bool:
        return await self.rest() == b""

    def close(self) -> None:
        self.writer.close()


class Stage:
    """Starts upstreams, a proxy and clients, and clears up behind them."""

    def __init__(self) -> None:
        self._upstreams: list[Upstream] = []
        self._clients: list[RawClient] = []
        self.proxy: Proxy | None = None
        self.decider = FakeDecider(lambda head, _p, _b: self.forward(head, 1))
        self.outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self.port = 0
        self._host = "127.0.0.1"

    async def upstream(
        self,
        handler: Handler,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> Upstream:
        made = await Upstream(handler).start(tls, host)
        self._upstreams.append(made)
        return made

    def forward(self, head: RequestHead, port: int, **more: object) -> Forward:
        target = more.pop("target", None) or Target(host="127.0.0.1", port=port)
        assert isinstance(target, Target)
        return Forward(
            target=target,
            head=head,
            on_finish=self.outcomes.put_nowait,
            **more,  # type: ignore[arg-type]  # a test's keyword arguments
        )

    async def serve(
        self,
        decide: Decide,
        *,
        tls: ssl.SSLContext | None = None,
        ca_pem: str | None = None,
        client_certificate: tuple[str, str] | None = None,
        limits: Limits | None = None,
        resolver: Resolver | None = None,
        host: str = "127.0.0.1",
        narrow: bool = False,
    ) -> None:
        """Start the proxy; `narrow` keeps the system from holding much for slow clients."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if narrow:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sock.bind((host, 0))
        self._host = host
        self.port = sock.getsockname()[1]
        self.decider = FakeDecider(decide)
        self.proxy = Proxy(
            self.decider,
            limits or Limits(tick_ms=10),
            tls=UpstreamTls(ca_pem=ca_pem, client_certificate=client_certificate),
            resolver=resolver,
        )
        await self.proxy.start([Listen(sock=sock, tls=tls)])

    async def to(
        self, handler: Handler, *, limits: Limits | None = None, **more: object
    ) -> Upstream:
        """Serve, forwarding everything to one upstream."""
        upstream = await self.upstream(handler)
        await self.serve(
            lambda head, _peer, _body: self.forward(head, upstream.port, **more),
            limits=limits,
        )
        return upstream

    async def client(
        self,
        tls: ssl.SSLContext | None = None,
        limit: int = 1 << 20,
        *,
        narrow: bool = False,
        host: str | None = None,
    ) -> RawClient:
        host = host or self._host
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        sock.setblocking(False)
        if narrow:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            await soon(asyncio.get_running_loop().sock_connect(sock, (host, self.port)))
        except BaseException:
            sock.close()
            raise
        reader, writer = await soon(
            asyncio.open_connection(
                sock=sock,
                ssl=tls,
                server_hostname="gate.test" if tls else None,
                limit=limit,
            )
        )
        made = RawClient(reader, writer)
        self._clients.append(made)
        return made

    async def outcome(self) -> Outcome:
        return await soon(self.outcomes.get())

    async def close(self) -> None:
        for client in self._clients:
            await shut(client.writer)
        if self.proxy is not None:
            await soon(self.proxy.stop(0.0))
        for upstream in self._upstreams:
            await upstream.close()


def to_tls(name: str, *, verify: bool = True, ca_pem: str | None = None) -> TlsTo:
    return TlsTo(server_name=name, verify=verify, ca_pem=ca_pem)


def get(
    path: bytes = b"/", extra: bytes = b"", method: bytes = b"GET", minor: int = 1
) -> bytes:
    return b"%b %b HTTP/1.%d\r\nHost: gate.test\r\n%b\r\n" % (
        method,
        path,
        minor,
        extra,
    )


def post(body: bytes, extra: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return get(b"/", length + extra, b"POST") + body
