"""The session-store port: one suite, every adapter and every way to a Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.adapters.redis import RedisStore, RedisStores
from ostiary.adapters.shared import MemoryStore
from ostiary.adapters.shared.store import SPARE_NAMES
from ostiary.adapters.sql.config_store import open_config_store
from ostiary.ports.session_store import SessionStore, StorePlace, Stores
from tests.support.ports import FakeClock
from tests.support.postgres_server import PostgresServer, postgres_server
from tests.support.redis_server import RedisServer, redis_server


class Moves(Protocol):
    def move(self, seconds: float) -> None: ...


class Kit:
    """An adapter under test, and the clock behind it."""

    def __init__(self, store: SessionStore, clock: Moves) -> None:
        self.store = store
        self.clock = clock


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


def place_of(redis: RedisServer, way: str) -> StorePlace:
    match way:
        case "unix":
            return redis.unix()
        case "tls":
            return redis.tls()
        case "narrow user":
            return redis.narrow()
        case "narrow user over tls":
            return redis.tls(username="narrow", password=redis.narrow().password)
    return redis.narrow(database=3)


WAYS = ["unix", "tls", "narrow user", "narrow user over tls", "database"]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "postgresql", *WAYS])
async def kit(
    request: pytest.FixtureRequest, redis: RedisServer, tmp_path: Path
) -> AsyncIterator[Kit]:
    if request.param in {"sqlite", "postgresql"}:
        url = f"sqlite:///{tmp_path / 'config.db'}"
        if request.param == "postgresql":
            server: PostgresServer = request.getfixturevalue("postgres")
            url = server.url(server.make_database())
        opened = await open_config_store(url, b"k" * 32)
        clock = FakeClock()
        yield Kit(opened.open_sessions(clock), clock)
        await opened.close()
        return
    if request.param == "memory":
        clock = FakeClock()
        yield Kit(MemoryStore(clock), clock)
        return
    redis.do("FLUSHALL")
    store = RedisStore(place_of(redis, request.param))
    yield Kit(store, redis)
    await store.close()


SEALED = bytes(range(256)) * 16


async def test_a_record_can_be_read_until_its_time_is_over(kit: Kit) -> None:
    assert await kit.store.get("c:1") is None
    await kit.store.set("c:1", SEALED, ttl_s=10)

    assert await kit.store.get("c:1") == SEALED
    kit.clock.move(9)
    assert await kit.store.get("c:1") == SEALED
    kit.clock.move(1)
    assert await kit.store.get("c:1") is None


async def test_a_record_without_time_is_not_there(kit: Kit) -> None:
    await kit.store.set("c:1", b"1", ttl_s=10)
    await kit.store.set("c:1", b"2", ttl_s=0)
    await kit.store.set("c:2", b"2", ttl_s=-1)

    assert await kit.store.get("c:1") is None
    assert await kit.store.get("c:2") is None


async def test_setting_again_replaces_value_and_time(kit: Kit) -> None:
    await kit.store.set("c:1", b"1", ttl_s=10)
    await kit.store.set("c:1", b"", ttl_s=100)
    kit.clock.move(50)

    assert await kit.store.get("c:1") == b""


async def test_a_record_is_replaced_only_if_it_is_the_one_that_was_read(
    kit: Kit,
) -> None:
    await kit.store.set("c:1", SEALED, ttl_s=10)

    assert await kit.store.replace("c:1", b"other", b"new", ttl_s=50) is False
    assert await kit.store.get("c:1") == SEALED
    assert await kit.store.replace("c:1", SEALED, SEALED[::-1], ttl_s=50) is True
    kit.clock.move(49)
    assert await kit.store.get("c:1") == SEALED[::-1]
    kit.clock.move(1)
    assert await kit.store.get("c:1") is None


async def test_a_record_that_is_gone_is_not_overwritten(kit: Kit) -> None:
    """What another node has ended stays ended while this one writes."""
    await kit.store.set("c:1", b"1", ttl_s=10)
    there = await kit.store.overwrite("c:1", b"2", ttl_s=50)
    value = await kit.store.get("c:1")
    await kit.store.delete("c:1")
    gone = await kit.store.overwrite("c:1", b"3", ttl_s=50)

    assert (there, value, gone) == (True, b"2", False)
    assert await kit.store.get("c:1") is None


async def test_what_is_overwritten_without_time_left_is_gone(kit: Kit) -> None:
    await kit.store.set("c:1", b"1", ttl_s=10)

    assert await kit.store.overwrite("c:1", b"2", ttl_s=0) is True
    assert await kit.store.get("c:1") is None


async def test_what_is_gone_is_not_replaced(kit: Kit) -> None:
    await kit.store.set("c:1", b"1", ttl_s=10)
    kit.clock.move(10)

    assert await kit.store.replace("c:1", b"1", b"2", ttl_s=10) is False
    assert await kit.store.replace("c:2", b"", b"2", ttl_s=10) is False
    assert await kit.store.get("c:1") is None
    assert await kit.store.get("c:2") is None


async def test_replacing_with_no_time_left_removes(kit: Kit) -> None:
    await kit.store.set("c:1", b"1", ttl_s=10)

    assert await kit.store.replace("c:1", b"1", b"2", ttl_s=0) is True
    assert await kit.store.get("c:1") is None


async def test_of_many_parallel_replacements_one_wins(kit: Kit) -> None:
    await kit.store.set("c:1", b"old", ttl_s=10)
    won = await asyncio.gather(
        *(kit.store.replace("c:1", b"old", b"%d" % n, ttl_s=9) for n in range(50))
    )

    assert sum(won) == 1
    assert await kit.store.get("c:1") == b"%d" % won.index(True)


async def test_a_record_that_is_kept_lives_longer(kit: Kit) -> None:
    await kit.store.set("c:1", b"1", ttl_s=10)
    kit.clock.move(9)

    assert await kit.store.keep("c:1", ttl_s=10) is True
    kit.clock.move(9)
    assert await kit.store.get("c:1") == b"1"
    kit.clock.move(1)
    assert await kit.store.keep("c:1", ttl_s=10) is False
    assert await kit.store.get("c:1") is None


async def test_what_is_kept_for_no_time_is_gone(kit: Kit) -> None:
    await kit.store.set("c:1", b"1", ttl_s=10)

    assert await kit.store.keep("c:1", ttl_s=-5) is True
    assert await kit.store.get("c:1") is None


async def test_a_deleted_record_is_gone(kit: Kit) -> None:
    await kit.store.set("c:1", b"1", ttl_s=10)
    await kit.store.delete("c:1")
    await kit.store.delete("never there")

    assert await kit.store.get("c:1") is None
    assert await kit.store.keep("c:1", ttl_s=10) is False


async def test_an_index_lists_who_lives_by_its_end(kit: Kit) -> None:
    assert await kit.store.members("c:aud:sub") == ()
    await kit.store.index("c:aud:sub", "long", ttl_s=30)
    await kit.store.index("c:aud:sub", "short", ttl_s=10)
    await kit.store.index("c:aud:other", "else", ttl_s=10)

    assert await kit.store.members("c:aud:sub") == ("short", "long")
    kit.clock.move(10)
    assert await kit.store.members("c:aud:sub") == ("long",)
    kit.clock.move(20)
    assert await kit.store.members("c:aud:sub") == ()


async def test_indexing_again_gives_the_new_time(kit: Kit) -> None:
    await kit.store.index("n", "a", ttl_s=10)
    await kit.store.index("n", "b", ttl_s=50)
    await kit.store.index("n", "a", ttl_s=100)
    await kit.store.index("n", "b", ttl_s=10)
    kit.clock.move(60)

    assert await kit.store.members("n") == ("a",)
    await kit.store.index("n", "a", ttl_s=0)
    assert await kit.store.members("n") == ()


async def test_a_member_can_be_taken_off(kit: Kit) -> None:
    await kit.store.index("n", "a", ttl_s=10)
    await kit.store.index("n", "Ünïcode:*", ttl_s=10)
    await kit.store.unindex("n", "a")
    await kit.store.unindex("n", "never there")
    await kit.store.unindex("nobody", "a")

    assert await kit.store.members("n") == ("Ünïcode:*",)


NAMES = st.sampled_from(["x", "y"])
MEMBERS = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("index"), NAMES, MEMBERS, st.integers(-1, 9)),
        st.tuples(st.just("unindex"), NAMES, MEMBERS, st.just(0)),
        st.tuples(st.just("move"), NAMES, MEMBERS, st.integers(1, 5)),
    ),
    max_size=12,
)


async def walk(
    store: SessionStore, clock: Moves, steps: list[tuple[str, str, str, int]]
) -> None:
    """The store lists exactly what a plain model of it lists, after every step."""
    model: dict[tuple[str, str], int] = {}
    for verb, name, member, number in steps:
        if verb == "move":
            clock.move(number)
            model = {key: left - number for key, left in model.items()}
        elif verb == "index":
            await store.index(name, member, ttl_s=number)
            model[name, member] = number
        else:
            await store.unindex(name, member)
            model.pop((name, member), None)
        for which in "xy":
            living = {m for (n, m), left in model.items() if n == which and left > 0}
            assert living == set(await store.members(which))


@given(steps=STEPS)
def test_an_index_in_memory_never_lists_who_ended(
    steps: list[tuple[str, str, str, int]],
) -> None:
    clock = FakeClock()
    asyncio.run(walk(MemoryStore(clock), clock, steps))


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_an_index_in_redis_never_lists_who_ended(
    redis: RedisServer, steps: list[tuple[str, str, str, int]]
) -> None:
    redis.do("FLUSHALL")

    async def run() -> None:
        store = RedisStore(redis.unix())
        await walk(store, redis, steps)
        await store.close()

    asyncio.run(run())


async def test_memory_forgets_indexes_that_nobody_asks_for() -> None:
    clock = FakeClock()
    store = MemoryStore(clock)
    for number in range(1000):
        await store.index(f"ended{number}", "a", ttl_s=5)
        await store.index(f"taken off{number}", "a", ttl_s=5000)
        await store.unindex(f"taken off{number}", "a")
        await store.index("always there", f"member{number}", ttl_s=5)
        clock.move(1)

    assert len(store._names) <= SPARE_NAMES + 20
    assert len(store._names["always there"]) == 5


async def test_records_lie_where_the_manual_says(redis: RedisServer) -> None:
    redis.do("FLUSHALL")
    store = RedisStore(redis.unix())
    bare = RedisStore(redis.unix(prefix=None))
    await store.set("session:1", b"1", ttl_s=10)
    await store.index("session:aud:sub", "1", ttl_s=10)
    await bare.set("session:1", b"2", ttl_s=10)

    assert redis.do("GET", "ost:session:1") == b"1"
    assert redis.do("GET", "session:1") == b"2"
    score = redis.do("ZSCORE", "ost:session:aud:sub", "1")
    now = redis.do("TIME")
    assert isinstance(score, float)
    assert isinstance(now, tuple)
    assert 8 < score - now[0] < 11
    left = redis.do("PTTL", "ost:session:aud:sub")
    assert isinstance(left, int)
    assert 5_000 < left <= 10_000
    await store.close()
    await bare.close()


async def test_databases_and_prefixes_do_not_mix(redis: RedisServer) -> None:
    redis.do("FLUSHALL")
    stores = RedisStores()
    await stores.open(redis.unix()).set("k", b"1", ttl_s=10)

    assert await stores.open(redis.unix(database=1)).get("k") is None
    assert await stores.open(redis.unix(prefix="ost:2")).get("k") is None
    assert await stores.open(redis.tcp()).get("k") == b"1"
    await stores.close()


async def test_a_place_has_one_store(redis: RedisServer) -> None:
    opened = RedisStores()
    stores: Stores = opened

    assert stores.open(redis.unix()) is stores.open(redis.unix())
    assert stores.open(redis.unix()) is not stores.open(redis.unix(password="x"))
    assert "planted" not in repr(StorePlace(password="planted"))
    await opened.close()
