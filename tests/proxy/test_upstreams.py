"""Upstreams that refuse, stall, vanish or misbehave; decisions that take time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable

import pytest

from ostiary.gateway.decision import (
    Decision,
    Forward,
    Peer,
    Pending,
    Target,
)
from ostiary.http.head import Reply, RequestHead
from ostiary.ports.body import Body, BodyTooLarge
from ostiary.proxy.resolver import resolve_locally
from tests.proxy.support import (
    OK,
    Stage,
    always_ok,
    echo,
    get,
    post,
    read_request,
    replies,
    soon,
)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.mark.spec("RFC9110#15.6.3")
async def test_refused_everywhere_is_a_bad_gateway(stage: Stage) -> None:
    port = free_port()
    await stage.serve(lambda head, _p, _b: stage.forward(head, port))
    client = await stage.client()

    head, _ = await client.ask(post(b"held"))

    assert head.startswith(b"HTTP/1.1 502 ")
    assert (await client.ask(get()))[0].startswith(b"HTTP/1.1 502 ")
    assert (await stage.outcome()).status == 502


async def test_the_deciders_own_error_reply_is_used(stage: Stage) -> None:
    port = free_port()
    reasons: list[str] = []

    def on_error(status: int, reason: str) -> Reply:
        reasons.append(reason)
        return Reply(status=status, body=b"sorry")

    await stage.serve(lambda head, _p, _b: stage.forward(head, port, on_error=on_error))
    client = await stage.client()

    assert (await client.ask(get()))[1] == b"sorry"
    assert len(reasons) == 1


async def _once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request, then close as soon as the next one arrives."""
    await read_request(reader)
    writer.write(OK)
    await reader.readexactly(1)


@pytest.mark.spec("RFC9110#9.2.2")
@pytest.mark.parametrize(
    ("method", "retries", "status"),
    [(b"GET", 5, 200), (b"PUT", 5, 200), (b"POST", 5, 502), (b"GET", 0, 502)],
)
async def test_stale_connections_are_retried_only_where_that_is_safe(
    stage: Stage, method: bytes, retries: int, status: int
) -> None:
    upstream = await stage.to(_once, retries=retries)
    client = await stage.client()
    await client.ask(get())

    body = b"" if method == b"GET" else b"body"
    head, _ = await client.ask(
        get(b"/", b"Content-Length: %d\r\n" % len(body), method) + body
    )

    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert upstream.connections == (2 if status == 200 else 1)


@pytest.mark.spec("RFC9110#15.6.5")
async def test_silence_is_a_gateway_timeout(stage: Stage) -> None:
    async def handle(
        reader: asyncio.StreamReader, _writer: asyncio.StreamWriter
    ) -> None:
        await reader.read()

    upstream = await stage.upstream(handle)
    target = Target(host="127.0.0.1", port=upstream.port, read_timeout_ms=50)
    await stage.serve(lambda head, _p, _b: stage.forward(head, 0, target=target))
    client = await stage.client()

    assert (await client.ask(get()))[0].startswith(b"HTTP/1.1 504 ")
    assert (await stage.outcome()).status == 504


async def test_silence_in_the_middle_breaks_the_reply(stage: Stage) -> None:
    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
        await reader.read()

    upstream = await stage.upstream(handle)
    target = Target(host="127.0.0.1", port=upstream.port, read_timeout_ms=50)
    await stage.serve(lambda head, _p, _b: stage.forward(head, 0, target=target))
    client = await stage.client()

    client.send(get())

    assert (await client.rest()).count(b"ab") <= 1
    assert (await stage.outcome()).status == 200


async def test_an_upstream_that_takes_no_connection_is_a_timeout(stage: Stage) -> None:
    with socket.socket() as full, socket.socket() as filler:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        filler.connect(("127.0.0.1", port))
        target = Target(host="127.0.0.1", port=port, connect_timeout_ms=50)
        await stage.serve(
            lambda head, _p, _b: stage.forward(head, 0, target=target, retries=1)
        )
        client = await stage.client()

        assert (await client.ask(get()))[0].startswith(b"HTTP/1.1 504 ")


@pytest.mark.spec("T-X2")
@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\nX: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
        b"",
    ],
)
async def test_doubtful_replies_are_bad_gateways(stage: Stage, raw: bytes) -> None:
    await stage.to(replies(raw))
    client = await stage.client()

    assert (await client.ask(get()))[0].startswith(b"HTTP/1.1 502 ")


@pytest.mark.spec("RFC6761#6.3")
def test_localhost_names_never_reach_a_resolver() -> None:
    assert resolve_locally("app.LOCALHOST") == ("127.0.0.1", "::1")
    assert resolve_locally("localhost.") == ("127.0.0.1", "::1")
    assert resolve_locally("notlocalhost") == ()


async def test_localhost_names_are_reached(stage: Stage) -> None:
    upstream = await stage.upstream(always_ok)
    target = Target(host="app.localhost", port=upstream.port)
    await stage.serve(lambda head, _p, _b: stage.forward(head, 0, target=target))
    client = await stage.client()

    assert (await client.ask(get()))[1] == b"ok"


def pending(decision: Awaitable[Forward]) -> Pending:
    return Pending(decision)


@pytest.mark.parametrize("size", [5, 200_000])
async def test_a_body_that_was_read_is_replayed(stage: Stage, size: int) -> None:
    upstream = await stage.upstream(echo)
    read: list[int] = []

    def decide(head: RequestHead, _peer: Peer, body: Body) -> Decision:
        async def later() -> Forward:
            try:
                read.append(len(await body.read(100_000)))
            except BodyTooLarge:
                read.append(-1)
            return stage.forward(head, upstream.port)

        return pending(later())

    await stage.serve(decide)
    client = await stage.client()

    _, echoed = await client.ask(post(b"x" * size))
    chunked = get(b"/", b"Transfer-Encoding: chunked\r\n", b"POST")
    client.send(chunked + (b"%x\r\n" % size) + b"y" * size + b"\r\n0\r\n\r\n")
    _, again = await client.reply()

    assert echoed.endswith(b"\r\n\r\n" + b"x" * size)
    assert again.endswith(b"\r\n\r\n" + b"y" * size)
    assert read == ([5, 5] if size == 5 else [-1, -1])


async def test_a_pending_decision_is_cancelled_with_its_client(stage: Stage) -> None:
    waiting = asyncio.Event()
    cancelled = asyncio.Event()

    def decide(_head: RequestHead, _peer: Peer, _body: Body) -> Decision:
        async def forever() -> Forward:
            waiting.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
            raise AssertionError

        return pending(forever())

    await stage.serve(decide)
    client = await stage.client()
    client.send(get())
    await soon(waiting.wait())
    client.close()

    await soon(cancelled.wait())


async def test_a_pending_decision_that_fails_costs_one_request(stage: Stage) -> None:
    def decide(_head: RequestHead, _peer: Peer, _body: Body) -> Decision:
        async def broken() -> Forward:
            raise RuntimeError

        return pending(broken())

    await stage.serve(decide)
    client = await stage.client()

    assert (await client.ask(get()))[0].startswith(b"HTTP/1.1 500 ")
    assert (await client.ask(get()))[0].startswith(b"HTTP/1.1 500 ")
