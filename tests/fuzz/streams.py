"""Byte streams to try parsers with: valid messages, messages gone wrong, and every way to cut."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

TOKENS = st.sampled_from([b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"PATCH"])
SPICE = st.sampled_from(
    [
        *(bytes([n]) for n in b"\r\n \t\0:;,0159afxX/?#%\x0b\x7f\x80\xff"),
        b"\r\n",
        b"\n\n",
        b"\r\n\r\n",
        b"0\r\n\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: +3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Connection: close\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
        b"Expect: 100-continue\r\n",
        b"Host: b\r\n",
        b" HTTP/1.1\r\n",
        b"HTTP/1.0",
        b"GET /smuggled HTTP/1.1\r\nHost: a\r\nX-Id: 66\r\n\r\n",
        b"ffffffffffffffff",
    ]
)
EXTRAS = st.lists(
    st.sampled_from(
        [
            b"X-A: 1\r\n",
            b"x-b:\t2 \r\n",
            b"Connection: keep-alive\r\n",
            b"Connection: X-A\r\n",
            b"TE: trailers\r\n",
            b"Upgrade: h2c\r\n",
            b"Expect: 100-continue\r\n",
        ]
    ),
    max_size=3,
    unique=True,
)
KINDS = [b"plain", b"chunked", b"extra", b"until-close", b"cut", b"interim", b"empty"]


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Framing fields and a body."""
    body = draw(st.binary(max_size=60))
    if draw(st.booleans()):
        return b"Content-Length: %d\r\n" % len(body), body
    sizes = draw(st.lists(st.integers(1, 20), max_size=4))
    chunked, at = b"", 0
    for size in sizes:
        piece = body[at : at + size]
        at += size
        if piece:
            extension = draw(st.sampled_from([b"", b";a=b", b";x"]))
            chunked += b"%x%b\r\n%b\r\n" % (len(piece), extension, piece)
    trailer = draw(st.sampled_from([b"", b"X-Trailer: t\r\n"]))
    return b"Transfer-Encoding: chunked\r\n", chunked + b"0\r\n" + trailer + b"\r\n"


@st.composite
def requests(draw: st.DrawFn, *, number: int, last: bool = False) -> bytes:
    """One valid request that says its number and the kind of answer it wants."""
    method = draw(TOKENS)
    framing, body = (b"", b"")
    if method in {b"POST", b"PUT", b"PATCH"}:
        framing, body = draw(bodies())
    kind = draw(st.sampled_from(KINDS))
    fields = [
        b"Host: a\r\n",
        b"X-Id: %d\r\nX-Kind: %b\r\n" % (number, kind),
        framing,
        *draw(EXTRAS),
        b"Connection: close\r\n" if last else b"",
    ]
    target = draw(st.sampled_from([b"/", b"/a?b=c", b"http://a/x", b"/%2e%2e"]))
    before = draw(st.sampled_from([b"", b"", b"\r\n"]))
    line = b"%b %b HTTP/1.1\r\n" % (method, target)
    return before + line + b"".join(draw(st.permutations(fields))) + b"\r\n" + body


@st.composite
def conversations(draw: st.DrawFn, *, first: int = 0) -> bytes:
    """Some pipelined requests; some of the bytes are wrong."""
    count = draw(st.integers(1, 4))
    raw = b"".join(
        draw(requests(number=first + n, last=n == count - 1)) for n in range(count)
    )
    return draw(mutated(raw))


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """What an upstream may say to one request, and more."""
    status = draw(st.sampled_from([b"200 OK", b"204 No", b"304 N", b"404 ", b"101 S"]))
    interim = draw(st.sampled_from([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    framing, body = draw(
        st.one_of(bodies(), st.tuples(st.just(b""), st.binary(max_size=30)))
    )
    version = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"]))
    head = version + b" " + status + b"\r\nX-A: 1\r\n" + framing + b"\r\n"
    behind = draw(st.sampled_from([b"", b"", b"x", b"HTTP/1.1 200 OK\r\n\r\n"]))
    return draw(mutated(interim + head + body + behind))


@st.composite
def mutated(draw: st.DrawFn, raw: bytes) -> bytes:
    """Up to three edits; often none."""
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        at = draw(st.integers(0, len(raw)))
        gone = draw(st.sampled_from([0, 0, 1, 2, 7]))
        raw = raw[:at] + draw(st.one_of(SPICE, st.just(b""))) + raw[at + gone :]
    return raw


POINTS = st.lists(st.integers(0, 4000), max_size=8)


def cut(raw: bytes, points: list[int]) -> list[bytes]:
    """`raw` in pieces, none of them empty."""
    edges = [0, *sorted({point % (len(raw) + 1) for point in points}), len(raw)]
    return [raw[a:b] for a, b in pairwise(edges) if b > a]
