"""
Control's side of `/metrics` and `/status`: ask every worker, add up what they say.

A run of a worker that is over keeps counting with its last numbers, so that counters never go
down. These sums, and the list of runs, are kept in the shared state: a control process that was
restarted goes on with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ostiary.gateway.metrics import Metrics
from ostiary.node.reporter import ANSWER_CHANNEL, ASK_CHANNEL, state_key
from ostiary.ports.shared import Shared, SharedUnavailable

# Below the second that orchestrators give a readiness probe by default.
WITHIN_S = 0.7
KEPT_S = 30 * 86400.0
RUNS_KEY = "node:metrics-runs"
ENDED_KEY = "node:metrics-ended"
MAX_GONE = 1000
_LOG = logging.getLogger("ostiary.status")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerAnswer:
    """What one worker said of itself."""

    worker: int
    run: str
    pid: int
    revision: str
    resident_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The node at one moment. `missing` are the numbers of workers that did not answer."""

    answers: tuple[WorkerAnswer, ...]
    missing: tuple[int, ...]
    total: Metrics = field(default_factory=Metrics)


class Observer:
    """Asks the workers `1` to `workers` over the shared state."""

    def __init__(self, shared: Shared, *, workers: int) -> None:
        self._shared = shared
        self._numbers = range(1, workers + 1)
        self._lock = asyncio.Lock()
        self._under_way: dict[bool, asyncio.Task[Observation]] = {}
        self._news = asyncio.Event()
        self._asked = 0
        self._answers: dict[str, WorkerAnswer] = {}
        self._runs: dict[str, int] = {}
        self._states: dict[str, list[dict[str, Any]]] = {}
        self._ended = Metrics()
        self._gone: deque[str] = deque(maxlen=MAX_GONE)

    async def start(self) -> None:
        """Take up what an earlier control process knew, and listen for answers."""
        self._shared.subscribe(ANSWER_CHANNEL, self._hear)
        with contextlib.suppress(SharedUnavailable):
            if ended := await self._shared.get(ENDED_KEY):
                self._ended.merge(json.loads(ended))
            for run, number in json.loads(
                await self._shared.get(RUNS_KEY) or b"{}"
            ).items():
                self._runs.setdefault(run, number)
                await self._fetch_state(run)

    def _hear(self, message: bytes) -> None:
        said = json.loads(message)
        ask = said["ask"]
        # A worker of a newer version may say more.
        answer = WorkerAnswer(**{f.name: said[f.name] for f in fields(WorkerAnswer)})
        if answer.run in self._gone:
            return
        self._runs.setdefault(answer.run, answer.worker)
        if ask == str(self._asked):
            self._answers[answer.run] = answer
            self._news.set()

    async def observe(self, *, metrics: bool) -> Observation:
        """
        Ask now. What a worker says of its numbers is only in it with `metrics`.

        Who asks while the workers are being asked shares the answer: many probes take no longer
        than one.
        """
        shared = self._under_way.get(metrics) or self._under_way.get(True)
        if shared is None:
            shared = asyncio.create_task(self._observe(metrics=metrics))
            self._under_way[metrics] = shared
            shared.add_done_callback(lambda _: self._under_way.pop(metrics))
        seen = await asyncio.shield(shared)
        return seen if metrics else replace(seen, total=Metrics())

    async def _observe(self, *, metrics: bool) -> Observation:
        async with self._lock:
            known = dict(self._runs)
            try:
                await self._ask(metrics=metrics)
                await self._settle(known, metrics=metrics)
            except SharedUnavailable as error:
                _LOG.warning("the workers cannot be asked: %s", error)
            answers = tuple(sorted(self._answers.values(), key=lambda a: a.worker))
            heard = {a.worker for a in answers}
            missing = tuple(n for n in self._numbers if n not in heard)
            if missing:
                named = ", ".join(str(n) for n in missing)
                _LOG.warning("no answer from worker %s", named)
            return Observation(
                answers=answers,
                missing=missing,
                total=self._add_up() if metrics else Metrics(),
            )

    async def _ask(self, *, metrics: bool) -> None:
        self._asked += 1
        self._answers = {}
        what = "metrics" if metrics else "ready"
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._shared.publish(
                    ASK_CHANNEL, f"{self._asked} {what}".encode()
                )
                while not self._is_complete():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass  # who did not answer is told by the caller

    def _is_complete(self) -> bool:
        heard = {a.worker for a in self._answers.values()}
        return heard.issuperset(self._numbers) and self._runs.keys() <= {*self._answers}

    async def _settle(self, known: dict[str, int], *, metrics: bool) -> None:
        """Fetch the numbers of those who answered; end the runs that others have replaced."""
        if metrics:
            for run in tuple(self._answers):
                await self._fetch_state(run)
        heard = {a.worker for a in self._answers.values()}
        for run in [r for r, n in known.items() if n in heard]:
            if run not in self._answers:
                await self._end(run)
        if self._runs != known:
            data = json.dumps(self._runs).encode()
            await self._shared.set(RUNS_KEY, data, ttl_s=KEPT_S)

    async def _fetch_state(self, run: str) -> None:
        data = await self._shared.get(state_key(run))
        if data is not None:
            self._states[run] = [json.loads(line) for line in data.splitlines()]

    async def _end(self, run: str) -> None:
        """Add a run's last numbers to the sum of those that ended."""
        await self._fetch_state(run)
        self._gone.append(run)
        del self._runs[run]
        pieces = self._states.pop(run, [])
        for piece in pieces:
            self._ended.merge(piece, gauges=False)
        if pieces:
            data = json.dumps(self._ended.dump()).encode()
            await self._shared.set(ENDED_KEY, data, ttl_s=KEPT_S)
        await self._shared.delete(state_key(run))

    def _add_up(self) -> Metrics:
        total = Metrics()
        total.merge(self._ended.dump())
        for run, pieces in self._states.items():
            for piece in pieces:
                total.merge(piece, gauges=run in self._answers)
        return total
