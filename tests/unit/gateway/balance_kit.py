"""Upstreams and targets for tests of balancing."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ostiary.gateway.balance import Balancer, build_balancer
from ostiary.gateway.balance_ways import Address
from ostiary.gateway.gateway import Gateway
from ostiary.gateway.plan import NOTHING_REFERRED, Referred, build_plan
from ostiary.model.balancing import Target, Upstream
from tests.unit.gateway.gateway_kit import World, route, service

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


def serve(
    rows: Sequence[Target],
    *,
    world: World | None = None,
    route_: dict[str, Any] | None = None,
    plugins: Sequence[dict[str, Any]] = (),
    service_: dict[str, Any] | None = None,
    referred: Referred = NOTHING_REFERRED,
    **fields: Any,
) -> tuple[Gateway, Balancer]:
    """A gateway whose one service is behind an upstream."""
    gateway = (world or World()).gateway(
        services=[service(host="Pool.Test", **(service_ or {}))],
        routes=[route(**(route_ or {}))],
        plugins=list(plugins),
    )
    row = upstream(**fields)
    made = build_balancer(row, rows)
    snapshot = gateway.snapshot
    plans = {
        key: build_plan(
            plan.route,
            plan.service,
            plain=plan.plain,
            secure=plan.secure,
            verify=True,
            referred=replace(referred, upstreams={"pool.test": row}),
        )
        for key, plan in snapshot.plans.items()
    }
    gateway.snapshot = replace(snapshot, plans=plans, balancers={"pool.test": made})
    return gateway, made
