"""
Passwords hashed and checked off the event loop, a few at a time.

A hash takes 46 MB and tens of milliseconds: without a limit, whoever sends a hundred passwords
takes the node along. Who would wait too long is told to come again.

Spec: security (denial by hashing).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from ostiary.ports.clock import Entropy
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.web.hashes import SALT_BYTES, HashCost, hash_password, is_right

AT_ONCE: Final = 2
MAX_WAITING: Final = 40
# Longer than any that is taken: it is wrong, and takes no longer to be.
_MOST_CHARS: Final = 257


class TooBusy(StoreUnavailable):
    """Too many wait for their turn: told as a store that does not answer, with 503."""

    code = "too_busy"


class Hashing:
    """Hashes of passwords."""

    def __init__(self, entropy: Entropy, *, cost: HashCost | None = None) -> None:
        self._entropy = entropy
        self._cost = cost or HashCost()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def make(self, password: str) -> str:
        """
        What is kept of a password.

        Raises:
            TooBusy: Too many wait.
        """
        salt = self._entropy.bytes(SALT_BYTES)
        async with self._turn():
            return await asyncio.to_thread(hash_password, password, salt, self._cost)

    async def is_right(self, password: str, kept: str | None) -> bool:
        """
        Whether a password is the one that is kept; as slow where none is.

        Raises:
            TooBusy: Too many wait.
        """
        given = password[:_MOST_CHARS]
        async with self._turn():
            return await asyncio.to_thread(is_right, given, kept, cost=self._cost)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._waiting >= MAX_WAITING:
            raise TooBusy("too many passwords wait to be checked")
        self._waiting += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= 1


def hash_key(key: str) -> str:
    """What is kept of a key: it is long and random, and must be found without a name."""
    return hashlib.sha256(key.encode()).hexdigest()
