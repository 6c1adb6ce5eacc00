"""
One client connection: requests strictly in order, one exchange at a time.

Bytes that arrive while an exchange is in progress wait unparsed, and the client is
paused. Nothing here knows what a decision means; it is carried out.

Spec: RFC 9112 §9; RFC 9110 §10.1.1 (Expect).
"""

from __future__ import annotations

import asyncio
from math import inf

from ostiary.gateway.decision import Answer, Decision, Forward, Outcome, Pending
from ostiary.http.head import Reply
from ostiary.proxy import wire
from ostiary.proxy.body import NoBody, RequestBody
from ostiary.proxy.chunked import ChunkDecoder
from ostiary.proxy.client_socket import ClientSocket
from ostiary.proxy.exchange import Exchange
from ostiary.proxy.faults import BadMessage, UnsafeHead
from ostiary.proxy.framing import CHUNKED
from ostiary.proxy.heads import RequestReader
from ostiary.proxy.inline import own_methods
from ostiary.proxy.plane import Plane, log
from ostiary.proxy.report import TEXTS, report
from ostiary.proxy.tunnel import Tunnel
from ostiary.proxy.turn import Outbox

_NO_BODY = NoBody()
_FIRST_REQUEST_MS = 1000
_AT_A_TIME = 32
# Reading a head; reading a body; an exchange without more to read; tunnel; only closing.
_HEAD, _BODY, _BUSY, _TUNNEL, _CLOSING = range(5)


@own_methods
class ClientConnection(ClientSocket):
    """Parses requests, asks the decider, and carries its answers out."""

    __slots__ = (
        "_ahead",
        "_awaiting_flush",
        "_body",
        "_decoder",
        "_drain_limit",
        "_exchange",
        "_fresh",
        "_invited",
        "_keep",
        "_reader",
        "_replied",
        "_served",
        "_stage",
        "_task",
        "_tunnel",
        "method",
        "minor",
        "started",
        "websocket",
    )

    def __init__(self, plane: Plane, *, tls: bool) -> None:
        super().__init__(plane, tls=tls)
        self._reader = RequestReader(plane.limits)
        self._stage = _HEAD
        self._fresh = True
        self._served = 0
        self._drain_limit = 0
        self._ahead = b""
        self._awaiting_flush = False
        self._body: RequestBody | None = None
        self._decoder: ChunkDecoder | None = None
        self._exchange: Exchange | None = None
        self._tunnel: Tunnel | None = None
        self._task: asyncio.Task[None] | None = None
        self._invited = True
        self._replied = False
        self._keep = True
        self.method = b""
        self.minor = 1
        self.websocket = False
        self.started = 0.0

    # Transport events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._plane.enter(self)
        if self._plane.stopped:
            self.abort()
        elif self._plane.stopping:
            self.drain()

    def data_received(self, data: bytes) -> None:
        served = self._served
        while True:
            stage = self._stage
            if stage == _HEAD:
                rest = self._on_head(data)
            elif stage == _BODY:
                rest = self._on_body(data)
            elif stage == _BUSY:
                self._ahead += data
                self._pause()
                return
            elif stage == _TUNNEL and self._tunnel is not None:
                self._tunnel.on_client_data(data)
                return
            else:
                return
            if not rest:
                return
            data = rest
            if self._served - served >= _AT_A_TIME and self._stage == _HEAD:
                self._yield(data)
                return

    def _yield(self, ahead: bytes) -> None:
        """Let others have their turn before more pipelined requests are answered."""
        self._stage = _BUSY
        self._deadline = inf
        self._ahead = ahead
        self._pause()
        self._plane.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._stage == _BUSY:
            self._next()

    def eof_received(self) -> bool:
        if self._tunnel is not None:
            return self._tunnel.on_client_eof()
        self.flush()  # the transport closes now
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._stage = _CLOSING
        self.disarm()
        self.forget()
        self._plane.leave(self)
        self._stop_task()
        if self._tunnel is not None:
            self._tunnel.end()
        if self._exchange is not None:
            self._exchange.stop()

    def pause_writing(self) -> None:
        super().pause_writing()
        user = self._tunnel or self._exchange
        if user is not None:
            user.on_client_full()

    def resume_writing(self) -> None:
        super().resume_writing()
        user = self._tunnel or self._exchange
        if user is not None:
            user.on_client_ready()
        if self._awaiting_flush:
            self._awaiting_flush = False
            self._next()

    def tick(self, now: float) -> float:
        if now >= self._write_deadline:
            if not self._has_taken_some():
                self.abort()
                return inf
            self._extend_write()
        due = inf
        if now >= self._deadline:
            self._deadline = inf
            self._on_timeout()
        elif self._tunnel is not None:
            due = self._tunnel.tick(now)
        elif self._exchange is not None:
            due = self._exchange.tick(now)
        return min(due, self._deadline, self._write_deadline)

    def drain(self) -> None:
        """Close if idle; else the exchange in progress, or the first to come, is the last one."""
        if self._stage != _HEAD or not self._fresh:
            return
        if self._served:
            self._close()
        else:  # its first request may be on its way
            self._set_deadline(_FIRST_REQUEST_MS)

    def abort(self) -> None:
        self._stage = _CLOSING
        super().abort()

    def end_sessions(self, ended: set[str]) -> None:
        if self._exchange is not None:
            self._exchange.end_sessions(ended)

    # Requests

    def _on_head(self, data: bytes) -> bytes:
        try:
            rest = self._reader.feed(data)
        except BadMessage as fault:
            self._refuse(fault.status, fault.public)
            return b""
        if rest is None:
            if self._fresh:
                self._fresh = False
                self._set_deadline(self._plane.limits.head_timeout_ms)
            return b""
        self._begin()
        return rest

    def _begin(self) -> None:
        reader = self._reader
        head = reader.head
        self.started = self._plane.now()
        self.method = head.method
        self.minor = head.minor
        self.websocket = reader.websocket
        self._fresh = self._replied = False
        self._served += 1
        self._keep = (
            reader.keep_alive and self._served < self._plane.limits.keepalive_requests
        )
        self._invited = not reader.expects
        self._body = self._decoder = None
        self._stage = _BUSY
        self._deadline = inf
        length = reader.length
        if length:
            self._body = RequestBody(self, length)
            self._decoder = ChunkDecoder() if length == CHUNKED else None
            self._stage = _BODY
            if self._invited:
                self._set_deadline(self._plane.limits.body_timeout_ms)
        try:
            decision = self._plane.decider.on_request(
                head, self._peer, self._body or _NO_BODY
            )
        except Exception as error:  # noqa: BLE001 - a decider's bug costs one request
            self._break(error)
            return
        self._carry_out(decision)

    def _carry_out(self, decision: Decision) -> None:
        if isinstance(decision, Forward):
            self._forward(decision)
        elif isinstance(decision, Pending):
            self._task = self._plane.loop.create_task(self._decide(decision))
        else:
            self._answer(decision)

    def _answer(self, answer: Answer) -> None:
        started = self.started
        sent = self.reply(answer.reply)
        if answer.on_finish is not None:
            total_ms = (self._plane.now() - started) * 1000
            status = answer.reply.status
            body = 0 if self.method == b"HEAD" else len(answer.reply.body)
            outcome = Outcome(
                status=status, sent_bytes=sent, body_bytes=body, total_ms=total_ms
            )
            report(answer.on_finish, outcome)

    async def _decide(self, pending: Pending) -> None:
        try:
            decision = await pending.decision
        except Exception as error:  # noqa: BLE001 - a decider's bug costs one request
            self._task = None
            self._break(error)
            return
        self._task = None
        self._carry_out(decision)

    def _break(self, error: Exception) -> None:
        log.error("decider failed: %s", type(error).__name__)
        self.reply(self._plane.decider.on_bad_request(500, TEXTS[500], self._peer))

    def _forward(self, forward: Forward) -> None:
        body = self._body
        self._exchange = Exchange(self._plane, self, forward, body)
        limit = forward.max_body_bytes
        if body is not None:
            if limit and max(body.declared, body.received) > limit:
                self._refuse(413, "Payload too large")
                return
            body.max_bytes = limit
            if forward.body is not None:
                body.discard()
        self._exchange.start()

    # Request bodies

    def _on_body(self, data: bytes) -> bytes:
        body = self._body
        assert body is not None
        rest: bytes | None = None
        if self._decoder is not None:
            try:
                data, rest = self._decoder.feed(data)
            except BadMessage as fault:
                self._refuse(fault.status, fault.public)
                return b""
        else:
            left = body.declared - body.received
            if len(data) >= left:
                data, rest = data[:left], data[left:]
        if self._reading:
            self._set_deadline(self._plane.limits.body_timeout_ms)
        if body.max_bytes and body.received + len(data) > body.max_bytes:
            self._refuse(413, "Payload too large")
            return b""
        if rest is None:
            if data:
                body.push(data)
            if self._replied and body.received > self._drain_limit:
                self._close()
            return b""
        self._stage = _BUSY
        self._deadline = inf
        if data:
            body.push(data)
        body.finish()
        if self._replied and self._stage == _BUSY:
            self._settle()
        return rest

    def pause_body(self) -> None:
        self._pause()
        if self._stage == _BODY:
            self._deadline = inf

    def resume_body(self) -> None:
        if self._ahead:
            return
        self._resume()
        if self._stage == _BODY:
            self._set_deadline(self._plane.limits.body_timeout_ms)

    def invite_body(self) -> None:
        if not self._invited:
            self._invited = True
            self.write(wire.CONTINUE)
            self._set_deadline(self._plane.limits.body_timeout_ms)

    # Replies

    def connection_value(self, *, must_close: bool) -> bytes:
        body = self._body
        if must_close or self._plane.stopping:
            self._keep = False
        elif self._keep and body is not None and not body.complete:
            left = body.remaining()
            drain = self._plane.limits.drain_bytes
            self._keep = self._invited and (left is None or left <= drain)
        if not self._keep:
            return b"close"
        return b"" if self.minor == 1 else b"keep-alive"

    def reply(self, reply: Reply) -> int:
        connection = self.connection_value(must_close=False)
        try:
            raw = wire.build_reply(
                reply,
                date=self._plane.date,
                connection=connection,
                is_head=self.method == b"HEAD",
            )
        except UnsafeHead as fault:
            log.error("reply head: %s", fault.public)
            empty = Reply(status=500)
            raw = wire.build_reply(
                empty, date=self._plane.date, connection=connection, is_head=False
            )
        self.write(raw)
        self.end_reply()
        return len(raw)

    def end_reply(self) -> None:
        self._replied = True
        self._exchange = None
        body = self._body
        if body is None or body.complete or not self._keep:
            self._settle()
            return
        self._drain_limit = body.received + self._plane.limits.drain_bytes
        body.discard()

    def _settle(self) -> None:
        if self._keep:
            self._next()
        else:
            self._close()

    def _next(self) -> None:
        self._exchange = self._body = self._decoder = None
        if self.write_full:  # a client that asks but does not read gets no more answers
            self._stage = _BUSY
            self._awaiting_flush = True
            return
        self._stage = _HEAD
        self._fresh = True
        self._replied = False
        self._reader.reset()
        self._set_deadline(self._plane.limits.keepalive_timeout_ms)
        ahead, self._ahead = self._ahead, b""
        self._resume()
        if ahead:
            self.data_received(ahead)
        elif self._plane.stopping:
            self._close()

    def _refuse(self, status: int, message: str) -> None:
        """Answer what cannot be accepted, and close: nothing after it can be trusted."""
        self._stop_task()
        exchange, self._exchange = self._exchange, None
        if exchange is not None and exchange.replying:
            exchange.stop()
            self.abort()
            return
        self._keep = False
        if self._replied:  # it has its answer; only what was to be drained is broken
            self._close()
            return
        if self._stage == _HEAD:
            self.method = b""
            self._body = None
            self._fresh = False
        peer = self._peer if exchange is None else None
        sent = self.reply(self._plane.decider.on_bad_request(status, message, peer))
        if exchange is not None:
            exchange.stop(status, sent)

    # Tunnels and endings

    @property
    def outbox(self) -> Outbox:
        """Where a tunnel writes to."""
        return self

    def become_tunnel(self, tunnel: Tunnel) -> bytes:
        self._tunnel = tunnel
        self._stage = _TUNNEL
        self._deadline = inf
        self.arm(tunnel.tick(self._plane.now()))
        early, self._ahead = self._ahead, b""
        self._resume()
        return early

    def _on_timeout(self) -> None:
        if (self._stage == _HEAD and not self._fresh) or (
            self._stage == _BODY and not self._replied
        ):
            self._refuse(408, "Request timeout")
        elif self._stage == _HEAD:
            self._close()
        elif self._stage == _CLOSING and (self.write_full or self._has_taken_some()):
            self._set_deadline(self._plane.limits.write_timeout_ms)
        else:
            self.abort()

    def _close(self) -> None:
        """
        Close after what was written; read on for a while where bytes are under way.

        Bytes nobody has read turn a close into a reset, which takes our last reply along
        (RFC 9112 §9.6). TLS needs no help: it says goodbye, then reads until the client does.
        """
        if self.transport.is_closing():
            return
        reading = self._stage in {_HEAD, _BODY} and not self._fresh
        unread = reading or bool(self._ahead) or not self._reading
        self._stage = _CLOSING
        self._ahead = b""
        self._resume()
        if unread and self.transport.can_write_eof():
            self.write_eof()
        else:
            self.shut()
        self._unsent = self.transport.get_write_buffer_size()
        if unread:
            self._set_deadline(self._plane.limits.linger_ms)
        else:
            self._set_deadline(self._plane.limits.write_timeout_ms)

    def _stop_task(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
