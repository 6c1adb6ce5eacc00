"""
Small state that all workers of a node (or a fleet) share, and word of changes to it.

One primitive for flow leases, single flight, replay stores and ended sessions. Token
material is sealed before it enters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class SharedUnavailable(Exception):
    """The shared state cannot be reached now. Never to be read as "nothing there"."""

    code = "shared_unavailable"


class Shared(Protocol):
    """Keys are texts of ours, values bytes, times-to-live in seconds."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None when absent or out of time. Raises SharedUnavailable."""
        ...

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
