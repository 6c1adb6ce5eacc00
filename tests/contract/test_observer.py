"""Asking workers and adding up, over the shared-state port: late, dead and unknown workers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from ostiary.adapters.shared import MemoryShared
from ostiary.gateway.metrics import Metrics
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.node import observer as module
from ostiary.node.observer import Observer
from ostiary.node.reporter import ANSWER_CHANNEL, ASK_CHANNEL, CountingFetch, Reporter
from ostiary.ports.fetch import FetchFailed, FetchLimits
from ostiary.ports.shared import SharedUnavailable
from tests.support.ports import FakeClock


class Room:
    """A shared state with workers that come and go."""

    def __init__(self) -> None:
        self.shared = MemoryShared(FakeClock())
        self.deaf: set[str] = set()

    def worker(self, number: int, run: str, **counts: int) -> Reporter:
        reporter = Reporter(
            Ears(self, run),
            Metrics(counts=counts, gauges={"connections": 1}),
            number=number,
            run=run,
            revision=lambda: "r1",
            refresh=lambda: None,
        )
        reporter.start()
        return reporter


class Ears(MemoryShared):
    """The room's rows and channels; a deaf run hears nothing."""

    def __init__(self, room: Room, run: str) -> None:
        self.__dict__.update(room.shared.__dict__)
        self._deaf = room.deaf
        self._run = run

    def subscribe(self, channel: str, hear: Callable[[bytes], None]) -> None:
        def listen(message: bytes) -> None:
            if self._run not in self._deaf:
                hear(message)

        super().subscribe(channel, listen)


@pytest.fixture(autouse=True)
def _short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WITHIN_S", 0.1)


async def observer(room: Room, workers: int = 2) -> Observer:
    found = Observer(room.shared, workers=workers)
    await found.start()
    return found


async def test_every_worker_is_asked_and_summed() -> None:
    room = Room()
    watch = await observer(room)
    room.worker(1, "a", x=1)
    room.worker(2, "b", x=2, y=5)
    seen = await watch.observe(metrics=True)

    assert [a.worker for a in seen.answers] == [1, 2]
    assert seen.missing == ()
    assert seen.total.counts == {"x": 3, "y": 5}
    assert seen.total.gauges == {"connections": 2}
    assert (await watch.observe(metrics=False)).total.counts == {}


async def test_a_dead_worker_keeps_counting_and_is_named() -> None:
    room = Room()
    watch = await observer(room)
    room.worker(1, "a", x=1)
    room.worker(2, "b", x=2)
    await watch.observe(metrics=True)
    room.deaf.add("b")
    seen = await watch.observe(metrics=True)

    assert seen.missing == (2,)
    assert seen.total.counts == {"x": 3}
    assert seen.total.gauges == {"connections": 1}

    room.worker(2, "c", x=10)
    for _ in range(3):
        seen = await watch.observe(metrics=True)
        assert seen.missing == ()
        assert seen.total.counts == {"x": 13}
        assert seen.total.gauges == {"connections": 2}


async def test_a_replaced_worker_that_answers_late_is_not_counted_twice() -> None:
    room = Room()
    watch = await observer(room, workers=1)
    room.worker(1, "a", x=1)
    await watch.observe(metrics=True)
    room.deaf.add("a")
    room.worker(1, "b", x=2)
    await watch.observe(metrics=True)
    room.deaf.clear()

    assert (await watch.observe(metrics=True)).total.counts == {"x": 3}


async def test_two_runs_of_one_worker_count_both_while_it_is_replaced() -> None:
    room = Room()
    watch = await observer(room, workers=1)
    old = room.worker(1, "a", x=1)
    room.worker(1, "b", x=2)
    assert (await watch.observe(metrics=True)).total.counts == {"x": 3}

    await old.stop()
    room.deaf.add("a")
    seen = await watch.observe(metrics=True)
    assert seen.total.counts == {"x": 3}
    assert len(seen.answers) == 1


async def test_another_control_process_goes_on_with_the_sums() -> None:
    room = Room()
    first = await observer(room)
    room.worker(1, "a", x=1)
    room.worker(2, "b", x=2)
    await first.observe(metrics=True)
    room.deaf.add("a")
    room.worker(1, "c", x=4)
    await first.observe(metrics=True)
    second = await observer(room)

    assert (await second.observe(metrics=True)).total.counts == {"x": 7}


async def test_what_ended_well_between_two_questions_is_counted() -> None:
    room = Room()
    watch = await observer(room, workers=1)
    short = room.worker(1, "a", x=1)
    await asyncio.sleep(0)  # its first word is under way
    await asyncio.sleep(0)
    await short.stop()
    room.deaf.add("a")
    room.worker(1, "b", x=2)

    assert (await watch.observe(metrics=True)).total.counts == {"x": 3}


async def test_probes_that_come_at_once_are_one_question() -> None:
    room = Room()
    watch = await observer(room)
    room.worker(1, "a", x=1)
    asked: list[bytes] = []
    room.shared.subscribe(ASK_CHANNEL, asked.append)
    probes = [asyncio.create_task(watch.observe(metrics=False)) for _ in range(12)]
    await asyncio.sleep(0)
    probes[0].cancel()  # who goes away takes the answer from nobody
    seen = await asyncio.gather(*probes[1:])
    assert len(asked) == 1
    assert {s.missing for s in seen} == {(2,)}

    both = await asyncio.gather(
        watch.observe(metrics=True), watch.observe(metrics=False)
    )
    assert len(asked) == 2
    assert [s.total.counts for s in both] == [{"x": 1}, {}]


async def test_what_a_newer_worker_says_besides_is_passed_over() -> None:
    room = Room()
    watch = await observer(room, workers=1)
    for message in (b"\xff", b"[]", b"{}"):
        await room.shared.publish(ANSWER_CHANNEL, message)

    def answer(message: bytes) -> None:
        said = {
            "ask": message.decode().split(" ")[0],
            "worker": 1,
            "run": "a",
            "pid": 7,
        }
        said |= {"revision": "r", "resident_bytes": 1, "mood": "fine"}
        watch._hear(json.dumps(said).encode())

    room.shared.subscribe(ASK_CHANNEL, answer)
    seen = await watch.observe(metrics=False)

    assert [a.pid for a in seen.answers] == [7]


class Away(MemoryShared):
    """A shared state that cannot be reached."""

    async def publish(self, channel: str, message: bytes) -> None:
        raise SharedUnavailable(f"{channel} {len(message)}")


async def test_a_node_socket_that_is_away_is_a_node_without_workers() -> None:
    watch = Observer(Away(FakeClock()), workers=2)
    await watch.start()
    seen = await watch.observe(metrics=True)

    assert (seen.answers, seen.missing) == ((), (1, 2))


async def test_a_worker_whose_node_socket_is_away_serves_on() -> None:
    shared = Away(FakeClock())
    worker = Reporter(
        shared,
        Metrics(),
        number=1,
        run="a",
        revision=lambda: "r",
        refresh=lambda: None,
    )
    worker.start()
    await MemoryShared.publish(shared, ASK_CHANNEL, b"1 metrics")
    await asyncio.sleep(0)
    await worker.stop()

    assert json.loads(await shared.get("node:metrics:a") or b"{}") == {
        "series": [], "counts": {}, "gauges": {},
    }  # fmt: skip


class Provider:
    def __init__(self, status: int | None) -> None:
        self._status = status

    async def send(
        self, request: OutgoingRequest, limits: FetchLimits
    ) -> IncomingReply:
        if self._status is None:
            raise FetchFailed(f"{request.url} {limits.timeout_s}")
        return IncomingReply(status=self._status, fields={}, body=b"")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "ok"), (302, "ok"), (400, "refused"), (503, "refused"), (None, "failed")],
)
async def test_calls_to_providers_are_counted(status: int | None, outcome: str) -> None:
    metrics = Metrics()
    request = OutgoingRequest(method="GET", url="https://idp.example/", fields=())
    fetch = CountingFetch(Provider(status), metrics)
    try:
        await fetch.send(request, FetchLimits())
    except FetchFailed:
        assert status is None

    assert metrics.counts == {f"backchannel:{outcome}": 1}
