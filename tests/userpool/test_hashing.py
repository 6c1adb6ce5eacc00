"""The processes that hash: they answer, end with who asks, and are replaced when they are lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from ostiary.userpool import srp
from ostiary.userpool.hashing import HashingEnded, run_apart
from ostiary.userpool.passwords import is_right, make_record
from ostiary.web.hashes import HashCost

CHEAP = HashCost(memory_kib=8)
DEADLINE_S = 20
_ASK_AND_SAY_WHO = """
import asyncio, os
from ostiary.userpool.hashing import run_apart
print(asyncio.run(run_apart(os.getpid)), flush=True)
input()
"""


async def test_what_is_asked_is_done_elsewhere() -> None:
    """The work comes back whole, from another process that gives way."""
    make = partial(
        make_record,
        pool_id="r_p",
        username="ada",
        password="Passw0rd!x",
        argon2_salt=b"a" * 16,
        srp_salt=b"s" * 16,
        cost=CHEAP,
    )
    record = await run_apart(make)

    assert await run_apart(partial(is_right, "Passw0rd!x", record, cost=CHEAP))
    assert not await run_apart(partial(is_right, "wrong", record, cost=CHEAP))
    assert await run_apart(partial(srp.derive_verifier, 7)) == 128
    assert await run_apart(os.getpid) != os.getpid()
    assert await run_apart(partial(os.nice, 0)) >= 10


async def test_a_process_that_is_lost_is_replaced() -> None:
    """What it was at comes to nothing, and says so; the next is done by another."""
    first = await run_apart(os.getpid)
    with pytest.raises(HashingEnded):
        await run_apart(partial(os._exit, 3))

    assert await run_apart(os.getpid) != first


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_who_asks(number: signal.Signals) -> None:
    """Also with one that is killed: nothing is left behind."""
    with subprocess.Popen(
        [sys.executable, "-c", _ASK_AND_SAY_WHO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as asking:
        assert asking.stdout is not None
        child = int(asking.stdout.readline())
        asking.send_signal(number)
        asking.wait(DEADLINE_S)
        deadline = time.monotonic() + DEADLINE_S
        while _is_alive(child):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        )
    except FileNotFoundError:
        return False
