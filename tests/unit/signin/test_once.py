"""Work that many want is done once, to its end, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ostiary.adapters.shared import MemoryShared
from ostiary.ports.shared import SharedUnavailable
from ostiary.signin.once import LEASE_S, RENEW_S, WAIT_S, Once, StillWaiting, patience_s
from ostiary.signin.values import Toolbox
from tests.support.browser import RING, build_party
from tests.support.ports import FakeClock, FakeEntropy, LogBook
from tests.support.provider import FakeProvider

LEASE = "the-lease"


class Node:
    """Shared state, and a provider that answers when it is told to."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.shared = MemoryShared(self.clock)
        self.entropy = FakeEntropy()
        self.asked = 0
        self.asked_now = asyncio.Event()
        self.go_on = asyncio.Event()

    def worker(self) -> Once:
        return Once(
            Toolbox(
                fetch=FakeProvider(self.clock),
                shared=self.shared,
                clock=self.clock,
                entropy=self.entropy,
                ring=RING,
                log=LogBook(),
            )
        )

    async def look(self) -> bytes | None:
        return await self.shared.get("found")

    async def make(self) -> bytes:
        self.asked += 1
        self.asked_now.set()
        await self.go_on.wait()
        await self.shared.set("found", b"it", ttl_s=60)
        return b"it"

    def ask(self, once: Once) -> asyncio.Task[bytes]:
        return asyncio.ensure_future(once.do(LEASE, look=self.look, make=self.make))


async def leave(asking: list[asyncio.Task[bytes]]) -> None:
    for task in asking:
        task.cancel()
    ended = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(e) for e in ended} == {asyncio.CancelledError}


def others(before: set[asyncio.Task[object]]) -> set[asyncio.Task[object]]:
    return asyncio.all_tasks() - before


async def settle() -> None:
    """Let everybody who can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_crowd_that_leaves_a_hanging_provider_leaves_one_piece_of_work() -> (
    None
):
    node, before = Node(), asyncio.all_tasks()
    once = node.worker()
    crowd = [node.ask(once) for _ in range(200)]
    await node.asked_now.wait()

    await leave(crowd)

    assert node.asked == 1
    assert len(others(before)) == 2  # the work, and who renews its lease
    node.go_on.set()
    assert await node.ask(once) == b"it"
    await settle()
    assert others(before) == set()
    assert await node.shared.get(LEASE) is None


async def test_a_crowd_that_waited_for_another_worker_leaves_one_who_looks() -> None:
    node, before = Node(), asyncio.all_tasks()
    await node.shared.add(LEASE, b"1", ttl_s=LEASE_S)
    once = node.worker()
    crowd = [node.ask(once) for _ in range(200)]
    await settle()

    await leave(crowd)

    assert len(others(before)) == 1
    await once.close(0)
    assert others(before) == set()
    assert await node.shared.get(LEASE) == b"1"  # it is the other worker's


async def test_who_comes_while_it_is_under_way_gets_the_same() -> None:
    node = Node()
    once, other = node.worker(), node.worker()
    asking = [node.ask(once), node.ask(once), node.ask(other)]
    await node.asked_now.wait()
    node.go_on.set()

    assert await asyncio.gather(*asking) == [b"it"] * 3
    assert node.asked == 1


async def test_a_failure_is_everybody_s_who_waits_and_nobody_s_who_comes_later() -> (
    None
):
    node = Node()
    once = node.worker()
    usual = node.make

    async def fail() -> bytes:
        await usual()
        await node.shared.delete("found")
        raise LookupError("the provider refused")

    node.make = fail  # type: ignore[method-assign]
    asking = [node.ask(once) for _ in range(3)]
    await node.asked_now.wait()
    node.go_on.set()
    ended = await asyncio.gather(*asking, return_exceptions=True)
    node.make = usual  # type: ignore[method-assign]

    assert [type(e) for e in ended] == [LookupError] * 3
    assert await node.ask(once) == b"it"
    assert node.asked == 2


async def test_a_lease_that_cannot_be_given_back_hides_no_result() -> None:
    node = Node()
    node.go_on.set()

    async def fail(key: str) -> None:
        raise SharedUnavailable("away")

    node.shared.delete = fail  # type: ignore[method-assign]

    assert await node.ask(node.worker()) == b"it"


@pytest.mark.parametrize("timeout_ms", [1, 1000, 10_000, 60_000])
def test_every_wait_is_longer_than_the_lease_of_a_worker_that_died(
    timeout_ms: int,
) -> None:
    party = build_party(timeout=timeout_ms)

    assert patience_s(party) > max(LEASE_S, timeout_ms / 1000)
    assert WAIT_S > LEASE_S > 2 * RENEW_S


async def test_the_work_of_a_worker_that_died_is_done_by_who_waits() -> None:
    node = Node()
    node.go_on.set()
    await node.shared.add(LEASE, b"1", ttl_s=LEASE_S)
    asking = node.ask(node.worker())
    await settle()
    assert node.asked == 0

    node.clock.move(LEASE_S)

    assert await asking == b"it"


async def test_who_waits_for_too_long_is_told_so() -> None:
    node = Node()
    await node.shared.add(LEASE, b"1", ttl_s=1000)
    asking = node.ask(node.worker())
    await settle()

    node.clock.move(WAIT_S)

    with pytest.raises(StillWaiting):
        await asking


# The end of a worker


async def test_the_end_waits_for_what_is_under_way() -> None:
    node, before = Node(), asyncio.all_tasks()
    once = node.worker()
    asking = node.ask(once)
    await node.asked_now.wait()
    await leave([asking])
    closing = asyncio.ensure_future(once.close(60))
    await settle()
    assert not closing.done()

    node.go_on.set()
    await closing

    assert await node.shared.get("found") == b"it"
    assert await node.shared.get(LEASE) is None
    assert others(before) == set()


async def test_the_end_breaks_off_what_hangs_and_gives_its_lease_back() -> None:
    node, before = Node(), asyncio.all_tasks()
    once = node.worker()
    asking = node.ask(once)
    await node.asked_now.wait()

    await once.close(0)
    ended = await asyncio.gather(asking, return_exceptions=True)

    assert isinstance(ended[0], asyncio.CancelledError)  # nobody is left waiting
    assert await node.shared.get(LEASE) is None
    assert others(before) == set()


async def in_steps(
    once: Once, go_on: asyncio.Event, then: Callable[[], Awaitable[None]]
) -> None:
    """Work that, when it may go on, wants other work done."""

    async def second() -> None:
        await then()

    async def first() -> None:
        await go_on.wait()
        await once.together("second", second)

    await once.together("first", first)


@pytest.mark.parametrize("hangs", [False, True])
async def test_the_end_includes_what_the_work_begins_meanwhile(*, hangs: bool) -> None:
    before = asyncio.all_tasks()
    once, go_on, begun = Node().worker(), asyncio.Event(), asyncio.Event()
    answered, done = asyncio.Event(), []

    async def then() -> None:
        begun.set()
        await answered.wait()
        done.append(1)

    asking = asyncio.ensure_future(in_steps(once, go_on, then))
    await settle()
    closing = asyncio.ensure_future(once.close(0.05 if hangs else 60))
    await settle()
    go_on.set()
    await begun.wait()
    if not hangs:
        answered.set()
    await closing
    await asyncio.gather(asking, return_exceptions=True)

    assert done == ([] if hangs else [1])
    assert others(before) == set()


async def test_the_end_includes_what_who_asked_wants_next() -> None:
    once, go_on, done = Node().worker(), asyncio.Event(), []

    async def work() -> None:
        await go_on.wait()
        await asyncio.sleep(0)
        done.append(1)

    async def ask_twice() -> None:
        await once.together("first", work)
        await once.together("second", work)

    asking = asyncio.ensure_future(ask_twice())
    await settle()
    closing = asyncio.ensure_future(once.close(60))
    await settle()
    go_on.set()
    await closing

    assert done == [1, 1]
    await asking


async def test_the_end_of_a_worker_that_does_nothing_is_at_once() -> None:
    once = Node().worker()

    await once.close(60)
    await once.close(60)


# A lease that was lost


async def lost(node: Node) -> asyncio.Task[bytes]:
    """Who works on, though another has got the lease since."""
    asking = node.ask(node.worker())
    await node.asked_now.wait()
    node.clock.move(LEASE_S)
    assert await node.shared.add(LEASE, b"another's", ttl_s=LEASE_S)
    return asking


async def test_who_has_lost_a_lease_does_not_give_it_back() -> None:
    node = Node()
    asking = await lost(node)

    node.go_on.set()

    assert await asking == b"it"
    assert await node.shared.get(LEASE) == b"another's"


async def test_who_has_lost_a_lease_does_not_renew_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ostiary.signin.once.RENEW_S", 0.001)
    node, tried = Node(), asyncio.Event()
    asking = await lost(node)
    usual = node.shared.add

    async def add(key: str, value: bytes, *, ttl_s: float) -> bool:
        tried.set()
        return await usual(key, value, ttl_s=ttl_s)

    node.shared.add = add  # type: ignore[method-assign]
    await tried.wait()

    assert await node.shared.get(LEASE) == b"another's"
    node.go_on.set()
    await asking


async def test_no_two_leases_look_the_same() -> None:
    node, seen = Node(), []
    usual = node.shared.add
    node.go_on.set()

    async def add(key: str, value: bytes, *, ttl_s: float) -> bool:
        seen.append(value)
        return await usual(key, value, ttl_s=ttl_s)

    node.shared.add = add  # type: ignore[method-assign]
    worker = node.worker()
    for once in (worker, worker, node.worker()):
        await once.do(LEASE, look=node.look, make=node.make)
        await node.shared.delete("found")

    assert len(set(seen)) == 3
