"""
The addresses of targets that are names: asked for before they are needed, and again in time.

Spec: gateway §3.10 (names of targets).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from ostiary.gateway.balance import UNKNOWN, Balancer
from ostiary.proxy.resolver import Resolver, is_unknown

# How long a new configuration waits for names that nobody has asked for before.
FIRST_S = 2.0
LOOK_S = 1.0


class Names:
    """Keeps the addresses that a worker's balancers know."""

    def __init__(self, resolver: Resolver, *, look_s: float = LOOK_S) -> None:
        self._resolver = resolver
        self._look_s = look_s
        self._balancers: dict[str, list[Balancer]] = {}
        self._asking: set[str] = set()

    async def adopt(
        self, balancers: Iterable[Balancer], *, within_s: float = FIRST_S
    ) -> None:
        """Keep these from now on; new names are asked for first, for as long as there is time."""
        kept: dict[str, list[Balancer]] = {}
        new: set[str] = set()
        for balancer in balancers:
            for host in balancer.hosts:
                if host.is_name:
                    kept.setdefault(host.name, []).append(balancer)
                    if host.dns == UNKNOWN:
                        new.add(host.name)
        self._balancers = kept
        if not new:
            return
        try:
            async with asyncio.timeout(within_s):
                await asyncio.gather(*(self._ask(name) for name in new))
        except TimeoutError:
            pass  # whoever is still asked for is nobody until the answer comes

    async def run(self) -> None:
        """Ask again whenever an answer is no longer fresh."""
        async with asyncio.TaskGroup() as group:
            while True:
                for name in self._balancers:
                    if name not in self._asking and not self._is_settled(name):
                        self._asking.add(name)
                        group.create_task(self._ask(name))
                await asyncio.sleep(self._look_s)

    def _is_settled(self, name: str) -> bool:
        return self._resolver.is_fresh(name) and all(
            host.dns != UNKNOWN
            for balancer in self._balancers[name]
            for host in balancer.hosts
            if host.name == name
        )

    async def _ask(self, name: str) -> None:
        ips: tuple[str, ...] = ()
        failure = UNKNOWN
        try:
            ips = await self._resolver.renewed(name)
        except OSError as error:
            failure = describe(error)
        finally:
            self._asking.discard(name)
        for balancer in self._balancers.get(name, ()):
            balancer.resolve(name, ips, failure)


def describe(error: OSError) -> str:
    """A failure in the words of Kong's resolver."""
    code = "3 name error" if is_unknown(error) else "2 server failure"
    return f"dns server error: {code}"
