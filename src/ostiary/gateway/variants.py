"""
The instances of one plugin on one route, of which at most one runs: which, the consumer decides.

The choice is made when the chain of handlers reaches the plugin, with the consumer known then,
and serves the later phases of the same exchange. So an instance of a consumer is never chosen
for a plugin that runs before those that authenticate.

Spec: Kong's scopes (gateway §4.1, the ranks with consumer groups).
"""

from __future__ import annotations

from collections.abc import Mapping

from ostiary.kit import (
    AccessHook,
    AccessResult,
    BodyHook,
    Exchange,
    Finished,
    FinishHook,
    Handler,
    OwnCookies,
    Reply,
    Response,
    ResponseHook,
)

Ranked = tuple[int, Handler]


class Variants:
    """
    One plugin on one route. The rank of an instance says how narrow its scope is: 1 wins.

    Args:
        wider: The instance for whoever has none of their own.
        consumers: Instances by consumer id.
        groups: Instances by consumer group id. Of equal ones the consumer's oldest group wins.
    """

    __slots__ = ("_consumers", "_groups", "_wider", "members", "own_cookies")

    def __init__(
        self,
        wider: Ranked | None,
        consumers: Mapping[str, Ranked],
        groups: Mapping[str, Ranked],
    ) -> None:
        self._wider = wider
        self._consumers = consumers
        self._groups = groups
        all_ranked = [*consumers.values(), *groups.values()]
        if wider is not None:
            all_ranked.append(wider)
        self.members: tuple[Handler, ...] = tuple(handler for _, handler in all_ranked)
        self.own_cookies = OwnCookies(
            names=frozenset(n for m in self.members for n in m.own_cookies.names),
            prefixes=tuple(
                {p: None for m in self.members for p in m.own_cookies.prefixes}
            ),
        )

    def choose(self, exchange: Exchange) -> Handler | None:
        """The instance for this exchange, the same one each time; None when nothing fits."""
        kept: tuple[Handler | None] | None = exchange.kept(self)
        if kept is None:
            kept = (self._find(exchange),)
            exchange.keep(self, kept)
        return kept[0]

    def _find(self, exchange: Exchange) -> Handler | None:
        found = [] if self._wider is None else [self._wider]
        consumer = exchange.consumer
        if consumer is not None:
            if (own := self._consumers.get(consumer.id)) is not None:
                found.append(own)
            if self._groups:
                found += [
                    ranked
                    for group in exchange.consumers.memberships(consumer.id)
                    if (ranked := self._groups.get(group)) is not None
                ]
        return min(found, key=lambda ranked: ranked[0])[1] if found else None

    def access(self, exchange: Exchange) -> AccessResult:
        chosen = self.choose(exchange)
        return chosen.access(exchange) if isinstance(chosen, AccessHook) else None

    async def access_io(self, exchange: Exchange) -> Reply | None:
        chosen = self.choose(exchange)
        assert isinstance(chosen, AccessHook)
        return await chosen.access_io(exchange)

    def on_response(self, exchange: Exchange, response: Response) -> None:
        chosen = self.choose(exchange)
        if isinstance(chosen, ResponseHook):
            chosen.on_response(exchange, response)

    def wants_body(self, exchange: Exchange, response: Response) -> bool:
        chosen = self.choose(exchange)
        return isinstance(chosen, BodyHook) and chosen.wants_body(exchange, response)

    def edit_body(self, exchange: Exchange, response: Response, body: bytes) -> bytes:
        chosen = self.choose(exchange)
        assert isinstance(chosen, BodyHook)
        return chosen.edit_body(exchange, response, body)

    def on_finish(self, exchange: Exchange, finished: Finished) -> None:
        chosen = self.choose(exchange)
        if isinstance(chosen, FinishHook):
            chosen.on_finish(exchange, finished)
