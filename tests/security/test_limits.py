"""
How much one client or one provider may ask for (T-X3, T-X4, T-X5, T-X6), and how long it may take.
"""

from __future__ import annotations

import secrets
import time

import pytest

from tests.security.gateways import Gateway, build
from tests.security.rules import shows
from tests.security.upstream import answers

KIB = 1024
PROMPT_S = 1.5
# What an identity provider may make us hold, and what may sit in socket buffers besides.
MOST_TAKEN_BYTES = 16 << 20


def fill(count: int, size: int = 1) -> list[str]:
    return [f"X-F{n}: {'a' * size}" for n in range(count)]


@pytest.mark.spec("T-X3")
@shows("reached the upstream|no whole reply")
def test_a_head_beyond_64_kilobytes_is_refused(gateway: Gateway) -> None:
    for fields in (
        ["X-Big: " + "a" * 66 * KIB],
        fill(70, KIB),
        ["Cookie: " + "; ".join(f"c{n}=x" for n in range(10_000))],
        ["a" * 66 * KIB + ": x"],
    ):
        told = gateway.ask("/public/x", *fields)
        assert told.seen == [], "a head beyond 64 KB reached the upstream"
        assert told.reply.status in {0, 400, 431}, f"64 KB: {told.reply.status}"
    told = gateway.ask("/public/" + "a" * 66 * KIB)
    assert told.seen == [], "a target beyond 64 KB reached the upstream"
    assert told.reply.status in {0, 400, 414, 431}, f"target: {told.reply.status}"
    assert gateway.ask("/public/x", *fill(30, KIB)).reply.status == 200


@pytest.mark.spec("T-X3")
@shows("reached the upstream")
def test_a_head_of_more_than_200_fields_is_refused(gateway: Gateway) -> None:
    for count in (201, 250, 2000):
        told = gateway.ask("/public/x", *fill(count))
        assert told.seen == [], f"{count} fields reached the upstream"
        assert told.reply.status in {0, 400, 431}, f"{count} fields: {told.reply}"
    assert gateway.ask("/public/x", *fill(150)).reply.status == 200


@pytest.mark.spec("T-X3")
@shows("without end|was served")
def test_a_head_without_end_is_cut_off(gateway: Gateway) -> None:
    wire = gateway.dial()
    wire.send(b"GET /public HTTP/1.1\r\nHost: a\r\n")
    for _ in range(64):
        wire.send(b"X-More: " + b"a" * 8 * KIB + b"\r\n")
    try:
        reply = wire.reply(patience_s=3)
    except AssertionError:
        raise AssertionError("a head without end is read on and on") from None
    assert reply.status in {0, 400, 431}, f"a head without end: {reply.status}"


def chunked(token: str, method: str = "POST") -> bytes:
    return build(
        "/public/x", f"X-Case: {token}", "Transfer-Encoding: chunked", method=method,
        host="a",
    )  # fmt: skip


@pytest.mark.spec("T-X3")
@shows("trailers")
def test_trailers_are_capped(gateway: Gateway) -> None:
    for trailer in (
        b"X-Late: " + b"a" * 1000 + b"\r\n",
        b"a: b\r\n",
    ):
        token = secrets.token_hex(8)
        wire = gateway.dial()
        wire.send(chunked(token) + b"5\r\nhello\r\n0\r\n")
        wire.send(trailer * (1_000_000 // len(trailer)) + b"\r\n")
        reply = wire.reply(what="to a megabyte of trailers")
        assert reply.status != 200, "a megabyte of trailers was served"
        assert b"X-Late" not in gateway.upstream.bytes_about(token), (
            "the trailers reached the upstream"
        )


@pytest.mark.spec("T-X3")
@shows("chunk extension")
def test_chunk_extensions_are_capped(gateway: Gateway) -> None:
    wire = gateway.dial()
    wire.send(chunked(secrets.token_hex(8)) + b"5;" + b"a" * 1_000_000)
    wire.send(b"\r\nhello\r\n0\r\n\r\n")
    reply = wire.reply(what="to a megabyte of chunk extension")

    assert reply.status != 200, "a megabyte of chunk extension was served"


@pytest.mark.spec("T-X3")
@shows("tiny chunks")
def test_many_tiny_chunks_cost_linear_time(gateway: Gateway) -> None:
    def seconds(count: int) -> float:
        token = secrets.token_hex(8)
        wire = gateway.dial()
        started = time.monotonic()
        wire.send(chunked(token) + b"1\r\na\r\n" * count + b"0\r\n\r\n")
        reply = wire.reply(what=f"to {count} tiny chunks", patience_s=12)
        assert reply.status == 200, f"tiny chunks: {reply.status}"
        (request,) = gateway.upstream.about(token)
        assert request.body == b"a" * count, "tiny chunks changed the body"
        return time.monotonic() - started

    few = max(seconds(5_000), 0.05)
    # Twelve times as many; the better of two runs, so that a busy machine does no harm.
    many = min(seconds(60_000), seconds(60_000))

    assert many < few * 12 * 3, f"tiny chunks: {few:.2f} s, then {many:.2f} s"


def seconds_until_the_end(gateway: Gateway, wire_number: int, bound_s: float) -> float:
    wire = gateway.slow[wire_number]
    left = gateway.slow_since + bound_s - time.monotonic()
    assert wire.closes(max(left, 0.1)), "a slow head is waited for without end"
    return time.monotonic() - gateway.slow_since


@pytest.mark.spec("T-X3")
@shows("slow head")
@pytest.mark.parametrize("number", [0, 1])
def test_a_head_out_of_time_ends_its_connection(gateway: Gateway, number: int) -> None:
    seconds_until_the_end(gateway, number, gateway.head_timeout_s * 1.08 + 1)


@pytest.mark.spec("T-X4")
@shows("bytes of")
def test_no_answer_of_a_provider_is_taken_whole(gateway: Gateway) -> None:
    started = time.monotonic()
    told = gateway.ask("/huge/x", gateway.bearer())

    assert told.seen == [], "a provider that floods opened the route"
    assert told.reply.status >= 400, f"{told.reply.status}"
    taken = gateway.provider.huge_sent
    assert 0 < taken < MOST_TAKEN_BYTES, (
        f"{taken} bytes of an endless document were taken"
    )
    assert time.monotonic() - started < 8
    assert gateway.ask("/bearer/x", gateway.bearer()).reply.status == 200


@pytest.mark.spec("T-X5")
@shows("form bomb")
def test_a_form_bomb_at_the_callback_is_refused(gateway: Gateway) -> None:
    kind = "Content-Type: application/x-www-form-urlencoded"
    many = "&".join(f"f{n}=x" for n in range(5000)).encode()
    for body in (
        b"code=a&state=b&x=" + b"a" * 300_000,
        b"code=a&state=b&" + many,
        b"&" * 200_000,
        b"code=a&state=" + b"%41" * 60_000,
        b"code=a&" * 30_000,
    ):
        started = time.monotonic()
        told = gateway.ask("/session", kind, method="POST", body=body)
        assert told.seen == [], "a form bomb reached the upstream"
        assert told.reply.is_refusal, f"a form bomb: {told.reply.status}"
        assert told.reply.all("Set-Cookie") == [], "a form bomb made a session"
        assert time.monotonic() - started < PROMPT_S, "a form bomb takes its time"


@pytest.mark.spec("T-X6")
@shows("catastrophic")
def test_a_catastrophic_pattern_costs_nothing(gateway: Gateway) -> None:
    for count in (27, 3000, 12_000):
        started = time.monotonic()
        wire = gateway.dial()
        wire.send(build(f"/evil/{'a' * count}-", host="a"))
        try:
            reply = wire.reply(patience_s=PROMPT_S)
        except AssertionError:
            raise AssertionError(
                f"a catastrophic pattern blocks the gateway on {count} letters"
            ) from None
        seconds = time.monotonic() - started
        assert reply.status in {200, 404}, f"catastrophic: {reply.status}"
        assert seconds < PROMPT_S, f"a catastrophic pattern took {seconds:.1f} s"
    assert gateway.ask("/evil/aaaa").reply.status == 200


@pytest.mark.spec("T-X3")
@shows("silent upstream")
def test_a_silent_upstream_is_not_waited_for_without_end(gateway: Gateway) -> None:
    token = gateway.script(lambda _seen, sock: bool(sock.recv(1)))
    wire = gateway.dial()
    wire.send(
        build("/public/x", f"X-Case: {token}", host="a", method="POST", body=b"x")
    )
    try:
        reply = wire.reply(patience_s=6.5)
    except AssertionError:
        raise AssertionError("a silent upstream is waited for without end") from None

    assert reply.status == 504, f"a silent upstream: {reply.status}"


@pytest.mark.spec("T-X3")
@shows("head of a reply")
def test_the_head_of_a_reply_is_bounded(gateway: Gateway) -> None:
    for head in (
        b"X-Big: " + b"a" * (1 << 20) + b"\r\n",
        b"X: y\r\n" * 5000,
    ):
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + head + b"\r\nok"
        reply = gateway.ask("/public/x", token=gateway.script(answers(raw))).reply
        assert reply.status in {502, 503}, f"the head of a reply: {reply.status}"
