"""
A proxy, an upstream that believes nothing, and clients that send anything; all in one loop.

The upstream reads strictly and notes every byte that is not part of a well-formed request. It
answers in the way the request asks for, with the request's number in every body.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Coroutine
from typing import TypeVar

import uvloop

from ostiary.gateway.decision import (
    Answer,
    Decision,
    Forward,
    Peer,
    Target,
)
from ostiary.http.head import Reply, RequestHead, find
from ostiary.ports.body import Body
from ostiary.proxy import Limits, Listen, Proxy
from tests.fuzz.model import Message, Reading, read_requests
from tests.fuzz.streams import cut

T = TypeVar("T")

LINE = re.compile(rb"([A-Z-]+) [!-~]+ HTTP/1\.1\r\n")
FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([^\r\n\0]*)\r\n")
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")
PATIENCE_S = 5.0


class Foul(Exception):
    """Something on the wire that nobody may say."""


async def read_head(
    reader: asyncio.StreamReader, line: re.Pattern[bytes]
) -> tuple[bytes, dict[bytes, bytes]]:
    """The interesting part of the first line, and the fields; strictly."""
    head = await reader.readuntil(b"\r\n\r\n")
    first = line.match(head)
    if first is None:
        raise Foul(head)
    fields: dict[bytes, bytes] = {}
    at = first.end()
    while head[at : at + 2] != b"\r\n":
        found = FIELD.match(head, at)
        if found is None:
            raise Foul(head)
        name = found[1].lower()
        if name in fields and name in {b"content-length", b"transfer-encoding"}:
            raise Foul(head)
        fields.setdefault(name, found[2])
        at = found.end()
    if at + 2 != len(head) or fields.keys() >= {
        b"content-length",
        b"transfer-encoding",
    }:
        raise Foul(head)
    return first[1], fields


async def read_body(reader: asyncio.StreamReader, fields: dict[bytes, bytes]) -> bytes:
    if fields.get(b"transfer-encoding", b"chunked") != b"chunked":
        raise Foul(fields)
    if b"transfer-encoding" not in fields:
        return await reader.readexactly(int(fields.get(b"content-length", b"0")))
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        if re.fullmatch(rb"[0-9a-f]+\r\n", line) is None:
            raise Foul(line)
        piece = await reader.readexactly(int(line, 16) + 2)
        if piece[-2:] != b"\r\n":
            raise Foul(piece)
        if len(piece) == 2:
            return body
        body += piece[:-2]


class Listener(asyncio.Protocol):
    """Keeps what arrives, also where the connection is reset behind it."""

    def __init__(self) -> None:
        self.got = b""
        self.over = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.got += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()


class Arena:
    """Lives as long as a test; each example is one or two client connections."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.heard: list[tuple[bytes, bytes]] = []
        self.fouls: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.run(self._start())

    def run(self, doing: Coroutine[object, object, T]) -> T:
        return self._runner.run(doing)

    def close(self) -> None:
        self.run(self._stop())
        self._runner.close()

    async def _start(self) -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, context: self.fouls.append(repr(context))
        )
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        upstream = self._server.sockets[0].getsockname()[1]
        self._target = Target(host="127.0.0.1", port=upstream, read_timeout_ms=300)
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        self._port = sock.getsockname()[1]
        limits = Limits(
            tick_ms=5,
            head_timeout_ms=25,
            body_timeout_ms=25,
            linger_ms=25,
            keepalive_timeout_ms=25,
        )
        self._proxy = Proxy(self, limits)
        await self._proxy.start([Listen(sock=sock)])

    async def _stop(self) -> None:
        await self._proxy.stop(0.0)
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(10):  # what was aborted is closed a turn later
            await asyncio.sleep(0)

    # What the proxy asks

    def on_request(self, head: RequestHead, peer: Peer, body: Body) -> Decision:
        if head.target.startswith(b"/a?"):
            number = find(head.fields, b"x-id") or b""
            return Answer(reply=Reply(status=200, body=b"id=" + number + b";"))
        return Forward(target=self._target, head=head, retries=2)

    def on_bad_request(
        self, status: int, message: str, peer: Peer | None = None
    ) -> Reply:
        return Reply(status=status, body=message.encode())

    # The upstream

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except Foul as foul:
            self.fouls.append(repr(foul))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        method, fields = await read_head(reader, LINE)
        body = await read_body(reader, fields)
        number = fields.get(b"x-id", b"")
        self.heard.append((number, body))
        text = b"" if method == b"HEAD" else b"id=" + number + b";"
        plain = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text)
        kind = fields.get(b"x-kind", b"plain")
        if method == b"HEAD":
            kind = b"plain" if kind in {b"chunked", b"until-close", b"cut"} else kind
        if kind == b"chunked":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for n in range(len(text)):
                writer.write(b"1\r\n" + text[n : n + 1] + b"\r\n")
            writer.write(b"0\r\nX-T: 1\r\n\r\n")
        elif kind == b"extra":
            evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
            writer.write(plain + text + evil)
        elif kind == b"until-close":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + text)
            return False
        elif kind == b"cut":
            writer.write(plain + text[:-1])
            return False
        elif kind == b"interim":
            writer.write(b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" + plain + text)
        elif kind == b"empty":
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        else:
            writer.write(plain + text)
        return True

    # The clients

    async def _say(self, raw: bytes, points: list[int]) -> bytes:
        """Everything the proxy answers to a stream that arrives in pieces."""
        loop = asyncio.get_running_loop()
        transport, listener = await loop.create_connection(
            Listener, "127.0.0.1", self._port
        )
        for part in cut(raw, points):
            if transport.is_closing():
                break
            transport.write(part)
            await asyncio.sleep(0)
        await asyncio.wait_for(listener.over.wait(), PATIENCE_S)
        return listener.got

    async def _settle(self) -> None:
        """Wait until the proxy has let go of every client."""
        async with asyncio.timeout(PATIENCE_S):
            while self._proxy.tally().connections:
                await asyncio.sleep(0)

    async def check(self, streams: list[tuple[bytes, list[int]]]) -> None:
        """Send each stream on a connection of its own, and hold all answers against the model."""
        for raw, points in streams:
            self.heard.clear()
            answer = await self._say(raw, points)
            await self._settle()
            reading = read_requests([raw])
            assert self.fouls == []
            assert b"evil" not in answer
            self._check_heard(reading)
            await self._check_answers(reading, answer)

    def _check_heard(self, reading: Reading) -> None:
        """Nothing but what was framed, in its order, has reached the upstream."""
        framed = [
            (message.number, message.body)
            for message in reading.messages
            if not message.head.target.startswith(b"/a?")
        ]
        heard = [*self.heard]
        assert heard == framed[: len(heard)]

    async def _check_answers(self, reading: Reading, raw: bytes) -> None:
        """The n-th answer is the n-th request's; at most one more, which refuses."""
        reader = asyncio.StreamReader()
        reader.feed_data(raw)
        reader.feed_eof()
        for message in [*reading.messages, None]:
            try:
                status, fields = await read_head(reader, STATUS)
                while status == b"100":
                    status, fields = await read_head(reader, STATUS)
                await self._check_answer(message, status, fields, reader)
            except asyncio.IncompleteReadError:
                # Only an upstream that broke off may leave a request without its answer.
                assert message is None or message.kind in {b"cut", b"until-close"}
                return
            if fields.get(b"connection") == b"close":
                break
        assert await reader.read() == b""

    async def _check_answer(
        self,
        message: Message | None,
        status: bytes,
        fields: dict[bytes, bytes],
        reader: asyncio.StreamReader,
    ) -> None:
        if message is None:
            assert int(status) >= 400 or not fields.keys() & {b"x-id"}
            assert b"evil" not in await read_body(reader, fields)
            return
        if message.head.method == b"HEAD" or status in {b"204", b"304"}:
            return
        framed = fields.keys() & {b"content-length", b"transfer-encoding"}
        if framed:
            body = await read_body(reader, fields)
        else:  # until the end; a reset may have cut it short
            assert message.head.minor == 0
            body = await reader.read()
        if status == b"200":
            mine = b"id=" + message.number + b";"
            assert body == mine or (not framed and mine.startswith(body))
        else:  # the upstream failed, or the machine was too busy for these short timeouts
            assert status in {b"408", b"502", b"504"}
            assert b"id=" not in body
