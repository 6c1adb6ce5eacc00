"""Sending HTTP requests of our own: to providers, never for clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ostiary.http.exchange import IncomingReply, OutgoingRequest


class FetchFailed(Exception):
    """No reply: the name, the connection, TLS, or time. `reason` names which, without secrets."""

    code = "fetch_failed"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """
    How one request is sent. Redirects are never followed.

    `beside` is set for URLs that came from metadata: the issuer's host. Such a URL may lead to
    a private address only if the issuer itself is there, and never to a link-local one (D7).
    """

    timeout_s: float = 10.0
    verify_tls: bool = True
    max_body_bytes: int = 512 * 1024
    beside: str | None = None


class Fetch(Protocol):
    """An HTTP client with pooled connections and the gateway's trusted CAs."""

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        """
        Send one request and read the whole reply.

        Raises:
            FetchFailed: There was no reply, or it was over the limit.
        """
        ...
