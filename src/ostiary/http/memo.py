"""
Remembering what pure functions made of header values, within a fixed amount of memory.

Two generations: what the older one still holds moves to the younger when it is asked for, and
the older one is dropped whole. A hit costs one look-up and no bookkeeping.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
OVERHEAD = 200


class Memo(Generic[K, V]):
    """`max_bytes` bounds the keys of both generations; larger keys than `max_key` are not kept."""

    __slots__ = ("_half", "_max_key", "_old", "_size", "_young")

    def __init__(self, max_bytes: int = 16 << 20, *, max_key: int = 32 << 10) -> None:
        self._half = max_bytes // 2
        self._max_key = max_key
        self._young: dict[K, tuple[V, int]] = {}
        self._old: dict[K, tuple[V, int]] = {}
        self._size = 0

    def get(self, key: K) -> V | None:
        """What was kept for a key, or None."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is None:
                return None
            self.put(key, *found)
        return found[0]

    def put(self, key: K, made: V, size: int) -> None:
        """Keep a result; `size` is about how many bytes the key holds. None cannot be kept."""
        if size > self._max_key:
            return
        self._size += size + OVERHEAD
        if self._size > self._half:
            self._old, self._young = self._young, {}
            self._size = size + OVERHEAD
        self._young[key] = (made, size)

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old, self._size = {}, {}, 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
