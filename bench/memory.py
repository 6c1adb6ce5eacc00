"""MEMORY=1: the worker's memory under 1 GB bodies with a slow peer, and with idle connections."""

from __future__ import annotations

import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.certificates import make_certificates
from bench.load import HOST, LoadFailed, connect, is_complete, parse_head
from bench.options import Options
from bench.people import build_request
from bench.processes import CannotRun, Children, find_module, rss_bytes
from bench.startup import wait_for_answer
from bench.systems import nginx, ostiary

BODY_BYTES, QUICK_BODY_BYTES = 1 << 30, 1 << 26
BYTES_PER_S = 100e6
STALL_S = 2.0
PIECE = 1 << 16
FLAT_MB = 16
IDLE, QUICK_IDLE = 10_000, 1000
IDLE_TLS, QUICK_IDLE_TLS = 500, 100
PER_SOURCE = 2500
SPARE_FILES = 1000
SETTLE_S = 1.0


class Watch:
    """The largest memory of a process while the block runs, sampled every 10 ms, in bytes."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.before = self.peak = self.after = rss_bytes(pid)

    def _sample(self) -> None:
        while not self._over.wait(0.01):
            self.peak = max(self.peak, rss_bytes(self._pid))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self.after = rss_bytes(self._pid)

    def describe(self) -> str:
        """Before, peak and after in MB, and whether that is flat."""
        before, peak, after = (v / 1e6 for v in (self.before, self.peak, self.after))
        grown = peak - before
        said = "flat" if grown <= FLAT_MB else f"NOT FLAT (over {FLAT_MB} MB)"
        return f"{before:.1f} → peak {peak:.1f} → {after:.1f} MB, grown by {grown:.1f}: {said}"


def read_slowly(sock: socket.socket, count: int) -> None:
    """
    Read so many bytes at 100 MB/s, after a stall of 2 s.

    Raises:
        LoadFailed: The peer closed before.
    """
    time.sleep(STALL_S)
    began, left = time.monotonic(), count
    while left > 0:
        piece = sock.recv(min(PIECE, left))
        if not piece:
            raise LoadFailed(f"closed {left} bytes before the end of the body")
        left -= len(piece)
        ahead = (count - left) / BYTES_PER_S - (time.monotonic() - began)
        if ahead > 0.005:
            time.sleep(ahead)


def _read_head(sock: socket.socket) -> tuple[int, bytes]:
    """A head's status, and the bytes that came with it. Requests are read the same way."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(4096)
        if not more:
            raise LoadFailed("closed before a head was complete")
        data += more
    rest = data.partition(b"\r\n\r\n")[2]
    head = parse_head(data) if data.startswith(b"HTTP/") else None
    return (head.status if head else 0), rest


class SlowUpstream:
    """Takes uploads slowly, one at a time, in a thread. `port` is where."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._sock.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._sock.accept()
            except OSError:
                return
            with peer:
                try:
                    _, rest = _read_head(peer)
                    read_slowly(peer, self._count - len(rest))
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                except (OSError, LoadFailed):
                    continue

    def close(self) -> None:
        """Listen no more."""
        self._sock.close()


def download(port: int, count: int) -> None:
    """Read a body of so many bytes slowly."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
        sock.settimeout(60)
        sock.connect(("127.0.0.1", port))
        sock.sendall(build_request("/plain/big"))
        status, rest = _read_head(sock)
        if status != 200:
            raise LoadFailed(f"the download got {status}")
        read_slowly(sock, count - len(rest))


def upload(port: int, count: int) -> None:
    """Send a body of so many bytes as fast as it is taken."""
    head = (
        f"POST /sink/x HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {count}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), 60) as sock:
        sock.sendall(head.encode())
        piece = bytes(PIECE)
        for _ in range(count // PIECE):
            sock.sendall(piece)
        status, _ = _read_head(sock)
    if status != 200:
        raise LoadFailed(f"the upload got {status}")


def ask_again(sock: socket.socket) -> None:
    """One request on an idle connection, which stays open."""
    sock.sendall(build_request("/plain/64"))
    data = b""
    while not is_complete(data, 64):
        more = sock.recv(4096)
        if not more:
            raise LoadFailed("an idle connection was closed")
        data += more


def hold_idle(port: int, count: int, tls: ssl.SSLContext | None, pid: int) -> str:
    """Keep so many connections that were answered once; what the worker's memory does."""
    socks: list[socket.socket] = []
    before = rss_bytes(pid)
    try:
        for number in range(count):
            source = f"127.0.0.{2 + number // PER_SOURCE}"
            socks.append(connect(port, tls, source))
            ask_again(socks[-1])
        time.sleep(SETTLE_S)
        after = rss_bytes(pid)
        ask_again(socks[0])
        ask_again(socks[-1])
    finally:
        for sock in socks:
            sock.close()
    each = (after - before) / count / 1024
    return f"{before / 1e6:.1f} → {after / 1e6:.1f} MB, {each:.1f} KB a connection"


def raise_files(wanted: int) -> None:
    """
    Let this process and those it starts open so many files.

    Raises:
        CannotRun: The machine does not allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (ValueError, OSError) as error:
        raise CannotRun(
            f"{IDLE} idle connections need {wanted} open files and the limit is {hard}; "
            f"raise it with: ulimit -n {wanted}"
        ) from error


def run(folder: Path, children: Children, options: Options) -> bool:
    """Measure and print; tell whether everything was answered."""
    quick = options.quick
    count = QUICK_BODY_BYTES if quick else BODY_BYTES
    idle, idle_tls = (QUICK_IDLE, QUICK_IDLE_TLS) if quick else (IDLE, IDLE_TLS)
    raise_files(idle + SPARE_FILES)
    cert, key, ca_file = make_certificates(folder)
    upstream = nginx.start_upstream(folder, children, big_bytes=count)
    sink = SlowUpstream(count)
    data = ostiary.declare(upstream, [{"name": "plain", "paths": ["/plain"]}])
    data["services"].append(
        {
            "name": "sink",
            "url": f"http://127.0.0.1:{sink.port}",
            "routes": [{"name": "sink", "paths": ["/sink"]}],
        }
    )
    node = ostiary.launch(children, folder / "memory", data, pair=(cert, key))
    wait_for_answer(node.plain)
    worker = find_module(node.process.pid, "ostiary.node.worker")
    time.sleep(SETTLE_S)
    print(f"Ostiary {ostiary.READABLE}, memory (RSS) of its one worker")
    print(f"idle: {rss_bytes(worker) / 1e6:.1f} MB")
    jobs: tuple[tuple[str, Callable[[int, int], None]], ...] = (
        ("download, slow client", download),
        ("upload, slow upstream", upload),
    )
    try:
        for name, job in jobs:
            with Watch(worker) as watch:
                job(node.plain, count)
            print(f"{count >> 20} MB {name}: {watch.describe()}", flush=True)
        context = ssl.create_default_context(cafile=str(ca_file))
        for total, port, tls in (
            (idle, node.plain, None),
            (idle_tls, node.tls, context),
        ):
            kind = "TLS " if tls else ""
            said = hold_idle(port, total, tls, worker)
            print(f"{total} idle {kind}connections: {said}", flush=True)
    except (LoadFailed, OSError) as error:
        print(f"FAILED: {error}")
        return False
    finally:
        sink.close()
    return True
