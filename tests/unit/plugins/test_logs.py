"""The plugins that tell what became of exchanges, and the queue behind them."""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64encode
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ostiary.kit import Background
from ostiary.kit.queue import NotTaken, Queue, QueueRecord
from ostiary.node.plugin_log import is_not_ours
from ostiary.plugins import CATALOG
from tests.support.ports import FakeClock, LogBook
from tests.unit.plugins.plugin_kit import (
    ANNA,
    FakeConsumers,
    Gate,
    Lender,
    check,
    defaults,
    problems,
)

ENDPOINT = "https://log.example/in"


class Hurried(Background):
    """Waits take no time; the clock moves instead."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.waited: list[float] = []

    async def wait(self, alarm: asyncio.Event, seconds: float) -> None:
        self.waited.append(seconds)
        self.clock.move(seconds)

    async def done(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks)


class Line:
    """A queue, what it sent, and how often it was refused before."""

    def __init__(self, *, refusals: int = 0, **record: Any) -> None:
        self.clock, self.book = FakeClock(), LogBook()
        self.background = Hurried(self.clock)
        self.sent: list[list[bytes]] = []
        self.refusals = refusals
        self.queue = Queue(
            QueueRecord(**record),
            self._send,
            background=self.background,
            now=self.clock.now,
            log=self.book,
        )

    async def _send(self, batch: list[bytes]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise NotTaken("log.example answered 500")
        self.sent.append(batch)

    async def put(self, *entries: bytes) -> None:
        for entry in entries:
            self.queue.put(entry)
        await self.background.done()


@pytest.mark.spec("Kong#queue")
async def test_entries_go_one_by_one_or_in_batches() -> None:
    single, batched = Line(), Line(max_batch_size=2)
    await single.put(b"1", b"2", b"3")
    await batched.put(b"1", b"2", b"3")

    assert single.sent == [[b"1"], [b"2"], [b"3"]]
    assert single.background.waited == []
    assert batched.sent == [[b"1", b"2"], [b"3"]]
    assert batched.background.waited == [1]


@pytest.mark.spec("Kong#queue")
async def test_a_batch_that_is_not_taken_is_sent_again_ever_more_slowly() -> None:
    line = Line(refusals=4, max_retry_delay=0.05)
    await line.put(b"1")

    assert line.sent == [[b"1"]]
    assert line.background.waited == [0.01, 0.02, 0.04, 0.05]
    assert "answered 500" in line.book.text


@pytest.mark.spec("Kong#queue")
async def test_a_batch_is_given_up_after_its_time() -> None:
    line = Line(refusals=3, max_retry_time=0.02)
    await line.put(b"1", b"2")

    assert line.sent == [[b"2"]]
    assert "1 entries are lost" in line.book.text
    forever = Line(refusals=30, max_retry_time=-1, max_retry_delay=1000)
    await forever.put(b"1")
    assert forever.sent == [[b"1"]]


@pytest.mark.spec("Kong#queue")
async def test_the_oldest_entries_go_when_there_are_too_many() -> None:
    by_count, by_size = Line(max_entries=2), Line(max_bytes=4)
    await by_count.put(b"1", b"2", b"3")
    await by_size.put(b"11", b"22", b"33", b"too long")

    assert by_count.sent == [[b"2"], [b"3"]]
    assert by_size.sent == [[b"22"], [b"33"]]
    assert "the queue is full" in by_count.book.text
    assert "1 entries were dropped" in by_count.book.text


@pytest.mark.spec("Kong#queue")
async def test_batches_may_go_at_the_same_time() -> None:
    line = Line(concurrency_limit=-1)
    await line.put(b"1", b"2")

    assert sorted(line.sent) == [[b"1"], [b"2"]]


@pytest.mark.spec("Kong#queue")
def test_defaults_of_queues_are_kongs() -> None:
    assert QueueRecord().model_dump(mode="json") == {
        "max_batch_size": 1,
        "max_coalescing_delay": 1,
        "max_entries": 10000,
        "max_bytes": None,
        "max_retry_time": 60,
        "initial_retry_delay": 0.01,
        "max_retry_delay": 60,
        "concurrency_limit": 1,
    }
    for queue, text in (
        ({"max_batch_size": 0}, "value should be between 1 and 1000000"),
        ({"max_coalescing_delay": 3601}, "value should be between 0 and 3600"),
        ({"initial_retry_delay": 0}, "value should be between 0.001 and 1000000"),
        ({"concurrency_limit": 2}, "expected one of: -1, 1"),
    ):
        found = problems("http-log", {"http_endpoint": ENDPOINT, "queue": queue})
        assert found == ((("queue", next(iter(queue))), text),)


async def test_at_the_end_what_waits_is_sent() -> None:
    background, sent = Background(), []

    async def send(batch: list[bytes]) -> None:
        sent.append(batch)

    queue = Queue(
        QueueRecord(max_batch_size=10, max_coalescing_delay=3600),
        send,
        background=background,
        now=lambda: 0.0,
        log=LogBook(),
    )
    queue.put(b"1")
    await asyncio.sleep(0)
    assert sent == []
    await background.close(5)

    assert sent == [[b"1"]]
    assert background.alarm().is_set()


async def test_work_that_never_ends_is_given_up_and_work_that_breaks_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    background, ended = Background(), []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("hang")

    async def broken() -> None:
        raise KeyError("planted-secret")

    work: list[Coroutine[Any, Any, None]] = [hang(), broken()]
    for piece in work:
        background.start(piece)
    await background.close(0)

    assert ended == ["hang"]
    assert "work in the background failed: KeyError" in caplog.text
    assert "planted" not in caplog.text


async def log_one(plugin: str, config: dict[str, Any], lender: Lender) -> None:
    consumers = FakeConsumers()
    consumers.give(ANNA, "keyauth_credentials", "planted-key")
    gate = Gate(
        ("key-auth", {"key_names": ["x-my-key"]}),
        (plugin, config),
        consumers=consumers,
        lender=lender,
    )
    asked = await gate.ask(
        b"/?x-my-key=planted&a=1",
        fields=((b"X-My-Key", b"planted-key"), (b"Cookie", b"planted")),
    )
    asked.respond()
    asked.finish()


@pytest.mark.spec("Kong#file-log")
@pytest.mark.parametrize("reopen", [False, True])
async def test_a_file_gets_a_line_for_each_exchange(
    tmp_path: Path, reopen: bool
) -> None:
    file = tmp_path / "log"
    lender = Lender()
    for _ in range(2):
        await log_one("file-log", {"path": str(file), "reopen": reopen}, lender)
    lines = file.read_text().splitlines()

    assert len(lines) == 2
    assert "planted" not in file.read_text()
    found = json.loads(lines[0])
    assert found["consumer"]["username"] == "anna"
    assert found["request"]["headers"]["x-my-key"] == "REDACTED"
    assert found["request"]["querystring"] == {"x-my-key": "***", "a": "1"}


@pytest.mark.spec("Kong#file-log")
async def test_a_file_may_be_moved_away_if_it_is_reopened(tmp_path: Path) -> None:
    file = tmp_path / "log"
    handler = CATALOG["file-log"].build(
        check("file-log", {"path": str(file), "reopen": True}), "r", Lender().services()
    )
    gate = Gate(handlers=(handler,))
    for _ in range(2):
        asked = await gate.ask()
        asked.finish()
        if not (tmp_path / "old").exists():
            file.rename(tmp_path / "old")

    assert len(file.read_text().splitlines()) == 1


async def test_a_file_that_cannot_be_written_is_told_and_harms_nobody(
    tmp_path: Path,
) -> None:
    lender = Lender()
    os.mkfifo(tmp_path / "pipe")  # nobody reads it
    for path in (tmp_path / "none" / "log", tmp_path / "pipe"):
        await log_one("file-log", {"path": str(path)}, lender)

    assert lender.book.text.count("failed to write") == 2


def test_files_of_the_node_are_not_for_plugins(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "secrets")

    for name in (
        "secrets/database.key",
        "config.db",
        "logs/../config.db",
        "link/x",
        ".",
    ):
        assert not is_not_ours(tmp_path, str(tmp_path / name))
    for path in (tmp_path / "logs" / "a.log", tmp_path.parent / "a.log", "/dev/stdout"):
        assert is_not_ours(tmp_path, str(path))


async def test_a_file_that_plugins_must_not_write_stays_as_it_is(
    tmp_path: Path,
) -> None:
    file = tmp_path / "secret"
    file.write_text("k")
    lender = Lender()
    services = replace(lender.services(), may_write=lambda _: False)
    handler = CATALOG["file-log"].build(
        check("file-log", {"path": str(file)}), "r", services
    )
    (await Gate(handlers=(handler,)).ask()).finish()

    assert file.read_text() == "k"
    assert "Operation not permitted" in lender.book.text


@pytest.mark.spec("Kong#http-log")
async def test_a_server_gets_an_object_or_an_array() -> None:
    clock = FakeClock()
    lender = Lender(clock=clock, background=Hurried(clock))
    config = {
        "http_endpoint": "https://us%20er:p%40ss@log.example:8443/in?x=1",
        "method": "PUT",
        "headers": {"X-A": "1"},
        "timeout": 500,
    }
    await log_one("http-log", config, lender)
    assert isinstance(lender.background, Hurried)
    await lender.background.done()
    request = lender.fetch.sent[0]

    assert request.method == "PUT"
    assert request.url == "https://log.example:8443/in?x=1"
    assert dict(request.fields) == {
        "Content-Type": "application/json",
        "X-A": "1",
        "Authorization": "Basic " + b64encode(b"us er:p@ss").decode(),
    }
    assert lender.fetch.limits[0].timeout_s == 0.5
    assert json.loads(request.body)["consumer"]["username"] == "anna"
    assert b"planted" not in request.body
    assert "p%40ss" not in repr(check("http-log", config))


@pytest.mark.spec("Kong#http-log")
async def test_several_entries_are_an_array_under_the_old_names_too() -> None:
    clock = FakeClock()
    lender = Lender(clock=clock, background=Hurried(clock))
    handler = CATALOG["http-log"].build(
        check(
            "http-log",
            {"http_endpoint": ENDPOINT, "queue_size": 2, "flush_timeout": 7},
        ),
        "r",
        lender.services(),
    )
    gate = Gate(handlers=(handler,))
    for _ in range(3):
        (await gate.ask()).finish()
    assert isinstance(lender.background, Hurried)
    await lender.background.done()

    first, second = (json.loads(request.body) for request in lender.fetch.sent)
    assert len(first) == 2
    assert second["source"] == "upstream"
    assert lender.background.waited == [7]


@pytest.mark.spec("Kong#http-log")
async def test_a_server_that_refuses_is_asked_again_and_its_secrets_are_not_told() -> (
    None
):
    clock = FakeClock()
    lender = Lender(clock=clock, background=Hurried(clock))
    lender.fetch.answers = [None, 500, 302, 204]
    config = {"http_endpoint": "https://u:planted@log.example/in"}
    await log_one("http-log", config, lender)
    assert isinstance(lender.background, Hurried)
    await lender.background.done()

    assert len(lender.fetch.sent) == 4
    assert "log.example: connection refused" in lender.book.text
    assert "log.example answered 500" in lender.book.text
    assert "planted" not in lender.book.text


@pytest.mark.spec("Kong#http-log")
@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, (("http_endpoint",), "required field missing")),
        ({"http_endpoint": "log"}, (("http_endpoint",), "missing scheme in url")),
        ({"http_endpoint": "http://"}, (("http_endpoint",), "missing host in url")),
        (
            {"http_endpoint": ENDPOINT, "headers": {"HOST": "x"}},
            (("headers",), "cannot contain 'Host' header"),
        ),
        (
            {"http_endpoint": ENDPOINT, "headers": {"content-type": "x"}},
            (("headers",), "cannot contain 'Content-Type' header"),
        ),
        (
            {"http_endpoint": ENDPOINT, "headers": {"content-length": "x"}},
            (("headers",), "cannot contain 'Content-Length' header"),
        ),
        (
            {"http_endpoint": "http://u:p@x", "headers": {"Authorization": "x"}},
            (
                (),
                "specifying both an 'Authorization' header and user info in 'http_endpoint' is not allowed",
            ),
        ),
        (
            {"http_endpoint": ENDPOINT, "method": "GET"},
            (("method",), "expected one of: POST, PUT, PATCH"),
        ),
    ],
)
def test_what_is_wrong_with_http_log_is_said_in_kongs_words(
    config: Any, expected: Any
) -> None:
    assert problems("http-log", config) == (expected,)


@pytest.mark.spec("Kong#http-log")
def test_defaults_of_loggers_are_kongs_and_what_has_no_effect_is_told() -> None:
    shown = defaults("http-log", http_endpoint=ENDPOINT)
    queue = QueueRecord().model_dump(mode="json")

    assert shown == {
        "http_endpoint": ENDPOINT, "method": "POST", "content_type": "application/json",
        "timeout": 10000, "keepalive": 60000, "retry_count": None, "queue_size": None,
        "flush_timeout": None, "headers": None, "queue": queue, "custom_fields_by_lua": None,
    }  # fmt: skip
    assert defaults("file-log", path="/x") == {
        "path": "/x", "reopen": False, "custom_fields_by_lua": None,
    }  # fmt: skip
    assert problems("file-log", {"path": "a*"}) == (
        (("path",), "not a valid filename"),
    )
    assert problems("file-log", {}) == ((("path",), "required field missing"),)
    inert = {
        "custom_fields_by_lua": {"a": "return 1"},
        "retry_count": 1,
        "keepalive": 1,
    }
    told = CATALOG["http-log"].warnings(
        check("http-log", {"http_endpoint": ENDPOINT, **inert})
    )
    assert [line.split()[0] for line in told] == [*inert]
    plain = check("file-log", {"path": "/x"})
    lua = check("file-log", {"path": "/x", "custom_fields_by_lua": {"a": "b"}})
    assert CATALOG["file-log"].warnings(plain) == ()
    assert CATALOG["file-log"].warnings(lua) == ("custom_fields_by_lua has no effect",)


@pytest.mark.spec("Kong#prometheus")
async def test_prometheus_refuses_what_is_not_counted_and_costs_nothing() -> None:
    names = (
        "per_consumer", "status_code_metrics", "latency_metrics", "bandwidth_metrics",
        "upstream_health_metrics", "ai_metrics", "wasm_metrics",
    )  # fmt: skip
    assert defaults("prometheus") == dict.fromkeys(names, False)
    for name in names:
        found = problems("prometheus", {name: True})
        is_there = name in {
            "status_code_metrics",
            "latency_metrics",
            "bandwidth_metrics",
        }
        assert found == (() if is_there else (((name,), "not supported yet"),))
    kind = CATALOG["prometheus"]
    assert kind.warnings(check("prometheus", {})) == ()
    assert len(kind.warnings(check("prometheus", {"latency_metrics": False}))) == 1
    asked = await Gate(("prometheus", {})).ask()
    assert asked.forward.on_finish is None
