"""
Windows of the calendar, in UTC, and what is left in them.

A window lies within every longer one. So a request is counted from the shortest to the
longest, and no further than to the first that is full: what the shorter ones have counted in
vain cannot matter before the longer one has ended, and then they have ended, too.

Spec: gateway §4.5 (rate-limiting).
"""

from __future__ import annotations

import calendar
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ostiary.kit import Field

_LENGTHS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def find_window(period: str, now: float) -> tuple[int, int]:
    """When the window of this moment begins and ends, in Unix seconds."""
    length = _LENGTHS.get(period)
    if length is not None:
        start = int(now // length) * length
        return start, start + length
    today = time.gmtime(now)
    if period == "year":
        return _month(today.tm_year, 1), _month(today.tm_year + 1, 1)
    return _month(today.tm_year, today.tm_mon), _month(today.tm_year, today.tm_mon + 1)


def _month(year: int, month: int) -> int:
    if month == 13:
        year, month = year + 1, 1
    return calendar.timegm((year, month, 1, 0, 0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What has been used of one window. `ends` in Unix seconds."""

    period: str
    limit: float
    used: int
    ends: int

    @property
    def remaining(self) -> int:
        """How many requests may still come."""
        return max(0, math.floor(self.limit - self.used))


def _shown(limit: float) -> bytes:
    return f"{limit:g}".encode() if limit < 1e6 else b"%d" % int(limit)


def build_fields(
    usage: Sequence[Usage], *, now: float, refused: bool
) -> tuple[Field, ...]:
    """The fields that tell a client of its limits: each window, and the tightest of them."""
    tightest = min(usage, key=lambda u: (u.remaining, -u.ends))
    reset = b"%d" % max(1, math.ceil(tightest.ends - now))
    each = [
        (f"X-RateLimit-{word}-{u.period.capitalize()}".encode(), value)
        for u in usage
        for word, value in (
            ("Limit", _shown(u.limit)),
            ("Remaining", b"%d" % u.remaining),
        )
    ]
    return (
        *each,
        (b"RateLimit-Limit", _shown(tightest.limit)),
        (b"RateLimit-Remaining", b"%d" % tightest.remaining),
        (b"RateLimit-Reset", reset),
        *(((b"Retry-After", reset),) if refused else ()),
    )
