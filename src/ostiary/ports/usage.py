"""
How much applications call services, by day.

Counts are of whole days in UTC and only grow; a day that nobody asks about any more is let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ostiary.ports.pool_store import StoreUnavailable

__all__ = ["KEPT_DAYS", "StoreUnavailable", "UsageStore", "Used"]

KEPT_DAYS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """
    What an application did with a service on one day, counted since 1970.

    `ok` were answered below 400, `refused` below 500, `failed` otherwise.
    """

    application: str
    service: str
    day: int
    ok: int = 0
    refused: int = 0
    failed: int = 0


class UsageStore(Protocol):
    """Keeps counts. Everything raises StoreUnavailable while it does not answer."""

    async def add(self, used: Sequence[Used]) -> None:
        """Count more; days before `KEPT_DAYS` are let go."""
        ...

    async def read(self, application: str, *, since: int) -> tuple[Used, ...]:
        """What an application did from a day on, the first day first."""
        ...
