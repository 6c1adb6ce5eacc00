"""
Configuration to snapshot, from what changed since the last one.

Rows whose line is unchanged keep their entity, their handler and their plan; the router shares
what no change touches. Compiling from nothing is the case `previous = NOTHING`. The work comes
in steps, so that a worker can serve between them. What does not compile is refused whole; the
old snapshot stays.

Spec: Kong's scopes (gateway §4.1): of each plugin one instance runs, the most specific one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ostiary.gateway.check import check_plugin, find_taken_scopes, hash_lines
from ostiary.gateway.directory import Directory
from ostiary.gateway.fields import CookieFilter
from ostiary.gateway.plan import Chain, Plan, build_plan
from ostiary.gateway.router import Entry, RouterBuilder, build_entries
from ostiary.gateway.snapshot import EMPTY, Snapshot
from ostiary.kit import Catalog, Handler, OwnCookies, Services
from ostiary.model.declarative import DeclarativeInvalid, dump_rows, load_row
from ostiary.model.fields import Entity
from ostiary.model.gateway import Config, Consumer, Plugin, Route, Row, Service
from ostiary.model.words import Problem

Scope = tuple[str | None, str | None]
Steps = Generator[None, None, "Compiled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What compiling needs besides rows. `verify` is about upstreams that do not say."""

    catalog: Catalog
    services: Services
    verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A snapshot and what it was made from. `rows` are by line, the others by row id."""

    snapshot: Snapshot = field(default=EMPTY)
    rows: Mapping[bytes, Row] = field(default_factory=dict, repr=False)
    handlers: Mapping[str, tuple[Plugin, Handler]] = field(
        default_factory=dict, repr=False
    )
    entries: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict, repr=False)


NOTHING = Compiled()


def compile_lines(
    previous: Compiled, lines: Sequence[bytes], workshop: Workshop
) -> Steps:
    """
    Compile the lines of `dump_rows` step by step; the generator returns the result.

    Raises:
        DeclarativeInvalid: A plugin is unknown, its config is wrong, or a scope is taken twice.
        ValueError: A line is no row.
    """
    rows: dict[bytes, Row] = {}
    for line in lines:
        if line:
            rows[line] = previous.rows.get(line) or load_row(line)
            yield
    plugins = [row for row in rows.values() if isinstance(row, Plugin)]
    handlers = yield from _build_handlers(previous, plugins, workshop)
    services = {row.id: row for row in rows.values() if isinstance(row, Service)}
    chosen = _Chooser(workshop.catalog)
    for row, handler in handlers.values():
        chosen.add(row, handler)
        yield
    plans: dict[str, Plan] = {}
    entries: dict[str, tuple[Entry, ...]] = {}
    changes = RouterBuilder(previous.snapshot.router)
    for route in rows.values():
        if not isinstance(route, Route):
            continue
        key = route.id or ""
        service = services.get(route.service)
        if service is not None and not service.enabled:
            continue
        plain, secure = chosen.chains(route)
        old = previous.snapshot.plans.get(key)
        if old is None or not _is_same(old, route, service, plain, secure):
            plans[key] = build_plan(
                route, service, plain=plain, secure=secure, verify=workshop.verify
            )
        else:
            plans[key] = old
        entries[key] = _update_routes(changes, previous, old, route, service)
        yield
    for key, gone in previous.entries.items():
        if key not in entries:
            for entry in gone:
                changes.remove(entry)
            yield
    snapshot = Snapshot(
        router=changes.build(),
        plans=plans,
        revision=hash_lines(lines),
        cookies=_keep_cookies(previous.snapshot.cookies, handlers),
        consumers=_keep_consumers(previous.snapshot.consumers, rows.values()),
    )
    return Compiled(snapshot=snapshot, rows=rows, handlers=handlers, entries=entries)


def finish(steps: Steps) -> Compiled:
    """
    Take all steps at once.

    Raises:
        DeclarativeInvalid, ValueError: As the steps do.
    """
    while True:
        try:
            next(steps)
        except StopIteration as end:
            compiled: Compiled = end.value
            return compiled


def compile_config(
    config: Config, catalog: Catalog, services: Services, *, verify: bool = True
) -> Snapshot:
    """
    The snapshot of a configuration, from nothing.

    Raises:
        DeclarativeInvalid: As `compile_lines`.
    """
    workshop = Workshop(catalog=catalog, services=services, verify=verify)
    return finish(compile_lines(NOTHING, dump_rows(config), workshop)).snapshot


def _build_handlers(
    previous: Compiled, plugins: Sequence[Plugin], workshop: Workshop
) -> Generator[None, None, dict[str, tuple[Plugin, Handler]]]:
    problems: list[Problem] = []
    found: dict[str, tuple[Plugin, Handler]] = {}
    equal: dict[tuple[str, str], Entity] = {}
    for index, row in enumerate(plugins):
        key = row.id or ""
        old = previous.handlers.get(key)
        if old is not None and old[0] is row:
            found[key] = old
            continue
        text = (row.name, repr(row.config))
        try:
            checked = equal.get(text) or check_plugin(row, workshop.catalog)
        except DeclarativeInvalid as error:
            problems += [
                (("plugins", index, *path), text) for path, text in error.problems
            ]
            continue
        equal[text] = checked
        if not problems:
            kind = workshop.catalog[row.name]
            found[key] = (row, kind.build(checked, key, workshop.services))
        yield
    problems += find_taken_scopes(plugins)
    if problems:
        raise DeclarativeInvalid(tuple(problems))
    return found


def _is_same(
    plan: Plan, route: Route, service: Service | None, plain: Chain, secure: Chain
) -> bool:
    return (
        plan.route is route
        and plan.service is service
        and _are_same(plan.plain, plain)
        and _are_same(plan.secure, secure)
    )


def _are_same(one: Chain, other: Chain) -> bool:
    return len(one) == len(other) and all(
        a is b for a, b in zip(one, other, strict=True)
    )


def _update_routes(
    changes: RouterBuilder,
    previous: Compiled,
    old: Plan | None,
    route: Route,
    service: Service | None,
) -> tuple[Entry, ...]:
    key = route.id or ""
    there = previous.entries.get(key, ())
    if old is not None and old.route is route and old.service is service:
        return there
    for entry in there:
        changes.remove(entry)
    made = build_entries(route, service)
    for entry in made:
        changes.add(entry)
    return made


class _Chooser:
    """Which handlers run on a route: found by scope, not by looking at every plugin."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._by_scope: dict[Scope, list[tuple[Plugin, Handler]]] = {}

    def add(self, row: Plugin, handler: Handler) -> None:
        """Let an instance take part."""
        if row.enabled:
            scope = (row.route, row.service)
            self._by_scope.setdefault(scope, []).append((row, handler))

    def chains(self, route: Route) -> tuple[Chain, Chain]:
        """The handlers of a route for http and for https, in order."""
        wider: dict[Scope, None] = dict.fromkeys(
            (
                (None, None),
                (None, route.service),
                (route.id, None),
                (route.id, route.service),
            )
        )
        here = [pair for scope in wider for pair in self._by_scope.get(scope, ())]
        return self._chain(here, "http"), self._chain(here, "https")

    def _chain(self, pairs: Iterable[tuple[Plugin, Handler]], scheme: str) -> Chain:
        # Narrower scopes come later and take the place of wider ones.
        chosen = {
            row.name: (row, handler)
            for row, handler in pairs
            if scheme in row.protocols
        }
        ordered = sorted(
            chosen.values(),
            key=lambda pair: (self._catalog[pair[0].name].priority, pair[0].name),
            reverse=True,
        )
        return tuple(handler for _, handler in ordered)


def _keep_consumers(previous: Directory, rows: Iterable[Row]) -> Directory:
    """The same directory while its rows are the same: remembered answers hang on it."""
    found = tuple(row for row in rows if isinstance(row, Consumer))
    same = len(found) == len(previous.rows) and all(
        a is b for a, b in zip(found, previous.rows, strict=True)
    )
    return previous if same else Directory(found)


def _keep_cookies(
    previous: CookieFilter, handlers: Mapping[str, tuple[Plugin, Handler]]
) -> CookieFilter:
    keepers = [handler.own_cookies for _, handler in handlers.values()]
    own = OwnCookies(
        names=frozenset(name for keeper in keepers for name in keeper.names),
        prefixes=tuple({p: None for keeper in keepers for p in keeper.prefixes}),
    )
    return previous if previous.own == own else CookieFilter(own)
