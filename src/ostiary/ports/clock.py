"""Time and entropy, given from outside so that rules stay functions and tests stay exact."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> float:
        """Unix time in seconds."""
        ...


class Entropy(Protocol):
    """Where unpredictable bytes come from."""

    def bytes(self, n: int) -> bytes:
        """`n` bytes that nobody can predict."""
        ...
