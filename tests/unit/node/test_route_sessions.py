"""Asking workers who is signed in at routes: merged, complete or not at all; ended for certain."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.adapters.shared import MemoryShared
from ostiary.node import route_sessions as module
from ostiary.node.route_sessions import RouteSessions, SessionTeller
from ostiary.ports.shared import SharedUnavailable
from ostiary.signin.authenticate import Signin
from tests.support.browser import World, build_party


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WITHIN_S", 0.1)


def teller(world: World, signin: Signin, number: int, run: str) -> SessionTeller:
    made = SessionTeller(world.shared, signin, number=number, run=run)
    made.start()
    return made


def desk(world: World, *, workers: int = 2) -> RouteSessions:
    made = RouteSessions(world.shared, workers=workers)
    made.start()
    return made


async def test_whom_two_workers_have_seen_is_one_and_was_seen_last_where_that_was() -> (
    None
):
    world = World()
    other = world.worker()
    teller(world, world.signin, 1, "a")
    teller(world, other, 2, "b")
    browser = world.browser()
    await browser.sign_in(build_party())
    world.clock.move(5)
    await browser.visit(build_party(), worker=other)
    (one,) = await desk(world).find_all()

    assert one.who == "ada@example.com"
    assert one.plugin == "row-1"
    assert one.seen_at == world.clock.now()
    assert one.began_at == world.clock.now() - 5


@pytest.mark.spec("D14")
async def test_an_end_reaches_the_worker_that_knows_it() -> None:
    world = World()
    other = world.worker()
    teller(world, world.signin, 1, "a")
    teller(world, other, 2, "b")
    await world.browser().sign_in(build_party(), worker=other)
    found = desk(world)
    (one,) = await found.find_all()

    assert await found.end(one.name)
    assert not await found.end(one.name)
    assert await found.find_all() == []


async def test_a_worker_that_does_not_answer_is_no_empty_list() -> None:
    world = World()
    teller(world, world.signin, 1, "a")
    found = desk(world)

    with pytest.raises(SharedUnavailable, match="worker 2"):
        await found.find_all()
    with pytest.raises(SharedUnavailable, match="worker 2"):
        await found.end("x")


async def test_what_was_asked_before_is_not_heard_as_an_answer_now() -> None:
    world = World()
    found = desk(world, workers=1)
    with pytest.raises(SharedUnavailable):
        await found.find_all()
    late = b'{"ask": 1, "worker": 1, "key": "node:sessions:z", "ended": true}'
    asked = asyncio.create_task(found.end("x"))
    await asyncio.sleep(0)
    await world.shared.publish(module.ANSWER_CHANNEL, late)

    with pytest.raises(SharedUnavailable):
        await asked


async def test_a_worker_whose_socket_is_away_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    teller(world, world.signin, 1, "a")

    async def away(*_: object, **__: object) -> None:
        raise SharedUnavailable("away")

    monkeypatch.setattr(MemoryShared, "set", away)
    with pytest.raises(SharedUnavailable, match="worker 1"):
        await desk(world, workers=1).find_all()


async def test_who_has_stopped_answers_no_more() -> None:
    world = World()
    made = teller(world, world.signin, 1, "a")
    found = desk(world, workers=1)
    asked = asyncio.create_task(found.find_all())
    await asyncio.sleep(0)
    made.stop()

    with pytest.raises(SharedUnavailable):
        await asked
