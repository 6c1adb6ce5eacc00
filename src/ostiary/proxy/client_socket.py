"""The plain half of a client connection: who is there, reading or not, one deadline."""

from __future__ import annotations

import asyncio
import socket
import struct
from math import inf
from typing import cast

from ostiary.gateway.decision import Peer
from ostiary.proxy.plane import Plane
from ostiary.proxy.turn import Outbox
from ostiary.proxy.wheel import Waiter

_RESET = struct.pack("ii", 1, 0)


def _plain(ip: str) -> str:
    """`::ffff:192.0.2.1` as the IPv4 address that it is."""
    return ip.removeprefix("::ffff:") if "." in ip else ip


class ClientSocket(Outbox, Waiter):
    """A client's transport with its flow control; knows no HTTP."""

    __slots__ = (
        "_armed",
        "_deadline",
        "_peer",
        "_plane",
        "_reading",
        "_slot",
        "_tls",
        "_unsent",
        "_wheel",
        "_write_deadline",
        "write_full",
    )

    def __init__(self, plane: Plane, *, tls: bool) -> None:
        super().__init__(plane.turn)
        self.wait_on(plane.wheel)
        self._plane = plane
        self._tls = tls
        self._deadline = inf
        self._write_deadline = inf
        self._reading = True
        self._unsent = 0
        self.write_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses, so there is nothing to check.
        self.transport = cast("asyncio.Transport", transport)
        remote = transport.get_extra_info("peername") or ("", 0)
        local = transport.get_extra_info("sockname") or ("", 0)
        self._plane.accepted += 1
        self._peer = Peer(
            # An IPv4 client of a socket for both is that client, for lists of addresses too.
            ip=remote[0].removeprefix("::ffff:") if "." in remote[0] else remote[0],
            port=remote[1],
            local_ip=local[0],
            local_port=local[1],
            tls=self._tls,
            sni=self._plane.sni.take_name(transport.get_extra_info("ssl_object")),
            connection=self._plane.accepted,
        )
        self._set_deadline(self._plane.limits.head_timeout_ms)

    def pause_writing(self) -> None:
        self.write_full = True
        self._unsent = self.transport.get_write_buffer_size()
        self._extend_write()

    def resume_writing(self) -> None:
        self.write_full = False
        self._write_deadline = inf

    def _extend_write(self) -> None:
        stall_s = self._plane.limits.write_timeout_ms / 1000
        self._write_deadline = self._plane.now() + stall_s
        self.arm(self._write_deadline)

    def _has_taken_some(self) -> bool:
        """Tell whether the client has read something since this was asked last."""
        before, self._unsent = self._unsent, self.transport.get_write_buffer_size()
        return self._unsent < before

    def abort(self) -> None:
        """Break the connection so that nobody can take what was sent for complete."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None and not self._tls:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.forget()
        self.transport.abort()

    def _set_deadline(self, timeout_ms: int) -> None:
        self._deadline = self._plane.now() + timeout_ms / 1000
        self.arm(self._deadline)

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self.transport.pause_reading()

    def _resume(self) -> None:
        if not self._reading:
            self._reading = True
            if not self.transport.is_closing():
                self.transport.resume_reading()
