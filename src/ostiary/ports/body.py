"""The body of a request that is being judged."""

from __future__ import annotations

from typing import Protocol


class BodyTooLarge(Exception):
    """The body is longer than the reader was ready to hold."""

    code = "body_too_large"


class Body(Protocol):
    """A body that has not been sent on yet. Whoever reads it takes nothing away."""

    async def read(self, limit: int) -> bytes:
        """
        Read the whole body, of at most `limit` bytes.

        Raises:
            BodyTooLarge: It is longer; nothing was lost, the front can still forward it.
        """
        ...
