"""
The stories of sign-in decisions: told by workers, kept by control, a bounded number of them.

A worker never waits for telling; what is too much is not told. Control keeps the latest.

Spec: decision record 0022.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from ostiary.ports.shared import Shared, SharedUnavailable

CHANNEL = "stories"
MAX_KEPT = 2000
MAX_WAITING = 100
MAX_BYTES = 32 * 1024
_LOG = logging.getLogger("ostiary.stories")


class Teller:
    """A worker's side: tells one story after the other."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING)
        self._task: asyncio.Task[None] | None = None

    def keep(self, story: Mapping[str, Any]) -> None:
        """Take a story; never waits, and forgets it when too many wait already."""
        data = json.dumps(story, separators=(",", ":")).encode()
        if len(data) > MAX_BYTES or self._waiting.full():
            return
        self._waiting.put_nowait(data)
        if self._task is None:
            self._task = asyncio.create_task(self._tell(), name="stories")

    async def _tell(self) -> None:
        while True:
            data = await self._waiting.get()
            try:
                await self._shared.publish(CHANNEL, data)
            except SharedUnavailable:
                _LOG.debug("a story was lost: the node socket is away")

    def stop(self) -> None:
        """Tell no more."""
        if self._task is not None:
            self._task.cancel()


class Stories:
    """Control's side: the latest stories by request id."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def hear(self, message: bytes) -> None:
        """Keep what a worker tells."""
        story = json.loads(message)
        if not isinstance(story, dict) or not isinstance(story.get("request_id"), str):
            return
        self._kept[story["request_id"]] = story
        self._kept.move_to_end(story["request_id"])
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    def find(self, request_id: str) -> dict[str, Any] | None:
        """The story of a request."""
        return self._kept.get(request_id)

    def latest(self, count: int) -> list[dict[str, Any]]:
        """The newest first, without their details."""
        newest = [self._kept[name] for name in reversed(self._kept)][:count]
        return [
            {k: v for k, v in story.items() if k not in {"events", "checks"}}
            for story in newest
        ]
