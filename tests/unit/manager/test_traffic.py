"""The overview's drawing of requests: true to the numbers, and with the numbers as a text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.manager.traffic import (
    HEIGHT,
    RANGES,
    WIDTH,
    build_chart,
    classify,
    read_minutes,
)
from ostiary.node.traffic import Traffic
from tests.unit.admin.admin_kit import NOW, Node
from tests.unit.manager.manager_kit import Browser, Site, manager_site

END = NOW - NOW % 60


def told(*minutes: tuple[int, dict[str, int]]) -> dict[str, Any]:
    return {"stats": {"node": {str(at): codes for at, codes in minutes}}}


@pytest.mark.spec("portal#4.1")
@pytest.mark.parametrize(("minutes", "bars"), [(5, 5), (15, 15), (60, 60), (360, 60), (720, 60)])  # fmt: skip
def test_every_range_has_its_bars(minutes: int, bars: int) -> None:
    chart = build_chart(told(), minutes, now=NOW)

    assert len(chart.bars) == bars
    assert chart.bars[0].at == END - minutes * 60
    assert chart.total == 0


def test_a_minute_is_drawn_where_it_was() -> None:
    chart = build_chart(told((END, {"200": 3, "404": 1}), (END - 240, {"503": 2})), 5, now=NOW)  # fmt: skip

    assert [bar.total for bar in chart.bars] == [2, 0, 0, 0, 4]
    assert chart.totals == {"2xx": 3, "3xx": 0, "4xx": 1, "5xx": 2, "other": 0}
    assert [(p.kind, p.height) for p in chart.bars[4].parts] == [("2xx", 120.0), ("4xx", 40.0)]  # fmt: skip
    assert chart.rows[0] == (END - 60, {"2xx": 3, "4xx": 1}, 4)


def test_what_is_older_or_to_come_is_left_out() -> None:
    chart = build_chart(told((END - 300, {"200": 1}), (END + 60, {"200": 1})), 5, now=NOW)  # fmt: skip

    assert chart.total == 0


@given(
    counts=st.lists(st.integers(0, 10**9), min_size=1, max_size=60),
    minutes=st.sampled_from([m for m, _ in RANGES]),
)
@settings(deadline=None, max_examples=50)
def test_nothing_is_drawn_outside_of_the_picture(
    counts: list[int], minutes: int
) -> None:
    rows = [(END - 60 * n, {"200": c, "500": c // 7}) for n, c in enumerate(counts)]
    chart = build_chart(told(*rows), minutes, now=NOW)

    for bar in chart.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= WIDTH + 1
        for part in bar.parts:
            assert 0 <= part.y <= HEIGHT
            assert part.y + part.height <= HEIGHT + 1.2


@pytest.mark.parametrize(
    ("code", "kind"), [(200, "2xx"), (304, "3xx"), (499, "4xx"), (503, "5xx"), (101, "other"), (0, "other")]
)  # fmt: skip
def test_codes_have_classes(code: int, kind: str) -> None:
    assert classify(code) == kind


@pytest.mark.parametrize(("text", "minutes"), [("5", 5), ("720", 720), ("", 60), ("7", 60), ("-5", 60), ("x", 60)])  # fmt: skip
def test_a_range_that_is_none_is_an_hour(text: str, minutes: int) -> None:
    assert read_minutes(text) == minutes


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    traffic = Traffic()
    traffic.note({("", 200): 1}, now=NOW - 120)
    traffic.note({("", 200): 8, ("", 502): 2, ("t", 200): 50}, now=NOW - 60)
    async with manager_site(tmp_path, traffic=traffic) as found:
        yield found


@pytest.mark.spec("portal#4.1")
async def test_the_overview_draws_requests_and_says_them(site: Site) -> None:
    tab: Browser = site.tab()
    page = await tab.get("/default?range=15")
    other = await tab.get("/default")

    assert "9 requests by status code" in page.words
    assert "2xx 7" in page.words
    assert "5xx 2" in page.words
    assert 'class="of-5xx"' in page.text
    assert "style=" not in page.text.partition("<svg")[2].partition("</svg>")[0]
    assert 'href="/default?range=15#requests" aria-current="true"' in page.text
    assert 'href="/default?range=60#requests" aria-current="true"' in other.text


async def test_an_overview_without_requests_says_so(tmp_path: Path) -> None:
    async with manager_site(tmp_path, traffic=Traffic()) as site:
        page = await site.tab().get("/default")

    assert "No request has been counted" in page.words


async def test_the_admin_api_tells_the_minutes_of_a_workspace() -> None:
    traffic = Traffic()
    traffic.note({}, now=60)
    traffic.note({("", 200): 2}, now=120)
    node = Node(traffic=traffic)
    path = "/vitals/status_codes/by_workspace"
    found = (await node.call(path)).json()

    assert found["stats"] == {"node": {"120": {"200": 2}}}
    assert found["meta"]["latest_ts"] == 120
    for wrong in ("0", "721", "x", "-1", "1e2", "٣"):
        assert (await node.call(f"{path}?minutes={wrong}")).status == 400
    assert (await Node().call(path)).status == 404
