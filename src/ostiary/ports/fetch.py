"""Sending HTTP requests of our own: to providers, never for clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from ostiary.http.exchange import IncomingReply, OutgoingRequest

FailureKind = Literal[
    "name",
    "connection",
    "certificate_untrusted",
    "certificate_expired",
    "certificate_other_name",
    "tls",
    "time",
    "size",
    "place",
    "exchange",
]
# `any`: wherever it leads. `inside`: not to link-local addresses, nor where clouds keep secrets.
# `outside`: to addresses of the open Internet only.
Reach = Literal["any", "inside", "outside"]


class FetchFailed(Exception):
    """No reply. `reason` says why, without secrets, and `kind` is one word for programs."""

    code = "fetch_failed"

    def __init__(self, reason: str, kind: FailureKind = "exchange") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind: FailureKind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """
    How one request is sent. Redirects are never followed.

    `beside` is set for URLs that came from metadata: the issuer's host. Such a URL may lead to
    a private address only if the issuer itself is there, and never to a link-local one (D7).
    `reach` is how far the URL itself may lead, whoever wrote it.
    """

    timeout_s: float = 10.0
    verify_tls: bool = True
    max_body_bytes: int = 512 * 1024
    beside: str | None = None
    reach: Reach = "any"


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
