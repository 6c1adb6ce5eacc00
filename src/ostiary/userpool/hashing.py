"""
Where passwords are hashed and proven: on threads that stand back for everything else.

A hash takes a core and 46 MiB for some 50 ms. One core is left free, and on Linux, where each
thread has a niceness of its own, the hashing ones give way to the event loop: who only wants a
token does not wait for those who sign in.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final, TypeVar

_THREADS: Final = max((os.cpu_count() or 1) - 1, 1)
_NICENESS: Final = 10
T = TypeVar("T")


def _stand_back() -> None:
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, "hashing", initializer=_stand_back)


async def run_apart(work: Callable[[], T]) -> T:
    """The outcome of slow work that holds no lock of Python's while it is slow."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), work)
