"""
How often somebody may ask: so many requests a second, and so many at once.

A bucket holds one second's worth of requests, or as many as are said, and fills steadily. Buckets
are kept in memory, the least recently used go first; each process counts for itself.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

_KEPT: Final = 10_000


def network_of(address: str) -> str:
    """
    Who an address counts as: one subscriber has 2^64 of IPv6, and needs them for nothing honest.

    Other texts count as themselves.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))


@dataclass(slots=True)
class Buckets:
    """The buckets of one kind of asker; a rate of 0 limits nobody. `burst` is how many at once."""

    per_second: float
    kept: int = _KEPT
    burst: float = 1.0
    _levels: OrderedDict[Hashable, tuple[float, float]] = field(
        default_factory=OrderedDict, repr=False
    )

    def take(self, who: Hashable, *, now: float) -> bool:
        """Take one request out of somebody's bucket, if there is one in it."""
        if not self.per_second:
            return True
        size = max(self.per_second, self.burst)
        level, since = self._levels.pop(who, (size, now))
        level = min(size, level + max(now - since, 0.0) * self.per_second)
        allowed = level >= 1
        self._levels[who] = (level - 1 if allowed else level, now)
        if len(self._levels) > self.kept:
            self._levels.popitem(last=False)
        return allowed

    def wait_s(self, who: Hashable, *, now: float) -> int:
        """Whole seconds until somebody whose bucket was empty may ask again, at least one."""
        level, since = self._levels.get(who, (1.0, now))
        missing = 1 - level - max(now - since, 0.0) * self.per_second
        return max(math.ceil(missing / self.per_second), 1)
