"""
The load: 32 kept-alive connections, driven by one epoll loop in this process.

Requests are bytes made beforehand. The first reply on a connection is read as a whole head
(status, length); every later one must be 200 and exactly as long. Anything else ends the load
with `LoadFailed`, so a row that answers wrongly has no figure.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

CONNECTIONS = 32
READ_BYTES = 65536
SILENT_S = 20.0
HOST = "bench.localhost"
END = b"\r\n\r\n"


class LoadFailed(Exception):
    """A reply was not the one that was asked for; the text says what came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a row answers: a port of 127.0.0.1, TLS or not, and its reply's length in bytes."""

    port: int
    tls: ssl.SSLContext | None
    reply_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a load did: requests answered, and seconds from the first to the last."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A reply's head: status, length of the body (None when not said), where the body starts."""

    status: int
    length: int | None
    end: int


def parse_head(data: bytes) -> Head | None:
    """
    The head of a reply; None while it is not complete.

    Raises:
        LoadFailed: It is not HTTP/1.x.
    """
    end = data.find(END)
    if end < 0:
        return None
    first, *lines = data[:end].split(b"\r\n")
    parts = first.split(b" ", 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or len(parts[1]) != 3:
        raise LoadFailed(f"not a reply: {first[:60]!r}")
    length = None
    for line in lines:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return Head(status=int(parts[1]), length=length, end=end + len(END))


def is_complete(data: bytes, reply_bytes: int) -> bool:
    """
    Tell whether the bytes are one whole 200 reply with a body of this length.

    Raises:
        LoadFailed: Another status, or more bytes than that.
    """
    end = data.find(END)
    if end < 0:
        return False
    if data[9:12] != b"200":
        first = data.partition(b"\r")[0]
        raise LoadFailed(f"answered {first[:60]!r}")
    missing = end + len(END) + reply_bytes - len(data)
    if missing < 0:
        raise LoadFailed(f"{-missing} bytes more than were asked for")
    return missing == 0


def connect(
    port: int, tls: ssl.SSLContext | None, source: str = "127.0.0.1"
) -> socket.socket:
    """A connection to 127.0.0.1 from a loopback address; the certificate is verified."""
    plain = socket.create_connection(("127.0.0.1", port), SILENT_S, (source, 0))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(plain, server_hostname=HOST) if tls else plain


def ask(target: Target, request: bytes) -> tuple[Head, bytes]:
    """
    One request on a connection of its own: the head and the body that came.

    Raises:
        LoadFailed: The reply broke off.
    """
    with connect(target.port, target.tls) as sock:
        sock.sendall(request)
        data = b""
        while True:
            head = parse_head(data)
            if head and len(data) - head.end >= (head.length or 0):
                return head, data[head.end :]
            more = sock.recv(READ_BYTES)
            if not more:
                raise LoadFailed("closed the connection in the middle of a reply")
            data += more


class _Line:
    """One connection: what it has read of the current reply, and when that was due."""

    __slots__ = ("due", "rest", "seen", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.rest = b""
        self.due = 0.0
        self.seen = False

    def send(self, request: bytes) -> None:
        if self.sock.send(request) != len(request):
            raise LoadFailed("a request did not fit into the socket's buffer")

    def receive(self, reply_bytes: int) -> bool:
        """Read what is there; tell whether the reply is whole."""
        try:
            data = self.sock.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        if not data:
            raise LoadFailed("closed a connection that was to be kept alive")
        if self.rest:
            data = self.rest + data
        if not is_complete(data, reply_bytes):
            self.rest = data
            return False
        if not self.seen:
            head = parse_head(data)
            if head is None or head.length != reply_bytes:
                raise LoadFailed("the reply has no Content-Length of the right size")
            self.seen = True
        self.rest = b""
        return True


class Load:
    """Open connections to one target. Use as a context; `closed` and `open` may be repeated."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._epoll = select.epoll()
        self._lines: dict[int, _Line] = {}

    def __enter__(self) -> Self:
        for _ in range(CONNECTIONS):
            sock = connect(self._target.port, self._target.tls)
            sock.setblocking(False)
            self._lines[sock.fileno()] = _Line(sock)
            self._epoll.register(sock.fileno(), select.EPOLLIN)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for line in self._lines.values():
            line.sock.close()
        self._epoll.close()

    def closed(
        self, requests: Sequence[bytes], seconds: float, *, once: bool = False
    ) -> Loaded:
        """
        Ask on every connection again as soon as it is answered, for some seconds.

        `once` ends after the last request instead of starting again with the first.

        Raises:
            LoadFailed: A reply was wrong, or none came for 20 s.
        """
        lines, size, count = self._lines, self._target.reply_bytes, len(requests)
        poll, now = self._epoll.poll, time.monotonic
        limit = count if once else 1 << 62
        started = now()
        stop = started + seconds
        sent = answered = 0
        for line in list(lines.values())[: min(limit, CONNECTIONS)]:
            line.send(requests[sent % count])
            sent += 1
        while answered < sent:
            events = poll(SILENT_S)
            if not events:
                raise LoadFailed("no answer for 20 s")
            more = now() < stop
            for fd, _ in events:
                line = lines[fd]
                if line.receive(size):
                    answered += 1
                    if more and sent < limit:
                        line.send(requests[sent % count])
                        sent += 1
        return Loaded(requests=answered, seconds=now() - started)

    def open(self, requests: Sequence[bytes], rate: float, count: int) -> list[float]:
        """
        Ask on a schedule of `rate` requests a second, `count` times; seconds from each due time
        to its answer. A request that waits for a free connection waits on the clock too.

        Raises:
            LoadFailed: A reply was wrong, or none came for 20 s.
        """
        lines, size, number = self._lines, self._target.reply_bytes, len(requests)
        free = deque(lines.values())
        took: list[float] = []
        now, fd = time.monotonic, self._epoll.fileno()
        started = now() + 0.01
        sent = 0
        while len(took) < count:
            at = now()
            while sent < count and free and started + sent / rate <= at:
                line = free.popleft()
                line.due = started + sent / rate
                line.send(requests[sent % number])
                sent += 1
            wait = SILENT_S
            if sent < count and free:
                wait = max(0.0, started + sent / rate - now())
            # select() on the epoll: its time-out has microseconds, epoll's has milliseconds.
            ready, _, _ = select.select([fd], [], [], wait)
            if not ready:
                if wait == SILENT_S:
                    raise LoadFailed("no answer for 20 s")
                continue
            for found, _ in self._epoll.poll(0):
                line = lines[found]
                if line.receive(size):
                    took.append(now() - line.due)
                    free.append(line)
        return took
