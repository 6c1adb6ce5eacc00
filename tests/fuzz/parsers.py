"""Promises about parsers, checked for one example each."""

from __future__ import annotations

import re

from ostiary.http.head import RequestHead
from ostiary.proxy.chunked import ChunkDecoder
from ostiary.proxy.faults import BadMessage, UnsafeHead
from ostiary.proxy.wire import build_request
from tests.fuzz.model import Reading, read_requests, read_response
from tests.fuzz.streams import cut

SAFE_HEAD = re.compile(
    rb"[A-Z-]+ [!-~]+ HTTP/1\.1\r\n"
    rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [^\r\n\0]*\r\n)*\r\n"
)


def _what(reading: Reading) -> tuple[object, ...]:
    return (
        [(m.head, m.body, m.keep_alive, m.websocket) for m in reading.messages],
        reading.refused,
        reading.open,
    )


def check_requests_read_the_same_however_cut(raw: bytes, points: list[int]) -> None:
    whole = read_requests([raw])
    pieces = read_requests(cut(raw, points))
    bytewise = read_requests([raw[n : n + 1] for n in range(len(raw))])

    assert _what(pieces) == _what(whole)
    assert _what(bytewise) == _what(whole)


def check_what_is_accepted_can_be_said_in_one_way_only(raw: bytes) -> None:
    for message in read_requests([raw]).messages:
        head = RequestHead(
            method=message.head.method,
            target=message.head.target,
            fields=message.head.fields,
        )
        try:
            built = build_request(head, len(message.body), websocket=message.websocket)
        except UnsafeHead:
            raise AssertionError(head) from None
        assert SAFE_HEAD.fullmatch(built)
        again = read_requests([built + message.body])
        assert again.refused == 0
        assert len(again.messages) == 1
        assert again.messages[0].body == message.body
        assert again.messages[0].head.target == message.head.target


def check_responses_read_the_same_however_cut(
    raw: bytes, points: list[int], method: bytes, minor: int
) -> None:
    whole = read_response([raw], method, minor)
    pieces = read_response(cut(raw, points), method, minor)
    bytewise = read_response([raw[n : n + 1] for n in range(len(raw))], method, minor)
    if minor == 1 and whole[0] != "switch":  # the same body, in chunks of another size
        whole, pieces, bytewise = (
            (kind, status, _joined(out))
            for kind, status, out in (whole, pieces, bytewise)
        )

    assert pieces == whole
    assert bytewise == whole


def _joined(out: bytes) -> bytes:
    try:
        body, rest = ChunkDecoder().feed(out)
    except BadMessage:
        return out
    return body + b"|end" if rest == b"" else body


def check_chunks_never_gain_bytes(raw: bytes) -> None:
    try:
        body, rest = ChunkDecoder().feed(raw)
    except BadMessage:
        return

    assert len(body) <= len(raw)
    assert rest is None or raw.endswith(rest)
