"""
Mails on their way: handed over one after the other, and tried again where that does not work.

Whoever asked for a mail does not wait for it. What cannot be delivered in the end is logged, by
its event and workspace alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from ostiary.ports.mail import Mailer, MailUnavailable, Message

_LOG: Final = logging.getLogger("ostiary.portal")
# Some five minutes in all: a mail server that restarts is back by then.
_WAITS_S: Final = (2.0, 8.0, 30.0, 90.0, 180.0)
MAX_WAITING: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail; `about` names it in the log, without an address."""

    message: Message = field(repr=False)
    about: str


class Outbox:
    """Sends mails in the background. `waits_s` are the pauses between tries, in seconds."""

    def __init__(
        self, mailer: Mailer, *, waits_s: tuple[float, ...] = _WAITS_S
    ) -> None:
        self._mailer = mailer
        self._waits_s = waits_s
        self._waiting: deque[Letter] = deque()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def put(self, letter: Letter) -> bool:
        """Take a mail; False where too many wait already."""
        if len(self._waiting) >= MAX_WAITING:
            _LOG.error("a mail was not taken, %d wait: %s", MAX_WAITING, letter.about)
            return False
        self._waiting.append(letter)
        self._news.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="portal outbox")
        return True

    async def _run(self) -> None:
        while self._waiting:
            await self._deliver(self._waiting[0])
            self._waiting.popleft()

    async def _deliver(self, letter: Letter) -> None:
        for wait_s in (*self._waits_s, None):
            try:
                await self._mailer.send(letter.message)
            except MailUnavailable as error:
                if wait_s is None:
                    _LOG.error("a mail could not be sent: %s: %s", letter.about, error)
                    return
                _LOG.warning("a mail waits: %s: %s", letter.about, error)
                await asyncio.sleep(wait_s)
            else:
                return

    async def close(self) -> None:
        """Stop; what waits is told in the log."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for letter in self._waiting:
            _LOG.error("a mail was not sent before the end: %s", letter.about)
