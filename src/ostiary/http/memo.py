"""
Remembering what pure functions made of header values, within a fixed amount of memory.

Two generations: what the older one still holds moves to the younger when it is asked for, and
the older one is dropped whole. A hit costs one look-up and no bookkeeping.
"""

from __future__ import annotations

from typing import Generic, TypeVar

V = TypeVar("V")
OVERHEAD = 200


class Memo(Generic[V]):
    """`max_bytes` bounds the keys of both generations; longer keys than `max_key` are not kept."""

    __slots__ = ("_half", "_max_key", "_old", "_size", "_young")

    def __init__(self, max_bytes: int = 16 << 20, *, max_key: int = 32 << 10) -> None:
        self._half = max_bytes // 2
        self._max_key = max_key
        self._young: dict[bytes, V] = {}
        self._old: dict[bytes, V] = {}
        self._size = 0

    def get(self, key: bytes) -> V | None:
        """What was kept for a key, or None."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: bytes, made: V) -> None:
        """Keep a result; None cannot be kept."""
        if len(key) > self._max_key:
            return
        self._size += len(key) + OVERHEAD
        if self._size > self._half:
            self._old, self._young = self._young, {}
            self._size = len(key) + OVERHEAD
        self._young[key] = made

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old, self._size = {}, {}, 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
