"""
Smuggling and desync (T-X1, T-X2): one reading of every message, or none.

Each doubtful request is followed by a canary on the same connection. The upstream must see
neither, and the client gets one refusal and the end of the connection.
"""

from __future__ import annotations

import secrets
import socket

import pytest

from tests.security.gateways import Gateway, build
from tests.security.rules import shows
from tests.security.upstream import Script, Seen, answers
from tests.security.wire import Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
END = b"0\r\n\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"


def te(*lines: bytes, body: bytes = HELLO) -> tuple[bytes, bytes]:
    return b"\r\n".join(lines), body


# Field lines and body of a POST that two servers may read in two ways.
HEADS: dict[str, tuple[bytes, bytes]] = {
    "CL then TE": te(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=END),
    "TE then CL": te(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=END),
    "TE then CL of the body": te(b"Transfer-Encoding: chunked", b"Content-Length: 15"),
    "TE twice": te(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "TE twice, one odd": te(b"Transfer-Encoding: chunked", b"Transfer-Encoding: x"),
    "chunked, identity": te(b"Transfer-Encoding: chunked, identity"),
    "identity, chunked": te(b"Transfer-Encoding: identity, chunked"),
    "chunked, chunked": te(b"Transfer-Encoding: chunked, chunked"),
    "gzip, chunked": te(b"Transfer-Encoding: gzip, chunked"),
    "identity": te(b"Transfer-Encoding: identity", b"Content-Length: 5", body=b"hello"),
    "xchunked": te(b"Transfer-Encoding: xchunked"),
    "chunked;q=1": te(b"Transfer-Encoding: chunked;q=1"),
    "quoted": te(b'Transfer-Encoding: "chunked"'),
    "TE with VT": te(b"Transfer-Encoding: \x0bchunked"),
    "TE with FF behind": te(b"Transfer-Encoding: chunked\x0c"),
    "TE with NUL": te(b"Transfer-Encoding: chunked\x00"),
    "TE with a blank before the colon": te(b"Transfer-Encoding : chunked"),
    "TE with a tab before the colon": te(b"Transfer-Encoding\t: chunked"),
    "TE with a leading blank": te(b" Transfer-Encoding: chunked", b"Content-Length: 5"),
    "TE behind a bare LF": te(b"X: a\nTransfer-Encoding: chunked"),
    "TE behind a bare CR": te(b"X: a\rTransfer-Encoding: chunked"),
    "TE folded": te(b"Transfer-Encoding:\r\n chunked"),
    "TE folded into another": te(b"X: a\r\n Transfer-Encoding: chunked"),
    "TE with a tab fold": te(b"X: a\r\n\tTransfer-Encoding: chunked"),
    "TE empty": te(b"Transfer-Encoding:", b"Content-Length: 5", body=b"hello"),
    "TE with a comma": te(b"Transfer-Encoding: ,chunked"),
    "TE with a non-token": te(b"Transfer-Encoding: chu\xffnked"),
    "TE without a colon": te(b"Transfer-Encoding chunked"),
    "an empty name": te(b": chunked", b"Content-Length: 5", body=b"hello"),
    "CL +5": te(b"Content-Length: +5", body=b"hello"),
    "CL -5": te(b"Content-Length: -5", body=b"hello"),
    "CL 5,5": te(b"Content-Length: 5,5", body=b"hello"),
    "CL 5, 5": te(b"Content-Length: 5, 5", body=b"hello"),
    "CL 5,6": te(b"Content-Length: 5,6", body=b"hello"),
    "CL with VT": te(b"Content-Length: 5\x0b", body=b"hello"),
    "CL with NUL": te(b"Content-Length: 5\x00", body=b"hello"),
    "CL hex": te(b"Content-Length: 0x5", body=b"hello"),
    "CL with an underscore": te(b"Content-Length: 1_0", body=b"hellohello"),
    "CL 5.0": te(b"Content-Length: 5.0", body=b"hello"),
    "CL 5 6": te(b"Content-Length: 5 6", body=b"hello"),
    "CL in other digits": te("Content-Length: ٥".encode(), body=b"hello"),
    "CL quoted": te(b'Content-Length: "5"', body=b"hello"),
    "CL empty": te(b"Content-Length:", body=b"hello"),
    "CL twice, equal": te(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"),
    "CL twice, unlike": te(b"Content-Length: 5", b"Content-Length: 6", body=b"hello"),
    "CL twice, one odd": te(b"Content-Length: 5", b"content-length: +5", body=b"hello"),
    "CL beyond 64 bits": te(b"Content-Length: 18446744073709551621", body=b"hello"),
    "CL with a blank before the colon": te(b"Content-Length : 5", body=b"hello"),
    "CL folded": te(b"Content-Length:\r\n 5", body=b"hello"),
    "CL with TE of HTTP/1.0": te(b"Transfer-Encoding: chunked\r\nX: 1.0"),
    "a name with a NUL": te(b"Content\x00-Length: 5", body=b"hello"),
    "a value with a NUL": te(b"X: a\x00b", b"Content-Length: 5", body=b"hello"),
    "a lone CR": te(b"X: a\rb", b"Content-Length: 5", body=b"hello"),
    "a lone LF": te(b"X: a\nb", b"Content-Length: 5", body=b"hello"),
    "LF only": te(b"X: a\n\nGET /lf HTTP/1.1", b"Content-Length: 5", body=b"hello"),
    "a parenthesis in a name": te(b"X(a): b", b"Content-Length: 5", body=b"hello"),
}


def assert_refused_whole(gateway: Gateway, raw: bytes, token: str, what: str) -> None:
    """One refusal, the end of the connection, and nothing at the upstream."""
    wire = gateway.dial()
    wire.send(raw + build(f"/canary/{token}", host="a"))
    reply = wire.reply(what=f"to {what}")
    seen = gateway.upstream.about(token)

    assert seen == [], f"{what} reached the upstream: {seen[0].head[:160]!r}"
    assert reply.is_refusal, f"{what}: {reply.status}"
    if reply.status:
        left = leftovers(wire)
        assert b"HTTP/1." not in left, f"{what}: a second reply {left[:80]!r}"
    canary = gateway.upstream.about(f"/canary/{token}")
    assert canary == [], f"{what}: the canary reached the upstream"


def leftovers(wire: Wire) -> bytes:
    try:
        return wire.rest()
    except TimeoutError:
        raise AssertionError("the connection stays open after a refusal") from None


@pytest.mark.spec("T-X1")
@shows("reached the upstream|second reply")
@pytest.mark.parametrize("name", list(HEADS))
def test_a_head_with_two_readings_is_refused(gateway: Gateway, name: str) -> None:
    lines, body = HEADS[name]
    version = b"1.0" if name.endswith("1.0") else b"1.1"
    token = secrets.token_hex(8)
    raw = (
        b"POST /public/%b HTTP/%b\r\nHost: a\r\nX-Case: %b\r\n" % (
            token.encode(), version, token.encode(),
        )
        + lines
        + b"\r\n\r\n"
        + body
    )  # fmt: skip
    assert_refused_whole(gateway, raw, token, name)


LINES: dict[str, bytes] = {
    "LF only": b"GET /public/%b HTTP/1.1\nHost: a\n\n",
    "LF after the first line": b"GET /public/%b HTTP/1.1\nHost: a\r\n\r\n",
    "CR only": b"GET /public/%b HTTP/1.1\rHost: a\r\r",
    "no version": b"GET /public/%b\r\n\r\n",
    "HTTP/0.9 with fields": b"GET /public/%b HTTP/0.9\r\nHost: a\r\n\r\n",
    "HTTP/2.0": b"GET /public/%b HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/1.10": b"GET /public/%b HTTP/1.10\r\nHost: a\r\n\r\n",
    "http/1.1": b"GET /public/%b http/1.1\r\nHost: a\r\n\r\n",
    "HTTP/1.1 and more": b"GET /public/%b HTTP/1.1 x\r\nHost: a\r\n\r\n",
    "a blank in the target": b"GET /public/%b /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tab before the version": b"GET /public/%b\tHTTP/1.1\r\nHost: a\r\n\r\n",
    "a blank before the method": b" GET /public/%b HTTP/1.1\r\nHost: a\r\n\r\n",
    "no Host": b"GET /public/%b HTTP/1.1\r\nX: a\r\n\r\n",
    "an odd method": b"G\x00T /public/%b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a folded first field": b"GET /public/%b HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n",
    "a nameless line": b"GET /public/%b HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
}  # fmt: skip


@pytest.mark.spec("T-X1")
@shows("reached the upstream")
@pytest.mark.parametrize("name", list(LINES))
def test_a_malformed_request_line_is_refused(gateway: Gateway, name: str) -> None:
    token = secrets.token_hex(8)
    assert_refused_whole(gateway, LINES[name] % token.encode(), token, name)


CHUNKS: dict[str, bytes] = {
    "a plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "a minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a leading blank": b" 5\r\nhello\r\n0\r\n\r\n",
    "a trailing blank": b"5 \r\nhello\r\n0\r\n\r\n",
    "LF for CRLF": b"5\nhello\n0\n\n",
    "LF behind the size": b"5\nhello\r\n0\r\n\r\n",
    "LF behind the data": b"5\r\nhello\n0\r\n\r\n",
    "no CRLF behind the data": b"5\r\nhello0\r\n\r\n",
    "other bytes behind the data": b"5\r\nhelloXX0\r\n\r\n",
    "an extension with LF": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "an extension with CR": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "no hex": b"g\r\nhello\r\n0\r\n\r\n",
    "a size with VT": b"5\x0b\r\nhello\r\n0\r\n\r\n",
    "a size with an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "a folded trailer": b"5\r\nhello\r\n0\r\n X: y\r\n\r\n",
    "a trailer without a colon": b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n",
    "a trailer with a NUL": b"5\r\nhello\r\n0\r\nX: \x00\r\n\r\n",
    "a trailer with a lone CR": b"5\r\nhello\r\n0\r\nX: a\rb\r\n\r\n",
    "the last chunk's CRLF is bare": b"5\r\nhello\r\n0\r\n\n",
}


@pytest.mark.spec("T-X1")
@shows("went on|served")
@pytest.mark.parametrize("name", list(CHUNKS))
def test_a_broken_chunk_ends_the_connection(gateway: Gateway, name: str) -> None:
    token = secrets.token_hex(8)
    wire = gateway.dial()
    head = build(
        "/public/x", f"X-Case: {token}", "Transfer-Encoding: chunked", method="POST",
        host="a",
    )  # fmt: skip
    wire.send(head + CHUNKS[name] + build(f"/canary/{token}", host="a"))
    reply = wire.reply(what=f"to {name}")

    assert reply.is_refusal or reply.status == 502, f"{name} was served: {reply.status}"
    assert b"HTTP/1.1 200" not in leftovers(wire), f"{name}: the connection went on"
    canary = gateway.upstream.about(f"/canary/{token}")
    assert canary == [], f"{name}: the connection went on, the canary arrived"
    with_body = [s for s in gateway.upstream.about(token) if s.body]
    whole = [
        s for s in with_body if b"hello" in s.body and s.head.endswith(b"\r\n\r\n")
    ]
    for request in whole:
        raw = gateway.upstream.bytes_about(token)
        assert not raw.endswith(END), f"{name} was served as whole: {request.body!r}"


@pytest.mark.spec("T-X1")
@shows("as it was sent")
def test_the_upstream_gets_a_message_written_anew(gateway: Gateway) -> None:
    token = secrets.token_hex(8)
    odd = (
        b"POST /public/x HTTP/1.1\r\nhOsT: a\r\nX-Case:%b\r\nX-Odd:    wide   \r\n"
        b"tRaNsFeR-eNcOdInG: ChUnKeD\r\nTE: trailers\r\nTrailer: X-Late\r\nKeep-Alive: 5\r\n"
        b"Connection: keep-alive, TE\r\n\r\n"
        b'0005;a=b;c="d"\r\nhello\r\n00\r\nX-Late: evil\r\nContent-Length: 7\r\n\r\n'
    ) % token.encode()  # fmt: skip
    assert gateway.raw(odd).status == 200
    (request,) = gateway.upstream.about(token)
    raw = gateway.upstream.bytes_about(token)

    assert request.body == b"hello", "the body changed"
    assert request.all("X-Odd") == ["wide"], "the field was sent on as it was sent"
    assert b"X-Odd: wide\r\n" in raw, "the blanks were sent on as it was sent"
    for piece in (b";a=b", b"X-Late: evil", b"Content-Length: 7", b"eNcOdInG"):
        assert piece not in raw, f"{piece!r} was passed on as it was sent"
    assert request.all("Keep-Alive") == [], "Keep-Alive was passed on as it was sent"


def tunnel_bait(name: str) -> Script:
    def script(_seen: Seen, sock: socket.socket) -> bool:
        sock.sendall(BAITS[name])
        return True

    return script


EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Poison: 1\r\n\r\npoison"
BAITS: dict[str, bytes] = {
    "a second reply": OK + EVIL,
    "bytes behind the body": OK + b"\r\npoison",
    "bytes behind 204": b"HTTP/1.1 204 No Content\r\n\r\n" + EVIL,
    "a body behind 304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n" + EVIL,
    "bytes behind the last chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + EVIL
    ),
    "an answer to a later question": OK + OK + EVIL,
    "an interim reply behind": OK + b"HTTP/1.1 100 Continue\r\n\r\n" + EVIL,
}  # fmt: skip


@pytest.mark.spec("T-X2")
@shows("poison")
@pytest.mark.parametrize("name", list(BAITS))
def test_extra_bytes_of_an_upstream_never_answer_another_request(
    gateway: Gateway, name: str
) -> None:
    for _ in range(4):
        bait = gateway.script(tunnel_bait(name))
        first = gateway.ask("/public/bait", token=bait)
        assert b"poison" not in first.reply.body, f"{name}: poison in its own reply"
        for _ in range(3):
            told = gateway.ask("/public/victim")
            assert told.reply.get("X-Poison") == "", f"{name}: poison reached a victim"
            assert b"poison" not in told.reply.body, f"{name}: poison reached a victim"
            assert b"/public/victim" in told.reply.body, (
                f"{name}: poison: the victim got {told.reply.status} {told.reply.body[:60]!r}"
            )


@pytest.mark.spec("T-X2")
@shows("poison")
def test_a_body_in_the_reply_to_head_never_answers_another_request(
    gateway: Gateway,
) -> None:
    for _ in range(4):
        bait = gateway.script(answers(OK[:-2] + EVIL))
        gateway.ask("/public/bait", token=bait, method="HEAD")
        told = gateway.ask("/public/victim")
        assert b"poison" not in told.reply.body, "poison reached a victim"
        assert b"/public/victim" in told.reply.body, f"poison: {told.reply.body[:60]!r}"


BROKEN: dict[str, bytes] = {
    "Content-Length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    "a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
    "the last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
}


@pytest.mark.spec("T-X2")
@shows("looks whole")
@pytest.mark.parametrize("name", list(BROKEN))
def test_a_truncated_reply_does_not_look_whole(gateway: Gateway, name: str) -> None:
    token = gateway.script(answers(BROKEN[name], keep=False))
    reply = gateway.ask("/public/x", token=token).reply

    assert reply.status >= 500 or not reply.complete, (
        f"a reply cut inside {name} looks whole: {reply.body!r}"
    )
    assert gateway.ask("/public/victim").reply.status == 200


AMBIGUOUS: dict[str, bytes] = {
    "CL and TE": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "CL twice": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nokx",
    "CL +2": b"Content-Length: +2\r\n\r\nok",
    "a split head": b"X: a\rSet-Cookie: x=y\r\nContent-Length: 2\r\n\r\nok",
    "TE odd": b"Transfer-Encoding: chunked, identity\r\n\r\n2\r\nok\r\n0\r\n\r\n",
}


@pytest.mark.spec("T-X2")
@shows("was passed on")
@pytest.mark.parametrize("name", list(AMBIGUOUS))
def test_an_ambiguous_reply_is_a_bad_gateway(gateway: Gateway, name: str) -> None:
    token = gateway.script(
        answers(b"HTTP/1.1 200 OK\r\n" + AMBIGUOUS[name], keep=False)
    )
    reply = gateway.ask("/public/x", token=token).reply

    assert reply.status in {502, 503, 504}, f"{name} was passed on: {reply}"


@pytest.mark.spec("T-X2")
@shows("reached the upstream")
def test_connect_and_foreign_upgrades_are_refused(gateway: Gateway) -> None:
    token = secrets.token_hex(8)
    for target, host in (
        (b"a:443", b"a:443"),
        (b"127.0.0.1:80", b"127.0.0.1:80"),
        (b"/public/x", b"a"),
        (b"http://a/public/x", b"a"),
    ):
        raw = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\nX-Case: %b\r\n\r\n" % (
            target, host, token.encode(),
        )  # fmt: skip
        assert_refused_whole(gateway, raw, token, f"CONNECT {target!r}")
    bait = gateway.script(
        answers(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
    )  # fmt: skip
    upgrade = (
        "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__",
    )  # fmt: skip
    told = gateway.ask("/public/x", *upgrade, token=bait)
    for request in told.seen:
        assert request.all("Upgrade") == [], "the upgrade to h2c reached the upstream"
        assert request.all("HTTP2-Settings") == [], (
            "HTTP2-Settings reached the upstream"
        )
    assert told.reply.status != 101, "a switch nobody asked for reached the upstream"


@pytest.mark.spec("T-X2")
@shows("became a tunnel")
def test_a_switch_nobody_asked_for_is_no_tunnel(gateway: Gateway) -> None:
    token = gateway.script(
        answers(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    )  # fmt: skip
    reply = gateway.ask("/public/x", token=token).reply

    assert reply.status in {502, 503, 504}, f"a plain GET became a tunnel: {reply}"
