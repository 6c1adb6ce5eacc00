"""Sessions that end while a request of theirs is still being judged, and sessions begun after."""

from __future__ import annotations

import asyncio

import pytest

from ostiary.gateway.decision import Forward, Pending
from ostiary.proxy import plane as planes
from ostiary.proxy.plane import Plane
from tests.proxy.support import RawClient, Stage, get, read_request, soon
from tests.proxy.test_tunnel_and_stop import UPGRADE, echo_tunnel

MARKS = ("s1", "sub:ada")


async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An event stream that goes on for ever."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n\r\nevent")
    await reader.read()


async def short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class Court:
    """Judges each request only when it is told to."""

    def __init__(self, stage: Stage, *, marks: tuple[str, ...] = MARKS) -> None:
        self.stage = stage
        self.marks = marks
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def open(self, *, tunnel: bool) -> RawClient:
        """A client whose request for a stream has come and is not judged yet."""
        upstream = await self.stage.upstream(echo_tunnel if tunnel else stream)
        await self.serve(upstream.port)
        client = await self.stage.client()
        client.send(UPGRADE if tunnel else get())
        await soon(self.asked.wait())
        return client

    async def serve(self, port: int) -> None:
        await self.stage.serve(
            lambda head, _p, _b: Pending(
                self._judge(self.stage.forward(head, port, bound_to=self.marks))
            )
        )

    async def _judge(self, forward: Forward) -> Forward:
        self.asked.set()
        await self.go.wait()
        return forward

    @property
    def plane(self) -> Plane:
        assert self.stage.proxy is not None
        return self.stage.proxy._plane

    def end(self, mark: str) -> None:
        assert self.stage.proxy is not None
        self.stage.proxy.session_ended(mark)

    async def sweep(self) -> None:
        """Wait until what had been heard so far has been acted on."""
        await self._until(lambda: not self.plane.ended)

    async def later(self) -> None:
        """Wait until the clock shows a time after the last end."""
        await self._until(lambda: self.plane.now() > self.plane.last_end)

    async def _until(self, holds: object) -> None:
        assert callable(holds)
        loop = asyncio.get_running_loop()
        until = loop.time() + 4
        while not holds():
            assert loop.time() < until
            await asyncio.sleep(0)


@pytest.mark.spec("T-X10")
@pytest.mark.parametrize("tunnel", [False, True])
@pytest.mark.parametrize("mark", MARKS)
async def test_a_stream_judged_while_its_session_ends_does_not_stay(
    stage: Stage, *, tunnel: bool, mark: str
) -> None:
    court = Court(stage)
    client = await court.open(tunnel=tunnel)
    court.end(mark)
    await court.sweep()
    court.go.set()

    if tunnel:
        assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    else:
        await client.rest()  # to its end, or this would wait for ever
    assert (await stage.outcome()).status == (502 if tunnel else 200)


@pytest.mark.parametrize("tunnel", [False, True])
async def test_the_end_of_another_session_leaves_it_open(
    stage: Stage, *, tunnel: bool
) -> None:
    court = Court(stage)
    client = await court.open(tunnel=tunnel)
    court.end("s2")
    await court.sweep()
    court.go.set()

    status = (await client.head()).split(b" ", 2)[1]
    got = await soon(client.reader.readexactly(5))
    court.end("s3")
    await court.sweep()

    assert (status, got) == ((b"101", b"early") if tunnel else (b"200", b"5\r\nev"))
    assert stage.outcomes.empty()


@pytest.mark.spec("T-X10")
async def test_a_session_begun_after_the_persons_order_is_not_meant(
    stage: Stage,
) -> None:
    court = Court(stage)
    court.go.set()
    upstream = await stage.upstream(echo_tunnel)
    await court.serve(upstream.port)
    court.end("sub:ada")
    await court.later()  # no tick has looked at the order yet, or one has: both may be
    client = await stage.client()
    client.send(UPGRADE)

    assert (await client.head()).startswith(b"HTTP/1.1 101 ")
    await soon(client.reader.readexactly(5))
    await court.sweep()
    client.send(b"still")
    assert await soon(client.reader.readexactly(5)) == b"still"

    court.end("sub:ada")

    assert await client.is_closed()


async def test_a_short_answer_that_was_judged_before_the_end_is_given(
    stage: Stage,
) -> None:
    court = Court(stage)
    upstream = await stage.upstream(short)
    await court.serve(upstream.port)
    client = await stage.client()
    client.send(get())
    await soon(court.asked.wait())
    court.end("s1")
    court.go.set()

    assert (await client.reply())[1] == b"ok"


async def test_only_so_many_ends_are_remembered_and_what_is_forgotten_counts_as_ended(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planes, "MAX_ENDS", 2)
    court = Court(stage)
    await court.serve(1)
    plane = court.plane
    clock = [100.0]
    monkeypatch.setattr(plane, "now", lambda: clock[0])
    for clock[0], mark in ((100.0, "a"), (101.0, "b"), (102.0, "a"), (103.0, "c")):
        plane.hear_end(mark)

    assert plane.has_ended(("c",), 103.0)
    assert plane.has_ended(("a",), 102.0)
    assert not plane.has_ended(("a",), 102.5)
    assert not plane.has_ended(("other",), 101.5)
    assert plane.has_ended(("other",), 101.0)
    assert not plane.has_ended((), 101.0)

    clock[0] += planes.ENDS_KEPT_S + 1
    plane.hear_end("d")

    assert len(plane._ends) == 1
    assert plane.has_ended(("other",), 103.0)
    assert not plane.has_ended(("other",), 103.5)
