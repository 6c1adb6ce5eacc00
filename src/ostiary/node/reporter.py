"""
A worker's side of `/metrics` and `/status`: it answers when the node asks.

The numbers go into the shared state under a key of this run of the worker; the answer itself
is small, because every process hears it. What a worker had counted when it ended well stays
there for the node's sum.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

from ostiary.gateway.metrics import Metrics
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.ports.fetch import Fetch, FetchFailed, FetchLimits
from ostiary.ports.shared import Shared, SharedUnavailable

ASK_CHANNEL = "node:ask"
ANSWER_CHANNEL = "node:answer"
KEPT_S = 86400.0
_LOG = logging.getLogger("ostiary.worker")


def state_key(run: str) -> str:
    """Where one run of a worker leaves its numbers: a dump of `Metrics` in JSON lines."""
    return f"node:metrics:{run}"


def read_resident_bytes() -> int:
    """The memory of this process; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


class CountingFetch:
    """A fetch port that counts: `ok` is a 2xx or 3xx, `refused` any other, `failed` no reply."""

    def __init__(self, fetch: Fetch, metrics: Metrics) -> None:
        self._fetch = fetch
        self._metrics = metrics

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        try:
            reply = await self._fetch.send(request, limits)
        except FetchFailed:
            self._metrics.count("backchannel:failed")
            raise
        outcome = "ok" if reply.status < 400 else "refused"
        self._metrics.count(f"backchannel:{outcome}")
        return reply


class Reporter:
    """
    Answers for one worker. `refresh` brings counts and gauges up to date before they leave.

    `run` names this run of the worker; a replacement has another.
    """

    def __init__(
        self,
        shared: Shared,
        metrics: Metrics,
        *,
        number: int,
        run: str,
        revision: Callable[[], str],
        refresh: Callable[[], None],
    ) -> None:
        self._shared = shared
        self._metrics = metrics
        self._number = number
        self._run = run
        self._revision = revision
        self._refresh = refresh
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Listen for questions, and say that this run is there."""
        self._shared.subscribe(ASK_CHANNEL, self._hear)
        self._hear(b"")

    async def stop(self) -> None:
        """Leave the last numbers behind."""
        for task in tuple(self._tasks):
            task.cancel()
        with contextlib.suppress(SharedUnavailable):
            await self._save()

    def _hear(self, message: bytes) -> None:
        ask, _, what = message.decode().partition(" ")
        task = asyncio.create_task(self._answer(ask, saves=what == "metrics"))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _save(self) -> None:
        self._refresh()
        lines = []
        for piece in self._metrics.dump_pieces():
            lines.append(json.dumps(piece, separators=(",", ":")).encode())
            await asyncio.sleep(0)  # requests are served between pieces
        data = b"\n".join(lines)
        await self._shared.set(state_key(self._run), data, ttl_s=KEPT_S)

    async def _answer(self, ask: str, *, saves: bool) -> None:
        answer = {
            "ask": ask,
            "worker": self._number,
            "run": self._run,
            "pid": os.getpid(),
            "revision": self._revision(),
            "resident_bytes": read_resident_bytes(),
        }
        try:
            if saves:
                await self._save()
            await self._shared.publish(ANSWER_CHANNEL, json.dumps(answer).encode())
        except SharedUnavailable:
            _LOG.info("a question of the node came, but its socket is away")
