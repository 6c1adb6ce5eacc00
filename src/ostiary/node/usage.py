"""
Keeps how much applications are used: what workers have counted since the last time, by day.

What was kept last is remembered in the node's shared state, beside the counts themselves: a control
process that was restarted counts nothing twice. What is counted between the last look and the end
of the node is lost.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

from ostiary.node.observer import Observation
from ostiary.ports.clock import Clock
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.ports.shared import Shared, SharedUnavailable
from ostiary.ports.usage import UsageStore, Used

LOOK_S: Final = 30.0
KEY: Final = "node:application-usage"
KEPT_S: Final = 30 * 86400.0
_PREFIX: Final = "application:"
_DAY_S: Final = 86400
_LOG: Final = logging.getLogger("ostiary.control")


class Observes(Protocol):
    """Asks the workers for their numbers."""

    async def observe(self, *, metrics: bool) -> Observation:
        """Ask now."""
        ...


class UsageKeeper:
    """Looks now and then, while `is_needed`."""

    def __init__(
        self,
        observer: Observes,
        shared: Shared,
        store: UsageStore,
        clock: Clock,
        *,
        is_needed: Callable[[], bool],
    ) -> None:
        self._observer = observer
        self._shared = shared
        self._store = store
        self._clock = clock
        self._is_needed = is_needed

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._is_needed():
                await self.look()

    async def look(self) -> None:
        """Keep what is new. What cannot be kept now is kept the next time."""
        try:
            seen = await self._observer.observe(metrics=True)
            now = {
                name: count
                for name, count in seen.total.counts.items()
                if name.startswith(_PREFIX)
            }
            before = json.loads(await self._shared.get(KEY) or b"{}")
            day = int(self._clock.now()) // _DAY_S
            news = tuple(find_news(before, now, day))
            if not news:
                return
            await self._store.add(news)
            await self._shared.set(KEY, json.dumps(now).encode(), ttl_s=KEPT_S)
        except (StoreUnavailable, SharedUnavailable) as error:
            _LOG.warning("the usage of applications is not kept now: %s", error)


def find_news(
    before: Mapping[str, int], now: Mapping[str, int], day: int
) -> Iterator[Used]:
    """
    What was counted since; names are `application:<id>:<service>:<ok, refused or failed>`.

    A count that has gone down began anew: all of it is news.
    """
    found: dict[tuple[str, str], dict[str, int]] = {}
    for name, count in now.items():
        known = before.get(name, 0)
        more = count - known if count >= known else count
        _, application, service, kind = name.split(":")
        if more:
            found.setdefault((application, service), {})[kind] = more
    for (application, service), counts in sorted(found.items()):
        yield Used(application=application, service=service, day=day, **counts)
