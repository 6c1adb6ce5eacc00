"""A node under load that gets new configurations and new workers loses no request."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio
import yaml

from tests.support.node import Node, running_node
from tests.support.short_load import ask_once, short_connections, small_upstream

PER_SECOND = 2000
REPETITIONS = 10
DEADLINE_S = 30

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.alone]


def write_routes(node: Node, upstream: int, extra: int) -> None:
    """A file with a route for everything and `extra` others, put in place at once."""
    data = {
        "_format_version": "3.0",
        "services": [
            {
                "name": "up",
                "url": f"http://127.0.0.1:{upstream}",
                "routes": [
                    {"name": "all", "paths": ["/"]},
                    *(
                        {"name": f"r{n}", "paths": [f"/extra/{n}"]}
                        for n in range(extra)
                    ),
                ],
            }
        ],
    }
    fresh = node.file.with_suffix(".new")
    fresh.write_text(yaml.safe_dump(data))
    fresh.replace(node.file)


async def until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not await asyncio.to_thread(check):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def revision(node: Node) -> str:
    """The revision both workers serve; empty while they do not agree with control."""
    status = node.status()
    served = status["workers"]
    assert isinstance(served, dict)
    found = str(status["configuration_hash"])
    return found if len(served) == 2 and set(served.values()) == {found} else ""


def all_gone(node: Node, pids: set[int]) -> Callable[[], bool]:
    return lambda: not pids & workers(node)


def serves_new(node: Node, old: str) -> Callable[[], bool]:
    return lambda: revision(node) not in {"", old}


async def reload_routes(node: Node, upstream: int) -> None:
    """The small upstream takes the place of the demo's file."""
    assert node.process is not None
    old = await asyncio.to_thread(revision, node)
    write_routes(node, upstream, 0)
    node.process.send_signal(signal.SIGHUP)
    await until(serves_new(node, old))


def workers(node: Node) -> set[int]:
    return {pid for pid, role in node.children().items() if role == "worker"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the tests here share: a node that watches its file, and what is behind it."""

    node: Node
    upstream: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def loaded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Loaded]:
    folder = tmp_path_factory.mktemp("loaded")
    watch = {"OSTIARY_DECLARATIVE_CONFIG_WATCH": "on"}
    async with small_upstream() as upstream, running_node(folder, **watch) as node:
        await reload_routes(node, upstream)
        yield Loaded(node=node, upstream=upstream)


@pytest.mark.spec("architecture#4")
async def test_new_configurations_cost_no_request(loaded: Loaded) -> None:
    node, upstream = loaded.node, loaded.upstream
    async with short_connections(node.ports.proxy, per_second=PER_SECOND) as tally:
        for turn in range(1, 4):
            old = await asyncio.to_thread(revision, node)
            write_routes(node, upstream, turn * 50)
            await until(serves_new(node, old))  # the watch has seen it
            assert node.process is not None
            node.process.send_signal(signal.SIGHUP)
            await asyncio.sleep(0.2)

    assert tally.sent > PER_SECOND / 2
    assert tally.failures == {}
    assert tally.ends["200"] == tally.sent


@pytest.mark.spec("architecture#4")
async def test_replacing_every_worker_again_and_again_costs_no_request(
    loaded: Loaded,
) -> None:
    node = loaded.node
    assert node.process is not None
    seen = workers(node)
    async with short_connections(node.ports.proxy, per_second=200) as tally:
        for _ in range(REPETITIONS // 2):  # two workers each time
            before = workers(node)
            node.process.send_signal(signal.SIGUSR2)
            await until(all_gone(node, before))
            await until(lambda: len(workers(node)) == 2)
            seen |= workers(node)

    assert len(seen) == 2 + REPETITIONS
    assert tally.failures == {}


@pytest.mark.spec("architecture#4")
async def test_connections_made_after_a_worker_crashed_are_all_answered(
    loaded: Loaded,
) -> None:
    node = loaded.node
    for _ in range(REPETITIONS):
        before = workers(node)
        os.kill(min(before), signal.SIGKILL)
        await until(all_gone(node, {min(before)}))
        # Some of these wait in the dead worker's queue until its successor takes them.
        answers = await asyncio.gather(*(ask_once(node.ports.proxy) for _ in range(16)))
        assert set(answers) == {"200"}
        await until(lambda: len(workers(node)) == 2)
