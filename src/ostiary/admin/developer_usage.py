"""
How much applications call services, by day: of one application, or of all that a developer has.

Numbers are those that workers have counted (`ports.usage`); nothing is made up for days without.

Spec: portal §§1.6 (`/vitals/consumers/cluster`), 5.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.ports.usage import UsageStore, Used

DAY_S: Final = 86400
_USUAL_DAYS: Final = 30
_MOST_DAYS: Final = 365


def read_since(request: Request, now: float) -> int:
    """
    The first day that `?days=` asks for, counted since 1970.

    Raises:
        Refused: It is no such number.
    """
    said = request.query_params.get("days", str(_USUAL_DAYS))
    if not re.fullmatch(r"[0-9]{1,3}", said) or not 1 <= int(said) <= _MOST_DAYS:
        raise refusals.say(400, f"days must be a number from 1 to {_MOST_DAYS}")
    return int(now) // DAY_S - int(said) + 1


async def read_usage(
    usage: UsageStore | None, applications: Iterable[str], *, since: int
) -> list[Used]:
    """What some applications did from a day on; nothing where nothing is counted."""
    if usage is None:
        return []
    return [used for one in applications for used in await usage.read(one, since=since)]


def _show_day(day: int) -> str:
    return f"{datetime.fromtimestamp(day * DAY_S, UTC):%Y-%m-%d}"


def answer_usage(found: Iterable[Used]) -> Response:
    """By day and service."""
    data = [
        {
            "service": {"id": one.service},
            "day": _show_day(one.day),
            "ok": one.ok,
            "refused": one.refused,
            "failed": one.failed,
        }
        for one in found
    ]
    return JSONResponse({"data": data, "next": None})


def answer_days(found: Iterable[Used]) -> Response:
    """By day, whatever the service and the application."""
    days: dict[int, dict[str, int]] = {}
    for one in found:
        counts = days.setdefault(one.day, {"ok": 0, "refused": 0, "failed": 0})
        for name in counts:
            counts[name] += getattr(one, name)
    data = [{"day": _show_day(day), **days[day]} for day in sorted(days)]
    return JSONResponse({"data": data, "next": None})
