"""Framing as pure functions: properties and tables."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostiary.proxy import framing
from ostiary.proxy.chunked import LAST_CHUNK, ChunkDecoder, build_chunk
from ostiary.proxy.faults import BadMessage, UnsafeHead
from ostiary.proxy.heads import RequestReader
from ostiary.proxy.limits import Limits
from ostiary.proxy.wire import build_request


def cut(raw: bytes, points: list[int]) -> list[bytes]:
    edges = [0, *sorted(point % (len(raw) + 1) for point in points), len(raw)]
    return [raw[a:b] for a, b in pairwise(edges)]


@pytest.mark.spec("RFC9112#7.1")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.binary(min_size=1, max_size=300), max_size=8),
    st.lists(st.integers(0, 5000), max_size=12),
    st.binary(max_size=20),
)
def test_chunks_decode_to_what_was_encoded_however_they_are_cut(
    pieces: list[bytes], points: list[int], behind: bytes
) -> None:
    raw = b"".join(map(build_chunk, pieces)) + LAST_CHUNK
    decoder = ChunkDecoder()
    got = b""
    rest: bytes | None = None
    for part in cut(raw, points):
        assert rest is None or not part
        if part:
            body, rest = decoder.feed(part)
            got += body

    assert got == b"".join(pieces)
    assert rest == b""

    assert ChunkDecoder().feed(raw + behind)[1] == behind


@pytest.mark.spec("T-X1")
@pytest.mark.parametrize(
    "raw",
    [
        b"+1\r\na\r\n",
        b"0x1\r\na\r\n",
        b" 1\r\na\r\n",
        b"1 \r\na\r\n",
        b"1\na\n0\n\n",
        b"1;a\nb\r\na\r\n",
        b"1\r\nab\r\n",
        b"1\r\na\n\r\n",
        b"\r\na\r\n",
        b"fffffffffffffffff\r\n",
        b"0\r\n folded: x\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n: x\r\n\r\n",
        b"1" + b";a" * 5000,
        b"0\r\n" + b"a: b\r\n" * 5000,
    ],
)
def test_broken_chunks_are_refused(raw: bytes) -> None:
    with pytest.raises(BadMessage):
        ChunkDecoder().feed(raw)


@pytest.mark.spec("RFC9110#8.6")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=24))
def test_a_length_is_digits_or_refused(value: bytes) -> None:
    try:
        length = framing.parse_length(value)
    except BadMessage:
        assert not value.isdigit() or len(value) > 18
    else:
        assert value.strip(b"0123456789") == b""
        assert length == int(value)


@pytest.mark.spec("RFC9112#6.3")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, 1),
    st.lists(st.sampled_from([b"0", b"5", b"5,5", b"+5"]), max_size=2),
    st.lists(
        st.sampled_from([b"chunked", b"Chunked", b"identity", b"gzip, chunked", b""]),
        max_size=2,
    ),
)
def test_a_request_has_one_reading_or_is_refused(
    minor: int, lengths: list[bytes], codings: list[bytes]
) -> None:
    try:
        got = framing.decide_request_framing(minor, tuple(lengths), tuple(codings))
    except BadMessage:
        assert lengths or codings
        assert codings != [b"chunked"] or minor == 0 or lengths
    else:
        if codings:
            assert (minor, lengths, codings[0].lower()) == (1, [], b"chunked")
            assert got == framing.CHUNKED
        else:
            assert got == (int(lengths[0]) if lengths else None)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 200), max_size=10))
def test_a_head_reads_the_same_however_it_is_cut(points: list[int]) -> None:
    raw = b"POST /a HTTP/1.1\r\nHost: a\r\nX-B: c d\r\nContent-Length: 3\r\n\r\nabc"
    reader = RequestReader(Limits())
    rest: bytes | None = None
    for part in cut(raw, points):
        if rest is None:
            rest = reader.feed(part) if part else None
        else:
            rest += part

    assert rest == b"abc"
    assert reader.head.fields == ((b"Host", b"a"), (b"X-B", b"c d"))
    assert reader.length == 3


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=12), st.binary(max_size=12), st.binary(max_size=12))
def test_no_field_or_target_can_start_a_second_head(
    target: bytes, name: bytes, value: bytes
) -> None:
    reader = RequestReader(Limits())
    reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    head = type(reader.head)(
        method=b"GET", target=b"/" + target, fields=((name, value),)
    )
    try:
        raw = build_request(head, 0, websocket=False)
    except UnsafeHead:
        return

    assert raw.endswith(b"\r\n\r\n")
    assert raw.count(b"\r\n\r\n") == 1
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert raw.lower().count(b"\r\ncontent-length:") == 1


@pytest.mark.spec("RFC9112#3.2.2")
@pytest.mark.parametrize(
    ("target", "host", "expected"),
    [
        (b"http://a/x?y", b"a", b"/x?y"),
        (b"http://A:80", b"a:80", b"/"),
        (b"HTTPS://a?q", b"a", b"/?q"),
        (b"http://b/", b"a", None),
        (b"http://u@a/", b"a", None),
        (b"ftp://a/", b"a", None),
        (b"a:443", b"a", None),
        (b"*", b"a", None),
        (b"/\x7f", b"a", None),
        (b"/\xc3\xa9", b"a", None),
    ],
)
def test_targets_are_brought_to_origin_form(
    target: bytes, host: bytes, expected: bytes | None
) -> None:
    if expected is None:
        with pytest.raises(BadMessage):
            framing.check_target(b"GET", target, host)
    else:
        assert framing.check_target(b"GET", target, host) == expected
