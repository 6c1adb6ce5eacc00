"""Bodies of responses that a plugin edits whole: held, bounded, never passed on unedited."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.gateway.decision import EditBody
from ostiary.http.head import ResponseHead
from tests.proxy.support import OK, Stage, get, read_request, replies

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def shout(body: bytes) -> tuple[ResponseHead, bytes]:
    return ResponseHead(status=201, fields=((b"X-Edited", b"1"),)), body.upper() + b"!"


def holding(edit: EditBody | None = shout, limit: int = 1000) -> dict[str, Any]:
    return {"on_body": lambda: edit, "max_held_bytes": limit}


@pytest.mark.spec("Kong#4.2")
@pytest.mark.parametrize(
    "raw",
    [
        HELLO,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
    ],
)
async def test_a_held_body_is_edited_however_it_was_framed(
    stage: Stage, raw: bytes
) -> None:
    await stage.to(replies(raw), **holding())
    client = await stage.client()

    head, body = await client.ask(get())
    assert head.startswith(b"HTTP/1.1 201 Created\r\n")
    assert b"Content-Length: 6\r\n" in head
    assert b"X-Edited: 1\r\n" in head
    assert body == b"HELLO!"
    outcome = await stage.outcome()
    assert (outcome.status, outcome.upstream_status) == (201, 200)
    assert outcome.body_bytes == 6


async def test_a_body_in_pieces_is_sent_once_it_is_complete(stage: Stage) -> None:
    async def handle(reader: Any, writer: Any) -> None:
        await read_request(reader)
        for piece in (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", b"\r\nhe", b"llo"):
            writer.write(piece)
            await writer.drain()

    await stage.to(handle, **holding())
    client = await stage.client()

    assert (await client.ask(get()))[1] == b"HELLO!"


async def test_connections_on_both_sides_go_on_after_a_held_body(stage: Stage) -> None:
    upstream = await stage.to(replies(HELLO, HELLO), **holding())
    client = await stage.client()

    assert (await client.ask(get()))[1] == b"HELLO!"
    assert (await client.ask(get()))[1] == b"HELLO!"
    assert upstream.connections == 1


async def test_what_nobody_wants_is_not_held(stage: Stage) -> None:
    await stage.to(replies(OK, HELLO), **holding(None))
    client = await stage.client()

    head, body = await client.ask(get())
    assert body == b"ok"
    assert b"X-Edited" not in head


async def test_a_response_without_a_body_is_not_held(stage: Stage) -> None:
    await stage.to(replies(HELLO.removesuffix(b"hello")), **holding())
    client = await stage.client()

    client.send(get(method=b"HEAD"))
    head, _ = await client.reply(bodyless=True)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "raw",
    [
        HELLO,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ],
)
async def test_a_body_over_the_limit_is_an_error_and_nothing_leaks(
    stage: Stage, raw: bytes
) -> None:
    await stage.to(replies(raw), **holding(limit=4))
    client = await stage.client()

    head, body = await client.ask(get())
    assert head.startswith(b"HTTP/1.1 502 ")
    assert b"hello" not in body
    assert (await stage.outcome()).status == 502


async def test_an_edit_that_breaks_is_an_error_and_nothing_leaks(stage: Stage) -> None:
    def broken(_: bytes) -> tuple[ResponseHead, bytes]:
        raise KeyError("planted")

    def asked() -> EditBody | None:
        raise KeyError("planted")

    for more in (holding(broken), {**holding(), "on_body": asked}):
        await stage.to(replies(HELLO), **more)
        client = await stage.client()
        head, body = await client.ask(get())

        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"hello" not in body
        assert stage.proxy is not None
        await stage.proxy.stop(0.0)


async def test_an_upstream_that_breaks_off_is_an_error(stage: Stage) -> None:
    await stage.to(replies(HELLO.removesuffix(b"lo")), **holding())
    client = await stage.client()

    head, _ = await client.ask(get())
    assert head.startswith(b"HTTP/1.1 502 ")
