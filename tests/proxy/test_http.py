"""Plain exchanges: keep-alive, order, framing both ways, endings."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.gateway.decision import Answer, Decision, Peer
from ostiary.http.head import Reply, RequestHead
from ostiary.ports.body import Body
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

CHUNKED_POST = get(b"/", b"Transfer-Encoding: chunked\r\n", b"POST")


@pytest.mark.spec("RFC9112#9.3")
async def test_both_connections_are_kept_for_the_next_request(stage: Stage) -> None:
    upstream = await stage.to(always_ok)
    client = await stage.client()

    answers = [await client.ask(get()) for _ in range(5)]

    assert [body for _, body in answers] == [b"ok"] * 5
    assert upstream.connections == 1


@pytest.mark.spec("RFC9112#9.3")
@pytest.mark.parametrize(
    ("raw", "lasts"),
    [
        (get(minor=0), False),
        (get(b"/", b"Connection: keep-alive\r\n", minor=0), True),
        (get(b"/", b"Connection: close\r\n"), False),
        (get(b"/", b"Connection: Close, x-private\r\n"), False),
    ],
)
async def test_a_client_decides_whether_its_connection_lasts(
    stage: Stage, raw: bytes, lasts: bool
) -> None:
    await stage.to(always_ok)
    client = await stage.client()

    head, body = await client.ask(raw)

    assert body == b"ok"
    assert (b"Connection: close" in head) is not lasts
    if lasts:
        assert (await client.ask(raw))[1] == b"ok"
    else:
        assert await client.is_closed()


@pytest.mark.spec("RFC9112#9.3.2")
async def test_pipelined_requests_are_answered_in_order(stage: Stage) -> None:
    upstream = await stage.upstream(echo)

    def decide(head: RequestHead, _peer: Peer, _body: Body) -> Decision:
        if head.target.startswith(b"/own"):
            return Answer(reply=Reply(status=200, body=head.target))
        return stage.forward(head, upstream.port)

    await stage.serve(decide)
    client = await stage.client()

    client.send(get(b"/a") + get(b"/own1") + post(b"body") + get(b"/own2") + get(b"/b"))
    bodies = [(await client.reply())[1] for _ in range(5)]

    assert bodies[0].startswith(b"GET /a ")
    assert bodies[1] == b"/own1"
    assert bodies[2].endswith(b"\r\n\r\nbody")
    assert bodies[3] == b"/own2"
    assert bodies[4].startswith(b"GET /b ")


async def test_a_thousand_pipelined_answers_need_no_recursion(stage: Stage) -> None:
    await stage.serve(lambda _h, _p, _b: Answer(reply=Reply(status=204)))
    client = await stage.client()

    client.send(get() * 2000)

    for _ in range(2000):
        assert (await client.head()).startswith(b"HTTP/1.1 204 ")


async def test_a_client_that_pipelines_does_not_keep_others_waiting(
    stage: Stage,
) -> None:
    await stage.serve(lambda _h, _p, _b: Answer(reply=Reply(status=204)))
    greedy, modest = await stage.client(), await stage.client()
    await modest.ask(get())

    greedy.send(get() * 1500)
    modest.send(get(b"/modest"))
    await modest.head()
    before = len(stage.decider.heads)
    for _ in range(1500):
        assert (await greedy.head()).startswith(b"HTTP/1.1 204 ")

    assert before < 1000
    assert len(stage.decider.heads) == 1502


@pytest.mark.spec("RFC9112#2.2")
async def test_heads_may_arrive_byte_by_byte(stage: Stage) -> None:
    await stage.to(echo)
    client = await stage.client()

    for byte in b"\r\n" + post(b"hello"):
        client.send(bytes([byte]))
        await asyncio.sleep(0)
    _, body = await client.reply()

    assert body.endswith(b"\r\n\r\nhello")


@pytest.mark.spec("RFC9112#7.1")
async def test_chunked_bodies_pass_both_ways_without_extensions_or_trailers(
    stage: Stage,
) -> None:
    seen: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        seen.put_nowait(await read_request(reader))
        writer.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
            b"3;a=b\r\nfoo\r\n3\r\nbar\r\n0\r\nX-T: 1\r\n\r\n"
        )

    await stage.to(handle)
    client = await stage.client()

    client.send(CHUNKED_POST + b"4;x=y\r\nWiki\r\n")
    client.send(b"5\r\npedia\r\n0\r\nX-Evil: 1\r\n\r\n")
    head, body = await client.reply()
    sent_head, sent_body = await soon(seen.get())

    assert body == b"foobar"
    assert b"X-T" not in head
    assert b"Transfer-Encoding: chunked" in head
    assert sent_body == b"Wikipedia"
    assert b"X-Evil" not in sent_head


async def test_http_1_0_clients_never_get_chunks(stage: Stage) -> None:
    reply = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfoo\r\n0\r\n\r\n"
    )
    await stage.to(replies(reply))
    client = await stage.client()

    client.send(get(b"/", b"Connection: keep-alive\r\n", minor=0))
    head = await client.head()

    assert b"chunked" not in head
    assert b"Connection: close" in head
    assert await client.rest() == b"foo"


async def test_close_delimited_replies_become_chunked(stage: Stage) -> None:
    await stage.to(replies(b"HTTP/1.0 200 OK\r\n\r\nuntil the end"))
    client = await stage.client()

    head, body = await client.ask(get())

    assert b"Transfer-Encoding: chunked" in head
    assert body == b"until the end"


@pytest.mark.spec("RFC9112#6.3")
@pytest.mark.parametrize(
    ("method", "raw"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
    ],
)
async def test_bodyless_replies_leave_both_connections_usable(
    stage: Stage, method: bytes, raw: bytes
) -> None:
    upstream = await stage.to(replies(raw, OK))
    client = await stage.client()

    client.send(get(method=method))
    head, _ = await client.reply(bodyless=True)

    assert (b"Content-Length: 5" in raw) is (b"Content-Length: 5" in head)
    assert (await client.ask(get()))[1] == b"ok"
    assert upstream.connections == 1


@pytest.mark.spec("RFC9110#15.2")
async def test_interim_responses_are_swallowed(stage: Stage) -> None:
    raw = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK
    )
    await stage.to(replies(raw, OK))
    client = await stage.client()

    head, body = await client.ask(get())

    assert head.startswith(b"HTTP/1.1 200 OK")
    assert body == b"ok"
    assert (await client.ask(get()))[1] == b"ok"


@pytest.mark.spec("RFC9110#10.1.1")
async def test_expect_is_answered_when_forwarding_starts(stage: Stage) -> None:
    await stage.to(echo)
    client = await stage.client()

    client.send(
        get(b"/", b"Expect: 100-continue\r\nContent-Length: 4\r\n", method=b"POST")
    )
    assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"data")
    _, body = await client.reply()

    assert body.endswith(b"data")
    assert b"Expect" not in body


async def test_a_final_reply_instead_of_continue_closes(stage: Stage) -> None:
    await stage.serve(lambda _h, _p, _b: Answer(reply=Reply(status=401)))
    client = await stage.client()

    head, _ = await client.ask(
        get(b"/", b"Expect: 100-continue\r\nContent-Length: 4\r\n", method=b"POST")
    )

    assert head.startswith(b"HTTP/1.1 401 ")
    assert b"Connection: close" in head
    assert await client.is_closed()


@pytest.mark.spec("RFC9112#6.3")
@pytest.mark.parametrize("minor", [0, 1])
@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nbroken",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n"
        + b"X-T: t\r\n" * 5000,
    ],
)
async def test_truncated_replies_never_end_cleanly(
    stage: Stage, raw: bytes, minor: int
) -> None:
    await stage.to(replies(raw))
    client = await stage.client()
    client.send(get(minor=minor))

    with pytest.raises(  # noqa: PT012 - without a length the end itself must fail
        (ConnectionError, asyncio.IncompleteReadError)
    ):
        await client.reply()
        assert not await soon(client.reader.read())
    assert (await stage.outcome()).status == 200
