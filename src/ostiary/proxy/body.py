"""
A request body on its way: held while nobody wants it, then passed on piece by piece.

What is held is bounded; the client is paused beyond it. The first 64 KB stay until the
upstream answers, so that another attempt can send them again.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from ostiary.ports.body import BodyTooLarge
from ostiary.proxy.framing import CHUNKED

HOLD_BYTES = 64 * 1024
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"PROPFIND"))


class BodySource(Protocol):
    """Where the bytes come from: the client's connection."""

    def pause_body(self) -> None: ...

    def resume_body(self) -> None: ...

    def invite_body(self) -> None:
        """Tell a client that waits for `100 Continue` to go on."""
        ...


class BodySink(Protocol):
    """Where the bytes go: the exchange with the upstream."""

    def on_body(self, piece: bytes) -> None: ...

    def on_body_end(self) -> None: ...


class NoBody:
    """The reader of a request without a body."""

    __slots__ = ()

    async def read(self, limit: int) -> bytes:  # noqa: ARG002 - the contract's name
        return b""


class RequestBody:
    """One request's body; implements the contract's `Body`."""

    __slots__ = (
        "_discarding",
        "_held",
        "_limit",
        "_sink",
        "_source",
        "_waiter",
        "complete",
        "declared",
        "max_bytes",
        "received",
        "replayable",
    )

    def __init__(self, source: BodySource, declared: int) -> None:
        self._source = source
        self.declared = declared
        self.max_bytes = 0
        self.received = 0
        self.complete = False
        self.replayable = True
        self._held: list[bytes] = []
        self._sink: BodySink | None = None
        self._discarding = False
        self._waiter: asyncio.Future[bool] | None = None
        self._limit = 0

    async def read(self, limit: int) -> bytes:
        """
        Read the whole body, of at most `limit` bytes.

        Raises:
            BodyTooLarge: It is longer; nothing was lost, it can still be forwarded.
        """
        if max(self.declared, self.received) > limit:
            raise BodyTooLarge
        if not self.complete:
            assert self._waiter is None, "one reader at a time"
            self._limit = limit
            self._waiter = asyncio.get_running_loop().create_future()
            self._source.invite_body()
            self._source.resume_body()
            try:
                fits = await self._waiter
            finally:
                self._waiter = None
            if not fits:
                raise BodyTooLarge
        return b"".join(self._held)

    def push(self, piece: bytes) -> None:
        """Take bytes that arrived."""
        self.received += len(piece)
        if self._discarding:
            return
        if self._sink is not None:
            if self.replayable:
                self._held.append(piece)
                self._forget_beyond_hold()
            self._sink.on_body(piece)
            return
        self._held.append(piece)
        if self._waiter is not None:
            if self.received > self._limit:
                self._wake(fits=False)
                self._source.pause_body()
        elif self.received >= HOLD_BYTES:
            self._source.pause_body()

    def finish(self) -> None:
        """Hear that the body is complete."""
        self.complete = True
        self._wake(fits=True)
        if self._sink is not None:
            self._sink.on_body_end()

    def attach(self, sink: BodySink) -> bytes:
        """Let everything from here on flow to `sink`; what was held is returned."""
        held = b"".join(self._held)
        self._sink = sink
        self._forget_beyond_hold()
        if not self.complete:
            self._source.invite_body()
            self._source.resume_body()
        return held

    def detach(self) -> None:
        """Hold again: another attempt will attach."""
        self._sink = None

    def discard(self) -> None:
        """Nobody will ever want the rest."""
        self._discarding = True
        self._sink = None
        self._held.clear()
        if not self.complete:
            self._source.resume_body()

    def remaining(self) -> int | None:
        """Bytes still to come, or None when nobody knows."""
        if self.complete:
            return 0
        return None if self.declared == CHUNKED else self.declared - self.received

    def _forget_beyond_hold(self) -> None:
        if self.received > HOLD_BYTES:
            self._held.clear()
            self.replayable = False

    def _wake(self, *, fits: bool) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(fits)


def may_resend(method: bytes, body: RequestBody | None, *, unsent: bool) -> bool:
    """
    Tell whether a request that may have arrived can be sent once more.

    `unsent` when it certainly has not.

    Spec: RFC 9110 §9.2.2.
    """
    return (unsent or method in _IDEMPOTENT) and (body is None or body.replayable)
