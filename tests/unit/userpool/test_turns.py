"""One at a time under each name, in order, and no line without end."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.userpool.turns import LineTooLong, Turns


async def test_those_under_one_name_go_one_by_one_in_order_of_arrival() -> None:
    turns, seen = Turns(), list[str]()

    async def go(n: int) -> None:
        async with turns.take("a"):
            seen.append(f"{n} begins")
            await asyncio.sleep(0)
            seen.append(f"{n} ends")

    await asyncio.gather(*(go(n) for n in range(3)))

    assert seen == [f"{n} {what}" for n in range(3) for what in ("begins", "ends")]


async def test_other_names_do_not_wait() -> None:
    turns = Turns()
    async with asyncio.timeout(5), turns.take("a"), turns.take("b"):
        assert len(turns) == 2


async def test_a_line_that_is_too_long_lets_no_more_in_until_somebody_leaves() -> None:
    turns, gate = Turns(longest=2), asyncio.Event()

    async def go() -> None:
        async with turns.take("a"):
            await gate.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(go())
        await asyncio.sleep(0)
        with pytest.raises(LineTooLong) as refused:
            async with turns.take("a"):
                raise AssertionError("it was let in")
        async with turns.take("b"):
            pass
        gate.set()

    assert refused.value.code == "line_too_long"
    async with turns.take("a"):
        pass


async def test_nothing_is_kept_of_a_line_that_has_ended_however_it_ended() -> None:
    turns, gate = Turns(), asyncio.Event()

    async def go() -> None:
        async with turns.take("a"):
            await gate.wait()

    first, second = (asyncio.create_task(go()) for _ in range(2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    with pytest.raises(ZeroDivisionError):
        async with turns.take("b"):
            _ = 1 / 0

    assert len(turns) == 1

    gate.set()
    await first

    assert len(turns) == 0
