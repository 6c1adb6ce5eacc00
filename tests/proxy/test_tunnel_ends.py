"""How tunnels end: half by half, idle, over TLS, or with a peer that takes nothing any more."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from ostiary.gateway.decision import Target
from ostiary.proxy import Limits
from tests.proxy.certificates import public_pem, server_context
from tests.proxy.support import Handler, RawClient, Stage, read_request, soon, to_tls
from tests.proxy.test_tunnel_and_stop import SWITCH, UPGRADE


async def opened(
    stage: Stage,
    handler: Handler,
    *,
    idle_ms: int = 4000,
    listen: ssl.SSLContext | None = None,
    trust: ssl.SSLContext | None = None,
) -> RawClient:
    """A client in a tunnel to an upstream that switches protocols and then does its thing."""

    async def switch(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(SWITCH)
        await handler(reader, writer)

    upstream = await stage.upstream(switch)
    target = Target(
        host="127.0.0.1",
        port=upstream.port,
        read_timeout_ms=idle_ms,
        write_timeout_ms=idle_ms,
    )
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, 0, target=target),
        tls=listen,
        limits=Limits(tick_ms=10),
    )
    client = await stage.client(tls=trust)
    client.send(UPGRADE)
    assert (await client.head()).startswith(b"HTTP/1.1 101 ")
    return client


@pytest.mark.spec("RFC6455#7.1.1")
async def test_the_upstreams_end_leaves_the_clients_direction_open(
    stage: Stage,
) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"bye")
        writer.write_eof()
        heard.put_nowait(await reader.read())

    client = await opened(stage, handle)

    assert await client.rest() == b"bye"
    for word in (b"and ", b"you", b"!"):
        client.send(word)
        await soon(client.writer.drain())
    client.writer.write_eof()
    assert await soon(heard.get()) == b"and you!"
    assert (await stage.outcome()).status == 101


@pytest.mark.spec("RFC6455#7.1.1")
async def test_the_clients_end_leaves_the_upstreams_direction_open(
    stage: Stage,
) -> None:
    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        assert await reader.read() == b"question"
        for word in (b"the ", b"answer"):
            writer.write(word)
            await writer.drain()

    client = await opened(stage, handle)
    client.send(b"question")
    client.writer.write_eof()

    assert await client.rest() == b"the answer"
    outcome = await stage.outcome()
    assert (outcome.status, outcome.client_gone) == (101, False)


async def test_a_large_last_word_arrives_in_full_both_ways(stage: Stage) -> None:
    size = 3_000_000
    heard: asyncio.Queue[int] = asyncio.Queue()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"u" * size)
        writer.write_eof()
        heard.put_nowait(len(await reader.read()))

    client = await opened(stage, handle)
    client.send(b"c" * size)
    client.writer.write_eof()

    assert len(await client.rest()) == size
    assert await soon(heard.get()) == size


async def test_a_tunnel_nobody_uses_ends(stage: Stage) -> None:
    async def handle(
        reader: asyncio.StreamReader, _writer: asyncio.StreamWriter
    ) -> None:
        await reader.read()

    client = await opened(stage, handle, idle_ms=150)
    loop = asyncio.get_running_loop()
    begun = loop.time()

    assert await client.is_closed()
    assert 0.1 < loop.time() - begun < 2
    assert (await stage.outcome()).status == 101


@pytest.mark.parametrize("talker", ["client", "upstream"])
async def test_a_tunnel_that_is_used_one_way_lives_on(
    stage: Stage, talker: str
) -> None:
    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if talker == "upstream":
            for _ in range(12):
                writer.write(b".")
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.05)
        else:
            await reader.readexactly(12)
            writer.write(b"." * 12)

    client = await opened(stage, handle, idle_ms=300)
    if talker == "client":
        for _ in range(12):
            client.send(b"x")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.05)

    assert await client.rest() == b"." * 12


async def test_tls_has_no_half_close_and_the_last_words_still_arrive(
    stage: Stage, cert: Path
) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def handle(
        reader: asyncio.StreamReader, _writer: asyncio.StreamWriter
    ) -> None:
        heard.put_nowait(await reader.read())

    trust = ssl.create_default_context(cadata=public_pem(cert))
    client = await opened(stage, handle, listen=server_context(cert), trust=trust)
    client.send(b"last")
    client.close()

    assert await soon(heard.get()) == b"last"
    assert (await stage.outcome()).status == 101


async def test_a_tunnel_to_a_tls_upstream_ends_with_it(
    stage: Stage, cert: Path
) -> None:
    async def switch(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        writer.write(SWITCH + b"bye")

    upstream = await stage.upstream(switch, tls=server_context(cert))
    target = Target(host="127.0.0.1", port=upstream.port, tls=to_tls("app.test"))
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, 0, target=target),
        ca_pem=public_pem(cert),
    )
    client = await stage.client()
    client.send(UPGRADE)
    await client.head()

    assert await client.rest() == b"bye"


async def test_an_upstream_that_never_takes_the_last_words_is_broken(
    stage: Stage,
) -> None:
    """The client is gone by then: nobody else would ever close this connection."""
    deaf = asyncio.Event()

    async def handle(
        _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # it can
        deaf.set()
        await asyncio.Event().wait()

    client = await opened(stage, handle, idle_ms=300)
    await soon(deaf.wait())
    for _ in range(300):
        client.send(b"x" * 100_000)
        try:
            await asyncio.wait_for(client.writer.drain(), 0.1)
        except TimeoutError:
            break
    client.writer.transport.abort()
    assert stage.proxy is not None
    pool = stage.proxy._plane.pool
    loop = asyncio.get_running_loop()
    until = loop.time() + 4
    while pool._open and loop.time() < until:
        await asyncio.sleep(0)

    assert pool._open == {}
    assert (await stage.outcome()).status == 101
