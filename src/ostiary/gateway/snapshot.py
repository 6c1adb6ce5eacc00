"""A compiled configuration: immutable, complete, taken once per request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ostiary.gateway.router import Router
from ostiary.kit import Handler, OwnCookies


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """`chains` holds, by route id and scheme, the handlers of a route in the order they run."""

    router: Router
    chains: Mapping[tuple[str, str], tuple[Handler, ...]] = field(repr=False)
    revision: str
    own_cookies: OwnCookies


EMPTY = Snapshot(
    router=Router(()), chains={}, revision="0" * 32, own_cookies=OwnCookies()
)
