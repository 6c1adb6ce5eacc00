"""
Three ways to choose one of several addresses.

All of them leave out who is ill, and whoever this request has already tried while there is
somebody else.

Spec: gateway §3.10; Karger et al., "Consistent Hashing and Random Trees" (1997).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import heapify, heapreplace
from math import inf
from random import Random
from typing import Protocol

from ostiary.gateway.decision import Target
from ostiary.gateway.health import Vitals

# As many points on the ring as one of equal targets has in Kong.
POINTS = 160
_WORD_BYTES = 8
_WORDS = 8


@dataclass(slots=True, kw_only=True, eq=False)
class Load:
    """How many requests an address is serving, and when it was last chosen."""

    active: int = 0
    turn: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Address:
    """
    Where requests can go. `name` is what the target is called, an address itself or not.

    `vitals` and `load` live on in the next balancer. `made` remembers targets by the template
    they were made from.
    """

    name: str
    ip: str
    port: int
    weight: int
    vitals: Vitals = field(default_factory=Vitals)
    load: Load = field(default_factory=Load)
    made: dict[int, tuple[Target, Target]] = field(default_factory=dict, repr=False)


class Way(Protocol):
    """Chooses among the addresses it was made with; all have a weight."""

    def choose(self, key: str | None, tried: Collection[Address]) -> Address | None:
        """The next address for a key, where the way has one; None when nobody is left."""
        ...

    def heard(self) -> None:
        """Somebody fell ill or recovered."""
        ...


class RoundRobin:
    """
    Everybody in turn, by weight, spread as evenly as weights allow.

    Each address is due every 1/weight; who is due first is next. Where they begin differs from
    worker to worker, so that together they do not call on one address at once.
    """

    def __init__(self, addresses: Sequence[Address], random: Random) -> None:
        self._addresses = addresses
        self._random = random
        self._queue: list[tuple[float, int]] = []
        self.heard()

    def heard(self) -> None:
        """Begin anew with those who are healthy."""
        self._queue = [
            (self._random.random() / address.weight, place)
            for place, address in enumerate(self._addresses)
            if address.vitals.is_healthy
        ]
        heapify(self._queue)

    def choose(self, key: str | None, tried: Collection[Address]) -> Address | None:  # noqa: ARG002 - the way's name
        queue = self._queue
        if not queue:
            return None
        if tried:
            return self._choose_other(tried)
        due, place = queue[0]
        address = self._addresses[place]
        heapreplace(queue, (due + 1 / address.weight, place))
        return address

    def _choose_other(self, tried: Collection[Address]) -> Address | None:
        """Whoever is due first of those who have not been tried."""
        others = [at for at in self._queue if self._addresses[at[1]] not in tried]
        if not others:
            return self.choose(None, ())
        due, place = min(others)
        address = self._addresses[place]
        self._queue.remove((due, place))
        self._queue.append((due + 1 / address.weight, place))
        heapify(self._queue)
        return address


class LeastConnections:
    """Whoever would serve the fewest requests by weight; of equals, who waited longest."""

    def __init__(self, addresses: Sequence[Address], random: Random) -> None:
        self._addresses = addresses
        self._turn = max((int(a.load.turn) for a in addresses), default=0)
        for address in addresses:
            if not address.load.turn:
                address.load.turn = -random.random()

    def heard(self) -> None:
        """Nothing is remembered of who is healthy."""

    def choose(self, key: str | None, tried: Collection[Address]) -> Address | None:  # noqa: ARG002 - the way's name
        found: Address | None = None
        least = (inf, inf)
        for address in self._addresses:
            if address.vitals.is_healthy and address not in tried:
                load = address.load
                cost = ((load.active + 1) / address.weight, load.turn)
                if cost < least:
                    least, found = cost, address
        if found is None:
            return self.choose(None, ()) if tried else None
        self._turn += 1
        found.load.turn = self._turn
        return found


def _hash(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "surrogateescape"), digest_size=_WORD_BYTES)
    return int.from_bytes(digest.digest())


def _points(address: Address, count: int) -> Iterator[int]:
    """As many places on the ring as asked; those of a smaller count come first."""
    name = f"{address.ip} {address.port}"
    for number in range(-(-count // _WORDS)):
        digest = blake2b(f"{name} {number}".encode()).digest()
        for word in range(min(_WORDS, count - number * _WORDS)):
            start = word * _WORD_BYTES
            yield int.from_bytes(digest[start : start + _WORD_BYTES])


class Ring:
    """
    The same address for the same key, and for most keys even when others come or go.

    Every address has points on a ring by its weight, at most `slots` altogether; a key belongs
    to the first point after it. Requests without a key go to everybody in turn. The hash is not
    Kong's: only that keys stay where they are is promised, not where.
    """

    def __init__(
        self, addresses: Sequence[Address], random: Random, *, slots: int
    ) -> None:
        self._keyless = RoundRobin(addresses, random)
        total = sum(address.weight for address in addresses)
        most = min(POINTS * len(addresses), max(slots, len(addresses)))
        points: list[tuple[int, int]] = []
        for place, address in enumerate(addresses):
            count = max(1, address.weight * most // total)
            points += [(point, place) for point in _points(address, count)]
        points.sort()
        self._points = [point for point, _ in points]
        self._owners = [addresses[place] for _, place in points]

    def heard(self) -> None:
        """Keys of those who are ill go to their neighbours; nothing is rebuilt."""
        self._keyless.heard()

    def choose(self, key: str | None, tried: Collection[Address]) -> Address | None:
        if key is None:
            return self._keyless.choose(None, tried)
        size = len(self._owners)
        start = bisect_left(self._points, _hash(key))
        for step in range(size):
            address = self._owners[(start + step) % size]
            if address.vitals.is_healthy and address not in tried:
                return address
        return self.choose(key, ()) if tried else None


def build_way(
    algorithm: str, addresses: Sequence[Address], *, slots: int, random: Random
) -> Way:
    """The way of an algorithm's name."""
    weighted = [address for address in addresses if address.weight]
    if algorithm == "consistent-hashing":
        return Ring(weighted, random, slots=slots)
    if algorithm == "least-connections":
        return LeastConnections(weighted, random)
    return RoundRobin(weighted, random)
