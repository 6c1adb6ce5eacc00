"""How exchanges end, what crosses, and how fast: early replies, limits, back-pressure."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.gateway.decision import Answer, Decision, Peer
from ostiary.http.head import Reply, RequestHead, ResponseHead, find
from ostiary.ports.body import Body
from ostiary.proxy import Limits
from tests.proxy.support import (
    OK,
    RawClient,
    Stage,
    always_ok,
    echo,
    get,
    post,
    read_request,
    replies,
    soon,
)

CHUNKED_POST = get(b"/", b"Transfer-Encoding: chunked\r\n", b"POST")


async def test_small_unread_bodies_are_drained_and_large_ones_close(
    stage: Stage,
) -> None:
    await stage.serve(lambda _h, _p, _b: Answer(reply=Reply(status=403)))
    client = await stage.client()

    small, _ = await client.ask(post(b"x" * 1000))
    chunked, _ = await client.ask(CHUNKED_POST + b"1\r\na\r\n0\r\n\r\n")
    large, _ = await client.ask(post(b"x" * 100_000))

    assert b"Connection" not in small
    assert b"Connection" not in chunked
    assert b"Connection: close" in large
    assert await client.is_closed()


async def test_an_early_reply_stops_the_upload_and_closes(stage: Stage) -> None:
    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 No\r\nContent-Length: 3\r\n\r\nbig")

    await stage.to(handle)
    client = await stage.client()

    client.send(get(b"/", b"Content-Length: 9000000\r\n", b"POST") + b"x" * 1000)
    head, body = await client.reply()

    assert head.startswith(b"HTTP/1.1 413 No\r\n")
    assert b"Connection: close" in head
    assert body == b"big"
    assert await client.is_closed()


@pytest.mark.spec("T-X3")
@pytest.mark.parametrize("declared", [True, False])
async def test_too_large_bodies_are_refused(stage: Stage, declared: bool) -> None:
    await stage.to(echo, max_body_bytes=10)
    client = await stage.client()

    exact = await client.ask(post(b"0123456789"))
    raw = post(b"0123456789A") if declared else CHUNKED_POST + b"b\r\n0123456789A\r\n"
    head, _ = await client.ask(raw)

    assert exact[0].startswith(b"HTTP/1.1 200 ")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert await client.is_closed()
    assert [(await stage.outcome()).status for _ in range(2)] == [200, 413]


@pytest.mark.spec("T-H4")
async def test_hop_by_hop_fields_stay_on_their_connection(stage: Stage) -> None:
    raw = (
        b"HTTP/1.1 200 OK\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\n"
        b"Keep-Alive: timeout=5\r\nX-Kept: 1\r\nContent-Length: 0\r\n\r\n"
    )

    def edit(head: ResponseHead, _ms: float) -> ResponseHead:
        assert find(head.fields, b"keep-alive") is None
        return head

    upstream = await stage.upstream(replies(raw))

    def decide(head: RequestHead, _peer: Peer, _body: Body) -> Decision:
        added = RequestHead(
            method=head.method,
            target=head.target,
            fields=(*head.fields, (b"X-Userinfo", b"ours")),
        )
        return stage.forward(added, upstream.port, on_response=edit)

    await stage.serve(decide)
    client = await stage.client()
    head, _ = await client.ask(
        get(
            b"/",
            b"Connection: close, X-Userinfo, x-mine, host\r\nX-Mine: 1\r\n"
            b"X-Userinfo: forged\r\nProxy-Connection: x\r\nTE: trailers, deflate\r\n"
            b"Upgrade: h2c\r\n",
        )
    )
    asked = stage.decider.heads[0].fields

    assert asked == ((b"Host", b"gate.test"), (b"TE", b"trailers"))
    assert b"X-Hop" not in head
    assert b"Keep-Alive" not in head
    assert b"X-Kept: 1" in head


async def test_what_reaches_the_upstream_is_made_from_parsed_parts(
    stage: Stage,
) -> None:
    await stage.to(echo)
    client = await stage.client()

    _, body = await client.ask(
        b"GET /a?b=c HTTP/1.1\r\nHost:gate.test  \r\nX-A:\t1 \r\n\r\n"
    )

    assert body == (
        b"GET /a?b=c HTTP/1.1\r\nHost: gate.test\r\nX-A: 1\r\n"
        b"Connection: keep-alive\r\n\r\n"
    )


async def test_a_head_that_would_be_two_is_not_sent(stage: Stage) -> None:
    upstream = await stage.upstream(always_ok)

    def decide(head: RequestHead, _peer: Peer, _body: Body) -> Decision:
        evil = RequestHead(
            method=head.method,
            target=head.target,
            fields=((b"X", b"a\r\nContent-Length: 9"),),
        )
        return stage.forward(evil, upstream.port)

    await stage.serve(decide)
    client = await stage.client()

    head, _ = await client.ask(get())

    assert head.startswith(b"HTTP/1.1 500 ")


async def test_a_failing_decider_costs_one_request(stage: Stage) -> None:
    def decide(_head: RequestHead, _peer: Peer, _body: Body) -> Decision:
        raise RuntimeError("secret")

    await stage.serve(decide)
    client = await stage.client()

    for _ in range(2):
        head, body = await client.ask(get())
        assert head.startswith(b"HTTP/1.1 500 ")
        assert b"secret" not in body


async def test_own_replies_carry_date_and_length(stage: Stage) -> None:
    await stage.serve(lambda _h, _p, _b: Answer(reply=Reply(status=200, body=b"hi")))
    client = await stage.client()

    head, body = await client.ask(get())
    client.send(get(method=b"HEAD"))
    for_head, _ = await client.reply(bodyless=True)

    assert b"\r\nDate: " in head
    assert body == b"hi"
    assert b"Content-Length: 2" in for_head
    assert (await client.ask(get()))[1] == b"hi"


async def _slow_reader_bounds_memory(stage: Stage, client: RawClient) -> int:
    """Bytes the upstream could write while nobody reads."""
    written = 0
    stalled = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            writer.write(b"x" * 100_000)
            written += 100_000
            try:
                await asyncio.wait_for(writer.drain(), 0.5)
            except TimeoutError:
                stalled.set()
                await writer.drain()

    upstream = await stage.upstream(pour)
    stage.decider.decide = lambda head, _p, _b: stage.forward(head, upstream.port)
    client.send(get())
    await soon(stalled.wait())
    return written


async def test_a_slow_reader_slows_the_upstream_down(stage: Stage) -> None:
    await stage.serve(lambda head, _p, _b: stage.forward(head, 1))
    client = await stage.client(limit=1000)

    poured = await _slow_reader_bounds_memory(stage, client)
    head = await client.head()
    got = 0
    while got < 100_000_000:
        got += len(await soon(client.reader.read(1 << 20)))

    assert poured < 30_000_000
    assert head.startswith(b"HTTP/1.1 200 ")
    assert got == 100_000_000


async def test_a_slow_upstream_slows_the_client_down(stage: Stage) -> None:
    go = asyncio.Event()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await go.wait()
        assert b"Content-Length: 50000000" in head
        await reader.readexactly(50_000_000)
        writer.write(OK)

    await stage.to(handle)
    client = await stage.client()
    client.send(get(b"/", b"Content-Length: 50000000\r\n", b"POST"))
    sent = 0
    with pytest.raises(TimeoutError):  # noqa: PT012 - one of many writes stalls
        while sent < 50_000_000:
            client.send(b"x" * 100_000)
            sent += 100_000
            await asyncio.wait_for(client.writer.drain(), 0.5)
    stalled_at = sent
    go.set()
    while sent < 50_000_000:
        client.send(b"x" * 100_000)
        sent += 100_000
        await soon(client.writer.drain())
    _, body = await client.reply()

    assert stalled_at < 30_000_000
    assert body == b"ok"


@pytest.mark.spec("T-X2")
async def test_extra_bytes_behind_a_reply_spoil_the_connection(stage: Stage) -> None:
    upstream = await stage.to(replies(OK + OK, OK))
    client = await stage.client()

    assert (await client.ask(get()))[1] == b"ok"
    assert (await client.ask(get()))[1] == b"ok"
    assert upstream.connections == 2


async def test_a_client_that_leaves_is_reported_once_and_frees_the_upstream(
    stage: Stage,
) -> None:
    arrived = asyncio.Event()
    left = asyncio.Event()

    async def handle(
        reader: asyncio.StreamReader, _writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        arrived.set()
        assert await reader.read() == b""
        left.set()

    await stage.to(handle)
    client = await stage.client()
    client.send(get())
    await soon(arrived.wait())
    client.close()
    outcome = await stage.outcome()
    await soon(left.wait())

    assert (outcome.status, outcome.client_gone) == (499, True)
    assert stage.outcomes.empty()


async def test_the_outcome_counts_what_was_sent(stage: Stage) -> None:
    await stage.to(always_ok)
    client = await stage.client()

    head, body = await client.ask(get())
    outcome = await stage.outcome()

    assert outcome.sent_bytes == len(head) + len(body)
    assert outcome.upstream_status == 200
    assert outcome.upstream_ms is not None
    assert outcome.total_ms >= outcome.upstream_ms


async def test_forward_body_replaces_the_clients(stage: Stage) -> None:
    await stage.to(echo, body=b"replaced")
    client = await stage.client()

    _, body = await client.ask(post(b"original"))

    assert body.endswith(b"\r\n\r\nreplaced")
    assert body.count(b"Content-Length") == 1
    assert (await client.ask(get()))[1].endswith(b"replaced")


async def test_a_client_that_pipelines_but_never_reads_is_held_back(
    stage: Stage,
) -> None:
    big = Reply(status=200, body=b"x" * 200_000)
    await stage.serve(
        lambda _h, _p, _b: Answer(reply=big),
        limits=Limits(tick_ms=10, write_timeout_ms=300),
    )
    client = await stage.client(limit=100)
    client.send(get() * 5000)
    await asyncio.wait_for(_reset(client), 8)

    assert len(stage.decider.heads) < 300


async def _reset(client: RawClient) -> None:
    """Wait until the proxy has given up, without reading."""
    while True:
        try:
            client.send(get())
            await client.writer.drain()
        except ConnectionError:
            return
        if client.writer.transport.is_closing():
            return
        await asyncio.sleep(0)
