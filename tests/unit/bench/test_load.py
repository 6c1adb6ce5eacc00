"""What the load takes for a good reply, and that a wrong one ends it."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator

import pytest
from bench.load import (
    CONNECTIONS,
    Head,
    Load,
    LoadFailed,
    Target,
    is_complete,
    parse_head,
)
from bench.people import build_request

GOOD = b"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length:  4\r\n\r\n"


def test_a_head_is_status_length_and_where_the_body_starts() -> None:
    assert parse_head(GOOD + b"body") == Head(status=200, length=4, end=len(GOOD))


def test_a_head_without_a_length_says_so() -> None:
    head = parse_head(b"HTTP/1.1 302 Found\r\nTransfer-Encoding: chunked\r\n\r\n")

    assert head is not None
    assert (head.status, head.length) == (302, None)


@pytest.mark.parametrize("cut", [0, 5, len(GOOD) - 1])
def test_a_head_that_is_not_whole_is_none(cut: int) -> None:
    assert parse_head(GOOD[:cut]) is None


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 20\r\n\r\n", b"\r\n\r\n"]
)
def test_what_is_no_http_is_refused(data: bytes) -> None:
    with pytest.raises(LoadFailed):
        parse_head(data)


def test_a_reply_is_complete_with_its_last_byte() -> None:
    assert not is_complete(GOOD[:20], 4)
    assert not is_complete(GOOD + b"bod", 4)
    assert is_complete(GOOD + b"body", 4)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (GOOD + b"body!", "1 bytes more"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\nbody", "502"),
    ],
)
def test_another_status_or_length_ends_the_load(data: bytes, said: str) -> None:
    with pytest.raises(LoadFailed, match=said):
        is_complete(data, 4)


class Site(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, failing_at: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.failing_at = failing_at
        self.paths: list[str] = []

    @property
    def target(self) -> Target:
        return Target(port=int(self.server_address[1]), tls=None, reply_bytes=4)


class Handler(socketserver.StreamRequestHandler):
    server: Site

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a load that stops just leaves
            self.answer()

    def answer(self) -> None:
        while line := self.rfile.readline():
            if not line.startswith(b"GET "):
                continue
            self.server.paths.append(line.split()[1].decode())
            is_bad = len(self.server.paths) == self.server.failing_at
            good = GOOD + b"body"
            self.wfile.write(good.replace(b"200 OK", b"503 No") if is_bad else good)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


def test_once_sends_every_request_once(site: Site) -> None:
    requests = [build_request(f"/{n}") for n in range(CONNECTIONS * 3 + 5)]

    with Load(site.target) as load:
        done = load.closed(requests, 30, once=True)

    assert done.requests == len(requests)
    assert sorted(site.paths) == sorted(f"/{n}" for n in range(len(requests)))


def test_fewer_requests_than_connections(site: Site) -> None:
    with Load(site.target) as load:
        assert load.closed([build_request("/")], 30, once=True).requests == 1


def test_the_schedule_is_kept_and_every_answer_is_timed(site: Site) -> None:
    with Load(site.target) as load:
        took = load.open([build_request("/")], 400, 100)

    assert len(took) == 100
    assert min(took) > 0


def test_one_wrong_status_fails_the_row(site: Site) -> None:
    site.failing_at = 50

    with Load(site.target) as load, pytest.raises(LoadFailed, match="503"):
        load.closed([build_request("/")], 30)


def test_a_body_of_another_length_fails_the_row(site: Site) -> None:
    target = Target(port=site.target.port, tls=None, reply_bytes=3)

    with Load(target) as load, pytest.raises(LoadFailed, match="more than"):
        load.closed([build_request("/")], 30)
