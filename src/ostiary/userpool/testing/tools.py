"""The things that tests move: a clock, an outbox, codes that are known before, faults."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from ostiary.ports.clock import Clock
from ostiary.ports.mail import Mailer, MailUnavailable, Message

KEPT: Final = 1000


@dataclass(slots=True)
class MovableClock:
    """A clock that runs, from wherever it was put."""

    real: Clock
    offset_s: float = 0.0

    def now(self) -> float:
        return self.real.now() + self.offset_s

    def put(self, at: float) -> None:
        """Let it be this time now; it runs on from there."""
        self.offset_s = at - self.real.now()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message as it was handed over."""

    id: int
    message: Message
    sent_at: float


@dataclass(slots=True, kw_only=True)
class Faults:
    """What is to go wrong: so many calls refused, so much later, no mail."""

    throttled: int = 0
    latency_s: float = 0.0
    mail_fails: bool = False

    async def before_call(self) -> bool:
        """Wait as long as calls are to take, and tell whether this one is refused."""
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        if not self.throttled:
            return False
        self.throttled -= 1
        return True


@dataclass(slots=True, kw_only=True)
class Outbox:
    """Keeps the newest messages, and hands them on if there is anybody to hand them to."""

    clock: Clock
    faults: Faults
    mailer: Mailer | None = None
    sent: deque[Sent] = field(default_factory=lambda: deque(maxlen=KEPT), repr=False)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition, repr=False)
    _count: int = 0

    async def send(self, message: Message) -> None:
        if self.faults.mail_fails:
            raise MailUnavailable("mail is set to fail")
        if self.mailer is not None:
            await self.mailer.send(message)
        async with self._arrived:
            self._count += 1
            self.sent.append(
                Sent(id=self._count, message=message, sent_at=self.clock.now())
            )
            self._arrived.notify_all()

    def find(self, *, to: str | None, after: int = 0) -> list[Sent]:
        """The kept messages to somebody, the oldest first."""
        return [
            item
            for item in self.sent
            if item.id > after
            and (to is None or item.message.recipient.casefold() == to.casefold())
        ]

    async def wait(self, *, to: str | None, after: int, within_s: float) -> list[Sent]:
        """What `find` finds, as soon as there is something or the time is over."""
        try:
            async with asyncio.timeout(within_s), self._arrived:
                await self._arrived.wait_for(lambda: self.find(to=to, after=after))
        except TimeoutError:
            return []
        return self.find(to=to, after=after)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestingTools:
    """All of it; a user pool that is given none has no endpoint for tests."""

    __test__ = False  # no test, whatever its name looks like to pytest

    clock: MovableClock
    outbox: Outbox
    faults: Faults
    codes: deque[str] = field(default_factory=deque, repr=False)

    def take_code(self, digits: int) -> str | None:
        """The next code that a test wants, if it fits."""
        if self.codes and len(self.codes[0]) == digits:
            return self.codes.popleft()
        return None


def build_testing(clock: Clock, mailer: Mailer | None = None) -> TestingTools:
    """Tools on a real clock."""
    movable, faults = MovableClock(clock), Faults()
    outbox = Outbox(clock=movable, faults=faults, mailer=mailer)
    return TestingTools(clock=movable, outbox=outbox, faults=faults)
