"""Upstreams and targets for tests of balancing."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

from ostiary.gateway.balance import Balancer, build_balancer
from ostiary.gateway.balance_ways import Address
from ostiary.model.balancing import Target, Upstream

UPSTREAM_ID = str(uuid.UUID(int=1))


def upstream(**fields: Any) -> Upstream:
    return Upstream(**{"id": UPSTREAM_ID, "name": "pool.test", **fields})


def target(text: str, weight: int = 100) -> Target:
    return Target(upstream=UPSTREAM_ID, target=text, weight=weight)


def targets(**weights: int) -> list[Target]:
    """Targets `a`, `b`… at 10.0.0.1, 10.0.0.2… with these weights."""
    return [
        target(f"10.0.0.{ord(name) - ord('a') + 1}:80", weight)
        for name, weight in weights.items()
    ]


def balancer(*rows: Target, **fields: Any) -> Balancer:
    return build_balancer(upstream(**fields), rows)


def passive(**unhealthy: Any) -> dict[str, Any]:
    return {"passive": {"unhealthy": unhealthy}}


def named(address: Address | None) -> str:
    """`a` for 10.0.0.1, and so on; nothing for nobody."""
    return "" if address is None else chr(ord("a") + int(address.ip[-1]) - 1)


def draw(made: Balancer, count: int) -> Counter[str]:
    return Counter(named(made.choose()) for _ in range(count))


def at(made: Balancer, name: str) -> Address:
    return next(a for host in made.hosts for a in host.addresses if named(a) == name)
