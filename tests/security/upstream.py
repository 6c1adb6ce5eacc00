"""
The server behind the gateway: records the exact bytes it got, and misbehaves on demand.

A request names its case in the field `X-Case`; a script for that case replaces the usual
answer. The WSGI twin is the standard library's own, with its CGI names.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import wsgiref.simple_server
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.security.wire import Pair, find_field, parse_fields

PATIENCE_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as it arrived."""

    connection: int
    head: bytes
    body: bytes = b""
    target: bytes = b""
    method: bytes = b""
    fields: tuple[Pair, ...] = ()

    def all(self, name: str) -> list[str]:
        wanted = name.lower().encode()
        return [
            v.decode("latin-1") for k, v in self.fields if k.strip().lower() == wanted
        ]

    @property
    def path(self) -> str:
        return self.target.decode("latin-1").partition("?")[0]


# A script gets the request and the socket, answers itself, and says whether to go on.
Script = Callable[[Seen, socket.socket], bool]


def answers(raw: bytes, *, keep: bool = True) -> Script:
    """A script that sends these very bytes."""

    def script(_seen: Seen, sock: socket.socket) -> bool:
        sock.sendall(raw)
        return keep

    return script


@dataclass(slots=True)
class _Reader:
    """Lenient on purpose: whatever a gateway lets through is read and recorded."""

    sock: socket.socket
    raw: bytearray
    buffer: bytes = b""

    def more(self) -> bool:
        piece = self.sock.recv(1 << 16)
        self.buffer += piece
        self.raw += piece
        return bool(piece)

    def take(self, size: int) -> bytes:
        while len(self.buffer) < size and self.more():
            pass
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            if not self.more():
                return b""
        at = self.buffer.index(mark) + len(mark)
        return self.take(at)

    def chunks(self) -> bytes:
        body = b""
        while line := self.until(b"\r\n"):
            try:
                size = int(line.split(b";")[0], 16)
            except ValueError:
                return body
            if size == 0:
                while self.until(b"\r\n") not in {b"", b"\r\n"}:
                    pass
                return body
            body += self.take(size)
            self.take(2)
        return body


@dataclass(slots=True)
class Upstream:
    """A threaded recording server on one port."""

    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    scripts: dict[str, Script] = field(default_factory=dict)
    raw: dict[int, bytearray] = field(default_factory=dict)
    _server: socket.socket | None = None
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)
    _count: int = 0

    def start(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self._server.getsockname()[1]
        self._spawn(self._accept)

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        if self._server is not None:
            with contextlib.suppress(OSError):
                self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(PATIENCE_S)

    def _accept(self) -> None:
        assert self._server is not None
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            with self._lock:
                self._count += 1
                number = self._count
                self._open.add(sock)
                self.raw[number] = bytearray()
            self._spawn(self._serve, sock, number)

    def _serve(self, sock: socket.socket, number: int) -> None:
        reader = _Reader(sock, self.raw[number])
        try:
            with contextlib.suppress(OSError):
                while self._one(reader, number):
                    pass
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _one(self, reader: _Reader, number: int) -> bool:
        head = reader.until(b"\r\n\r\n")
        if not head:
            return False
        first, *lines = head[:-4].split(b"\r\n")
        words = first.split(b" ")
        fields = parse_fields(lines)
        length = find_field(fields, b"content-length")
        coding = find_field(fields, b"transfer-encoding") or b""
        body = b""
        if length is not None:
            digits = length.strip(b"+ \x0b").split(b",")[0]
            body = reader.take(int(digits)) if digits.isdigit() else b""
        elif b"chunked" in coding.lower():
            body = reader.chunks()
        request = Seen(
            connection=number,
            head=head,
            body=body,
            method=words[0],
            target=b" ".join(words[1:-1]),
            fields=fields,
        )
        self.seen.append(request)
        case = (find_field(fields, b"x-case") or b"").decode("latin-1")
        script = self.scripts.get(case)
        if script is not None:
            return script(request, reader.sock)
        reader.sock.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
            % len(head)
            + (b"" if words[0] == b"HEAD" else head)
        )
        return True

    def about(self, word: str) -> list[Seen]:
        """The requests in which a word occurs, in target, fields or body."""
        sought = word.encode()
        return [s for s in self.seen if sought in s.head or sought in s.body]

    def bytes_about(self, word: str) -> bytes:
        """All bytes of the connections on which a word arrived."""
        sought = word.encode()
        with self._lock:
            return b"\n".join(bytes(r) for r in self.raw.values() if sought in r)


class _Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


def _echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Any: the standard library's own callable."""
    found = {
        k: v for k, v in environ.items() if k.startswith("HTTP_") or k == "PATH_INFO"
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(found).encode()]


class WsgiUpstream:
    """A real WSGI server: folds `-` and `_` as CGI does, and says what it understood."""

    def __init__(self, port: int = 0) -> None:
        self._server = wsgiref.simple_server.make_server(
            "127.0.0.1", port, _echo, handler_class=_Quiet
        )
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(PATIENCE_S)
        self._server.server_close()
