"""
Shared state inside one process: what tests use, and what the node's socket serves.

Ends of sessions survive a restart: they are written to a file, because a cookie that was
ended must not open again.
"""

from __future__ import annotations

import base64
import heapq
import json
import os
from collections.abc import Callable
from pathlib import Path

from ostiary.ports.clock import Clock

DURABLE_PREFIX = "ended:"
MAX_KEYS = 200_000


class MemoryShared:
    """A dictionary with times-to-live, and channels."""

    def __init__(self, clock: Clock, *, durable: Path | None = None) -> None:
        self._clock = clock
        self._rows: dict[str, tuple[bytes, float]] = {}
        self._ends: list[tuple[float, str]] = []
        self._hearers: dict[str, list[Callable[[bytes], None]]] = {}
        self._durable = durable
        if durable is not None and durable.exists():
            self._read_durable(durable)

    def _read_durable(self, path: Path) -> None:
        """
        Take up what `_write_durable` wrote.

        Raises:
            ValueError: The file is broken. Starting without it would revive ended sessions.
        """
        now = self._clock.now()
        try:
            rows = json.loads(path.read_text())
            for key, (text, ends) in rows.items():
                if ends > now:
                    self._store(key, base64.b64decode(text), ends)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path} is broken; remove it, and sessions that were logged out while it "
                "counted may work again"
            ) from error

    async def get(self, key: str) -> bytes | None:
        row = self._rows.get(key)
        if row is None:
            return None
        if row[1] <= self._clock.now():
            del self._rows[key]
            return None
        return row[0]

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        self._sweep()
        self._store(key, value, self._clock.now() + ttl_s)
        if key.startswith(DURABLE_PREFIX):
            self._write_durable()

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        if await self.get(key) is not None:
            return False
        await self.set(key, value, ttl_s=ttl_s)
        return True

    async def delete(self, key: str) -> None:
        self._rows.pop(key, None)

    async def publish(self, channel: str, message: bytes) -> None:
        for hear in tuple(self._hearers.get(channel, ())):
            hear(message)

    def subscribe(self, channel: str, hear: Callable[[bytes], None]) -> None:
        self._hearers.setdefault(channel, []).append(hear)

    def _store(self, key: str, value: bytes, ends: float) -> None:
        self._rows[key] = (value, ends)
        heapq.heappush(self._ends, (ends, key))

    def _sweep(self) -> None:
        now = self._clock.now()
        while self._ends and (self._ends[0][0] <= now or len(self._ends) > MAX_KEYS):
            ends, key = heapq.heappop(self._ends)
            row = self._rows.get(key)
            if row is not None and row[1] == ends:
                del self._rows[key]

    def _write_durable(self) -> None:
        if self._durable is None:
            return
        rows = {
            key: (base64.b64encode(value).decode(), ends)
            for key, (value, ends) in self._rows.items()
            if key.startswith(DURABLE_PREFIX)
        }
        fresh = self._durable.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(rows, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._durable)
