"""
Traffic by status code as a drawing and a table: pure, from the numbers to places in a picture.

Spec: portal §4.1 (workspace dashboard: range 5 min to 12 h).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

RANGES: Final = (
    (5, "5 minutes"), (15, "15 minutes"), (60, "1 hour"), (360, "6 hours"), (720, "12 hours"),
)  # fmt: skip
USUAL: Final = 60
CLASSES: Final = ("2xx", "3xx", "4xx", "5xx", "other")
_MOST_BARS: Final = 60
WIDTH: Final = 720
HEIGHT: Final = 160
_MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One class of codes in a bar: how often, and where it is drawn."""

    kind: str
    count: int
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Some minutes: from when (Unix seconds), and their parts from the bottom up."""

    at: int
    x: float
    width: float
    parts: tuple[Part, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is drawn. `totals` are by class; `rows` are the bars that have something to tell."""

    minutes: int
    bars: tuple[Bar, ...]
    totals: Mapping[str, int]
    most: int
    step_s: int

    @property
    def total(self) -> int:
        """All requests."""
        return sum(self.totals.values())

    @property
    def rows(self) -> tuple[tuple[int, Mapping[str, int], int], ...]:
        """When, by class, and in all: of the bars with requests, the newest first."""
        return tuple(
            (bar.at, {part.kind: part.count for part in bar.parts}, bar.total)
            for bar in reversed(self.bars)
            if bar.total
        )


def read_minutes(text: str) -> int:
    """The range that is asked for; an hour for anything else."""
    known = {str(minutes): minutes for minutes, _ in RANGES}
    return known.get(text, USUAL)


def classify(code: int) -> str:
    """The class of a status code."""
    kind = f"{code // 100}xx"
    return kind if kind in CLASSES else "other"


def build_chart(
    told: Mapping[str, Any], minutes: int, *, now: int
) -> Chart:  # Any: JSON
    """
    The drawing of the last minutes. Those without numbers are empty, so that a gap is one.

    Args:
        told: What the Admin API says of the traffic.
        now: Unix seconds.
    """
    per_bar = max(1, minutes // _MOST_BARS)
    count = -(-minutes // per_bar)
    step_s = per_bar * _MINUTE_S
    ends = now - now % _MINUTE_S
    begins = ends - count * step_s
    sums = [dict.fromkeys(CLASSES, 0) for _ in range(count)]
    for at, codes in told["stats"]["node"].items():
        # A minute is named by its end.
        place = (int(at) - 1 - begins) // step_s
        if 0 <= place < count:
            for code, number in codes.items():
                sums[place][classify(int(code))] += int(number)
    most = max((sum(some.values()) for some in sums), default=0)
    totals = {kind: sum(some[kind] for some in sums) for kind in CLASSES}
    width = WIDTH / count
    bars = tuple(
        _build_bar(begins + n * step_s, n * width, width, some, most)
        for n, some in enumerate(sums)
    )
    return Chart(minutes=minutes, bars=bars, totals=totals, most=most, step_s=step_s)


def _build_bar(
    at: int, x: float, width: float, counts: Mapping[str, int], most: int
) -> Bar:
    parts: list[Part] = []
    top = float(HEIGHT)
    for kind, count in counts.items():
        if not count:
            continue
        # One request among many is still seen.
        height = max(1.0, HEIGHT * count / most)
        top = max(0.0, top - height)
        parts.append(
            Part(kind=kind, count=count, y=round(top, 1), height=round(height, 1))
        )
    return Bar(
        at=at,
        x=round(x, 2),
        width=round(max(1.0, width - 1), 2),
        parts=tuple(parts),
        total=sum(counts.values()),
    )
