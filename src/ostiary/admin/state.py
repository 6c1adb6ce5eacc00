"""What the Admin API shows of the node. Filled by control; read by the endpoints."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ostiary.model.entity import Entity
from ostiary.model.gateway import Plugin, Route
from ostiary.model.row import Row


@dataclass(slots=True, kw_only=True)
class NodeView:
    """
    The node as it is now.

    `rows` are those that requests are routed by, by kind and id; `plugin_configs` are checked
    configs by row id. `workers` and `pids` are revisions and process ids by worker number.
    """

    node_id: str
    version: str
    hostname: str
    plugins: dict[str, int]
    jwks: tuple[dict[str, str], ...] = ()
    rows: Mapping[tuple[str, str], Row] = field(default_factory=dict)
    plugin_configs: Mapping[str, Entity] = field(default_factory=dict)
    revision: str = "0" * 32
    warnings: tuple[str, ...] = ()
    problem: str | None = None
    workers: dict[int, str] = field(default_factory=dict)
    database: str = "off"
    master: int = field(default_factory=os.getppid)
    pids: dict[int, int] = field(default_factory=dict)
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)

    def plugin_rows(self) -> Iterator[Plugin]:
        """The plugins there are."""
        return (row for row in self.rows.values() if isinstance(row, Plugin))

    def count(self, kind: str) -> int:
        """How many rows of a kind requests are routed by."""
        return sum(key[0] == kind for key in self.rows)

    def plugin_counts(self) -> dict[str, int]:
        """How many rows there are of each plugin."""
        return dict(Counter(row.name for row in self.plugin_rows()))


def describe_redirect_uris(view: NodeView) -> list[dict[str, Any]]:
    """
    For every openid-connect plugin on a route: the redirect URI to register at the provider.

    `path` follows the external origin; `hosts` are the route's own, when it has any (D8).
    """
    return [
        describe_redirect_uri(view, row)
        for row in view.plugin_rows()
        if row.name == "openid-connect"
    ]


def describe_redirect_uri(view: NodeView, row: Plugin) -> dict[str, Any]:
    """The redirect URI of one openid-connect plugin."""
    found = view.rows.get(("routes", row.route or ""))
    route = found if isinstance(found, Route) else None
    paths = [p for p in (route.paths or ()) if not p.startswith("~")] if route else []
    configured = getattr(view.plugin_configs.get(row.id or ""), "redirect_uri", None)
    return {
        "plugin": row.id,
        "route": route.name if route else None,
        "configured": None if configured is None else [*configured],
        "hosts": list(route.hosts or ()) if route else [],
        "paths": [p.rstrip("/") or "/" for p in paths],
        "note": None
        if paths
        else "no plain path: the redirect URI is the URL of each request",
    }
