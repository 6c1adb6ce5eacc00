"""
The shared-state port on Redis, for fleets.

Commands go over a pool, words of channels over one connection of their own that comes back
by itself. What was published while it was away is lost: `on_connect` tells so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from ostiary.adapters.redis.link import Link, milliseconds
from ostiary.adapters.shared.hearing import tell
from ostiary.ports.session_store import StorePlace
from ostiary.ports.shared import SharedUnavailable

if TYPE_CHECKING:
    from ostiary.adapters.redis.client import Ear

RETRY_S = 0.2
MAX_RETRY_S = 5.0
PING_EVERY_S = 15.0
_LOG = logging.getLogger("ostiary.shared")


class RedisShared:
    """One process's part in the shared state. `connect` once; it reconnects by itself."""

    def __init__(self, place: StorePlace) -> None:
        self._place = place
        self._link = Link(place)
        self._hearers: dict[str, list[Callable[[bytes], None]]] = {}
        self._on_connect: list[Callable[[], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._channels: dict[bytes, str] = {}  # by their names on the wire
        self._waiting: set[bytes] = set()  # what the server has not confirmed
        self._more = asyncio.Event()  # there is a channel to ask for
        self._settled = asyncio.Event()  # nothing is waiting, or nobody hears
        self._settled.set()
        self._tried = asyncio.Event()
        self._open = False
        self._hearing = False
        self._why = ""
        self._retry_s = RETRY_S

    async def connect(self) -> None:
        """
        Begin to hear, and go on.

        Raises:
            SharedUnavailable: Not reached at once. It goes on trying by itself.
        """
        self._task = asyncio.create_task(self._run(), name="redis-hearing")
        await self._tried.wait()
        if not self._hearing:
            raise SharedUnavailable(self._why)

    async def close(self) -> None:
        """Close for good."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._link.close()

    def on_connect(self, call: Callable[[], None]) -> None:
        """Call this whenever channels are heard (again): messages may have been missed."""
        self._on_connect.append(call)

    async def get(self, key: str) -> bytes | None:
        found = await self._link.ask("GET", self._place.key(key))
        return found if isinstance(found, bytes) else None

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        if ttl_s <= 0:
            await self.delete(key)
            return
        name, life = self._place.key(key), milliseconds(ttl_s)
        await self._link.ask("SET", name, value, "PX", life)

    async def add(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        name, life = self._place.key(key), max(1, milliseconds(ttl_s))
        stored = await self._link.ask("SET", name, value, "NX", "PX", life)
        return stored is not None

    async def increment(self, key: str, by: int, *, ttl_s: float) -> int:
        return await self._link.increment(self._place.key(key), by, ttl_s)

    async def delete(self, key: str) -> None:
        await self._link.ask("DEL", self._place.key(key))

    async def publish(self, channel: str, message: bytes) -> None:
        # Our own hearers are among those that hear it, also those of a moment ago.
        try:
            async with asyncio.timeout(self._place.read_timeout_s):
                await self._settled.wait()
        except TimeoutError as error:
            raise SharedUnavailable(
                f"the Redis at {self._place.where} confirmed no channel in time"
            ) from error
        await self._link.ask("PUBLISH", self._name(channel), message)

    def subscribe(self, channel: str, hear: Callable[[bytes], None]) -> None:
        name = self._name(channel).encode()
        if name not in self._channels:
            self._channels[name] = channel
            if self._open:
                self._wait_for((name,))
        self._hearers.setdefault(channel, []).append(hear)

    def _name(self, channel: str) -> str:
        # Channels of Redis belong to no database. Ours do, as our keys do.
        return self._place.key(str(self._place.database), channel)

    async def _run(self) -> None:
        while True:
            try:
                ear = await self._link.listen()
                try:
                    await self._hear(ear)
                finally:
                    self._drop()
                    await ear.close()
            except* SharedUnavailable as group:
                self._lost(str(group.exceptions[0]))
            await asyncio.sleep(self._retry_s)
            self._retry_s = min(2 * self._retry_s, MAX_RETRY_S)

    async def _hear(self, ear: Ear) -> None:
        self._open = True
        self._wait_for(self._channels)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask_for_channels(ear))
            tasks.create_task(self._listen(ear))

    def _wait_for(self, names: Collection[bytes]) -> None:
        self._waiting.update(names)
        self._settled.clear()
        self._more.set()

    async def _ask_for_channels(self, ear: Ear) -> None:
        asked: set[bytes] = set()
        self._settle()  # at once when there is no channel yet
        while True:
            await self._more.wait()
            self._more.clear()
            if fresh := self._waiting - asked:
                asked |= fresh
                await ear.send("SUBSCRIBE", *sorted(fresh))

    async def _listen(self, ear: Ear) -> None:
        answer_s = self._place.read_timeout_s
        asked = False
        while True:
            owed = asked or bool(self._waiting)
            word = await ear.hear(answer_s if owed else PING_EVERY_S)
            if word is None and owed:
                raise SharedUnavailable(
                    f"the Redis at {self._place.where} is not available: "
                    f"no word on channels within {answer_s:g} s"
                )
            asked = word is None
            match word:
                case None:
                    await ear.send("PING")  # a peer that is silently gone is noticed
                case (b"subscribe", bytes(name), _):
                    self._waiting.discard(name)
                    self._settle()
                case (b"message", bytes(name), bytes(message)):
                    channel = self._channels[name]
                    tell(self._hearers[channel], channel, message)

    def _settle(self) -> None:
        if self._waiting:
            return
        self._settled.set()
        if not self._hearing:
            self._hearing = True
            self._retry_s = RETRY_S
            self._why = ""
            self._tried.set()
            for call in self._on_connect:
                call()

    def _drop(self) -> None:
        self._open = self._hearing = False
        self._waiting.clear()
        self._settled.set()

    def _lost(self, why: str) -> None:
        if why != self._why:
            _LOG.warning("channels are not heard, and tried again: %s", why)
        self._why = why
        self._tried.set()
