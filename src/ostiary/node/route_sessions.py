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
from dataclasses import dataclass
from typing import Any, Final

from ostiary.ports.shared import Shared, SharedUnavailable
from ostiary.signin.authenticate import Signin

ASK_CHANNEL: Final = "node:sessions-ask"
ANSWER_CHANNEL: Final = "node:sessions-answer"
WITHIN_S: Final = 1.0
_KEPT_S: Final = 60.0
# Of one worker: more than anybody looks through, and still one message.
_MOST: Final = 1000
_LOG: Final = logging.getLogger("ostiary.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSession:
    """A session at the routes of a plugin. `name` opens nothing; times are Unix seconds."""

    name: str
    plugin: str
    who: str
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

    def start(self) -> None:
        """Listen for questions."""
        self._shared.subscribe(ASK_CHANNEL, self._hear)

    def stop(self) -> None:
        """Answer nobody any more."""
        for task in tuple(self._tasks):
            task.cancel()

    def _hear(self, message: bytes) -> None:
        task = asyncio.create_task(self._answer(**json.loads(message)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, *, ask: int, end: str | None) -> None:
        answer = {
            "ask": ask,
            "worker": self._number,
            "key": self._key,
            "ended": False,
        }
        try:
            if end is None:
                data = json.dumps(self._list()).encode()
                await self._shared.set(self._key, data, ttl_s=_KEPT_S)
            else:
                answer["ended"] = await self._signin.end_session(end)
            await self._shared.publish(ANSWER_CHANNEL, json.dumps(answer).encode())
        except SharedUnavailable:
            _LOG.info("somebody asked for sessions, but the node socket is away")

    def _list(self) -> list[dict[str, Any]]:
        return [
            {
                "name": seen.name,
                "plugin": seen.plugin,
                "who": seen.who,
                "began_at": seen.began_at,
                "seen_at": seen.seen_at,
                "ends_at": seen.ends_at,
            }
            for seen in self._signin.list_sessions()[:_MOST]
        ]


class RouteSessions:
    """Control's side, for workers `1` to `workers`."""

    def __init__(self, shared: Shared, *, workers: int) -> None:
        self._shared = shared
        self._numbers = frozenset(range(1, workers + 1))
        self._lock = asyncio.Lock()
        self._asked = 0
        # By the key of their lists: who answered, and whether they ended what was asked.
        self._answers: dict[str, tuple[int, bool]] = {}
        self._news = asyncio.Event()

    def start(self) -> None:
        """Listen for answers."""
        self._shared.subscribe(ANSWER_CHANNEL, self._hear)

    def _hear(self, message: bytes) -> None:
        said = json.loads(message)
        if said["ask"] == self._asked:
            self._answers[said["key"]] = (said["worker"], said["ended"])
            self._news.set()

    async def find_all(self) -> list[RouteSession]:
        """
        Whom the workers have seen, the latest first.

        Raises:
            SharedUnavailable: A worker has not answered: what is not known is no empty list.
        """
        async with self._lock:
            keys = [*await self._ask(None)]
        found: dict[str, RouteSession] = {}
        for key in keys:
            for row in json.loads(await self._shared.get(key) or b"[]"):
                one = RouteSession(**row)
                known = found.get(one.name)
                if known is None or known.seen_at < one.seen_at:
                    found[one.name] = one
        return sorted(found.values(), key=lambda one: -one.seen_at)

    async def end(self, name: str) -> bool:
        """
        End one, wherever it is used; tell whether anybody knew it.

        Raises:
            SharedUnavailable: A worker has not answered: it may go on.
        """
        async with self._lock:
            answers = await self._ask(name)
        return any(is_done for _, is_done in answers.values())

    async def _ask(self, end: str | None) -> dict[str, tuple[int, bool]]:
        """Ask every worker; who answered what, by where their lists lie."""
        self._asked += 1
        self._answers = {}
        question = json.dumps({"ask": self._asked, "end": end}).encode()
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._shared.publish(ASK_CHANNEL, question)
                while self._missing():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as error:
            named = ", ".join(str(number) for number in sorted(self._missing()))
            raise SharedUnavailable(f"no answer from worker {named}") from error
        return self._answers

    def _missing(self) -> frozenset[int]:
        return self._numbers - {number for number, _ in self._answers.values()}
