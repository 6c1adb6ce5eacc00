"""
Entries of logs on their way out: gathered, sent in batches, tried again, dropped when too many.

Spec: Kong's `queue` record (gateway §4.5).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Annotated

from pydantic import AfterValidator

from ostiary.kit.background import Background
from ostiary.kit.catalog import Log
from ostiary.kit.fields import Field, Number, between
from ostiary.model.entity import Entity


def _check_delay(value: float) -> float:
    if not 0.001 <= value <= 1_000_000:
        raise ValueError("value should be between 0.001 and 1000000")
    return value


def _check_concurrency(value: int) -> int:
    if value not in {-1, 1}:
        raise ValueError("expected one of: -1, 1")
    return value


class QueueRecord(Entity):
    """How entries are gathered and sent."""

    max_batch_size: Annotated[int, between(1, 1_000_000)] = Field(
        1, description="Entries that are sent together."
    )
    max_coalescing_delay: Annotated[Number, between(0, 3600)] = Field(
        1, description="Seconds to wait for a batch to be full."
    )
    max_entries: Annotated[int, between(1, 1_000_000)] = Field(
        10_000, description="Entries that wait at most; the oldest go."
    )
    max_bytes: int | None = Field(
        None, description="Bytes that wait at most; the oldest entries go."
    )
    max_retry_time: Number = Field(60, description="Seconds to try again; -1 for ever.")
    initial_retry_delay: Annotated[Number, AfterValidator(_check_delay)] = Field(
        0.01, description="Seconds before the second try; each time twice as long."
    )
    max_retry_delay: Annotated[Number, AfterValidator(_check_delay)] = Field(
        60, description="Seconds between tries at most."
    )
    concurrency_limit: Annotated[int, AfterValidator(_check_concurrency)] = Field(
        1, description="1: batches go one after the other; -1: all at once."
    )


class NotTaken(Exception):
    """A batch was not taken; the message says why, without secrets."""

    code = "not_taken"


Send = Callable[[list[bytes]], Awaitable[None]]


class Queue:
    """
    One plugin's entries. `send` raises NotTaken for a batch that is to be tried again.

    What is lost is counted, and told when the queue has found its way again.
    """

    def __init__(
        self,
        record: QueueRecord,
        send: Send,
        *,
        background: Background,
        now: Callable[[], float],
        log: Log,
    ) -> None:
        self._record = record
        self._send = send
        self._background = background
        self._now = now
        self._log = log
        self._entries: deque[bytes] = deque()
        self._bytes = 0
        self._lost = 0
        self._runs = False
        self._full = background.alarm()

    def put(self, entry: bytes) -> None:
        """Take an entry; it is sent in a while."""
        most = self._record.max_bytes
        if most is not None and len(entry) > most:
            self._lose(1)
            return
        self._entries.append(entry)
        self._bytes += len(entry)
        while len(self._entries) > self._record.max_entries or (
            most is not None and self._bytes > most
        ):
            self._bytes -= len(self._entries.popleft())
            self._lose(1)
        if len(self._entries) >= self._record.max_batch_size:
            self._full.set()
        if not self._runs:
            self._runs = True
            self._background.start(self._run())

    def _lose(self, count: int) -> None:
        if self._lost == 0:
            self._log("error", "entries are dropped: the queue is full")
        self._lost += count

    async def _run(self) -> None:
        try:
            while self._entries:
                await self._gather()
                batch = self._take()
                if self._record.concurrency_limit == -1:
                    self._background.start(self._deliver(batch))
                else:
                    await self._deliver(batch)
        finally:
            self._runs = False

    async def _gather(self) -> None:
        if len(self._entries) < self._record.max_batch_size:
            await self._background.wait(self._full, self._record.max_coalescing_delay)
        if not self._background.is_closing:
            self._full.clear()

    def _take(self) -> list[bytes]:
        count = min(self._record.max_batch_size, len(self._entries))
        batch = [self._entries.popleft() for _ in range(count)]
        self._bytes -= sum(map(len, batch))
        return batch

    async def _deliver(self, batch: list[bytes]) -> None:
        """Send a batch, again and again if need be."""
        record, began = self._record, self._now()
        delay = record.initial_retry_delay
        end = self._background.alarm()
        while True:
            try:
                await self._send(batch)
            except NotTaken as error:
                tried = self._now() - began + delay
                is_over = record.max_retry_time >= 0 and tried > record.max_retry_time
                if is_over or self._background.is_closing:
                    self._log("error", f"{len(batch)} entries are lost: {error}")
                    return
                self._log(
                    "warn", f"entries were not taken, and are sent again: {error}"
                )
                await self._background.wait(end, delay)
                delay = min(2 * delay, record.max_retry_delay)
            else:
                if self._lost:
                    self._log("error", f"{self._lost} entries were dropped")
                    self._lost = 0
                return
