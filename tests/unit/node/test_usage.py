"""What workers have counted of applications is kept by day, and once."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.adapters.shared import MemoryShared
from ostiary.gateway.metrics import Metrics
from ostiary.node.observer import Observation
from ostiary.node.usage import KEY, UsageKeeper, find_news
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.ports.usage import Used
from tests.support.ports import FakeClock


class Counts:
    """Workers that have counted so."""

    def __init__(self, **counts: int) -> None:
        self.counts = counts

    async def observe(self, *, metrics: bool) -> Observation:
        assert metrics
        counts = {k.replace("__", ":"): n for k, n in self.counts.items()}
        return Observation(answers=(), missing=(), total=Metrics(counts=counts))


class Store:
    """Remembers what was added; while `is_down` it takes nothing."""

    def __init__(self) -> None:
        self.added: list[Used] = []
        self.is_down = False

    async def add(self, used: Sequence[Used]) -> None:
        if self.is_down:
            raise StoreUnavailable("down")
        self.added += used

    async def read(self, application: str, *, since: int) -> tuple[Used, ...]:
        raise AssertionError(f"{application} since {since}")


def keeper(observer: Counts, store: Store) -> tuple[UsageKeeper, MemoryShared]:
    clock = FakeClock()
    shared = MemoryShared(clock)
    made = UsageKeeper(observer, shared, store, clock, is_needed=lambda: True)
    return made, shared


@pytest.mark.spec("portal#5.2")
async def test_only_what_is_new_is_added() -> None:
    counts, store = Counts(application__a__s__ok=2, jwks__ok=9), Store()
    keeps, _ = keeper(counts, store)
    await keeps.look()
    await keeps.look()
    counts.counts["application__a__s__ok"] = 5
    counts.counts["application__a__s__refused"] = 1
    await keeps.look()

    day = int(FakeClock().now()) // 86400
    assert store.added == [
        Used(application="a", service="s", day=day, ok=2),
        Used(application="a", service="s", day=day, ok=3, refused=1),
    ]


@pytest.mark.spec("portal#5.2")
async def test_what_cannot_be_kept_now_is_kept_the_next_time() -> None:
    counts, store = Counts(application__a__s__failed=1), Store()
    keeps, shared = keeper(counts, store)
    store.is_down = True
    await keeps.look()
    known = await shared.get(KEY)
    store.is_down = False
    await keeps.look()

    assert known is None
    assert [used.failed for used in store.added] == [1]
    assert json.loads(await shared.get(KEY) or b"") == {"application:a:s:failed": 1}


@settings(max_examples=100)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=8))
def test_the_sum_of_news_is_the_count(steps: list[int]) -> None:
    """However often somebody looks while a count grows."""
    before: dict[str, int] = {}
    total = kept = 0
    for step in steps:
        total += step
        now = {"application:a:s:ok": total}
        kept += sum(used.ok for used in find_news(before, now, 1))
        before = now

    assert kept == total


def test_a_count_that_began_anew_is_all_news() -> None:
    before, now = {"application:a:s:ok": 9}, {"application:a:s:ok": 2}

    assert [used.ok for used in find_news(before, now, 1)] == [2]
