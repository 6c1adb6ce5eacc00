"""A raw HTTP/1.1 client: exact bytes out, one reply at a time in, every wait bounded."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from dataclasses import dataclass

PATIENCE_S = 8.0
CRLF = b"\r\n"

Pair = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One reply. Status 0: the connection ended without one."""

    status: int
    fields: tuple[Pair, ...] = ()
    body: bytes = b""
    complete: bool = True

    def all(self, name: str) -> list[str]:
        wanted = name.lower().encode()
        return [v.decode("latin-1") for k, v in self.fields if k.lower() == wanted]

    def get(self, name: str) -> str:
        return ", ".join(self.all(name))

    @property
    def is_refusal(self) -> bool:
        """The request was turned down as such: 4xx or 501/505, or just cut off."""
        return self.status == 0 or 400 <= self.status < 500 or self.status in {501, 505}

    @property
    def is_denial(self) -> bool:
        """Not served: refused, or sent to sign in."""
        return self.is_refusal or self.status in {301, 302, 303, 307, 308}


def parse_fields(lines: list[bytes]) -> tuple[Pair, ...]:
    """Name and value of each line, however odd; the spaces around a value are gone."""
    found = []
    for line in lines:
        name, _, value = line.partition(b":")
        found.append((name, value.strip(b" \t")))
    return tuple(found)


def find_field(fields: tuple[Pair, ...], name: bytes) -> bytes | None:
    """The first value of a field."""
    return next((v for k, v in fields if k.strip().lower() == name), None)


class Wire:
    """One connection to a gateway."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""
        self._ended = False

    def send(self, raw: bytes) -> None:
        """Send, even to somebody who has already hung up."""
        self._sock.settimeout(PATIENCE_S)
        with contextlib.suppress(OSError):
            self._sock.sendall(raw)

    def close(self) -> None:
        self._sock.close()

    def shut(self) -> None:
        """Say that nothing more will be sent."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def _more(self, deadline: float) -> bool:
        """Read some; False at the end of the connection."""
        if self._ended:
            return False
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        try:
            piece = self._sock.recv(1 << 16)
        except TimeoutError:
            raise
        except (OSError, ssl.SSLError):
            piece = b""
        if not piece:
            self._ended = True
            return False
        self._buffer += piece
        return True

    def _until(self, mark: bytes, deadline: float) -> bytes | None:
        while (at := self._buffer.find(mark)) < 0:
            if not self._more(deadline):
                return None
        taken, self._buffer = (
            self._buffer[: at + len(mark)],
            self._buffer[at + len(mark) :],
        )
        return taken

    def _exactly(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size and self._more(deadline):
            pass
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def reply(
        self, *, is_head: bool = False, patience_s: float = PATIENCE_S, what: str = ""
    ) -> Reply:
        """The next reply that is not an interim one."""
        deadline = time.monotonic() + patience_s
        try:
            while True:
                found = self._reply(deadline, is_head=is_head)
                if found.status not in {100, 102, 103}:
                    return found
        except TimeoutError:
            raise AssertionError(
                f"no whole reply within {patience_s} s {what}; got {self._buffer[:200]!r}"
            ) from None

    def _reply(self, deadline: float, *, is_head: bool) -> Reply:
        head = self._until(b"\r\n\r\n", deadline)
        if head is None:
            return Reply(status=0, body=self._buffer, complete=False)
        first, *lines = head[:-4].split(CRLF)
        words = first.split(b" ", 2)
        if not first.startswith(b"HTTP/1.") or not words[1].isdigit():
            raise AssertionError(f"what came is not a reply: {head[:200]!r}")
        status, fields = int(words[1]), parse_fields(lines)
        if is_head or status in {101, 204, 304} or status < 200:
            return Reply(status=status, fields=fields)
        if b"chunked" in (find_field(fields, b"transfer-encoding") or b"").lower():
            body, complete = self._chunks(deadline)
        elif (length := find_field(fields, b"content-length")) is not None:
            body = self._exactly(int(length), deadline)
            complete = len(body) == int(length)
        else:
            while self._more(deadline):
                pass
            body, self._buffer, complete = self._buffer, b"", True
        return Reply(status=status, fields=fields, body=body, complete=complete)

    def _chunks(self, deadline: float) -> tuple[bytes, bool]:
        body = b""
        while line := self._until(CRLF, deadline):
            size = int(line.split(b";")[0], 16)
            if size == 0:
                return body, self._until(CRLF, deadline) is not None
            piece = self._exactly(size + 2, deadline)
            body += piece[:size]
            if len(piece) < size + 2:
                break
        return body, False

    def rest(self, patience_s: float = PATIENCE_S) -> bytes:
        """
        Everything up to the end of the connection.

        Raises:
            TimeoutError: It stays open.
        """
        deadline = time.monotonic() + patience_s
        while self._more(deadline):
            pass
        taken, self._buffer = self._buffer, b""
        return taken

    def exactly(self, size: int) -> bytes:
        """So many raw bytes, fewer when the connection ends before."""
        return self._exactly(size, time.monotonic() + PATIENCE_S)

    def closes(self, patience_s: float = PATIENCE_S) -> bool:
        """Tell whether the other side ends the connection in time."""
        try:
            self.rest(patience_s)
        except TimeoutError:
            return False
        return True
