"""Work that an answer does not wait for, because its time would tell something."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

_log: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 256


class Errands:
    """The tasks an app has begun; whoever closes the app's store waits for them first."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_closing = False

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it soon. A flood is dropped, not queued without end."""
        if len(self._tasks) >= _AT_ONCE:
            work.close()
            _log.warning("too many errands at once: one is dropped")
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)

    async def close(self) -> None:
        """Ask long errands to end at their next step, and return when all are done."""
        self.is_closing = True
        await self.wait()

    async def wait(self) -> None:
        """Return when all that was begun is done."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Only the kind: the text may hold an address.
            _log.error("an errand failed: %s", type(error).__name__)
