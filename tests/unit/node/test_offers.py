"""A large configuration is compiled by workers while control checks it, and served after that."""

from __future__ import annotations

from pathlib import Path

import pytest

from ostiary.adapters.shared import MemoryShared
from ostiary.gateway.changes import NOTHING_YET
from ostiary.gateway.compile import Compiled, Steps, Workshop, compile_lines
from ostiary.kit import Services
from ostiary.node import delivery
from ostiary.node import worker as worker_module
from ostiary.node.delivery import OFFER_CHANNEL, OFFER_KEY, Base, fetch_base
from ostiary.node.lastgood import open_last_good, save_last_good
from ostiary.node.role import CONFIG_KEY
from ostiary.node.worker import Worker
from tests.support.ports import FakeClock
from tests.unit.node.test_processes import GOOD, Node, build_orders, services


class Silent:
    """What a worker has besides, when it runs."""

    async def adopt(self, _: object) -> None:
        """Nothing is probed."""

    def serve(self, _: object) -> None:
        """Nothing is shown."""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    monkeypatch.setattr(delivery, "SMALL_BYTES", 0)
    return Node(tmp_path)


@pytest.fixture
def compiles(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What workers compile from lines."""
    found: list[object] = []

    def watch(
        previous: Compiled, *, lines: list[bytes], revision: str, workshop: Workshop
    ) -> Steps:
        found.append(revision)
        return compile_lines(previous, lines, workshop, revision=revision)

    monkeypatch.setattr(worker_module, "compile_lines", watch)
    return found


def build_worker(tmp_path: Path, shared: MemoryShared) -> Worker:
    worker = Worker(build_orders(tmp_path, "worker"))
    worker.shared = shared  # type: ignore[assignment] # the same port
    worker.health = worker.tls = Silent()  # type: ignore[assignment] # as far as is asked
    return worker


async def test_what_is_offered_is_served_once_it_is_the_base(
    tmp_path: Path, node: Node, compiles: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, lent = build_worker(tmp_path, node.shared), _lend()
    live, seen = node.control.live, list[str]()
    offer = live.publisher.offer

    async def offer_and_see(base: Base) -> None:
        await offer(base)
        await worker.prepare(lent)
        seen.append(worker.gateway.snapshot.revision)

    monkeypatch.setattr(live.publisher, "offer", offer_and_see)
    node.write(GOOD)
    await node.source.reload()
    await worker.load(lent)

    assert seen == [NOTHING_YET]
    assert worker.gateway.snapshot.revision == live.revision != NOTHING_YET
    assert compiles == [live.revision]
    assert worker.prepared is None
    assert await node.shared.get(OFFER_KEY) is None


async def test_what_control_refuses_is_withdrawn_and_never_served(
    tmp_path: Path, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, lent = build_worker(tmp_path, node.shared), _lend()
    node.write(GOOD)
    await node.source.reload()
    await worker.load(lent)
    before, kept = worker.gateway.snapshot, node.control.live.revision

    def full(_: Base) -> None:
        raise OSError(28, "No space left on device")

    offered: list[Base | None] = []
    publish = node.shared.publish

    async def publish_and_see(channel: str, message: bytes) -> None:
        await publish(channel, message)
        if channel == OFFER_CHANNEL:
            offered.append(await fetch_base(node.shared, place=OFFER_KEY))
            await worker.prepare(lent)

    monkeypatch.setattr(node.shared, "publish", publish_and_see)
    monkeypatch.setattr(node.control.live, "_keep", full)
    node.write({**GOOD, "services": [{"name": "other", "host": "h"}]})
    await node.source.reload()
    await worker.load(lent)

    assert [b'"other"' in base.data for base in offered if base is not None] == [True]
    assert worker.prepared is not None
    assert worker.gateway.snapshot is before
    assert node.control.live.revision == kept
    assert await node.shared.get(OFFER_KEY) is None
    assert {k for k in node.shared._rows.rows if k.startswith(CONFIG_KEY)} == {
        CONFIG_KEY,
        f"{CONFIG_KEY}:log",
        f"{CONFIG_KEY}:{kept}:0",
    }


async def test_a_small_configuration_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Node(tmp_path)
    heard: list[bytes] = []
    node.shared.subscribe(OFFER_CHANNEL, heard.append)
    node.write(GOOD)
    await node.source.reload()

    assert services(node.control) == 1
    assert not heard


async def test_a_worker_keeps_what_it_serves_while_the_node_knows_nothing(
    tmp_path: Path, compiles: list[object]
) -> None:
    worker, lent = build_worker(tmp_path, MemoryShared(FakeClock())), _lend()
    line = b'services {"id":"00000000-0000-4000-8000-000000000001","host":"h"}'
    orders = worker.orders
    save_last_good(orders.prefix, orders.database_key, Base(revision="", data=line))
    for _ in range(2):
        await worker.load(lent)

    assert compiles == [""]
    assert worker.gateway.snapshot.revision != NOTHING_YET
    assert open_last_good(orders.prefix, orders.database_key) is not None


def _lend() -> Services:
    lent: Services = None  # type: ignore[assignment] # no plugin asks for anything
    return lent
