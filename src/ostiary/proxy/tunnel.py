"""
Bytes both ways after a WebSocket handshake, with half-close and back-pressure.

TLS has no half-close here: where either side speaks it, the first end ends both. What a client
sent over TLS while a slow upstream kept us from reading is lost if it leaves before we read on.

Spec: RFC 6455 §4, RFC 9110 §7.8.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from ostiary.gateway.decision import Target
from ostiary.proxy.turn import Outbox
from ostiary.proxy.upstream import UpstreamConnection
from ostiary.proxy.wheel import Waiter, Wheel


class _LastWords(Waiter):
    """Breaks an upstream that does not take what was written to it before the end."""

    __slots__ = ("_armed", "_slot", "_upstream", "_wheel")

    def __init__(self, wheel: Wheel, upstream: UpstreamConnection, when: float) -> None:
        self.wait_on(wheel)
        self._upstream = upstream
        self.arm(when)

    def tick(self, now: float) -> float:  # noqa: ARG002 - due once
        self._upstream.transport.abort()
        return inf


class Tunnel:
    """Two transports, each reading no faster than the other can write."""

    __slots__ = (
        "_client",
        "_client_eof",
        "_deadline",
        "_idle_s",
        "_now",
        "_on_end",
        "_over",
        "_sent",
        "_upstream",
        "_upstream_eof",
        "_wheel",
    )

    def __init__(
        self,
        *,
        now: Callable[[], float],
        client: Outbox,
        upstream: UpstreamConnection,
        target: Target,
        on_end: Callable[[int], None],
        wheel: Wheel,
    ) -> None:
        self._now = now
        self._client = client
        self._upstream = upstream
        self._idle_s = max(target.read_timeout_ms, target.write_timeout_ms) / 1000
        self._on_end = on_end
        self._wheel = wheel
        self._sent = 0
        self._client_eof = self._upstream_eof = self._over = False
        self._deadline = now() + self._idle_s

    def on_client_data(self, data: bytes) -> None:
        self._deadline = self._now() + self._idle_s
        self._upstream.write(data)

    def on_client_eof(self) -> bool:
        """Pass the half-close on; True keeps the other direction open."""
        self._client_eof = True
        if self._over:
            return False
        if self._upstream_eof or not self._can_half_close():
            self.end()
            return False
        self._upstream.write_eof()
        return True

    def on_client_full(self) -> None:
        if not self._over:
            self._upstream.pause()

    def on_client_ready(self) -> None:
        if not self._over:
            self._upstream.resume()

    def on_upstream_data(self, data: bytes) -> None:
        self._deadline = self._now() + self._idle_s
        self._sent += len(data)
        self._client.write(data)

    def on_upstream_eof(self) -> bool:
        self._upstream_eof = True
        if self._client_eof or not self._can_half_close():
            self.end()
            return False
        self._client.write_eof()
        return True

    def on_upstream_lost(self) -> None:
        self.end()

    def on_upstream_full(self) -> None:
        if not self._over:
            self._client.transport.pause_reading()

    def on_upstream_ready(self) -> None:
        if not self._over:
            self._client.transport.resume_reading()

    def tick(self, now: float) -> float:
        """Act on the deadline if it has passed; the next one."""
        if now < self._deadline:
            return self._deadline
        if self._over:  # the client does not take the last bytes
            self._client.transport.abort()
            return inf
        self.end()
        return self._deadline

    def _can_half_close(self) -> bool:
        # TLS in asyncio has no half-close.
        return (
            self._client.transport.can_write_eof()
            and self._upstream.transport.can_write_eof()
        )

    def end(self) -> None:
        """Close both sides, once; what is already written is still delivered."""
        if self._over:
            return
        self._over = True
        self._deadline = self._now() + self._idle_s
        self._upstream.user = None
        self._upstream.lost = True
        self._upstream.shut()
        if self._upstream.transport.get_write_buffer_size():
            _LastWords(self._wheel, self._upstream, self._deadline)
        self._client.shut()
        self._on_end(self._sent)
