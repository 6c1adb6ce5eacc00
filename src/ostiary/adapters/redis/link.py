"""The way to one Redis. Costs nothing before it is first used."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ostiary.ports.session_store import StorePlace
from ostiary.ports.shared import SharedUnavailable

if TYPE_CHECKING:
    from ostiary.adapters.redis.client import Answer, Client, Ear, Part


def _load(place: StorePlace) -> Client:
    # Inside the function: workers that use no Redis must not load the library.
    from ostiary.adapters.redis.client import Client

    return Client(place)


def milliseconds(ttl_s: float) -> int:
    """A time-to-live as Redis wants it; what is under a millisecond still counts."""
    return max(1, round(ttl_s * 1000)) if ttl_s > 0 else 0


# Whoever makes the key gets back what it added, and says how long the key lives.
_INCREMENT: Final = """
local total = redis.call('INCRBY', KEYS[1], ARGV[1])
if total == tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return total
"""


class Link:
    """Loads the library at the first command and keeps one client."""

    def __init__(self, place: StorePlace) -> None:
        self.place = place
        self._client: Client | None = None
        self._loading = asyncio.Lock()

    async def _built(self) -> Client:
        async with self._loading:
            if self._client is None:
                # In a thread: importing and reading CAs take a tenth of a second.
                self._client = await asyncio.to_thread(_load, self.place)
            return self._client

    async def ask(self, *parts: Part) -> Answer:
        """One command and its answer. Raises SharedUnavailable."""
        client = self._client or await self._built()
        return await client.ask(*parts)

    async def increment(self, key: str, by: int, ttl_s: float) -> int:
        """Add to a number in one step. Raises SharedUnavailable."""
        life = max(1, milliseconds(ttl_s))
        total = await self.ask("EVAL", _INCREMENT, 1, key, by, life)
        if not isinstance(total, int):
            raise SharedUnavailable(f"the Redis at {self.place.where} does not count")
        return total

    async def listen(self) -> Ear:
        """A connection that hears channels. Raises SharedUnavailable."""
        client = self._client or await self._built()
        return await client.listen()

    async def close(self) -> None:
        """Close what is open. Another command would open it again."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
