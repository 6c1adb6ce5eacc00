"""
What control knows of plugins, for the Admin API: their models, and what their rows must be.

Spec: gateway §1.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.gateway.check import check_plugin
from ostiary.kit import Catalog
from ostiary.model.declarative import DeclarativeInvalid
from ostiary.model.entity import Entity
from ostiary.model.gateway import Plugin
from ostiary.model.words import Problem


@dataclass(frozen=True, slots=True)
class CatalogRules:
    """The rules of a catalog of plugins."""

    catalog: Catalog

    def schema(self, name: str) -> type[Entity] | None:
        """The model of a plugin's config; None for a plugin that is not there."""
        kind = self.catalog.get(name)
        return None if kind is None else kind.schema

    def protocols(self, name: str) -> tuple[str, ...]:
        """What rows get that do not say; nothing for a plugin that is not there."""
        kind = self.catalog.get(name)
        return () if kind is None else kind.protocols

    def is_for_nobody(self, name: str) -> bool:
        """Whether its rows cannot be bound to consumers."""
        kind = self.catalog.get(name)
        return kind is not None and kind.no_consumer

    def judge(self, row: Plugin, *, lax: bool = True) -> Plugin | tuple[Problem, ...]:
        """The row with its config complete, or what is wrong with it."""
        try:
            config = check_plugin(row, self.catalog, lax=lax)
        except DeclarativeInvalid as error:
            return error.problems
        return row.model_copy(update={"config": config.model_dump(mode="json")})
