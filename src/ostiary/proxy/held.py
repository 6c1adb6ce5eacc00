"""
A response body that is held until it is complete, because a plugin edits it whole.

Nothing reaches the client before; what is too long, or cannot be edited, is an error of the
upstream, never passed on unedited: a field that must not leave the house would.
"""

from __future__ import annotations

from ostiary.gateway.decision import EditBody
from ostiary.http.head import ResponseHead
from ostiary.proxy.faults import BadMessage
from ostiary.proxy.heads import ResponseReader
from ostiary.proxy.plane import log
from ostiary.proxy.relay import Relay


class HeldBody:
    """Collects one body; `feed` and `end` answer with what to send once it is complete."""

    __slots__ = ("_edit", "_left", "_pieces", "_relay")

    def __init__(
        self,
        reader: ResponseReader,
        head: ResponseHead,
        method: bytes,
        edit: EditBody,
        limit: int,
    ) -> None:
        # To HTTP/1.0 bodies are passed on without chunks: what comes out is the body itself.
        self._relay = Relay(reader, head, method, 0)
        self._edit = edit
        self._left = limit
        self._pieces: list[bytes] = []

    @property
    def reusable(self) -> bool:
        """Tell whether the upstream's connection can serve another request after the body."""
        return self._relay.reusable

    def feed(self, data: bytes) -> bytes | None:
        """
        Take a piece; what followed the body, or None while it goes on.

        Raises:
            BadMessage: The upstream's chunks are broken, or it is over the limit.
        """
        piece, extra = self._relay.feed(data)
        self._left -= len(piece)
        if self._left < 0:
            raise BadMessage(502, "a body to be edited is over the limit")
        self._pieces.append(piece)
        return extra

    def is_ended_by_close(self) -> bool:
        """Tell whether the upstream's closing completes the body."""
        return self._relay.end() is not None

    def edited(self) -> tuple[ResponseHead, bytes]:
        """
        The head and the body that the client gets.

        Raises:
            BadMessage: It cannot be edited.
        """
        try:
            return self._edit(b"".join(self._pieces))
        except Exception as error:
            log.error("a body was not edited: %s", type(error).__name__)
            raise BadMessage(502, "a body could not be edited") from error
