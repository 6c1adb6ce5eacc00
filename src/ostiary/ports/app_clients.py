"""App clients of a user pool that are made for developers' applications."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class ClientsUnavailable(Exception):
    """The user pool did not do it; `reason` says why, without secrets."""

    code = "app_clients_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class AppClient:
    """A new client, and its secret, which nothing tells again."""

    client_id: str
    client_secret: str = field(repr=False)


class AppClients(Protocol):
    """Makes clients and lets them go. Both raise ClientsUnavailable."""

    async def make(self, name: str) -> AppClient:
        """A new confidential client for the client credentials grant."""
        ...

    async def drop(self, client_id: str) -> None:
        """Let a client go, if it is there."""
        ...
