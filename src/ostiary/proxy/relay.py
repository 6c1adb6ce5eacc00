"""
How one response's body travels: what ends it on the way in, how it is framed on the way out.

Pure; the exchange does the writing.

Spec: RFC 9112 §6.3, §7.1; RFC 9110 §6.4.1, §8.6.
"""

from __future__ import annotations

from ostiary.http.head import ResponseHead
from ostiary.proxy import framing
from ostiary.proxy.chunked import LAST_CHUNK, ChunkDecoder, build_chunk
from ostiary.proxy.framing import CHUNKED, UNTIL_CLOSE
from ostiary.proxy.heads import ResponseReader


class Relay:
    """One response body, from the upstream's framing to the client's."""

    __slots__ = ("_decoder", "_encode", "_left", "line", "must_close", "reusable")

    def __init__(
        self, reader: ResponseReader, edited: ResponseHead, method: bytes, minor: int
    ) -> None:
        left = reader.framing(method)
        status = edited.status
        self.reusable = reader.keep_alive and left != UNTIL_CLOSE
        if left != 0 and framing.is_bodyless(method, status):
            self.reusable = False  # a hook made it bodyless: the rest is nobody's
            left = 0
        self._left = left
        self._decoder = ChunkDecoder() if left == CHUNKED else None
        self._encode = left < 0 and minor == 1
        self.must_close = left < 0 and not self._encode
        self.line: tuple[bytes, bytes] | None = None
        if self._encode:
            self.line = (b"Transfer-Encoding", b"chunked")
        elif method == b"HEAD" or status == 304:
            length = reader.announced_length()
            if length is not None:
                self.line = (b"Content-Length", length)
        elif left >= 0 and status != 204:
            self.line = (b"Content-Length", b"%d" % left)

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """
        Bytes for the client, and what followed the body (None while it goes on).

        Raises:
            BadMessage: The upstream's chunks are broken.
        """
        extra: bytes | None = None
        left = self._left
        if left >= 0:
            if len(data) < left:
                self._left = left - len(data)
            else:
                data, extra = data[:left], data[left:]
        elif self._decoder is not None:
            data, extra = self._decoder.feed(data)
        if not self._encode:
            return data, extra
        out = build_chunk(data) if data else b""
        return (out if extra is None else out + LAST_CHUNK), extra

    def end(self) -> bytes | None:
        """What completes the body when the upstream closes; None if that cuts it short."""
        if self._left != UNTIL_CLOSE:
            return None
        return LAST_CHUNK if self._encode else b""
