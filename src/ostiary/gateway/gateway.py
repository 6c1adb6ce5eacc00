"""
The decision for one request: route it, run its plugins, say where it goes.

`on_request` is synchronous. Only a plugin that needs I/O makes the decision `Pending`; the
rest of the chain then runs inside that coroutine.

Spec: Kong's request flow (gateway §3.5), headers (§3.7), errors (§3.6).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from ostiary.gateway.decision import (
    Answer,
    BodyReader,
    Decision,
    Forward,
    Outcome,
    Peer,
    Pending,
    Target,
    TlsTo,
)
from ostiary.gateway.forwarded import (
    Network,
    Outside,
    TrustedPeers,
    build_forwarded,
    fold_name,
    is_forwarded,
    read_outside,
)
from ostiary.gateway.router import Match, Query, build_upstream_path
from ostiary.gateway.snapshot import EMPTY, Snapshot
from ostiary.http.cookies import remove_cookies
from ostiary.http.head import Field, Reply, RequestHead, ResponseHead, find, find_all
from ostiary.http.negotiate import decide_kind
from ostiary.http.path import AmbiguousTarget, parse_target
from ostiary.http.path import Target as RequestTarget
from ostiary.http.url import MalformedUrl, build_origin
from ostiary.kit import Exchange, Handler, NeedsIo, error_reply

_LOG = logging.getLogger("ostiary.gateway")
_ARGUMENT = re.compile(r"((?:^|[?&])([^=&?\s]*)=)([^&\s]*)")
_SECRET_ARGUMENTS = frozenset(
    {
        "code", "state", "iss", "session_state", "access_token", "id_token",
        "refresh_token", "id_token_hint", "token", "client_secret", "password",
    }
)  # fmt: skip
_OURS = frozenset(
    {
        b"via",
        b"x-kong-upstream-latency",
        b"x-kong-proxy-latency",
        b"x-kong-request-id",
    }
)
NAME = b"ostiary"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """What settings say about requests. `access_log` gets one line per exchange, or is None."""

    version: str
    trusted_ips: Sequence[Network] = ()
    port_maps: Mapping[int, int] = field(default_factory=dict)
    verify_upstream_tls: bool = False
    max_body_bytes: int = 0
    access_log: Callable[[str], None] | None = None


def mask_query(target: str) -> str:
    """A target for logs: the values of codes, states and tokens are starred out."""
    return _ARGUMENT.sub(
        # The name is decoded: `access%5Ftoken` is the same argument to whoever reads forms.
        lambda m: m[1] + "***" if unquote_plus(m[2]) in _SECRET_ARGUMENTS else m[0],
        target,
    )


class Gateway:
    """Answers fronts. Holds the current snapshot; a request takes it once."""

    def __init__(
        self,
        options: GatewayOptions,
        *,
        new_request_id: Callable[[], str],
        now: Callable[[], float],
    ) -> None:
        self.options = options
        self.trusted = TrustedPeers(options.trusted_ips)
        self.new_request_id = new_request_id
        self.now = now
        self.via = NAME + b"/" + options.version.encode()
        self.snapshot: Snapshot = EMPTY

    def on_bad_request(self, status: int, message: str) -> Reply:
        """The reply for a message that a front could not accept. Spec: gateway §3.6."""
        return self._finish_reply(
            error_reply(status, message, kind="json", request_id=self.new_request_id())
        )

    def on_request(self, head: RequestHead, peer: Peer, body: BodyReader) -> Decision:
        """Decide what happens to one request."""
        request = _Request(self, head, peer, body)
        try:
            return request.decide()
        except (AmbiguousTarget, MalformedUrl) as error:
            _LOG.info("refused a request from %s: %s", peer.ip, error)
            return request.answer(request.error(400, "Bad request"))

    def _finish_reply(self, reply: Reply) -> Reply:
        return Reply(
            status=reply.status,
            fields=(*reply.fields, (b"Server", self.via)),
            body=reply.body,
        )


class _Request:
    """One request inside the gateway."""

    __slots__ = (
        "body", "exchange", "gateway", "head", "kind", "match", "outside", "peer", "request_id",
        "snapshot", "started", "target",
    )  # fmt: skip

    def __init__(
        self, gateway: Gateway, head: RequestHead, peer: Peer, body: BodyReader
    ) -> None:
        self.gateway = gateway
        self.head = head
        self.peer = peer
        self.body = body
        self.request_id = gateway.new_request_id()
        self.started = time.monotonic()
        self.kind = decide_kind(find(head.fields, b"accept"))
        self.outside: Outside
        self.target: RequestTarget
        self.match: Match | None = None
        self.exchange: Exchange
        self.snapshot: Snapshot

    def error(self, status: int, message: str, fields: tuple[Field, ...] = ()) -> Reply:
        return error_reply(
            status, message, kind=self.kind, request_id=self.request_id, fields=fields
        )

    def answer(self, reply: Reply) -> Answer:
        latency = round((time.monotonic() - self.started) * 1000)
        fields = (
            *reply.fields,
            (b"Server", self.gateway.via),
            (b"X-Kong-Request-Id", self.request_id.encode()),
            (b"X-Kong-Response-Latency", str(latency).encode()),
        )
        return Answer(
            reply=Reply(status=reply.status, fields=fields, body=reply.body),
            on_finish=self._log_hook(),
        )

    def decide(self) -> Decision:
        gateway = self.gateway
        self.target = parse_target(self.head.target)
        self.outside = read_outside(
            self.head.fields, self.peer, gateway.trusted, gateway.options.port_maps
        )
        snapshot = self.snapshot = gateway.snapshot
        self.match = snapshot.router.match(
            Query(
                method=self.head.method,
                host=self.outside.host,
                port=self.outside.routed_port,
                path=self.target.path,
                fields=self.head.fields,
                tls=self.peer.tls,
                sni=self.peer.sni,
            )
        )
        if self.match is None:
            return self.answer(self.error(404, "no Route matched with those values"))
        route = self.match.route
        # As in Kong, a route with only `http` takes https too; the reverse is refused.
        if self.outside.scheme == "http" and "http" not in route.protocols:
            return self._wrong_scheme(route.https_redirect_status_code)
        self.exchange = Exchange(
            head=self.head,
            target=self.target,
            scheme=self.outside.scheme,
            host=self.outside.host,
            port=self.outside.port,
            client_ip=self.outside.client_ip,
            route_prefix=self.match.prefix,
            request_id=self.request_id,
            error_kind=self.kind,
            body=self.body,
        )
        return self._run(snapshot.chains[route.id or "", self.outside.scheme], 0)

    def _wrong_scheme(self, status: int) -> Decision:
        if status == 426:
            fields = ((b"Connection", b"Upgrade"), (b"Upgrade", b"TLS/1.2, HTTP/1.1"))
            return self.answer(self.error(426, "Please use HTTPS protocol", fields))
        location = build_origin("https", self.outside.host, None) + self.target.raw
        return self.answer(
            Reply(status=status, fields=((b"Location", location.encode("ascii")),))
        )

    def _run(self, chain: tuple[Handler, ...], start: int) -> Decision:
        for place in range(start, len(chain)):
            result = chain[place].access(self.exchange)
            if isinstance(result, NeedsIo):
                return Pending(self._run_slow(chain, place))
            if result is not None:
                return self.answer(result)
        return self._forward()

    async def _run_slow(
        self, chain: tuple[Handler, ...], start: int
    ) -> Forward | Answer:
        for handler in chain[start:]:
            result = handler.access(self.exchange)
            if isinstance(result, NeedsIo):
                result = await handler.access_io(self.exchange)
            if result is not None:
                return self.answer(result)
        return self._forward()

    def _forward(self) -> Forward | Answer:
        assert self.match is not None
        service, exchange = self.match.service, self.exchange
        if service is None:
            return self.answer(self.error(503, "no Service found with those values"))
        path = build_upstream_path(service.path, self.target.path, self.match.cut)
        query = _strip_query(self.target.query, exchange.stripped_query)
        tls = None
        if service.protocol == "https":
            verify = service.tls_verify
            options = self.gateway.options
            tls = TlsTo(
                server_name=service.host.strip("[]"),
                verify=options.verify_upstream_tls if verify is None else verify,
            )
        target = path if query is None else f"{path}?{query}"
        return Forward(
            target=Target(
                host=service.host.strip("[]"),
                port=service.port,
                tls=tls,
                connect_timeout_ms=service.connect_timeout,
                write_timeout_ms=service.write_timeout,
                read_timeout_ms=service.read_timeout,
            ),
            head=RequestHead(
                method=self.head.method,
                target=target.encode("ascii"),
                fields=self._upstream_fields(
                    service.host, service.port, service.protocol
                ),
            ),
            on_response=self._on_response,
            on_finish=self._log_hook(),
            max_body_bytes=self.gateway.options.max_body_bytes,
            retries=service.retries,
            on_error=self._on_error,
            session_id=exchange.session_id,
        )

    def _upstream_fields(
        self, host: str, port: int, protocol: str
    ) -> tuple[Field, ...]:
        assert self.match is not None
        exchange, match = self.exchange, self.match
        own = self.snapshot.own_cookies
        default = 443 if protocol == "https" else 80
        named = host if port == default else f"{host}:{port}"
        if match.route.preserve_host:
            named = (find(self.head.fields, b"host") or b"").decode("latin-1")
        cleared = {fold_name(name) for name in exchange.cleared}
        kept: list[Field] = [(b"Host", named.encode("latin-1"))]
        via: list[bytes] = []
        for name, value in self.head.fields:
            folded = fold_name(name)
            if (
                folded in {b"host", b"proxy"}
                or is_forwarded(folded)
                or folded in cleared
            ):
                continue
            if folded == b"via":
                via.append(value)
                continue
            if folded == b"cookie" and own.names:
                left = remove_cookies(
                    value,
                    names=own.names,
                    prefixes=own.prefixes,
                )
                if left:
                    kept.append((name, left))
                continue
            kept.append((name, value))
        own_via = b"1.%d " % self.head.minor + self.gateway.via
        prefix = self.target.path[: match.cut]
        kept += exchange.upstream_fields
        kept += build_forwarded(
            self.head.fields,
            self.outside,
            self.peer,
            raw_path=self.target.raw_path,
            cut_prefix=prefix if prefix != "/" else None,
        )
        kept.append((b"Via", b", ".join((*via, own_via))))
        kept.append((b"X-Kong-Request-Id", self.request_id.encode()))
        return tuple(kept)

    def _on_response(self, head: ResponseHead, upstream_ms: float) -> ResponseHead:
        total = (time.monotonic() - self.started) * 1000
        via = find_all(head.fields, b"via")
        own_via = b"1.1 " + self.gateway.via
        fields = [f for f in head.fields if f[0].lower() not in _OURS]
        fields += self.exchange.downstream_fields
        if find(head.fields, b"server") is None:
            fields.append((b"Server", self.gateway.via))
        fields.append((b"Via", b", ".join((*via, own_via))))
        fields.append((b"X-Kong-Upstream-Latency", str(round(upstream_ms)).encode()))
        fields.append(
            (b"X-Kong-Proxy-Latency", str(max(0, round(total - upstream_ms))).encode())
        )
        fields.append((b"X-Kong-Request-Id", self.request_id.encode()))
        return ResponseHead(
            status=head.status,
            fields=tuple(fields),
            reason=head.reason,
            minor=head.minor,
        )

    def _on_error(self, status: int, reason: str) -> Reply:
        messages = {
            413: "Payload too large",
            502: "An invalid response was received from the upstream server",
            503: "The upstream server is currently unavailable",
            504: "The upstream server is timing out",
        }
        _LOG.warning("upstream failed: %s request_id: %s", reason, self.request_id)
        answer = self.answer(self.error(status, messages.get(status, "Bad request")))
        # Cookies that sign-in has just renewed must reach the browser even now.
        return Reply(
            status=answer.reply.status,
            fields=(*answer.reply.fields, *self.exchange.downstream_fields),
            body=answer.reply.body,
        )

    def _log_hook(self) -> Callable[[Outcome], None] | None:
        return None if self.gateway.options.access_log is None else self._log

    def _log(self, outcome: Outcome) -> None:
        write = self.gateway.options.access_log
        if write is None:
            return
        when = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(self.gateway.now()))
        method = self.head.method.decode("latin-1")
        target = mask_query(self.head.target.decode("latin-1"))
        agent = (find(self.head.fields, b"user-agent") or b"-").decode("latin-1")
        target, agent = (text.replace('"', "%22") for text in (target, agent))
        status = 499 if outcome.client_gone else outcome.status
        line = (
            f'{self.peer.ip} - - [{when}] "{method} {target} HTTP/1.{self.head.minor}" {status} '
            f'{outcome.sent_bytes} "-" "{agent}" kong_request_id: "{self.request_id}"'
        )
        write("".join(sign if sign.isprintable() else "?" for sign in line))


def _strip_query(query: str | None, names: tuple[str, ...]) -> str | None:
    """The query without some arguments, byte for byte otherwise."""
    if not query or not names:
        return query
    kept = [
        part
        for part in query.split("&")
        if unquote_plus(part.partition("=")[0]) not in names
    ]
    return "&".join(kept) or None
