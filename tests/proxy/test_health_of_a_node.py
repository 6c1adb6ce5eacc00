"""Workers that tell one another which targets are ill, and control which asks them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ostiary.adapters.shared.memory import MemoryShared
from ostiary.adapters.system import SystemClock
from ostiary.gateway.balance import Balancer, build_balancer
from ostiary.gateway.health_view import build_decree
from ostiary.node.health import (
    ASK_CHANNEL,
    CHANGE_CHANNEL,
    VIEW_CHANNEL,
    HealthDesk,
    WorkerHealth,
)
from ostiary.ports.shared import SharedUnavailable
from ostiary.proxy.names import Names
from ostiary.proxy.prober import Prober
from ostiary.proxy.resolver import Resolver
from ostiary.proxy.tls import UpstreamTls
from tests.proxy.balanced import address, until
from tests.proxy.support import PATIENCE_S, Stage, replies
from tests.unit.gateway.balance_kit import UPSTREAM_ID, target, upstream

ROWS = [target("10.0.0.1:80"), target("10.0.0.2:80")]
CHECKS = {"passive": {"unhealthy": {"tcp_failures": 1}}}
ROW = upstream(healthchecks=CHECKS)


class Worker:
    """A worker as far as health goes."""

    def __init__(
        self, shared: MemoryShared, number: int, prober: Prober | None = None
    ) -> None:
        self.health = WorkerHealth(
            shared, Names(Resolver()), prober, number=number, run=f"run {number}"
        )
        self.health.start()
        self.balancer = build_balancer(ROW, ROWS)

    async def adopt(self, made: Balancer | None = None) -> None:
        self.balancer = made or self.balancer
        await self.health.adopt([self.balancer])

    def fail(self, place: int) -> None:
        first = self.balancer.hosts[place].addresses[0]
        self.balancer.note_failure(first, "tcp", self.balancer.passive)

    @property
    def ill(self) -> set[str]:
        return {
            a.ip
            for host in self.balancer.hosts
            for a in host.addresses
            if not a.vitals.is_healthy
        }


@contextlib.asynccontextmanager
async def node(*workers: Worker) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(worker.health.run()) for worker in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def shared() -> MemoryShared:
    return MemoryShared(SystemClock())


@pytest.mark.spec("Kong#3.11")
async def test_what_one_worker_finds_out_all_know(shared: MemoryShared) -> None:
    one, two = Worker(shared, 1), Worker(shared, 2)
    await one.adopt()
    await two.adopt()
    async with node(one, two):
        one.fail(0)
        await until(lambda: two.ill)

    assert one.ill == two.ill == {"10.0.0.1"}
    assert {two.balancer.choose() for _ in range(4)} == {
        two.balancer.hosts[1].addresses[0]
    }


@pytest.mark.spec("Kong#3.11")
async def test_an_operators_word_reaches_every_worker(shared: MemoryShared) -> None:
    one, two = Worker(shared, 1), Worker(shared, 2)
    await one.adopt()
    await two.adopt()
    desk = HealthDesk(shared, workers=2)
    await desk.decree(build_decree(ROW, ROWS[1], None, healthy=False))

    assert one.ill == two.ill == {"10.0.0.2"}

    await desk.decree(build_decree(ROW, ROWS[1], "10.0.0.2:80", healthy=True))
    assert one.ill == two.ill == set()

    await desk.decree(build_decree(ROW, ROWS[1], "10.0.0.9:80", healthy=False))
    assert one.ill == two.ill == set()


async def test_a_new_worker_takes_over_what_the_others_know(
    shared: MemoryShared,
) -> None:
    one, two = Worker(shared, 1), Worker(shared, 2)
    await one.adopt()
    one.fail(0)
    async with node(one, two):
        await two.adopt()
        two.health.ask_others()
        await until(lambda: two.ill)

    assert two.ill == {"10.0.0.1"}


async def test_a_request_of_yesterday_counts_for_the_targets_of_today(
    shared: MemoryShared,
) -> None:
    one = Worker(shared, 1)
    await one.adopt()
    yesterday = one.balancer
    today = build_balancer(ROW, [*ROWS, target("10.0.0.3:80")], yesterday)
    await one.adopt(today)
    yesterday.note_failure(yesterday.hosts[0].addresses[0], "tcp", yesterday.passive)

    assert one.ill == {"10.0.0.1"}
    assert today.available == 200


async def test_what_changed_while_names_were_asked_for_is_known(
    shared: MemoryShared,
) -> None:
    one = Worker(shared, 1)
    await one.adopt()
    old = one.balancer
    new = build_balancer(ROW, [*ROWS, target("10.0.0.3:80")], old)
    old.note_failure(old.hosts[0].addresses[0], "tcp", old.passive)
    assert new.available == 300
    await one.adopt(new)

    assert new.available == 200


@pytest.mark.spec("Kong#1.7")
async def test_control_hears_every_worker(shared: MemoryShared) -> None:
    one, two = Worker(shared, 1), Worker(shared, 2)
    await one.adopt()
    await two.adopt()
    desk = HealthDesk(shared, workers=2)
    desk.start()
    async with node(one, two):
        found = await desk.views(UPSTREAM_ID)
        nothing = await desk.views("another")

    assert [view.upstream for view in found] == [UPSTREAM_ID] * 2
    assert nothing == ()


async def test_control_does_not_wait_for_who_is_silent(
    shared: MemoryShared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostiary.node.health.WITHIN_S", 0.05)
    one = Worker(shared, 1)
    await one.adopt()
    desk = HealthDesk(shared, workers=2)
    desk.start()
    async with node(one):
        found = await desk.views(UPSTREAM_ID)

    assert len(found) == 1


async def test_answers_to_others_are_not_taken(shared: MemoryShared) -> None:
    one = Worker(shared, 1)
    await one.adopt()
    desk = HealthDesk(shared, workers=1)
    desk.start()
    view = {"ask": "someone", "worker": 2, "views": [{"nonsense": 1}]}
    await shared.publish(VIEW_CHANNEL, json.dumps(view).encode())
    await shared.publish(ASK_CHANNEL, b'{"ask":"run 1","upstream":""}')
    await shared.publish(
        CHANGE_CHANNEL,
        b'{"upstream":"x","host":"10.0.0.1","port":80,"ip":null,"healthy":false}',
    )

    assert one.ill == set()


@pytest.mark.spec("Kong#3.11")
async def test_one_worker_asks_and_all_hear(stage: Stage, shared: MemoryShared) -> None:
    bad = b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"
    server = await stage.upstream(replies(bad))
    interval: dict[str, Any] = {"interval": 1}
    row = upstream(
        healthchecks={
            "active": {
                "healthy": interval,
                "unhealthy": {**interval, "http_failures": 2},
            }
        }
    )
    prober = Prober(UpstreamTls(), second_s=0.01)
    one, two = Worker(shared, 1, prober), Worker(shared, 2)
    for worker in (one, two):
        await worker.adopt(build_balancer(row, [target(address(server))]))
    async with node(one, two):
        await until(lambda: two.ill)

    assert not two.balancer.is_healthy


async def test_health_goes_on_while_the_node_socket_is_away(
    shared: MemoryShared, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Worker(shared, 1)
    await one.adopt()
    tried = 0

    async def publish(_channel: str, _message: bytes) -> None:
        nonlocal tried
        tried += 1
        raise SharedUnavailable

    monkeypatch.setattr(shared, "publish", publish)
    async with node(one):
        one.fail(0)
        one.fail(1)
        await until(lambda: tried == 2)

    assert one.ill == {"10.0.0.1", "10.0.0.2"}


async def test_a_bug_in_health_checks_is_logged_and_they_go_on(
    shared: MemoryShared,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("ostiary.node.health._AGAIN_S", 0.001)
    runs = 0

    class Broken(Names):
        async def run(self) -> None:
            nonlocal runs
            runs += 1
            raise ZeroDivisionError

    health = WorkerHealth(shared, Broken(Resolver()), None, number=1, run="r")
    task = asyncio.create_task(health.run())
    await until(lambda: runs > 1)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert "have stopped for a moment" in caplog.text


async def test_an_end_in_the_middle_of_a_bug_is_an_end(shared: MemoryShared) -> None:
    """A task group that breaks while it is cancelled tells only of the break."""

    class Broken(Names):
        async def run(self) -> None:
            task.cancel()
            raise ZeroDivisionError

    health = WorkerHealth(shared, Broken(Resolver()), None, number=1, run="r")
    task = asyncio.create_task(health.run())
    done, _ = await asyncio.wait([task], timeout=PATIENCE_S)

    assert done == {task}
    assert task.cancelled()
