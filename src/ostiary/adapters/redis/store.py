"""
Session records in Redis, and which sessions a subject has.

A record is a value with a time-to-live. An index is a sorted set whose scores are the Unix
times at which its members end, as Kong's session library writes it. The server's clock
decides, so that gateways need not agree on the time.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from ostiary.adapters.redis.link import Link, milliseconds
from ostiary.ports.session_store import StorePlace
from ostiary.ports.shared import Counters

_REPLACE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if tonumber(ARGV[3]) > 0 then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
else
  redis.call('DEL', KEYS[1])
end
return 1
"""
_NOW: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local function stamp(at) return string.format('%.3f', at) end
"""
# The list itself lives as long as the member that ends last.
_INDEX: Final = f"""{_NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', stamp(now))
redis.call('ZADD', KEYS[1], stamp(now + ARGV[2] / 1000), ARGV[1])
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', last[2] * 1000))
"""
_MEMBERS: Final = f"""{_NOW}
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. stamp(now), '+inf')
"""


class RedisStore:
    """A session store at a place. Made without I/O; comes back when Redis does."""

    def __init__(self, place: StorePlace) -> None:
        self._link = Link(place)
        self._key = place.key

    async def close(self) -> None:
        """Close its connections."""
        await self._link.close()

    async def get(self, key: str) -> bytes | None:
        found = await self._link.ask("GET", self._key(key))
        return found if isinstance(found, bytes) else None

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        if ttl_s <= 0:
            await self.delete(key)
            return
        await self._link.ask("SET", self._key(key), value, "PX", milliseconds(ttl_s))

    async def replace(self, key: str, old: bytes, new: bytes, *, ttl_s: float) -> bool:
        name, life = self._key(key), milliseconds(ttl_s)
        return await self._link.ask("EVAL", _REPLACE, 1, name, old, new, life) == 1

    async def overwrite(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        if ttl_s <= 0:
            return await self._link.ask("DEL", self._key(key)) == 1
        life = milliseconds(ttl_s)
        done = await self._link.ask("SET", self._key(key), value, "XX", "PX", life)
        return done is not None

    async def keep(self, key: str, *, ttl_s: float) -> bool:
        life = milliseconds(ttl_s)
        return await self._link.ask("PEXPIRE", self._key(key), life) == 1

    async def increment(self, key: str, by: int, *, ttl_s: float) -> int:
        return await self._link.increment(self._key(key), by, ttl_s)

    async def delete(self, key: str) -> None:
        await self._link.ask("DEL", self._key(key))

    async def index(self, name: str, member: str, *, ttl_s: float) -> None:
        if ttl_s <= 0:
            await self.unindex(name, member)
            return
        life = milliseconds(ttl_s)
        await self._link.ask("EVAL", _INDEX, 1, self._key(name), member, life)

    async def members(self, name: str) -> tuple[str, ...]:
        found = await self._link.ask("EVAL", _MEMBERS, 1, self._key(name))
        return tuple(m.decode() for m in found) if isinstance(found, list) else ()

    async def unindex(self, name: str, member: str) -> None:
        await self._link.ask("ZREM", self._key(name), member)


class RedisStores:
    """
    The stores of a process: one for each place.

    `ca_file` is trusted beside the system's CAs where a place does not name its own.
    """

    def __init__(self, *, ca_file: str | None = None) -> None:
        self._ca_file = ca_file
        self._open: dict[StorePlace, RedisStore] = {}

    def counters(self, place: StorePlace) -> Counters:
        """The numbers kept at a place: one client for each place, as for sessions."""
        return self.open(place)

    def open(self, place: StorePlace) -> RedisStore:
        found = self._open.get(place)
        if found is None:
            own = replace(place, ca_file=place.ca_file or self._ca_file)
            found = self._open[place] = RedisStore(own)
        return found

    async def close(self) -> None:
        """Close every connection of every store."""
        opened, self._open = self._open, {}
        await asyncio.gather(*(store.close() for store in opened.values()))
