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
