"""
What must be right about a configuration beyond its rows: plugins, and one instance per scope.

Spec: Kong's plugin entity (gateway §1.5) and scopes (§4.1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from ostiary.kit import Catalog
from ostiary.model.declarative import DeclarativeInvalid, dump_rows
from ostiary.model.fields import Entity
from ostiary.model.gateway import Config, Plugin
from ostiary.model.words import Problem, read_problems


def check_plugin(row: Plugin, catalog: Catalog) -> Entity:
    """
    A plugin's checked config.

    Raises:
        DeclarativeInvalid: It is unknown, or its config is wrong; places are within the row.
    """
    kind = catalog.get(row.name)
    if kind is None:
        text = f"plugin '{row.name}' not enabled; add it to the 'plugins' configuration property"
        raise DeclarativeInvalid(((("name",), text),))
    try:
        return kind.schema.model_validate(row.config, strict=False)
    except ValidationError as error:
        found = tuple((("config", *path), text) for path, text in read_problems(error))
        raise DeclarativeInvalid(found) from error


def find_taken_scopes(rows: Iterable[Plugin]) -> tuple[Problem, ...]:
    """A problem for every plugin whose scope an earlier one has."""
    taken: set[tuple[str, str | None, str | None]] = set()
    problems: list[Problem] = []
    for index, row in enumerate(rows):
        scope = (row.name, row.route, row.service)
        if scope in taken:
            text = (
                f'UNIQUE violation detected on \'{{name="{row.name}",'
                f"route={row.route},service={row.service}}}'"
            )
            problems.append((("plugins", index), text))
        taken.add(scope)
    return tuple(problems)


def read_plugin_configs(config: Config, catalog: Catalog) -> dict[str, Entity]:
    """
    Every plugin's checked config, by row id.

    Raises:
        DeclarativeInvalid: A plugin is unknown, its config is wrong, or a scope is taken twice.
    """
    problems: list[Problem] = []
    found: dict[str, Entity] = {}
    for index, row in enumerate(config.plugins):
        try:
            found[row.id or ""] = check_plugin(row, catalog)
        except DeclarativeInvalid as error:
            problems += [
                (("plugins", index, *path), text) for path, text in error.problems
            ]
    problems += find_taken_scopes(config.plugins)
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


def hash_lines(lines: Sequence[bytes]) -> str:
    """32 hex digits that change with the configuration (Kong's `configuration_hash`)."""
    digest = hashlib.sha256()
    for line in lines:
        if line:
            digest.update(line + b"\n")
    return digest.hexdigest()[:32]


def build_revision(config: Config) -> str:
    """The revision of a configuration, as `hash_lines` of its rows."""
    return hash_lines(dump_rows(config))
