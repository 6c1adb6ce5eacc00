"""
Answers that take as long whether somebody is known or not.

A registration that writes a row takes longer than one that finds it taken, and a mail that is
made longer than none. Answers wait for the next whole step of time, which none of it fills.

Spec: portal §6.1; security: enumeration by time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

# Some times what a registration takes, its hash included; nobody minds it once.
STEP_S: Final = 0.25


class Pace:
    """Lets answers wait. `rest` waits so many seconds."""

    def __init__(
        self,
        now: Callable[[], float],
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._now = now
        self._rest = rest

    @asynccontextmanager
    async def even(self) -> AsyncIterator[None]:
        """
        What is done here takes a whole number of steps.

        Not only one at least: on a busy node, where everything takes longer than that, the
        difference would show again. What fails is not held: it fails for everybody.
        """
        began = self._now()
        yield
        # A clock that was set meanwhile makes it a step at most.
        await self._rest(STEP_S - (self._now() - began) % STEP_S)
