"""
How often somebody may ask: so many calls a second for each client and each address.

A bucket holds one second's worth of calls and fills steadily. Buckets are kept in memory, the
least recently used go first; each process counts for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

_KEPT: Final = 10_000


@dataclass(slots=True)
class Buckets:
    """The buckets of one kind of asker; a rate of 0 limits nobody."""

    per_second: float
    kept: int = _KEPT
    _levels: OrderedDict[Hashable, tuple[float, float]] = field(
        default_factory=OrderedDict, repr=False
    )

    def take(self, who: Hashable, *, now: float) -> bool:
        """Take one call out of somebody's bucket, if there is one in it."""
        if not self.per_second:
            return True
        size = max(self.per_second, 1.0)
        level, since = self._levels.pop(who, (size, now))
        level = min(size, level + max(now - since, 0.0) * self.per_second)
        allowed = level >= 1
        self._levels[who] = (level - 1 if allowed else level, now)
        if len(self._levels) > self.kept:
            self._levels.popitem(last=False)
        return allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a site allows each client and each address."""

    clients: Buckets
    addresses: Buckets

    def allow(self, *, address: str, client_id: str | None, now: float) -> bool:
        """Count a call, and tell whether it may go on."""
        by_address = not address or self.addresses.take(address, now=now)
        by_client = client_id is None or self.clients.take(client_id, now=now)
        return by_address and by_client
