"""A Redis that is away, slow, strange or not ours: told as such, and without secrets."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ostiary.adapters.redis import RedisShared, RedisStore, RedisStores
from ostiary.adapters.redis import shared as shared_module
from ostiary.ports.session_store import SessionStore, StorePlace
from ostiary.ports.shared import SharedUnavailable
from tests.support.redis_server import PASSWORD, RedisServer, redis_server

Ask = Callable[[SessionStore], Awaitable[object]]
EVERY: dict[str, Ask] = {
    "get": lambda s: s.get("k"),
    "set": lambda s: s.set("k", b"1", ttl_s=9),
    "replace": lambda s: s.replace("k", b"1", b"2", ttl_s=9),
    "keep": lambda s: s.keep("k", ttl_s=9),
    "delete": lambda s: s.delete("k"),
    "index": lambda s: s.index("n", "m", ttl_s=9),
    "members": lambda s: s.members("n"),
    "unindex": lambda s: s.unindex("n", "m"),
}
SHARED: dict[str, Callable[[RedisShared], Awaitable[object]]] = {
    "get": lambda s: s.get("k"),
    "set": lambda s: s.set("k", b"1", ttl_s=9),
    "add": lambda s: s.add("k", b"1", ttl_s=9),
    "delete": lambda s: s.delete("k"),
    "publish": lambda s: s.publish("news", b"1"),
}


@pytest.fixture(scope="module")
def steady() -> Iterator[RedisServer]:
    """A server that stays up."""
    with redis_server() as server:
        yield server


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A server that the test may kill."""
    with redis_server() as server:
        yield server


async def refusal(place: StorePlace) -> str:
    """What is said of a place that cannot be used. Never a password."""
    store = RedisStore(place)
    with pytest.raises(SharedUnavailable) as caught:
        await store.get("k")
    await store.close()
    text = str(caught.value)
    assert text.startswith(f"the Redis at {place.where} is not available: ")
    assert "planted" not in text
    return text.partition(" is not available: ")[2]


@pytest.mark.parametrize("way", ["unix", "tls"])
async def test_a_server_that_died_is_unavailable_and_then_works_again(
    redis: RedisServer, way: str
) -> None:
    store = RedisStore(redis.unix() if way == "unix" else redis.tls())
    await asyncio.gather(*(store.set("k", b"1", ttl_s=9) for _ in range(20)))
    redis.kill()
    for name, ask in EVERY.items():
        started = time.monotonic()
        with pytest.raises(SharedUnavailable):
            await asyncio.gather(*(ask(store) for _ in range(20)))
        assert time.monotonic() - started < 2, name

    redis.start()
    for ask in EVERY.values():
        await ask(store)
    await store.close()


async def test_a_server_that_answers_nothing_is_given_up_in_time(
    redis: RedisServer,
) -> None:
    place = redis.tcp(read_timeout_s=0.2)
    store, fresh = RedisStore(place), RedisStore(place)
    await store.set("k", b"1", ttl_s=9)
    redis.pause()
    for one in (store, fresh):
        started = time.monotonic()
        found = await asyncio.gather(
            *(ask(one) for ask in EVERY.values()), return_exceptions=True
        )
        assert 0.1 < time.monotonic() - started < 1
        assert [(type(e), str(e).partition(": ")[2]) for e in found] == [
            (SharedUnavailable, "no answer within 0.2 s")
        ] * len(EVERY)

    redis.resume()
    for ask in EVERY.values():
        await ask(store)
    await store.close()
    await fresh.close()


async def test_a_server_that_takes_nothing_is_given_up(redis: RedisServer) -> None:
    place = redis.unix(send_timeout_s=0.1)
    store, shared = RedisStore(place), RedisShared(place)
    await store.get("k")
    ear = await shared._link.listen()
    redis.pause()
    big = bytes(8_000_000)
    with pytest.raises(SharedUnavailable, match="it took no command within"):
        await store.set("k", big, ttl_s=9)
    with pytest.raises(SharedUnavailable, match="it took no command within"):
        await ear.send("PUBLISH", "x", big)

    redis.resume()
    await store.get("k")
    await store.close()
    await ear.close()
    await shared.close()


async def test_a_greeting_that_never_ends_is_given_up(redis: RedisServer) -> None:
    place = redis.narrow(connect_timeout_s=0.05, read_timeout_s=0.1)
    redis.pause()

    assert await refusal(place) == "no greeting within 0.15 s"


async def test_tls_that_never_begins_is_given_up(redis: RedisServer) -> None:
    redis.pause()

    assert await refusal(redis.tls(connect_timeout_s=0.1)) == (
        "no connection within 0.1 s"
    )


async def test_who_waits_too_long_for_a_connection_is_told(redis: RedisServer) -> None:
    place = redis.unix(pool_size=1, connect_timeout_s=0.05, read_timeout_s=0.3)
    store = RedisStore(place)
    await store.get("k")
    redis.pause()
    found = await asyncio.gather(store.get("k"), store.get("k"), return_exceptions=True)

    assert [str(e).partition(": ")[2] for e in found if isinstance(e, Exception)] == [
        "no answer within 0.3 s",
        "all 1 connections are busy for 0.05 s",
    ]
    redis.resume()
    assert await store.get("k") is None
    await store.close()


async def test_a_small_pool_serves_many(steady: RedisServer) -> None:
    store = RedisStore(steady.tcp(pool_size=4))
    await asyncio.gather(
        *(store.set(f"many:{n}", b"%d" % n, ttl_s=9) for n in range(200))
    )
    found = await asyncio.gather(*(store.get(f"many:{n}") for n in range(200)))

    assert found == [b"%d" % n for n in range(200)]
    addresses = [client["laddr"] for client in steady.clients("normal")]
    assert addresses.count(f"127.0.0.1:{steady.port}") == 4
    await store.close()


async def test_a_request_that_was_given_up_leaves_its_answer_to_nobody(
    redis: RedisServer,
) -> None:
    store = RedisStore(redis.unix(pool_size=2))
    for number in range(10):
        await store.set(f"k{number}", b"%d" % number, ttl_s=9)
    redis.pause()
    for number in range(6):
        task = asyncio.create_task(store.get(f"k{number}"))
        await asyncio.wait([task], timeout=0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    redis.resume()

    found = await asyncio.gather(*(store.get(f"k{n}") for n in range(10)))
    assert found == [b"%d" % n for n in range(10)]
    await store.close()


async def test_refusals_say_why(steady: RedisServer, tmp_path: Path) -> None:
    assert await refusal(steady.narrow(password="planted-other")) == (
        "it does not let us in (invalid username-password pair or user is disabled)"
    )
    tcp = steady.tcp(username="narrow", password="planted-other")
    assert "it does not let us in" in await refusal(tcp)
    assert await refusal(steady.tls(ca_file=None)) == (
        "its certificate is not trusted (unable to get local issuer certificate)"
    )
    assert await refusal(steady.tls(server_name="else.internal")) == (
        "its certificate is not trusted (Hostname mismatch, certificate is not valid "
        "for 'else.internal'.)"
    )
    assert "IP address mismatch" in await refusal(steady.tls(server_name=None))
    assert await refusal(steady.tcp(host="redis.invalid")) == (
        "its name cannot be resolved"
    )
    assert await refusal(steady.tcp(port=1)) == "no connection (Connection refused)"
    assert await refusal(steady.unix(socket="/nowhere/redis.sock")) == (
        "no connection (No such file or directory)"
    )
    assert await refusal(steady.unix(database=99)) == (
        "it refused (DB index is out of range)"
    )
    plain = steady.tls(port=steady.port, connect_timeout_s=0.1)
    assert await refusal(plain) == "no connection within 0.1 s"
    closed = {"the connection broke off", "Connection closed by server"}
    assert await refusal(steady.tcp(port=steady.tls_port)) in closed
    nothing = steady.tls(ca_file=str(tmp_path / "none.pem"))
    assert "none.pem cannot be used (No such file" in await refusal(nothing)
    (tmp_path / "bad.pem").write_text("nonsense")
    bad = steady.tls(ca_file=str(tmp_path / "bad.pem"))
    assert "bad.pem cannot be used (NO_CERTIFICATE" in await refusal(bad)


async def test_what_the_rights_do_not_allow_is_refused_not_empty(
    steady: RedisServer,
) -> None:
    other = steady.narrow(prefix="foreign")

    assert "no permissions" in await refusal(other)
    store = RedisStore(steady.unix())
    await store.set("k", b"1", ttl_s=9)
    with pytest.raises(SharedUnavailable, match=r"it refused \(WRONGTYPE"):
        await store.index("k", "m", ttl_s=9)
    assert await store.get("k") == b"1"
    await store.close()


async def test_certificates_are_not_looked_at_only_when_told_so(
    steady: RedisServer,
) -> None:
    store = RedisStore(steady.tls(ca_file=None, server_name=None, verify_tls=False))

    await store.set("unseen", b"1", ttl_s=9)
    assert await store.get("unseen") == b"1"
    await store.close()


@asynccontextmanager
async def strange(answer: bytes) -> AsyncIterator[int]:
    """A server that gives the same answer to everything; its port."""

    serving: list[asyncio.Future[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done = asyncio.get_running_loop().create_future()
        serving.append(done)
        try:
            while await reader.read(4096):
                writer.write(answer)
        except ConnectionError:
            pass  # who hangs up on so much has said enough
        writer.close()
        done.set_result(None)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*serving)


async def test_a_server_that_quotes_us_reveals_nothing() -> None:
    quote = (
        b"-ERR unknown command 'AUTH', with args beginning with: 'u' 'planted-1' \r\n"
    )
    async with strange(quote) as port:
        place = StorePlace(port=port, username="u", password="planted-1")
        assert await refusal(place) == "it refused (unknown command 'AUTH')"
    async with strange(b"-ERR what is planted-1 for?\r\n") as port:
        place = StorePlace(port=port, username="u", password="planted-1")
        assert await refusal(place) == "it refused (what is … for?)"


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"x" * 100_000, b"$9x\r\n"]
)
async def test_nonsense_is_unavailable_not_empty(answer: bytes) -> None:
    async with strange(answer) as port:
        await refusal(StorePlace(port=port))


async def test_an_error_is_not_taken_for_the_one_its_caller_deals_with(
    steady: RedisServer,
) -> None:
    async with strange(b"!\r\n") as port:
        try:
            raise PermissionError(13, "of the caller")
        except PermissionError:
            assert "Protocol Error" in await refusal(StorePlace(port=port))


async def test_shared_state_comes_back_and_tells_of_the_gap(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    shared = RedisShared(redis.narrow())
    connected: asyncio.Queue[None] = asyncio.Queue()
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    shared.on_connect(lambda: connected.put_nowait(None))
    shared.subscribe("news", heard.put_nowait)
    await shared.connect()
    await connected.get()
    redis.kill()
    for name, ask in SHARED.items():
        with pytest.raises(SharedUnavailable):
            await ask(shared)
        assert connected.empty(), name

    redis.start()
    async with asyncio.timeout(8):
        await connected.get()
        await shared.publish("news", b"again")
        assert await heard.get() == b"again"
    assert caplog.text.count("channels are not heard") >= 1
    assert PASSWORD not in caplog.text
    await shared.close()


async def test_shared_state_that_is_away_at_the_start_is_found_later(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_module, "MAX_RETRY_S", 0.05)
    redis.kill()
    shared = RedisShared(redis.unix())
    connected: asyncio.Queue[None] = asyncio.Queue()
    shared.on_connect(lambda: connected.put_nowait(None))
    with pytest.raises(SharedUnavailable, match=r"No such file|refused"):
        await shared.connect()
    assert connected.empty()
    redis.start()

    async with asyncio.timeout(8):
        await connected.get()
    await shared.close()


async def test_a_silent_end_of_the_line_is_noticed(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_module, "PING_EVERY_S", 0.02)
    shared = RedisShared(redis.unix(read_timeout_s=0.25))
    connected: asyncio.Queue[None] = asyncio.Queue()
    shared.subscribe("news", lambda _: None)
    shared.on_connect(lambda: connected.put_nowait(None))
    await shared.connect()
    await connected.get()
    first = {client["id"] for client in redis.clients("pubsub")}
    redis.pause()
    with pytest.raises(SharedUnavailable):
        await shared.publish("news", b"1")
    async with asyncio.timeout(5):
        while shared._hearing:
            await asyncio.sleep(0)
    redis.resume()

    async with asyncio.timeout(8):
        await connected.get()
    second = {client["id"] for client in redis.clients("pubsub")}
    assert first
    assert second - first
    await shared.close()


async def test_an_idle_line_is_asked_whether_it_lives_and_stays(
    steady: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_module, "PING_EVERY_S", 0.005)
    shared = RedisShared(steady.unix())
    calls: list[None] = []
    shared.on_connect(lambda: calls.append(None))
    await shared.connect()  # without a channel first, then with one

    def pings() -> int:
        found = steady.do("INFO", "commandstats")
        assert isinstance(found, dict)
        count: int = found.get("cmdstat_ping", {"calls": 0})["calls"]
        return count

    async with asyncio.timeout(8):
        for channel in ("", "news"):
            if channel:
                shared.subscribe(channel, lambda _: None)
            before = pings()
            while pings() < before + 5:
                await asyncio.sleep(0)
    assert len(calls) == 1
    await shared.close()


async def test_channels_that_are_not_allowed_are_told(steady: RedisServer) -> None:
    shared = RedisShared(steady.narrow(prefix="foreign"))
    shared.subscribe("news", lambda _: None)

    with pytest.raises(SharedUnavailable, match="no permissions"):
        await shared.connect()
    await shared.close()


async def test_channels_of_databases_do_not_mix(steady: RedisServer) -> None:
    one, two = RedisShared(steady.unix()), RedisShared(steady.unix(database=1))
    heard: list[bytes] = []
    arrived = asyncio.Event()
    await one.connect()
    await two.connect()
    one.subscribe("news", heard.append)
    one.subscribe("end", lambda _: arrived.set())
    await two.publish("news", b"of the other")
    await one.publish("news", b"ours")
    await one.publish("end", b"")

    async with asyncio.timeout(5):
        await arrived.wait()
    assert heard == [b"ours"]
    await one.close()
    await two.close()


async def test_nothing_is_opened_before_it_is_asked() -> None:
    stores = RedisStores()
    stores.open(StorePlace(host="redis.invalid", tls=True, ca_file="/nowhere"))
    RedisShared(StorePlace(host="redis.invalid"))
    await stores.close()


def test_the_library_is_not_loaded_before_a_redis_is_asked() -> None:
    program = (
        "import sys; from ostiary.adapters.redis import *; "
        "from ostiary.ports.session_store import StorePlace; "
        "RedisStores().open(StorePlace()); RedisShared(StorePlace()); "
        "print([m for m in sys.modules if m.split('.')[0] == 'redis'])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True,
        env={"PYTHONPATH": ":".join(p for p in sys.path if p)},
    ).stdout  # fmt: skip

    assert printed.strip() == "[]"


def test_a_machine_without_redis_server_is_told_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="package redis-server"):
        RedisServer(tmp_path).start()
