"""What a plugin declares of itself: name, priority, schema, and how an instance is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ostiary.kit.background import Background
from ostiary.kit.handler import Handler
from ostiary.model.entity import Entity
from ostiary.ports.clock import Clock, Entropy
from ostiary.ports.fetch import Fetch
from ostiary.ports.session_store import StorePlace
from ostiary.ports.shared import Counters, Shared
from ostiary.signin.assertion import Assertions
from ostiary.signin.authenticate import Signin

Log = Callable[[str, str], None]
# What Kong gives a plugin that does not say otherwise (gateway §1.5).
PROTOCOLS = ("grpc", "grpcs", "http", "https")


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """
    What the gateway lends to plugins. `log` takes a level word and a line without secrets.

    The ports are None where configurations are only checked: handlers are built there, too, but
    never asked anything. `counters` opens the numbers at a
    place; `logs` gives a log under a plugin's name; `count` is told the name of what happened.
    `hostname` is this machine's; `may_write` tells which files are not the node's own.
    """

    signin: Signin
    log: Log
    assertions: Assertions | None = None
    shared: Shared | None = None
    clock: Clock | None = None
    entropy: Entropy | None = None
    fetch: Fetch | None = None
    counters: Callable[[StorePlace], Counters] | None = None
    background: Background | None = field(default=None, repr=False)
    logs: Callable[[str], Log] | None = None
    node_id: str = ""
    hostname: str = ""
    count: Callable[[str], None] = lambda _: None
    may_write: Callable[[str], bool] = lambda _: True

    def now(self) -> float:
        """Unix time in seconds."""
        assert self.clock is not None
        return self.clock.now()

    def log_as(self, plugin: str) -> Log:
        """The log of a plugin."""
        return self.log if self.logs is None else self.logs(plugin)


def _no_warnings(_: Any) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginType:
    """
    One kind of plugin. `build` gets the checked config, the row's id, and the services.

    `protocols` are what rows get that do not say; `no_consumer` forbids rows that are bound to
    a consumer or a consumer group, and those of `for_service` are bound to a service alone;
    `version` is what the Admin API tells.
    """

    name: str
    priority: int
    schema: type[Entity]
    build: Callable[[Any, str, Services], Handler]
    warnings: Callable[[Any], tuple[str, ...]] = _no_warnings
    protocols: tuple[str, ...] = PROTOCOLS
    no_consumer: bool = False
    for_service: bool = False
    version: str = "3.9.0"


Catalog = Mapping[str, PluginType]
