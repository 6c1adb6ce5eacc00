"""
Requests by status code and minute, of the last twelve hours: what the Manager's overview draws.

Kept in control's memory alone, made of the numbers that workers count anyway. Who needs more
reads `/metrics`.

Spec: portal §4.1 (traffic by status code with a range); gateway §4.5.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ostiary.gateway.metrics import OTHERS, Metrics

MINUTES: Final = 720
MINUTE_S: Final = 60
_LOG: Final = logging.getLogger("ostiary.control")
# By workspace (its id, "" is `default`) and status code.
Counts = Mapping[tuple[str, int], int]


def count_codes(total: Metrics) -> Counts:
    """How often each status code was answered in each workspace since the node began."""
    found: Counter[tuple[str, int]] = Counter()
    for labels, series in total.series.items():
        workspace = labels[2]
        if labels == OTHERS:
            continue  # of no workspace that could be named
        for code, _, count in series.codes():
            found[workspace, code] += count
    return found


@dataclass(slots=True)
class Traffic:
    """The ring of minutes. `before` are the counts of the last look, None before the first."""

    minutes: deque[tuple[int, dict[tuple[str, int], int]]] = field(
        default_factory=lambda: deque(maxlen=MINUTES)
    )
    before: Counts | None = None

    def note(self, counts: Counts, *, now: float) -> None:
        """
        Keep what came since the last look as the minute that ends now.

        The first look only says where counting begins: what was before has no minute.
        """
        if self.before is not None:
            grown = {
                key: count - self.before.get(key, 0)
                for key, count in counts.items()
                # What is less than it was has been counted anew.
                if count > self.before.get(key, 0)
            }
            self.minutes.append((int(now) - int(now) % MINUTE_S, grown))
        self.before = counts

    def read(self, workspace: str, *, minutes: int) -> list[tuple[int, dict[int, int]]]:
        """The last minutes of a workspace: when each ended, and how often it had which code."""
        found = []
        for at, grown in [*self.minutes][-minutes:]:
            codes = {
                code: n for (place, code), n in grown.items() if place == workspace
            }
            found.append((at, codes))
        return found


async def watch(
    traffic: Traffic,
    look: Callable[[], Awaitable[Metrics]],
    now: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Look once a minute, until somebody cancels."""
    while True:
        try:
            traffic.note(count_codes(await look()), now=now())
        except Exception as error:  # noqa: BLE001 - the next minute may be better
            _LOG.warning("traffic was not counted: %s", type(error).__name__)
        await sleep(MINUTE_S - now() % MINUTE_S)
