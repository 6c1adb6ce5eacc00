"""
The health of upstreams in one node: workers tell one another, and control when it asks.

Each worker counts what its own requests meet, and one of them asks the targets themselves; a
change that one finds is a change for all (decision 0035). A worker that starts, or that was cut
off, takes over what the others know.

Spec: gateway §3.11.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from ostiary.gateway.balance import Balancer, Change
from ostiary.gateway.health_view import (
    View,
    build_balancer_page,
    build_decree,
    build_health_page,
    build_view,
    dump_change,
    dump_view,
    find_changes,
    load_change,
    load_view,
)
from ostiary.http.url import MalformedUrl
from ostiary.model.balancing import Target, Upstream
from ostiary.ports.shared import Shared, SharedUnavailable
from ostiary.proxy.names import Names
from ostiary.proxy.prober import Prober

CHANGE_CHANNEL = "node:health"
ASK_CHANNEL = "node:health-ask"
VIEW_CHANNEL = "node:health-view"
# Who asks for every upstream.
ALL = ""
# Somebody waits for a page.
WITHIN_S = 0.7
_AGAIN_S = 1.0
_LOG = logging.getLogger("ostiary.worker")


class WorkerHealth:
    """
    One worker's part. `run` names this run of it; `prober` is for one worker of the node.

    Subscribe with `start` before the first configuration, `adopt` each before it is served, and
    let `run` go on meanwhile.
    """

    def __init__(
        self,
        shared: Shared,
        names: Names,
        prober: Prober | None,
        *,
        number: int,
        run: str,
    ) -> None:
        self._shared = shared
        self._names = names
        self._prober = prober
        self._number = number
        self._run = run
        self._balancers: dict[str, Balancer] = {}
        self._outbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    def start(self) -> None:
        """Listen to the others."""
        self._shared.subscribe(CHANGE_CHANNEL, self._hear_change)
        self._shared.subscribe(ASK_CHANNEL, self._hear_ask)
        self._shared.subscribe(VIEW_CHANNEL, self._hear_view)

    async def adopt(self, balancers: Iterable[Balancer]) -> None:
        """Look after these from now on. Serve them at once: nothing is awaited after names."""
        found = {balancer.key: balancer for balancer in balancers}
        await self._names.adopt(found.values())
        for balancer in found.values():
            balancer.report = self._report
            balancer.heed()
        if self._prober is not None:
            self._prober.adopt(found.values())
        self._balancers = found

    def ask_others(self) -> None:
        """Take over what the others know: they may have found out what we have missed."""
        self._send(ASK_CHANNEL, {"ask": self._run, "upstream": ALL})

    async def run(self) -> None:
        """Keep names, ask targets, tell the others; for ever."""
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._names.run())
                    if self._prober is not None:
                        group.create_task(self._prober.run())
                    await self._publish()
            except Exception as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    # A group that breaks while it is cancelled tells only of the break.
                    raise asyncio.CancelledError from error
                kind = type(error).__name__
                _LOG.error("health checks have stopped for a moment: %s", kind)
                await asyncio.sleep(_AGAIN_S)

    async def _publish(self) -> None:
        while True:
            channel, message = await self._outbox.get()
            try:
                await self._shared.publish(channel, message)
            except SharedUnavailable:
                _LOG.info("a change of health stays here: the node socket is away")

    def _send(self, channel: str, data: dict[str, Any]) -> None:  # Any: JSON
        self._outbox.put_nowait((channel, json.dumps(data).encode()))

    def _report(self, change: Change) -> None:
        """Hear of a change that was found here, be it by a balancer of yesterday."""
        balancer = self._balancers.get(change.upstream)
        if balancer is not None:
            balancer.heed()
            _LOG.warning(
                "upstream %s: %s:%s at %s is %s",
                balancer.upstream.name,
                change.host,
                change.port,
                change.ip,
                "healthy" if change.healthy else "unhealthy",
            )
        self._outbox.put_nowait((CHANGE_CHANNEL, dump_change(change)))

    def _hear_change(self, message: bytes) -> None:
        change = load_change(message)
        balancer = self._balancers.get(change.upstream)
        if balancer is not None:
            balancer.apply(change)

    def _hear_ask(self, message: bytes) -> None:
        said = json.loads(message)
        if said["ask"] == self._run:
            return
        wanted = said["upstream"]
        views = [
            dump_view(build_view(balancer))
            for key, balancer in self._balancers.items()
            if wanted in {ALL, key}
        ]
        answer = {"ask": said["ask"], "worker": self._number, "views": views}
        self._send(VIEW_CHANNEL, answer)

    def _hear_view(self, message: bytes) -> None:
        said = json.loads(message)
        if said["ask"] != self._run:
            return
        for data in said["views"]:
            view = load_view(data)
            balancer = self._balancers.get(view.upstream)
            if balancer is not None:
                for change in find_changes(view, balancer):
                    balancer.apply(change)


class HealthDesk:
    """Control's part: asks the workers `1` to `workers`, and tells them what operators say."""

    def __init__(self, shared: Shared, *, workers: int, name: str = "control") -> None:
        self._shared = shared
        self._workers = frozenset(range(1, workers + 1))
        self._name = name
        self._asked = 0
        self._waiting: dict[str, tuple[dict[int, View | None], asyncio.Event]] = {}

    def start(self) -> None:
        """Listen to the workers."""
        self._shared.subscribe(VIEW_CHANNEL, self._hear)

    async def views(self, upstream: str) -> tuple[View, ...]:
        """
        What the workers say of an upstream, by its id; of those who answer in time.

        Raises:
            SharedUnavailable: Nobody can be asked.
        """
        self._asked += 1
        ask = f"{self._name} {self._asked}"
        answers: dict[int, View | None] = {}
        news = asyncio.Event()
        self._waiting[ask] = (answers, news)
        message = json.dumps({"ask": ask, "upstream": upstream}).encode()
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._shared.publish(ASK_CHANNEL, message)
                while not self._workers <= answers.keys():
                    news.clear()
                    await news.wait()
        except TimeoutError:
            pass  # the others are enough
        finally:
            del self._waiting[ask]
        return tuple(view for view in answers.values() if view is not None)

    async def decree(self, change: Change) -> None:
        """
        Tell every worker the health of a target.

        Raises:
            SharedUnavailable: They may have heard it or not.
        """
        await self._shared.publish(CHANGE_CHANNEL, dump_change(change))

    def _hear(self, message: bytes) -> None:
        said = json.loads(message)
        waiting = self._waiting.get(said["ask"])
        if waiting is not None:
            answers, news = waiting
            found = [load_view(data) for data in said["views"]]
            answers[said["worker"]] = found[0] if found else None
            news.set()


class HealthPages:
    """What the Admin API asks of the workers, and tells them."""

    def __init__(self, desk: HealthDesk, *, node_id: str) -> None:
        self._desk = desk
        self._node_id = node_id

    async def targets(
        self, upstream: Upstream, rows: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """
        Rows of targets with their health.

        Raises:
            SharedUnavailable: Nobody can be asked.
        """
        views = await self._desk.views(upstream.id or "")
        page = build_health_page(upstream, rows, views, node_id=self._node_id)
        found: list[dict[str, Any]] = page["data"]
        return found

    async def balancer(self, upstream: Upstream) -> dict[str, Any]:
        """
        The upstream as a whole.

        Raises:
            SharedUnavailable: Nobody can be asked.
        """
        views = await self._desk.views(upstream.id or "")
        page = build_balancer_page(upstream, views, node_id=self._node_id)
        found: dict[str, Any] = page["data"]
        return found

    async def decree(
        self, upstream: Upstream, target: Target, address: str | None, *, healthy: bool
    ) -> bool:
        """
        Say how a target, or one of its addresses, is; False where that is no address.

        Raises:
            SharedUnavailable: The workers may have heard it or not.
        """
        try:
            change = build_decree(upstream, target, address, healthy=healthy)
        except MalformedUrl:
            return False
        await self._desk.decree(change)
        return True
