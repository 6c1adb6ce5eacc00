"""What all connections of one worker share. Holds values; decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from email.utils import formatdate
from math import inf
from typing import Protocol

from ostiary.gateway.decision import Decider
from ostiary.proxy.limits import Limits
from ostiary.proxy.pool import UpstreamPool
from ostiary.proxy.tls import SniMemory
from ostiary.proxy.wheel import Wheel

log = logging.getLogger("ostiary.proxy")

# A request is rarely judged for longer; more ends than this in that time are a flood.
ENDS_KEPT_S = 60.0
MAX_ENDS = 10_000


class Open(Protocol):
    """A client's connection."""

    def drain(self) -> None: ...

    def abort(self) -> None: ...

    def end_sessions(self, ended: set[str]) -> None:
        """Close what is bound to one of these sessions."""
        ...


class Plane:
    """The shared state of one proxy."""

    def __init__(
        self,
        *,
        decider: Decider,
        limits: Limits,
        pool: UpstreamPool,
        wall_clock: Callable[[], float],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.now = self.loop.time
        self.decider = decider
        self.limits = limits
        self.pool = pool
        self.sni = SniMemory()
        self.turn = pool.turn
        self.stopping = self.stopped = False
        self.accepted = 0
        self.connections: set[Open] = set()
        self.wheel = Wheel(limits.tick_ms / 1000, self.now())
        self.empty = asyncio.Event()
        self.empty.set()
        self.ended: set[str] = set()
        self.last_end = -inf
        self._ends: dict[str, float] = {}
        self._forgotten = -inf
        self._wall_clock = wall_clock
        self.date = b""
        self.update_date()

    def update_date(self) -> None:
        """Write the Date of the next second or so (RFC 9110 §6.6.1)."""
        self.date = formatdate(self._wall_clock(), usegmt=True).encode()

    def enter(self, connection: Open) -> None:
        self.connections.add(connection)
        self.empty.clear()

    def leave(self, connection: Open) -> None:
        self.connections.discard(connection)
        if not self.connections:
            self.empty.set()

    def hear_end(self, mark: str) -> None:
        """
        Remember that a session has ended: what is open ends at the next tick.

        What is still being judged is open only later, so the last minute is kept.
        """
        self.ended.add(mark)
        ends, now = self._ends, self.now()
        ends.pop(mark, None)  # the dictionary is in the order of time
        ends[mark] = self.last_end = now
        while True:
            first = next(iter(ends))
            if len(ends) <= MAX_ENDS and now - ends[first] <= ENDS_KEPT_S:
                return
            self._forgotten = ends.pop(first)

    def has_ended(self, marks: tuple[str, ...], since: float) -> bool:
        """
        Tell whether one of these sessions has ended at this time or later.

        Whoever asks for a time of which ends are forgotten is told that one may have.
        """
        if since <= self._forgotten:
            return bool(marks)
        return any(self._ends.get(mark, -inf) >= since for mark in marks)

    def end_sessions(self) -> None:
        """
        Close what is bound to the sessions that have ended since the last tick.

        One look at every connection per tick with an end in it costs less than a book of who is
        bound to what, kept by every request.
        """
        ended = self.ended
        if ended:
            self.ended = set()
            for connection in tuple(self.connections):
                connection.end_sessions(ended)
