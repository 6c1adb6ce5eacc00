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
from ostiary.http.memo import Memo
from ostiary.http.path import AmbiguousTarget
from ostiary.http.url import MalformedUrl, split_host
from ostiary.http.value import frozen
from ostiary.model.fields import compile_pattern
from ostiary.model.gateway import Route, Service

# `/route..;/x` or `/route..%2Fx`: after the cut some upstreams read a way up.
MAX_MEMO_BYTES = 4 << 20
_META = frozenset("\\.^$*+?{}[]()|")
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entry:
    """
    One path of one route, with everything else the route asks for.

    Paths that match begin with `start`. `is_free` says that a path is all the route asks for;
    `cut` is how much strip_path takes off where that does not depend on the request.
    """

    route: Route
    service: Service | None
    priority: Priority
    prefix: str | None
    pattern: Any
    methods: frozenset[bytes] | None
    hosts: tuple[tuple[str, int | None], ...]
    headers: tuple[HeaderRule, ...]
    snis: frozenset[str] | None
    start: str
    is_free: bool
    cut: int

    @property
    def is_picky(self) -> bool:
        """Tell whether more than method, host, port and path decide."""
        return bool(self.headers or self.snis)

    def host_names(self) -> set[str] | tuple[None]:
        """The hosts this entry is found under; None is any host."""
        return {name for name, _ in self.hosts} or (None,)


def _priority(entry: Entry) -> Priority:
    return entry.priority


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


NO_MATCH = Match(route=Route(paths=("/",)), service=None, prefix=None, cut=0)


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
    methods = frozenset(m.encode() for m in route.methods) if route.methods else None
    headers = _header_rules(route)
    snis = frozenset(s.lower().rstrip(".") for s in route.snis) if route.snis else None
    is_free = not (methods or hosts or headers or snis)
    found = []
    for path in route.paths or (None,):
        is_regex = path is not None and path.startswith("~")
        prefix = None if is_regex else path
        # A prefix's last slash stays with the rest, so that `/a/` + `/a/b` leaves `/b`.
        cut = len(prefix.rstrip("/")) if prefix and route.strip_path else 0
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
                    prefix_length=len(prefix or ""),
                    older=-(route.created_at or 0),
                    id=route.id or "",
                ),
                prefix=prefix,
                pattern=compile_pattern(path[1:]) if path and is_regex else None,
                methods=methods,
                hosts=tuple(hosts),
                headers=headers,
                snis=snis,
                start=read_literal_start(path[1:])
                if path and is_regex
                else prefix or "",
                is_free=is_free and not is_regex,
                cut=cut,
            )
        )
    return tuple(found)


def _has_alternatives(pattern: str) -> bool:
    """Tell whether a `|` outside all groups divides the whole pattern."""
    bare = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "", pattern)
    while (smaller := re.sub(r"\([^()]*\)", "", bare)) != bare:
        bare = smaller
    return "|" in bare


def read_literal_start(pattern: str) -> str:
    """
    Letters that everything a pattern matches begins with; maybe fewer than there are.

    They decide where a pattern is looked for, so that thousands of patterns cost no more than
    those that could match.
    """
    if pattern.startswith("(?") or _has_alternatives(pattern):
        return ""
    start = ""
    rest = pattern.removeprefix("^")
    while rest:
        if rest[0] == "\\" and rest[1:2] and not rest[1].isalnum():
            sign, rest = rest[1], rest[2:]
        elif rest[0] in _META:
            break
        else:
            sign, rest = rest[0], rest[1:]
        if rest[:1] in {"*", "?", "{"}:
            break
        start += sign
    return start


class _PathTable:
    """Entries by a text that their paths must begin with. Copied when changed, shared else."""

    __slots__ = ("counts", "lengths", "rows")

    def __init__(self, other: _PathTable | None = None) -> None:
        self.rows: dict[str, tuple[Entry, ...]] = (
            {} if other is None else {**other.rows}
        )
        self.counts: dict[int, int] = {} if other is None else {**other.counts}
        self.lengths: tuple[int, ...] = () if other is None else other.lengths

    def replace(self, start: str, entries: Iterable[Entry]) -> None:
        """Let these be the entries with this start."""
        ordered = tuple(sorted(entries, key=_priority, reverse=True))
        if not self.rows.get(start) and ordered:
            self._count(len(start), 1)
        elif self.rows.get(start) and not ordered:
            self._count(len(start), -1)
        if ordered:
            self.rows[start] = ordered
        else:
            self.rows.pop(start, None)

    def _count(self, length: int, change: int) -> None:
        left = self.counts.get(length, 0) + change
        if left:
            self.counts[length] = left
        else:
            del self.counts[length]
        if left == 0 or (change > 0 and left == 1):
            self.lengths = tuple(sorted(self.counts, reverse=True))


class _HostIndex:
    """The entries of one host: by plain prefix, and by the letters a pattern begins with."""

    __slots__ = ("patterns", "prefixes")

    patterns: _PathTable
    prefixes: _PathTable

    def __init__(self, other: _HostIndex | None = None) -> None:
        self.prefixes = _PathTable(None if other is None else other.prefixes)
        self.patterns = _PathTable(None if other is None else other.patterns)

    def place(self, entry: Entry) -> tuple[_PathTable, str]:
        if entry.pattern is not None:
            return self.patterns, entry.start
        return self.prefixes, entry.start

    def is_empty(self) -> bool:
        return not self.prefixes.rows and not self.patterns.rows


_Tables = dict[str, _HostIndex]
_EXACT, _SUFFIX, _PREFIX = range(3)


def _slot(host: str) -> tuple[int, str]:
    if host.startswith("*"):
        return _SUFFIX, host[1:]
    if host.endswith("*"):
        return _PREFIX, host[:-1]
    return _EXACT, host


class Router:
    """An immutable table of entries. Make one with `RouterBuilder`."""

    __slots__ = ("_memo", "anywhere", "picky", "tables")

    def __init__(
        self,
        tables: tuple[_Tables, _Tables, _Tables] | None = None,
        anywhere: _HostIndex | None = None,
        picky: int = 0,
    ) -> None:
        self.tables = tables or ({}, {}, {})
        self.anywhere = anywhere or _HostIndex()
        # How many entries look at more than method, host, port and path.
        self.picky = picky
        self._memo: Memo[tuple[bytes, str, int, str], Match] = Memo(MAX_MEMO_BYTES)

    def _for_host(self, host: str) -> list[_HostIndex]:
        exact, suffixes, prefixes = self.tables
        found = [self.anywhere]
        if (index := exact.get(host)) is not None:
            found.insert(0, index)
        if suffixes or prefixes:
            for at, sign in enumerate(host):
                if sign == ".":
                    if at and (index := suffixes.get(host[at:])) is not None:
                        found.append(index)
                    if (index := prefixes.get(host[: at + 1])) is not None:
                        found.append(index)
        return found

    def recall(self, method: bytes, host: str, port: int, path: str) -> Match | None:
        """The winning route as it was found before, or None when that is not known."""
        if self.picky:
            return None
        found = self._memo.get((method, host, port, path))
        return None if found is NO_MATCH else found

    def match(self, query: Query) -> Match | None:
        """
        The winning route for a request, or None.

        Raises:
            AmbiguousTarget: What strip_path leaves can be read as a way up.
        """
        if self.picky:
            return self._find(query)
        key = (query.method, query.host, query.port, query.path)
        found = self._memo.get(key)
        if found is None:
            found = self._find(query) or NO_MATCH
            self._memo.put(key, found, len(query.host) + len(query.path))
        return None if found is NO_MATCH else found

    def _find(self, query: Query) -> Match | None:
        best: Entry | None = None
        path = query.path
        size = len(path)
        for index in self._for_host(query.host):
            for table in (index.prefixes, index.patterns):
                rows = table.rows
                for length in table.lengths:
                    if length > size:
                        continue
                    for entry in rows.get(path[:length], ()):
                        if best is not None and entry.priority <= best.priority:
                            break
                        if entry.is_free or _fits(entry, query):
                            best = entry
                            break
        return None if best is None else _build_match(best, path)


class RouterBuilder:
    """
    Changes a router into the next one; what no change touches is shared between the two.

    Each call costs little, so that a large configuration can be built in small slices.
    """

    def __init__(self, previous: Router) -> None:
        exact, suffixes, prefixes = previous.tables
        self._tables: tuple[_Tables, _Tables, _Tables] = (
            {**exact},
            {**suffixes},
            {**prefixes},
        )
        self._anywhere = previous.anywhere
        self._picky = previous.picky
        self._own: set[int] = set()
        self._changed: dict[
            tuple[int, str], tuple[str | None, _PathTable, dict[int, Entry]]
        ] = {}

    def add(self, entry: Entry) -> None:
        """Let an entry take part."""
        self._picky += entry.is_picky
        for host in entry.host_names():
            self._change(host, entry)[id(entry)] = entry

    def remove(self, entry: Entry) -> None:
        """Take out an entry; it must be in."""
        self._picky -= entry.is_picky
        for host in entry.host_names():
            del self._change(host, entry)[id(entry)]

    def _change(self, host: str | None, entry: Entry) -> dict[int, Entry]:
        """The entries beside which this one belongs, to be changed and sorted once at the end."""
        table, start = self._index(host).place(entry)
        changed = self._changed.get((id(table), start))
        if changed is None:
            there = {id(e): e for e in table.rows.get(start, ())}
            changed = self._changed[id(table), start] = (host, table, there)
        return changed[2]

    def build(self) -> Router:
        """The next router. The builder is done."""
        for (_, start), (_, table, entries) in self._changed.items():
            table.replace(start, entries.values())
        for host in {host for host, _, _ in self._changed.values()}:
            if host is not None and self._index(host).is_empty():
                kind, key = _slot(host)
                del self._tables[kind][key]
        return Router(self._tables, self._anywhere, self._picky)

    def _index(self, host: str | None) -> _HostIndex:
        """The index of a host, copied before its first change."""
        if host is None:
            if id(self._anywhere) not in self._own:
                self._anywhere = _HostIndex(self._anywhere)
                self._own.add(id(self._anywhere))
            return self._anywhere
        kind, key = _slot(host)
        index = self._tables[kind].get(key)
        if index is None or id(index) not in self._own:
            index = self._tables[kind][key] = _HostIndex(index)
            self._own.add(id(index))
        return index


def build_router(entries: Iterable[Entry]) -> Router:
    """A router from nothing."""
    builder = RouterBuilder(Router())
    for entry in entries:
        builder.add(entry)
    return builder.build()


def _fits(entry: Entry, query: Query) -> bool:
    if entry.pattern is not None and not entry.pattern.match(query.path):
        return False
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
    cut = entry.cut
    if entry.pattern is not None and entry.route.strip_path:
        cut = entry.pattern.match(path).end()
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
    while rest[:1] == "." and rest.split("/", 1)[0] in {".", ".."}:
        rest = rest.partition("/")[2]
    if not rest:
        return base or "/"
    return base + rest if rest.startswith("/") else f"{base}/{rest}"
