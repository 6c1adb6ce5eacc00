"""
Work that is done once for all who want it: in this process they share a task, on the node a lease.

Whoever asked may go away meanwhile; the work is finished all the same, because a refresh token
that was sent has been used. The lease is renewed while the work goes on, however slow the provider
is, and is soon free again when a worker dies.

Spec: oidc-plugin §9.8 (refresh), §13; security test T-C13.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from ostiary.ports.shared import Shared, SharedUnavailable
from ostiary.signin.party import Party
from ostiary.signin.values import Toolbox

T = TypeVar("T")
LEASE_S = 8
RENEW_S = 2
POLL_S = 0.05
WAIT_S = 12


class StillWaiting(Exception):
    """Another worker has been at it for too long."""


def patience_s(party: Party) -> float:
    """How long to wait for another worker's request: longer than it, or a dead one's lease, lasts."""
    return max(party.config.timeout / 1000, LEASE_S) + 2


class Once:
    """The work of one worker that others may be waiting for."""

    def __init__(self, tools: Toolbox) -> None:
        self._tools = tools
        self._running: dict[str, asyncio.Task[Any]] = {}
        # What is written into a lease: nobody else writes the same, nor do we twice.
        self._name, self._count = tools.entropy.bytes(16), itertools.count()

    async def together(
        self, name: str, work: Callable[[], Coroutine[Any, Any, T]]
    ) -> T:
        """The outcome of work that is under way in this process under a name, or begins now."""
        task: asyncio.Task[T] | None = self._running.get(name)
        if task is None:
            task = self._running[name] = asyncio.ensure_future(work())
            # Before anybody who waits is woken: who then asks again wants it done again.
            task.add_done_callback(lambda done: self._forget(name, done))
        return await asyncio.shield(task)

    async def do(
        self,
        lease: str,
        *,
        look: Callable[[], Awaitable[T | None]],
        make: Callable[[], Awaitable[T]],
        wait_s: float = WAIT_S,
        name: str | None = None,
    ) -> T:
        """
        What `look` finds, else what `make` makes; only one worker makes it at a time.

        Args:
            lease: The name of the lease in the node's shared state.
            look: Finds what another worker has made. `make` must leave it there to be found.
            wait_s: How long to wait for another worker.
            name: Who wants the same in this process, where a lease is for more than one thing.

        Raises:
            StillWaiting: Another worker is not done.
            SharedUnavailable: The node's shared state is away.
            Whatever `look` and `make` raise.
        """
        return await self.together(
            name or lease, lambda: self._do(lease, look, make, wait_s)
        )

    async def close(self, within_s: float) -> None:
        """Let what is under way come to its end; what does not, is broken off."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._running:  # one thing leads to another
                    await asyncio.wait([*self._running.values()])
        if late := [*self._running.values()]:
            for task in late:
                task.cancel()
            await asyncio.wait(late)

    async def _do(
        self,
        lease: str,
        look: Callable[[], Awaitable[T | None]],
        make: Callable[[], Awaitable[T]],
        wait_s: float,
    ) -> T:
        shared, clock = self._tools.shared, self._tools.clock
        deadline = clock.now() + wait_s
        ours = b"%s %d" % (self._name, next(self._count))
        while (found := await look()) is None:
            if await shared.add(lease, ours, ttl_s=LEASE_S):
                return await self._work(lease, ours, look, make)
            if clock.now() >= deadline:
                raise StillWaiting("another worker is still waiting for the provider")
            await asyncio.sleep(POLL_S)
        return found

    async def _work(
        self,
        lease: str,
        ours: bytes,
        look: Callable[[], Awaitable[T | None]],
        make: Callable[[], Awaitable[T]],
    ) -> T:
        shared = self._tools.shared
        renewing = asyncio.ensure_future(_renew(shared, lease, ours))
        try:
            # Another worker may have been done between the look and the lease.
            found = await look()
            return await make() if found is None else found
        finally:
            renewing.cancel()
            with contextlib.suppress(SharedUnavailable):  # it ends by itself
                # It may have ended meanwhile, and be another's.
                if await shared.get(lease) == ours:
                    await shared.delete(lease)

    def _forget(self, name: str, task: asyncio.Task[Any]) -> None:
        self._running.pop(name, None)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone: nobody else looks at it


async def _renew(shared: Shared, lease: str, ours: bytes) -> None:
    while True:
        await asyncio.sleep(RENEW_S)
        with contextlib.suppress(SharedUnavailable):
            if await shared.get(lease) == ours:
                await shared.set(lease, ours, ttl_s=LEASE_S)
            else:  # it ended while it could not be renewed: again ours, if nobody took it
                await shared.add(lease, ours, ttl_s=LEASE_S)
