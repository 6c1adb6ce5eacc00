"""The shared-state port: one suite, every adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from ostiary.adapters.redis import RedisShared
from ostiary.adapters.shared import MemoryShared, SharedServer, SocketShared
from ostiary.adapters.shared import memory as memory_module
from ostiary.ports.shared import Shared, SharedUnavailable
from tests.support.ports import FakeClock
from tests.support.redis_server import RedisServer, redis_server


class Moves(Protocol):
    def move(self, seconds: float) -> None: ...


class Kit:
    """An adapter under test, and the clock behind it."""

    def __init__(self, shared: Shared, clock: Moves) -> None:
        self.shared = shared
        self.clock = clock


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(params=["memory", "socket", "redis"])
async def kit(
    request: pytest.FixtureRequest, tmp_path: Path, redis: RedisServer
) -> AsyncIterator[Kit]:
    if request.param == "redis":
        redis.do("FLUSHALL")
        shared = RedisShared(redis.narrow())
        await shared.connect()
        yield Kit(shared, redis)
        await shared.close()
        return
    clock = FakeClock()
    memory = MemoryShared(clock)
    if request.param == "memory":
        yield Kit(memory, clock)
        return
    server = SharedServer(memory, tmp_path / "s.sock")
    await server.start()
    client = SocketShared(tmp_path / "s.sock")
    await client.connect()
    yield Kit(client, clock)
    await client.close()
    await server.stop()


async def test_what_is_set_can_be_read_until_its_time_is_over(kit: Kit) -> None:
    await kit.shared.set("k", b"\x00\xff value", ttl_s=10)

    assert await kit.shared.get("k") == b"\x00\xff value"
    kit.clock.move(10)
    assert await kit.shared.get("k") is None


async def test_only_the_first_of_two_adds(kit: Kit) -> None:
    assert await kit.shared.add("k", b"1", ttl_s=10) is True
    assert await kit.shared.add("k", b"2", ttl_s=10) is False
    assert await kit.shared.get("k") == b"1"


async def test_an_expired_key_can_be_added_again(kit: Kit) -> None:
    await kit.shared.add("k", b"1", ttl_s=10)
    kit.clock.move(11)

    assert await kit.shared.add("k", b"2", ttl_s=10) is True


async def test_of_many_parallel_adds_one_wins(kit: Kit) -> None:
    won = await asyncio.gather(*(kit.shared.add("k", b"x", ttl_s=9) for _ in range(50)))

    assert sum(won) == 1


async def test_a_deleted_key_is_gone(kit: Kit) -> None:
    await kit.shared.set("k", b"1", ttl_s=10)
    await kit.shared.delete("k")
    await kit.shared.delete("never there")

    assert await kit.shared.get("k") is None


@pytest.mark.spec("Kong#rate-limiting")
async def test_a_number_grows_from_nothing_and_reads_as_digits(kit: Kit) -> None:
    assert await kit.shared.increment("n", 1, ttl_s=10) == 1
    assert await kit.shared.increment("n", 41, ttl_s=10) == 42
    assert await kit.shared.get("n") == b"42"
    assert await kit.shared.get("never") is None


async def test_adding_does_not_prolong_a_number(kit: Kit) -> None:
    await kit.shared.increment("n", 1, ttl_s=10)
    kit.clock.move(6)
    await kit.shared.increment("n", 1, ttl_s=10)
    kit.clock.move(6)

    assert await kit.shared.get("n") is None
    assert await kit.shared.increment("n", 1, ttl_s=10) == 1


async def test_parallel_additions_are_all_counted(kit: Kit) -> None:
    totals = await asyncio.gather(
        *(kit.shared.increment("n", 1, ttl_s=9) for _ in range(50))
    )

    assert sorted(totals) == [*range(1, 51)]


async def test_subscribers_hear_what_is_published(kit: Kit) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    kit.shared.subscribe("news", heard.put_nowait)
    kit.shared.subscribe("other", lambda _: heard.put_nowait(b"wrong channel"))
    await kit.shared.publish("news", b"hello")

    async with asyncio.timeout(5):
        assert await heard.get() == b"hello"
    assert heard.empty()


async def test_a_channel_of_this_moment_is_heard_too(kit: Kit) -> None:
    for number in range(20):
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        kit.shared.subscribe(f"news{number}", heard.put_nowait)
        await kit.shared.publish(f"news{number}", b"%d" % number)

        async with asyncio.timeout(5):
            assert await heard.get() == b"%d" % number


async def test_large_values_travel_whole(kit: Kit) -> None:
    value = bytes(range(256)) * 8192
    await kit.shared.set("big", value, ttl_s=10)

    assert await kit.shared.get("big") == value


async def test_a_socket_without_server_is_unavailable_not_empty(tmp_path: Path) -> None:
    server = SharedServer(MemoryShared(FakeClock()), tmp_path / "s.sock")
    await server.start()
    client = SocketShared(tmp_path / "s.sock")
    await client.connect()
    await client.set("k", b"1", ttl_s=10)
    await server.stop()

    with pytest.raises(SharedUnavailable):
        await asyncio.gather(*(client.get("k") for _ in range(50)))
    with pytest.raises(SharedUnavailable):
        await client.increment("n", 1, ttl_s=10)
    await client.close()


async def test_a_client_reconnects_by_itself_and_says_so(tmp_path: Path) -> None:
    memory = MemoryShared(FakeClock())
    server = SharedServer(memory, tmp_path / "s.sock")
    await server.start()
    client = SocketShared(tmp_path / "s.sock")
    connected: asyncio.Queue[None] = asyncio.Queue()
    client.on_connect(lambda: connected.put_nowait(None))
    await client.connect()
    await connected.get()
    await client.set("before", b"1", ttl_s=10)
    await server.stop()
    again = SharedServer(memory, tmp_path / "s.sock")
    await again.start()

    async with asyncio.timeout(5):
        await connected.get()
    assert await client.add("k", b"1", ttl_s=10) is True
    await client.close()
    await again.stop()


async def test_ended_sessions_are_remembered_on_disk_and_nothing_else(
    tmp_path: Path,
) -> None:
    clock, file = FakeClock(), tmp_path / "ended.json"
    memory = MemoryShared(clock, durable=file)
    await memory.set("ended:s1", b"1", ttl_s=100)
    await memory.set("secret:x", b"2", ttl_s=100)
    again = MemoryShared(clock, durable=file)

    assert await again.get("ended:s1") == b"1"
    assert await again.get("secret:x") is None
    assert file.stat().st_mode & 0o777 == 0o600
    clock.move(100)
    assert await MemoryShared(clock, durable=file).get("ended:s1") is None


async def test_a_key_that_is_set_again_and_again_takes_the_room_of_one() -> None:
    clock = FakeClock()
    shared = MemoryShared(clock)
    await shared.set("ended:s1", b"1", ttl_s=100)
    await shared.add("flow:1", b"1", ttl_s=90)
    for turn in range(10_000):
        await shared.set("node:metrics:1", b"%d" % turn, ttl_s=86400)
        await shared.delete("flow:none")

    assert len(shared._rows._ends) <= 3 * 64
    assert await shared.get("node:metrics:1") == b"9999"
    assert await shared.get("flow:1") == b"1"
    assert await shared.get("ended:s1") == b"1"
    clock.move(90)
    await shared.set("x", b"", ttl_s=1)
    assert "flow:1" not in shared._rows.rows  # out of time, and out of memory


async def test_who_needs_room_never_gets_that_of_an_ended_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory_module, "MAX_KEYS", 3)
    shared = MemoryShared(FakeClock())
    await shared.set("node:config", b"c", ttl_s=1e9)
    for number in range(5):
        await shared.set(f"ended:{number}", b"1", ttl_s=10 + number)
    for number in range(5):
        await shared.add(f"flow:{number}", b"1", ttl_s=100 + number)

    assert [await shared.get(f"ended:{n}") for n in range(5)] == [b"1"] * 5
    assert [await shared.get(f"flow:{n}") for n in range(5)] == [
        None, None, None, b"1", b"1",
    ]  # fmt: skip
    assert await shared.get("node:config") == b"c"


async def test_a_hearer_that_breaks_silences_nobody(
    kit: Kit, caplog: pytest.LogCaptureFixture
) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    def broken(message: bytes) -> None:
        raise KeyError(message)

    kit.shared.subscribe("news", broken)
    kit.shared.subscribe("news", heard.put_nowait)
    for message in (b"planted-secret", b"again"):
        await kit.shared.publish("news", message)
        async with asyncio.timeout(5):
            assert await heard.get() == message

    await kit.shared.set("k", b"1", ttl_s=10)
    assert await kit.shared.get("k") == b"1"
    assert "a message on news was not understood: KeyError" in caplog.text
    assert "planted" not in caplog.text


async def test_nonsense_on_the_socket_harms_nobody_else(tmp_path: Path) -> None:
    server = SharedServer(MemoryShared(FakeClock()), tmp_path / "s.sock")
    await server.start()
    client = SocketShared(tmp_path / "s.sock")
    await client.connect()
    _, writer = await asyncio.open_unix_connection(tmp_path / "s.sock")
    writer.write(b"not json\n")
    await writer.drain()

    assert await client.add("k", b"1", ttl_s=10) is True
    assert (tmp_path / "s.sock").stat().st_mode & 0o777 == 0o600
    writer.close()
    await client.close()
    await server.stop()
