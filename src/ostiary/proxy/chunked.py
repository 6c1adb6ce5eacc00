"""
The chunked coding, strictly. Extensions and trailers are read and dropped.

We decode it ourselves because llhttp's binding cannot say where a message ended inside
the bytes it was given, and pipelining and connection reuse depend on exactly that.

Spec: RFC 9112 §7.1.
"""

from __future__ import annotations

import re

from ostiary.proxy.faults import BadMessage

LAST_CHUNK = b"0\r\n\r\n"
_MAX_LINE = 4096
_MAX_TRAILERS = 16 * 1024
# No space before the extension and no bare CR or LF in it: each has been used to smuggle.
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")

_SIZE_LINE, _DATA, _DATA_END, _TRAILERS, _DONE = range(5)


def build_chunk(piece: bytes) -> bytes:
    """One chunk. `piece` is not empty: an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


class ChunkDecoder:
    """Turns received bytes into body pieces, and finds where the body ends."""

    __slots__ = ("_carry", "_left", "_state", "_trailer_bytes")

    def __init__(self) -> None:
        self._state = _SIZE_LINE
        self._left = 0
        self._carry = b""
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """
        The body bytes found, and what follows the body (None while it goes on).

        Raises:
            BadMessage: The coding is broken; nothing after this point can be trusted.
        """
        if self._carry:
            data = self._carry + data
            self._carry = b""
        pieces: list[bytes] = []
        pos = 0
        end = len(data)
        while pos < end:
            if self._state == _DATA:
                piece = data[pos : pos + self._left]
                pieces.append(piece)
                pos += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = _DATA_END
                continue
            stop = data.find(b"\r\n", pos, pos + _MAX_LINE)
            if stop < 0:
                self._keep(data[pos:])
                break
            self._on_line(data[pos:stop])
            pos = stop + 2
            if self._state == _DONE:
                return b"".join(pieces), data[pos:]
        return (pieces[0] if len(pieces) == 1 else b"".join(pieces)), None

    def _keep(self, fragment: bytes) -> None:
        if (
            len(fragment) >= _MAX_LINE
            or b"\n" in fragment
            or (self._state == _DATA_END and fragment != b"\r")
        ):
            raise BadMessage(400, "Bad request: invalid chunk")
        self._carry = fragment

    def _on_line(self, line: bytes) -> None:
        if self._state == _SIZE_LINE:
            match = _SIZE.fullmatch(line)
            if match is None:
                raise BadMessage(400, "Bad request: invalid chunk size")
            self._left = int(match[1], 16)
            self._state = _DATA if self._left else _TRAILERS
        elif self._state == _DATA_END:
            if line:
                raise BadMessage(400, "Bad request: invalid chunk end")
            self._state = _SIZE_LINE
        elif not line:
            self._state = _DONE
        else:
            self._trailer_bytes += len(line) + 2
            if self._trailer_bytes > _MAX_TRAILERS or _TRAILER.fullmatch(line) is None:
                raise BadMessage(400, "Bad request: invalid trailers")
