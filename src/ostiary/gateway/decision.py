"""
What the gateway tells a front to do with one request. The whole contract between the two.

A front (the native proxy today) parses a request, asks `Gateway.on_request`, and
carries the answer out. It never hears of OpenID Connect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from ostiary.http.head import Reply, RequestHead, ResponseHead
from ostiary.http.value import frozen
from ostiary.ports.body import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """
    Who sent the request and where it arrived. Addresses are of the socket, not of fields.

    `connection` counts a worker's connections, for the error log.
    """

    ip: str
    port: int
    local_ip: str
    local_port: int
    tls: bool
    sni: str | None = None
    connection: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A certificate, with those between it and its authority, and its key; both in PEM."""

    cert: str = field(repr=False)
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsTo:
    """
    How to speak TLS to an upstream. Turning `verify` off is the operator's explicit choice.

    `verify_depth` is how many authorities may stand between the certificate and `ca_pem`, or
    the gateway's own trust where that is None; None for the depth is as many as it takes.
    `client` is shown to upstreams that ask.
    """

    server_name: str
    verify: bool = True
    verify_depth: int | None = None
    ca_pem: str | None = None
    client: KeyPair | None = None

    def __hash__(self) -> int:
        # Asked for every request: a part is enough, since the rest rarely differs.
        return hash((self.server_name, self.verify))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One upstream address; timeouts in milliseconds between two successive operations."""

    host: str
    port: int
    tls: TlsTo | None = None
    connect_timeout_ms: int = 60_000
    write_timeout_ms: int = 60_000
    read_timeout_ms: int = 60_000


@frozen
class Try:
    """One attempt: where it goes, and the head as that one hears it."""

    target: Target
    head: RequestHead


class Tries(Protocol):
    """
    Several targets for one request: another for each attempt, and word of how each ended.

    The first attempt is `Forward.target` itself. A front says how the attempt under way ended
    before it asks for the next, and `release`s it at the end of the exchange, however that came.
    """

    def next(self) -> Try | None:
        """Begin another attempt; None when there is nobody to turn to."""
        ...

    def answered(self, status: int) -> None:
        """Hear that the target has answered."""
        ...

    def failed(self, *, timeout: bool) -> None:
        """Hear that the target did not answer in time, or that the connection failed."""
        ...

    def release(self) -> None:
        """Hear that the attempt is over."""
        ...


@frozen
class Outcome:
    """How an exchange ended, for the log hook. Times in milliseconds, sizes in bytes."""

    status: int
    sent_bytes: int
    body_bytes: int = 0
    total_ms: float
    upstream_ms: float | None = None
    upstream_status: int | None = None
    client_gone: bool = False


# The reason of a failure that is nobody's: the word that clients of Kong know.
NO_PEER = "failure to get a peer from the ring-balancer"
MAX_HELD_BYTES = 8 << 20
# A held body becomes what the client gets instead: the head as it is then, and the body.
EditBody = Callable[[bytes], tuple[ResponseHead, bytes]]


@frozen
class Forward:
    """
    Send `head` to `target`: it is complete but for body framing and Connection.

    `on_response` edits the upstream's head before the client sees it; where `on_body` then
    answers, the body is held until it is complete and edited whole, if it has no more than
    `max_held_bytes`. `on_finish` hears the outcome once. `max_body_bytes` 0 means no limit. `retries` are extra attempts.
    `bound_to` names sessions: when one of them ends, its tunnels and streams do. With `tries`
    there are other targets for the attempts after the first.
    """

    target: Target
    head: RequestHead
    tries: Tries | None = None
    on_response: Callable[[ResponseHead, float], ResponseHead] | None = None
    on_body: Callable[[], EditBody | None] | None = None
    max_held_bytes: int = MAX_HELD_BYTES
    on_finish: Callable[[Outcome], None] | None = None
    max_body_bytes: int = 0
    retries: int = 5
    on_error: Callable[[int, str], Reply] | None = None
    bound_to: tuple[str, ...] = ()
    body: bytes | None = None


@frozen
class Answer:
    """Answer without an upstream. `on_finish` as in `Forward`."""

    reply: Reply
    on_finish: Callable[[Outcome], None] | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """The decision needs I/O: await it. The only case that costs a task."""

    decision: Awaitable[Forward | Answer] = field(repr=False)


Decision = Forward | Answer | Pending


class Decider(Protocol):
    """What a front asks. `Gateway` is one; tests bring their own."""

    def on_request(self, head: RequestHead, peer: Peer, body: Body) -> Decision:
        """Decide what happens to one request. Never raises; never blocks."""
        ...

    def on_bad_request(
        self, status: int, message: str, peer: Peer | None = None
    ) -> Reply:
        """
        Make the reply for a message that could not be accepted (400, 408, 413, 414, 431, 501).

        With a peer this is the only word of the message; without, `on_finish` will be called.
        """
        ...
