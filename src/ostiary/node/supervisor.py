"""
The supervisor: small, no database. It binds the sockets, starts the processes, keeps them up.

It keeps every listening socket open, so that a replacement worker inherits the queue and no
connection is refused while it starts.

Spec: architecture, processes; decision D17 (secrets are handed over a pipe).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ostiary.adapters.certificates import make_leaf, write_pair
from ostiary.adapters.shared.memory import MemoryShared
from ostiary.adapters.shared.server import SharedServer
from ostiary.adapters.system import SystemClock
from ostiary.node.certificate import default_certificate
from ostiary.node.lock import AlreadyRunning, hold_folder
from ostiary.node.role import READY_CHANNEL
from ostiary.node.secrets import Secrets, dump_ring, open_secrets
from ostiary.node.tls import check_files
from ostiary.settings import ListenAddress, Settings

_LOG = logging.getLogger("ostiary.supervisor")
RESTART_WAITS_S = (0.1, 0.5, 1.0, 2.0, 5.0)
STOP_WITHIN_S = 15.0
START_WITHIN_S = 60.0
MAX_SOCKET_PATH = 100


class CannotStart(Exception):
    """The node cannot start; the text is one sentence for the operator."""

    code = "cannot_start"


@dataclass(slots=True)
class Child:
    """One process and what it was started with. `sockets` are (site, plain or tls, socket)."""

    role: str
    number: int
    sockets: tuple[tuple[str, str, socket.socket], ...] = field(default=(), repr=False)
    process: asyncio.subprocess.Process | None = None
    failures: int = 0

    @property
    def name(self) -> str:
        """`worker 1`, `control`…"""
        return f"{self.role} {self.number}" if self.role == "worker" else self.role


def bind(address: ListenAddress, *, reuse_port: bool) -> socket.socket:
    """
    A bound socket, not yet listening.

    Raises:
        CannotStart: The address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if reuse_port:
            _refuse_taken(address, family)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((address.host, address.port))
    except OSError as error:
        sock.close()
        raise CannotStart(
            f"cannot listen on {address.host}:{address.port}: {error.strerror}"
        ) from error
    sock.set_inheritable(True)
    sock.setblocking(False)
    return sock


def _refuse_taken(address: ListenAddress, family: int) -> None:
    """SO_REUSEPORT would join another program of this user: see first whether one is there."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address.host, address.port))


class Supervisor:
    """One node."""

    def __init__(
        self, settings: Settings, *, roles: Sequence[str] = ("control", "worker")
    ) -> None:
        self.settings = settings
        self.prefix = Path(settings.prefix).absolute()
        self.workers = settings.nginx_worker_processes or os.cpu_count() or 1
        self._roles = roles
        self._children: list[Child] = []
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = False
        self._ready: dict[str, str] = {}
        self._news = asyncio.Event()
        self._replacing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.node_id = ""
        self._secrets: Secrets
        self._lock: IO[str] | None = None
        self._server: SharedServer | None = None
        self._socket_path = Path()

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run now, by name; the supervisor too."""
        running = {
            c.name: c.process.pid for c in self._children if c.process is not None
        }
        return {"supervisor": os.getpid(), **running}

    def prepare(self) -> None:
        """
        Folders, secrets, certificate, sockets.

        Raises:
            CannotStart: One of them cannot be had; the text says which.
            SecretsUnsafe: The secrets folder is open to others.
        """
        try:
            self._lock = hold_folder(self.prefix)
            self._secrets = open_secrets(self.prefix)
            self.node_id = self._read_node_id()
            self._make_certificate()
            wrong = check_files(
                self.settings, *default_certificate(self.settings, self.prefix)
            )
            if wrong is not None:
                raise CannotStart(wrong)
        except AlreadyRunning as error:
            raise CannotStart(str(error)) from error
        except OSError as error:
            raise CannotStart(
                f"cannot use {error.filename or self.prefix}: {error.strerror}"
            ) from error
        settings = self.settings
        self._children = []
        if "worker" in self._roles:
            for number in range(1, self.workers + 1):
                sockets = tuple(
                    (
                        "proxy",
                        "tls" if a.tls else "plain",
                        bind(a, reuse_port=True) if number == 1 else _join(a),
                    )
                    for a in settings.proxy_listen
                )
                self._children.append(Child("worker", number, sockets))
        for role, sites in (
            (
                "control",
                {"admin": settings.admin_listen, "status": settings.status_listen},
            ),
            ("userpool", {"userpool": settings.userpool_listen}),
        ):
            if role in self._roles:
                bound = tuple(
                    (site, "tls" if a.tls else "plain", bind(a, reuse_port=False))
                    for site, addresses in sites.items()
                    for a in addresses
                )
                self._children.insert(0, Child(role, 0, bound))

    def _read_node_id(self) -> str:
        path = self.prefix / "node.id"
        if not path.exists():
            path.write_text(str(uuid.uuid4()))
        return path.read_text().strip()

    def _make_certificate(self) -> None:
        folder = self.prefix / "ssl"
        cert, key = folder / "default.crt", folder / "default.key"
        if not key.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            names = [
                "localhost",
                "kong-ee.localhost",
                "cognito-idp.localhost",
                "*.auth.localhost",
                "127.0.0.1",
            ]
            write_pair(
                *make_leaf(names, ca=None, days=825), cert_path=cert, key_path=key
            )

    async def start(self) -> None:
        """
        Start every process and wait until all of them serve.

        Raises:
            CannotStart: One of them ended or did not get ready in time.
        """
        path = self.prefix / "node.sock"
        if len(str(path)) > MAX_SOCKET_PATH:
            path = Path(tempfile.mkdtemp(prefix="ostiary-")) / "node.sock"
        self._socket_path = path
        try:
            memory = MemoryShared(
                SystemClock(), durable=self.prefix / "ended-sessions.json"
            )
        except ValueError as error:
            raise CannotStart(str(error)) from error
        memory.subscribe(READY_CHANNEL, self._hear_ready)
        self._server = SharedServer(memory, path)
        await self._server.start()
        for child in self._children:
            await self._spawn(child)
        self._watchers = [
            asyncio.create_task(self._watch(child)) for child in self._children
        ]
        try:
            async with asyncio.timeout(START_WITHIN_S):
                while not all(c.name in self._ready for c in self._children):
                    self._news.clear()
                    await self._news.wait()
                    ended = [c for c in self._children if c.failures > 1]
                    if ended:
                        raise CannotStart(
                            f"{ended[0].name} ended while starting; see {self.prefix}/logs/error.log"
                        )
        except TimeoutError as error:
            late = ", ".join(
                c.name for c in self._children if c.name not in self._ready
            )
            raise CannotStart(
                f"not ready within {START_WITHIN_S:.0f} s: {late}"
            ) from error

    def _hear_ready(self, message: bytes) -> None:
        who, _, revision = message.decode().partition(" ")
        name = f"worker {who}" if who.isdecimal() else who
        self._ready[name] = revision
        for child in self._children:
            if child.name == name:
                child.failures = 0
        self._news.set()

    async def _spawn(self, child: Child) -> None:
        orders = {
            "role": child.role,
            "number": child.number,
            "settings": self.settings.model_dump(mode="json"),
            "prefix": str(self.prefix),
            "node_socket": str(self._socket_path),
            "node_id": self.node_id,
            "ring": dump_ring(self._secrets.ring),
            "database_key": self._secrets.database_key.hex(),
            "assertion_key": {}
            if child.role == "userpool"
            else dict(self._secrets.assertion_key),
            "sockets": [
                (site, kind, sock.fileno()) for site, kind, sock in child.sockets
            ],
            "workers": self.workers,
        }
        child.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"ostiary.node.{child.role}",
            stdin=asyncio.subprocess.PIPE,
            pass_fds=[sock.fileno() for _, _, sock in child.sockets],
            # Ctrl-C goes to the supervisor, which stops the others in order.
            start_new_session=True,
        )
        assert child.process.stdin is not None
        child.process.stdin.write(json.dumps(orders).encode() + b"\n")
        await child.process.stdin.drain()

    async def replace_workers(self) -> None:
        """
        Put a new process in the place of every worker, one after the other.

        The new one takes connections from the same socket before the old one stops; where it
        does not get ready, the old one goes on.
        """
        async with self._replacing:
            for child in [c for c in self._children if c.role == "worker"]:
                await self._replace(child)

    async def _replace(self, child: Child) -> None:
        old = child.process
        if old is None or old.returncode is not None or self._stopping:
            return
        self._ready.pop(child.name, None)
        await self._spawn(child)
        new = child.process
        assert new is not None
        waiting = asyncio.create_task(new.wait())
        try:
            async with asyncio.timeout(START_WITHIN_S):
                while child.name not in self._ready and not waiting.done():
                    self._news.clear()
                    news = asyncio.create_task(self._news.wait())
                    await asyncio.wait(
                        {news, waiting}, return_when=asyncio.FIRST_COMPLETED
                    )
                    news.cancel()
        except TimeoutError:
            new.kill()
        waiting.cancel()
        if child.name in self._ready and new.returncode is None:
            _LOG.info("%s was replaced", child.name)
            old.terminate()
            await old.wait()
        else:
            _LOG.error("the replacement of %s did not get ready", child.name)
            new.kill()
            await new.wait()
            child.process = old
            self._ready[child.name] = ""

    async def _watch(self, child: Child) -> None:
        while True:
            watched = child.process
            assert watched is not None
            code = await watched.wait()
            if self._stopping:
                return
            if child.process is not watched:
                continue  # it was replaced
            child.failures += 1
            self._ready.pop(child.name, None)
            self._news.set()
            wait = RESTART_WAITS_S[min(child.failures, len(RESTART_WAITS_S)) - 1]
            _LOG.error(
                "%s ended with %s; starting it again in %s s", child.name, code, wait
            )
            await asyncio.sleep(wait)
            if self._stopping:
                return
            try:
                await self._spawn(child)
            except OSError as error:
                # No memory or no process slot now: count it as a failure and try again.
                _LOG.error("%s cannot be started: %s", child.name, error)

    def roll(self) -> None:
        """Begin to replace the workers."""
        task = asyncio.create_task(self.replace_workers())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def reload(self) -> None:
        """Ask control to read the declarative file again."""
        for child in self._children:
            if child.role == "control" and child.process is not None:
                child.process.send_signal(signal.SIGHUP)

    async def stop(self) -> None:
        """Stop every process, workers first, and leave nothing running."""
        self._stopping = True
        running = [
            c for c in self._children if c.process and c.process.returncode is None
        ]
        for child in running:
            assert child.process is not None
            child.process.terminate()
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await asyncio.gather(*(c.process.wait() for c in running if c.process))
        except TimeoutError:
            for child in running:
                if child.process is not None and child.process.returncode is None:
                    child.process.kill()
                    await child.process.wait()
        for task in (*self._watchers, *self._tasks):
            task.cancel()
        await asyncio.gather(*self._watchers, *self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.stop()
        for child in self._children:
            for _, _, sock in child.sockets:
                sock.close()
        if self._lock is not None:
            self._lock.close()


def _join(address: ListenAddress) -> socket.socket:
    """One more socket on an address that is ours already."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((address.host, address.port))
    sock.set_inheritable(True)
    sock.setblocking(False)
    return sock


async def run_node(supervisor: Supervisor, say: Callable[[str], None]) -> None:
    """
    Run a prepared node until SIGTERM or SIGINT.

    SIGHUP reads the declarative file again; SIGUSR2 replaces the workers one by one, which
    takes in new certificates and new code.

    Raises:
        CannotStart: It did not get ready.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, supervisor.reload)
    loop.add_signal_handler(signal.SIGUSR2, supervisor.roll)
    starting = asyncio.create_task(supervisor.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            say("started")
            await stopping
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        await supervisor.stop()
