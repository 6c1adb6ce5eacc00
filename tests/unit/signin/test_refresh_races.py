"""Refreshes and refetches whose askers leave, that are slow, or that two nodes do at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from ostiary.adapters.shared import MemoryShared
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.ports.fetch import FetchLimits
from ostiary.signin import once, refresh
from ostiary.signin.values import SendAway
from tests.support.browser import Browser, World, allowed, build_party, refused
from tests.support.parties import LASTING, PAGE, bearer, signed_in
from tests.support.provider import OTHER_KEY, FakeProvider

DUE_S = 3600


class HeldProvider(FakeProvider):
    """One that rotates refresh tokens, and answers some paths when it is told to."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.held: set[str] = set()
        self.asked_now = asyncio.Event()
        self.go_on = asyncio.Event()

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        reply = await super().send(request, limits)
        if urlsplit(request.url).path.rpartition("/")[2] in self.held:
            self.asked_now.set()
            await self.go_on.wait()
        return reply

    def token(self, form: dict[str, str]) -> IncomingReply:
        latest = f"refresh-{self.refreshes}"
        if form.get("refresh_token", latest) != latest:
            return self.json(400, {"error": "invalid_grant"})  # it works once
        return super().token(form)


def held_world() -> tuple[World, HeldProvider]:
    world = World()
    provider = HeldProvider(world.clock)
    world.provider = provider
    world.signin = world.worker()
    return world, provider


async def leave_while(
    provider: HeldProvider, ask: Callable[[], Awaitable[object]]
) -> None:
    """Ask, go away while the provider is at it, and let it answer then."""
    asking = asyncio.ensure_future(ask())
    await provider.asked_now.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    provider.held.clear()
    provider.go_on.set()


@pytest.mark.spec("RFC9700#4.14.2")
@pytest.mark.parametrize("storage", ["cookie", "redis"])
async def test_who_leaves_during_a_refresh_is_still_signed_in(storage: str) -> None:
    world, provider = held_world()
    party = build_party(session_storage=storage, **LASTING)
    browser = await signed_in(world, party)
    world.clock.move(DUE_S)
    provider.held = {"token"}

    await leave_while(provider, lambda: browser.ask(party, PAGE))
    step = allowed(await browser.ask(party, PAGE, worker=world.worker()))

    assert step.method == "session"
    assert provider.refreshes == 1


@pytest.mark.spec("D19")
async def test_who_leaves_during_a_refetch_hides_no_rotation() -> None:
    world, provider = held_world()
    party = build_party(auth_methods=["bearer"])
    browser = world.browser()
    good = provider.access_token()
    allowed(await browser.ask(party, PAGE, fields=bearer(good)))
    provider.keys = [OTHER_KEY]
    provider.signing = OTHER_KEY
    fresh = provider.access_token()
    provider.held = {"jwks"}

    await leave_while(provider, lambda: browser.ask(party, PAGE, fields=bearer(fresh)))

    step = await browser.ask(party, PAGE, fields=bearer(fresh), worker=world.worker())
    assert allowed(step).method == "bearer"


@pytest.mark.spec("oidc-plugin#12.4")
async def test_a_refetch_that_failed_is_tried_again_after_five_seconds() -> None:
    world, provider = held_world()
    party = build_party(auth_methods=["bearer"])
    browser = world.browser()
    allowed(await browser.ask(party, PAGE, fields=bearer(provider.access_token())))
    provider.keys = [OTHER_KEY]
    provider.signing = OTHER_KEY
    fresh = provider.access_token()
    provider.down = True
    assert refused(await browser.ask(party, PAGE, fields=bearer(fresh))).status == 401
    provider.down = False
    asked = len(provider.asked("/jwks"))

    world.clock.move(4)
    assert refused(await browser.ask(party, PAGE, fields=bearer(fresh))).status == 401
    assert len(provider.asked("/jwks")) == asked
    world.clock.move(2)
    assert (
        allowed(await browser.ask(party, PAGE, fields=bearer(fresh))).subject == "ada"
    )


@pytest.mark.spec("D6")
async def test_a_refresh_slower_than_its_lease_is_not_sent_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(once, "RENEW_S", 0.01)
    world, provider = held_world()
    party = build_party(timeout=60000, **LASTING)
    browser = await signed_in(world, party)
    world.clock.move(DUE_S)
    provider.held = {"token"}
    first = asyncio.ensure_future(browser.ask(party, PAGE))
    await provider.asked_now.wait()
    renewed = _Renewals(world.shared)
    for _ in range(3):  # 30 s, twice as long as a lease
        world.clock.move(10)
        await renewed.next()
    visit = _copy(browser).ask(party, PAGE, worker=world.worker())
    second = asyncio.ensure_future(visit)
    await renewed.next()
    provider.held.clear()
    provider.go_on.set()

    for step in await asyncio.gather(first, second):
        assert allowed(step).method == "session"
    assert provider.refreshes == 1


class _Renewals:
    """Waits until a lease has been written again."""

    def __init__(self, shared: MemoryShared) -> None:
        self._seen = asyncio.Event()
        usual = shared.set

        async def write(key: str, value: bytes, *, ttl_s: float) -> None:
            await usual(key, value, ttl_s=ttl_s)
            if key.startswith("refreshing:"):
                self._seen.set()

        shared.set = write  # type: ignore[method-assign]

    async def next(self) -> None:
        self._seen.clear()
        await asyncio.wait_for(self._seen.wait(), 5)


@pytest.mark.spec("D6")
async def test_two_nodes_on_one_store_sign_nobody_out_by_refreshing_at_once() -> None:
    world, provider = held_world()
    party = build_party(session_storage="redis", **LASTING)
    browser = await signed_in(world, party)
    world.clock.move(DUE_S)
    nodes = [world.worker(MemoryShared(world.clock)) for _ in range(2)]
    provider.held = {"token"}
    asking = []
    for node in nodes:  # both have sent the token before either has an answer
        provider.asked_now.clear()
        visit = _copy(browser).ask(party, PAGE, worker=node)
        asking.append(asyncio.ensure_future(visit))
        await provider.asked_now.wait()
    provider.held.clear()
    provider.go_on.set()

    for step in await asyncio.gather(*asking):
        assert allowed(step).method == "session"
    assert provider.refreshes == 1
    allowed(await browser.ask(party, PAGE, worker=world.worker()))


@pytest.mark.spec("D6")
@pytest.mark.usefixtures("nobody_else_refreshes")
@pytest.mark.parametrize("storage", ["cookie", "redis"])
async def test_a_token_that_the_provider_took_back_ends_a_session(storage: str) -> None:
    world, provider = held_world()
    party = build_party(session_storage=storage, **LASTING)
    browser = await signed_in(world, party)
    world.clock.move(DUE_S)
    provider.refreshes = 7

    assert isinstance(await browser.ask(party, PAGE), SendAway)


@pytest.mark.spec("D6")
async def test_a_kept_refresh_whose_token_is_over_is_refreshed_again() -> None:
    world, provider = held_world()
    party = build_party(**LASTING)
    provider.lifetime = 60
    browser = await signed_in(world, party)
    old = _copy(browser)
    world.clock.move(61)
    allowed(await browser.ask(party, PAGE))
    assert provider.refreshes == 1

    for seconds, refreshes in ((30, 1), (60, 2)):  # while the first answer is kept
        world.clock.move(seconds)
        step = allowed(await _copy(old).ask(party, PAGE))
        assert step.session is not None
        assert step.session.expires_at is not None
        assert step.session.expires_at > world.clock.now()
        assert provider.refreshes == refreshes


@pytest.mark.spec("D6")
@pytest.mark.parametrize("visits", [4, 20])
async def test_an_old_cookie_finds_the_last_of_many_kept_refreshes(visits: int) -> None:
    world, provider = held_world()
    provider.lifetime = 10
    party = build_party(**LASTING)
    browser = await signed_in(world, party)
    old = _copy(browser)
    for _ in range(visits):
        world.clock.move(11)
        allowed(await browser.ask(party, PAGE))
    world.clock.move(9)
    assert provider.refreshes == visits

    allowed(await old.ask(party, PAGE, worker=world.worker()))
    assert provider.refreshes == visits
    world.clock.move(2)
    allowed(await _copy(old).ask(party, PAGE))
    assert provider.refreshes == visits + 1


@pytest.mark.spec("D6")
async def test_a_token_that_is_over_at_once_is_refreshed_once() -> None:
    world, provider = held_world()
    party = build_party(**LASTING)
    browser = await signed_in(world, party)
    world.clock.move(DUE_S)
    provider.access_edits = {"exp": int(world.clock.now())}

    step = await browser.ask(party, PAGE)

    assert isinstance(step, SendAway)
    assert provider.refreshes == 1


@pytest.mark.spec("RFC6749#6")
@pytest.mark.parametrize("lifetime_s", [60, 299])
async def test_a_refresh_token_that_is_not_rotated_refreshes_again_and_again(
    lifetime_s: int,
) -> None:
    world, party = World(), build_party(**LASTING)
    world.provider.lifetime = lifetime_s
    browser = await signed_in(world, party)
    world.provider.gives_refresh = False

    for refreshes in (1, 2, 3):
        world.clock.move(lifetime_s)
        allowed(await browser.ask(party, PAGE))
        allowed(await _copy(browser).ask(party, PAGE, worker=world.worker()))
        assert world.provider.refreshes == refreshes


@pytest.mark.spec("RFC9700#4.14.2")
@pytest.mark.usefixtures("nobody_else_refreshes")
async def test_who_lost_its_lease_signs_nobody_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(once, "RENEW_S", 1000)  # it cannot be renewed
    monkeypatch.setattr(refresh, "REREADS", 1000)
    world, provider = held_world()
    party = build_party(timeout=60000, **LASTING)
    browser = await signed_in(world, party)
    world.clock.move(DUE_S)
    provider.held = {"token"}
    first = asyncio.ensure_future(_copy(browser).ask(party, PAGE))
    await provider.asked_now.wait()
    provider.held.clear()
    asked = len(provider.asked("/token"))
    world.clock.move(once.LEASE_S)
    visit = _copy(browser).ask(party, PAGE, worker=world.worker())
    second = asyncio.ensure_future(visit)
    while len(provider.asked("/token")) == asked:  # and is told that it was used
        await asyncio.sleep(0)
    provider.go_on.set()

    for step in await asyncio.gather(first, second):
        assert allowed(step).method == "session"
    assert provider.refreshes == 1
    allowed(await browser.ask(party, PAGE))


def _copy(browser: Browser) -> Browser:
    twin = Browser(browser.world)
    twin.cookies = dict(browser.cookies)
    return twin
