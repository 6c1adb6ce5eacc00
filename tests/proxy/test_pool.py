"""Lending connections: as many as allowed, in order, and only those that are good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ostiary.gateway.decision import Target
from ostiary.proxy import Limits
from ostiary.proxy.pool import UpstreamPool
from ostiary.proxy.tls import UpstreamTls
from ostiary.proxy.upstream import UpstreamConnection
from tests.proxy.support import (
    OK,
    RawClient,
    Stage,
    Upstream,
    always_ok,
    get,
    read_request,
    replies,
    soon,
)


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


class Lender:
    """A pool, a quiet upstream, and what was borrowed."""

    def __init__(self, upstream: Upstream, limits: Limits) -> None:
        self.pool = UpstreamPool(limits, UpstreamTls())
        self.target = Target(host="127.0.0.1", port=upstream.port)
        self.key = (self.target.host, self.target.port, None)
        self.now = 0.0

    async def borrow(self) -> UpstreamConnection:
        idle = self.pool.take(self.target)
        return await soon(self.pool.connect(self.target)) if idle is None else idle

    async def waiting(self) -> asyncio.Task[UpstreamConnection]:
        """Somebody who has to wait for a connection, and does."""
        before = len(self.pool._queues.get(self.key, ()))
        made = asyncio.ensure_future(self.pool.connect(self.target))
        while len(self.pool._queues.get(self.key, ())) == before:
            await asyncio.sleep(0)
        return made

    async def gone(self, connection: UpstreamConnection) -> None:
        """Break a connection and wait until the pool knows."""
        before = self.pool._open.get(self.key, 0)
        waiting = len(self.pool._queues.get(self.key, ()))
        connection.close()
        while (
            self.pool._open.get(self.key, 0) == before
            and len(self.pool._queues.get(self.key, ())) == waiting
        ):
            await asyncio.sleep(0)


@pytest.fixture
async def two(stage: Stage) -> AsyncIterator[Lender]:
    """At most two connections, of three requests each."""
    lender = Lender(
        await stage.upstream(silent),
        Limits(pool_max_per_key=2, pool_requests=3, pool_idle_ms=1000),
    )
    yield lender
    lender.pool.close()


async def test_the_youngest_idle_connection_is_lent_first(two: Lender) -> None:
    one, other = await two.borrow(), await two.borrow()
    two.pool.put(one, 0.0)
    two.pool.put(other, 1.0)

    assert two.pool.take(two.target) is other
    assert two.pool.take(two.target) is one
    assert two.pool.take(two.target) is None
    assert (two.pool.opened, two.pool.reused) == (2, 2)


async def test_whoever_comes_when_all_are_busy_waits_in_order(two: Lender) -> None:
    one, other = await two.borrow(), await two.borrow()
    assert two.pool.is_full(two.target)
    first, second = await two.waiting(), await two.waiting()
    two.pool.put(one, 0.0)

    assert await soon(first) is one
    assert not second.done()
    two.pool.put(other, 0.0)
    assert await soon(second) is other
    assert two.pool.opened == 2
    assert two.pool._queues == {}


async def test_who_stops_waiting_leaves_no_trace_and_takes_no_turn(two: Lender) -> None:
    one, _ = await two.borrow(), await two.borrow()
    first, second = await two.waiting(), await two.waiting()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first

    assert len(two.pool._queues[two.key]) == 1
    two.pool.put(one, 0.0)
    assert await soon(second) is one


async def test_a_connection_given_to_who_stops_waiting_is_given_on(two: Lender) -> None:
    one, _ = await two.borrow(), await two.borrow()
    first, second = await two.waiting(), await two.waiting()
    two.pool.put(one, 0.0)
    first.cancel()

    assert await soon(second) is one
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_place_that_is_free_is_given_on_too(two: Lender) -> None:
    one, _ = await two.borrow(), await two.borrow()
    first, second = await two.waiting(), await two.waiting()
    await two.gone(one)
    first.cancel()
    made = await soon(second)

    assert made is not one
    assert not made.lost
    assert two.pool._open[two.key] == 2


async def test_a_connection_that_breaks_on_the_way_is_replaced(two: Lender) -> None:
    one, _ = await two.borrow(), await two.borrow()
    waiting = await two.waiting()
    two.pool.put(one, 0.0)
    one.close()  # before the one who waited could run
    made = await soon(waiting)

    assert made is not one
    assert not made.lost


async def test_a_worn_connection_is_not_handed_over(two: Lender) -> None:
    one, _ = await two.borrow(), await two.borrow()
    for _ in range(2):
        two.pool.put(one, 0.0)
        assert two.pool.take(two.target) is one
    waiting = await two.waiting()
    two.pool.put(one, 0.0)  # its third request

    assert await soon(waiting) is not one
    assert one.lost


async def test_a_failed_attempt_gives_its_place_back(two: Lender) -> None:
    busy = [await two.borrow(), await two.borrow()]
    for connection in busy:
        await two.gone(connection)

    assert two.pool._open == {}
    nobody = Target(host="127.0.0.1", port=1)
    for _ in range(5):
        with pytest.raises(Exception, match="failed"):
            await soon(two.pool.connect(nobody))
    assert two.pool._open == {}


@pytest.mark.parametrize("host", ["a..b", "", "x\0y"])
async def test_an_address_that_makes_no_sense_is_a_failed_attempt(
    two: Lender, host: str
) -> None:
    with pytest.raises(Exception, match=r"name resolution|failed|sense"):
        await soon(two.pool.connect(Target(host=host, port=1)))
    with pytest.raises(Exception, match=r"failed|sense"):
        await soon(two.pool.connect(Target(host="127.0.0.1", port=99_999)))
    assert two.pool._open == {}


async def test_what_was_idle_for_too_long_is_closed(two: Lender) -> None:
    one, other = await two.borrow(), await two.borrow()
    two.pool.put(one, 0.0)
    two.pool.put(other, 5.0)
    two.pool.sweep(5.5)

    assert one.lost
    assert two.pool.idle == 1
    assert two.pool.take(two.target) is other


async def test_an_idle_connection_that_is_sent_bytes_is_dropped(stage: Stage) -> None:
    speak = asyncio.Event()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(OK)
        await speak.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await reader.read()

    upstream = await stage.to(handle)
    client = await stage.client()
    await client.ask(get())
    assert stage.proxy is not None
    assert stage.proxy.tally().upstream_idle == 1
    speak.set()
    while stage.proxy.tally().upstream_idle:
        await asyncio.sleep(0)

    assert (await client.ask(get()))[1] == b"ok"
    assert upstream.connections == 2


async def test_connections_end_after_so_many_requests(stage: Stage) -> None:
    upstream = await stage.to(always_ok, limits=Limits(tick_ms=10, pool_requests=2))
    client = await stage.client()

    for _ in range(6):
        assert (await client.ask(get()))[1] == b"ok"
    assert upstream.connections == 3


async def _hold_one(stage: Stage, limits: Limits) -> tuple[RawClient, asyncio.Event]:
    """One client whose request occupies the only connection until the event is set."""
    arrived, go = asyncio.Event(), asyncio.Event()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await read_request(reader)
            arrived.set()
            await go.wait()
            writer.write(OK)

    upstream = await stage.upstream(handle)
    target = Target(host="127.0.0.1", port=upstream.port, connect_timeout_ms=100)
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, 0, target=target), limits=limits
    )
    holder = await stage.client()
    holder.send(get())
    await soon(arrived.wait())
    return holder, go


async def test_a_full_upstream_is_unavailable_after_the_connect_timeout(
    stage: Stage,
) -> None:
    holder, go = await _hold_one(stage, Limits(tick_ms=10, pool_max_per_key=1))
    late = await stage.client()

    head, _ = await late.ask(get())
    go.set()

    assert head.startswith(b"HTTP/1.1 503 ")
    assert (await holder.reply())[1] == b"ok"
    assert (await late.ask(get()))[1] == b"ok"


async def test_clients_share_one_connection_in_turn(stage: Stage) -> None:
    holder, go = await _hold_one(stage, Limits(tick_ms=10, pool_max_per_key=1))
    go.set()
    clients = [await stage.client() for _ in range(10)]
    for client in clients:
        client.send(get())

    answers = [await client.reply() for client in [holder, *clients]]
    assert [body for _, body in answers] == [b"ok"] * 11
    assert stage.proxy is not None
    assert stage.proxy.tally().upstream_opened == 1


async def test_extra_bytes_behind_a_reply_are_nobodys(stage: Stage) -> None:
    upstream = await stage.to(replies(OK + b"x", OK))
    client = await stage.client()

    assert (await client.ask(get()))[1] == b"ok"
    assert (await client.ask(get()))[1] == b"ok"
    assert upstream.connections == 2
