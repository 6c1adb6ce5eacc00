"""What the Admin API shows of the node. Filled by control; read by the endpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ostiary.model.gateway import Config, Plugin, Route, Row, Service


@dataclass(slots=True, kw_only=True)
class NodeView:
    """The node as it is now."""

    node_id: str
    version: str
    hostname: str
    plugins: dict[str, int]
    jwks: tuple[dict[str, str], ...] = ()
    config: Config = field(default_factory=Config)
    plugin_configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    revision: str = "0" * 32
    warnings: tuple[str, ...] = ()
    problem: str | None = None
    workers: dict[int, str] = field(default_factory=dict)


def _reference(value: str | None) -> dict[str, str] | None:
    return None if value is None else {"id": value}


def show_row(view: NodeView, row: Row) -> dict[str, Any]:
    """One row as Kong shows it: every field, references as `{id}`, plugin configs complete."""
    shown = row.model_dump(mode="json")
    match row:
        case Route():
            shown["service"] = _reference(row.service)
        case Plugin():
            shown["service"] = _reference(row.service)
            shown["route"] = _reference(row.route)
            config = dict(view.plugin_configs.get(row.id or "", row.config))
            if config.get("ostiary") is None:
                config.pop("ostiary", None)
            shown["config"] = config
        case Service():
            pass
    return shown


def rows_of(view: NodeView, kind: str) -> tuple[Row, ...]:
    """The rows of a collection."""
    rows: tuple[Row, ...] = getattr(view.config, kind)
    return rows


def find_row(view: NodeView, kind: str, key: str) -> Row | None:
    """The row with this id, name, instance name or username."""
    for row in rows_of(view, kind):
        names = (
            row.id,
            getattr(row, "instance_name", None),
            getattr(row, "username", None),
        )
        if key in names or (kind != "plugins" and key == getattr(row, "name", None)):
            return row
    return None


def describe_redirect_uris(view: NodeView) -> list[dict[str, Any]]:
    """
    For every openid-connect plugin on a route: the redirect URI to register at the provider.

    `path` follows the external origin; `hosts` are the route's own, when it has any (D8).
    """
    routes = {route.id: route for route in view.config.routes}
    found = []
    for row in view.config.plugins:
        if row.name != "openid-connect":
            continue
        config = view.plugin_configs.get(row.id or "", {})
        route = routes.get(row.route)
        paths = (
            [p for p in (route.paths or ()) if not p.startswith("~")] if route else []
        )
        found.append(
            {
                "plugin": row.id,
                "route": route.name if route else None,
                "configured": config.get("redirect_uri"),
                "hosts": list(route.hosts or ()) if route else [],
                "paths": [p.rstrip("/") or "/" for p in paths],
                "note": None
                if paths
                else "no plain path: the redirect URI is the URL of each request",
            }
        )
    return found
