"""
Configuration to snapshot. What does not compile is refused whole; the old snapshot stays.

Spec: Kong's scopes (gateway §4.1): of each plugin one instance runs, the most specific one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ostiary.gateway.fields import CookieFilter
from ostiary.gateway.plan import Plan, build_plan
from ostiary.gateway.router import Entry, Router, build_entries
from ostiary.gateway.snapshot import Snapshot
from ostiary.kit import Catalog, Handler, KeepsCookies, OwnCookies, Services
from ostiary.model.declarative import DeclarativeInvalid, dump_config
from ostiary.model.fields import Entity
from ostiary.model.gateway import Config, Plugin, Route
from ostiary.model.words import Problem, read_problems


def read_plugin_configs(config: Config, catalog: Catalog) -> dict[str, Entity]:
    """
    Every plugin's checked config, by row id.

    Raises:
        DeclarativeInvalid: A plugin is unknown, its config is wrong, or a scope is taken twice.
    """
    problems: list[Problem] = []
    found: dict[str, Entity] = {}
    scopes: dict[tuple[str, str | None, str | None], str] = {}
    for index, row in enumerate(config.plugins):
        place = ("plugins", index)
        kind = catalog.get(row.name)
        if kind is None:
            problems.append(
                (
                    (*place, "name"),
                    f"plugin '{row.name}' not enabled; add it to the 'plugins' configuration property",
                )
            )
            continue
        scope = (row.name, row.route, row.service)
        if scope in scopes:
            problems.append(
                (
                    place,
                    f"UNIQUE violation detected on '{{name=\"{row.name}\",route={row.route},service={row.service}}}'",
                )
            )
        scopes[scope] = row.id or ""
        try:
            found[row.id or ""] = kind.schema.model_validate(row.config, strict=False)
        except ValidationError as error:
            problems += [
                ((*place, "config", *path), text) for path, text in read_problems(error)
            ]
    if problems:
        raise DeclarativeInvalid(tuple(problems))
    return found


def describe_config_warnings(config: Config, catalog: Catalog) -> tuple[str, ...]:
    """What operators should know of an accepted configuration, a sentence each."""
    checked = read_plugin_configs(config, catalog)
    routes = {r.id: r.name or r.id for r in config.routes}
    services = {s.id: s.name or s.id for s in config.services}
    found = []
    for row in config.plugins:
        where = (
            f"route {routes.get(row.route, row.route)}"
            if row.route
            else f"service {services.get(row.service, row.service)}"
            if row.service
            else "everything"
        )
        kind = catalog[row.name]
        found += [
            f"{row.name} on {where}: {w}" for w in kind.warnings(checked[row.id or ""])
        ]
    return tuple(found)


def _specificity(row: Plugin) -> int:
    return (2 if row.route else 0) + (1 if row.service else 0)


def _chain(
    route: Route,
    scheme: str,
    rows: tuple[Plugin, ...],
    handlers: Mapping[str, Handler],
    catalog: Catalog,
) -> tuple[Handler, ...]:
    chosen: dict[str, Plugin] = {}
    for row in rows:
        fits = (row.route is None or row.route == route.id) and (
            row.service is None or row.service == route.service
        )
        if not fits or not row.enabled or scheme not in row.protocols:
            continue
        best = chosen.get(row.name)
        if best is None or _specificity(row) > _specificity(best):
            chosen[row.name] = row
    ordered = sorted(
        chosen.values(),
        key=lambda row: (catalog[row.name].priority, row.name),
        reverse=True,
    )
    return tuple(handlers[row.id or ""] for row in ordered)


def build_revision(config: Config) -> str:
    """32 hex digits that change with the configuration (Kong's `configuration_hash`)."""
    text = json.dumps(dump_config(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def compile_config(
    config: Config, catalog: Catalog, services: Services, *, verify: bool = True
) -> Snapshot:
    """
    The snapshot of a configuration.

    Raises:
        DeclarativeInvalid: As `read_plugin_configs`.
    """
    checked: Mapping[str, Any] = read_plugin_configs(config, catalog)
    handlers = {
        row.id or "": catalog[row.name].build(
            checked[row.id or ""], row.id or "", services
        )
        for row in config.plugins
    }
    by_id = {service.id: service for service in config.services}
    entries: list[Entry] = []
    plans: dict[str, Plan] = {}
    for route in config.routes:
        service = by_id.get(route.service)
        if service is not None and not service.enabled:
            continue
        entries += build_entries(route, service)
        plain, secure = (
            _chain(route, scheme, config.plugins, handlers, catalog)
            for scheme in ("http", "https")
        )
        plans[route.id or ""] = build_plan(
            route, service, plain=plain, secure=secure, verify=verify
        )
    keepers = [h.own_cookies for h in handlers.values() if isinstance(h, KeepsCookies)]
    return Snapshot(
        router=Router(entries),
        plans=plans,
        revision=build_revision(config),
        cookies=CookieFilter(
            OwnCookies(
                names=frozenset(name for own in keepers for name in own.names),
                prefixes=tuple({p: None for own in keepers for p in own.prefixes}),
            )
        ),
    )
