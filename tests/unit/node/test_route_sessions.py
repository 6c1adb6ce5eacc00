"""Asking workers who is signed in at routes: merged, and no half passed off as the whole; ended for certain."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.adapters.shared import MemoryShared
from ostiary.node import route_sessions as module
from ostiary.node.route_sessions import RouteSessions, SessionTeller
from ostiary.ports.shared import SharedUnavailable
from ostiary.signin.authenticate import Signin
from tests.support.browser import World, allowed, build_party


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIST_WITHIN_S", 0.1)
    monkeypatch.setattr(module, "END_WITHIN_S", 0.1)


OURS = frozenset({"row-1"})


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
    await browser.visit(build_party())
    world.clock.move(5)
    await browser.visit(build_party(), worker=other)
    (one,), problem = await desk(world).find_all(OURS)

    assert problem is None
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
    await come(world, other)
    found = desk(world)
    (one,), _ = await found.find_all(OURS)

    assert await found.find_all(["row-2"]) == ([], None)
    assert not await found.end(one.name, ["row-2"])
    assert await found.end(one.name, OURS)
    assert not await found.end(one.name, OURS)
    assert await found.find_all(OURS) == ([], None)


async def come(world: World, worker: Signin) -> None:
    """Somebody signs in and is seen."""
    browser = world.browser()
    await browser.sign_in(build_party(), worker=worker)
    allowed(await browser.visit(build_party(), worker=worker))


async def test_a_worker_that_does_not_answer_is_told_about() -> None:
    """Half a list says that it is half; what nobody here knows may be known there."""
    world = World()
    teller(world, world.signin, 1, "a")
    await come(world, world.signin)
    found = desk(world)
    (one,), problem = await found.find_all(OURS)

    assert problem == "no answer from worker 2"
    with pytest.raises(SharedUnavailable, match="worker 2"):
        await found.end("x", OURS)
    assert await found.end(one.name, OURS)


async def test_what_was_asked_before_is_not_heard_as_an_answer_now() -> None:
    world = World()
    found = desk(world, workers=1)
    await found.find_all(OURS)
    late = b'{"ask": 1, "worker": 1, "key": "node:sessions:z", "said": "ended"}'
    asked = asyncio.create_task(found.end("x", OURS))
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
    _, problem = await desk(world, workers=1).find_all(OURS)

    assert problem == "no answer from worker 1"


async def test_a_list_that_has_gone_missing_is_not_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    teller(world, world.signin, 1, "a")

    async def lost(*_: object) -> None:
        return None

    monkeypatch.setattr(MemoryShared, "get", lost)
    _, problem = await desk(world, workers=1).find_all(OURS)

    assert problem == "no answer from worker 1"


@pytest.mark.spec("D14")
async def test_an_end_that_a_store_did_not_hear_is_a_failure_though_others_know_nothing() -> (
    None
):
    world = World()
    teller(world, world.signin, 1, "a")
    teller(world, world.worker(), 2, "b")
    party = build_party(session_storage="redis")
    browser = world.browser()
    await browser.sign_in(party)
    allowed(await browser.visit(party))
    found = desk(world)
    (one,), _ = await found.find_all(OURS)
    world.stores.down = True
    with pytest.raises(SharedUnavailable, match="record"):
        await found.end(one.name, OURS)
    world.stores.down = False

    assert await found.end(one.name, OURS)


async def test_who_has_stopped_answers_no_more() -> None:
    """While the last requests are served, whoever comes next speaks for this worker."""
    world = World()
    made = teller(world, world.signin, 1, "a")
    found = desk(world, workers=1)
    asked = asyncio.create_task(found.find_all(OURS))
    await asyncio.sleep(0)
    made.stop()
    _, under_way = await asked
    _, later = await found.find_all(OURS)

    assert under_way == later == "no answer from worker 1"
