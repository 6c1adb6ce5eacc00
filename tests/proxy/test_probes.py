"""Active checks against real servers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.gateway.balance import Balancer, Change, build_balancer
from ostiary.gateway.decision import KeyPair
from ostiary.proxy.probe import Accepted, Answered, Broken, Result, probe
from ostiary.proxy.prober import Prober
from ostiary.proxy.tls import UpstreamTls
from tests.proxy.balanced import address, until
from tests.proxy.certificates import Issued, issue, serve_issued
from tests.proxy.support import (
    OK,
    Handler,
    Stage,
    Upstream,
    always_ok,
    read_request,
    replies,
    soon,
)
from tests.proxy.test_upstreams import free_port
from tests.unit.gateway.balance_kit import balancer, target, upstream

ROOT = issue("root.test", ca=True)
LEAF = issue("app.test", by=ROOT)
SHOWN = issue("gate.test", by=ROOT)
SECOND_S = 0.02


def checks(**active: Any) -> dict[str, Any]:
    return {"active": {"healthy": {"interval": 1}, **active}}


async def ask(
    server: Upstream | None,
    *,
    shown: Issued | None = None,
    fields: dict[str, Any] | None = None,
    **active: Any,
) -> Result:
    port = free_port() if server is None else server.port
    pair = None if shown is None else KeyPair(cert=shown.pem, key=shown.key_pem)
    made = build_balancer(
        upstream(healthchecks=checks(**active), **(fields or {})),
        [target(f"127.0.0.1:{port}")],
        shown=pair,
    )
    tls = UpstreamTls(ca_pem=ROOT.pem)
    return await soon(probe(made, made.hosts[0].addresses[0], tls))


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.spec("Kong#3.11")
@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (always_ok, Answered(200)),
        (replies(b"HTTP/1.0 404 Not Found\r\n\r\n"), Answered(404)),
        (replies(b"HTTP/1.1 503\r\n\r\n"), Answered(503)),
        (replies(b"SSH-2.0-x\r\n"), Answered(0)),
        (replies(b"HTTP/1.1 200 " + b"x" * 99_999), Broken("tcp")),
        (refuse, Broken("tcp")),
        (silent, Broken("timeout")),
    ],
)
async def test_a_target_is_as_it_answers(
    stage: Stage, handler: Handler, expected: Result
) -> None:
    server = await stage.upstream(handler)

    assert await ask(server, timeout=0.3) == expected


@pytest.mark.spec("Kong#3.11")
async def test_nobody_there_is_a_failure_of_the_connection(stage: Stage) -> None:
    assert await ask(None) == Broken("tcp")
    assert await ask(None, type="tcp") == Broken("tcp")


@pytest.mark.spec("Kong#3.11")
async def test_a_probe_by_tcp_asks_for_nothing_more(stage: Stage) -> None:
    server = await stage.upstream(silent)

    assert await ask(server, type="tcp") == Accepted()


@pytest.mark.spec("Kong#1.6")
@pytest.mark.parametrize(
    ("fields", "active", "line", "hosts"),
    [
        ({}, {}, b"GET / HTTP/1.1", [b"127.0.0.1:%d"]),
        ({}, {"http_path": "/up"}, b"GET /up HTTP/1.1", [b"127.0.0.1:%d"]),
        ({"host_header": "api.test"}, {}, b"GET / HTTP/1.1", [b"api.test:%d"]),
        ({}, {"headers": {"host": ["me"]}}, b"GET / HTTP/1.1", [b"me"]),
    ],
)
async def test_a_probe_says_what_it_was_told_to(
    stage: Stage,
    fields: dict[str, Any],
    active: dict[str, Any],
    line: bytes,
    hosts: list[bytes],
) -> None:
    heads: list[bytes] = []

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        heads.append((await read_request(reader))[0])
        writer.write(OK)

    server = await stage.upstream(handle)
    headers = {"X-Probe": ["1", "2"], **active.pop("headers", {})}
    await ask(server, fields=fields, headers=headers, **active)
    lines = heads[0].split(b"\r\n")
    found = [v.split(b": ")[1] for v in lines if v.lower().startswith(b"host:")]

    assert lines[0] == line
    assert found == [h % server.port if b"%" in h else h for h in hosts]
    assert [v for v in lines if v.startswith(b"X-Probe")] == [
        b"X-Probe: 1",
        b"X-Probe: 2",
    ]


@pytest.mark.spec("Kong#1.6")
@pytest.mark.parametrize(
    ("active", "expected"),
    [
        ({"https_sni": "app.test"}, Answered(200)),
        ({"https_sni": "other.test"}, Broken("tcp")),
        ({}, Broken("tcp")),
        ({"https_verify_certificate": False}, Answered(200)),
    ],
)
async def test_a_probe_by_https_verifies_the_name_unless_told_not_to(
    stage: Stage, tmp_path: Path, active: dict[str, Any], expected: Result
) -> None:
    context = serve_issued(tmp_path / "c.pem", LEAF)
    server = await stage.upstream(always_ok, tls=context)

    assert await ask(server, type="https", **active) == expected


@pytest.mark.spec("Kong#1.6")
@pytest.mark.parametrize(
    ("shown", "expected"), [(SHOWN, Answered(200)), (None, Broken("tcp"))]
)
async def test_a_probe_shows_the_upstreams_certificate(
    stage: Stage, tmp_path: Path, shown: Issued | None, expected: Result
) -> None:
    context = serve_issued(tmp_path / "c.pem", LEAF)
    context.load_verify_locations(cadata=ROOT.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    server = await stage.upstream(always_ok, tls=context)

    found = await ask(server, shown=shown, type="https", https_sni="app.test")
    assert found == expected


@contextlib.asynccontextmanager
async def probing(*balancers: Balancer) -> AsyncIterator[Prober]:
    prober = Prober(UpstreamTls(), second_s=SECOND_S)
    prober.adopt(balancers)
    task = asyncio.create_task(prober.run())
    try:
        yield prober
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Patient:
    """A server that is ill when the test says so, and counts who asks."""

    def __init__(self) -> None:
        self.status = 200
        self.asked = 0
        self.now = self.most = 0
        self.open = asyncio.Event()
        self.open.set()

    async def handle(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_request(reader)
        self.asked += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.open.wait()
        finally:
            self.now -= 1
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % self.status)


@pytest.mark.spec("Kong#3.11")
async def test_a_target_falls_ill_and_recovers(stage: Stage) -> None:
    patient = Patient()
    server = await stage.upstream(patient.handle)
    heard: list[Change] = []
    made = balancer(
        target(address(server)),
        healthchecks=checks(
            healthy={"interval": 1, "successes": 2},
            unhealthy={"interval": 1, "http_failures": 2},
        ),
    )
    made.report = heard.append
    async with probing(made):
        await until(lambda: patient.asked >= 3)
        assert made.is_healthy
        patient.status = 503
        await until(lambda: not made.is_healthy)
        assert made.choose() is None
        patient.status = 200
        await until(lambda: made.is_healthy)

    assert [change.healthy for change in heard] == [False, True]


@pytest.mark.spec("Kong#3.11")
@pytest.mark.parametrize("ill", [True, False])
async def test_only_those_whose_interval_is_set_are_asked(
    stage: Stage, ill: bool
) -> None:
    asked, quiet = Patient(), Patient()
    one, two = await stage.upstream(asked.handle), await stage.upstream(quiet.handle)
    interval = {"interval": 1}
    made = balancer(
        target(address(one)),
        target(address(two)),
        healthchecks={
            "active": {"unhealthy": interval} if ill else {"healthy": interval}
        },
    )
    first, second = (host.addresses[0].vitals for host in made.hosts)
    first.is_healthy, second.is_healthy = not ill, ill
    async with probing(made):
        await until(lambda: asked.asked >= 3)

    assert quiet.asked == 0


async def test_targets_without_weight_are_not_asked(stage: Stage) -> None:
    asked, quiet = Patient(), Patient()
    one, two = await stage.upstream(asked.handle), await stage.upstream(quiet.handle)
    made = balancer(
        target(address(one)), target(address(two), 0), healthchecks=checks()
    )
    async with probing(made):
        await until(lambda: asked.asked >= 3)

    assert quiet.asked == 0


@pytest.mark.spec("Kong#3.11")
@pytest.mark.parametrize(("concurrency", "most"), [(2, 2), (10, 5)])
async def test_no_more_are_asked_at_once_than_may_be(
    stage: Stage, concurrency: int, most: int
) -> None:
    patient = Patient()
    patient.open.clear()
    servers = [await stage.upstream(patient.handle) for _ in range(5)]
    made = balancer(
        *(target(address(server)) for server in servers),
        healthchecks=checks(concurrency=concurrency, timeout=3),
    )
    async with probing(made):
        await until(lambda: patient.now == most)
        patient.open.set()
        await until(lambda: patient.asked > 5)

    assert patient.most == most


async def test_a_target_that_is_slow_is_asked_once_at_a_time(stage: Stage) -> None:
    slow, other = Patient(), Patient()
    slow.open.clear()
    one, two = await stage.upstream(slow.handle), await stage.upstream(other.handle)
    made = balancer(
        target(address(one)), target(address(two)), healthchecks=checks(timeout=3)
    )
    async with probing(made):
        await until(lambda: other.asked >= 5)

    assert slow.asked == 1


async def test_the_next_configuration_keeps_the_rhythm_unless_checks_change() -> None:
    clock = [100.0]
    prober = Prober(UpstreamTls(), now=lambda: clock[0])
    row = upstream(healthchecks=checks(healthy={"interval": 5}))

    def due(*balancers: Balancer) -> list[float]:
        prober.adopt(balancers)
        clock[0] += 1
        return [watch.due[True] for watch in prober._watches.values()]

    first = build_balancer(row, [target("10.0.0.1:80")])
    second = build_balancer(row, [target("10.0.0.2:80")], first)
    other = upstream(healthchecks=checks(healthy={"interval": 9}))
    found = [due(first), due(second), due(build_balancer(other, [], second)), due()]

    assert found == [[105.0], [105.0], [111.0], []]
    assert due(balancer(target("10.0.0.1:80"))) == []


async def test_a_probe_that_is_no_request_is_logged_and_counts_for_nobody(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    patient = Patient()
    server = await stage.upstream(patient.handle)
    bad = checks(
        headers={"X": ["a\r\nb: c"]}, unhealthy={"interval": 1, "tcp_failures": 1}
    )
    made = balancer(target(address(server)), healthchecks=bad)
    async with probing(made):
        await until(lambda: "cannot be sent" in caplog.text)

    assert made.is_healthy
    assert patient.asked == 0
