"""
Where passwords are hashed and proven: in processes of their own, that stand back.

A hash takes a core and 46 MiB for some 50 ms, and the powers of SRP some milliseconds each. On a
thread of this process they would hold its memory map or Python's lock while others wait, and
could not have a lower priority without making the event loop wait for them. One core is left
free. A process is started when it is first needed, and ends with this one: its pipe closes.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from multiprocessing import Pipe
from typing import Final, TypeVar

_PROCESSES: Final = max((os.cpu_count() or 1) - 1, 1)
_END_S: Final = 5
T = TypeVar("T")


class HashingEnded(RuntimeError):
    """The process that hashes has ended in the middle of its work: a bug, or no memory."""

    code = "hashing_ended"


class _Process:
    """One child and the pipe to it."""

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        self._child = subprocess.Popen(  # noqa: S603 - our own module
            [
                sys.executable,
                # -P: never a module of the folder that somebody happens to be in.
                *("-P", "-m", "ostiary.userpool.hashing_child", str(theirs.fileno())),
            ],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()

    def do(self, work: Callable[[], T]) -> T:
        """
        The outcome of work, which travels by the names of its functions.

        Raises:
            HashingEnded: The child is gone.
        """
        try:
            self._pipe.send(work)
            outcome: T = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise HashingEnded("the process that hashes passwords has ended") from error
        return outcome

    def close(self) -> None:
        """End the child."""
        self._pipe.close()
        try:
            self._child.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


_OF_THREAD = threading.local()


def _do(work: Callable[[], T]) -> T:
    process: _Process | None = getattr(_OF_THREAD, "process", None)
    if process is None:
        process = _OF_THREAD.process = _Process()
        atexit.register(process.close)
    done = False
    try:
        outcome = process.do(work)
        done = True
    finally:
        if not done:
            # Whatever it was: this pipe may be out of step, so the next one gets another.
            _OF_THREAD.process = None
            atexit.unregister(process.close)
            process.close()
    return outcome


@cache
def _threads() -> ThreadPoolExecutor:
    """One for each process; they only wait."""
    return ThreadPoolExecutor(_PROCESSES, "hashing")


async def run_apart(work: Callable[[], T]) -> T:
    """
    The outcome of slow work, a function of a module with its arguments (`partial`).

    Raises:
        HashingEnded: It could not be done.
    """
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(_threads(), _do, work)
    except HashingEnded:
        # Once more: the work changes nothing, and what ended the process may be over.
        return await loop.run_in_executor(_threads(), _do, work)
