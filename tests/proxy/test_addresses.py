"""Where upstreams are and where clients come from: names, several addresses, IPv6, attempts."""

from __future__ import annotations

import asyncio
import socket

import pytest

from ostiary.gateway.decision import Target
from ostiary.proxy.resolver import Addresses, Resolver
from tests.proxy.support import (
    OK,
    Stage,
    always_ok,
    echo,
    get,
    post,
    read_request,
    soon,
)


class Names:
    """Answers one name as the test says."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0

    async def ask(self, _host: str) -> Addresses:
        self.asked += 1
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self.addresses


async def serve(
    stage: Stage, names: Names, port: int, *, retries: int = 0, timeout_ms: int = 2000
) -> None:
    target = Target(host="app.test", port=port, connect_timeout_ms=timeout_ms)
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, 0, target=target, retries=retries),
        resolver=Resolver(ask=names.ask),
    )


@pytest.mark.spec("RFC9110#15.6.4")
async def test_a_name_nobody_knows_is_unavailable(stage: Stage) -> None:
    names = Names()
    await serve(stage, names, 80, retries=5)
    client = await stage.client()

    head, body = await client.ask(get())
    again, _ = await client.ask(get())

    assert head.startswith(b"HTTP/1.1 503 ")
    assert again.startswith(b"HTTP/1.1 503 ")
    assert body == b"The upstream server is currently unavailable"
    assert names.asked == 1


async def test_the_next_address_is_tried_where_one_refuses(stage: Stage) -> None:
    upstream = await stage.upstream(always_ok)
    await serve(stage, Names("127.0.0.9", "127.0.0.1"), upstream.port)

    for _ in range(4):  # each address comes first twice
        client = await stage.client()
        assert (await client.ask(get(b"/", b"Connection: close\r\n")))[1] == b"ok"


async def test_a_request_with_a_body_survives_the_address_that_refuses(
    stage: Stage,
) -> None:
    upstream = await stage.upstream(echo)
    await serve(stage, Names("127.0.0.9", "127.0.0.8", "127.0.0.1"), upstream.port)
    client = await stage.client()

    for _ in range(3):
        assert (await client.ask(post(b"kept")))[1].endswith(b"\r\n\r\nkept")


async def test_an_upstream_on_ipv6_is_reached(stage: Stage) -> None:
    upstream = await stage.upstream(always_ok, host="::1")
    target = Target(host="::1", port=upstream.port)
    await stage.serve(lambda head, _p, _b: stage.forward(head, 0, target=target))
    client = await stage.client()

    assert (await client.ask(get()))[1] == b"ok"


async def test_a_client_on_ipv6_is_told_as_the_peer(stage: Stage) -> None:
    upstream = await stage.upstream(always_ok)
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, upstream.port), host="::1"
    )
    client = await stage.client()
    assert (await client.ask(get()))[1] == b"ok"
    peer = stage.decider.peers[0]

    assert (peer.ip, peer.local_ip, peer.local_port) == ("::1", "::1", stage.port)


async def test_an_ipv4_client_of_a_socket_for_both_is_told_as_ipv4(
    stage: Stage,
) -> None:
    upstream = await stage.upstream(always_ok)
    await stage.serve(
        lambda head, _p, _b: stage.forward(head, upstream.port), host="::"
    )
    client = await stage.client(host="127.0.0.1")
    assert (await client.ask(get()))[1] == b"ok"

    assert stage.decider.peers[0].ip == "127.0.0.1"


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_attempts_are_counted(stage: Stage, retries: int) -> None:
    tried = 0
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        target = Target(host="app.test", port=port)

        class Counting(Resolver):
            async def addresses(self, host: str) -> Addresses:
                nonlocal tried
                tried += 1
                return ("127.0.0.1",)

        await stage.serve(
            lambda head, _p, _b: stage.forward(head, 0, target=target, retries=retries),
            resolver=Counting(),
        )
        client = await stage.client()
        head, _ = await client.ask(get())

    assert head.startswith(b"HTTP/1.1 502 ")
    assert tried == retries + 1


async def _lose_second(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer one request; take a byte of the next one and leave."""
    await read_request(reader)
    writer.write(OK)
    await reader.readexactly(1)
    writer.transport.abort()


@pytest.mark.spec("RFC9110#9.2.2")
@pytest.mark.parametrize("method", [b"POST", b"PATCH", b"LOCK"])
@pytest.mark.parametrize("length", [0, 4])
async def test_what_is_not_idempotent_is_never_sent_twice(
    stage: Stage, method: bytes, length: int
) -> None:
    upstream = await stage.to(_lose_second, retries=5)
    client = await stage.client()
    await client.ask(get())

    head, _ = await client.ask(
        get(b"/", b"Content-Length: %d\r\n" % length, method) + b"x" * length
    )

    assert head.startswith(b"HTTP/1.1 502 ")
    assert upstream.connections == 1


@pytest.mark.spec("RFC9110#9.2.2")
async def test_a_post_whose_body_has_not_come_yet_is_not_sent_twice_either(
    stage: Stage,
) -> None:
    upstream = await stage.to(_lose_second, retries=5)
    client = await stage.client()
    await client.ask(get())

    client.send(get(b"/", b"Transfer-Encoding: chunked\r\n", b"POST"))

    assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    assert upstream.connections == 1


@pytest.mark.spec("RFC9112#9.3")
@pytest.mark.parametrize("raw", [get(), post(b"x")], ids=["get", "post"])
@pytest.mark.parametrize("closes", [False, True])
async def test_an_answer_that_came_before_the_question_is_never_given(
    stage: Stage, raw: bytes, closes: bool
) -> None:
    """What an upstream says on an idle connection belongs to nobody, however late we notice."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        listening.setblocking(False)
        port = listening.getsockname()[1]
        await stage.serve(lambda head, _p, _b: stage.forward(head, port))
        client.connect(("127.0.0.1", stage.port))
        client.setblocking(False)

        async def serve_one(upstream: socket.socket) -> bytes:
            await soon(loop.sock_recv(upstream, 65536))
            await soon(loop.sock_sendall(upstream, OK))
            return await soon(loop.sock_recv(client, 65536))

        client.send(get())
        first, _ = await soon(loop.sock_accept(listening))
        with first:
            await serve_one(first)
            client.send(raw)  # both before the proxy can look at either
            if not closes:
                first.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            first.shutdown(socket.SHUT_RDWR)
            second, _ = await soon(loop.sock_accept(listening))
            with second:
                answer = await serve_one(second)

    assert answer.endswith(b"\r\n\r\nok")


async def test_a_connect_timeout_is_counted_per_attempt(stage: Stage) -> None:
    with socket.socket() as full, socket.socket() as filler:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        filler.connect(("127.0.0.1", port))
        await serve(stage, Names("127.0.0.1"), port, retries=2, timeout_ms=60)
        client = await stage.client()
        begun = asyncio.get_running_loop().time()

        head, _ = await client.ask(get())

        assert head.startswith(b"HTTP/1.1 504 ")
        assert asyncio.get_running_loop().time() - begun >= 0.15
    assert (await soon(stage.outcomes.get())).status == 504
