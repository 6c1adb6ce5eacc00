"""A real demo, started as a person starts it, and stopped with Ctrl-C."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ostiary.cli.demo.values import DemoState, load_state

START_S = 60
STOP_S = 30
READY = "Everything is running"


def _parent(folder: Path) -> int | None:
    try:
        text = (folder / "stat").read_text()
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[1])


class DemoProcess:
    """The process, its state once it is ready, and what it has printed."""

    def __init__(self, folder: Path, *options: str, path: str | None = None) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self._errors = (folder.parent / f"{folder.name}.stderr").open("wb")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "ostiary", "demo"),
                *("--dir", str(folder), "--fresh", "--free-ports", *options),
            ],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            stdin=subprocess.DEVNULL,
            env={
                **os.environ,
                "PATH": os.environ["PATH"] if path is None else path,
                "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            },
            # A group of its own, so that Ctrl-C reaches it and not the tests.
            start_new_session=True,
        )

    @property
    def output(self) -> str:
        errors = Path(self._errors.name).read_text(encoding="utf-8", errors="replace")
        return "\n".join([*self.lines, errors[-4000:]])

    def wait_ready(self) -> DemoState:
        deadline = time.monotonic() + START_S
        assert self.process.stdout is not None
        buffer = b""
        while READY not in "\n".join(self.lines):
            left = deadline - time.monotonic()
            ready = select.select([self.process.stdout], [], [], max(left, 0))[0]
            part = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not part:
                raise AssertionError(f"the demo did not start:\n{self.output}")
            *whole, buffer = (buffer + part).split(b"\n")
            self.lines += [line.decode() for line in whole]
        return load_state(self.folder / "state.json")

    def run_to_end(self) -> int:
        """Let it end by itself; its exit status."""
        out, _ = self.process.communicate(timeout=START_S)
        self.lines += out.decode().splitlines()
        return self.process.returncode

    def family(self) -> set[int]:
        """The demo's process and every living descendant."""
        parents = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and (parent := _parent(folder)) is not None:
                parents[int(folder.name)] = parent
        found = {self.process.pid}
        while more := {c for c, p in parents.items() if p in found} - found:
            found |= more
        return found

    def interrupt(self) -> int:
        """Press Ctrl-C: as in a terminal, the whole group gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(STOP_S)

    def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(STOP_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._errors.close()


@contextmanager
def start_demo(
    folder: Path, *options: str, path: str | None = None
) -> Iterator[DemoProcess]:
    demo = DemoProcess(folder, *options, path=path)
    try:
        yield demo
    finally:
        demo.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
