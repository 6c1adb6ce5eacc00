"""Requests to this machine, over real sockets: what is read, what is cut, whom TLS trusts."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ostiary.adapters import loopback
from ostiary.adapters.certificates import make_leaf, write_pair
from ostiary.adapters.loopback import Listener, Loopback
from ostiary.ports.own_gateway import MAX_REPLY_BYTES, GatewayAway, OwnReply, OwnRequest

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REQUEST = OwnRequest(
    method="POST", host="kong-ee:8443", target="/a%2Fb?x=%20", fields=(("X-A", "1"),), body=b"hi"
)  # fmt: skip


def make_certificate(folder: Path) -> tuple[Path, Path]:
    folder.mkdir()
    cert, key = folder / "own.crt", folder / "own.key"
    write_pair(*make_leaf(["127.0.0.1"], ca=None, days=1), cert_path=cert, key_path=key)
    return cert, key


@asynccontextmanager
async def listening(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:  # fmt: skip
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def send(port: int, certificate: Path | None = None) -> OwnReply:
    sender = Loopback()
    try:
        return await sender.send(
            REQUEST, Listener(host="127.0.0.1", port=port, certificate=certificate)
        )
    finally:
        await sender.close()


def answering(answer: bytes, heard: list[bytes]) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heard.append(head + await reader.readexactly(2))
        writer.write(answer)
        await writer.drain()

    return talk


async def test_a_request_is_sent_as_it_is_and_no_redirect_is_followed() -> None:
    """Its target byte for byte, its Host, and nothing but its own fields."""
    heard: list[bytes] = []
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nno"
    async with listening(answering(answer, heard)) as port:
        reply = await send(port)

    lines = heard[0].split(b"\r\n")
    assert lines[0] == b"POST /a%2Fb?x=%20 HTTP/1.1"
    assert {line.partition(b":")[0].lower() for line in lines[1:-2]} <= {b"host", b"x-a", b"content-length", b"connection"}  # fmt: skip
    assert b"Host: kong-ee:8443" in lines
    assert (reply.status, reply.body) == (302, b"no")
    assert [v for n, v in reply.fields if n == "Set-Cookie"] == ["a=1", "b=2"]


async def test_an_answer_that_is_too_long_is_cut() -> None:
    """Its beginning is there, and that it is one."""
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_REPLY_BYTES + 100_000)
    async with listening(answering(answer, [])) as port:
        reply = await send(port)

    assert (len(reply.body), reply.is_cut) == (MAX_REPLY_BYTES, True)


async def test_an_answer_that_does_not_end_is_what_came_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And one that does not begin is none."""
    monkeypatch.setattr(loopback, "TIMEOUT_S", 0.3)
    done = asyncio.Event()

    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await done.wait()

    async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await done.wait()

    async with listening(begin) as late, listening(wait) as never:
        reply = await send(late)
        with pytest.raises(GatewayAway) as caught:
            await send(never)
        done.set()

    assert (reply.body, reply.is_late) == (b"abc", True)
    assert caught.value.code == "gateway_away"


async def test_over_tls_only_the_nodes_own_certificate_is_trusted(
    tmp_path: Path,
) -> None:
    """Another one for the same name is not."""
    own, other = make_certificate(tmp_path / "own"), make_certificate(tmp_path / "other")  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own[0], own[1])
    answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    async with listening(answering(answer, []), context) as port:
        reply = await send(port, own[0])
        with pytest.raises(GatewayAway):
            await send(port, other[0])

    assert reply.status == 204


async def test_nobody_there_is_told() -> None:
    """Without what is only ours to know."""
    async with listening(answering(b"", [])) as port:
        with pytest.raises(GatewayAway, match="did not answer as it should"):
            await send(port)
