"""
What a worker counts, and how the counts of several workers become one. Plain numbers only.

`Metrics.observe` runs once per request. Sums of times are whole microseconds, so that merging
equals counting together, exactly. The number of routes counted apart is bounded; those beyond
it share one entry.

Spec: Kong's prometheus plugin (gateway §4.5): names are made from these numbers elsewhere.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from ostiary.gateway.decision import Outcome
from ostiary.model.gateway import Route, Service

KONG_BUCKETS_MS = (
    1, 2, 5, 7, 10, 15, 20, 30, 50, 75, 100, 200, 500, 750, 1000, 3000, 6000,
)  # fmt: skip
UPSTREAM_BUCKETS_MS = (
    25, 50, 80, 100, 250, 400, 700, 1000, 2000, 5000, 10000, 30000, 60000,
)  # fmt: skip
MAX_SERIES = 2000
MAX_KNOWN_ROUTES = 20_000
PIECE_SERIES = 200
OTHERS = ("(others)", "(others)", "")
Source = Literal["service", "kong"]
# Service, route, and the id of the workspace; "" is `default`.
Labels = tuple[str, str, str]


class Histogram:
    """Observations by bucket; the last bucket has no upper bound. `total_us` is their sum."""

    __slots__ = ("bounds", "counts", "total_us")

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total_us = 0

    def dump(self) -> list[int]:
        """The sum, then every bucket."""
        return [self.total_us, *self.counts]

    def add(self, dumped: Iterable[int]) -> None:
        """Add what another one has dumped."""
        total_us, *counts = dumped
        self.total_us += total_us
        self.counts = [a + b for a, b in zip(self.counts, counts, strict=True)]


class Series:
    """The numbers of one route of one service. Codes are counted by who answered."""

    __slots__ = ("answered", "exits", "kong", "request", "sent_bytes", "upstream")

    def __init__(self) -> None:
        self.answered: dict[int, int] = {}
        self.exits: dict[int, int] = {}
        self.sent_bytes = 0
        self.kong = Histogram(KONG_BUCKETS_MS)
        self.upstream = Histogram(UPSTREAM_BUCKETS_MS)
        self.request = Histogram(UPSTREAM_BUCKETS_MS)

    def codes(self) -> Iterable[tuple[int, Source, int]]:
        """Every code with who answered and how often."""
        for code, count in sorted(self.answered.items()):
            yield code, "service", count
        for code, count in sorted(self.exits.items()):
            yield code, "kong", count

    def dump(self) -> list[Any]:
        return [
            [*self.answered.items()],
            [*self.exits.items()],
            self.sent_bytes,
            self.kong.dump(),
            self.upstream.dump(),
            self.request.dump(),
        ]

    def add(self, dumped: list[Any]) -> None:
        """Add what another one has dumped."""
        answered, exits, sent_bytes, kong, upstream, request = dumped
        for mine, theirs in ((self.answered, answered), (self.exits, exits)):
            for code, count in theirs:
                mine[code] = mine.get(code, 0) + count
        self.sent_bytes += sent_bytes
        self.kong.add(kong)
        self.upstream.add(upstream)
        self.request.add(request)


@dataclass(slots=True, eq=False)
class _Known:
    """A route as it was when its series was looked up: a renamed one is looked up again."""

    route: Route | None
    service: Service | None
    series: Series


def _label(route: Route | None, service: Service | None) -> Labels:
    return (
        "" if service is None else service.name or service.host,
        "" if route is None else route.name or route.id or "",
        "" if route is None else route.ws_id or "",
    )


@dataclass(slots=True, kw_only=True)
class Metrics:
    """
    One worker's numbers, or the sum of several workers'.

    `counts` only grow and are named by us, for example `connections` or `jwks_fetches:ok`;
    `gauges` are how things are now and are lost with their worker.
    """

    series: dict[Labels, Series] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    gauges: dict[str, int] = field(default_factory=dict)
    _known: dict[str, _Known] = field(default_factory=dict, repr=False)

    def observe(
        self, route: Route | None, service: Service | None, outcome: Outcome
    ) -> None:
        """Count one finished exchange: the gateway's meter."""
        known = self._known.get("" if route is None else route.id or "")
        if known is None or known.route is not route or known.service is not service:
            known = self._meet(route, service)
        series = known.series
        status = 499 if outcome.client_gone else outcome.status
        total_ms, upstream_ms = outcome.total_ms, outcome.upstream_ms
        codes = series.exits if outcome.upstream_status is None else series.answered
        codes[status] = codes.get(status, 0) + 1
        series.sent_bytes += outcome.sent_bytes
        request = series.request
        request.counts[bisect_left(UPSTREAM_BUCKETS_MS, total_ms)] += 1
        request.total_us += int(total_ms * 1000)
        own_ms = total_ms
        if upstream_ms is not None:
            upstream = series.upstream
            upstream.counts[bisect_left(UPSTREAM_BUCKETS_MS, upstream_ms)] += 1
            upstream.total_us += int(upstream_ms * 1000)
            # As in Kong, receiving the body counts as ours; clocks may disagree by a hair.
            own_ms = max(0.0, total_ms - upstream_ms)
        kong = series.kong
        kong.counts[bisect_left(KONG_BUCKETS_MS, own_ms)] += 1
        kong.total_us += int(own_ms * 1000)

    def _meet(self, route: Route | None, service: Service | None) -> _Known:
        if len(self._known) >= MAX_KNOWN_ROUTES:
            self._known.clear()
        known = _Known(route, service, self._find(_label(route, service)))
        self._known["" if route is None else route.id or ""] = known
        return known

    def _find(self, labels: Labels) -> Series:
        found = self.series.get(labels)
        if found is None:
            if len(self.series) >= MAX_SERIES and labels != OTHERS:
                return self._find(OTHERS)
            found = self.series[labels] = Series()
        return found

    def count(self, name: str, more: int = 1) -> None:
        """Count something that is no exchange with a client."""
        self.counts[name] = self.counts.get(name, 0) + more

    @property
    def requests(self) -> int:
        """Every finished exchange."""
        return sum(sum(s.request.counts) for s in self.series.values())

    def dump(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {
            "series": [[*labels, *s.dump()] for labels, s in self.series.items()],
            "counts": dict(self.counts),
            "gauges": dict(self.gauges),
        }

    def dump_pieces(self) -> Iterator[dict[str, Any]]:
        """The same in pieces that together are everything: nobody waits for all of it."""
        yield {"series": [], "counts": dict(self.counts), "gauges": dict(self.gauges)}
        rows = iter([*self.series.items()])
        while piece := [*islice(rows, PIECE_SERIES)]:
            dumped = [[*labels, *s.dump()] for labels, s in piece]
            yield {"series": dumped, "counts": {}, "gauges": {}}

    def merge(self, dumped: Mapping[str, Any], *, gauges: bool = True) -> None:
        """Add what another one has dumped; without `gauges` only what keeps counting."""
        for service, route, workspace, *rest in dumped["series"]:
            self._find((service, route, workspace)).add(rest)
        for name, value in dumped["counts"].items():
            self.count(name, value)
        if gauges:
            for name, value in dumped["gauges"].items():
                self.gauges[name] = self.gauges.get(name, 0) + value
