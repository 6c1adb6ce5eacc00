"""Several targets behind one name: tries, blame and load, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from ostiary.gateway.balance import Balancer
from ostiary.gateway.decision import NO_PEER, Target
from ostiary.gateway.health import Vitals
from ostiary.http.head import Reply
from tests.proxy.balanced import active, address, decide, until
from tests.proxy.support import (
    OK,
    Handler,
    Stage,
    always_ok,
    echo,
    get,
    post,
    read_request,
    replies,
)
from tests.proxy.test_tunnel_and_stop import echo_tunnel, opened
from tests.proxy.test_upstreams import free_port
from tests.unit.gateway.balance_kit import balancer, target

LIMITS = {"tcp_failures": 1, "timeouts": 1, "http_failures": 1}
CHECKS = {"passive": {"unhealthy": LIMITS}}


def pool(*places: str, weights: tuple[int, ...] = (), **fields: Any) -> Balancer:
    rows = [
        target(place, (weights or (100,) * len(places))[n])
        for n, place in enumerate(places)
    ]
    return balancer(*rows, **{"healthchecks": CHECKS, **fields})


async def serve(stage: Stage, made: Balancer, **more: Any) -> None:
    await stage.serve(lambda head, _p, _b: decide(stage, made, head, **more))


def vitals(made: Balancer, place: int) -> Vitals:
    return made.hosts[place].addresses[0].vitals


def first_then(made: Balancer) -> None:
    """Let the first target be the next one."""
    for _ in range(2):
        if made.choose() is made.hosts[1].addresses[0]:
            return


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


async def vanish(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


@pytest.mark.spec("Kong#3.10")
async def test_connections_go_to_every_target_and_are_kept_apart(stage: Stage) -> None:
    one, two = await stage.upstream(echo), await stage.upstream(echo)
    made = pool(address(one), address(two))
    await serve(stage, made)
    client = await stage.client()
    hosts = [(await client.ask(get()))[1].split(b"\r\n")[1] for _ in range(6)]

    assert sorted(hosts) == sorted(
        [b"Host: " + address(u).encode() for u in (one, two)] * 3
    )
    assert (one.connections, two.connections) == (1, 1)


@pytest.mark.spec("Kong#3.9")
async def test_a_target_that_refuses_is_left_for_another(stage: Stage) -> None:
    alive = await stage.upstream(always_ok)
    made = pool(f"127.0.0.1:{free_port()}", address(alive))
    await serve(stage, made)
    client = await stage.client()
    first_then(made)
    answers = [await client.ask(post(b"x")) for _ in range(3)]

    assert [body for _, body in answers] == [b"ok"] * 3
    assert not vitals(made, 0).is_healthy
    assert vitals(made, 1).is_healthy


@pytest.mark.spec("Kong#3.9")
async def test_without_retries_the_client_hears_of_the_first_failure(
    stage: Stage,
) -> None:
    alive = await stage.upstream(always_ok)
    made = pool(f"127.0.0.1:{free_port()}", address(alive))
    await serve(stage, made, retries=0)
    client = await stage.client()
    first_then(made)

    assert (await client.ask(get()))[0].startswith(b"HTTP/1.1 502 ")
    assert (await client.ask(get()))[1] == b"ok"
    assert (await stage.outcome()).status == 502
    assert active(made) == 0


@pytest.mark.spec("Kong#3.11")
async def test_when_the_last_healthy_target_fails_the_reason_is_kongs(
    stage: Stage,
) -> None:
    reasons: list[tuple[int, str]] = []

    def on_error(status: int, reason: str) -> Reply:
        reasons.append((status, reason))
        return Reply(status=status)

    made = pool(f"127.0.0.1:{free_port()}")
    await serve(stage, made, on_error=on_error)
    client = await stage.client()

    assert (await client.ask(get()))[0].startswith(b"HTTP/1.1 503 ")
    assert reasons == [(503, NO_PEER)]
    assert active(made) == 0


@pytest.mark.spec("Kong#3.9")
@pytest.mark.parametrize(("handler", "status"), [(silent, b"504"), (vanish, b"502")])
@pytest.mark.parametrize(("request_", "again"), [(get(), True), (post(b"x"), False)])
async def test_only_what_may_be_sent_twice_is_tried_elsewhere(
    stage: Stage, handler: Handler, status: bytes, request_: bytes, again: bool
) -> None:
    bad, good = await stage.upstream(handler), await stage.upstream(always_ok)
    made = pool(address(bad), address(good))
    template = Target(host="pool.test", port=80, read_timeout_ms=80)
    await serve(stage, made, template=template)
    client = await stage.client()
    first_then(made)
    head, _ = await client.ask(request_)

    assert head.split(b" ")[1] == (b"200" if again else status)
    assert not vitals(made, 0).is_healthy
    assert active(made) == 0


@pytest.mark.spec("Kong#3.9")
async def test_a_put_is_sent_again_with_its_body(stage: Stage) -> None:
    bad, good = await stage.upstream(vanish), await stage.upstream(echo)
    made = pool(address(bad), address(good))
    await serve(stage, made)
    client = await stage.client()
    first_then(made)
    _, body = await client.ask(get(b"/", b"Content-Length: 4\r\n", b"PUT") + b"body")

    assert body.startswith(b"PUT / ")
    assert body.endswith(b"\r\n\r\nbody")


@pytest.mark.spec("Kong#3.9")
async def test_there_are_as_many_tries_as_retries_allow(stage: Stage) -> None:
    ports = [free_port() for _ in range(4)]
    made = pool(*(f"127.0.0.1:{port}" for port in ports))
    await serve(stage, made, retries=2)
    client = await stage.client()
    head, _ = await client.ask(get())
    ill = sum(not vitals(made, n).is_healthy for n in range(4))

    assert head.startswith(b"HTTP/1.1 502 ")
    assert ill == 3


async def test_a_connect_that_takes_too_long_counts_and_goes_elsewhere(
    stage: Stage,
) -> None:
    alive = await stage.upstream(always_ok)
    with socket.socket() as full, socket.socket() as filler:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        filler.connect(("127.0.0.1", port))
        made = pool(f"127.0.0.1:{port}", address(alive))
        template = Target(host="pool.test", port=80, connect_timeout_ms=50)
        await serve(stage, made, template=template)
        client = await stage.client()
        first_then(made)

        assert (await client.ask(get()))[1] == b"ok"
    assert vitals(made, 0) == Vitals(is_healthy=False)


@pytest.mark.spec("Kong#3.11")
@pytest.mark.parametrize(
    ("reply", "healthy"),
    [
        (OK, True),
        (b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", True),
    ],
)
async def test_bad_statuses_reach_the_client_and_count(
    stage: Stage, reply: bytes, healthy: bool
) -> None:
    bad, good = await stage.upstream(replies(reply)), await stage.upstream(always_ok)
    made = pool(address(bad), address(good))
    await serve(stage, made)
    client = await stage.client()
    first_then(made)
    head, _ = await client.ask(get())

    assert head.split(b" ")[1] == reply.split(b" ")[1]
    assert vitals(made, 0).is_healthy == healthy


async def test_a_kept_connection_that_was_closed_blames_nobody(stage: Stage) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await reader.readexactly(1)

    upstream = await stage.upstream(once)
    made = pool(address(upstream))
    await serve(stage, made)
    client = await stage.client()
    answers = [(await client.ask(get()))[1] for _ in range(2)]

    assert answers == [b"ok", b"ok"]
    assert vitals(made, 0) == Vitals()


async def test_a_doubtful_reply_is_a_bad_status(stage: Stage) -> None:
    upstream = await stage.upstream(replies(b"SSH-2.0\r\n\r\n"))
    checks = {"passive": {"unhealthy": {**LIMITS, "http_statuses": [502]}}}
    made = pool(address(upstream), healthchecks=checks)
    await serve(stage, made)
    client = await stage.client()

    assert (await client.ask(get()))[0].startswith(b"HTTP/1.1 502 ")
    assert not vitals(made, 0).is_healthy


@pytest.mark.spec("Kong#3.10")
async def test_load_is_counted_while_a_request_lasts(stage: Stage) -> None:
    held = asyncio.Event()

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await read_request(reader)
            await held.wait()
            writer.write(OK)

    one, two = await stage.upstream(handle), await stage.upstream(handle)
    made = pool(address(one), address(two), algorithm="least-connections")
    await serve(stage, made)
    clients = [await stage.client() for _ in range(6)]
    for number, client in enumerate(clients):
        client.send(get())
        await until(lambda: active(made) > number)  # noqa: B023 - at once
    loads = [host.addresses[0].load.active for host in made.hosts]
    held.set()
    for client in clients:
        await client.reply()

    assert loads == [3, 3]
    assert active(made) == 0


@pytest.mark.parametrize("leaves", ["early", "late", "too much"])
async def test_who_leaves_lets_go_of_the_target(stage: Stage, leaves: str) -> None:
    upstream = await stage.upstream(silent)
    made = pool(address(upstream))
    more = {"max_body_bytes": 3} if leaves == "too much" else {}
    await serve(stage, made, **more)
    client = await stage.client()
    client.send(post(b"body") if leaves == "too much" else get())
    if leaves == "late":
        await until(lambda: upstream.connections)
    if leaves == "too much":
        assert (await client.head()).startswith(b"HTTP/1.1 413 ")
    client.close()

    assert (await stage.outcome()).status in {413, 499}
    assert active(made) == 0
    assert vitals(made, 0) == Vitals()


async def test_a_tunnel_is_load_until_it_ends(stage: Stage) -> None:
    upstream = await stage.upstream(echo_tunnel)
    made = pool(address(upstream))
    await serve(stage, made)
    client = await opened(stage)

    assert active(made) == 1

    client.close()
    await stage.outcome()
    assert active(made) == 0
