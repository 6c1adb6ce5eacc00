"""Session records inside one process: for tests, and for nodes of one process."""

from __future__ import annotations

from ostiary.adapters.shared.memory import MAX_KEYS, Rows
from ostiary.ports.clock import Clock

SPARE_NAMES = 64


class MemoryStore:
    """A dictionary with times-to-live. When it is full, what ends first makes room."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows = Rows(MAX_KEYS)
        self._names: dict[str, dict[str, float]] = {}
        self._sweep_at = SPARE_NAMES

    async def get(self, key: str) -> bytes | None:
        return self._rows.get(key, self._clock.now())

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        now = self._clock.now()
        self._rows.store(key, value, now + ttl_s, now)

    async def replace(self, key: str, old: bytes, new: bytes, *, ttl_s: float) -> bool:
        if await self.get(key) != old:
            return False
        await self.set(key, new, ttl_s=ttl_s)
        return True

    async def overwrite(self, key: str, value: bytes, *, ttl_s: float) -> bool:
        if await self.get(key) is None:
            return False
        await self.set(key, value, ttl_s=ttl_s)
        return True

    async def keep(self, key: str, *, ttl_s: float) -> bool:
        value = await self.get(key)
        if value is None:
            return False
        await self.set(key, value, ttl_s=ttl_s)
        return True

    async def delete(self, key: str) -> None:
        self._rows.rows.pop(key, None)

    async def index(self, name: str, member: str, *, ttl_s: float) -> None:
        self._sweep()
        ends = self._clock.now() + ttl_s
        self._names[name] = {**self._living(name), member: ends}

    async def members(self, name: str) -> tuple[str, ...]:
        living = self._living(name)
        return tuple(sorted(living, key=lambda member: (living[member], member)))

    async def unindex(self, name: str, member: str) -> None:
        if name in self._names:
            self._names[name].pop(member, None)

    def _living(self, name: str) -> dict[str, float]:
        now = self._clock.now()
        return {m: ends for m, ends in self._names.get(name, {}).items() if ends > now}

    def _sweep(self) -> None:
        """Once there are twice the names of last time, forget those without a member."""
        if len(self._names) < self._sweep_at:
            return
        self._names = {
            name: living for name in self._names if (living := self._living(name))
        }
        self._sweep_at = 2 * len(self._names) + SPARE_NAMES
