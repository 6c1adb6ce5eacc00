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

from ostiary.adapters.shared.hearing import tell
from ostiary.ports.clock import Clock

DURABLE_PREFIX = "ended:"
MAX_KEYS = 200_000
SPARE_ENDS = 64


class Rows:
    """
    Values by key, each with its end.

    More than `most` rows do not stay: those that end first make room.
    """

    def __init__(self, most: int | None = None) -> None:
        self.rows: dict[str, tuple[bytes, float]] = {}
        self._most = most
        self._ends: list[tuple[float, str]] = []

    def get(self, key: str, now: float) -> bytes | None:
        row = self.rows.get(key)
        if row is None:
            return None
        if row[1] <= now:
            del self.rows[key]
            return None
        return row[0]

    def store(self, key: str, value: bytes, ends: float, now: float) -> None:
        self._sweep(now)
        if key not in self.rows:
            self._make_room()
        self.rows[key] = (value, ends)
        heapq.heappush(self._ends, (ends, key))
        # What was replaced or deleted leaves its end behind.
        if len(self._ends) > 2 * len(self.rows) + SPARE_ENDS:
            self._ends = [(row[1], name) for name, row in self.rows.items()]
            heapq.heapify(self._ends)

    def replace(self, key: str, value: bytes) -> None:
        """Another value for a key that is there, until the same end."""
        self.rows[key] = (value, self.rows[key][1])

    def _sweep(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            self._drop_first()

    def _make_room(self) -> None:
        while self._most is not None and len(self.rows) >= self._most:
            self._drop_first()

    def _drop_first(self) -> None:
        ends, key = heapq.heappop(self._ends)
        row = self.rows.get(key)
        if row is not None and row[1] == ends:
            del self.rows[key]


class MemoryShared:
    """
    A dictionary with times-to-live, and channels.

    At most `MAX_KEYS` rows are kept, besides the ends of sessions: those never make room,
    because a session that was logged out would come back. Each took a sign-in to make.
    """

    def __init__(self, clock: Clock, *, durable: Path | None = None) -> None:
        self._clock = clock
        self._rows = Rows(MAX_KEYS)
        self._ended = Rows()
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
                    self._ended.store(key, base64.b64decode(text), ends, now)
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path} is broken; remove it, and sessions that were logged out while it "
                "counted may work again"
            ) from error

    def _table(self, key: str) -> Rows:
        return self._ended if key.startswith(DURABLE_PREFIX) else self._rows

    async def get(self, key: str) -> bytes | None:
        return self._table(key).get(key, self._clock.now())

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        now = self._clock.now()
        table = self._table(key)
        table.store(key, value, now + ttl_s, now)
        if table is self._ended:
            self._write_durable()

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        if await self.get(key) is not None:
            return False
        await self.set(key, value, ttl_s=ttl_s)
        return True

    async def increment(self, key: str, by: int, *, ttl_s: float) -> int:
        now = self._clock.now()
        table = self._table(key)
        found = table.get(key, now)
        if found is None:
            table.store(key, b"%d" % by, now + ttl_s, now)
            return by
        total = int(found) + by
        table.replace(key, b"%d" % total)
        return total

    async def delete(self, key: str) -> None:
        self._table(key).rows.pop(key, None)

    async def publish(self, channel: str, message: bytes) -> None:
        tell(self._hearers.get(channel, ()), channel, message)

    def subscribe(self, channel: str, hear: Callable[[bytes], None]) -> None:
        self._hearers.setdefault(channel, []).append(hear)

    def _write_durable(self) -> None:
        if self._durable is None:
            return
        rows = {
            key: (base64.b64encode(value).decode(), ends)
            for key, (value, ends) in self._ended.rows.items()
        }
        fresh = self._durable.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(rows, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._durable)
