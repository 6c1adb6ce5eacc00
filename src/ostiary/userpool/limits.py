"""
How often somebody may ask: so many requests a second for each client and each address.

Which requests are counted, and for whom, is said in `rates`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.web.buckets import Buckets


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a site allows each client and each address."""

    clients: Buckets
    addresses: Buckets
