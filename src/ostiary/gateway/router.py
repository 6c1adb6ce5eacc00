"""
Which route a request matches: Kong's `traditional_compatible` rules, indexed.

Every path of a route is one entry. Entries are found by host and by path prefix, so the cost
does not grow with their number; among those that match, the highest priority wins.

Spec: Kong's routing rules (gateway §3.1 what a match means, §3.2 order).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ostiary.http.head import Fields, find_all
from ostiary.http.path import AmbiguousTarget
from ostiary.http.url import MalformedUrl, split_host
from ostiary.http.value import frozen
from ostiary.model.fields import compile_pattern
from ostiary.model.gateway import Route, Service

# `/route..;/x` or `/route..%2Fx`: after the cut some upstreams read a way up.
_HALF_DOTS = re.compile(r"/?\.{1,2}(?:;|%3B|%2F|%5C)", re.IGNORECASE)


class Priority(NamedTuple):
    """The order among matching entries; compared part by part."""

    attributes: int
    exact_host: bool
    headers: int
    is_regex: bool
    regex_priority: int
    prefix_length: int
    older: int
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRule:
    """One header condition: any of these values (lower case), or any of these patterns."""

    name: bytes
    values: frozenset[bytes]
    patterns: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One path of one route, with everything else the route asks for."""

    route: Route
    service: Service | None
    priority: Priority
    prefix: str | None
    pattern: Any
    methods: frozenset[bytes] | None
    hosts: tuple[tuple[str, int | None], ...]
    headers: tuple[HeaderRule, ...]
    snis: frozenset[str] | None


@frozen
class Query:
    """What the router looks at."""

    method: bytes
    host: str
    port: int
    path: str
    fields: Fields = field(repr=False)
    tls: bool
    sni: str | None


@frozen
class Match:
    """What matched: `cut` is how much of the path strip_path removes."""

    route: Route
    service: Service | None
    prefix: str | None
    cut: int


def _header_rules(route: Route) -> tuple[HeaderRule, ...]:
    rules = []
    for name, values in (route.headers or {}).items():
        is_pattern = len(values) == 1 and values[0].startswith("~*")
        rules.append(
            HeaderRule(
                name=name.lower().encode("ascii"),
                values=frozenset()
                if is_pattern
                else frozenset(v.lower().encode() for v in values),
                patterns=(compile_pattern(f"(?i){values[0][2:]}"),)
                if is_pattern
                else (),
            )
        )
    return tuple(rules)


def build_entries(route: Route, service: Service | None) -> tuple[Entry, ...]:
    """The entries of one route."""
    hosts: list[tuple[str, int | None]] = []
    for given in route.hosts or ():
        name, port = given.lower(), None
        if "*" not in given or not given.endswith("*"):
            try:
                _, port = split_host(given.replace("*", "x", 1))
                if port is not None:
                    name = name.rpartition(":")[0]
            except MalformedUrl:
                port = None
        hosts.append((name, port))
    attributes = sum(
        1
        for value in (
            route.methods,
            route.hosts,
            route.headers,
            route.snis,
            route.paths,
        )
        if value
    )
    found = []
    for path in route.paths or (None,):
        is_regex = path is not None and path.startswith("~")
        found.append(
            Entry(
                route=route,
                service=service,
                priority=Priority(
                    attributes=attributes,
                    exact_host=bool(hosts) and not any("*" in h for h, _ in hosts),
                    headers=len(route.headers or {}),
                    is_regex=is_regex,
                    regex_priority=route.regex_priority if is_regex else 0,
                    prefix_length=0 if is_regex or path is None else len(path),
                    older=-(route.created_at or 0),
                    id=route.id or "",
                ),
                prefix=None if is_regex else path,
                pattern=compile_pattern(path[1:])
                if path is not None and is_regex
                else None,
                methods=frozenset(m.encode() for m in route.methods)
                if route.methods
                else None,
                hosts=tuple(hosts),
                headers=_header_rules(route),
                snis=frozenset(s.lower().rstrip(".") for s in route.snis)
                if route.snis
                else None,
            )
        )
    return tuple(found)


class _PathIndex:
    """Entries by path: prefixes in a dictionary, patterns and path-less ones in lists."""

    __slots__ = ("anywhere", "lengths", "patterns", "prefixes")

    def __init__(self) -> None:
        self.prefixes: dict[str, list[Entry]] = {}
        self.lengths: tuple[int, ...] = ()
        self.patterns: list[Entry] = []
        self.anywhere: list[Entry] = []

    def add(self, entry: Entry) -> None:
        if entry.pattern is not None:
            self.patterns.append(entry)
        elif entry.prefix is None:
            self.anywhere.append(entry)
        else:
            self.prefixes.setdefault(entry.prefix, []).append(entry)

    def freeze(self) -> None:
        self.lengths = tuple(sorted({len(p) for p in self.prefixes}, reverse=True))
        for rows in (self.patterns, self.anywhere, *self.prefixes.values()):
            rows.sort(key=lambda e: e.priority, reverse=True)

    def candidates(self, path: str) -> Iterable[Entry]:
        size = len(path)
        for length in self.lengths:
            if length <= size and (rows := self.prefixes.get(path[:length])):
                yield from rows
        for entry in self.patterns:
            if entry.pattern.match(path):
                yield entry
        yield from self.anywhere


class Router:
    """An immutable table of entries. Build it once per configuration."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._hosts: dict[str, _PathIndex] = {}
        self._suffixes: dict[str, _PathIndex] = {}
        self._prefixes: dict[str, _PathIndex] = {}
        self._any = _PathIndex()
        for entry in entries:
            for host in {name for name, _ in entry.hosts} or (None,):
                self._index(host).add(entry)
        for index in self._indexes():
            index.freeze()

    def _indexes(self) -> Iterable[_PathIndex]:
        yield self._any
        for table in (self._hosts, self._suffixes, self._prefixes):
            yield from table.values()

    def _index(self, host: str | None) -> _PathIndex:
        if host is None:
            return self._any
        if host.startswith("*"):
            return self._suffixes.setdefault(host[1:], _PathIndex())
        if host.endswith("*"):
            return self._prefixes.setdefault(host[:-1], _PathIndex())
        return self._hosts.setdefault(host, _PathIndex())

    def _for_host(self, host: str) -> Iterable[_PathIndex]:
        if (exact := self._hosts.get(host)) is not None:
            yield exact
        if self._suffixes or self._prefixes:
            for at, sign in enumerate(host):
                if sign == ".":
                    if at and (found := self._suffixes.get(host[at:])) is not None:
                        yield found
                    if (found := self._prefixes.get(host[: at + 1])) is not None:
                        yield found
        yield self._any

    def match(self, query: Query) -> Match | None:
        """The winning route for a request, or None."""
        best: Entry | None = None
        for index in self._for_host(query.host):
            for entry in index.candidates(query.path):
                if (best is None or entry.priority > best.priority) and _fits(
                    entry, query
                ):
                    best = entry
        return None if best is None else _build_match(best, query.path)


def _fits(entry: Entry, query: Query) -> bool:
    if entry.methods is not None and query.method not in entry.methods:
        return False
    if entry.hosts and not _host_fits(entry, query):
        return False
    if entry.snis is not None and query.tls:
        name = (query.sni or "").lower().rstrip(".")
        if not any(_sni_fits(pattern, name) for pattern in entry.snis):
            return False
    return all(_header_fits(rule, query.fields) for rule in entry.headers)


def _host_fits(entry: Entry, query: Query) -> bool:
    """Tell whether one of the hosts matches, and its port if it asks for one."""
    return any(
        port in {None, query.port} and _sni_fits(host, query.host)
        for host, port in entry.hosts
    )


def _sni_fits(pattern: str, name: str) -> bool:
    if pattern.startswith("*"):
        return name.endswith(pattern[1:]) and len(name) > len(pattern) - 1
    if pattern.endswith("*"):
        return name.startswith(pattern[:-1])
    return name == pattern


def _header_fits(rule: HeaderRule, fields: Fields) -> bool:
    values = [value.strip().lower() for value in find_all(fields, rule.name)]
    if rule.patterns:
        return any(p.search(v.decode("latin-1")) for p in rule.patterns for v in values)
    return any(value in rule.values for value in values)


def _build_match(entry: Entry, path: str) -> Match:
    cut = 0
    if entry.route.strip_path:
        if entry.pattern is not None:
            cut = entry.pattern.match(path).end()
        elif entry.prefix is not None:
            # A prefix's last slash stays with the rest, so that `/a/` + `/a/b` leaves `/b`.
            cut = len(entry.prefix.rstrip("/"))
    if cut and _HALF_DOTS.match(path, cut):
        raise AmbiguousTarget("what follows the route's path reads as a dot segment")
    return Match(route=entry.route, service=entry.service, prefix=entry.prefix, cut=cut)


def build_upstream_path(service_path: str | None, path: str, cut: int) -> str:
    """
    The path that the upstream sees (Kong's `path_handling` v0).

    What is left after a cut never begins with a dot segment: a prefix cut must not make a
    traversal.
    """
    if path == "/":
        return service_path or "/"
    base = (service_path or "").rstrip("/")
    rest = path[cut:]
    while rest.split("/", 1)[0] in {".", ".."}:
        rest = rest.partition("/")[2]
    if not rest:
        return base or "/"
    return base + rest if rest.startswith("/") else f"{base}/{rest}"
