"""What a stream means, read with the product's parsers but without connections or timing."""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.http.head import RequestHead, find
from ostiary.proxy.chunked import ChunkDecoder
from ostiary.proxy.faults import BadMessage
from ostiary.proxy.framing import CHUNKED
from ostiary.proxy.heads import RequestReader, ResponseReader
from ostiary.proxy.limits import Limits
from ostiary.proxy.relay import Relay


@dataclass
class Message:
    """One request that was complete."""

    head: RequestHead
    body: bytes
    keep_alive: bool
    websocket: bool
    expects: bool

    @property
    def number(self) -> bytes:
        return find(self.head.fields, b"x-id") or b""

    @property
    def kind(self) -> bytes:
        return find(self.head.fields, b"x-kind") or b""


@dataclass
class Reading:
    """What a client's stream holds, in order, and how it ends."""

    messages: list[Message] = field(default_factory=list)
    refused: int = 0
    open: str = "nothing"


def read_requests(parts: list[bytes]) -> Reading:
    """Read a stream that arrives in these parts."""
    reading = Reading()
    reader = RequestReader(Limits())
    state = _Body()
    try:
        for part in parts:
            data = part
            while data:
                data = _step(reading, reader, state, data)
    except BadMessage as fault:
        reading.refused = fault.status
        reading.open = "refused"
    return reading


@dataclass
class _Body:
    decoder: ChunkDecoder | None = None
    left: int = 0
    got: bytes = b""
    inside: bool = False


def _step(reading: Reading, reader: RequestReader, state: _Body, data: bytes) -> bytes:
    if not state.inside:
        rest = reader.feed(data)
        reading.open = "head"
        if rest is None:
            return b""
        length = reader.length or 0
        state.inside, state.got, state.left = True, b"", length
        state.decoder = ChunkDecoder() if length == CHUNKED else None
        reading.open = "body"
        data = rest
    if state.decoder is not None:
        body, after = state.decoder.feed(data)
        state.got += body
        if after is None:
            return b""
        data = after
    else:
        take = data[: state.left]
        state.got += take
        state.left -= len(take)
        if state.left:
            return b""
        data = data[len(take) :]
    reading.messages.append(
        Message(
            head=reader.head,
            body=state.got,
            keep_alive=reader.keep_alive,
            websocket=reader.websocket,
            expects=reader.expects,
        )
    )
    state.inside = False
    reader.reset()
    reading.open = "nothing"
    return data


def read_response(
    parts: list[bytes], method: bytes, minor: int
) -> tuple[str, int, bytes]:
    """How a response ends, its status, and what the client is sent of its body."""
    reader = ResponseReader(Limits())
    relay: Relay | None = None
    out = b""
    try:
        for part in parts:
            data: bytes | None = part
            while relay is None and data:
                data = reader.feed(data)
                if data is None:
                    break
                if reader.head.status < 200:
                    if reader.head.status == 101:
                        return "switch", 101, data
                    reader.reset()
                    continue
                relay = Relay(reader, reader.head, method, minor)
                break
            if relay is not None and data is not None:
                piece, extra = relay.feed(data)
                out += piece
                if extra is not None:
                    return "complete", reader.head.status, out
    except BadMessage:
        # What was relayed before the fault depends on the cuts; that it failed does not.
        return "refused", 0, b""
    if relay is None:
        return "open", 0, b""
    end = relay.end()
    if end is None:
        return "cut", reader.head.status, out
    return "complete", reader.head.status, out + end
