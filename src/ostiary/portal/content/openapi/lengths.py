"""
How long what a document says would be on a page, found out without writing it.

A document can refer to one long example from many places: each page has room for so much of them
together, and says of the rest that it is left out. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

LEFT_OUT: Final = "left out: too long"
MAX_LABEL_CHARS: Final = 200
MAX_EXAMPLE_CHARS: Final = 50_000
MAX_EXAMPLES_CHARS: Final = 200_000
_MAX_WORK: Final = 1_000_000
_PER_PLAIN_VALUE: Final = 4
_PER_KEY: Final = 6


def measure(value: object, limit: int) -> int:
    """About how many characters a value has as JSON; it stops once there are too many."""
    size, indent = 0, 2
    level: list[Any] = [value]  # Any: JSON
    while level:
        below: list[Any] = []
        for one in level:
            if isinstance(one, str):
                size += len(one)
            elif isinstance(one, Mapping):
                size += len(one) * (indent + _PER_KEY)
                if size <= limit:
                    size += sum(len(str(key)) for key in one)
                    below += one.values()
            elif isinstance(one, list):
                size += len(one) * indent
                below += one if size <= limit else ()
            else:
                size += _PER_PLAIN_VALUE
            if size > limit:
                return size
        level, indent = below, indent + 2
    return size


class Room:
    """What is left of one page for examples."""

    def __init__(self, limit: int = MAX_EXAMPLES_CHARS) -> None:
        self._left = limit
        self._work = _MAX_WORK

    def fit(
        self, value: object, write: Callable[[Any], str], *, most: int = MAX_EXAMPLE_CHARS
    ) -> str | None:  # fmt: skip
        """A value as it is written, or nothing where there is no room for it."""
        limit = min(self._left, most)
        size = measure(value, limit) if self._work > 0 else limit + 1
        self._work -= min(size, limit)
        if size > limit:
            return None
        shown = write(value)
        # What is escaped is longer than it was.
        if len(shown) > min(self._left, 2 * most):
            return None
        self._left -= len(shown)
        return shown
