"""What all connections of one worker share. Holds values; decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from email.utils import formatdate
from typing import Protocol

from ostiary.gateway.decision import Decider
from ostiary.proxy.limits import Limits
from ostiary.proxy.pool import UpstreamPool
from ostiary.proxy.tls import SniMemory
from ostiary.proxy.wheel import Wheel

log = logging.getLogger("ostiary.proxy")


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
