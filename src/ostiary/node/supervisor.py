"""
The supervisor: small, no database. It binds the sockets, starts the processes, keeps them up.

It keeps every listening socket open, so that a replacement worker inherits the queue and no
connection is refused while it starts.

Spec: architecture, processes; decision D17 (secrets are handed over a pipe).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ostiary.adapters.certificates import make_leaf, write_pair
from ostiary.adapters.shared.memory import MemoryShared
from ostiary.adapters.shared.server import SharedServer
from ostiary.adapters.system import SystemClock
from ostiary.node.certificate import default_certificate
from ostiary.node.lock import AlreadyRunning, hold_folder
from ostiary.node.role import DRAIN_S, READY_CHANNEL, read_ready
from ostiary.node.secrets import Secrets, dump_ring, open_secrets
from ostiary.node.signing_key import check_signing_key
from ostiary.node.tls import check_files
from ostiary.settings import ListenAddress, Settings

_LOG = logging.getLogger("ostiary.supervisor")
RESTART_WAITS_S = (0.1, 0.5, 1.0, 2.0, 5.0)
STOP_WITHIN_S = 15.0
START_WITHIN_S = 60.0
# An old worker finishes its requests; one that hangs is not waited for longer.
END_WITHIN_S = DRAIN_S + 5.0
MAX_SOCKET_PATH = 100


class CannotStart(Exception):
    """The node cannot start; the text is one sentence for the operator."""

    code = "cannot_start"


@dataclass(slots=True)
class Child:
    """
    One process and what it was started with. `sockets` are (site, plain or tls, socket).

    Whoever starts a process for it holds `lock`. `hangup` is a SIGHUP that waits until the
    process can take it.
    """

    role: str
    number: int
    sockets: tuple[tuple[str, str, socket.socket], ...] = field(default=(), repr=False)
    process: asyncio.subprocess.Process | None = None
    failures: int = 0
    hangup: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

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
    sock = _make_socket(address)
    try:
        if reuse_port:
            _refuse_taken(address)
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


def _make_socket(address: ListenAddress) -> socket.socket:
    """A socket as the address wants it, not yet bound."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if address.ipv6only is not None:
        only = int(address.ipv6only)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
    return sock


def _refuse_taken(address: ListenAddress) -> None:
    """SO_REUSEPORT would join another program of this user: see first whether one is there."""
    with _make_socket(address) as probe:
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
        self._running: set[asyncio.subprocess.Process] = set()
        self._ready: set[int] = set()
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
            ) or check_signing_key(self.settings)
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
                {
                    "admin": settings.admin_listen,
                    "status": settings.status_listen,
                    "manager": settings.admin_gui_listen,
                    **(
                        {
                            "portal_gui": settings.portal_gui_listen,
                            "portal_api": settings.portal_api_listen,
                        }
                        if settings.portal
                        else {}
                    ),
                },
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
        if self.settings.node_id is not None:
            return self.settings.node_id
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
            async with child.lock:
                child.process = await self._spawn(child)
        self._watchers = [
            asyncio.create_task(self._watch(child)) for child in self._children
        ]
        try:
            async with asyncio.timeout(START_WITHIN_S):
                while late := [c for c in self._children if not self._is_ready(c)]:
                    self._news.clear()
                    await self._news.wait()
                    ended = [c for c in self._children if c.failures > 1]
                    if ended:
                        raise CannotStart(
                            f"{ended[0].name} ended while starting; see {self.prefix}/logs/error.log"
                        )
        except TimeoutError as error:
            names = ", ".join(c.name for c in late)
            raise CannotStart(
                f"not ready within {START_WITHIN_S:.0f} s: {names}"
            ) from error

    def _is_ready(self, child: Child) -> bool:
        return child.process is not None and child.process.pid in self._ready

    def _hear_ready(self, message: bytes) -> None:
        pid = read_ready(message).pid
        if pid not in {process.pid for process in self._running}:
            return  # the last word of a process that has ended
        self._ready.add(pid)
        for child in self._children:
            if child.process is not None and child.process.pid == pid:
                child.failures = 0
                if child.hangup:
                    self._hang_up(child)
        self._news.set()

    async def _spawn(self, child: Child) -> asyncio.subprocess.Process:
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
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"ostiary.node.{child.role}",
            stdin=asyncio.subprocess.PIPE,
            pass_fds=[sock.fileno() for _, _, sock in child.sockets],
            # Ctrl-C goes to the supervisor, which stops the others in order.
            start_new_session=True,
        )
        self._running.add(process)
        self._keep(self._reap(process))
        if self._stopping:
            process.kill()
        assert process.stdin is not None
        with contextlib.suppress(ConnectionError):  # it has ended; who waits hears so
            process.stdin.write(json.dumps(orders).encode() + b"\n")
            await process.stdin.drain()
        return process

    async def _reap(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        self._running.discard(process)
        self._ready.discard(process.pid)
        self._news.set()

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
        async with child.lock:
            old = child.process
            if old is None or old.returncode is not None or self._stopping:
                return  # it is started anew without us
            try:
                new = await self._spawn(child)
            except OSError as error:
                _LOG.error("%s cannot be replaced: %s", child.name, error)
                return
            if await self._gets_ready(new):
                child.process = new
                child.failures = 0
        if child.process is new:
            _LOG.info("%s was replaced", child.name)
            await _end(old, END_WITHIN_S)
        elif not self._stopping:
            _LOG.error("the replacement of %s did not get ready", child.name)
            await _end(new, 0)

    async def _gets_ready(self, process: asyncio.subprocess.Process) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_WITHIN_S):
                while process in self._running and process.pid not in self._ready:
                    self._news.clear()
                    await self._news.wait()
        return process.pid in self._ready

    async def _watch(self, child: Child) -> None:
        while not self._stopping:
            async with child.lock:
                watched = child.process
            assert watched is not None
            code = await watched.wait()
            # While a successor starts, this waits: it may take the place.
            async with child.lock:
                if child.process is watched and not self._stopping:
                    await self._restart(child, code)

    async def _restart(self, child: Child, code: int) -> None:
        child.failures += 1
        self._news.set()
        wait = RESTART_WAITS_S[min(child.failures, len(RESTART_WAITS_S)) - 1]
        _LOG.error(
            "%s ended with %s; starting it again in %s s", child.name, code, wait
        )
        await asyncio.sleep(wait)
        if self._stopping:
            return
        try:
            child.process = await self._spawn(child)
        except OSError as error:
            # No memory or no process slot now: count it as a failure and try again.
            _LOG.error("%s cannot be started: %s", child.name, error)

    def roll(self) -> None:
        """Begin to replace the workers."""
        self._keep(self.replace_workers())

    def reload(self) -> None:
        """Ask control to read the declarative file again, as soon as it listens to that."""
        for child in self._children:
            if child.role == "control":
                child.hangup = True
                if self._is_ready(child):
                    self._hang_up(child)

    @staticmethod
    def _hang_up(child: Child) -> None:
        assert child.process is not None
        with contextlib.suppress(ProcessLookupError):
            child.process.send_signal(signal.SIGHUP)
            child.hangup = False

    async def stop(self) -> None:
        """Stop every process, workers first, and leave nothing running."""
        self._stopping = True
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        running = tuple(self._running)
        await asyncio.gather(*(_end(process, STOP_WITHIN_S) for process in running))
        # A replacement under way sees that its processes have ended.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.stop()
        for child in self._children:
            for _, _, sock in child.sockets:
                sock.close()
        if self._lock is not None:
            self._lock.close()


async def _end(process: asyncio.subprocess.Process, within_s: float) -> None:
    """Ask a process to end, and wait for that; after `within_s` it is killed."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _join(address: ListenAddress) -> socket.socket:
    """One more socket on an address that is ours already."""
    sock = _make_socket(address)
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
