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


class Bound(Protocol):
    """Something that must end with its session."""

    def end_session(self) -> None: ...


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
        self.sessions: dict[str, set[Bound]] = {}
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

    def bind(self, session_id: str, bound: Bound) -> None:
        self.sessions.setdefault(session_id, set()).add(bound)

    def unbind(self, session_id: str, bound: Bound) -> None:
        members = self.sessions.get(session_id)
        if members is not None:
            members.discard(bound)
            if not members:
                del self.sessions[session_id]
