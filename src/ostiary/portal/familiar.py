"""
From which networks accounts were used: those are not stopped by what strangers do.

In memory, and bounded twice: a few networks of each account, so that nobody's own sign-ins push
out what is known of others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

_ACCOUNTS: Final = 10_000
_NETWORKS: Final = 8


class Familiar:
    """Networks from which somebody had the right password."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, OrderedDict[str, None]] = OrderedDict()

    def remember(self, account: Hashable, network: str) -> None:
        """Somebody was right; who has not come for longest is forgotten."""
        networks = self._known.setdefault(account, OrderedDict())
        self._known.move_to_end(account)
        networks[network] = None
        networks.move_to_end(network)
        if len(networks) > _NETWORKS:
            networks.popitem(last=False)
        if len(self._known) > _ACCOUNTS:
            self._known.popitem(last=False)

    def has(self, account: Hashable, network: str) -> bool:
        """Whether somebody was right from there."""
        return network in self._known.get(account, ())
