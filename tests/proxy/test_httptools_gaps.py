"""What the parser lets through, and that our layer does not. Both halves are asserted."""

from __future__ import annotations

import httptools
import pytest

from ostiary.http.head import RequestHead
from ostiary.proxy.faults import BadMessage
from ostiary.proxy.heads import RequestReader, ResponseReader
from ostiary.proxy.limits import Limits

HOST = b"Host: a\r\n"


class Recorder:
    """Notes every callback of the parser."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def on_message_begin(self) -> None:
        self.events.append("begin")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.events.append(name.decode())

    def on_headers_complete(self) -> None:
        self.events.append("head")

    def on_body(self, body: bytes) -> None:
        self.events.append("body")

    def on_message_complete(self) -> None:
        self.events.append("complete")


def bare(raw: bytes) -> list[str]:
    recorder = Recorder()
    httptools.HttpRequestParser(recorder).feed_data(raw)
    return recorder.events


def read(raw: bytes) -> tuple[RequestHead, bytes, RequestReader]:
    reader = RequestReader(Limits())
    rest = reader.feed(raw)
    assert rest is not None
    return reader.head, rest, reader


@pytest.mark.spec("T-X1")
@pytest.mark.parametrize(
    "raw",
    [
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity, chunked\r\n\r\n",
        b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET /#a HTTP/1.1\r\n" + HOST + b"\r\n",
    ],
    ids=["identity", "te-on-1.0", "two-hosts", "no-host", "http-0.9", "fragment"],
)
def test_the_parser_accepts_it_and_we_refuse_it(raw: bytes) -> None:
    assert "head" in bare(raw)
    with pytest.raises(BadMessage):
        read(raw)


def test_trailers_arrive_as_fields_after_the_head_and_never_reach_ours() -> None:
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    raw = head + b"1\r\na\r\n0\r\nEvil: x\r\n\r\n"

    events = bare(raw)
    ours, rest, _ = read(raw)

    assert events.index("Evil") > events.index("head")
    assert ours.fields == ((b"Host", b"a"),)
    assert rest == raw[len(head) :]


def test_h2c_upgrades_raise_even_with_a_body_and_are_plain_requests_to_us() -> None:
    raw = (
        b"POST / HTTP/1.1\r\n"
        + HOST
        + b"Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 3\r\n\r\nabc"
    )

    with pytest.raises(httptools.HttpParserUpgrade):
        bare(raw)
    ours, rest, reader = read(raw)

    assert ours.fields == ((b"Host", b"a"),)
    assert rest == b"abc"
    assert reader.length == 3
    assert not reader.websocket


def test_the_parser_runs_through_pipelined_requests_and_we_stop_after_one() -> None:
    one = b"GET /1 HTTP/1.1\r\n" + HOST + b"\r\n"

    assert bare(one + one).count("complete") == 2
    assert read(one + one)[1] == one


def test_a_reply_to_head_needs_a_fresh_parser() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    recorder = Recorder()
    parser = httptools.HttpResponseParser(recorder)
    with pytest.raises(httptools.HttpParserError):
        parser.feed_data(raw + raw)  # the second head is taken for the first one's body
    reader = ResponseReader(Limits())

    assert recorder.events.count("head") == 1
    assert reader.feed(raw) == b""
    assert reader.framing(b"HEAD") == 0
    reader.reset()
    assert reader.feed(raw) == b""
    assert reader.framing(b"GET") == 5


def test_continue_completes_a_message_and_is_only_interim_to_us() -> None:
    recorder = Recorder()
    httptools.HttpResponseParser(recorder).feed_data(b"HTTP/1.1 100 Continue\r\n\r\n")
    reader = ResponseReader(Limits())

    assert "complete" in recorder.events
    assert reader.feed(b"HTTP/1.1 100 Continue\r\n\r\n") == b""
    assert reader.head.status == 100


def test_http_0_9_is_refused_before_anything_else_arrives() -> None:
    with pytest.raises(BadMessage):
        RequestReader(Limits()).feed(b"GET /\r\n")


def test_trailing_white_space_is_not_part_of_a_value() -> None:
    assert read(b"GET / HTTP/1.1\r\nHost: a \t \r\n\r\n")[0].fields == (
        (b"Host", b"a"),
    )
