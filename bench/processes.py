"""The processes of a run: started, waited for, measured from /proc, and always ended."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
READY_S = 30.0
STOP_S = 15.0


class CannotRun(Exception):
    """The run cannot go on; the text is one sentence for the person who started it."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    """Tell whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _parents() -> dict[int, int]:
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
                found[int(folder.name)] = int(stat[1])
    return found


def family(root: int) -> tuple[int, ...]:
    """A process and all that descend from it, by pid."""
    parents = _parents()
    found = {root}
    while more := {p for p, up in parents.items() if up in found} - found:
        found |= more
    return tuple(sorted(found))


def cpu_seconds(pids: tuple[int, ...]) -> float:
    """
    User and system time that these processes have used so far, in seconds.

    Raises:
        CannotRun: One of them has ended.
    """
    ticks = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except OSError as error:
            raise CannotRun(f"process {pid} ended while it was measured") from error
        fields = text.rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


def rss_bytes(pid: int) -> int:
    """Resident memory of a process in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def find_module(root: int, module: str) -> int:
    """
    The pid of the descendant that runs a Python module.

    Raises:
        CannotRun: None does.
    """
    for pid in family(root):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if module.encode() in words:
                return pid
    raise CannotRun(f"no process runs {module}")


def read_version(command: list[str], pattern: str) -> str:
    """The version a program prints about itself, on either stream; `unknown` if it does not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else "unknown"


def fetch(port: int, path: str, *, method: str = "GET", timeout_s: float = 10) -> int:
    """The status of one plain request to 127.0.0.1, its body read to the end."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, headers={"Host": "bench.localhost"})
        reply = connection.getresponse()
        reply.read()
        return reply.status
    finally:
        connection.close()


class Children:
    """
    Processes that end when the block ends, however it ends.

    Each has a session of its own, so that Ctrl-C reaches this process only and they are
    stopped in order: the last one started first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[tuple[subprocess.Popen[bytes], Path]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A second Ctrl-C must not leave anything running.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        for process, _ in reversed(self._running):
            self.stop(process)
        signal.signal(signal.SIGINT, before)

    def start(
        self, name: str, *command: str, environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process; what it writes goes to `<name>.log` in the run's folder."""
        path = self.folder / f"{name}.log"
        with path.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=None if environ is None else dict(environ),
                start_new_session=True,
            )
        self._running.append((process, path))
        return process

    def wait_for(
        self, process: subprocess.Popen[bytes], *ports: int, says: str = ""
    ) -> None:
        """
        Wait until a process listens on all its ports, and has said this where it matters.

        Raises:
            CannotRun: It ended, or did not listen in time; its last line is in the text.
        """
        deadline = time.monotonic() + READY_S
        path = next(log for p, log in self._running if p is process)
        while not (
            all(is_open(port) for port in ports) and says.encode() in path.read_bytes()
        ):
            if process.poll() is not None or time.monotonic() > deadline:
                lines = path.read_text(errors="replace").strip().splitlines()
                said = lines[-1] if lines else "it said nothing"
                raise CannotRun(f"{path.stem} did not start: {said}")
            time.sleep(0.02)

    @staticmethod
    def stop(process: subprocess.Popen[bytes]) -> None:
        """End a process and its descendants: asked first, then killed."""
        if process.poll() is not None:
            return
        left = family(process.pid)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()
