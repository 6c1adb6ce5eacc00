"""
Mails on their way: handed over one after the other, and tried again where that does not work.

Whoever asked for a mail does not wait for it, and no mail waits for another that is tried again.
Those that wait are kept, so that a node that stops sends them when it is back. What cannot be
delivered in the end is logged, by its event and workspace alone.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final, Protocol

from ostiary.ports.mail import Mailer, MailUnavailable, Message

_LOG: Final = logging.getLogger("ostiary.portal")
# Some five minutes in all: a mail server that restarts is back by then.
_WAITS_S: Final = (2.0, 8.0, 30.0, 90.0, 180.0)
# Of one workspace: no portal that is flooded takes the others' mails along.
MAX_WAITING: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail; `about` (an event) and `of` (a workspace) name it in the log, without an address."""

    message: Message = field(repr=False)
    about: str
    of: str


class Kept(Protocol):
    """Keeps mails while the node is away. Nothing raises: a mail that is not kept is in memory still."""

    async def keep(self, letter: Letter) -> str | None:
        """Keep a mail; under what, or None where that does not work now."""
        ...

    async def forget(self, key: str) -> None:
        """Let a mail go."""
        ...

    async def load(self) -> list[tuple[str, Letter]]:
        """What was kept, by its keys."""
        ...


@dataclass(order=True, slots=True)
class _Later:
    """A letter to be tried again; `due` is of the loop's clock, `key` what it is kept under."""

    due: float
    order: int
    tries: int = field(compare=False)
    letter: Letter = field(compare=False)
    key: str | None = field(compare=False)


class Outbox:
    """Sends mails in the background. `waits_s` are the pauses between tries, in seconds."""

    def __init__(
        self,
        mailer: Mailer,
        *,
        kept: Kept | None = None,
        waits_s: tuple[float, ...] = _WAITS_S,
    ) -> None:
        self._mailer = mailer
        self._kept = kept
        self._waits_s = waits_s
        self._waiting: deque[tuple[Letter, str | None]] = deque()
        self._later: list[_Later] = []
        self._count: Counter[str] = Counter()
        self._order = 0
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go on with what was kept, before anything is put."""
        self._task = asyncio.create_task(self._resume(), name="portal outbox")

    async def _resume(self) -> None:
        for key, letter in await self._kept.load() if self._kept is not None else ():
            self._count[letter.of] += 1
            self._waiting.append((letter, key))
        await self._run()

    def put(self, letter: Letter) -> bool:
        """Take a mail; False where too many of its workspace wait already."""
        if self._count[letter.of] >= MAX_WAITING:
            _LOG.error("a mail was not taken, %d wait: %s", MAX_WAITING, _name(letter))
            return False
        self._count[letter.of] += 1
        self._waiting.append((letter, None))
        self._news.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="portal outbox")
        return True

    async def _run(self) -> None:
        """Until nothing waits: what is new first, what is due again after it."""
        now = asyncio.get_running_loop().time
        while self._waiting or self._later:
            if self._waiting:
                letter, key = self._waiting[0]
                await self._deliver(letter, key, tries=0)
                self._waiting.popleft()
            elif self._later[0].due <= now():
                again = self._later[0]
                await self._deliver(again.letter, again.key, tries=again.tries)
                # Others may have come before it, none with its number.
                self._later.remove(again)
                heapq.heapify(self._later)
            else:
                self._news.clear()
                try:
                    async with asyncio.timeout_at(self._later[0].due):
                        await self._news.wait()
                except TimeoutError:
                    continue

    async def _deliver(self, letter: Letter, key: str | None, *, tries: int) -> None:
        try:
            await self._mailer.send(letter.message)
        except MailUnavailable as error:
            if not error.is_final and tries < len(self._waits_s):
                _LOG.warning("a mail waits: %s: %s", _name(letter), error)
                if key is None and self._kept is not None:
                    key = await self._kept.keep(letter)
                due = asyncio.get_running_loop().time() + self._waits_s[tries]
                self._order += 1
                later = _Later(due, self._order, tries + 1, letter, key)
                heapq.heappush(self._later, later)
                return
            _LOG.error("a mail could not be sent: %s: %s", _name(letter), error)
        self._count[letter.of] -= 1
        if key is not None and self._kept is not None:
            await self._kept.forget(key)

    async def close(self) -> None:
        """Stop; what waits is kept for the next start, and told in the log where that fails."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        left = [*self._waiting, *((later.letter, later.key) for later in self._later)]
        for letter, key in left:
            if key is None and self._kept is not None:
                key = await self._kept.keep(letter)  # noqa: PLW2901 - it has one now
            if key is None:
                _LOG.error("a mail was not sent before the end: %s", _name(letter))


def _name(letter: Letter) -> str:
    return f"{letter.about} of {letter.of}"
