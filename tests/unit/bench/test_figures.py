"""Medians, ratios inside a round, and verdicts on the budget."""

from __future__ import annotations

import json

import pytest
from bench.figures import (
    BUDGETS,
    MOIDC,
    Measured,
    Spread,
    compare,
    judge,
    percentile,
    ratio,
    spread,
)
from bench.options import read_options
from bench.report import build_json, build_table
from bench.rows import Absent


def row(system: str, case: str, cpu_us: list[float], **more: object) -> Measured:
    found = Measured(
        system=system, version="1", case=case, tls=False, reply_bytes=64, cpu_us=cpu_us
    )
    for name, value in more.items():
        setattr(found, name, value)
    return found


def test_spread_is_median_smallest_and_largest() -> None:
    assert spread([3, 1, 9, 2, 5]) == Spread(median=3, low=1, high=9)


def test_ratio_is_made_inside_each_round() -> None:
    # Round two was slow for both: the ratio does not see it.
    assert ratio([20, 80, 22], [10, 40, 10]) == Spread(median=2, low=2, high=2.2)


@pytest.mark.parametrize(
    ("mine", "base"), [([], []), ([1.0, 2.0], [1.0]), ([1.0], [0.0])]
)
def test_no_ratio_without_equal_rounds(mine: list[float], base: list[float]) -> None:
    assert ratio(mine, base) is None


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)]
)
def test_percentile_is_nearest_rank(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_a_row_is_compared_with_the_same_reply_and_the_same_case() -> None:
    rows = [
        row("nginx", "plain", [99.0], tls=True),
        row("nginx", "plain", [10.0]),
        row(MOIDC, "bearer", [100.0]),
        row(MOIDC, "session", [200.0]),
        row("ostiary", "session", [50.0]),
        row("ostiary", "no plugin", [30.0]),
    ]

    nginx, moidc = compare(rows, rows[4], "nginx"), compare(rows, rows[4], MOIDC)

    assert nginx is not None
    assert nginx.median == 5
    assert moidc is not None
    assert moidc.median == 0.25
    assert compare(rows, rows[5], MOIDC) is None


def test_verdicts_say_met_missed_and_not_measured() -> None:
    rows = [
        row("nginx", "plain", [10.0]),
        row("ostiary", "no plugin", [30.0]),
        row("ostiary", "session", [50.0]),
    ]

    found = judge(rows)

    said = {(v.budget.case, v.budget.against): v for v in found}
    assert len(found) == len(BUDGETS)
    assert said["no plugin", "nginx"].met is True
    assert said["no plugin", "nginx"].describe().endswith("met, 0.50 below")
    assert said["session", "nginx"].met is False
    assert said["session", "nginx"].describe().endswith("MISSED by 0.50")
    assert said["session", MOIDC].met is None
    assert said["session", MOIDC].describe().endswith("not measured in this run")


def test_a_session_in_a_cookie_is_judged_beside_a_session_in_a_cookie() -> None:
    rows = [
        row(MOIDC, "session", [100.0]),
        row(MOIDC, "session in cookie", [200.0]),
        row("ostiary", "session", [90.0]),
    ]

    found = [v for v in judge(rows) if v.budget.against == MOIDC and v.ratio]

    assert [v.met for v in found] == [True]
    assert "session in cookie" in found[0].describe()
    worse = [*rows[:2], row("ostiary", "session", [110.0])]
    missed = [v for v in judge(worse) if v.budget.against == MOIDC and v.ratio]
    assert [v.met for v in missed] == [False]


def test_a_row_that_failed_and_one_that_is_absent_are_lines_of_the_table() -> None:
    rows = [row("nginx", "plain", [], error="a good request got 502 and 0 bytes")]
    absent = [Absent(system="envoy", case="plain", reason="not obtainable: no reason")]

    table = build_table(rows, absent, judge(rows))

    assert "FAILED: a good request got 502" in table
    assert "not obtainable: no reason" in table


def test_the_json_has_the_promised_fields() -> None:
    rows = [
        row("nginx", "plain", [10.0], rps=[100.0], accepted=200, p50_ms=1.0, p99_ms=2.0)
    ]

    data = json.loads(build_json(rows, [], judge(rows), read_options({})))

    expected = {
        "system": "nginx", "version": "1", "case": "plain", "tls": False, "reply_bytes": 64,
        "rps": 100, "cpu_us": 10.0, "p50_ms": 1.0, "p99_ms": 2.0, "ratio_nginx": 1.0,
        "ratio_moidc": None,
    }  # fmt: skip
    assert expected.items() <= data["rows"][0].items()
