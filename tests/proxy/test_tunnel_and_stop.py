"""WebSocket tunnels, sessions that end, and a graceful stop."""

from __future__ import annotations

import asyncio
import socket

import pytest

from ostiary.proxy import Listen, serve
from tests.proxy.support import (
    OK,
    FakeDecider,
    RawClient,
    Stage,
    always_ok,
    get,
    read_request,
    soon,
)

UPGRADE = get(
    b"/ws",
    b"Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: k\r\n",
)
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def echo_tunnel(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    head, _ = await read_request(reader)
    assert b"Upgrade: websocket" in head
    assert b"Connection: keep-alive, Upgrade" in head
    assert b"Sec-WebSocket-Key: k" in head
    writer.write(SWITCH + b"early")
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write(b"bye")


async def opened(stage: Stage) -> RawClient:
    client = await stage.client()
    client.send(UPGRADE)
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"Upgrade: websocket" in head
    return client


@pytest.mark.spec("RFC6455#4")
async def test_a_tunnel_carries_bytes_both_ways_and_half_closes(stage: Stage) -> None:
    await stage.to(echo_tunnel)
    client = await opened(stage)

    client.send(b"hello" * 100_000)
    got = await soon(client.reader.readexactly(5 + 500_000))
    client.writer.write_eof()
    rest = await client.rest()
    outcome = await stage.outcome()

    assert got == b"early" + b"hello" * 100_000
    assert rest == b"bye"
    assert outcome.status == 101
    assert outcome.sent_bytes > 500_000


async def test_bytes_sent_before_the_switch_are_not_lost(stage: Stage) -> None:
    await stage.to(echo_tunnel)
    client = await stage.client()

    client.send(UPGRADE + b"eager")
    await client.head()

    assert await soon(client.reader.readexactly(10)) == b"earlyeager"


async def test_an_upstream_may_decline_an_upgrade(stage: Stage) -> None:
    await stage.to(always_ok)
    client = await stage.client()

    assert (await client.ask(UPGRADE))[1] == b"ok"
    assert (await client.ask(get()))[1] == b"ok"


@pytest.mark.spec("T-X10")
async def test_tunnels_end_with_their_session(stage: Stage) -> None:
    await stage.to(echo_tunnel, bound_to=("s1",))
    client = await opened(stage)
    await soon(client.reader.readexactly(5))
    assert stage.proxy is not None

    stage.proxy.session_ended("other")
    client.send(b"still")
    assert await soon(client.reader.readexactly(5)) == b"still"
    stage.proxy.session_ended("s1")

    assert await client.is_closed()
    assert (await stage.outcome()).status == 101


async def test_streams_end_with_their_session(stage: Stage) -> None:
    async def stream(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nevent")
        await reader.read()

    await stage.to(stream, bound_to=("s1",))
    client = await stage.client()
    client.send(get())
    await client.head()
    await soon(client.reader.readexactly(len(b"5\r\nevent\r\n")))
    assert stage.proxy is not None

    stage.proxy.session_ended("s1")

    assert await client.is_closed()


async def test_stopping_finishes_what_is_in_flight_and_closes_what_is_idle(
    stage: Stage,
) -> None:
    arrived = asyncio.Event()
    go = asyncio.Event()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        arrived.set()
        await go.wait()
        writer.write(OK)

    await stage.to(handle)
    busy = await stage.client()
    idle = await stage.client()
    busy.send(get())
    await soon(arrived.wait())
    assert stage.proxy is not None
    stopping = asyncio.ensure_future(stage.proxy.stop(4.0))

    assert await idle.is_closed()
    with pytest.raises(OSError):  # noqa: PT012 - either step may fail
        late = await stage.client()
        late.send(get())
        await late.head()
    assert not stopping.done()
    go.set()
    head, body = await busy.reply()
    await soon(stopping)

    assert b"Connection: close" in head
    assert body == b"ok"
    stage.proxy = None


async def test_stopping_breaks_what_does_not_end_in_time(stage: Stage) -> None:
    await stage.to(echo_tunnel)
    client = await opened(stage)
    assert stage.proxy is not None

    await soon(stage.proxy.stop(0.05))

    assert await client.rest() in {b"", b"early"}
    stage.proxy = None


async def test_serve_runs_until_it_is_told_to_stop(stage: Stage) -> None:
    upstream = await stage.upstream(always_ok)
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    stage.port = sock.getsockname()[1]
    decider = FakeDecider(lambda head, _p, _b: stage.forward(head, upstream.port))
    stop = asyncio.Event()
    serving = asyncio.ensure_future(serve([Listen(sock=sock)], decider, stop=stop))
    while True:
        try:
            client = await stage.client()
            break
        except ConnectionError:
            await asyncio.sleep(0)

    assert (await client.ask(get()))[1] == b"ok"
    stop.set()
    await soon(serving)
    assert await client.is_closed()
