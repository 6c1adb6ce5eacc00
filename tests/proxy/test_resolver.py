"""Names: remembered, asked for once, used a little longer than fresh."""

from __future__ import annotations

import asyncio
import socket

import pytest

from ostiary.proxy import resolver as module
from ostiary.proxy.resolver import Addresses, DnsTimes, Resolver, ask_system
from tests.proxy.support import soon

TIMES = DnsTimes(valid_s=10, stale_s=100, not_found_s=30, error_s=1)
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "no such name")
BUSY = socket.gaierror(socket.EAI_AGAIN, "later")


class Names:
    """Answers what the test says, counts the questions, and waits where it is told to."""

    def __init__(self, *answers: Addresses | OSError) -> None:
        self.answers = [*answers]
        self.asked: list[str] = []
        self.go = asyncio.Event()
        self.go.set()
        self.done = asyncio.Event()
        self.now = 1000.0
        self.resolver = Resolver(TIMES, ask=self.ask, now=lambda: self.now)

    async def ask(self, host: str) -> Addresses:
        self.asked.append(host)
        self.done.clear()
        await self.go.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.done.set()
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def get(self, host: str = "app.test") -> Addresses:
        return await soon(self.resolver.addresses(host))

    async def refreshed(self) -> None:
        """Wait until the question under way is answered and noted."""
        await soon(self.done.wait())
        entry = self.resolver._entries["app.test"]
        while entry.asking is not None:
            await asyncio.sleep(0)


async def test_an_answer_is_kept_while_it_is_fresh() -> None:
    names = Names(("10.0.0.1",), ("10.0.0.2",))

    assert await names.get() == ("10.0.0.1",)
    names.now += 9.9
    assert await names.get() == ("10.0.0.1",)
    assert names.asked == ["app.test"]


async def test_a_stale_answer_is_used_while_it_is_asked_for_again() -> None:
    names = Names(("10.0.0.1",), ("10.0.0.2",))
    await names.get()
    names.now += 11
    names.go.clear()

    assert await names.get() == ("10.0.0.1",)
    assert await names.get() == ("10.0.0.1",)
    names.go.set()
    await asyncio.sleep(0)
    await names.refreshed()
    assert await names.get() == ("10.0.0.2",)
    assert len(names.asked) == 2


async def test_a_failing_refresh_keeps_the_stale_answer_until_it_is_too_old() -> None:
    names = Names(("10.0.0.1",), BUSY)
    await names.get()
    names.now += 11
    await names.get()
    await asyncio.sleep(0)
    await names.refreshed()

    assert await names.get() == ("10.0.0.1",)
    names.now += 100
    with pytest.raises(socket.gaierror):
        await names.get()


@pytest.mark.parametrize(
    ("failure", "kept_s"), [(UNKNOWN, 30), (BUSY, 1), (OSError("network down"), 1)]
)
async def test_failures_are_remembered_for_their_time(
    failure: OSError, kept_s: float
) -> None:
    names = Names(failure, ("10.0.0.1",))
    with pytest.raises(OSError, match=r".") as told:
        await names.get()
    names.now += kept_s * 0.9
    for _ in range(3):
        with pytest.raises(type(failure)):
            await names.get()
    asked = len(names.asked)
    names.now += kept_s * 0.2

    assert told.value is failure
    assert asked == 1
    assert await names.get() == ("10.0.0.1",)


async def test_a_remembered_failure_does_not_grow() -> None:
    names = Names(UNKNOWN)
    depths = set()
    for _ in range(5):
        with pytest.raises(OSError, match="no such name"):
            await names.get()
        depth, trace = 0, UNKNOWN.__traceback__
        while trace is not None:
            depth, trace = depth + 1, trace.tb_next
        depths.add(depth)

    assert len(depths) == 1


async def test_addresses_take_turns_in_being_first() -> None:
    names = Names(("a", "b", "c"))
    seen = [await names.get() for _ in range(6)]

    assert {found[0] for found in seen[:3]} == {"a", "b", "c"}
    assert all(set(found) == {"a", "b", "c"} for found in seen)
    assert seen[:3] == seen[3:]


async def test_a_name_is_asked_for_once_at_a_time() -> None:
    names = Names(("10.0.0.1",))
    names.go.clear()
    waiting = [asyncio.ensure_future(names.get()) for _ in range(10)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    names.go.set()
    found = await soon(asyncio.gather(*waiting[1:]))

    assert found == [("10.0.0.1",)] * 9
    assert names.asked == ["app.test"]


@pytest.mark.spec("RFC6761#6.3")
async def test_literals_and_localhost_are_never_asked_for() -> None:
    names = Names(UNKNOWN)

    assert await names.get("192.0.2.7") == ("192.0.2.7",)
    assert await names.get("2001:DB8::1") == ("2001:db8::1",)
    assert await names.get("x.LocalHost.") == ("127.0.0.1", "::1")
    assert names.asked == []


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".test", ".test"])
async def test_what_no_host_is_called_is_an_unknown_name(host: str) -> None:
    with pytest.raises(socket.gaierror):
        await soon(ask_system(host))


async def test_the_system_is_asked_and_answers_without_doubles() -> None:
    found = await soon(ask_system("127.0.0.1"))

    assert found == ("127.0.0.1",)


async def test_invented_names_do_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_NAMES", 10)
    names = Names(("10.0.0.1",))
    for n in range(35):
        await names.get(f"{n}.test")

    assert len(names.resolver._entries) <= 10
