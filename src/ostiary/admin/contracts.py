"""What is asked of others where rows are made and changed: of plugins, of rights, of extras."""

from __future__ import annotations

from typing import Protocol

from ostiary.admin import refusals
from ostiary.admin.bodies import Given
from ostiary.admin.shapes import Json
from ostiary.model.access import Action
from ostiary.model.entity import Entity
from ostiary.model.gateway import Plugin
from ostiary.model.row import Row
from ostiary.model.words import Problem
from ostiary.ports.config_store import ConfigReads, ConfigWrites


class PluginRules(Protocol):
    """What is known of plugins: which there are, and what their configurations must be."""

    def schema(self, name: str) -> type[Entity] | None:
        """The model of a plugin's config; None for a plugin that is not there."""
        ...

    def protocols(self, name: str) -> tuple[str, ...]:
        """What rows get that do not say; nothing for a plugin that is not there."""
        ...

    def judge(self, row: Plugin, *, lax: bool = True) -> Plugin | tuple[Problem, ...]:
        """The row with its config complete, or what is wrong; `lax` as a form means it."""
        ...


class RowRights(Protocol):
    """What somebody may do with single rows."""

    def may(self, action: Action, row: Row) -> bool:
        """Whether a row may be read, updated or deleted."""
        ...

    def refuse(self, action: Action) -> refusals.Refused:
        """What is said where it may not."""
        ...

    async def own(self, write: ConfigWrites, row: Row) -> None:
        """Let whoever has made a row do everything with it."""
        ...


class Extra(Protocol):
    """What a kind takes and shows beside its own fields."""

    def take(self, given: Given) -> tuple[Given, object]:
        """What is given without the extra, and the extra."""
        ...

    def name(self, given: Given, name: str) -> Given:
        """What is given, for a new row that is put at a name which no field of its own is."""
        ...

    async def keep(self, write: ConfigWrites, row: Row, extra: object) -> None:
        """Keep it with its row."""
        ...

    async def show(self, reads: ConfigReads, row: Row) -> Json:
        """It as JSON, to stand beside the fields."""
        ...
