"""Limits and timeouts, each with the status it deserves."""

from __future__ import annotations

import asyncio
import time

import pytest

from ostiary.gateway.decision import Answer, Target
from ostiary.http.head import Reply
from ostiary.proxy import Limits
from ostiary.proxy.chunked import LAST_CHUNK, ChunkDecoder, build_chunk
from tests.proxy.support import (
    OK,
    Handler,
    RawClient,
    Stage,
    always_ok,
    get,
    post,
    read_request,
    replies,
    soon,
)

CHUNKED_POST = get(b"/", b"Transfer-Encoding: chunked\r\n", b"POST")
LENGTH = b"Content-Length: 1000000\r\n"


async def answer(stage: Stage, **limits: int) -> RawClient:
    """A client of a proxy that answers everything itself."""
    await stage.serve(
        lambda _h, _p, _b: Answer(reply=Reply(status=200, body=b"fine")),
        limits=Limits(tick_ms=10, **limits),
    )
    return await stage.client()


@pytest.mark.spec("RFC6585#5")
@pytest.mark.parametrize(
    "extra",
    [
        b"".join(b"X-%d: 1\r\n" % n for n in range(10_000)),
        b"X: 1\r\n" * 10_000,
        b"X: " + b"a" * 65_536 + b"\r\n",
        b"X-%b: 1\r\n" % (b"a" * 65_536),
        b"".join(b"X-%d: %b\r\n" % (n, b"a" * 1000) for n in range(66)),
    ],
    ids=["fields", "same-field", "value", "name", "total"],
)
@pytest.mark.parametrize("pieces", [1, 40])
async def test_heads_that_are_too_large_are_refused(
    stage: Stage, extra: bytes, pieces: int
) -> None:
    client = await answer(stage)
    raw = get(b"/", extra)
    size = len(raw) // pieces + 1
    for n in range(0, len(raw), size):
        client.send(raw[n : n + size])
        await asyncio.sleep(0)

    reply = await client.rest()
    assert reply.startswith(b"HTTP/1.1 431 ")
    assert reply.count(b"HTTP/1.1") == 1
    assert stage.decider.heads == []


async def test_heads_just_within_the_limits_are_served(stage: Stage) -> None:
    client = await answer(stage, max_fields=101, max_head_bytes=66_000)
    many = b"".join(b"X-%d: 1\r\n" % n for n in range(100))
    large = b"X: " + b"a" * 65_536 + b"\r\n"

    assert (await client.ask(get(b"/", many)))[1] == b"fine"
    assert (await client.ask(get(b"/", large)))[1] == b"fine"
    assert (await client.ask(get(b"/" + b"a" * 16_383)))[1] == b"fine"


@pytest.mark.spec("RFC9110#15.5.15")
async def test_a_target_that_is_too_long_is_refused(stage: Stage) -> None:
    client = await answer(stage)

    client.send(get(b"/" + b"a" * 16_384))

    assert (await client.rest()).startswith(b"HTTP/1.1 414 ")


async def test_trailers_are_capped(stage: Stage) -> None:
    client = await answer(stage)
    fits = b"".join(b"X-%d: y\r\n" % n for n in range(500))
    ok = await client.ask(CHUNKED_POST + b"1\r\na\r\n0\r\n" + fits + b"\r\n")
    late = await answer_again(stage)
    late.send(CHUNKED_POST + b"1\r\na\r\n0\r\n" + b"X: y\r\n" * 5000)

    assert ok[1] == b"fine"
    assert await late.rest() == b""  # the reply was out before the trailers came


async def answer_again(stage: Stage) -> RawClient:
    client = await stage.client()
    client.send(CHUNKED_POST)
    assert (await client.reply())[1] == b"fine"
    return client


def test_many_tiny_chunks_take_linear_time() -> None:
    def seconds(count: int) -> float:
        raw = build_chunk(b"a") * count + LAST_CHUNK
        best = 1e9
        for _ in range(3):
            begun = time.process_time()
            body, rest = ChunkDecoder().feed(raw)
            best = min(best, time.process_time() - begun)
            assert (len(body), rest) == (count, b"")
        return best

    assert seconds(40_000) < 12 * seconds(10_000)


@pytest.mark.spec("RFC9112#9.3")
async def test_a_connection_ends_after_so_many_requests(stage: Stage) -> None:
    client = await answer(stage, keepalive_requests=3)

    heads = [(await client.ask(get()))[0] for _ in range(3)]

    assert [b"Connection: close" in head for head in heads] == [False, False, True]
    assert await client.is_closed()


async def test_pipelined_requests_beyond_the_last_one_do_not_cost_its_answer(
    stage: Stage,
) -> None:
    client = await answer(stage, keepalive_requests=2, linger_ms=200)

    client.send(get() * 2000)
    got = await client.rest()

    assert got.count(b"HTTP/1.1 200 ") == 2
    assert got.endswith(b"fine")


@pytest.mark.spec("RFC9112#9.6")
async def test_a_close_with_requests_under_way_waits_for_the_client_to_hear_it(
    stage: Stage,
) -> None:
    """An immediate close would be a reset, and the answer would be lost."""
    asked, go = asyncio.Event(), asyncio.Event()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        asked.set()
        await go.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n")
        writer.write(b"x" * 300_000)
        await reader.read()

    await stage.to(handle, limits=Limits(tick_ms=10, keepalive_requests=1))
    client = await stage.client()
    client.send(get())
    await soon(asked.wait())
    client.send(get() * 20_000)
    go.set()
    head, body = await client.reply()

    assert b"Connection: close" in head
    assert len(body) == 300_000


@pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\n", get()[:-2]])
async def test_a_slow_head_times_out_in_all(stage: Stage, sent: bytes) -> None:
    client = await answer(stage, head_timeout_ms=150)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    client.send(sent)

    assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
    assert 0.1 < loop.time() - begun < 2


async def test_a_trickling_head_gains_no_time(stage: Stage) -> None:
    client = await answer(stage, head_timeout_ms=200)
    dripping = asyncio.ensure_future(client.rest())
    raw = get(b"/", b"X: " + b"a" * 60_000)
    for n in range(len(raw)):
        if dripping.done():
            break
        client.send(raw[n : n + 1])
        await asyncio.wait([dripping], timeout=0.01)

    assert (await soon(dripping)).startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_goes_on_is_not_slow(stage: Stage) -> None:
    got: list[int] = []

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        got.append(len((await read_request(reader))[1]))
        writer.write(OK)

    await stage.to(handle, limits=Limits(tick_ms=10, body_timeout_ms=300))
    client = await stage.client()
    client.send(get(b"/", b"Content-Length: 10\r\n", b"POST"))
    for _ in range(10):  # half a second in all, a twentieth in between
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reader.readexactly(1), 0.05)
        client.send(b"x")

    assert (await client.reply())[1] == b"ok"
    assert got == [10]


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send without end, whether or not somebody takes it."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x" * 100_000)
        await writer.drain()


async def test_a_client_that_stops_reading_is_dropped(stage: Stage) -> None:
    ended = asyncio.Event()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await pour(reader, writer)
        finally:
            ended.set()

    await stage.to(handle, limits=Limits(tick_ms=10, write_timeout_ms=150))
    client = await stage.client(limit=100)
    client.send(get())
    await soon(ended.wait())

    assert (await stage.outcome()).status == 200
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await client.reader.readexactly(9_000_000_000)


async def test_a_client_that_reads_slowly_is_not_dropped(stage: Stage) -> None:
    """The write timeout is between two successive reads, not for a whole buffer."""
    body = b"x" * 600_000
    await stage.serve(
        lambda _h, _p, _b: Answer(reply=Reply(status=200, body=body)),
        limits=Limits(tick_ms=10, write_timeout_ms=300),
        narrow=True,
    )
    client = await stage.client(limit=2000, narrow=True)
    client.send(get(b"/", b"Connection: close\r\n"))
    await client.head()
    loop = asyncio.get_running_loop()
    begun, got = loop.time(), 0
    while got < len(body):
        got += len(await soon(client.reader.read(20_000)))
        if loop.time() - begun < 0.9:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.05)

    assert got == len(body)
    assert loop.time() - begun > 0.9


async def served_by(
    stage: Stage,
    handler: Handler,
    *,
    read_timeout_ms: int = 4000,
    write_timeout_ms: int = 4000,
) -> RawClient:
    upstream = await stage.upstream(handler)
    target = Target(
        host="127.0.0.1",
        port=upstream.port,
        read_timeout_ms=read_timeout_ms,
        write_timeout_ms=write_timeout_ms,
    )
    await stage.serve(lambda head, _p, _b: stage.forward(head, 0, target=target))
    return await stage.client()


@pytest.mark.spec("RFC9110#15.6.5")
async def test_an_upstream_that_takes_no_body_is_a_timeout(stage: Stage) -> None:
    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # it can
        await asyncio.Event().wait()

    client = await served_by(stage, handler=handle, write_timeout_ms=150)
    client.send(get(b"/", b"Content-Length: 90000000\r\n", b"POST"))
    reading = asyncio.ensure_future(client.head())
    while not reading.done():
        client.send(b"x" * 100_000)
        await asyncio.wait(
            [reading, asyncio.ensure_future(client.writer.drain())],
            return_when=asyncio.FIRST_COMPLETED,
        )

    assert (await reading).startswith(b"HTTP/1.1 504 ")


async def test_a_read_timeout_is_between_two_reads(stage: Stage) -> None:
    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        for piece in (b"HTTP/1.1 200 OK\r\n", b"Content-Length: 4\r\n\r\n", *b"body"):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.06)
            writer.write(piece if isinstance(piece, bytes) else bytes([piece]))

    client = await served_by(stage, handler=handle, read_timeout_ms=250)

    assert (await client.ask(get()))[1] == b"body"


async def test_the_first_event_of_a_stream_does_not_wait(stage: Stage) -> None:
    more = asyncio.Event()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for _ in range(3):
            writer.write(b"data: 1\n\n")
            await more.wait()
            more.clear()

    await stage.to(handle)
    client = await stage.client()
    client.send(get())
    await client.head()

    for _ in range(3):  # the next one is not sent before this one has been read
        assert await soon(client.reader.readexactly(14)) == b"9\r\ndata: 1\n\n\r\n"
        more.set()
    assert await soon(client.reader.readexactly(5)) == b"0\r\n\r\n"


async def test_a_limit_on_bodies_spares_bodies_without_one(stage: Stage) -> None:
    await stage.to(always_ok, max_body_bytes=3)
    client = await stage.client()

    assert (await client.ask(get()))[1] == b"ok"
    assert (await client.ask(post(b"abc")))[1] == b"ok"
    assert (await client.ask(post(b"abcd")))[0].startswith(b"HTTP/1.1 413 ")


async def test_a_reply_before_a_long_upload_is_heard(stage: Stage) -> None:
    await stage.to(replies(OK), max_body_bytes=10)
    client = await stage.client()

    client.send(get(b"/", LENGTH, b"POST") + b"x" * 500_000)

    head, _ = await client.reply()
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in head
