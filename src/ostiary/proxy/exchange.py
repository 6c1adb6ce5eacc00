"""
One forwarded request: an upstream connection, the request out, the response back.

Protocol callbacks only; a task exists just while a new connection is being opened. A
response that breaks off never ends cleanly for the client.

Spec: RFC 9110 §7, §9.2.2, §15.2; RFC 9112 §6-9.
"""

from __future__ import annotations

import asyncio
from math import inf

from ostiary.gateway.decision import NO_PEER, Forward, Outcome
from ostiary.http.head import ResponseHead
from ostiary.proxy import wire
from ostiary.proxy.body import RequestBody, may_resend
from ostiary.proxy.chunked import LAST_CHUNK, build_chunk
from ostiary.proxy.client import Client
from ostiary.proxy.faults import BadMessage, UnsafeHead, UpstreamUnreachable
from ostiary.proxy.framing import CHUNKED, is_bodyless
from ostiary.proxy.held import HeldBody
from ostiary.proxy.plane import Plane, log
from ostiary.proxy.relay import Relay
from ostiary.proxy.report import (
    TEXTS,
    edit_response,
    error_reply,
    find_edit,
    report,
)
from ostiary.proxy.tunnel import Tunnel
from ostiary.proxy.upstream import UpstreamConnection

_BODYLESS = frozenset((204, 304))
_CONNECTING, _SENDING, _WAITING, _RECEIVING, _DONE = range(5)


class Exchange:
    """Carries out one `Forward`."""

    __slots__ = (
        "_attempts",
        "_begun",
        "_client",
        "_connecting",
        "_deadline",
        "_forward",
        "_head",
        "_head_bytes",
        "_held",
        "_length",
        "_plane",
        "_queued",
        "_raw",
        "_relay",
        "_request_body",
        "_request_done",
        "_reused",
        "_sent_bytes",
        "_session_over",
        "_stage",
        "_started",
        "_status",
        "_target",
        "_upstream",
        "_upstream_ms",
        "_upstream_status",
    )

    def __init__(
        self, plane: Plane, client: Client, forward: Forward, body: RequestBody | None
    ) -> None:
        self._plane = plane
        self._client = client
        self._forward = forward
        self._target = forward.target
        self._head = forward.head
        self._request_body = body if forward.body is None else None
        self._attempts = 0
        self._begun = client.started
        self._connecting: asyncio.Task[None] | None = None
        self._deadline = inf
        self._held: HeldBody | None = None
        self._raw = b""
        self._relay: Relay | None = None
        self._length: int | None = None
        self._request_done = False
        self._reused = self._queued = False
        self._sent_bytes = self._head_bytes = 0
        self._session_over = False
        self._stage = _CONNECTING
        self._started = plane.now()
        self._status = 0
        self._upstream: UpstreamConnection | None = None
        self._upstream_ms: float | None = None
        self._upstream_status: int | None = None

    @property
    def replying(self) -> bool:
        """Tell whether the client has been sent a part of the response."""
        return self._status != 0

    def start(self) -> None:
        """Find a connection and send the request."""
        if self._plane.last_end >= self._begun:
            self._session_over = self._has_ended()  # while it was being judged
        self._attempt(fresh=False)

    def tick(self, now: float) -> float:
        """Act on the deadline if it has passed; the next one, or infinity."""
        if now < self._deadline:
            return self._deadline
        self._deadline = inf
        if self._stage == _CONNECTING:
            self._drop_upstream()
            if self._queued:
                self.fail(503, "every connection to the upstream is busy")
                return inf
            if self._forward.tries is None and self._attempts < self._forward.retries:
                self._attempts += 1
                self._attempt(fresh=True)
                return self._deadline
        if not self._turn_elsewhere(timeout=True):
            self.fail(504, TEXTS[504])
        return self._deadline

    def stop(self, status: int | None = None, sent_bytes: int = 0) -> None:
        """End without a reply of ours: the client left, or its connection refused it."""
        if self._stage != _DONE:
            self._drop_upstream()
            self._sent_bytes += sent_bytes
            gone = status is None
            self._finish(status or self._status or 499, client_gone=gone)

    def end_sessions(self, ended: set[str]) -> None:
        if ended.isdisjoint(self._forward.bound_to) or not self._has_ended():
            return
        if self._stage == _RECEIVING:
            self._client.abort()
        else:
            self._session_over = True

    def _has_ended(self) -> bool:
        """
        Tell whether a session of this request ended after the request had come.

        A person's name is a mark too: one who signed in anew after the end is not meant.
        """
        return self._plane.has_ended(self._forward.bound_to, self._begun)

    def fail(self, status: int, reason: str) -> None:
        """
        Tell the client that the upstream let us down, in the only way still possible.

        `reason` is for the log.
        """
        if self._stage == _DONE:
            return
        self._drop_upstream()
        if self.replying:
            log.warning("upstream: %s", reason)
            self._finish(self._status)
            self._client.abort()
            return
        reply = error_reply(self._forward, self._plane.decider, status, reason)
        self._stage = _DONE
        self._sent_bytes = self._client.reply(reply)
        self._head_bytes = self._sent_bytes - len(reply.body)
        self._finish(reply.status)

    def _turn_elsewhere(self, *, timeout: bool) -> bool:
        """
        Blame the target for what it did not answer, and try another if that is safe.

        False where the failure is for the client to hear.
        """
        forward, upstream = self._forward, self._upstream
        tries = forward.tries
        if tries is None or self._upstream_status is not None or self._stage == _DONE:
            return False
        tries.failed(timeout=timeout)
        connecting = self._stage == _CONNECTING
        unsent = connecting or (upstream is not None and upstream.holds(self._raw))
        if (
            self._attempts >= forward.retries
            or self._upstream_ms is not None
            or not may_resend(self._client.method, self._request_body, unsent=unsent)
        ):
            return False
        self._drop_upstream()
        found = tries.next()
        if found is None:
            self.fail(503, NO_PEER)
            return True
        self._attempts += 1
        self._target, self._head = found.target, found.head
        if self._request_body is not None:
            self._request_body.detach()
        self._attempt(fresh=False)
        return True

    def _attempt(self, *, fresh: bool) -> None:
        self._stage = _CONNECTING
        self._request_done = False
        connection = None if fresh else self._plane.pool.take(self._target)
        if connection is not None:
            self._reused = True
            self._send(connection)
            return
        self._reused = False
        self._queued = self._plane.pool.is_full(self._target)
        self._wait(self._target.connect_timeout_ms)
        self._connecting = self._plane.loop.create_task(self._connect())

    async def _connect(self) -> None:
        while True:
            try:
                connection = await self._plane.pool.connect(self._target)
            except UpstreamUnreachable as fault:
                if self._forward.tries is not None:
                    self._connecting = None
                    if not self._turn_elsewhere(timeout=fault.status == 504):
                        self.fail(fault.status, fault.public)
                    return
                if not fault.transient or self._attempts >= self._forward.retries:
                    self._connecting = None
                    self.fail(fault.status, fault.public)
                    return
                self._attempts += 1
                self._queued = self._plane.pool.is_full(self._target)
                self._wait(self._target.connect_timeout_ms)
                continue
            self._connecting = None
            self._send(connection)
            return

    def _send(self, connection: UpstreamConnection) -> None:
        self._upstream = connection
        connection.user = self
        connection.reader.reset()
        self._stage = _SENDING
        self._deadline = inf
        forward = self._forward
        body = self._request_body
        payload = forward.body or b""
        if body is not None:
            self._length = body.received if body.complete else body.declared
        elif forward.body is not None:
            self._length = len(payload)
        try:
            head = wire.build_request(
                self._head, self._length, websocket=self._client.websocket
            )
        except UnsafeHead as fault:
            self.fail(500, f"request head: {fault.public}")
            return
        if body is not None:
            payload = body.attach(self)
        if payload:
            head += build_chunk(payload) if self._length == CHUNKED else payload
        self._raw = head
        connection.write(head)
        if body is None or body.complete:
            self._end_request()

    def on_body(self, piece: bytes) -> None:
        upstream = self._upstream
        if upstream is not None:
            upstream.write(build_chunk(piece) if self._length == CHUNKED else piece)

    def on_body_end(self) -> None:
        if self._upstream is not None:
            if self._length == CHUNKED:
                self._upstream.write(LAST_CHUNK)
            self._end_request()

    def _end_request(self) -> None:
        self._request_done = True
        if self._stage == _SENDING:
            self._stage = _WAITING
            if self._upstream is not None and self._upstream.full:
                self._wait(self._target.write_timeout_ms)
            else:
                self._wait_for_upstream()

    def _wait(self, timeout_ms: int) -> None:
        self._deadline = self._plane.now() + timeout_ms / 1000
        self._client.arm(self._deadline)

    def _wait_for_upstream(self) -> None:
        self._wait(self._target.read_timeout_ms)

    def on_upstream_full(self) -> None:
        self._client.pause_body()
        if self._stage in {_SENDING, _WAITING}:
            self._wait(self._target.write_timeout_ms)

    def on_upstream_ready(self) -> None:
        self._client.resume_body()
        if self._stage == _SENDING:
            self._deadline = inf
        elif self._stage == _WAITING:
            self._wait_for_upstream()

    def on_upstream_data(self, data: bytes) -> None:
        try:
            if self._held is not None:
                self._on_held(self._held, data)
            elif self._relay is None:
                self._on_head(data)
            else:
                self._on_response_body(self._relay, b"", data)
        except BadMessage as fault:
            if self._forward.tries is not None and self._upstream_status is None:
                self._forward.tries.answered(502)
            self.fail(502, fault.public)
        except UnsafeHead as fault:
            self.fail(500, f"response head: {fault.public}")

    def _on_head(self, data: bytes) -> None:
        upstream = self._upstream
        assert upstream is not None
        reader = upstream.reader
        if self._upstream_ms is None:
            if self._reused and upstream.holds(self._raw):
                self.on_upstream_lost()  # no answer to us: we have not said a word yet
                return
            self._upstream_ms = (self._plane.now() - self._started) * 1000
        rest = reader.feed(data)
        while rest is not None:
            status = reader.head.status
            if status == 101:
                self._on_switch(rest)
                return
            if status >= 200:
                self._on_final_head(reader.head, rest)
                return
            reader.reset()  # 100 is answered by us, 103 is a hint we drop
            if not rest:
                break
            rest = reader.feed(rest)
        if self._stage == _WAITING:
            self._wait_for_upstream()

    def _edited(self, head: ResponseHead) -> ResponseHead | None:
        self._upstream_status = head.status
        if self._forward.tries is not None:
            self._forward.tries.answered(head.status)
        edited = edit_response(self._forward, head, self._upstream_ms or 0.0)
        if edited is None:
            self.fail(500, "An unexpected error occurred")
        return edited

    def _on_final_head(self, received: ResponseHead, rest: bytes) -> None:
        client = self._client
        assert self._upstream is not None
        head = self._edited(received)
        if head is None:
            return
        if self._forward.on_body is not None and self._hold(head, rest):
            return
        if self._request_done and self._whole(received, head, rest):
            return
        relay = Relay(self._upstream.reader, head, client.method, client.minor)
        raw = wire.build_response(
            head,
            relay.line,
            client.connection_value(
                must_close=relay.must_close or not self._request_done
            ),
        )
        if not self._request_done and self._request_body is not None:
            self._request_body.discard()  # an early response: it wants no more
        self._relay = relay
        self._head_bytes = len(raw)
        self._status = head.status
        self._stage = _RECEIVING
        self._deadline = inf
        self._on_response_body(relay, raw, rest)

    def _whole(self, received: ResponseHead, head: ResponseHead, body: bytes) -> bool:
        """Pass on a response that came in one piece, length and all; False for any other."""
        client, upstream = self._client, self._upstream
        assert upstream is not None
        if head.status != received.status or client.method == b"HEAD":
            return False
        length = b"%d" % len(body)
        if head.status in _BODYLESS or not upstream.reader.ends_after(length):
            return False
        raw = wire.build_response(
            head,
            (b"Content-Length", length),
            client.connection_value(must_close=False),
        )
        self._head_bytes = len(raw)
        self._status = head.status
        self._write(raw + body)
        self._complete(reusable=upstream.reader.keep_alive)
        return True

    def _hold(self, head: ResponseHead, rest: bytes) -> bool:
        """Hold a body that a plugin edits whole; False for any other."""
        client, forward, upstream = self._client, self._forward, self._upstream
        assert upstream is not None
        assert forward.on_body is not None
        if is_bodyless(client.method, head.status):
            return False
        edit = find_edit(forward.on_body)
        if edit is None:
            return False
        if not self._request_done and self._request_body is not None:
            self._request_body.discard()  # an early response: it wants no more
        held = self._held = HeldBody(
            upstream.reader, head, client.method, edit, forward.max_held_bytes
        )
        self._on_held(held, rest)
        return True

    def _on_held(self, held: HeldBody, data: bytes) -> None:
        extra = held.feed(data)
        if extra is None:
            self._wait_for_upstream()
        else:
            self._release(held, reusable=held.reusable and not extra)

    def _release(self, held: HeldBody, *, reusable: bool) -> None:
        head, body = held.edited()
        if self._session_over:
            self._client.abort()
            return
        raw = wire.build_response(
            head,
            (b"Content-Length", b"%d" % len(body)),
            self._client.connection_value(must_close=not self._request_done),
        )
        self._head_bytes = len(raw)
        self._status = head.status
        self._write(raw + body)
        self._complete(reusable=reusable)

    def _on_response_body(self, relay: Relay, head: bytes, data: bytes) -> None:
        try:
            out, extra = relay.feed(data)
        except BadMessage:
            self._write(head)
            raise
        self._write(head + out)
        if extra is not None:
            self._complete(reusable=relay.reusable and not extra)
        elif self._session_over:
            self._client.abort()
        elif self._stage == _RECEIVING:
            if self._client.write_full:
                self.on_client_full()  # it may have been so before this response began
            else:
                self._wait_for_upstream()

    def _write(self, data: bytes) -> None:
        if data:
            self._sent_bytes += len(data)
            self._client.write(data)

    def _complete(self, *, reusable: bool) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            if reusable and self._request_done and not upstream.full:
                upstream.resume()
                self._plane.pool.put(upstream, self._plane.now())
            else:
                upstream.close()
        self._finish(self._status)
        self._client.end_reply()

    def on_upstream_eof(self) -> bool:
        if self._held is not None:
            return self._on_held_eof(self._held)
        last = self._relay.end() if self._relay is not None else None
        if last is None or self._stage != _RECEIVING:
            self.on_upstream_lost()
        else:
            self._write(last)
            self._complete(reusable=False)
        return False

    def _on_held_eof(self, held: HeldBody) -> bool:
        if not held.is_ended_by_close():
            self.on_upstream_lost()
            return False
        try:
            self._release(held, reusable=False)
        except (BadMessage, UnsafeHead) as fault:
            self.fail(502, fault.public)
        return False

    def on_upstream_lost(self) -> None:
        upstream = self._upstream
        unsent = upstream is not None and upstream.holds(self._raw)
        is_stale = self._reused and self._upstream_ms is None
        if not is_stale and self._turn_elsewhere(timeout=False):
            return
        self._drop_upstream()
        if (
            is_stale
            and self._stage in {_SENDING, _WAITING}
            and self._attempts < self._forward.retries
            and may_resend(self._client.method, self._request_body, unsent=unsent)
        ):
            self._attempts += 1
            if self._request_body is not None:
                self._request_body.detach()
            self._attempt(fresh=True)
            return
        self.fail(502, TEXTS[502])

    def on_client_full(self) -> None:
        """The client reads slowly: so do we."""
        if self._upstream is not None and self._stage == _RECEIVING:
            self._upstream.pause()
            self._deadline = inf

    def on_client_ready(self) -> None:
        if self._upstream is not None and self._stage == _RECEIVING:
            self._upstream.resume()
            self._wait_for_upstream()

    def _on_switch(self, rest: bytes) -> None:
        upstream = self._upstream
        assert upstream is not None
        if not (self._client.websocket and upstream.reader.websocket):
            raise BadMessage(502, "an upgrade nobody asked for")
        if self._session_over:
            self.fail(502, TEXTS[502])
            return
        head = self._edited(upstream.reader.head)
        if head is None:
            return
        if head.status != 101:
            raise UnsafeHead("an upgrade cannot become another status")
        raw = wire.build_response(head, (b"Upgrade", b"websocket"), b"Upgrade")
        self._status = 101
        self._stage = _RECEIVING
        self._deadline = inf
        tunnel = Tunnel(
            now=self._plane.now,
            client=self._client.outbox,
            upstream=upstream,
            target=self._target,
            on_end=self._on_tunnel_end,
            wheel=self._plane.wheel,
        )
        upstream.user = tunnel
        self._write(raw)
        early = self._client.become_tunnel(tunnel)
        if rest:
            tunnel.on_upstream_data(rest)
        if early:
            tunnel.on_client_data(early)
        if self._client.write_full:
            tunnel.on_client_full()
        if upstream.full:
            tunnel.on_upstream_full()

    def _on_tunnel_end(self, sent_bytes: int) -> None:
        self._sent_bytes += sent_bytes
        self._upstream = None
        self._finish(self._status)

    def _drop_upstream(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.close()

    def _finish(self, status: int, *, client_gone: bool = False) -> None:
        self._stage = _DONE
        self._deadline = inf
        forward = self._forward
        if forward.tries is not None:
            forward.tries.release()
        if forward.on_finish is not None:
            report(
                forward.on_finish,
                Outcome(
                    status=status,
                    sent_bytes=self._sent_bytes,
                    body_bytes=max(0, self._sent_bytes - self._head_bytes),
                    total_ms=(self._plane.now() - self._begun) * 1000,
                    upstream_ms=self._upstream_ms,
                    upstream_status=self._upstream_status,
                    client_gone=client_gone,
                ),
            )
