"""The first line, to the letter; methods nobody knows; protocols that must be upgraded."""

from __future__ import annotations

import pytest

from ostiary.gateway.decision import Answer
from ostiary.http.head import Reply
from ostiary.proxy.faults import BadMessage
from ostiary.proxy.heads import RequestReader
from ostiary.proxy.limits import Limits
from tests.proxy.support import Stage, get

BEHIND = b"Host: a\r\n\r\n"
LOOSE = [
    b"GET  /x HTTP/1.1\r\n",
    b"GET /x  HTTP/1.1\r\n",
    b"GET\t/x HTTP/1.1\r\n",
    b"GET /x\tHTTP/1.1\r\n",
    b"GET /x HTTP/1.1 \r\n",
    b"GET /x HTTP/1.1\t\r\n",
    b" GET /x HTTP/1.1\r\n",
    b"\nGET /x HTTP/1.1\r\n",
    b"\rGET /x HTTP/1.1\r\n",
    b"GET /x HTTP/1.1\n",
    b"GET /x HTTP/1.1\r\r\n",
    b"GET /x\r\n",
    b"GET /x http/1.1\r\n",
    b"GET /x HTTP/1.11\r\n",
    b"get /x HTTP/1.1\r\n",
]
FOREIGN = [b"NONSENSE", b"DESCRIBE", b"FLUSH", b"GETT", b"X-Y", b"A", b"PRIX"]


def verdict(*parts: bytes) -> int:
    """The status a head is refused with, or 200."""
    reader = RequestReader(Limits())
    try:
        for part in parts:
            if reader.feed(part) is not None:
                return 200
    except BadMessage as fault:
        return fault.status
    return 0


def splits(raw: bytes) -> list[list[bytes]]:
    return [
        [raw],
        [raw[n : n + 1] for n in range(len(raw))],
        *([raw[:n], raw[n:]] for n in range(1, len(raw))),
    ]


@pytest.mark.spec("RFC9112#3")
@pytest.mark.parametrize("line", LOOSE)
def test_a_loose_request_line_is_refused_however_it_arrives(line: bytes) -> None:
    assert {verdict(*parts) for parts in splits(line + BEHIND)} == {400}


@pytest.mark.spec("RFC9112#3")
@pytest.mark.parametrize("before", [b"", b"\r\n", b"\r\n\r\n", b"\r\n" * 5])
@pytest.mark.parametrize(
    "line",
    [b"GET /x HTTP/1.1\r\n", b"OPTIONS * HTTP/1.0\r\n", b"M-SEARCH / HTTP/1.1\r\n"],
)
def test_a_strict_one_is_taken_however_it_arrives(before: bytes, line: bytes) -> None:
    assert {verdict(*parts) for parts in splits(before + line + BEHIND)} == {200}


@pytest.mark.parametrize("behind", [b"", b"H", b"Host: a\r\nX"])
def test_a_line_without_a_version_is_refused_before_the_head_ends(
    behind: bytes,
) -> None:
    raw = b"GET /HTTP/1.1\r\n" + behind

    assert {verdict(*parts) for parts in splits(raw)} == {400}


def test_a_long_target_may_come_in_pieces() -> None:
    raw = b"GET /" + b"a" * 16_000 + b" HTTP/1.1\r\n" + BEHIND
    pieces = [raw[n : n + 700] for n in range(0, len(raw), 700)]

    assert verdict(*pieces) == 200
    assert verdict(raw) == 200


def test_many_empty_lines_are_skipped_at_once() -> None:
    assert verdict(b"\r\n" * 200_000 + b"GET / HTTP/1.1\r\n" + BEHIND) == 200


@pytest.mark.spec("RFC9110#9.1")
@pytest.mark.parametrize("method", FOREIGN)
def test_an_unknown_method_is_not_implemented_however_it_arrives(method: bytes) -> None:
    raw = method + b" /x HTTP/1.1\r\n" + BEHIND

    assert {verdict(*parts) for parts in splits(raw)} == {501}


@pytest.mark.spec("RFC9110#9.1")
@pytest.mark.parametrize(
    "line",
    [
        b"NONSENSE  /x HTTP/1.1\r\n",
        b"NONSENSE /x HTTP/1.1 \r\n",
        b"NONSENSE /x HTTP/2.0\r\n",
        b"NONSENSE /x\r\n",
        b"NONSENSE\r\n",
        b"nonsense /x HTTP/1.1\r\n",
        b"N" * 40 + b" /x HTTP/1.1\r\n",
        b"NONSENSE /\xff HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\r\n",
        b"NONSENSE /" + b"x" * 17_000 + b" HTTP/1.1\r\n",
    ],
)
def test_garbage_is_a_bad_request(line: bytes) -> None:
    parts = [line[n : n + 1] for n in range(min(len(line), 99))]

    assert verdict(line + BEHIND) == 400
    assert verdict(*parts, line[99:] + BEHIND) == 400


async def test_an_unknown_method_ends_the_connection(stage: Stage) -> None:
    await stage.serve(lambda _h, _p, _b: Answer(reply=Reply(status=200)))
    client = await stage.client()

    client.send(get(method=b"BREW") + get())
    answer = await client.rest()

    assert answer.startswith(b"HTTP/1.1 501 Not Implemented\r\n")
    assert b"Connection: close" in answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert stage.decider.refusals == [(501, "Not implemented")]


@pytest.mark.spec("RFC9110#15.5.22")
@pytest.mark.parametrize(
    ("status", "asks", "expected"),
    [
        (426, b"", b"Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n"),
        (
            426,
            b"Connection: close\r\n",
            b"Connection: close, Upgrade\r\nUpgrade: HTTP/2.0\r\n",
        ),
        (400, b"", None),
    ],
)
async def test_only_upgrade_required_names_a_protocol(
    stage: Stage, status: int, asks: bytes, expected: bytes | None
) -> None:
    reply = Reply(status=status, fields=((b"Upgrade", b"HTTP/2.0"),), body=b"x")
    await stage.serve(lambda _h, _p, _b: Answer(reply=reply))
    client = await stage.client()

    head, _ = await client.ask(get(b"/", asks))

    if expected is None:
        assert b"Upgrade" not in head
    else:
        assert b"\r\n" + expected in head
        assert head.count(b"Upgrade: ") == 1


async def test_an_upgrade_that_would_be_two_lines_is_not_sent(stage: Stage) -> None:
    reply = Reply(status=426, fields=((b"Upgrade", b"a\r\nX: y"),))
    await stage.serve(lambda _h, _p, _b: Answer(reply=reply))
    client = await stage.client()

    assert (await client.ask(get()))[0].startswith(b"HTTP/1.1 500 ")
