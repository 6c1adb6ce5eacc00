"""Lines of the error log: heads, requests with secrets starred out, JSON."""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import Any

import pytest

from ostiary.gateway.decision import Pending
from ostiary.gateway.error_log import (
    CURRENT,
    About,
    JsonFormatter,
    KongFormatter,
    build_formatter,
    name_level,
)
from ostiary.http.head import RequestHead
from ostiary.kit import NEEDS_IO, Exchange, NeedsIo
from tests.unit.gateway.gateway_kit import PEER, World, ask, forward, route, service

HEAD = RequestHead(
    method=b"GET",
    target=b"/a?state=planted&b=1",
    fields=((b"Host", b"gw.example"),),
    minor=1,
)


def made(message: str = "it failed", **more: Any) -> logging.LogRecord:
    record = logging.LogRecord("ostiary.gateway", 30, "", 0, message, (), None)
    for name, value in more.items():
        setattr(record, name, value)
    return record


def about(**more: Any) -> About:
    fields: dict[str, Any] = {"request_id": "id-1", "head": HEAD, "peer": PEER}
    return About(**fields | more)


@pytest.mark.spec("gateway#3.12")
def test_a_line_about_a_request_ends_with_it() -> None:
    line = KongFormatter(2).format(made(about=about(), process=7))

    assert re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[warn\] 7#2: .*", line)
    assert line.partition("7#2: ")[2] == (
        "*0 it failed, client: 203.0.113.9, server: kong, "
        'request: "GET /a?state=***&b=1 HTTP/1.1", host: "gw.example", request_id: "id-1"'
    )


def test_a_line_about_none_has_just_the_head() -> None:
    line = KongFormatter(0).format(made(process=7, about=None))

    assert line.endswith("[warn] 7#0: it failed")


def test_a_request_without_a_host_has_none() -> None:
    head = RequestHead(method=b"GET", target=b"/", fields=(), minor=0)
    line = KongFormatter(0).format(made(about=about(head=head)))

    assert 'request: "GET / HTTP/1.0", request_id' in line


def test_nobody_writes_lines_of_his_own() -> None:
    head = RequestHead(
        method=b"GET", target=b'/"\xff', fields=((b"Host", b'a"\tb'),), minor=1
    )
    line = KongFormatter(0).format(made("bad\nvalue\x1b[0m", about=about(head=head)))

    assert "bad?value?[0m," in line
    assert 'request: "GET /%22ÿ HTTP/1.1", host: "a%22?b"' in line


def test_a_trace_follows_its_line() -> None:
    try:
        raise ValueError("x")
    except ValueError:
        record = made(exc_info=sys.exc_info())

    assert "it failed\nTraceback" in KongFormatter(0).format(record)
    assert "Traceback" in json.loads(JsonFormatter(0).format(record))["trace"]


@pytest.mark.parametrize(
    ("number", "word"),
    [(10, "debug"), (20, "info"), (25, "notice"), (30, "warn"), (40, "error"), (50, "crit")],
)  # fmt: skip
def test_levels_have_kongs_names(number: int, word: str) -> None:
    assert name_level(number) == word


def test_json_says_the_same() -> None:
    line = json.loads(build_formatter("json", 2).format(made(about=about(), process=7)))
    del line["time"]

    assert line == {
        "level": "warn", "pid": 7, "worker": 2, "logger": "ostiary.gateway",
        "message": "it failed", "connection": 0, "client": "203.0.113.9",
        "request": "GET /a?state=***&b=1 HTTP/1.1", "host": "gw.example",
        "request_id": "id-1",
    }  # fmt: skip


def test_lines_of_the_gateway_say_which_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    gateway = World().gateway(services=[service()], routes=[route()])
    decision = forward(ask(gateway))
    assert decision.on_error is not None
    decision.on_error(502, "refused")
    ask(gateway, b"/%2fa/../%zz")

    found = [KongFormatter(1).format(r) for r in caplog.records]
    assert 'request_id: "id-1"' in found[0]
    assert 'request_id: "id-2"' in found[1]


def test_plugins_write_about_their_own_request() -> None:
    seen: list[str] = []

    def act(_: Exchange) -> None:
        subject = CURRENT.get()
        assert subject is not None
        seen.append(subject.about.request_id)

    world = World(act=act)
    gateway = world.gateway(
        services=[service()], routes=[route()], plugins=[{"name": "fake"}]
    )
    ask(gateway)
    ask(gateway)

    assert seen == ["id-1", "id-2"]
    assert CURRENT.get() is None


async def test_so_do_plugins_that_wait() -> None:
    seen: list[str] = []

    def act(_: Exchange) -> NeedsIo:
        subject = CURRENT.get()
        assert subject is not None
        seen.append(subject.about.request_id)
        return NEEDS_IO

    gateway = World(act=act).gateway(
        services=[service()], routes=[route()], plugins=[{"name": "fake"}]
    )
    decision = ask(gateway)
    assert isinstance(decision, Pending)
    await decision.decision

    assert seen == ["id-1", "id-1"]
    assert CURRENT.get() is None
