"""Persistent sessions: they outlive the usual clocks, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ostiary.adapters.redis import RedisStores
from ostiary.http.head import find_all
from ostiary.signin.party import Party
from ostiary.signin.values import SendAway
from tests.support.browser import ORIGIN, Browser, World, allowed, build_party
from tests.support.parties import PAGE
from tests.support.redis_server import RedisServer, redis_server

DAY = 86400


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(params=["cookie", "redis"])
async def kept(
    request: pytest.FixtureRequest, redis: RedisServer
) -> AsyncIterator[tuple[World, Party]]:
    config: dict[str, Any] = {
        "session_remember": True,
        "logout_query_arg": "logout",
        "logout_methods": ["GET"],
    }
    world, stores = World(), RedisStores()
    if request.param == "redis":
        redis.do("FLUSHALL")
        config["session_storage"] = "redis"
        config["redis"] = {"socket": redis.socket}
        world.stores = stores  # type: ignore[assignment]
        world.signin = world.worker()
    yield world, build_party(**config)
    await stores.close()


def is_in(step: Any) -> bool:
    return getattr(step, "method", None) == "session"


async def signed_in(world: World, party: Party) -> Browser:
    browser = world.browser()
    await browser.sign_in(party)
    return browser


async def test_it_signs_in_again_after_the_session_has_ended(
    kept: tuple[World, Party],
) -> None:
    world, party = kept
    browser = await signed_in(world, party)
    for _ in range(3):
        world.clock.move(2 * DAY)
        assert is_in(await browser.visit(party, worker=world.worker()))
    assert world.provider.refreshes == 3


async def test_its_cookie_outlives_the_browser_and_the_sessions_does_not(
    kept: tuple[World, Party],
) -> None:
    world, party = kept
    browser = world.browser()
    location = await browser.start(party)
    step = await browser.ask(
        party, f"{ORIGIN}/cognito?{world.provider.authorize(location)}"
    )
    assert isinstance(step, SendAway)
    set_cookies = find_all(step.fields, b"set-cookie")
    persistent = [c for c in set_cookies if c.startswith(b"__Host-remember-")]

    assert persistent
    assert all(b"Max-Age=604800" in c for c in persistent)
    session = [c for c in set_cookies if c.startswith(b"__Host-session-")]
    assert all(b"Max-Age" not in c for c in session)
    browser.cookies = {k: v for k, v in browser.cookies.items() if "remember" in k}
    assert is_in(await browser.visit(party))


@pytest.mark.parametrize(
    ("steps", "seconds", "stays"),
    [
        (1, 7 * DAY - 1, True),
        (1, 7 * DAY, False),
        (4, 6 * DAY, True),
        (5, 6 * DAY, False),
    ],
)
async def test_its_own_two_clocks_end_it(
    kept: tuple[World, Party], steps: int, seconds: int, *, stays: bool
) -> None:
    world, party = kept
    browser = await signed_in(world, party)

    found = []
    for _ in range(steps):
        world.clock.move(seconds)
        found.append(is_in(await browser.visit(party)))

    assert found == [True] * (steps - 1) + [stays]


async def test_logging_out_ends_it_too(kept: tuple[World, Party]) -> None:
    world, party = kept
    browser = await signed_in(world, party)
    before = dict(browser.cookies)

    await browser.ask(party, f"{PAGE}?logout=1")

    assert not any("remember" in name for name in browser.cookies)
    browser.cookies = {k: v for k, v in before.items() if "remember" in k}
    assert not is_in(await browser.visit(party))
    world.clock.move(2 * DAY)
    browser.cookies = {k: v for k, v in before.items() if "remember" in k}
    assert not is_in(await browser.visit(party))


async def test_it_learns_of_tokens_that_were_refreshed(
    kept: tuple[World, Party],
) -> None:
    world, party = kept
    browser = await signed_in(world, party)
    world.clock.move(800)
    await browser.visit(party)
    world.provider.lifetime = 900
    for _ in range(4):
        world.clock.move(880)
        assert is_in(await browser.visit(party))
    refreshed = world.provider.refreshes
    browser.cookies = {k: v for k, v in browser.cookies.items() if "remember" in k}
    world.clock.move(DAY)

    step = allowed(await browser.visit(party))

    assert refreshed >= 1
    sent = [r.body.decode() for r in world.provider.asked("/token")][-1]
    assert f"refresh_token=refresh-{refreshed}" in sent
    assert step.session is not None


async def test_a_copy_in_the_other_cookie_opens_nothing(
    kept: tuple[World, Party],
) -> None:
    world, party = kept
    browser = await signed_in(world, party)
    names = party.secure
    swapped = {
        names.session: browser.cookies[names.remember],
        names.remember: browser.cookies[names.session],
    }
    browser.cookies = swapped

    assert not is_in(await browser.visit(party))


async def test_without_the_option_there_is_no_such_cookie() -> None:
    world, party = World(), build_party()
    browser = await signed_in(world, party)

    assert not any("remember" in name for name in browser.cookies)
    world.clock.move(DAY)
    assert not is_in(await browser.visit(party))
