"""
The front's public face: listening sockets in, a decider asked, a graceful stop.

Sockets arrive bound; who binds them (and keeps them open across a reload) is not our
business.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ostiary.gateway.decision import Decider
from ostiary.proxy.connection import ClientConnection
from ostiary.proxy.limits import Limits
from ostiary.proxy.plane import Plane
from ostiary.proxy.pool import UpstreamPool
from ostiary.proxy.resolver import Resolver
from ostiary.proxy.tls import UpstreamTls

# After so many turns of the loop without a new connection, nobody waits to be accepted.
_QUIET_TURNS = 3
# How long a client just accepted may take for its first TLS record, and how often we look.
_GREETING_S = 0.1
_LOOK_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """A bound socket; with a context it speaks TLS."""

    sock: socket.socket
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a proxy has done since its start, and what it holds now."""

    accepted: int
    connections: int
    upstream_opened: int
    upstream_reused: int
    upstream_idle: int


class Proxy:
    """
    One worker's data plane. Make it inside a running loop, `start` it, `stop` it once.

    `tls` is the gateway-wide trust for upstreams that bring no own CA.
    """

    def __init__(
        self,
        decider: Decider,
        limits: Limits | None = None,
        *,
        tls: UpstreamTls | None = None,
        resolver: Resolver | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits or Limits()
        self._pool = UpstreamPool(self._limits, tls or UpstreamTls(), resolver)
        self._plane = Plane(
            decider=decider,
            limits=self._limits,
            pool=self._pool,
            wall_clock=wall_clock,
        )
        self._servers: list[asyncio.Server] = []
        self._timer: asyncio.TimerHandle | None = None
        self._has_tls = False
        self._made = 0

    async def start(self, listeners: Sequence[Listen]) -> None:
        """Accept connections on every listener."""
        for listen in listeners:
            await self._listen(listen)
        self._arm()

    async def stop(self, grace_s: float = 30.0) -> None:
        """
        Accept no more, let exchanges end for `grace_s` seconds, then break the rest.

        Who was accepted before is served once, TLS handshakes under way included.
        """
        plane = self._plane
        over = plane.now() + grace_s
        plane.stopping = True
        for connection in tuple(plane.connections):
            connection.drain()
        await self._take_those_at_the_door()
        for server in self._servers:
            server.close()
        await self._finish_handshakes(over)
        try:
            await asyncio.wait_for(plane.empty.wait(), max(0.0, over - plane.now()))
        except TimeoutError:
            for connection in tuple(plane.connections):
                connection.abort()
            await plane.empty.wait()
        finally:
            plane.stopped = True
            if self._timer is not None:
                self._timer.cancel()
            self._pool.close()

    async def _take_those_at_the_door(self) -> None:
        """Accept who is connected already: the loop takes about one a turn."""
        quiet, until = 0, self._plane.now() + _GREETING_S
        while quiet < _QUIET_TURNS and self._plane.now() < until:
            before = self._made
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._made == before else 0

    async def _finish_handshakes(self, over: float) -> None:
        """Wait for clients that have greeted, and a moment for those just about to."""
        plane = self._plane
        late = plane.now() + (_GREETING_S if self._has_tls else 0.0)
        while (now := plane.now()) < over and (now < late or plane.sni.handshakes):
            await asyncio.sleep(_LOOK_S)

    def tally(self) -> Tally:
        """The numbers now."""
        plane, pool = self._plane, self._pool
        return Tally(
            accepted=plane.accepted,
            connections=len(plane.connections),
            upstream_opened=pool.opened,
            upstream_reused=pool.reused,
            upstream_idle=pool.idle,
        )

    def session_ended(self, session_id: str) -> None:
        """Close the tunnels and streams bound to a session that has ended, at the next tick."""
        self._plane.hear_end(session_id)

    async def _listen(self, listen: Listen) -> None:
        plane = self._plane
        tls = listen.tls is not None
        if listen.tls is not None:
            plane.sni.watch(listen.tls)
            self._has_tls = True
        timeout = self._limits.head_timeout_ms / 1000 if tls else None

        def make() -> ClientConnection:
            self._made += 1
            return ClientConnection(plane, tls=tls)

        server = await plane.loop.create_server(
            make,
            sock=listen.sock,
            ssl=listen.tls,
            ssl_handshake_timeout=timeout,
            backlog=1024,
        )
        self._servers.append(server)

    def _arm(self) -> None:
        self._timer = self._plane.loop.call_later(
            self._limits.tick_ms / 1000, self._sweep
        )

    def _sweep(self) -> None:
        """The one timer: the deadlines that are due are looked at here."""
        self._arm()
        now = self._plane.now()
        self._plane.update_date()
        self._plane.wheel.turn(now)
        self._plane.end_sessions()
        self._pool.sweep(now)


async def serve(
    listeners: Sequence[Listen],
    decider: Decider,
    limits: Limits | None = None,
    *,
    tls: UpstreamTls | None = None,
    stop: asyncio.Event,
    grace_s: float = 30.0,
) -> None:
    """Serve until `stop` is set, then drain for at most `grace_s` seconds."""
    proxy = Proxy(decider, limits, tls=tls)
    await proxy.start(listeners)
    try:
        await stop.wait()
    finally:
        await proxy.stop(grace_s)
