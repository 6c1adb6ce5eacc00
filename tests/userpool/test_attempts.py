"""Passwords given at once: every right one is taken, and no more wrong ones than in a row."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from ostiary.model.pool import PasswordRecord, Pool
from ostiary.ports.pool_store import PoolStore
from ostiary.userpool import messages, signing_in
from ostiary.userpool.app import create_app
from ostiary.userpool.lockout import FREE_FAILURES
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services, build_services
from ostiary.userpool.turns import Turns
from tests.userpool.hosted_kit import SIGN_IN
from tests.userpool.pool_kit import PASSWORD, Browser, Demo, PoolSite, build_demo

TABS = 20
WRONG = SIGN_IN | {"password": "wrong"}


class Hashing:
    """Counts the passwords that are looked at, and lets each take a while by the site's clock."""

    def __init__(self, site: PoolSite, patch: pytest.MonkeyPatch) -> None:
        self.looked_at = 0
        self.takes_s = 0.0
        self._site, self._is_right = site, signing_in.is_right
        patch.setattr(signing_in, "is_right", self._look)

    async def _look(
        self, services: Services, password: str, record: PasswordRecord | None
    ) -> bool:
        self.looked_at += 1
        self._site.clock.pass_s(self.takes_s)
        return await self._is_right(services, password, record)


@pytest.fixture
def hashing(site: PoolSite, monkeypatch: pytest.MonkeyPatch) -> Hashing:
    return Hashing(site, monkeypatch)


async def _texts(browser: Browser, demo: Demo, fields: dict[str, str]) -> Counter[str]:
    """What a browser is told that posts one form many times at once."""
    page = await browser.get(f"/login?{demo.query()}")
    answers = await asyncio.gather(*(browser.submit(page, fields) for _ in range(TABS)))
    known = (messages.SIGN_IN_WRONG, messages.SIGN_IN_LOCKED, messages.USER_MISSING)
    return Counter(
        str(a.status) if a.status != 200 else next(t for t in known if t in a.text)
        for a in answers
    )


async def test_right_passwords_given_at_once_are_all_taken(
    site: PoolSite, demo: Demo, hashing: Hashing
) -> None:
    await demo.confirm()

    assert await _texts(site.browser(), demo, SIGN_IN) == {"302": TABS}
    assert hashing.looked_at == TABS


@pytest.mark.parametrize("name", ["ada@example.org", "nobody@example.org"])
async def test_of_guesses_made_at_once_only_the_free_ones_are_looked_at(
    site: PoolSite, demo: Demo, hashing: Hashing, name: str
) -> None:
    await demo.confirm()
    browser = site.browser()
    texts = await _texts(browser, demo, WRONG | {"username": name})

    assert texts == {
        messages.SIGN_IN_WRONG: FREE_FAILURES,
        messages.SIGN_IN_LOCKED: TABS - FREE_FAILURES,
    }
    assert hashing.looked_at == FREE_FAILURES

    page = await browser.get(f"/login?{demo.query()}")
    right = await browser.submit(page, SIGN_IN | {"username": name})

    assert messages.SIGN_IN_LOCKED in right.text
    assert hashing.looked_at == FREE_FAILURES


@pytest.mark.parametrize("name", ["ada@example.org", "nobody@example.org"])
async def test_the_store_is_asked_as_often_for_a_stranger_as_for_a_user(
    site: PoolSite, demo: Demo, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    await demo.confirm()
    store, asked = site.config.store, Counter[str]()
    for method in ("find_user", "update_attempts", "use_challenge"):
        monkeypatch.setattr(store, method, _counted(store, method, asked))
    await _texts(site.browser(), demo, WRONG | {"username": name})

    assert asked.pop("find_user") == TABS
    # A stranger has no row to count in: another one is written.
    assert sum(asked.values()) == TABS


def _counted(
    store: PoolStore, method: str, asked: Counter[str]
) -> Callable[..., Awaitable[object]]:
    ask = getattr(store, method)

    def count(*which: object, **given: object) -> Awaitable[object]:
        asked[method] += 1
        found: Awaitable[object] = ask(*which, **given)
        return found

    return count


async def test_some_wrong_passwords_among_right_ones_cost_the_others_nothing(
    site: PoolSite, demo: Demo
) -> None:
    await demo.confirm()
    browser = site.browser()
    page = await browser.get(f"/login?{demo.query()}")
    given = [WRONG if n % 5 == 0 else SIGN_IN for n in range(TABS)]
    answers = await asyncio.gather(*(browser.submit(page, f) for f in given))

    assert Counter(a.status for a in answers) == {302: 16, 200: 4}
    assert not any(messages.SIGN_IN_LOCKED in a.text for a in answers)


async def test_a_client_that_hides_nothing_says_so_to_each_of_them(
    site: PoolSite,
) -> None:
    demo = await build_demo(site, PreventUserExistenceErrors="LEGACY")
    fields = WRONG | {"username": "nobody@example.org"}

    assert await _texts(site.browser(), demo, fields) == {messages.USER_MISSING: TABS}


async def test_two_processes_on_one_store_take_all_right_passwords_too(
    site: PoolSite, demo: Demo
) -> None:
    await demo.confirm()
    browsers = [Browser(create_app(site.config)) for _ in range(2)]
    found = await asyncio.gather(*(_texts(b, demo, SIGN_IN) for b in browsers))

    assert found == [{"302": TABS}] * 2


async def _load(site: PoolSite, demo: Demo) -> tuple[Services, Pool]:
    pool = await site.config.store.load_pool(demo.pool_id)
    assert pool is not None
    return build_services(site.config), pool


async def _sign_in(services: Services, pool: Pool, password: str) -> str:
    try:
        await signing_in.sign_in(
            services,
            pool,
            name="ada@example.org",
            password=password,
            hides_existence=True,
        )
    except AccountError as error:
        return f"{error.code}: {error.message}"
    return "right"


async def test_a_guess_that_waited_until_the_lock_was_over_is_refused_all_the_same(
    site: PoolSite, demo: Demo, hashing: Hashing
) -> None:
    await demo.confirm()
    services, pool = await _load(site, demo)
    hashing.takes_s = 2
    told = await asyncio.gather(
        *(_sign_in(services, pool, "wrong") for _ in range(TABS))
    )

    assert hashing.looked_at == FREE_FAILURES
    assert Counter(told) == {
        f"NotAuthorizedException: {messages.SIGN_IN_WRONG}": FREE_FAILURES,
        f"NotAuthorizedException: {messages.SIGN_IN_LOCKED}": TABS - FREE_FAILURES,
    }
    assert await _sign_in(services, pool, PASSWORD) == "right"


async def test_a_flood_at_one_name_is_refused_as_a_lock_out_is(
    site: PoolSite, demo: Demo, hashing: Hashing
) -> None:
    await demo.confirm()
    services, pool = await _load(site, demo)
    services = replace(services, turns=Turns(longest=3))
    told = await asyncio.gather(*(_sign_in(services, pool, PASSWORD) for _ in range(5)))

    assert (
        told
        == ["right"] * 3 + [f"NotAuthorizedException: {messages.SIGN_IN_LOCKED}"] * 2
    )
    assert hashing.looked_at == 3
