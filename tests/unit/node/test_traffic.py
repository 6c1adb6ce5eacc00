"""Requests by status code and minute: counted from what workers say, and kept for half a day."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.gateway.metrics import OTHERS, Metrics, Series
from ostiary.node.traffic import MINUTES, Traffic, count_codes, watch

TEAM = "11111111-2222-4333-8444-555555555555"


def build(count: int) -> Metrics:
    """So many requests of `default` that were answered 200."""
    total = Metrics()
    series = Series()
    series.answered = {200: count}
    total.series["s", "r", ""] = series
    return total


def test_codes_are_counted_by_workspace_whoever_answered() -> None:
    total = Metrics()
    for route, code in (("a", 200), ("b", 200)):
        series = Series()
        series.answered = {code: 2}
        series.exits = {502: 1}
        total.series["s", route, TEAM] = series
    unknown = Series()
    unknown.answered = {200: 9}
    total.series[OTHERS] = unknown

    assert count_codes(total) == {(TEAM, 200): 4, (TEAM, 502): 2}


@pytest.mark.spec("portal#4.1")
def test_what_was_before_the_first_look_is_no_minutes() -> None:
    traffic = Traffic()
    traffic.note({("", 200): 1000}, now=60)
    first = traffic.read("", minutes=60)
    traffic.note({("", 200): 1005, ("", 404): 1, (TEAM, 200): 3}, now=121.5)

    assert first == []
    assert traffic.read("", minutes=60) == [(120, {200: 5, 404: 1})]
    assert traffic.read(TEAM, minutes=60) == [(120, {200: 3})]
    assert traffic.read("another", minutes=60) == [(120, {})]


def test_numbers_that_began_anew_are_never_below_nothing() -> None:
    traffic = Traffic()
    for minute, count in enumerate((10, 3, 5)):
        traffic.note({("", 200): count}, now=60 * minute)

    assert [codes for _, codes in traffic.read("", minutes=9)] == [{}, {200: 2}]


def test_twelve_hours_are_kept_and_no_more() -> None:
    traffic = Traffic()
    for minute in range(MINUTES + 5):
        traffic.note({("", 200): minute}, now=60 * minute)

    assert len(traffic.read("", minutes=10_000)) == MINUTES
    assert len(traffic.read("", minutes=5)) == 5


async def test_a_look_that_fails_ends_nothing() -> None:
    traffic = Traffic()
    looks = 0
    slept: list[float] = []

    async def look() -> Metrics:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise OSError("away")
        return build(looks)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await watch(traffic, look, lambda: 90.0, sleep)

    assert looks == 3
    assert slept == [30.0] * 3
    assert traffic.read("", minutes=5) == [(60, {200: 2})]
