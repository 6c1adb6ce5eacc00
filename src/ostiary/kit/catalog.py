"""What a plugin declares of itself: name, priority, schema, and how an instance is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ostiary.kit.exchange import Handler
from ostiary.model.fields import Entity
from ostiary.signin.assertion import Assertions
from ostiary.signin.authenticate import Signin


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """
    What the gateway lends to plugins. `log` takes a level word and a line without secrets.

    `assertions` is None where configurations are only checked.
    """

    signin: Signin
    log: Callable[[str, str], None]
    assertions: Assertions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginType:
    """One kind of plugin. `build` gets the checked config, the row's id, and the services."""

    name: str
    priority: int
    schema: type[Entity]
    build: Callable[[Any, str, Services], Handler]
    warnings: Callable[[Any], tuple[str, ...]]


Catalog = Mapping[str, PluginType]
