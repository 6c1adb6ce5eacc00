"""Requests that two servers could read in two ways, and those that ask for too much."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.gateway.decision import Answer
from ostiary.http.head import Reply
from ostiary.proxy import Limits
from tests.proxy.support import Stage, always_ok, get, post, read_request, soon

H = b"Host: a\r\n"
P = b"POST / HTTP/1.1\r\n" + H
CORPUS = [
    (400, P + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, P + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
    (400, P + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (400, P + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    (501, P + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
    (400, P + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    (400, P + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    (400, b"POST / HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, P + b"Content-Length: +5\r\n\r\nhello"),
    (400, P + b"Content-Length: 5,5\r\n\r\nhello"),
    (400, P + b"Content-Length: 5\x0b\r\n\r\nhello"),
    (400, P + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    (400, P + b"Content-Length: -1\r\n\r\n"),
    (400, P + b"Content-Length: 99999999999999999999\r\n\r\n"),
    (400, P + b"Content-Length:\r\n\r\n"),
    (400, P + b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n"),
    (400, P + b"X: a\nTransfer-Encoding: chunked\r\n\r\n"),
    (400, P + b"X: a\rTransfer-Encoding: chunked\r\n\r\n"),
    (400, P + b"X: a\0b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n\r\n"),
    (400, b"GET /\r\n"),
    (505, b"GET / HTTP/2.0\r\n" + H + b"\r\n"),
    (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    (400, b"GET /#x HTTP/1.1\r\n" + H + b"\r\n"),
    (400, b"GET /\x01 HTTP/1.1\r\n" + H + b"\r\n"),
    (400, b"GET /\xff HTTP/1.1\r\n" + H + b"\r\n"),
    (400, b"GET http://b/ HTTP/1.1\r\n" + H + b"\r\n"),
    (405, b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    (405, b"TRACE / HTTP/1.1\r\n" + H + b"\r\n"),
    (417, P + b"Expect: 200-maybe\r\nContent-Length: 1\r\n\r\n"),
    (501, b"NONSENSE / HTTP/1.1\r\n" + H + b"\r\n"),
    (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    (414, b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\n" + H + b"\r\n"),
    (431, b"GET / HTTP/1.1\r\n" + H + b"X: " + b"a" * 66_000 + b"\r\n\r\n"),
    (431, b"GET / HTTP/1.1\r\n" + H + b"X: a\r\n" * 200 + b"\r\n"),
]


@pytest.mark.spec("T-X1")
@pytest.mark.parametrize(("status", "raw"), CORPUS, ids=range(len(CORPUS)))
async def test_doubtful_requests_are_refused_and_nothing_behind_them_is_read(
    stage: Stage, status: int, raw: bytes
) -> None:
    upstream = await stage.to(always_ok)
    client = await stage.client()

    client.send(raw + get(b"/smuggled"))
    answer = await client.rest()

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in answer
    assert upstream.connections == 0
    assert stage.decider.heads == []


@pytest.mark.spec("RFC9112#9.3.2")
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("behind", [b"ET / HTTP/1.1\r\n\r\n", b"GET /\r\n\r\n"])
@pytest.mark.parametrize("first", [get(), post(b"abc")], ids=["get", "post"])
async def test_a_doubtful_request_does_not_cost_the_answer_before_it(
    stage: Stage, first: bytes, behind: bytes, own: bool
) -> None:
    upstream = await stage.upstream(always_ok)
    mine = Answer(reply=Reply(status=200, body=b"ok"))
    await stage.serve(
        lambda head, _p, _b: mine if own else stage.forward(head, upstream.port)
    )
    client = await stage.client()

    client.send(first + behind)
    head, body = await client.reply()
    refusal = await client.rest()

    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b"ok"
    assert refusal[:12] in {b"HTTP/1.1 501", b"HTTP/1.1 400"}
    assert refusal.count(b"HTTP/1.1 ") == 1


async def test_a_body_that_breaks_after_the_answer_does_not_cost_the_answer(
    stage: Stage,
) -> None:
    await stage.serve(lambda _h, _p, _b: Answer(reply=Reply(status=200, body=b"ok")))
    client = await stage.client()

    client.send(get() + P + b"Transfer-Encoding: chunked\r\n\r\n\n0\r\n\r\n" + get())
    answers = await client.rest()

    assert answers.count(b"HTTP/1.1 200 ") == 2
    assert answers.count(b"HTTP/1.1 ") == 2


@pytest.mark.spec("T-X1")
async def test_a_broken_chunk_ends_the_request_for_both_sides(stage: Stage) -> None:
    broken = asyncio.Event()

    async def handle(
        reader: asyncio.StreamReader, _writer: asyncio.StreamWriter
    ) -> None:
        with pytest.raises(asyncio.IncompleteReadError):
            await read_request(reader)
        broken.set()

    await stage.to(handle)
    client = await stage.client()

    client.send(P + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nabc" + get())
    answer = await client.rest()
    outcome = await stage.outcome()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert outcome.status == 400
    assert stage.outcomes.empty()


@pytest.mark.spec("T-X3")
async def test_slow_heads_time_out_and_idle_connections_just_close(
    stage: Stage,
) -> None:
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, 1),
        limits=Limits(tick_ms=10, head_timeout_ms=50),
    )
    slow = await stage.client()
    idle = await stage.client()

    slow.send(b"GET / HT")

    assert (await slow.rest()).startswith(b"HTTP/1.1 408 ")
    assert await idle.is_closed()


@pytest.mark.spec("T-X3")
async def test_idle_keep_alive_ends(stage: Stage) -> None:
    await stage.to(always_ok, limits=Limits(tick_ms=10, keepalive_timeout_ms=50))
    client = await stage.client()

    assert (await client.ask(get()))[1] == b"ok"
    assert await client.is_closed()


@pytest.mark.spec("T-X3")
async def test_a_stalled_body_times_out(stage: Stage) -> None:
    async def handle(
        reader: asyncio.StreamReader, _writer: asyncio.StreamWriter
    ) -> None:
        await reader.read()

    await stage.to(handle, limits=Limits(tick_ms=10, body_timeout_ms=50))
    client = await stage.client()

    client.send(P + b"Content-Length: 5\r\n\r\nab")

    assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
    assert (await soon(stage.outcomes.get())).status == 408
