"""
Small state that all workers of a node (or a fleet) share, and word of changes to it.

One primitive for flow leases, single flight, replay stores, ended sessions and counters.
Token material is sealed before it enters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class SharedUnavailable(Exception):
    """The shared state cannot be reached now. Never to be read as "nothing there"."""

    code = "shared_unavailable"


class Counters(Protocol):
    """Numbers that several processes count together. They read as decimal digits."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None when absent or out of time. Raises SharedUnavailable."""
        ...

    async def increment(self, key: str, by: int, *, ttl_s: float) -> int:
        """
        Add to a number in one step; the sum, where nothing counts as 0.

        The time-to-live begins when the key is made, and adding does not prolong it.

        Args:
            by: At least 1.

        Raises:
            SharedUnavailable: It may have been added or not.
        """
        ...


class Shared(Counters, Protocol):
    """Keys are texts of ours, values bytes, times-to-live in seconds."""

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Store a value, replacing any. Raises SharedUnavailable."""
        ...

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        """Store a value if there is none; tell whether it was stored. Raises SharedUnavailable."""
        ...

    async def delete(self, key: str) -> None:
        """Forget a key. Raises SharedUnavailable."""
        ...

    async def publish(self, channel: str, message: bytes) -> None:
        """Tell every subscriber of a channel, ourselves included. Raises SharedUnavailable."""
        ...

    def subscribe(self, channel: str, hear: Callable[[bytes], None]) -> None:
        """Hear every message of a channel from now on."""
        ...
