"""
What must be right about a configuration beyond its rows: plugins, and one instance per scope.

Spec: Kong's plugin entity (gateway §1.5) and scopes (§4.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from ostiary.gateway.changes import NO_LINES
from ostiary.gateway.choice import Scope, find_scope
from ostiary.gateway.vaults import Vaults
from ostiary.kit import Catalog
from ostiary.kit.fields import ROW
from ostiary.model.config import Config
from ostiary.model.declarative import DeclarativeInvalid, dump_rows, iterate_rows
from ostiary.model.entity import Entity
from ostiary.model.fields import ARRAYS_ALONE
from ostiary.model.gateway import Plugin
from ostiary.model.row import Row
from ostiary.model.words import Problem, read_problems


def check_plugin(
    row: Plugin, catalog: Catalog, vaults: Vaults | None = None, *, lax: bool = True
) -> Entity:
    """
    A plugin's checked config; with `vaults` what it refers to is in the place of references.

    `lax` reads texts as numbers and truth values where a field is one, as files and forms mean
    them.

    Raises:
        DeclarativeInvalid: It is unknown, or its config is wrong; places are within the row.
    """
    kind = catalog.get(row.name)
    if kind is None:
        text = f"plugin '{row.name}' not enabled; add it to the 'plugins' configuration property"
        raise DeclarativeInvalid(((("name",), text),))
    if kind.no_consumer:
        bound = [n for n in ("consumer", "consumer_group") if getattr(row, n)]
        if bound:
            raise DeclarativeInvalid(tuple(((n,), "value must be null") for n in bound))
    if kind.for_service and row.service is None:
        raise DeclarativeInvalid(((("service",), "required field missing"),))
    if kind.for_service and row.route is not None:
        raise DeclarativeInvalid(((("route",), "value must be null"),))
    try:
        config = row.config if vaults is None else vaults.resolve(row.config)
        if lax:
            return kind.schema.model_validate(config, strict=False)
        return kind.schema.model_validate(config, context=ARRAYS_ALONE)
    except ValidationError as error:
        found = tuple(
            # About the row as a whole, not about its config.
            ((), text) if path == ROW else (("config", *path), text)
            for path, text in read_problems(error)
        )
        raise DeclarativeInvalid(found) from error


def describe_taken(row: Plugin) -> str:
    """What is said of a second instance with the same scope."""
    parts = ["consumer", "consumer_group", "name", "route", "service"]
    shown = []
    for part in parts:
        value = getattr(row, part)
        if part == "name":
            shown.append(f'name="{value}"')
        elif value is not None:
            shown.append(f'{part}={{id="{value}"}}')
        elif part != "consumer_group":
            shown.append(f"{part}=null")
    return f"UNIQUE violation detected on '{{{','.join(shown)}}}'"


def find_taken_scopes(rows: Iterable[Plugin]) -> tuple[Problem, ...]:
    """A problem for every plugin whose scope an earlier one has."""
    taken: set[Scope] = set()
    problems: list[Problem] = []
    for index, row in enumerate(rows):
        scope = find_scope(row)
        if scope in taken:
            problems.append((("plugins", index), describe_taken(row)))
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


def describe_place(row: Plugin, rows: Mapping[tuple[str, str], Row]) -> str:
    """Where a plugin runs, by names of `rows` where there are any."""
    for kind, key in (
        ("routes", row.route),
        ("services", row.service),
        ("consumers", row.consumer),
        ("consumer_groups", row.consumer_group),
    ):
        if key is not None:
            found = rows.get((kind, key))
            word = kind.removesuffix("s").replace("_", " ")
            return f"{word} {getattr(found, 'name', None) or key}"
    return "everything"


def describe_config_warnings(config: Config, catalog: Catalog) -> tuple[str, ...]:
    """What operators should know of an accepted configuration, a sentence each."""
    checked = read_plugin_configs(config, catalog)
    rows = {(kind.name, row.id or ""): row for kind, row in iterate_rows(config)}
    return tuple(
        f"{row.name} on {describe_place(row, rows)}: {text}"
        for row in config.plugins
        for text in catalog[row.name].warnings(checked[row.id or ""])
    )


def build_revision(config: Config) -> str:
    """The revision of a configuration: 32 hex digits (Kong's `configuration_hash`)."""
    return NO_LINES.replace(dump_rows(config))[0].revision
