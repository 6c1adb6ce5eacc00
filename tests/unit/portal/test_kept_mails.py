"""Mails that wait survive a stop; nobody sends them twice, nobody reads them meanwhile."""

from __future__ import annotations

import asyncio
import logging

import pytest

from ostiary.adapters.shared import MemoryStore
from ostiary.portal.kept_mails import KEPT_FOR_S, KeptMails
from ostiary.portal.outbox import Letter, Outbox
from ostiary.ports.mail import Message
from ostiary.ports.shared import SharedUnavailable
from ostiary.sessions.keys import KeyRing, RingKey
from tests.support.ports import FakeClock, FakeEntropy
from tests.unit.portal.portal_kit import EMAIL, Postbox

RING = KeyRing((RingKey(b"aaaa", b"s" * 32),))


def letter(text: str = "planted") -> Letter:
    message = Message(recipient=EMAIL, subject="s", text=text, html="<p>h</p>")
    return Letter(message=message, about="a test", of="default")


class Disk:
    """A database that outlives its nodes."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.entropy = FakeEntropy()

    def kept(self, node: str = "n1", ring: KeyRing = RING) -> KeptMails:
        return KeptMails(self.store, self.entropy, ring, node=node)


async def stop_while_down(disk: Disk, *texts: str) -> None:
    """A node that cannot send, and ends."""
    post = Postbox()
    post.is_down = True
    outbox = Outbox(post, kept=disk.kept(), waits_s=(3600,))
    for text in texts:
        outbox.put(letter(text))
    async with asyncio.timeout(20):
        while not outbox._later:
            await asyncio.sleep(0)
    await outbox.close()


async def send_on(disk: Disk, node: str = "n1") -> list[str]:
    """What a node sends after its start."""
    post = Postbox()
    outbox = Outbox(post, kept=disk.kept(node), waits_s=(3600,))
    outbox.start()
    assert outbox._task is not None
    await outbox._task
    await outbox.close()
    return [mail.text for mail in post.mails]


async def test_what_waited_is_sent_after_the_next_start_and_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Tried or not yet tried; whole, and by the node that had them alone."""
    disk = Disk()
    await stop_while_down(disk, "one", "two", "three")

    assert await send_on(disk, "n2") == []
    assert sorted(await send_on(disk)) == ["one", "three", "two"]
    assert await send_on(disk) == []
    assert "before the end" not in caplog.text


async def test_a_mail_comes_back_as_it_was() -> None:
    disk = Disk()
    await stop_while_down(disk, "one")

    ((_, found),) = await disk.kept().load()
    assert found == letter("one")


async def test_what_is_kept_is_sealed_and_ends() -> None:
    disk = Disk()
    await stop_while_down(disk, "planted")

    assert "planted" not in str(vars(disk.store))
    other = KeyRing((RingKey(b"bbbb", b"t" * 32),))
    assert await disk.kept(ring=other).load() == []
    disk.clock.move(KEPT_FOR_S + 1)
    assert await disk.kept().load() == []


class Recovering(Postbox):
    """Takes nothing the first time; counts what is kept when it is asked again."""

    def __init__(self, disk: Disk) -> None:
        super().__init__()
        self.disk = disk
        self.is_down = True
        self.kept: list[int] = []

    async def send(self, message: Message) -> None:
        self.kept.append(len(await self.disk.kept().load()))
        try:
            await super().send(message)
        finally:
            self.is_down = False


async def test_a_mail_is_kept_while_it_waits_and_no_longer() -> None:
    disk = Disk()
    post = Recovering(disk)
    outbox = Outbox(post, kept=disk.kept(), waits_s=(0.0,))
    outbox.put(letter())
    assert outbox._task is not None
    await outbox._task
    await outbox.close()

    assert post.kept == [0, 1]
    assert len(post.mails) == 1
    assert await disk.kept().load() == []


async def test_a_database_that_is_away_stops_no_mail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    class Away:
        def __getattr__(self, _: str) -> object:
            raise SharedUnavailable("away")

    kept = KeptMails(Away(), FakeEntropy(), RING, node="n")  # type: ignore[arg-type]  # a store that is down
    post = Postbox()
    outbox = Outbox(post, kept=kept, waits_s=(3600,))
    outbox.start()
    outbox.put(letter())
    assert outbox._task is not None
    await outbox._task
    post.is_down = True
    outbox.put(letter())
    async with asyncio.timeout(20):
        while not outbox._later:
            await asyncio.sleep(0)
    await outbox.close()

    assert len(post.mails) == 1
    assert "before the end" in caplog.text
    assert "planted" not in caplog.text
    assert EMAIL not in caplog.text
