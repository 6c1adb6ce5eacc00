"""
How fast tokens may be guessed: after five wrong ones at an address the wait doubles, up to 15 minutes.

An attempt is counted before the token is looked at, so that parallel guesses do not slip through.
A right token takes back its own attempt and no other: whoever has one token guesses no faster.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

FREE_FAILURES: Final = 5
LONGEST_WAIT_S: Final = 900
QUIET_S: Final = 900
_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Count:
    failures: int = 0
    last_at: float = float("-inf")
    locked_until: float = float("-inf")
    before_at: float = float("-inf")


@dataclass(slots=True)
class Attempts:
    """The attempts at signing in, by where they come from."""

    _counts: OrderedDict[str, _Count] = field(default_factory=OrderedDict, repr=False)

    def begin(self, address: str, *, now: float) -> bool:
        """Count one attempt; tell whether it may go on. Those that may not do not count."""
        key = _place(address)
        before = self._counts.pop(key, _Count())
        allowed = now >= before.locked_until
        self._counts[key] = _count_one(before, now) if allowed else before
        if len(self._counts) > _KEPT:
            self._counts.popitem(last=False)
        return allowed

    def clear(self, address: str) -> None:
        """Take back the latest attempt of an address: it was no guess."""
        key = _place(address)
        count = self._counts.get(key)
        if count is None:
            return
        if count.failures <= 1:
            del self._counts[key]
            return
        failures, last_at = count.failures - 1, count.before_at
        locked_until = last_at + _choose_wait_s(failures)
        self._counts[key] = _Count(failures, last_at, locked_until, last_at)


def _count_one(before: _Count, now: float) -> _Count:
    quiet = now - max(before.last_at, before.locked_until) >= QUIET_S
    failures = 1 if quiet else before.failures + 1
    return _Count(failures, now, now + _choose_wait_s(failures), before.last_at)


def _choose_wait_s(failures: int) -> int:
    if failures < FREE_FAILURES:
        return 0
    wait_s: int = 2 ** min(failures - FREE_FAILURES, 20)
    return min(wait_s, LONGEST_WAIT_S)


def _place(address: str) -> str:
    """The address; of IPv6 the network that one customer has, whose addresses cost nothing."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)
