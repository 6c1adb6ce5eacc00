"""
Active checks: targets are asked how they are, healthy ones and others each in their rhythm.

Spec: gateway §3.11.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import assert_never

from ostiary.gateway.balance import Balancer
from ostiary.gateway.balance_ways import Address
from ostiary.gateway.health import is_probed
from ostiary.proxy.faults import UnsafeHead
from ostiary.proxy.probe import Accepted, Answered, Broken, probe
from ostiary.proxy.tls import UpstreamTls

_LOG = logging.getLogger("ostiary.proxy")
_Place = tuple[str, int, str]


@dataclass(slots=True, kw_only=True)
class _Watch:
    """One upstream: when its targets are due, and who is being asked now."""

    balancer: Balancer
    due: dict[bool, float]
    slots: asyncio.Semaphore
    asked: set[_Place] = field(default_factory=set)

    def take_due(self, now: float, second_s: float) -> Iterator[Address]:
        """Whoever is to be asked now."""
        active = self.balancer.upstream.healthchecks.active
        intervals = {True: active.healthy.interval, False: active.unhealthy.interval}
        for healthy, interval in intervals.items():
            if not interval or now < self.due[healthy]:
                continue
            self.due[healthy] = now + interval * second_s
            for host in self.balancer.hosts:
                for address in host.addresses if host.weight else ():
                    place = _place(address)
                    if address.vitals.is_healthy == healthy and place not in self.asked:
                        self.asked.add(place)
                        yield address


def _place(address: Address) -> _Place:
    return address.name, address.port, address.ip


class Prober:
    """
    Asks for one node: the other workers hear what it finds from the balancers' reports.

    Intervals are in seconds of `second_s`, which only tests shorten.
    """

    def __init__(
        self,
        tls: UpstreamTls,
        *,
        second_s: float = 1.0,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._tls = tls
        self._second_s = second_s
        self._now = now or asyncio.get_running_loop().time
        self._watches: dict[str, _Watch] = {}

    def adopt(self, balancers: Iterable[Balancer]) -> None:
        """Ask the targets of these from now on, each for the first time after its interval."""
        kept: dict[str, _Watch] = {}
        for balancer in balancers:
            if not is_probed(balancer.upstream):
                continue
            old = self._watches.get(balancer.key)
            checks = balancer.upstream.healthchecks
            if old is None or old.balancer.upstream.healthchecks != checks:
                old = self._begin(balancer)
            old.balancer = balancer
            kept[balancer.key] = old
        self._watches = kept

    def _begin(self, balancer: Balancer) -> _Watch:
        active, now = balancer.upstream.healthchecks.active, self._now()
        return _Watch(
            balancer=balancer,
            due={
                True: now + active.healthy.interval * self._second_s,
                False: now + active.unhealthy.interval * self._second_s,
            },
            slots=asyncio.Semaphore(active.concurrency),
        )

    async def run(self) -> None:
        """Ask whoever is due, for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                # A loop that wakes a moment early must not lose a whole second.
                now = self._now() + self._second_s / 4
                for watch in self._watches.values():
                    for address in watch.take_due(now, self._second_s):
                        group.create_task(self._ask(watch, watch.balancer, address))
                await asyncio.sleep(self._second_s)

    async def _ask(self, watch: _Watch, balancer: Balancer, address: Address) -> None:
        try:
            async with watch.slots:
                result = await probe(balancer, address, self._tls)
        except UnsafeHead as fault:
            name = balancer.upstream.name
            _LOG.error("the probe of upstream %s cannot be sent: %s", name, fault)
            return
        finally:
            watch.asked.discard(_place(address))
        match result:
            case Answered(status):
                balancer.note_status(address, status, balancer.active)
            case Accepted():
                balancer.note_success(address, balancer.active)
            case Broken(failure):
                balancer.note_failure(address, failure, balancer.active)
            case _:
                assert_never(result)
