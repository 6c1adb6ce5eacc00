"""What an exchange may ask of the client's connection."""

from __future__ import annotations

from typing import Protocol

from ostiary.http.head import Reply
from ostiary.proxy.tunnel import Tunnel
from ostiary.proxy.turn import Outbox


class Client(Protocol):
    """The client's side of an exchange."""

    minor: int
    method: bytes
    websocket: bool
    started: float
    write_full: bool

    @property
    def outbox(self) -> Outbox:
        """Where a tunnel writes to."""
        ...

    def write(self, data: bytes) -> None: ...

    def arm(self, when: float) -> None:
        """Tick the exchange at this time, the loop's seconds, or earlier."""
        ...

    def reply(self, reply: Reply) -> int:
        """Send a whole reply and end the exchange; the bytes written."""
        ...

    def connection_value(self, *, must_close: bool) -> bytes:
        """Decide whether the connection lasts; the value of Connection, or nothing."""
        ...

    def end_reply(self) -> None: ...

    def abort(self) -> None: ...

    def pause_body(self) -> None: ...

    def resume_body(self) -> None: ...

    def become_tunnel(self, tunnel: Tunnel) -> bytes:
        """Hand all further bytes to the tunnel; those that are here already are returned."""
        ...
