"""Upstreams behind a balancer, for tests over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ostiary.gateway.balance import Balancer
from ostiary.gateway.balance_tries import BalancedTries
from ostiary.gateway.decision import Forward, Target
from ostiary.http.head import RequestHead
from tests.proxy.support import PATIENCE_S, Stage, Upstream

TEMPLATE = Target(host="pool.test", port=80)


def decide(
    stage: Stage,
    made: Balancer,
    head: RequestHead,
    *,
    template: Target = TEMPLATE,
    **more: Any,
) -> Forward:
    """As the gateway does for a service behind an upstream."""
    head = RequestHead(
        method=head.method,
        target=head.target,
        fields=((b"Host", b"pool.test"), *(f for f in head.fields if f[0] != b"Host")),
    )
    tries = BalancedTries(made, template, head, key=None, keeps_host=False)
    first = tries.next()
    assert first is not None
    return stage.forward(first.head, 0, target=first.target, tries=tries, **more)


def address(upstream: Upstream) -> str:
    return f"127.0.0.1:{upstream.port}"


def active(made: Balancer) -> int:
    """How many requests its targets serve now."""
    return sum(a.load.active for host in made.hosts for a in host.addresses)


async def until(condition: Callable[[], object]) -> None:
    """Wait for what happens elsewhere in the loop, for as long as patience lasts."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.002)
