"""
The sessions at routes with `openid-connect`: control asks every worker whom it has seen.

A worker's answer lies in the shared state for a minute; the message only says that it is there.
An order to end one goes to all: whoever knows it ends it everywhere, as its owner's logout would.

Spec: decisions D14, 0050.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from ostiary.ports.shared import Shared, SharedUnavailable
from ostiary.signin.authenticate import Signin

ASK_CHANNEL: Final = "node:sessions-ask"
ANSWER_CHANNEL: Final = "node:sessions-answer"
LIST_WITHIN_S: Final = 1.0
# A record in Redis is deleted meanwhile.
END_WITHIN_S: Final = 5.0
_KEPT_S: Final = 60.0
_LOG: Final = logging.getLogger("ostiary.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSession:
    """
    A session at the routes of a plugin. `name` opens nothing; times are Unix seconds.

    `who` is what its owner is called, `subject` who they are to the provider.
    """

    name: str
    plugin: str
    who: str
    subject: str
    began_at: float
    seen_at: float
    ends_at: float | None


class SessionTeller:
    """A worker's side: answers who was seen, and ends whom it is told to."""

    def __init__(
        self, shared: Shared, signin: Signin, *, number: int, run: str
    ) -> None:
        self._shared = shared
        self._signin = signin
        self._number = number
        self._key = f"node:sessions:{run}"
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_stopped = False

    def start(self) -> None:
        """Listen for questions."""
        self._shared.subscribe(ASK_CHANNEL, self._hear)

    def stop(self) -> None:
        """Answer nobody any more: whoever comes next speaks for this worker's number."""
        self._has_stopped = True
        for task in tuple(self._tasks):
            task.cancel()

    def _hear(self, message: bytes) -> None:
        if not self._has_stopped:
            task = asyncio.create_task(self._answer(**json.loads(message)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, *, ask: int, end: str | None, plugins: list[str]) -> None:
        of = frozenset(plugins)
        said = "listed"
        try:
            if end is None:
                data = json.dumps(self._list(of)).encode()
                await self._shared.set(self._key, data, ttl_s=_KEPT_S)
            else:
                said = await self._end(end, of)
            answer = {"ask": ask, "worker": self._number, "key": self._key, "said": said}  # fmt: skip
            await self._shared.publish(ANSWER_CHANNEL, json.dumps(answer).encode())
        except SharedUnavailable as error:
            _LOG.warning("somebody asked for sessions, and nobody hears: %s", error)

    async def _end(self, name: str, plugins: frozenset[str]) -> str:
        try:
            is_done = await self._signin.end_session(name, plugins)
        except SharedUnavailable as error:
            _LOG.warning("a session has not ended everywhere: %s", error)
            return "failed"
        return "ended" if is_done else "unknown"

    def _list(self, plugins: frozenset[str]) -> list[dict[str, Any]]:
        return [
            {
                "name": seen.name,
                "plugin": seen.plugin,
                "who": seen.who,
                "subject": seen.subject,
                "began_at": seen.began_at,
                "seen_at": seen.seen_at,
                "ends_at": seen.ends_at,
            }
            for seen in self._signin.list_sessions(plugins)
        ]


class RouteSessions:
    """Control's side, for workers `1` to `workers`."""

    def __init__(self, shared: Shared, *, workers: int) -> None:
        self._shared = shared
        self._numbers = frozenset(range(1, workers + 1))
        self._lock = asyncio.Lock()
        self._asked = 0
        # By the key of their lists: who answered, and what became of what was asked.
        self._answers: dict[str, tuple[int, str]] = {}
        self._news = asyncio.Event()

    def start(self) -> None:
        """Listen for answers."""
        self._shared.subscribe(ANSWER_CHANNEL, self._hear)

    def _hear(self, message: bytes) -> None:
        heard = json.loads(message)
        if heard["ask"] == self._asked:
            self._answers[heard["key"]] = (heard["worker"], heard["said"])
            self._news.set()

    async def find_all(
        self, plugins: Collection[str]
    ) -> tuple[list[RouteSession], str | None]:
        """
        Whom the workers have seen at some plugins, the latest first, and why that may not be all.

        Raises:
            SharedUnavailable: Nobody can be asked.
        """
        async with self._lock:
            answers = await self._ask(None, plugins, within_s=LIST_WITHIN_S)
            missing = self._missing()
        found: dict[str, RouteSession] = {}
        for key, (worker, _) in answers.items():
            told = await self._shared.get(key)
            if told is None:
                missing |= {worker}
            for row in json.loads(told or b"[]"):
                one = RouteSession(**row)
                known = found.get(one.name)
                if known is None or known.seen_at < one.seen_at:
                    found[one.name] = one
        rows = sorted(found.values(), key=lambda one: -one.seen_at)
        return rows, _name(missing) if missing else None

    async def end(self, name: str, plugins: Collection[str]) -> bool:
        """
        End one of some plugins, wherever it is used; tell whether anybody knew it.

        Raises:
            SharedUnavailable: Its record may be there, or nobody knew it and not all have answered.
        """
        async with self._lock:
            answers = await self._ask(name, plugins, within_s=END_WITHIN_S)
            missing = self._missing()
        said = {word for _, word in answers.values()}
        if "failed" in said:
            raise SharedUnavailable("its record could not be deleted")
        if "ended" not in said and missing:
            raise SharedUnavailable(_name(missing))
        return "ended" in said

    async def _ask(
        self, end: str | None, plugins: Collection[str], *, within_s: float
    ) -> dict[str, tuple[int, str]]:
        """Ask every worker; who has answered what in time, by where their lists lie."""
        self._asked += 1
        self._answers = {}
        question = {"ask": self._asked, "end": end, "plugins": sorted(plugins)}
        try:
            async with asyncio.timeout(within_s):
                await self._shared.publish(ASK_CHANNEL, json.dumps(question).encode())
                while self._missing():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            _LOG.warning("%s when asked for sessions", _name(self._missing()))
        return self._answers

    def _missing(self) -> frozenset[int]:
        return self._numbers - {number for number, _ in self._answers.values()}


def _name(missing: Collection[int]) -> str:
    numbers = ", ".join(str(number) for number in sorted(missing))
    return f"no answer from worker {numbers}"
