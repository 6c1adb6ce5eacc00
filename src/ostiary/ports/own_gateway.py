"""
Sending a request to this node's own gateway, for somebody who tries an API from the portal.

Where a connection goes is the node's own listener, whatever a request says; redirects are never
followed.

Spec: portal §5.2 (try-it), §6.2; decision 0048.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

MAX_REPLY_BYTES: Final = 1024 * 1024
TIMEOUT_S: Final = 10.0


class NotRouted(Exception):
    """The gateway would not give a request to a route of the workspace; `reason` says so."""

    code = "not_routed"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class GatewayAway(Exception):
    """There was no answer; `reason` says why, without secrets."""

    code = "gateway_away"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRequest:
    """
    A request as the gateway is to see it. `host` is its Host field, `target` path and query.

    `client_ip` is who it is sent for.
    """

    method: str
    host: str
    target: str = field(repr=False)
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    client_ip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnReply:
    """
    What came back, redirects included. `took_ms` is until the last byte that was read.

    `is_cut`: there was more than `MAX_REPLY_BYTES`. `is_late`: it did not end in `TIMEOUT_S`.
    """

    status: int
    fields: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    took_ms: int
    is_cut: bool = False
    is_late: bool = False


class OwnGateway(Protocol):
    """The gateway of this node."""

    @property
    def port(self) -> int:
        """The port that people reach it at."""
        ...

    @property
    def scheme(self) -> str:
        """How people reach it: `https` where it can be."""
        ...

    async def may_take(
        self, method: str, host: str, path: str, *, workspace: str
    ) -> bool:
        """
        Whether some request like this could be one for a route of the workspace.

        True is no promise: fields, other workspaces' routes and what stands in place of braces
        decide when it is sent. False is one.

        Args:
            host: As a Host field has it.
            path: As specifications write it: what is in braces may be anything.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        ...

    async def send(self, request: OwnRequest, *, workspace: str) -> OwnReply:
        """
        Send a request that a route of a workspace takes.

        Raises:
            NotRouted: No route of the workspace's would take it, or it must not come from here.
            GatewayAway: There was no answer.
            StoreUnavailable: The database does not answer.
        """
        ...
