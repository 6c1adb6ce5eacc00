"""
The decision for one request: route it, run its plugins, say where it goes.

`on_request` is synchronous. Only a plugin that needs I/O makes the decision `Pending`; the
rest of the chain then runs inside that coroutine.

Spec: Kong's request flow (gateway §3.5), headers (§3.7), errors (§3.6).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ostiary.gateway.decision import Decision, Outcome, Peer
from ostiary.gateway.forwarded import Entrance, Network, PeerRules, TrustedPeers
from ostiary.gateway.record import Listener, Meter, Record
from ostiary.gateway.request import Request
from ostiary.gateway.snapshot import EMPTY, Snapshot
from ostiary.http.head import Reply, RequestHead
from ostiary.http.memo import Memo
from ostiary.http.path import AmbiguousTarget, Target, parse_target
from ostiary.http.url import MalformedUrl
from ostiary.kit import error_reply
from ostiary.ports.body import Body

_LOG = logging.getLogger("ostiary.gateway")
NAME = b"ostiary"
MAX_TARGET_BYTES = 2 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Which fields about ourselves we send (Kong's `headers` and `headers_upstream`)."""

    server: bool = True
    via: bool = True
    upstream_latency: bool = True
    proxy_latency: bool = True
    response_latency: bool = True
    request_id: bool = True
    upstream_status: bool = False
    upstream_request_id: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """What settings say about requests."""

    version: str
    trusted_ips: Sequence[Network] = ()
    port_maps: Mapping[int, int] = field(default_factory=dict)
    real_ip_header: str = "X-Real-IP"
    real_ip_recursive: bool = False
    append_forwarded_for: bool = False
    max_body_bytes: int = 0
    allow_debug_header: bool = False
    tokens: Tokens = field(default_factory=Tokens)


class Gateway:
    """
    Answers fronts. Holds the current snapshot; a request takes it once.

    The meter and each of `listeners` hear of every finished exchange; the meter gets no more
    than it needs to count.
    """

    def __init__(
        self,
        options: GatewayOptions,
        *,
        new_request_id: Callable[[], str],
        now: Callable[[], float],
        listeners: Sequence[Listener] = (),
        meter: Meter | None = None,
    ) -> None:
        self.options = options
        self.entrance = Entrance(
            PeerRules(
                trusted=TrustedPeers(options.trusted_ips),
                port_maps=options.port_maps,
                real_ip_header=options.real_ip_header.lower().encode("ascii"),
                real_ip_recursive=options.real_ip_recursive,
                append_for=options.append_forwarded_for,
            )
        )
        self.new_request_id = new_request_id
        self.now = now
        self.listeners = tuple(listeners)
        self.meter = meter
        self.is_heard = bool(self.listeners) or meter is not None
        self.via = NAME + b"/" + options.version.encode()
        self.own_via = tuple(b"1.%d " % minor + self.via for minor in (0, 1))
        self.snapshot: Snapshot = EMPTY
        self._targets: Memo[bytes, Target] = Memo(MAX_TARGET_BYTES)

    def read_target(self, raw: bytes) -> Target:
        """
        A target taken apart; those seen before are remembered.

        Raises:
            AmbiguousTarget: It can be read in two ways.
        """
        found = self._targets.get(raw)
        if found is None:
            found = parse_target(raw)
            self._targets.put(raw, found, 3 * len(raw))
        return found

    def on_request(self, head: RequestHead, peer: Peer, body: Body) -> Decision:
        """Decide what happens to one request."""
        request = Request(self, head, peer, body)
        try:
            return request.decide()
        except (AmbiguousTarget, MalformedUrl) as error:
            _LOG.info("refused a request: %s", error, extra={"about": request.about})
            return request.answer(request.error(400, "Bad request"))

    def on_bad_request(
        self, status: int, message: str, peer: Peer | None = None
    ) -> Reply:
        """
        The reply for a message that a front could not accept; logged where the peer is told.

        Spec: gateway §3.6.
        """
        request_id = self.new_request_id()
        made = error_reply(status, message, kind="json", request_id=request_id)
        reply = Reply(
            status=status,
            fields=(
                *made.fields,
                (b"Server", self.via),
                (b"X-Kong-Request-Id", request_id.encode()),
            ),
            body=made.body,
        )
        if peer is None:
            return reply
        size = len(made.body)
        if self.meter is not None:
            outcome = Outcome(status=status, sent_bytes=size, total_ms=0.0)
            self.meter(None, None, outcome)
        record = Record(
            request_id=request_id,
            finished_at=self.now(),
            peer=peer,
            client_ip=peer.ip,
            scheme="https" if peer.tls else "http",
            head=None,
            route=None,
            service=None,
            status=status,
            sent_bytes=size,
            body_bytes=size,
            total_ms=0.0,
            upstream_ms=None,
            upstream_status=None,
        )
        for listener in self.listeners:
            listener(record)
        return reply
