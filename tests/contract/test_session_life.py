"""The life of a session, wherever it lies: in cookies, in memory, in a Redis by each way there is."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ostiary.adapters.redis import RedisStores
from ostiary.ports.session_store import SessionStore, StorePlace
from ostiary.signin.party import Party
from ostiary.signin.values import SendAway
from tests.support.browser import ORIGIN, Browser, World, allowed, build_party, refused
from tests.support.parties import PAGE, XHR
from tests.support.redis_server import RedisServer, redis_server

SMALL: dict[str, Any] = {"session_idling_timeout": 100, "session_rolling_timeout": 1000}


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


class Life:
    """A node whose sessions lie somewhere."""

    def __init__(self, world: World, config: dict[str, Any]) -> None:
        self.world = world
        self.config = config

    def party(self, row_id: str = "row-1", **changes: Any) -> Party:
        return build_party(row_id, **{**self.config, **changes})

    async def signed_in(self, party: Party) -> Browser:
        browser = self.world.browser()
        await browser.sign_in(party)
        return browser

    @property
    def is_stored(self) -> bool:
        return bool(self.config)


class Through:
    """Opens the stores that parties ask for, with the test's certificates."""

    def __init__(self, ca_file: str) -> None:
        self.stores = RedisStores(ca_file=ca_file)
        self.asked: list[StorePlace] = []

    def open(self, place: StorePlace) -> SessionStore:
        self.asked.append(place)
        return self.stores.open(place)


STORED = ["memory", "redis socket", "redis tls", "redis user"]


@pytest.fixture(params=["cookie", *STORED])
async def life(
    request: pytest.FixtureRequest, redis: RedisServer
) -> AsyncIterator[Life]:
    world = World()
    kind = request.param
    if kind in {"cookie", "memory"}:
        stored = {"session_storage": "redis"} if kind == "memory" else {}
        yield Life(world, stored)
        return
    redis.do("FLUSHALL")
    place = {
        "redis socket": redis.unix(),
        "redis tls": redis.tls(),
        "redis user": redis.narrow(),
    }[kind]
    record = {
        "host": place.host, "port": place.port, "socket": place.socket,
        "username": place.username, "password": place.password, "ssl": place.tls,
        "server_name": place.server_name, "prefix": place.prefix,
    }  # fmt: skip
    through = Through(str(redis.ca_file))
    world.stores = through  # type: ignore[assignment]
    world.signin = world.worker()
    given = {name: value for name, value in record.items() if value is not None}
    yield Life(world, {"session_storage": "redis", "redis": given})
    assert through.asked
    await through.stores.close()


def noise(blocks: int) -> str:
    """128 letters a block that no compression makes much smaller."""
    return "".join(hashlib.sha512(str(n).encode()).hexdigest() for n in range(blocks))


def is_in(step: Any) -> bool:
    return getattr(step, "method", None) == "session"


async def test_a_session_opens_on_every_worker(life: Life) -> None:
    party = life.party()
    browser = await life.signed_in(party)

    for worker in (None, life.world.worker(), life.world.worker()):
        step = allowed(await browser.visit(party, worker=worker))
        assert (step.method, step.subject) == ("session", "ada")


async def test_a_session_seen_before_is_answered_from_memory_for_a_while(
    life: Life,
) -> None:
    party = life.party()
    browser = await life.signed_in(party)
    allowed(await browser.visit(party))
    request = browser.request(PAGE)

    at_once = life.world.signin.decide(request, party)
    life.world.clock.move(4)
    soon = life.world.signin.decide(request, party)
    life.world.clock.move(2)
    later = life.world.signin.decide(request, party)

    assert is_in(at_once)
    assert is_in(soon)
    assert is_in(later) is not life.is_stored


async def test_a_session_in_a_store_is_one_small_cookie(life: Life) -> None:
    life.world.provider.access_edits = {"filler": noise(60)}
    browser = await life.signed_in(life.party())
    names = [n for n in browser.cookies if n.startswith("__Host-session")]
    sizes = sum(len(browser.cookies[n]) for n in names)

    if life.is_stored:
        assert len(names) == 1
        assert sizes < 250
    else:
        assert len(names) > 1


async def test_tokens_too_large_for_cookies_fit_into_a_store(life: Life) -> None:
    party = life.party()
    life.world.provider.access_edits = {"filler": noise(600)}
    browser = life.world.browser()
    location = await browser.start(party)
    answer = life.world.provider.authorize(location)
    step = await browser.ask(party, f"{ORIGIN}/cognito?{answer}")

    if life.is_stored:
        assert isinstance(step, SendAway)
        assert is_in(await browser.visit(party))
    else:
        assert refused(step).code == "session_too_large"


@pytest.mark.parametrize(
    ("clocks", "seconds"),
    [
        ({"session_idling_timeout": 100}, 100),
        ({"session_idling_timeout": 0, "session_rolling_timeout": 200}, 200),
        (
            {
                "session_idling_timeout": 0,
                "session_rolling_timeout": 0,
                "session_absolute_timeout": 300,
            },
            300,
        ),
    ],
)
async def test_each_clock_ends_it(
    life: Life, clocks: dict[str, Any], seconds: int
) -> None:
    party = life.party(**clocks)
    browser = await life.signed_in(party)
    kept = dict(browser.cookies)

    life.world.clock.move(seconds - 1)
    browser.cookies = dict(kept)
    early = await browser.visit(party, worker=life.world.worker(), cookies=True)
    browser.cookies = dict(kept)
    life.world.clock.move(1)
    late = await browser.visit(party, worker=life.world.worker())

    assert is_in(early)
    assert not is_in(late)


async def test_using_it_keeps_it_and_the_sign_ins_time_stays(life: Life) -> None:
    party = life.party(**SMALL, session_absolute_timeout=500)
    browser = await life.signed_in(party)

    for _ in range(6):
        life.world.clock.move(80)
        assert is_in(await browser.visit(party, worker=life.world.worker()))
    life.world.clock.move(80)

    assert not is_in(await browser.visit(party))


@pytest.mark.spec("oidc-plugin#10.6")
@pytest.mark.parametrize("idling", [10, 59, 60, 61])
async def test_a_short_idling_time_ends_no_session_that_is_used(
    life: Life, idling: int
) -> None:
    party = life.party(session_idling_timeout=idling, session_rolling_timeout=0)
    browser = await life.signed_in(party)

    for _ in range(8):  # asked three times in each idling time
        life.world.clock.move(idling / 3)
        assert is_in(await browser.visit(party))
    life.world.clock.move(idling + 1)  # times are kept in whole seconds

    assert not is_in(await browser.visit(party))


async def test_a_session_that_may_not_be_renewed_is_not(life: Life) -> None:
    party = life.party(**SMALL, disable_session=["session"])
    browser = await life.signed_in(party)
    before = dict(browser.cookies)

    life.world.clock.move(80)
    assert is_in(await browser.visit(party))

    assert browser.cookies == before
    life.world.clock.move(20)
    assert not is_in(await browser.visit(party))


async def test_new_tokens_reach_the_tab_with_the_old_cookie(life: Life) -> None:
    party = life.party(session_rolling_timeout=0, session_idling_timeout=0)
    browser = await life.signed_in(party)
    kept = dict(browser.cookies)
    life.world.clock.move(life.world.provider.lifetime + 1)

    for _ in range(3):
        browser.cookies = dict(kept)
        step = await browser.visit(party, worker=life.world.worker())
        assert is_in(step)

    assert life.world.provider.refreshes == 1


@pytest.mark.spec("T-K10")
async def test_a_session_that_logged_out_is_dead_for_every_copy(life: Life) -> None:
    party = life.party(logout_query_arg="logout", logout_methods=["GET"])
    browser = await life.signed_in(party)
    worker = life.world.worker()
    assert is_in(await browser.visit(party, worker=worker))
    kept = dict(browser.cookies)

    await browser.ask(party, f"{PAGE}?logout=1")
    browser.cookies = kept

    for one in (worker, None, life.world.worker()):
        assert not is_in(await browser.visit(party, worker=one))


@pytest.mark.spec("T-K4")
async def test_a_cookie_opens_nothing_elsewhere(life: Life) -> None:
    names = {"session_cookie_name": "session"}
    here, there = life.party(**names), life.party("row-2", **names)
    other_client = life.party(**names, client_id=["other"])
    browser = await life.signed_in(here)

    assert is_in(await browser.visit(here))
    assert not is_in(await browser.visit(there))
    assert not is_in(await browser.visit(other_client))


@pytest.mark.spec("T-K6")
async def test_a_changed_cookie_opens_nothing(life: Life) -> None:
    party = life.party()
    browser = await life.signed_in(party)
    name = next(n for n in browser.cookies if n.startswith("__Host-session"))
    text = browser.cookies[name]

    for at in (1, len(text) // 2, len(text) - 2):
        flipped = "A" if text[at] != "A" else "B"
        browser.cookies[name] = text[:at] + flipped + text[at + 1 :]
        assert not is_in(await browser.visit(party))
        browser.cookies[name] = text

    assert is_in(await browser.visit(party))


@pytest.mark.spec("T-K17")
@pytest.mark.parametrize("what", ["ip", "scheme", "user-agent"])
async def test_a_bound_session_opens_only_as_it_was_made(life: Life, what: str) -> None:
    plain: dict[str, Any] = {
        "session_cookie_name": "session",
        "session_cookie_secure": False,
    }
    bound = life.party(**plain, session_bind=[what])
    free = life.party(**plain)
    agent = ((b"User-Agent", b"one"),)
    for party, opens in ((bound, False), (free, True)):
        browser = life.world.browser()
        location = await browser.start(party, fields=agent)
        answer = life.world.provider.authorize(location)
        await browser.ask(party, f"{ORIGIN}/cognito?{answer}", fields=agent)
        assert is_in(await browser.ask(party, PAGE, fields=agent))

        url, fields = PAGE, agent
        if what == "ip":
            browser.ip = "203.0.113.8"
        elif what == "scheme":
            url = PAGE.replace("https:", "http:")
        else:
            fields = ((b"User-Agent", b"two"),)

        assert is_in(await browser.ask(party, url, fields=fields)) is opens, party


async def test_no_token_is_readable_where_it_lies(
    life: Life, redis: RedisServer
) -> None:
    browser = await life.signed_in(life.party(session_store_metadata=True))
    seen = " ".join(browser.cookies.values())
    if life.config.get("redis"):
        keys = redis.do("KEYS", "*")
        assert isinstance(keys, list)
        seen += " ".join(str(key) for key in keys)
        seen += " ".join(
            str(redis.do("GET", key)) for key in keys if b"default" not in key
        )
        session_id = allowed(
            await browser.visit(life.party(session_store_metadata=True))
        )
        assert session_id.session is not None
        assert session_id.session.id not in seen
        assert len(keys) == 2

    assert "refresh-0" not in seen
    assert life.world.provider.access_token()[:20] not in seen


@pytest.mark.spec("oidc-plugin#10.5")
@pytest.mark.parametrize("hashed", [False, True])
async def test_a_store_can_list_the_sessions_of_a_person(
    redis: RedisServer, *, hashed: bool
) -> None:
    redis.do("FLUSHALL")
    world = World()
    stores = RedisStores()
    world.stores = stores  # type: ignore[assignment]
    world.signin = world.worker()
    place = redis.unix()
    config: dict[str, Any] = {
        "session_storage": "redis",
        "session_store_metadata": True,
        "session_hash_subject": hashed,
        "session_cookie_name": "s",
        "redis": {"socket": place.socket, "prefix": "p"},
        "logout_query_arg": "logout",
        "logout_methods": ["GET"],
    }
    party = build_party(**config)
    browsers = [world.browser(), world.browser()]
    for browser in browsers:
        await browser.sign_in(party)

    person = hashlib.sha256(b"ada").hexdigest() if hashed else "ada"
    name = f"p:s:default:{person}"
    both = redis.do("ZCARD", name)
    await browsers[0].ask(party, f"{PAGE}?logout=1")
    one = redis.do("ZCARD", name)

    assert (both, one) == (2, 1)
    await stores.close()


@pytest.mark.spec("D6")
async def test_a_store_that_is_away_is_a_503_and_never_a_login(
    redis: RedisServer,
) -> None:
    redis.do("FLUSHALL")
    world = World()
    stores = RedisStores()
    world.stores = stores  # type: ignore[assignment]
    world.signin = world.worker()
    place = redis.unix()
    party = build_party(
        session_storage="redis",
        redis={"socket": place.socket, "read_timeout": 300, "connect_timeout": 300},
    )
    browser = world.browser()
    await browser.sign_in(party)
    redis.pause()
    try:
        for fields in ((), XHR):
            step = refused(await browser.ask(party, PAGE, fields=fields))
            assert (step.status, step.retry_after_s) == (503, 5)
    finally:
        redis.resume()

    assert is_in(await browser.visit(party))
    await stores.close()


@pytest.mark.parametrize("life", STORED, indirect=True)
async def test_a_record_that_was_deleted_is_no_session(life: Life) -> None:
    party = life.party()
    browser = await life.signed_in(party)
    step = allowed(await browser.visit(party))
    assert step.session is not None

    digest = hashlib.sha256(step.session.id.encode()).hexdigest()
    assert party.store is not None
    store = life.world.stores.open(party.store)
    await store.delete(f"{party.secure.session}:{digest}")
    life.world.clock.move(6)

    assert not is_in(await browser.visit(party))


@pytest.mark.parametrize("life", STORED, indirect=True)
async def test_what_another_node_has_ended_does_not_come_back(life: Life) -> None:
    party = life.party(logout_query_arg="logout", logout_methods=["GET"])
    browser = await life.signed_in(party)
    other = World()
    other.stores, other.provider = life.world.stores, life.world.provider
    other.clock = life.world.clock
    other.signin = other.worker()
    assert is_in(await browser.visit(party, worker=other.signin))
    kept = dict(browser.cookies)

    await browser.ask(party, f"{PAGE}?logout=1")
    for seconds in (10, 61, 4000):
        life.world.clock.move(seconds)
        browser.cookies = dict(kept)
        assert not is_in(await browser.visit(party, worker=other.signin))
