"""
Turns: of all that is done under one name at once, one goes on and the others wait in line.

Attempts to sign in take turns by sign-in name, whoever has it or nobody: a right password has
cleared the counters before the next attempt is counted, and a wrong one has filled them. Several
processes on one store do not know of each other's lines; there one attempt each may be under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

# Of one person's tabs many may post at once; more than this is a flood.
_LONGEST_LINE: Final = 100


class LineTooLong(Exception):
    """So many wait under this name already that one more is not let in."""

    code = "line_too_long"


@dataclass(slots=True, kw_only=True)
class _Line:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    length: int = 0


class Turns:
    """The lines, each as long as somebody stands in it."""

    def __init__(self, longest: int = _LONGEST_LINE) -> None:
        self._longest = longest
        self._lines: dict[Hashable, _Line] = {}

    def __len__(self) -> int:
        return len(self._lines)

    @asynccontextmanager
    async def take(self, name: Hashable) -> AsyncIterator[None]:
        """
        Wait for the turn, in order of arrival, and have it until the end of the block.

        Raises:
            LineTooLong: Too many are before.
        """
        line = self._lines.setdefault(name, _Line())
        if line.length >= self._longest:
            raise LineTooLong("too many at once under one name")
        line.length += 1
        try:
            # No deadline of its own: the line is bounded, and so is every turn.
            async with line.turn:
                yield
        finally:
            line.length -= 1
            if line.length == 0:
                del self._lines[name]
