"""
Maps of many entries that change a few at a time, each version being a value.

A version shares the big part with the one before and holds what changed since in a small one;
when that grows, both become one again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Generic, TypeVar

_SMALL = 512
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Layered(Generic[K, V]):
    """Look-ups in one version. None is no value."""

    __slots__ = ("_base", "_top")

    def __init__(
        self,
        base: Mapping[K, V] | None = None,
        top: Mapping[K, V | None] | None = None,
    ) -> None:
        self._base: Mapping[K, V] = base or {}
        self._top: Mapping[K, V | None] = top or {}

    def get(self, key: K) -> V | None:
        """The value of a key."""
        if self._top and key in self._top:
            return self._top[key]
        return self._base.get(key)

    def __iter__(self) -> Iterator[K]:
        for key in self._base:
            if key not in self._top:
                yield key
        for key, value in self._top.items():
            if value is not None:
                yield key

    def values(self) -> Iterator[V]:
        """Every value."""
        if not self._top:
            yield from self._base.values()
        for key in self if self._top else ():
            value = self.get(key)
            if value is not None:
                yield value

    def changed(self, updates: Mapping[K, V | None]) -> Layered[K, V]:
        """The next version; None takes a key out. `updates` must stay as they are."""
        if not updates:
            return self
        if not self._base and not self._top and None not in updates.values():
            return Layered(updates)  # type: ignore[arg-type]  # there is no None
        if len(self._top) + len(updates) <= _SMALL < len(self._base):
            return Layered(self._base, {**self._top, **updates})
        merged = {**self._base, **self._top, **updates}
        for key in [key for key, value in merged.items() if value is None]:
            del merged[key]
        return Layered(merged)  # type: ignore[arg-type]  # no None is left


EMPTY_MAP: Layered[Any, Any] = Layered()  # Any: empty of everything
