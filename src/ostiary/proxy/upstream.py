"""
Connections to upstreams: opening, lending and taking back.

A connection is lent again only after a message that ended cleanly with no byte behind
it. Names under `localhost` never reach a resolver.

Spec: RFC 9112 §9.3, §9.6, RFC 6761 §6.3.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from typing import Protocol, cast

from ostiary.gateway.decision import Target, TlsTo
from ostiary.proxy.faults import UpstreamUnreachable
from ostiary.proxy.heads import ResponseReader
from ostiary.proxy.limits import Limits
from ostiary.proxy.tls import UpstreamTls
from ostiary.proxy.turn import Outbox, Turn

Key = tuple[str, int, TlsTo | None]


class UpstreamUser(Protocol):
    """Who has borrowed a connection and hears what happens on it."""

    def on_upstream_data(self, data: bytes) -> None: ...

    def on_upstream_eof(self) -> bool:
        """Hear that the upstream sends no more. True keeps our direction open."""
        ...

    def on_upstream_lost(self) -> None: ...

    def on_upstream_full(self) -> None: ...

    def on_upstream_ready(self) -> None: ...


class UpstreamConnection(Outbox):
    """One connection; idle in the pool while it has no user."""

    __slots__ = (
        "_limits",
        "idle_since",
        "key",
        "lost",
        "paused",
        "pool",
        "reader",
        "served",
        "user",
    )

    def __init__(self, pool: UpstreamPool, key: Key, limits: Limits) -> None:
        super().__init__(pool.turn)
        self.pool = pool
        self.key = key
        self.reader = ResponseReader(limits)
        self.user: UpstreamUser | None = None
        self.served = 0
        self.idle_since = 0.0
        self.lost = False
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses, so there is nothing to check.
        self.transport = cast("asyncio.Transport", transport)
        self.pool.opened += 1

    def data_received(self, data: bytes) -> None:
        if self.user is None:
            self.close()  # bytes nobody asked for: never reuse
        else:
            self.user.on_upstream_data(data)

    def eof_received(self) -> bool:
        if self.user is None:
            self.lost = True
            return False
        return self.user.on_upstream_eof()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self.lost = True
        user, self.user = self.user, None
        if user is not None:
            user.on_upstream_lost()
        else:
            self.pool.forget(self)

    def pause_writing(self) -> None:
        if self.user is not None:
            self.user.on_upstream_full()

    def resume_writing(self) -> None:
        if self.user is not None:
            self.user.on_upstream_ready()

    def pause(self) -> None:
        if not self.paused and not self.lost:
            self.paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        if self.paused and not self.lost:
            self.paused = False
            self.transport.resume_reading()

    def close(self) -> None:
        """Let go for good; the user hears no more."""
        self.user = None
        self.lost = True
        self.forget()
        self.transport.abort()


class UpstreamPool:
    """Idle connections by where they lead; the youngest is lent first."""

    def __init__(self, limits: Limits, tls: UpstreamTls) -> None:
        self._limits = limits
        self._tls = tls
        self.turn = Turn(asyncio.get_running_loop())
        self._idle: dict[Key, deque[UpstreamConnection]] = {}
        self.opened = 0
        self.reused = 0

    def take(self, target: Target) -> UpstreamConnection | None:
        """An idle connection, or None."""
        idle = self._idle.get((target.host, target.port, target.tls))
        while idle:
            connection = idle.pop()
            if not connection.lost:
                self.reused += 1
                return connection
        return None

    @property
    def idle(self) -> int:
        """How many connections wait to be lent."""
        return sum(len(idle) for idle in self._idle.values())

    def put(self, connection: UpstreamConnection, now: float) -> None:
        """Take back a connection whose last message ended cleanly."""
        connection.user = None
        connection.served += 1
        connection.idle_since = now
        idle = self._idle.setdefault(connection.key, deque())
        if (
            connection.lost
            or connection.served >= self._limits.pool_requests > 0
            or len(idle) >= self._limits.pool_idle_per_key
        ):
            connection.close()
            return
        idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        idle = self._idle.get(connection.key)
        if idle is not None and connection in idle:
            idle.remove(connection)

    def sweep(self, now: float) -> None:
        """Close what was idle for too long."""
        oldest = now - self._limits.pool_idle_ms / 1000
        for key in [*self._idle]:
            idle = self._idle[key]
            while idle and idle[0].idle_since < oldest:
                idle.popleft().close()
            if not idle:
                del self._idle[key]

    def close(self) -> None:
        for idle in self._idle.values():
            while idle:
                idle.pop().close()
        self._idle.clear()

    async def connect(self, target: Target) -> UpstreamConnection:
        """
        Open a connection.

        Raises:
            UpstreamUnreachable: Refused, unresolvable, or TLS failed.
        """
        made: list[UpstreamConnection] = []

        def make() -> UpstreamConnection:
            key = (target.host, target.port, target.tls)
            made.append(UpstreamConnection(self, key, self._limits))
            return made[-1]

        try:
            return await self._open(target, make)
        except asyncio.CancelledError:
            for connection in made:
                if hasattr(connection, "transport"):
                    connection.close()
            raise
        except ssl.SSLError as error:
            raise UpstreamUnreachable(
                502, "TLS with the upstream failed", transient=False
            ) from error
        except socket.gaierror as error:
            raise UpstreamUnreachable(
                503, "name resolution failed", transient=False
            ) from error
        except TimeoutError as error:
            raise UpstreamUnreachable(
                504, "connecting to the upstream timed out", transient=True
            ) from error
        except OSError as error:
            raise UpstreamUnreachable(
                502, "connecting to the upstream failed", transient=True
            ) from error

    async def _open(
        self, target: Target, make: _ConnectionFactory
    ) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        tls = target.tls
        context = None if tls is None else self._tls.context(tls)
        name = None if tls is None else tls.server_name
        addresses = resolve_locally(target.host) or (target.host,)
        for address in addresses[:-1]:
            try:
                _, connection = await loop.create_connection(
                    make, address, target.port, ssl=context, server_hostname=name
                )
            except ssl.SSLError:
                raise
            except OSError:
                continue
            return connection
        _, connection = await loop.create_connection(
            make, addresses[-1], target.port, ssl=context, server_hostname=name
        )
        return connection


class _ConnectionFactory(Protocol):
    def __call__(self) -> UpstreamConnection: ...


def resolve_locally(host: str) -> tuple[str, ...]:
    """The addresses of a name under `localhost`; nothing for any other name."""
    lower = host.lower().rstrip(".")
    if lower == "localhost" or lower.endswith(".localhost"):
        return ("127.0.0.1", "::1")
    return ()
