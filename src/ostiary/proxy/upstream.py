"""
One connection to an upstream, and what its user hears of it.

Spec: RFC 9112 §9.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

from ostiary.gateway.decision import TlsTo
from ostiary.proxy.heads import ResponseReader
from ostiary.proxy.inline import own_methods
from ostiary.proxy.limits import Limits
from ostiary.proxy.turn import Outbox

if TYPE_CHECKING:
    from ostiary.proxy.pool import UpstreamPool

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


@own_methods
class UpstreamConnection(Outbox):
    """One connection; idle in the pool while it has no user."""

    __slots__ = (
        "_limits",
        "_wire",
        "full",
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
        self.full = False
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses, so there is nothing to check.
        self.transport = self._wire = cast("asyncio.Transport", transport)
        self.pool.opened += 1

    def secured(self, transport: asyncio.Transport, wire: asyncio.Transport) -> None:
        """
        Begin on top of TLS. `wire` carries it, and is what pauses.

        The TLS layer, when it is paused itself, reads on up to its own bound and throws that
        away as soon as the peer closes: the end of a response would be lost to a slow client.
        """
        self.connection_made(transport)
        self._wire = wire

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
        self.pool.closed(self.key)

    def pause_writing(self) -> None:
        self.full = True
        if self.user is not None:
            self.user.on_upstream_full()

    def resume_writing(self) -> None:
        self.full = False
        if self.user is not None:
            self.user.on_upstream_ready()

    def pause(self) -> None:
        if not self.paused and not self.lost:
            self.paused = True
            self._wire.pause_reading()

    def resume(self) -> None:
        if self.paused and not self.lost:
            self.paused = False
            self._wire.resume_reading()

    def close(self) -> None:
        """Let go for good; the user hears no more."""
        self.user = None
        self.lost = True
        self.forget()
        self.transport.abort()
