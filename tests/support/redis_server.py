"""A private Redis: real, alone in a temporary folder, gone when the test is."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from ostiary.adapters.certificates import make_ca, make_leaf, write_pair
from ostiary.ports.session_store import StorePlace

DEADLINE_S = 10.0
PASSWORD = "planted-secret"
SERVER_NAME = "redis.internal"
# What the adapters need, and no more; docs in ostiary.adapters.redis.
RIGHTS = (
    "~ost:* &ost:* +get +set +del +pexpire +eval +zadd +zrem +zrevrange +zrangebyscore "
    "+zremrangebyscore +pexpireat +time +ping +select +publish +subscribe +incrby"
)
# Every value and every member of a sorted set becomes so much older.
_PASS_TIME = """
for _, key in ipairs(redis.call('KEYS', '*')) do
  if redis.call('TYPE', key).ok == 'zset' then
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      redis.call('ZINCRBY', key, '-' .. ARGV[1], member)
    end
  end
  local left = redis.call('PTTL', key)
  if left >= 0 then redis.call('PEXPIRE', key, left - ARGV[1] * 1000) end
end
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RedisServer:
    """
    A `redis-server` on a Unix socket, a plain port and a TLS port, with two users.

    `default` needs no password and may do everything; `narrow` has a password and only the
    rights that the adapters ask for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.tls_port = _free_port(), _free_port()
        self.socket = str(folder / "redis.sock")
        self.ca_file = str(folder / "ca.pem")
        self._process: subprocess.Popen[bytes] | None = None
        self._make_certificates()

    def _make_certificates(self) -> None:
        ca = make_ca("test", permitted_dns=["internal"], permitted_networks=[], days=1)
        leaf, key = make_leaf([SERVER_NAME], ca=ca, days=1)
        write_pair(
            *ca, cert_path=self.folder / "ca.pem", key_path=self.folder / "ca.key"
        )
        write_pair(
            leaf, key, cert_path=self.folder / "r.pem", key_path=self.folder / "r.key"
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = shutil.which("redis-server")
        if program is None:
            raise RuntimeError("no redis-server: install Debian's package redis-server")
        options = {
            "port": self.port, "bind": "127.0.0.1", "tls-port": self.tls_port,
            "tls-cert-file": self.folder / "r.pem", "tls-key-file": self.folder / "r.key",
            "tls-auth-clients": "no", "unixsocket": self.socket, "unixsocketperm": "700",
            "save": "", "appendonly": "no", "dir": self.folder, "databases": "4",
            "logfile": self.folder / "log",
        }  # fmt: skip
        words = [str(w) for key, value in options.items() for w in (f"--{key}", value)]
        user = ["--user", "narrow", "on", f">{PASSWORD}", *RIGHTS.split()]
        self._process = subprocess.Popen(
            [program, *words, *user], cwd=self.folder, stdin=subprocess.DEVNULL
        )
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                self.do("PING")
            except RedisError:
                assert time.monotonic() < deadline, self._log()
            else:
                return
            try:
                process.wait(0.005)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(f"redis-server ended: {self._log()}")

    def _log(self) -> str:
        path = self.folder / "log"
        return path.read_text()[-2000:] if path.exists() else "it wrote no log"

    def kill(self) -> None:
        """End it at once, as a crash would, stopped or not."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """It keeps its connections and answers nobody."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def do(self, *parts: str | bytes | int, database: int = 0) -> object:
        """One command, as the user who may do everything."""
        with Redis(unix_socket_path=self.socket, db=database) as client:
            answer: object = client.execute_command(*parts)
            client.connection_pool.disconnect()
            return answer

    def move(self, seconds: float) -> None:
        """Time passes: what it keeps becomes older, in every database."""
        for database in range(4):
            self.do("EVAL", _PASS_TIME, 0, str(seconds), database=database)

    def clients(self, kind: str) -> list[dict[str, str]]:
        """Who is connected: `normal` ones, this question's own included, or `pubsub`."""
        found = self.do("CLIENT", "LIST", "TYPE", kind)
        assert isinstance(found, bytes)
        rows = found.decode().splitlines()
        return [dict(w.split("=", 1) for w in row.split()) for row in rows]

    def unix(self, **more: Any) -> StorePlace:
        return place(**{"socket": self.socket, **more})

    def tcp(self, **more: Any) -> StorePlace:
        return place(**{"port": self.port, **more})

    def tls(self, **more: Any) -> StorePlace:
        trust = {"server_name": SERVER_NAME, "ca_file": self.ca_file}
        return place(**{"port": self.tls_port, "tls": True, **trust, **more})

    def narrow(self, **more: Any) -> StorePlace:
        return self.unix(**{"username": "narrow", "password": PASSWORD, **more})


def place(**more: Any) -> StorePlace:
    # Any: the fields of StorePlace, as a test wants them.
    return StorePlace(**{"prefix": "ost", "pool_size": 8, **more})


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A started server, killed at the end. Socket paths are short, so not in tmp_path."""
    with tempfile.TemporaryDirectory(prefix="ostiary-") as folder:
        server = RedisServer(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.kill()
