"""
Writes that leave together: what one turn of the loop has to say is said at its end.

Whoever reads at the other end is woken once per turn instead of once per message, and several
pieces for one connection become one write.
"""

from __future__ import annotations

import asyncio

# What is large gains nothing from waiting, and the transport should hear of it at once: only it
# knows when the peer does not keep up.
HOLD_PIECES = 16
HOLD_BYTES = 32 * 1024


class Turn:
    """The outboxes that have something to send when this turn of the loop ends."""

    __slots__ = ("_full", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._full: list[Outbox] = []

    def add(self, outbox: Outbox) -> None:
        if not self._full:
            self._loop.call_soon(self._send)
        self._full.append(outbox)

    def _send(self) -> None:
        full, self._full = self._full, []
        for outbox in full:
            outbox.flush()


class Outbox(asyncio.Protocol):
    """A connection whose writes wait for the end of the turn. Close it through `shut` only."""

    __slots__ = ("_pieces", "_turn", "transport")

    transport: asyncio.Transport

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send bytes, after all that was written before."""
        pieces = self._pieces
        pieces.append(data)
        if len(data) >= HOLD_BYTES or len(pieces) >= HOLD_PIECES:
            self.flush()
        elif len(pieces) == 1:
            self._turn.add(self)

    def holds(self, data: bytes) -> bool:
        """Tell whether `data` (that very object) is next to be sent, and nothing of it was."""
        return bool(self._pieces) and self._pieces[0] is data

    def flush(self) -> None:
        """Send now what waits."""
        pieces, self._pieces = self._pieces, []
        if pieces and not self.transport.is_closing():
            self.transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def forget(self) -> None:
        """Drop what waits: the connection breaks."""
        self._pieces = []

    def shut(self) -> None:
        """Close after what was written."""
        self.flush()
        self.transport.close()

    def write_eof(self) -> None:
        """Send what waits, and the end of our direction."""
        self.flush()
        self.transport.write_eof()
