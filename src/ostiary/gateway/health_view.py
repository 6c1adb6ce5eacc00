"""
The health of upstreams as workers tell it to one another and people read it.

Spec: gateway §1.7 (`/upstreams/{u}/health`), §3.11.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ostiary.gateway.balance import UNKNOWN, Balancer, Change
from ostiary.gateway.health import is_checked
from ostiary.http.url import split_host
from ostiary.model.balancing import Target, Upstream

# JSON of ours, and Kong's.
Json = dict[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressView:
    """One address as a worker sees it."""

    ip: str
    port: int
    weight: int
    healthy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView:
    """One target as a worker sees it."""

    host: str
    port: int
    dns: str
    weight: int
    addresses: tuple[AddressView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One upstream as a worker sees it."""

    upstream: str
    healthy: bool
    hosts: tuple[HostView, ...]


def build_decree(
    upstream: Upstream, target: Target, address: str | None, *, healthy: bool
) -> Change:
    """
    The health that an operator decrees for a target, or for one of its addresses.

    Raises:
        MalformedUrl: `address` is none.
    """
    name, port = split_host(target.target)
    ip = None if address is None else split_host(address)[0].strip("[]")
    return Change(
        upstream=upstream.id or "",
        host=name.strip("[]"),
        port=port or 8000,
        ip=ip,
        healthy=healthy,
    )


def build_view(balancer: Balancer) -> View:
    """What a worker says of an upstream."""
    return View(
        upstream=balancer.key,
        healthy=balancer.is_healthy,
        hosts=tuple(
            HostView(
                host=host.name,
                port=host.port,
                dns=host.dns,
                weight=host.weight,
                addresses=tuple(
                    AddressView(
                        ip=address.ip,
                        port=address.port,
                        weight=address.weight,
                        healthy=address.vitals.is_healthy,
                    )
                    for address in host.addresses
                ),
            )
            for host in balancer.hosts
        ),
    )


def find_changes(view: View, balancer: Balancer) -> tuple[Change, ...]:
    """What of another worker's view this worker does not know yet."""
    mine = {
        (host.name, host.port, address.ip): address.vitals.is_healthy
        for host in balancer.hosts
        for address in host.addresses
    }
    return tuple(
        Change(
            upstream=view.upstream,
            host=host.host,
            port=host.port,
            ip=address.ip,
            healthy=address.healthy,
        )
        for host in view.hosts
        for address in host.addresses
        if mine.get((host.host, host.port, address.ip)) not in {None, address.healthy}
    )


def dump_view(view: View) -> Json:
    """A view as JSON."""
    return asdict(view)


def load_view(data: Json) -> View:
    """
    Read back `dump_view`.

    Raises:
        KeyError, TypeError: It is none.
    """
    return View(
        upstream=data["upstream"],
        healthy=data["healthy"],
        hosts=tuple(
            HostView(
                **{
                    **host,
                    "addresses": tuple(AddressView(**a) for a in host["addresses"]),
                }
            )
            for host in data["hosts"]
        ),
    )


def dump_change(change: Change) -> bytes:
    """A change as a message."""
    return json.dumps(asdict(change), separators=(",", ":")).encode()


def load_change(data: bytes) -> Change:
    """
    Read back `dump_change`.

    Raises:
        ValueError, TypeError: It is none.
    """
    return Change(**json.loads(data))


def merge_views(views: Sequence[View]) -> View | None:
    """
    What a node says: every address that a worker knows, ill where one of them finds it so.

    They differ only for as long as a message takes.
    """
    if not views:
        return None
    hosts: dict[tuple[str, int], HostView] = {}
    for view in views:
        for host in view.hosts:
            key = (host.host, host.port)
            hosts[key] = host if key not in hosts else _merge(hosts[key], host)
    return View(
        upstream=views[0].upstream,
        healthy=all(view.healthy for view in views),
        hosts=tuple(hosts.values()),
    )


def _merge(one: HostView, other: HostView) -> HostView:
    found = {(a.ip, a.port): a for a in one.addresses}
    for address in other.addresses:
        key = (address.ip, address.port)
        if key not in found or not address.healthy:
            found[key] = address
    return HostView(
        host=one.host,
        port=one.port,
        dns=one.dns if one.addresses else other.dns,
        weight=one.weight,
        addresses=tuple(found.values()),
    )


def build_health_page(
    upstream: Upstream,
    rows: Iterable[Mapping[str, Any]],
    views: Sequence[View],
    *,
    node_id: str,
    offset: str | None = None,
    next_page: str | None = None,
) -> Json:
    """
    The answer of `/upstreams/{u}/health`.

    Args:
        rows: The targets of the page as the Admin API writes them, newest first.
        views: What the workers said of this upstream.
    """
    merged = merge_views(views)
    known = {} if merged is None else {(h.host, h.port): h for h in merged.hosts}
    checked = is_checked(upstream)
    data = []
    for row in rows:
        name, port = split_host(str(row["target"]))
        key = (name.strip("[]"), port or 8000)
        host = known.get(key) or HostView(
            host=key[0], port=key[1], dns=UNKNOWN, weight=int(row["weight"])
        )
        addresses = [_address(a, checked=checked) for a in host.addresses]
        health = _sum_up([str(a["health"]) for a in addresses])
        details = {**_host(host), "addresses": addresses}
        data.append({**row, "health": health, "data": details})
    page: Json = {"data": data, "next": next_page, "node_id": node_id}
    return page if offset is None else {**page, "offset": offset}


def build_balancer_page(
    upstream: Upstream, views: Sequence[View], *, node_id: str
) -> Json:
    """The answer of `/upstreams/{u}/health?balancer_health=1`."""
    data: Json = {"id": upstream.id}
    merged = merge_views(views)
    if not is_checked(upstream):
        health = "HEALTHCHECKS_OFF"
    else:
        healthy = merged is not None and merged.healthy
        health = "HEALTHY" if healthy else "UNHEALTHY"
        hosts = () if merged is None else merged.hosts
        data["details"] = {
            "healthy": healthy,
            "weight": _weights([a for host in hosts for a in host.addresses]),
            "hosts": [
                {**_host(host), "addresses": [asdict(a) for a in host.addresses]}
                for host in hosts
            ],
        }
    data |= {"health": health, "balancer_health": health}
    return {"data": data, "next": None, "node_id": node_id}


def _host(host: HostView) -> Json:
    return {
        "host": host.host,
        "port": host.port,
        "dns": host.dns,
        "nodeWeight": host.weight,
        "weight": _weights(host.addresses),
    }


def _weights(addresses: Iterable[AddressView]) -> Json:
    found = [(a.weight, a.healthy) for a in addresses]
    total = sum(weight for weight, _ in found)
    available = sum(weight for weight, healthy in found if healthy)
    return {"total": total, "available": available, "unavailable": total - available}


def _address(address: AddressView, *, checked: bool) -> Json:
    health = "HEALTHY" if address.healthy else "UNHEALTHY"
    return {
        "ip": address.ip,
        "port": address.port,
        "health": health if checked else "HEALTHCHECKS_OFF",
        "weight": address.weight,
    }


def _sum_up(healths: Sequence[str]) -> str:
    """A target is healthy when one of its addresses is; without any its name is to blame."""
    if not healths:
        return "DNS_ERROR"
    return "HEALTHY" if "HEALTHY" in healths else healths[-1]
