"""Upstreams that speak TLS: what they see of us, and how their responses end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from ostiary.gateway.decision import Target
from tests.proxy.certificates import public_pem, server_context
from tests.proxy.support import (
    Handler,
    RawClient,
    Stage,
    always_ok,
    get,
    read_request,
    soon,
    to_tls,
)

UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


async def serve_tls(
    stage: Stage,
    handler: Handler,
    context: ssl.SSLContext,
    cert: Path,
    *,
    name: str = "app.test",
    shown: Path | None = None,
) -> None:
    upstream = await stage.upstream(handler, tls=context)
    target = Target(host="127.0.0.1", port=upstream.port, tls=to_tls(name))
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, 0, target=target),
        ca_pem=public_pem(cert),
        client_certificate=None if shown is None else (str(shown), str(shown)),
    )


async def test_the_name_asked_for_is_the_targets(stage: Stage, cert: Path) -> None:
    names: list[str | None] = []
    context = server_context(cert)
    context.sni_callback = lambda _thing, name, _own: names.append(name)
    await serve_tls(stage, always_ok, context, cert, name="gate.test")
    client = await stage.client()

    assert (await client.ask(get()))[1] == b"ok"
    assert names == ["gate.test"]


async def test_an_upstream_that_asks_is_shown_our_certificate(
    stage: Stage, cert: Path, shown: Path
) -> None:
    seen: list[object] = []

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        seen.append(writer.get_extra_info("peercert")["subject"])
        await always_ok(reader, writer)

    context = server_context(cert, clients=shown)
    await serve_tls(stage, handle, context, cert, shown=shown)
    client = await stage.client()

    assert (await client.ask(get()))[1] == b"ok"
    assert seen == [((("commonName", "proxy.test"),),)]


async def test_without_a_certificate_it_refuses_us(
    stage: Stage, cert: Path, shown: Path
) -> None:
    await serve_tls(stage, always_ok, server_context(cert, clients=shown), cert)
    client = await stage.client()

    assert (await client.ask(get()))[0].startswith(b"HTTP/1.1 502 ")


async def until_close(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await read_request(reader)
    writer.write(UNTIL_CLOSE + b"x" * 9)


@pytest.mark.spec("RFC9112#9.8")
async def test_a_response_that_ends_with_close_notify_is_whole(
    stage: Stage, cert: Path
) -> None:
    await serve_tls(stage, until_close, server_context(cert), cert)
    client = await stage.client()

    assert (await client.ask(get()))[1] == b"x" * 9


async def bare_tls(
    cert: Path,
    port: asyncio.Future[int],
    answer: bytes,
    *,
    goodbye: bool,
    closed: asyncio.Event,
) -> None:
    """A TLS server on a bare socket: one answer, then the TCP connection ends."""
    context = server_context(cert)
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        port.set_result(listening.getsockname()[1])
        sock, _ = await loop.sock_accept(listening)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_side=True)

    async def until(step: Callable[[], object]) -> None:
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                await loop.sock_sendall(sock, outgoing.read())
                incoming.write(await loop.sock_recv(sock, 65536))
                continue
            await loop.sock_sendall(sock, outgoing.read())
            return

    with sock:
        await until(tls.do_handshake)
        await until(lambda: tls.read(65536))
        tls.write(answer)
        if goodbye:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.unwrap()
        await loop.sock_sendall(sock, outgoing.read())
        sock.shutdown(socket.SHUT_WR)
        closed.set()
        with contextlib.suppress(ConnectionError):
            while await loop.sock_recv(sock, 65536):
                pass


async def _read_to_a_clean_end(client: RawClient, *, chunked: bool) -> None:
    await client.head()
    if chunked:
        await soon(client.reader.readuntil(b"\r\n0\r\n\r\n"))
    while await soon(client.reader.read(100)):
        pass


@pytest.mark.spec("RFC9112#9.8")
@pytest.mark.parametrize("minor", [0, 1])
async def test_a_response_cut_short_without_close_notify_never_ends_cleanly(
    stage: Stage, cert: Path, minor: int
) -> None:
    """Anybody on the way can end a TCP connection; only the upstream can say that it is done."""
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    answer = UNTIL_CLOSE + b"half"
    serving = asyncio.ensure_future(
        bare_tls(cert, port, answer, goodbye=False, closed=asyncio.Event())
    )
    target = Target(host="127.0.0.1", port=await soon(port), tls=to_tls("app.test"))
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, 0, target=target),
        ca_pem=public_pem(cert),
    )
    client = await stage.client()
    client.send(get(minor=minor))

    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await _read_to_a_clean_end(client, chunked=minor == 1)
    await soon(serving)


@pytest.mark.parametrize("framed", [True, False])
async def test_a_slow_client_gets_the_end_of_what_an_upstream_sent_before_closing(
    stage: Stage, cert: Path, framed: bool
) -> None:
    """TLS layers throw away what they hold for a paused reader once the peer has closed."""
    size = 400_000
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    length = b"Content-Length: %d\r\n" % size if framed else b""
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n%b\r\n" % length
    closed = asyncio.Event()
    serving = asyncio.ensure_future(
        bare_tls(cert, port, answer + b"x" * size, goodbye=True, closed=closed)
    )
    target = Target(host="127.0.0.1", port=await soon(port), tls=to_tls("app.test"))
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, 0, target=target),
        ca_pem=public_pem(cert),
        narrow=True,
    )
    client = await stage.client(limit=1000, narrow=True)
    client.send(get())
    await soon(closed.wait())
    for _ in range(20):  # let the proxy see the end before anybody reads
        await asyncio.sleep(0)
    head = await client.head()
    body = 0
    if framed:
        body = len(await soon(client.reader.readexactly(size)))
    else:
        while (line := await soon(client.reader.readline())) != b"0\r\n":
            body += len(await soon(client.reader.readexactly(int(line, 16))))
            await soon(client.reader.readexactly(2))
    await soon(serving)

    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == size
