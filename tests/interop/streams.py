"""Replies that do not end: an upstream that holds them open, and their client."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.interop.stage import Visitor

EVENTS = "/events"
_PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere"
_STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nc\r\ndata: here\n\n\r\n"
)
_SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
_UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
_TIMEOUT_S = 15.0


class _Holding(socketserver.BaseRequestHandler):
    """Answers, and keeps what does not end open until the other side ends it."""

    def handle(self) -> None:
        while head := self._read_head():
            if b"upgrade: websocket" in head.lower():
                self.request.sendall(_SWITCHED)
            elif EVENTS.encode() in head.partition(b"\r\n")[0]:
                self.request.sendall(_STREAM)
            else:
                self.request.sendall(_PLAIN)
                continue
            while self.request.recv(4096):
                pass
            return

    def _read_head(self) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            part = self.request.recv(4096)
            if not part:
                return b""
            head += part
        return head


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that is cut off is what these tests are about."""


@contextmanager
def holding_upstream() -> Iterator[str]:
    """The address of the upstream."""
    with _Server(("127.0.0.1", 0), _Holding) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


class Open:
    """A reply that has begun and does not end by itself."""

    def __init__(
        self, visitor: Visitor, ca_file: Path, url: str, *, websocket: bool
    ) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        plain = socket.create_connection(("127.0.0.1", parts.port or 443), _TIMEOUT_S)
        context = ssl.create_default_context(cafile=str(ca_file))
        self._socket = context.wrap_socket(plain, server_hostname=host)
        jar = visitor.jar.get(host, {})
        cookie = "; ".join(f"{name}={value}" for name, value in jar.items())
        self._socket.sendall(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"{_UPGRADE if websocket else ''}"
            f"{f'Cookie: {cookie}' if cookie else 'X-No-Cookie: yes'}\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            part = self._socket.recv(4096)
            assert part, head
            head += part
        self.status = int(head.split()[1])

    def is_open(self) -> bool:
        """Tell whether it goes on for a moment."""
        return not self.ends_within(0.2)

    def ends_within(self, seconds: float) -> bool:
        """Wait that long at most for its end."""
        deadline = time.monotonic() + seconds
        try:
            while (left := deadline - time.monotonic()) > 0:
                self._socket.settimeout(left)
                if not self._socket.recv(4096):
                    return True
        except TimeoutError:
            return False
        except OSError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()
