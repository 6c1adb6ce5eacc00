"""
Work of plugins that nobody waits for: it is begun here, and finished before the node ends.

A piece that fails costs a line in the log and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any
from weakref import WeakSet

_LOG = logging.getLogger("ostiary.plugins")


class Background:
    """The tasks of one process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarms: WeakSet[asyncio.Event] = WeakSet()
        self.is_closing = False

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a piece of work."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def alarm(self) -> asyncio.Event:
        """An event to wait for, which is also set when the end is near."""
        alarm = asyncio.Event()
        self._alarms.add(alarm)
        if self.is_closing:
            alarm.set()
        return alarm

    async def wait(self, alarm: asyncio.Event, seconds: float) -> None:
        """Wait for an alarm, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await alarm.wait()

    async def close(self, within_s: float) -> None:
        """Finish what is under way, within so many seconds; the rest is given up."""
        self.is_closing = True
        for alarm in self._alarms:
            alarm.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("work in the background failed: %s", type(error).__name__)
