"""What several people want of a provider at once, and what is left when they have gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ostiary.adapters.shared import MemoryShared
from ostiary.ports.shared import SharedUnavailable
from ostiary.signin.authenticate import Signin
from ostiary.signin.issuer import FAILED_WINDOW_S
from ostiary.signin.once import LEASE_S, patience_s
from ostiary.signin.party import Party
from ostiary.signin.refresh import KEPT_S
from ostiary.signin.values import SendAway, Step
from tests.support.browser import Browser, World, allowed, build_party, refused
from tests.support.parties import LASTING, PAGE, bearer, signed_in
from tests.support.provider import OTHER_KEY
from tests.unit.signin.test_methods import NOW_ACTIVE, OPAQUE, party_with
from tests.unit.signin.test_once import others, settle
from tests.unit.signin.test_refresh_races import DUE_S, HeldProvider, _copy, held_world

CROWD = 50


def crowd_of(
    world: World, party: Party, token: str, worker: Signin
) -> list[asyncio.Task[Step]]:
    return [
        asyncio.ensure_future(
            world.browser().ask(party, PAGE, fields=bearer(token), worker=worker)
        )
        for _ in range(CROWD)
    ]


async def leave(crowd: list[asyncio.Task[Step]]) -> None:
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)


def rotate(provider: HeldProvider) -> str:
    """A token that is signed with a new key, some time later."""
    provider.clock.move(60)
    provider.keys = [OTHER_KEY]
    provider.signing = OTHER_KEY
    return provider.access_token()


async def party_that_knows(world: World, *workers: Signin) -> Party:
    """A party whose provider these workers know."""
    party = build_party(auth_methods=["bearer"])
    token = world.provider.access_token()
    for worker in workers:
        step = await world.browser().ask(
            party, PAGE, fields=bearer(token), worker=worker
        )
        allowed(step)
    return party


# Keys that were changed


@pytest.mark.spec("D19")
async def test_a_crowd_with_a_new_key_leaves_one_refetch_behind() -> None:
    world, provider = held_world()
    party = await party_that_knows(world, world.signin)
    fresh, before = rotate(provider), asyncio.all_tasks()
    asked = len(provider.asked("/jwks"))
    provider.held = {"jwks"}
    crowd = crowd_of(world, party, fresh, world.signin)
    await provider.asked_now.wait()
    await settle()

    await leave(crowd)

    # the refetch, the fetch and who renews its lease
    assert len(others(before)) == 3
    provider.go_on.set()
    await world.signin.close(60)
    assert others(before) == set()
    assert len(provider.asked("/jwks")) == asked + 1
    step = await world.browser().ask(party, PAGE, fields=bearer(fresh))
    assert allowed(step).method == "bearer"


@pytest.mark.spec("D19")
async def test_a_crowd_that_waits_for_another_worker_s_refetch_leaves_one_who_looks() -> (
    None
):
    world, provider = held_world()
    other = world.worker()
    party = await party_that_knows(world, world.signin, other)
    fresh = rotate(provider)
    provider.held = {"jwks"}
    first = crowd_of(world, party, fresh, world.signin)[:1]
    await provider.asked_now.wait()
    before = asyncio.all_tasks()
    crowd = crowd_of(world, party, fresh, other)
    await settle()

    await leave(crowd)

    assert len(others(before)) == 1
    await other.close(0)
    assert others(before) == set()
    provider.go_on.set()
    assert allowed(await first[0]).method == "bearer"


@pytest.mark.spec("D19")
async def test_who_waited_for_another_worker_s_refetch_is_let_in_by_it() -> None:
    world, provider = held_world()
    other = world.worker()
    party = await party_that_knows(world, world.signin, other)
    fresh = rotate(provider)
    asked = len(provider.asked("/jwks"))
    provider.held = {"jwks"}
    crowd = crowd_of(world, party, fresh, world.signin)
    await provider.asked_now.wait()
    crowd += crowd_of(world, party, fresh, other)
    await settle()
    provider.go_on.set()

    for step in await asyncio.gather(*crowd):
        assert allowed(step).method == "bearer"
    assert len(provider.asked("/jwks")) == asked + 1


@pytest.mark.spec("oidc-plugin#12.4")
async def test_what_is_new_enough_for_one_is_not_for_another() -> None:
    world, provider = held_world()
    patient = build_party("row-a", auth_methods=["bearer"], cache_ttl=3600)
    strict = build_party("row-b", auth_methods=["bearer"], cache_ttl=10)
    assert patient.provider_key == strict.provider_key
    await world.signin.issuers.load(patient)
    world.clock.move(1000)
    other = world.worker().issuers

    found = await asyncio.gather(other.load(patient), other.load(strict))

    ages = [world.clock.now() - one.fetched_at for one in found]
    assert ages == [1000, 0]
    assert len(provider.asked("/jwks")) == 2


# Introspection


@pytest.mark.spec("oidc-plugin#13")
async def test_a_token_that_another_worker_asks_about_for_too_long_is_not_called_bad() -> (
    None
):
    world, provider = held_world()
    party = party_with("introspection")
    provider.told[OPAQUE] = NOW_ACTIVE
    provider.held = {"introspect"}
    other = world.worker()
    first = crowd_of(world, party, OPAQUE, other)[:1]
    await provider.asked_now.wait()
    waiting = asyncio.ensure_future(
        world.browser().ask(party, PAGE, fields=bearer(OPAQUE))
    )
    await settle()
    usual = world.shared.add

    async def taken(key: str, value: bytes, *, ttl_s: float) -> bool:
        return (
            False if key.startswith("making:") else await usual(key, value, ttl_s=ttl_s)
        )

    world.shared.add = taken  # type: ignore[method-assign]
    world.clock.move(patience_s(party))
    step = refused(await waiting)

    assert (step.status, step.code) == (500, "provider_unreachable")
    assert step.error is None
    provider.go_on.set()
    await asyncio.gather(*first)
    await other.close(60)


# Refreshes


async def browser_whose_refresh_is_due(world: World, party: Party) -> Browser:
    browser = await signed_in(world, party)
    world.clock.move(DUE_S)
    return browser


@pytest.mark.spec("D6")
async def test_what_another_node_got_is_found_by_all_workers_of_this_one() -> None:
    world, provider = held_world()
    party = build_party(session_storage="redis", **LASTING)
    browser = await browser_whose_refresh_is_due(world, party)
    late = _copy(browser)
    node = MemoryShared(world.clock)
    first, second = world.worker(node), world.worker(node)
    provider.held = {"token"}
    there = asyncio.ensure_future(_copy(browser).ask(party, PAGE))
    await provider.asked_now.wait()
    provider.asked_now.clear()
    here = asyncio.ensure_future(browser.ask(party, PAGE, worker=first))
    await provider.asked_now.wait()
    waits = asyncio.ensure_future(late.ask(party, PAGE, worker=second))
    await settle()
    asked = len(provider.asked("/token"))
    provider.held.clear()
    provider.go_on.set()

    for step in await asyncio.gather(there, here, waits):
        assert allowed(step).method == "session"
    assert len(provider.asked("/token")) == asked
    assert provider.refreshes == 1


def refuse_writes(shared: MemoryShared, prefix: str) -> None:
    """Make shared state that is away whenever such a key is to be written."""
    usual = shared.set

    async def write(key: str, value: bytes, *, ttl_s: float) -> None:
        if key.startswith(prefix):
            raise SharedUnavailable("away")
        await usual(key, value, ttl_s=ttl_s)

    shared.set = write  # type: ignore[method-assign]


@pytest.mark.spec("RFC9700#4.14.2")
@pytest.mark.parametrize("storage", ["cookie", "redis"])
async def test_a_refresh_that_cannot_be_kept_is_not_lost(storage: str) -> None:
    world, provider = held_world()
    party = build_party(session_storage=storage, **LASTING)
    browser = await browser_whose_refresh_is_due(world, party)
    refuse_writes(world.shared, "refreshed:")

    step = allowed(await browser.ask(party, PAGE))

    assert step.method == "session"
    assert "a refreshed session was not kept: away" in world.log.text
    assert "refresh-1" not in world.log.text
    assert allowed(await browser.ask(party, PAGE)).method == "session"
    assert provider.refreshes == 1


@pytest.mark.usefixtures("nobody_else_refreshes")
@pytest.mark.spec("RFC9700#4.14.2")
async def test_a_refresh_that_cannot_be_kept_is_found_by_the_other_tabs() -> None:
    world, provider = held_world()
    party = build_party(**LASTING)
    browser = await browser_whose_refresh_is_due(world, party)
    tabs = [_copy(browser), _copy(browser)]
    usual = world.shared.set
    refuse_writes(world.shared, "refreshed:")
    allowed(await browser.ask(party, PAGE))
    world.shared.set = usual  # type: ignore[method-assign]

    world.clock.move(KEPT_S - 1)
    assert allowed(await tabs[0].ask(party, PAGE)).method == "session"
    assert provider.refreshes == 1
    world.clock.move(1)
    assert isinstance(await tabs[1].ask(party, PAGE), SendAway)


@pytest.mark.spec("RFC6749#6")
async def test_tokens_that_cannot_be_kept_reach_who_asked_for_them() -> None:
    world = World()
    party = party_with("refresh_token", refresh_token_param_name="refresh")
    refuse_writes(world.shared, "kept:")
    fields = ((b"Refresh", b"r1"),)

    step = await world.browser().ask(party, PAGE, fields=fields)

    assert allowed(step).subject == "ada"
    assert "a result was not kept: away" in world.log.text


async def test_a_lease_that_cannot_be_given_back_signs_nobody_out() -> None:
    world, provider = held_world()
    party = build_party(**LASTING)
    browser = await browser_whose_refresh_is_due(world, party)

    async def fail(key: str) -> None:
        raise SharedUnavailable("away")

    world.shared.delete = fail  # type: ignore[method-assign]

    assert allowed(await browser.ask(party, PAGE)).method == "session"
    assert provider.refreshes == 1


# The end of a worker


@pytest.mark.spec("D6")
async def test_a_worker_that_stops_finishes_the_refresh_of_who_has_gone() -> None:
    world, provider = held_world()
    party = build_party(**LASTING)
    browser = await browser_whose_refresh_is_due(world, party)
    before = asyncio.all_tasks()
    provider.held = {"token"}
    asking = asyncio.ensure_future(browser.ask(party, PAGE))
    await provider.asked_now.wait()
    await leave([asking])
    closing = asyncio.ensure_future(world.signin.close(60))
    await settle()
    provider.held.clear()
    provider.go_on.set()
    await closing

    assert others(before) == set()
    step = await browser.ask(party, PAGE, worker=world.worker())
    assert allowed(step).method == "session"
    assert provider.refreshes == 1


@pytest.mark.spec("D6")
async def test_a_worker_that_stops_leaves_no_lease_for_others_to_wait_for() -> None:
    world, provider = held_world()
    party = build_party(**LASTING)
    browser = await browser_whose_refresh_is_due(world, party)
    before = asyncio.all_tasks()
    leases = _Leases(world.shared)
    provider.held = {"token"}
    asking = asyncio.ensure_future(browser.ask(party, PAGE))
    await provider.asked_now.wait()
    await leave([asking])
    assert await leases.held() != []

    await world.signin.close(0)

    assert await leases.held() == []
    assert others(before) == set()


@pytest.mark.spec("D19")
async def test_a_worker_that_stops_in_a_refetch_hides_no_rotation() -> None:
    world, provider = held_world()
    other = world.worker()
    party = await party_that_knows(world, world.signin, other)
    fresh = rotate(provider)
    provider.held = {"jwks"}
    crowd = crowd_of(world, party, fresh, world.signin)
    await provider.asked_now.wait()
    await leave(crowd)
    await world.signin.close(0)
    provider.held.clear()

    world.clock.move(FAILED_WINDOW_S)
    step = await world.browser().ask(party, PAGE, fields=bearer(fresh), worker=other)

    assert allowed(step).method == "bearer"


@pytest.mark.spec("D6")
async def test_a_refresh_waits_for_a_dead_worker_no_longer_than_its_lease() -> None:
    world, provider = held_world()
    party = build_party(timeout=1, **LASTING)
    browser = await browser_whose_refresh_is_due(world, party)
    usual = world.shared.add

    async def add(key: str, value: bytes, *, ttl_s: float) -> bool:
        world.shared.add = usual  # type: ignore[method-assign]
        await usual(key, b"of a worker that died", ttl_s=LEASE_S)
        return False

    world.shared.add = add  # type: ignore[method-assign]
    asking = asyncio.ensure_future(browser.ask(party, PAGE))
    await settle()
    assert provider.refreshes == 0
    world.clock.move(LEASE_S)

    assert allowed(await asking).method == "session"
    assert provider.refreshes == 1


class _Leases:
    """Remembers which leases were taken."""

    def __init__(self, shared: MemoryShared) -> None:
        self._shared = shared
        self._seen: set[str] = set()
        usual = shared.add

        async def add(key: str, value: bytes, **options: Any) -> bool:
            self._seen.add(key)
            return await usual(key, value, **options)

        shared.add = add  # type: ignore[method-assign]

    async def held(self) -> list[str]:
        return [k for k in self._seen if await self._shared.get(k) is not None]
