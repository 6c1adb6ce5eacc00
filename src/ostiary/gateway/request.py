"""
One request on its way through the gateway: routed, run through its plugins, sent on.

Spec: Kong's request flow (gateway §3.5), headers (§3.7), errors (§3.6).
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ostiary.gateway.decision import (
    Answer,
    Decision,
    Forward,
    Outcome,
    Peer,
    Pending,
)
from ostiary.gateway.error_log import CURRENT, About
from ostiary.gateway.fields import (
    drop_cookies,
    keep_client_fields,
    keep_upstream_fields,
)
from ostiary.gateway.forwarded import Outside, Surroundings, build_path_fields
from ostiary.gateway.plan import Chain, Plan
from ostiary.gateway.record import Record
from ostiary.gateway.router import Match, Query, Router, build_upstream_path
from ostiary.gateway.snapshot import Snapshot
from ostiary.http.forms import remove_arguments
from ostiary.http.head import Field, Fields, Reply, RequestHead, ResponseHead, find
from ostiary.http.negotiate import decide_kind
from ostiary.http.path import AmbiguousTarget
from ostiary.http.path import Target as RequestTarget
from ostiary.http.url import build_origin
from ostiary.kit import Exchange, NeedsIo, error_reply
from ostiary.model.gateway import Route
from ostiary.ports.body import Body

if TYPE_CHECKING:
    from ostiary.gateway.gateway import Gateway

_LOG = logging.getLogger("ostiary.gateway")
_NOTHING: frozenset[bytes] = frozenset()
_MESSAGES = {
    413: "Payload too large",
    502: "An invalid response was received from the upstream server",
    503: "The upstream server is currently unavailable",
    504: "The upstream server is timing out",
}


class Request:
    """One request inside the gateway."""

    __slots__ = (
        "_body", "_exchange", "_gateway", "_head", "_match", "_peer", "_plan", "_seen",
        "_snapshot", "_started", "_target", "request_id",
    )  # fmt: skip

    def __init__(
        self, gateway: Gateway, head: RequestHead, peer: Peer, body: Body
    ) -> None:
        self._gateway = gateway
        self._head = head
        self._peer = peer
        self._body = body
        self._started = time.monotonic()
        self._exchange: Exchange | None = None
        self._plan: Plan | None = None
        self._seen: Surroundings | None = None
        self._match: Match
        self._target: RequestTarget
        self._snapshot: Snapshot
        self.request_id = gateway.new_request_id()

    def decide(self) -> Decision:
        """
        Route the request and run its plugins as far as they need no I/O.

        Raises:
            AmbiguousTarget: The path can be read in two ways.
            MalformedUrl: Host is not a host.
        """
        gateway, head, peer = self._gateway, self._head, self._peer
        target = self._target = gateway.read_target(head.target)
        seen = self._seen = gateway.entrance.look(head.fields, peer)
        outside = seen.outside
        snapshot = self._snapshot = gateway.snapshot
        match = snapshot.router.recall(
            head.method, outside.host, outside.routed_port, target.path
        )
        if match is None or target.others:
            match = self._match_all(outside, target, snapshot.router)
        if match is None:
            return self.answer(self.error(404, "no Route matched with those values"))
        self._match = match
        plan = self._plan = snapshot.plans[match.route.id or ""]
        secure = outside.scheme == "https"
        # As in Kong, a route with only `http` takes https too; the reverse is refused.
        if not secure and not plan.serves_plain:
            return self._wrong_scheme(plan.route.https_redirect_status_code)
        chain = plan.secure if secure else plan.plain
        if not chain:
            return self._forward(plan)
        self._exchange = Exchange(
            method=head.method,
            target=target,
            fields=head.fields,
            websocket=head.websocket,
            scheme=outside.scheme,
            host=outside.host,
            port=outside.port,
            client_ip=outside.client_ip,
            route_prefix=match.prefix,
            request_id=self.request_id,
            body=self._body,
            consumers=snapshot.consumers,
            service_id=None if plan.service is None else plan.service.id,
        )
        return self._run(plan, self._exchange, chain)

    def _match_all(
        self, outside: Outside, target: RequestTarget, router: Router
    ) -> Match | None:
        """
        The route of the path in every reading.

        Raises:
            AmbiguousTarget: Two readings lead to two routes.
        """
        query = Query(
            method=self._head.method,
            host=outside.host,
            port=outside.routed_port,
            path=target.path,
            fields=self._head.fields,
            tls=self._peer.tls,
            sni=self._peer.sni,
        )
        match = router.match(query)
        for path in target.others:
            other = router.match(replace(query, path=path))
            if _route_of(other) is not _route_of(match):
                raise AmbiguousTarget("other servers read this path into another route")
        return match

    def error(self, status: int, message: str, fields: tuple[Field, ...] = ()) -> Reply:
        """An error in the form the client asked for."""
        return error_reply(
            status,
            message,
            kind=decide_kind(find(self._head.fields, b"accept")),
            request_id=self.request_id,
            fields=fields,
        )

    def answer(self, reply: Reply) -> Answer:
        """The gateway's own answer, with its name and latency."""
        tokens = self._gateway.options.tokens
        fields = [*reply.fields]
        if tokens.server:
            fields.append((b"Server", self._gateway.via))
        if tokens.request_id:
            fields.append((b"X-Kong-Request-Id", self.request_id.encode()))
        if tokens.response_latency:
            latency = round((time.monotonic() - self._started) * 1000)
            fields.append((b"X-Kong-Response-Latency", b"%d" % latency))
        if self._gateway.options.allow_debug_header:
            fields += self._debug_fields()
        return Answer(
            reply=Reply(status=reply.status, fields=tuple(fields), body=reply.body),
            on_finish=self._log if self._gateway.is_heard else None,
        )

    def _debug_fields(self) -> Fields:
        if self._plan is None:
            return ()
        asked = find(self._head.fields, b"kong-debug")
        return self._plan.debug_fields if asked == b"1" else ()

    def _wrong_scheme(self, status: int) -> Decision:
        assert self._seen is not None
        if status == 426:
            fields = ((b"Connection", b"Upgrade"), (b"Upgrade", b"TLS/1.2, HTTP/1.1"))
            return self.answer(self.error(426, "Please use HTTPS protocol", fields))
        host = self._seen.outside.host
        location = build_origin("https", host, None) + self._target.raw
        return self.answer(
            Reply(status=status, fields=((b"Location", location.encode("ascii")),))
        )

    @property
    def about(self) -> About:
        """What lines in the error log say of this request."""
        return About(request_id=self.request_id, head=self._head, peer=self._peer)

    def _run(self, plan: Plan, exchange: Exchange, chain: Chain) -> Decision:
        CURRENT.set(self)
        try:
            for place, handler in enumerate(chain):
                result = handler.access(exchange)
                if isinstance(result, NeedsIo):
                    return Pending(self._run_slow(plan, exchange, chain[place:]))
                if result is not None:
                    return self.answer(result)
        finally:
            # Connections keep the context they were made in: it must not hold requests.
            CURRENT.set(None)
        return self._forward(plan)

    async def _run_slow(
        self, plan: Plan, exchange: Exchange, chain: Chain
    ) -> Forward | Answer:
        CURRENT.set(self)
        try:
            for handler in chain:
                result = handler.access(exchange)
                if isinstance(result, NeedsIo):
                    result = await handler.access_io(exchange)
                if result is not None:
                    return self.answer(result)
        finally:
            CURRENT.set(None)
        return self._forward(plan)

    def _forward(self, plan: Plan) -> Forward | Answer:
        service, exchange = plan.service, self._exchange
        if service is None or plan.target is None:
            return self.answer(self.error(503, "no Service found with those values"))
        target = self._target
        path = build_upstream_path(service.path, target.path, self._match.cut)
        query = target.query
        if query is not None:
            if query and exchange is not None and exchange.stripped_query:
                query = remove_arguments(query, exchange.stripped_query)
            if query is not None:
                path = f"{path}?{query}"
        return Forward(
            target=plan.target,
            head=RequestHead(
                method=self._head.method,
                target=path.encode("ascii"),
                fields=self._upstream_fields(plan),
            ),
            on_response=self._on_response,
            on_finish=self._log if self._gateway.is_heard else None,
            max_body_bytes=self._gateway.options.max_body_bytes,
            retries=service.retries,
            on_error=self._on_error,
            bound_to=() if exchange is None else exchange.bound_to,
            body=None if exchange is None else exchange.new_body,
        )

    def _upstream_fields(self, plan: Plan) -> Fields:
        head, exchange, match, seen = (
            self._head,
            self._exchange,
            self._match,
            self._seen,
        )
        assert seen is not None
        cleared = _NOTHING if exchange is None else exchange.cleared
        kept, via = keep_client_fields(head.fields, cleared, self._snapshot.cookies)
        if exchange is not None and exchange.stripped_cookies:
            kept = drop_cookies(kept, exchange.stripped_cookies)
        host = plan.host
        if plan.route.preserve_host:
            host = find(head.fields, b"host") or b""
        fields = [(b"Host", host), *kept]
        if exchange is not None:
            fields += exchange.upstream_fields
        fields += seen.fields
        fields += build_path_fields(
            head.fields, seen.outside, self._target, cut=match.cut
        )
        own = self._gateway.own_via[head.minor]
        fields.append((b"Via", b", ".join((*via, own)) if via else own))
        if self._gateway.options.tokens.upstream_request_id:
            fields.append((b"X-Kong-Request-Id", self.request_id.encode()))
        return tuple(fields)

    def _on_response(self, head: ResponseHead, upstream_ms: float) -> ResponseHead:
        gateway, exchange = self._gateway, self._exchange
        tokens = gateway.options.tokens
        fields, via, has_server = keep_upstream_fields(head.fields)
        if exchange is not None:
            fields += exchange.downstream_fields
        if tokens.server and not has_server:
            fields.append((b"Server", gateway.via))
        if tokens.via:
            own = gateway.own_via[1]
            fields.append((b"Via", b", ".join((*via, own)) if via else own))
        if tokens.upstream_latency:
            fields.append((b"X-Kong-Upstream-Latency", b"%d" % round(upstream_ms)))
        if tokens.proxy_latency:
            total = (time.monotonic() - self._started) * 1000
            own_ms = max(0, round(total - upstream_ms))
            fields.append((b"X-Kong-Proxy-Latency", b"%d" % own_ms))
        if tokens.upstream_status:
            fields.append((b"X-Kong-Upstream-Status", b"%d" % head.status))
        if tokens.request_id:
            fields.append((b"X-Kong-Request-Id", self.request_id.encode()))
        if gateway.options.allow_debug_header:
            fields += self._debug_fields()
        return ResponseHead(
            status=head.status,
            fields=tuple(fields),
            reason=head.reason,
            minor=head.minor,
        )

    def _on_error(self, status: int, reason: str) -> Reply:
        _LOG.warning("upstream failed: %s", reason, extra={"about": self.about})
        answer = self.answer(self.error(status, _MESSAGES.get(status, "Bad request")))
        # Cookies that sign-in has just renewed must reach the browser even now.
        made = () if self._exchange is None else self._exchange.downstream_fields
        return Reply(
            status=answer.reply.status,
            fields=(*answer.reply.fields, *made),
            body=answer.reply.body,
        )

    def _log(self, outcome: Outcome) -> None:
        gateway, plan, seen = self._gateway, self._plan, self._seen
        if gateway.meter is not None:
            if plan is None:
                gateway.meter(None, None, outcome)
            else:
                gateway.meter(plan.route, plan.service, outcome)
        if not gateway.listeners:
            return
        scheme = "https" if self._peer.tls else "http"
        record = Record(
            request_id=self.request_id,
            finished_at=gateway.now(),
            peer=self._peer,
            client_ip=self._peer.ip if seen is None else seen.outside.client_ip,
            scheme=scheme if seen is None else seen.outside.scheme,
            head=self._head,
            route=None if plan is None else plan.route,
            service=None if plan is None else plan.service,
            status=499 if outcome.client_gone else outcome.status,
            sent_bytes=outcome.sent_bytes,
            body_bytes=outcome.body_bytes,
            total_ms=outcome.total_ms,
            upstream_ms=outcome.upstream_ms,
            upstream_status=outcome.upstream_status,
        )
        for listener in gateway.listeners:
            listener(record)


def _route_of(match: Match | None) -> Route | None:
    return None if match is None else match.route
