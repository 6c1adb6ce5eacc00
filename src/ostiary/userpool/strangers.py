"""
Attempts at names that nobody has: counted and refused by the same rules as users'.

Without them a lock-out would tell that a user exists. They are kept in memory, by hash, and
bounded: the oldest go first.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar

from ostiary.model.pool import Attempts, MailedCode
from ostiary.userpool import lockout

_KEPT: Final = 100_000
C = TypeVar("C", Attempts, MailedCode)
T = TypeVar("T")


def _change(
    kept: OrderedDict[bytes, C],
    at_most: int,
    name: tuple[str, ...],
    fresh: C,
    rule: Callable[[C], tuple[C, T]],
) -> T:
    key = hashlib.sha256("\0".join(name).encode()).digest()
    kept[key], answer = rule(kept.pop(key, fresh))
    if len(kept) > at_most:
        kept.popitem(last=False)
    return answer


class Strangers:
    """The counters of names without a user."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._attempts: OrderedDict[bytes, Attempts] = OrderedDict()
        self._codes: OrderedDict[bytes, MailedCode] = OrderedDict()

    def __len__(self) -> int:
        return len(self._attempts) + len(self._codes)

    def begin_attempt(self, *, pool_id: str, login_key: str, now: float) -> bool:
        """Count one more attempt at a password, and tell whether it may go on."""
        return _change(
            self._attempts,
            self._kept,
            (pool_id, login_key),
            Attempts(),
            lambda attempts: lockout.begin_attempt(attempts, now=now),
        )

    def update_code(
        self,
        *,
        pool_id: str,
        login_key: str,
        rule: Callable[[MailedCode], tuple[MailedCode, T]],
    ) -> T:
        """Change the counters of codes, as the store changes a user's."""
        return _change(
            self._codes, self._kept, (pool_id, login_key), MailedCode(), rule
        )
