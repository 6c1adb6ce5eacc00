"""
One request on its way through the gateway: routed, run through its plugins, sent on.

Spec: Kong's request flow (gateway §3.5), headers (§3.7), errors (§3.6).
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ostiary.gateway.balance_key import NO_KEY, Asked, Key, read_key
from ostiary.gateway.balance_tries import BalancedTries
from ostiary.gateway.decision import (
    NO_PEER,
    Answer,
    Decision,
    EditBody,
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
from ostiary.gateway.phases import (
    NO_HOOKS,
    Hooks,
    edit_body,
    edit_head,
    find_editors,
)
from ostiary.gateway.plan import Plan
from ostiary.gateway.record import Record
from ostiary.gateway.router import Match, Query, Router, build_upstream_path
from ostiary.gateway.serializer import Facts, build_document
from ostiary.gateway.snapshot import Snapshot
from ostiary.http.head import Field, Fields, Reply, RequestHead, ResponseHead, find
from ostiary.http.negotiate import decide_kind
from ostiary.http.path import AmbiguousTarget
from ostiary.http.path import Target as RequestTarget
from ostiary.http.url import build_origin
from ostiary.kit import (
    AccessHook,
    Exchange,
    Finished,
    NeedsIo,
    Response,
    error_reply,
)
from ostiary.model.balancing import Upstream
from ostiary.model.gateway import Route
from ostiary.model.workspaces import DEFAULT_WORKSPACE, workspace_of
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
        "_body", "_exchange", "_gateway", "_head", "_hooks", "_match", "_peer", "_plan",
        "_response", "_seen", "_snapshot", "_started", "_target", "_upstream_uri",
        "request_id",
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
        self._hooks = NO_HOOKS
        self._plan: Plan | None = None
        self._seen: Surroundings | None = None
        self._match: Match
        self._response: Response | None  # these two where handlers take part
        self._upstream_uri: str
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
        secure = outside.scheme == "https"
        if match is None:
            self._begin(snapshot.unrouted[secure])
            return self.answer(self.error(404, "no Route matched with those values"))
        self._match = match
        plan = self._plan = snapshot.plans[match.route.id or ""]
        # As in Kong, a route with only `http` takes https too; the reverse is refused.
        if not secure and not plan.serves_plain:
            self._begin(snapshot.unrouted[secure])
            return self._wrong_scheme(plan.route.https_redirect_status_code)
        hooks = plan.secure_hooks if secure else plan.plain_hooks
        if hooks is NO_HOOKS:
            return self._forward(plan)
        exchange = self._begin(hooks, match, plan)
        return self._run(plan, exchange, hooks.access)

    def _begin(
        self, hooks: Hooks, match: Match | None = None, plan: Plan | None = None
    ) -> Exchange:
        """Let handlers take part from here on."""
        assert self._seen is not None
        self._hooks = hooks
        self._response = None
        self._upstream_uri = ""
        outside, service = self._seen.outside, None if plan is None else plan.service
        exchange = self._exchange = Exchange(
            method=self._head.method,
            target=self._target,
            fields=self._head.fields,
            websocket=self._head.websocket,
            scheme=outside.scheme,
            host=outside.host,
            port=outside.port,
            client_ip=outside.client_ip,
            route_prefix=None if match is None else match.prefix,
            request_id=self.request_id,
            body=self._body,
            consumers=self._snapshot.consumers.of(
                None if plan is None else plan.route.ws_id,
                applications=hooks.applications,
            ),
            route=None if plan is None else plan.route,
            service=service,
        )
        return exchange

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
        if self._exchange is not None:
            reply = self._edit_reply(reply, self._exchange, fields)
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
            on_finish=self._log
            if self._gateway.is_heard or self._hooks.finish
            else None,
        )

    def _edit_reply(
        self, reply: Reply, exchange: Exchange, fields: list[Field]
    ) -> Reply:
        """Our own answer as plugins leave it. `fields` are edited in place."""
        fields += exchange.downstream_fields
        response = Response(status=reply.status, fields=fields, is_upstream=False)
        self._response = response
        edit_head(self._hooks, exchange, response)
        body = reply.body
        if body and (editors := find_editors(self._hooks, exchange, response)):
            body = edit_body(editors, exchange, response, body)
        return Reply(status=response.status, fields=reply.fields, body=body)

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

    def _run(
        self, plan: Plan, exchange: Exchange, chain: tuple[AccessHook, ...]
    ) -> Decision:
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
        self, plan: Plan, exchange: Exchange, chain: tuple[AccessHook, ...]
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
        method, query = self._head.method, target.query
        if exchange is not None:
            path, query = exchange.new_path or path, exchange.sent_query
            method = exchange.new_method or method
        if query is not None:
            path = f"{path}?{query}"
        gateway, hooks = self._gateway, self._hooks
        if hooks.finish:
            self._upstream_uri = path
        forward = Forward(
            target=plan.target,
            head=RequestHead(
                method=method,
                target=path.encode("ascii"),
                fields=self._upstream_fields(plan),
            ),
            on_response=self._on_response,
            on_body=self._find_edit if hooks.body else None,
            on_finish=self._log if gateway.is_heard or hooks.finish else None,
            max_body_bytes=gateway.options.max_body_bytes
            if exchange is None
            else self._max_body_bytes(exchange),
            retries=service.retries,
            on_error=self._on_error,
            bound_to=() if exchange is None else exchange.bound_to,
            body=None if exchange is None else exchange.new_body,
        )
        return forward if plan.upstream is None else self._balance(plan, forward)

    def _balance(self, plan: Plan, forward: Forward) -> Forward | Answer:
        """Choose among the targets of the upstream that the service's host names."""
        exchange = self._exchange
        balancer = self._snapshot.balancers[plan.upstream or ""]
        key = self._read_key(plan, balancer.upstream) if balancer.is_keyed else NO_KEY
        moved = exchange is not None and exchange.new_host is not None
        tries = BalancedTries(
            balancer,
            forward.target,
            forward.head,
            key=key.text,
            keeps_host=plan.route.preserve_host or moved,
        )
        first = tries.next()
        if first is None:
            about = {"about": self.about}
            _LOG.warning("upstream %s: %s", plan.upstream, NO_PEER, extra=about)
            return self.answer(self.error(503, NO_PEER))
        on_response = forward.on_response
        if key.cookie is not None and exchange is None:
            on_response = partial(self._give_cookie, key.cookie)
        elif key.cookie is not None and exchange is not None:
            exchange.downstream_fields.append((b"Set-Cookie", key.cookie))
        return replace(
            forward,
            target=first.target,
            head=first.head,
            tries=tries,
            on_response=on_response,
        )

    def _read_key(self, plan: Plan, upstream: Upstream) -> Key:
        exchange, seen = self._exchange, self._seen
        assert seen is not None
        consumer = None if exchange is None else exchange.consumer
        credential = None if exchange is None else exchange.credential
        asked = Asked(
            request_id=self.request_id,
            who=credential if consumer is None else consumer.id,
            ip=seen.outside.client_ip,
            fields=self._head.fields,
            path=self._target.path,
            query=self._target.query,
            route_paths=plan.route.paths or (),
        )
        return read_key(upstream, asked)

    def _give_cookie(
        self, cookie: bytes, head: ResponseHead, upstream_ms: float
    ) -> ResponseHead:
        """The edited head, with the cookie that leads back to the target; without plugins."""
        edited = self._on_response(head, upstream_ms)
        return replace(edited, fields=(*edited.fields, (b"Set-Cookie", cookie)))

    def _max_body_bytes(self, exchange: Exchange) -> int:
        """The lower one of the gateway's limit and that of plugins; 0 is none."""
        own, theirs = self._gateway.options.max_body_bytes, exchange.max_body_bytes
        return min(own or theirs, theirs) if theirs else own

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
            if exchange.new_host is not None:
                fields[0] = (b"Host", exchange.new_host)
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
        status, reason = head.status, head.reason
        if exchange is not None:
            fields += exchange.downstream_fields
            if self._hooks.after:
                response = Response(status=status, fields=fields, is_upstream=True)
                self._response = response
                edit_head(self._hooks, exchange, response)
                if response.status != status:
                    status, reason = response.status, b""
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
            status=status, fields=tuple(fields), reason=reason, minor=head.minor
        )

    def _find_edit(self) -> EditBody | None:
        """How the body of the response whose head was just edited is edited, if it is."""
        exchange, response = self._exchange, self._response
        assert exchange is not None
        assert response is not None
        editors = find_editors(self._hooks, exchange, response)
        if not editors:
            return None

        def edit(body: bytes) -> tuple[ResponseHead, bytes]:
            edited = edit_body(editors, exchange, response, body)
            fields = tuple(response.fields)
            return ResponseHead(status=response.status, fields=fields), edited

        return edit

    def _on_error(self, status: int, reason: str) -> Reply:
        _LOG.warning("upstream failed: %s", reason, extra={"about": self.about})
        usual = _MESSAGES.get(status, "Bad request")
        message = reason if reason == NO_PEER else usual
        return self.answer(self.error(status, message)).reply

    def _log(self, outcome: Outcome) -> None:
        gateway, plan, seen = self._gateway, self._plan, self._seen
        if gateway.meter is not None:
            if plan is None:
                gateway.meter(None, None, outcome)
            else:
                gateway.meter(plan.route, plan.service, outcome)
        if self._hooks.finish:
            self._tell(outcome)
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

    def _tell(self, outcome: Outcome) -> None:
        """Let plugins hear how it ended. One that breaks takes nothing from the others."""
        exchange, plan = self._exchange, self._plan
        assert exchange is not None
        workspace = DEFAULT_WORKSPACE if plan is None else workspace_of(plan.route)
        facts = Facts(
            exchange=exchange,
            head=self._head,
            outcome=outcome,
            status=499 if outcome.client_gone else outcome.status,
            started_at=self._gateway.now() - outcome.total_ms / 1000,
            route=None if plan is None else plan.route,
            service=None if plan is None else plan.service,
            response_fields=() if self._response is None else self._response.fields,
            upstream_uri=self._upstream_uri,
            workspace=workspace,
            workspace_name=self._snapshot.workspaces.get(workspace, ""),
        )
        finished = Finished(
            status=facts.status,
            upstream_status=outcome.upstream_status,
            sent_bytes=outcome.sent_bytes,
            total_ms=outcome.total_ms,
            upstream_ms=outcome.upstream_ms,
            serialize=lambda: build_document(facts),
        )
        CURRENT.set(self)
        try:
            for hook in self._hooks.finish:
                try:
                    hook.on_finish(exchange, finished)
                except Exception as error:  # noqa: BLE001 - plugins are foreign code
                    kind = type(error).__name__
                    _LOG.error(
                        "on_finish failed: %s", kind, extra={"about": self.about}
                    )
        finally:
            CURRENT.set(None)


def _route_of(match: Match | None) -> Route | None:
    return None if match is None else match.route
