"""
Work that one worker of a node does for all of them: the others wait for what it found.

The lease is renewed while the work goes on, however slow the provider is, and is soon free again
when a worker dies. Whoever asked may go away meanwhile; the work is finished all the same, because
a refresh token that was sent has been used.

Spec: oidc-plugin §9.8 (refresh), §13; security test T-C13.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from ostiary.ports.shared import Shared, SharedUnavailable
from ostiary.signin.values import Toolbox

T = TypeVar("T")
LEASE_S = 15
RENEW_S = 5
POLL_S = 0.05
WAIT_S = 12


class StillWaiting(Exception):
    """Another worker has been at it for too long."""


class Once:
    """The work of one worker that others may be waiting for."""

    def __init__(self, tools: Toolbox) -> None:
        self._tools = tools
        self._tasks: set[asyncio.Task[Any]] = set()

    async def do(
        self,
        lease: str,
        *,
        look: Callable[[], Awaitable[T | None]],
        make: Callable[[], Awaitable[T]],
        wait_s: float = WAIT_S,
    ) -> T:
        """
        What `look` finds, else what `make` makes; only one worker makes it at a time.

        Args:
            lease: The name of the lease in the node's shared state.
            look: Finds what another worker has made. `make` must leave it there to be found.
            wait_s: How long to wait for another worker.

        Raises:
            StillWaiting: Another worker is not done.
            SharedUnavailable: The node's shared state is away.
            Whatever `look` and `make` raise.
        """
        return await self.finish(self._do(lease, look, make, wait_s))

    async def _do(
        self,
        lease: str,
        look: Callable[[], Awaitable[T | None]],
        make: Callable[[], Awaitable[T]],
        wait_s: float,
    ) -> T:
        shared, clock = self._tools.shared, self._tools.clock
        deadline = clock.now() + wait_s
        while (found := await look()) is None:
            if await shared.add(lease, b"1", ttl_s=LEASE_S):
                return await self._work(lease, look, make)
            if clock.now() >= deadline:
                raise StillWaiting("another worker is still waiting for the provider")
            await asyncio.sleep(POLL_S)
        return found

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something to its end, though whoever asked for it may go away meanwhile."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone: nobody else looks at it

    async def _work(
        self,
        lease: str,
        look: Callable[[], Awaitable[T | None]],
        make: Callable[[], Awaitable[T]],
    ) -> T:
        shared = self._tools.shared
        renewing = asyncio.ensure_future(_renew(shared, lease))
        try:
            # Another worker may have been done between the look and the lease.
            found = await look()
            return await make() if found is None else found
        finally:
            renewing.cancel()
            await shared.delete(lease)


async def _renew(shared: Shared, lease: str) -> None:
    while True:
        await asyncio.sleep(RENEW_S)
        with contextlib.suppress(SharedUnavailable):
            await shared.set(lease, b"1", ttl_s=LEASE_S)
