"""Workers that are replaced while something goes wrong: nobody is lost track of."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import pytest_asyncio

from ostiary.node import supervisor as module
from ostiary.node.supervisor import Child, Supervisor
from tests.support.lean_node import LeanNode, eventually, lean_node

REAL = sys.executable
WITHIN_S = 30
shared = pytest.mark.asyncio(loop_scope="module")


def routes(node: LeanNode, name: str = "all") -> dict[str, Any]:
    url = f"http://127.0.0.1:{node.ports.upstream}"
    route = {"name": name, "paths": ["/"]}
    return {"services": [{"name": "up", "url": url, "routes": [route]}]}


@asynccontextmanager
async def serving_node(folder: Path, **settings: str) -> AsyncIterator[LeanNode]:
    async with lean_node(folder, **settings) as node:
        await node.configure(routes(node))
        yield node


def workers(supervisor: Supervisor) -> list[Child]:
    return [c for c in supervisor._children if c.role == "worker"]


def pids(supervisor: Supervisor) -> list[int]:
    return [c.process.pid for c in workers(supervisor) if c.process is not None]


def running(supervisor: Supervisor) -> set[int]:
    return {p.pid for p in supervisor._running}


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@contextmanager
def starting_with(folder: Path, *lines: str) -> Iterator[None]:
    """Processes run these lines of shell before they become what they are."""
    script = folder / "start.sh"
    script.write_text("\n".join(("#!/bin/sh", *lines, f'exec {REAL} "$@"\n')))
    script.chmod(0o755)
    with mock.patch.object(sys, "executable", str(script)):
        yield


@asynccontextmanager
async def held_successor(folder: Path, node: LeanNode) -> AsyncIterator[Path]:
    """Worker 1 is being replaced; its successor waits until somebody makes the file."""
    gate = folder / "gate"
    before = running(node.supervisor)
    with starting_with(folder, f"while [ ! -e {gate} ]; do sleep 0.02; done"):
        rolling = asyncio.create_task(node.supervisor.replace_workers())

        async def begun() -> bool:
            return len(running(node.supervisor)) > len(before)

        await eventually(begun)
        try:
            yield gate
            async with asyncio.timeout(WITHIN_S):
                await rolling
        finally:
            rolling.cancel()
            await asyncio.gather(rolling, return_exceptions=True)


async def gone(supervisor: Supervisor, pid: int) -> None:
    async def check() -> bool:
        return pid not in running(supervisor)

    await eventually(check)


async def replace(supervisor: Supervisor) -> None:
    async with asyncio.timeout(WITHIN_S):
        await supervisor.replace_workers()


async def assert_in_order(node: LeanNode) -> None:
    """Two workers that serve, and no process besides those that are known."""
    found = node.supervisor
    assert running(found) == {p for n, p in found.pids.items() if n != "supervisor"}
    assert len(running(found)) == 3
    assert all(found._is_ready(c) for c in found._children)
    for _ in range(4):
        assert (await node.proxy("/")).status == 200


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def roller(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LeanNode]:
    async with serving_node(tmp_path_factory.mktemp("roller")) as node:
        yield node


@pytest_asyncio.fixture(loop_scope="module")
async def node(roller: LeanNode) -> AsyncIterator[LeanNode]:
    """A node that others use too: it is in order again afterwards."""
    yield roller
    await assert_in_order(roller)


async def test_a_replacement_that_dies_leaves_the_old_one_known(tmp_path: Path) -> None:
    async with serving_node(tmp_path) as node:
        old = pids(node.supervisor)
        with starting_with(tmp_path, "exit 3"):
            await replace(node.supervisor)

        assert pids(node.supervisor) == old
        await assert_in_order(node)
        await replace(node.supervisor)
        assert not {*old} & {*pids(node.supervisor)}
        await assert_in_order(node)
        old += pids(node.supervisor)
    assert not any(is_alive(pid) for pid in old)


@shared
async def test_an_old_worker_that_dies_is_followed_by_its_successor(
    node: LeanNode, tmp_path: Path
) -> None:
    old = pids(node.supervisor)
    before = running(node.supervisor)
    async with held_successor(tmp_path, node) as gate:
        (successor,) = running(node.supervisor) - before
        os.kill(old[0], signal.SIGKILL)
        await gone(node.supervisor, old[0])
        gate.touch()

    assert pids(node.supervisor)[0] == successor
    assert pids(node.supervisor)[1] != old[1]
    await assert_in_order(node)


@shared
async def test_an_old_worker_that_dies_at_the_very_start_has_one_successor(
    node: LeanNode, tmp_path: Path
) -> None:
    made = []
    create = asyncio.create_subprocess_exec

    old = pids(node.supervisor)

    async def slowly(*args: Any, **more: Any) -> asyncio.subprocess.Process:
        process = await create(*args, **more)
        made.append(process.pid)
        if len(made) == 1:
            os.kill(old[0], signal.SIGKILL)
            await gone(node.supervisor, old[0])
        return process

    with mock.patch.object(asyncio, "create_subprocess_exec", slowly):
        await replace(node.supervisor)

    assert pids(node.supervisor) == made
    await assert_in_order(node)


@shared
async def test_what_the_old_worker_says_is_not_its_successors_word(
    node: LeanNode, tmp_path: Path
) -> None:
    old = pids(node.supervisor)
    async with held_successor(tmp_path, node) as gate:
        await node.configure(routes(node, "other"))  # both old ones have told

        assert pids(node.supervisor) == old
        assert running(node.supervisor) >= {*old}
        for _ in range(4):
            assert (await node.proxy("/")).status == 200
        gate.touch()
    assert not {*old} & running(node.supervisor)


async def test_stopping_ends_the_old_worker_and_its_successor(tmp_path: Path) -> None:
    async with serving_node(tmp_path) as node:
        async with held_successor(tmp_path, node):
            known = running(node.supervisor)
            assert len(known) == 4
            async with asyncio.timeout(WITHIN_S):
                await node.supervisor.stop()

        assert not any(is_alive(pid) for pid in known)
        assert running(node.supervisor) == set()


async def test_a_process_that_was_being_made_does_not_outlive_the_node(
    tmp_path: Path,
) -> None:
    made = []
    create = asyncio.create_subprocess_exec

    async with serving_node(tmp_path) as node:
        begun, go = asyncio.Event(), asyncio.Event()

        async def slowly(*args: Any, **more: Any) -> asyncio.subprocess.Process:
            process = await create(*args, **more)
            made.append(process.pid)
            begun.set()
            await go.wait()
            return process

        with mock.patch.object(asyncio, "create_subprocess_exec", slowly):
            node.supervisor.roll()
            await begun.wait()
            stopping = asyncio.create_task(node.supervisor.stop())

            async def others_gone() -> bool:
                return not running(node.supervisor)

            await eventually(others_gone)
            go.set()
            async with asyncio.timeout(WITHIN_S):
                await stopping

        assert not any(is_alive(pid) for pid in made)


@shared
async def test_an_old_worker_that_hangs_is_killed(
    node: LeanNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "END_WITHIN_S", 0.2)
    old = pids(node.supervisor)
    os.kill(old[0], signal.SIGSTOP)
    await replace(node.supervisor)

    assert not any(is_alive(pid) for pid in old)
    await assert_in_order(node)


async def test_signals_to_a_process_that_starts_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "kong.yml"
    file.write_text(json.dumps({"_format_version": "3.0"}))
    first = []
    spawn = Supervisor._spawn

    async def signalled(self: Supervisor, child: Child) -> asyncio.subprocess.Process:
        process = await spawn(self, child)
        first.append(process.pid)
        if child.role == "control":
            child.process = process
            self.reload()
        return process

    monkeypatch.setattr(Supervisor, "_spawn", signalled)
    more = {"declarative_config": str(file), "log_level": "info"}
    async with lean_node(tmp_path, **more) as node:

        async def read_twice() -> bool:
            log = (node.prefix / "logs" / "error.log").read_text()
            return log.count(" is live") == 2

        await eventually(read_twice)
        for pid in running(node.supervisor):
            os.kill(pid, signal.SIGUSR2)
        for number in (1, 2):
            await node.configure(routes(node, f"r{number}"))
        assert running(node.supervisor) == {*first}


async def test_a_roll_at_the_very_start_ends_with_every_worker_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawn = Supervisor._spawn
    rolls: list[asyncio.Task[None]] = []

    async def rolled(self: Supervisor, child: Child) -> asyncio.subprocess.Process:
        process = await spawn(self, child)
        if child.number == 2 and not rolls:
            rolls.append(asyncio.create_task(self.replace_workers()))
        return process

    monkeypatch.setattr(Supervisor, "_spawn", rolled)
    async with lean_node(tmp_path) as node:
        async with asyncio.timeout(WITHIN_S):
            await rolls[0]
        await node.configure(routes(node))
        await assert_in_order(node)
