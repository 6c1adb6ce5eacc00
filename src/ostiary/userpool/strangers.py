"""
Password attempts at names that nobody has: locked out by the same rule as users.

Without them a lock-out would tell that a user exists. They are kept in memory, by hash, and
bounded: the oldest go first.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final

from ostiary.model.pool import Attempts
from ostiary.userpool import lockout

_KEPT: Final = 10_000


class Strangers:
    """The counters of names without a user."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._attempts: OrderedDict[bytes, Attempts] = OrderedDict()

    def __len__(self) -> int:
        return len(self._attempts)

    def begin_attempt(self, *, pool_id: str, login_key: str, now: float) -> bool:
        """Count one more attempt, and tell whether it may go on."""
        key = hashlib.sha256(f"{pool_id}\0{login_key}".encode()).digest()
        before = self._attempts.pop(key, Attempts())
        self._attempts[key], allowed = lockout.begin_attempt(before, now=now)
        if len(self._attempts) > self._kept:
            self._attempts.popitem(last=False)
        return allowed
