"""The machine's clock and entropy."""

from __future__ import annotations

import os
import time


class SystemClock:
    """The real time."""

    def now(self) -> float:
        return time.time()


class SystemEntropy:
    """The operating system's random bytes."""

    def bytes(self, n: int) -> bytes:
        return os.urandom(n)


class RequestIds:
    """Ids of requests: 32 hex digits, from random bytes that are fetched many at a time."""

    __slots__ = ("_at", "_digits")

    def __init__(self) -> None:
        self._digits = ""
        self._at = 0

    def take(self) -> str:
        """The next id."""
        at = self._at
        if at == len(self._digits):
            self._digits = os.urandom(4096).hex()
            at = 0
        self._at = at + 32
        return self._digits[at : at + 32]
