"""Nobody is sent more than it takes: memory stays bounded, and everything arrives in the end."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.gateway.decision import Answer, Decision, Peer
from ostiary.http.head import Reply, RequestHead
from ostiary.ports.body import Body
from ostiary.proxy import Limits
from tests.proxy.support import OK, RawClient, Stage, get, post, read_request, soon
from tests.proxy.test_tunnel_and_stop import SWITCH, UPGRADE

STALL_S = 0.25
BOUND = 12_000_000


class Fountain:
    """An upstream that pours until nobody takes any more."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.poured = 0
        self.stalled = asyncio.Event()

    async def __call__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(self.head)
        while self.poured < 3 * BOUND and not writer.is_closing():
            writer.write(b"x" * 50_000)
            self.poured += 50_000
            try:
                await asyncio.wait_for(writer.drain(), STALL_S)
            except TimeoutError:
                self.stalled.set()
                await writer.drain()
        self.stalled.set()


async def serve(stage: Stage, port: int, own: bytes) -> RawClient:
    """`/own` is answered here, everything else by the upstream; the client reads nothing."""

    def decide(head: RequestHead, _peer: Peer, _body: Body) -> Decision:
        if head.target == b"/own":
            return Answer(reply=Reply(status=200, body=own))
        return stage.forward(head, port)

    await stage.serve(decide, narrow=True)
    return await stage.client(limit=1000, narrow=True)


@pytest.mark.parametrize("own", [0, 10_000, 31_000, 200_000])
async def test_a_response_behind_answers_that_nobody_reads_is_held_back(
    stage: Stage, own: int
) -> None:
    """The client may have been full before this response began: nobody tells it again."""
    fountain = Fountain(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n")
    upstream = await stage.upstream(fountain)
    client = await serve(stage, upstream.port, b"y" * own)

    client.send(get(b"/own") * 9 + get(b"/pour"))
    if own < 200_000:  # else the answers alone are more than the client takes
        await soon(fountain.stalled.wait())
        assert fountain.poured < BOUND
    for _ in range(9):
        assert len((await client.reply())[1]) == own
    await client.head()
    await soon(client.reader.readexactly(2_000_000))


async def test_a_tunnel_behind_answers_that_nobody_reads_is_held_back(
    stage: Stage,
) -> None:
    fountain = Fountain(SWITCH)
    upstream = await stage.upstream(fountain)
    client = await serve(stage, upstream.port, b"y" * 31_000)

    client.send(get(b"/own") * 9 + UPGRADE)
    await soon(fountain.stalled.wait())

    assert fountain.poured < BOUND
    for _ in range(9):
        await client.reply()
    assert b"101" in await client.head()
    got = 0
    while got < 3 * BOUND:
        got += len(await soon(client.reader.read(1 << 20)))


async def test_a_tunnel_reads_no_faster_than_the_upstream_takes(stage: Stage) -> None:
    go = asyncio.Event()
    got = 0

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal got
        await read_request(reader)
        writer.write(SWITCH)
        await go.wait()
        while data := await reader.read(1 << 20):
            got += len(data)
        writer.write(b"all")

    await stage.to(handle)
    client = await stage.client()
    client.send(UPGRADE)
    await client.head()
    sent = 0
    with pytest.raises(TimeoutError):  # noqa: PT012 - one of many writes stalls
        while sent < 3 * BOUND:
            client.send(b"x" * 50_000)
            sent += 50_000
            await asyncio.wait_for(client.writer.drain(), STALL_S)
    go.set()
    await soon(client.writer.drain())
    client.writer.write_eof()

    assert await client.rest() == b"all"
    assert got == sent


async def test_many_pipelined_requests_of_all_kinds_arrive_in_order_at_a_slow_client(
    stage: Stage,
) -> None:
    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            head, body = await read_request(reader)
            size = int(head.split(b" ")[1][1:])
            if size % 2:
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"c" * size))
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
                writer.write(b"l" * size)
            assert len(body) in {0, 90_000}

    upstream = await stage.upstream(handle)

    def decide(head: RequestHead, _peer: Peer, _body: Body) -> Decision:
        if head.target.startswith(b"/own"):
            return Answer(reply=Reply(status=200, body=head.target * 3000))
        return stage.forward(head, upstream.port)

    await stage.serve(decide, narrow=True)
    client = await stage.client(limit=5000, narrow=True)
    sizes = [1, 2, 70_000, 70_001, 300_000, 9, 150_001]
    for n in range(6):
        for size in sizes:
            client.send(get(b"/own%d" % n) + get(b"/%d" % size))
        client.send(post(b"z" * 90_000).replace(b"POST /", b"POST /4", 1))
    for n in range(6):
        for size in sizes:
            assert (await client.reply())[1] == b"/own%d" % n * 3000
            assert (await client.reply())[1] == (b"c" if size % 2 else b"l") * size
        assert (await client.reply())[1] == b"llll"


async def test_an_early_reply_while_both_sides_are_stuck_gets_through(
    stage: Stage,
) -> None:
    """The upstream takes no more of the body, but answers: the client must hear it."""
    stuck = asyncio.Event()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await stuck.wait()
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 200000\r\n\r\n")
        writer.write(b"n" * 200_000)
        await asyncio.Event().wait()

    await stage.to(handle)
    client = await stage.client()
    client.send(get(b"/", b"Content-Length: 50000000\r\n", b"POST"))
    with pytest.raises(TimeoutError):  # noqa: PT012 - one of many writes stalls
        for _ in range(500):
            client.send(b"x" * 100_000)
            await asyncio.wait_for(client.writer.drain(), STALL_S)
    stuck.set()

    head, body = await client.reply()
    assert head.startswith(b"HTTP/1.1 403 ")
    assert len(body) == 200_000


async def test_a_client_that_leaves_in_the_middle_of_everything_leaves_nothing(
    stage: Stage,
) -> None:
    fountain = Fountain(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n")
    upstream = await stage.upstream(fountain)
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, upstream.port),
        limits=Limits(tick_ms=10),
        narrow=True,
    )
    for _ in range(5):
        client = await stage.client(limit=1000, narrow=True)
        client.send(get() * 50)
        await client.head()
        client.writer.transport.abort()
        assert (await stage.outcome()).client_gone
    assert stage.proxy is not None
    while stage.proxy.tally().connections:
        await asyncio.sleep(0)
    plane = stage.proxy._plane

    assert len(plane.wheel) == 0
    while plane.pool._open:
        await asyncio.sleep(0)


async def test_a_request_sent_together_with_its_end_is_answered(stage: Stage) -> None:
    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(OK)

    upstream = await stage.upstream(handle)
    client = await serve(stage, upstream.port, b"y")
    client.send(get(b"/own"))
    client.writer.write_eof()

    assert (await client.rest()).endswith(b"\r\n\r\ny")
