"""A gateway with routes, and plugins that do what a test says."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ostiary.gateway.access_log import build_access_log
from ostiary.gateway.compile import compile_config
from ostiary.gateway.decision import Answer, Decision, Forward, Peer
from ostiary.gateway.gateway import Gateway, GatewayOptions
from ostiary.http.head import Fields, Reply, RequestHead, find_all
from ostiary.kit import (
    AccessResult,
    Catalog,
    Entity,
    Exchange,
    OwnCookies,
    PluginType,
    Services,
)
from ostiary.model.declarative import read_declarative
from tests.support.ports import FakeClock

PEER = Peer(ip="203.0.113.9", port=5, local_ip="10.0.0.1", local_port=8443, tls=True)
PLAIN_PEER = Peer(
    ip="203.0.113.9", port=5, local_ip="10.0.0.1", local_port=8000, tls=False
)
Act = Callable[[Exchange], AccessResult]


class FakeConfig(Entity):
    """What a fake plugin is configured with."""

    mark: str = ""


@dataclass(slots=True)
class FakePlugin:
    """Remembers that it ran, and does what it was given."""

    mark: str
    row: str
    act: Act
    ran: list[str]
    own_cookies: OwnCookies = field(
        default_factory=lambda: OwnCookies(
            names=frozenset({"session"}), prefixes=("flow_",)
        )
    )

    def access(self, exchange: Exchange) -> AccessResult:
        self.ran.append(self.mark)
        return self.act(exchange)

    async def access_io(self, exchange: Exchange) -> Reply | None:
        self.ran.append(f"{self.mark} slowly")
        exchange.set_upstream(b"X-Slow", b"1")
        return None


@dataclass(slots=True)
class World:
    """What fake plugins share with a test."""

    act: Act = lambda _: None
    ran: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def catalog(self, **priorities: int) -> Catalog:
        return {
            name.replace("_", "-"): PluginType(
                name=name.replace("_", "-"),
                priority=priority,
                schema=FakeConfig,
                build=lambda config, row, _: FakePlugin(
                    config.mark, row, self.act, self.ran
                ),
                warnings=lambda config: (config.mark,) if config.mark else (),
            )
            for name, priority in priorities.items()
        }

    def gateway(
        self,
        *,
        catalog: Catalog | None = None,
        options: dict[str, Any] | None = None,
        verify: bool = True,
        **parts: Any,
    ) -> Gateway:
        """A gateway over a declarative file."""
        ids = itertools.count(1)
        gateway = Gateway(
            GatewayOptions(version="1", **(options or {})),
            new_request_id=lambda: f"id-{next(ids)}",
            now=lambda: 1_800_000_000,
            listeners=(build_access_log(self.lines.append, "kong"),),
        )
        config = read_declarative({"_format_version": "3.0", **parts})
        kinds = self.catalog(fake=1) if catalog is None else catalog
        lent = Services(
            signin=None,  # type: ignore[arg-type]  # no plugin here signs anybody in
            log=lambda _level, _line: None,
            clock=FakeClock(),
        )
        gateway.snapshot = compile_config(config, kinds, lent, verify=verify)
        return gateway


class NoBody:
    """A request without a body."""

    async def read(self, limit: int) -> bytes:
        return b""


def ask(
    gateway: Gateway,
    target: bytes = b"/",
    *,
    method: bytes = b"GET",
    host: bytes = b"gw.example",
    fields: Fields = (),
    peer: Peer = PEER,
    minor: int = 1,
) -> Decision:
    sent = ((b"Host", host), *fields)
    head = RequestHead(method=method, target=target, fields=sent, minor=minor)
    return gateway.on_request(head, peer, NoBody())


def forward(decision: Decision) -> Forward:
    assert isinstance(decision, Forward), decision
    return decision


def answer(decision: Decision) -> Reply:
    assert isinstance(decision, Answer), decision
    return decision.reply


def values(fields: Fields, name: str) -> list[str]:
    return [v.decode("latin-1") for v in find_all(fields, name.lower().encode())]


def service(**more: Any) -> dict[str, Any]:
    return {"name": "s", "host": "up.example", **more}


def route(**more: Any) -> dict[str, Any]:
    return {"name": "r", "paths": ["/"], "service": "s", **more}
