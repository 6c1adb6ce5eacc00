"""
Configuration to snapshot, from what changed since the last one.

Rows that did not change keep their entity, their handler and their plan; the router shares what
no change touches. Compiling from nothing is the case `previous = NOTHING`. The work comes in
steps, so that a worker can serve between them. What does not compile is refused whole; the old
snapshot stays.

Spec: Kong's scopes (gateway §4.1): of each plugin one instance runs, the most specific one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ostiary.gateway.balance import Balancer, build_balancers
from ostiary.gateway.certificates import CertificateTable, build_certificates
from ostiary.gateway.changes import NO_LINES, Changes, Key, Lines, Puts
from ostiary.gateway.check import check_plugin, describe_taken
from ostiary.gateway.choice import Choices, Instance, ScopeTaken
from ostiary.gateway.directory import KINDS as OF_DIRECTORY
from ostiary.gateway.directory import Directory, SelfService
from ostiary.gateway.fields import CookieFilter
from ostiary.gateway.outoforder import OutOfOrder, Unfit
from ostiary.gateway.phases import Hooks, plan_hooks
from ostiary.gateway.plan import NOTHING_REFERRED, Chain, Plan, Referred, build_plan
from ostiary.gateway.router import Entry, RouterBuilder, build_entries
from ostiary.gateway.snapshot import DEFAULT_ALONE, EMPTY, Snapshot
from ostiary.gateway.vaults import Vaults, build_vaults, has_reference, see_environ
from ostiary.kit import Catalog, Handler, OwnCookies, Services
from ostiary.model.balancing import Target, Upstream, upstream_key
from ostiary.model.certificates import CaCertificate, Certificate, Sni
from ostiary.model.config import Config
from ostiary.model.declarative import DeclarativeInvalid, dump_rows, recall_row
from ostiary.model.entity import Entity
from ostiary.model.gateway import Plugin, Route, Service
from ostiary.model.keys import Vault
from ostiary.model.row import Row
from ostiary.model.words import Problem
from ostiary.model.workspaces import DEFAULT_WORKSPACE, Workspace

Steps = Generator[None, None, "Compiled"]
Checked = Entity | Unfit
AnyRow = TypeVar("AnyRow", bound=Row)
# What requests never ask for.
_UNUSED = frozenset({"keys", "key_sets"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """
    What compiling needs besides rows. `verify` is about upstreams that do not say.

    `seed` is another for each worker, so that they do not begin with the same targets;
    `environ` is what vaults read. Where nothing is served, a configuration is only checked:
    routes get no plans, and nobody is found by name. `self_service` are the plugins whose
    credentials developers make for themselves where a workspace does not say; without
    `has_portal` no credential of a developer opens anything.
    """

    catalog: Catalog
    services: Services
    verify: bool = True
    seed: int = 0
    serves: bool = True
    has_portal: bool = False
    self_service: frozenset[str] = frozenset()
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A snapshot and what it was made from; `handlers` and `entries` are by row id."""

    snapshot: Snapshot = field(default=EMPTY)
    lines: Lines = field(default=NO_LINES, repr=False)
    rows: Mapping[Key, Row] = field(default_factory=dict, repr=False)
    handlers: Mapping[str, Instance] = field(default_factory=dict, repr=False)
    choices: Choices = field(default=Choices(), repr=False)
    entries: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict, repr=False)
    referred: Referred = field(default=NOTHING_REFERRED, repr=False)


NOTHING = Compiled()


def compile_lines(
    previous: Compiled,
    lines: Iterable[bytes],
    workshop: Workshop,
    *,
    revision: str = "",
) -> Steps:
    """
    Compile the lines of `dump_rows` step by step; the generator returns the result.

    Args:
        revision: that of these lines; empty where it is not known.

    Raises:
        DeclarativeInvalid: A plugin is unknown, its config is wrong, or a scope is taken twice.
        ValueError: A line is no row.
    """
    after, changes = previous.lines.replace(lines, revision)
    yield
    return (yield from compile_step(previous, after, changes, workshop))


def compile_changes(previous: Compiled, changes: Changes, workshop: Workshop) -> Steps:
    """
    Compile what changed since `previous` step by step.

    Raises:
        DeclarativeInvalid, ValueError: As `compile_lines`; ValueError also where the changes
            are of another configuration.
    """
    after, own = previous.lines.change(changes.puts, changes.gone)
    if (own.previous, own.revision) != (changes.previous, changes.revision):
        raise ValueError("the changes are of another configuration")
    return (yield from compile_step(previous, after, own, workshop))


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


@dataclass(slots=True, kw_only=True)
class _Draft:
    """The next configuration while it is made: copies, so that a refusal changes nothing."""

    previous: Compiled
    rows: dict[Key, Row]
    puts: dict[Key, Row]
    lines: Lines
    people: Puts
    gone: tuple[Key, ...]

    def every(self, model: type[AnyRow]) -> list[AnyRow]:
        """Every row of a model."""
        return [row for row in self.rows.values() if isinstance(row, model)]

    def of(self, kind: str) -> set[str]:
        """The ids of the rows of a kind that are put or gone."""
        return {key[1] for key in (*self.puts, *self.gone) if key[0] == kind}


def compile_step(
    previous: Compiled, lines: Lines, changes: Changes, workshop: Workshop
) -> Steps:
    """
    Compile lines that differ from the previous ones by changes, step by step.

    Raises:
        DeclarativeInvalid, ValueError: As `compile_lines`.
    """
    draft = yield from _read(previous, lines, changes)
    handlers, choices = yield from _build_handlers(draft, workshop)
    consumers = previous.snapshot.consumers
    balancers = _keep_balancers(draft, workshop)
    referred = _refer(draft, balancers)
    plans, entries = {**previous.snapshot.plans}, {**previous.entries}
    builder = RouterBuilder(previous.snapshot.router)
    if workshop.serves:
        consumers = yield from _change_people(draft, workshop)
        for key in _find_touched(draft, handlers):
            plan = _plan(draft, key, choices, workshop, referred)
            _reroute(builder, entries, plans.get(key), plan, key)
            if plan is None:
                plans.pop(key, None)
            else:
                plans[key] = plan
            yield
    else:
        yield from _check_entries(draft)
    snapshot = Snapshot(
        router=builder.build(),
        plans=plans,
        revision=lines.revision,
        cookies=_keep_cookies(previous, handlers),
        consumers=consumers,
        balancers=balancers,
        certificates=_keep_certificates(draft),
        workspaces=_keep_workspaces(draft),
        unrouted=_plan_unrouted(previous, choices),
    )
    return Compiled(
        snapshot=snapshot,
        lines=lines,
        rows=draft.rows,
        handlers=handlers,
        choices=choices,
        entries=entries,
        referred=referred,
    )


def _read(
    previous: Compiled, lines: Lines, changes: Changes
) -> Generator[None, None, _Draft]:
    puts: dict[Key, Row] = {}
    people: dict[str, Mapping[str, bytes]] = {}
    for kind, found in changes.puts.items():
        if kind in OF_DIRECTORY:
            people[kind] = found
        elif kind not in _UNUSED:
            for key, line in found.items():
                puts[kind, key] = recall_row(line)
                yield
    rows = {**previous.rows, **puts}
    for gone in changes.gone:
        rows.pop(gone, None)
    return _Draft(
        previous=previous,
        rows=rows,
        puts=puts,
        lines=lines,
        people=people,
        gone=changes.gone,
    )


def _build_handlers(
    draft: _Draft, workshop: Workshop
) -> Generator[None, None, tuple[Mapping[str, Instance], Choices]]:
    problems: list[Problem] = []
    found = {**draft.previous.handlers}
    equal: dict[tuple[str | None, str, str], Checked] = {}
    plugins = _find_plugins(draft)
    changed = draft.of("plugins") | {row.id or "" for row in plugins}
    before = [found.pop(key) for key in changed if key in found]
    after: list[Instance] = []
    vaults = WorkspaceVaults(draft.rows, _keep_workspaces(draft), workshop.environ)
    for index, row in enumerate(plugins):
        text = (row.ws_id, row.name, repr(row.config))
        try:
            checked = equal.get(text) or _check(row, workshop, vaults.of(row.ws_id))
        except DeclarativeInvalid as error:
            problems += [
                (("plugins", index, *path), text) for path, text in error.problems
            ]
            continue
        equal[text] = checked
        if not problems:
            after.append(_build_instance(row, checked, workshop))
        yield
    if problems:
        raise DeclarativeInvalid(tuple(problems))
    if not changed:
        return draft.previous.handlers, draft.previous.choices
    try:
        choices = draft.previous.choices.changed(gone=before, put=after)
    except ScopeTaken as error:
        index = plugins.index(error.row)
        told = describe_taken(error.row)
        raise DeclarativeInvalid(((("plugins", index), told),)) from error
    found |= {instance.row.id or "": instance for instance in after}
    return found, choices


def _check(row: Plugin, workshop: Workshop, vaults: Vaults) -> Checked:
    """
    The checked config of a plugin, with what it refers to.

    What a reference means is not known where a row is written, and differs between machines: where
    it does not fit, that plugin alone is out of order, and says so.

    Raises:
        DeclarativeInvalid: The row is wrong as it is written.
    """
    try:
        return check_plugin(row, workshop.catalog, vaults)
    except DeclarativeInvalid as error:
        if not has_reference(row.config):
            raise
        check_plugin(row, workshop.catalog)
        # Without the texts: they may quote what was read.
        return Unfit(tuple(".".join(map(str, path)) for path, _ in error.problems))


def _build_instance(row: Plugin, checked: Checked, workshop: Workshop) -> Instance:
    kind = workshop.catalog[row.name]
    if isinstance(checked, Unfit):
        handler: Handler = OutOfOrder(row, checked, workshop.services)
    else:
        handler = kind.build(checked, row.id or "", workshop.services)
    return Instance(row, handler, kind.priority)


class WorkspaceVaults:
    """The vaults of each workspace, which others must not read through."""

    def __init__(
        self,
        rows: Mapping[Key, Row],
        names: Mapping[str, str],
        environ: Mapping[str, str],
    ) -> None:
        self._rows = rows
        self._names = names
        self._environ = environ
        self._found: dict[str | None, Vaults] = {}

    def of(self, workspace: str | None) -> Vaults:
        """Those of a workspace; None is `default`."""
        found = self._found.get(workspace)
        if found is None:
            rows = (
                row
                for row in self._rows.values()
                if isinstance(row, Vault) and row.ws_id == workspace
            )
            # One that nobody knows reads nothing.
            name = None if workspace is None else self._names.get(workspace, workspace)
            seen = see_environ(self._environ, name, others=self._find_others(name))
            found = self._found[workspace] = build_vaults(rows, seen)
        return found

    def _find_others(self, name: str | None) -> tuple[str, ...]:
        return tuple(other for other in self._names.values() if other != name)


def _find_plugins(draft: _Draft) -> list[Plugin]:
    """The plugins to be built: those put, and where a vault is another, those that refer to one."""
    found = {k: row for k, row in draft.puts.items() if isinstance(row, Plugin)}
    if draft.of("vaults"):
        found |= {
            key: row
            for key, row in draft.rows.items()
            if isinstance(row, Plugin) and has_reference(row.config)
        }
    return [*found.values()]


def _find_touched(draft: _Draft, handlers: Mapping[str, Instance]) -> set[str]:
    """The ids of the routes whose plan may differ from the one before."""
    routes = draft.of("routes")
    services = draft.of("services")
    whole: set[str | None] = set()  # workspaces
    for key in draft.of("plugins") | {row.id or "" for row in _find_plugins(draft)}:
        for found in (draft.previous.handlers.get(key), handlers.get(key)):
            if found is None:
                continue
            if found.row.route is not None:
                routes.add(found.row.route)
            elif found.row.service is not None:
                services.add(found.row.service)
            else:
                whole.add(found.row.ws_id)
    services |= _find_referring(draft)
    if not whole and not services:
        return routes
    for (_, identity), row in draft.rows.items():
        if isinstance(row, Route) and (row.ws_id in whole or row.service in services):
            routes.add(identity)
    return routes


def _find_referring(draft: _Draft) -> set[str]:
    """The ids of the services that what is put or gone is beside: upstreams and certificates."""
    hosts = set()
    for key in draft.of("upstreams"):
        for rows in (draft.previous.rows, draft.rows):
            found = rows.get(("upstreams", key))
            if isinstance(found, Upstream):
                hosts.add(upstream_key(found.ws_id, found.name))
    certificates = draft.of("certificates") | draft.of("ca_certificates")
    if not hosts and not certificates:
        return set()
    users = {
        upstream_key(row.ws_id, row.name)
        for row in draft.rows.values()
        if isinstance(row, Upstream) and row.client_certificate in certificates
    }
    return {
        row.id or ""
        for row in draft.rows.values()
        if isinstance(row, Service)
        and (
            upstream_key(row.ws_id, row.host) in hosts | users
            or row.client_certificate in certificates
            or certificates & {*(row.ca_certificates or ())}
        )
    }


def _keep_balancers(draft: _Draft, workshop: Workshop) -> Mapping[str, Balancer]:
    """The same balancers while nothing that they are made of changes."""
    before = draft.previous.snapshot.balancers
    if not any(draft.of(kind) for kind in ("upstreams", "targets", "certificates")):
        return before
    return build_balancers(
        draft.every(Upstream),
        draft.every(Target),
        {row.id or "": row for row in draft.every(Certificate)},
        before,
        seed=workshop.seed,
    )


def _keep_certificates(draft: _Draft) -> CertificateTable:
    before = draft.previous.snapshot.certificates
    if not any(draft.of(kind) for kind in ("certificates", "snis")):
        return before
    return build_certificates(draft.every(Certificate), draft.every(Sni), before)


def _keep_workspaces(draft: _Draft) -> Mapping[str, str]:
    """The names of workspaces by id."""
    if not draft.of("workspaces"):
        return draft.previous.snapshot.workspaces
    return {
        **DEFAULT_ALONE,
        **{row.id or "": row.name for row in draft.every(Workspace)},
    }


def _refer(draft: _Draft, balancers: Mapping[str, Balancer]) -> Referred:
    """What services may refer to."""
    kinds = ("upstreams", "certificates", "ca_certificates")
    if not any(draft.of(kind) for kind in kinds):
        return draft.previous.referred
    return Referred(
        upstreams={name: found.upstream for name, found in balancers.items()},
        certificates={row.id or "": row for row in draft.every(Certificate)},
        authorities={row.id or "": row for row in draft.every(CaCertificate)},
    )


def _plan_unrouted(previous: Compiled, choices: Choices) -> tuple[Hooks, Hooks]:
    """Who hears of requests that match no route: the instances for everything."""
    if choices is previous.choices:
        return previous.snapshot.unrouted
    plain, secure = choices.chains(None)
    return plan_hooks(plain), plan_hooks(secure)


def _plan(
    draft: _Draft,
    key: str,
    choices: Choices,
    workshop: Workshop,
    referred: Referred,
) -> Plan | None:
    """The plan of a route; the one before when it is the same. None without such a route."""
    route = draft.rows.get(("routes", key))
    if not isinstance(route, Route):
        return None
    service = draft.rows.get(("services", route.service or ""))
    if not isinstance(service, Service):
        service = None
    elif not service.enabled:
        return None
    plain, secure = choices.chains(route)
    old = draft.previous.snapshot.plans.get(key)
    if (
        old is not None
        and _is_same(old, route, service, plain, secure)
        and _are_same(old.referred, referred.of(service))
    ):
        return old
    return build_plan(
        route,
        service,
        plain=plain,
        secure=secure,
        verify=workshop.verify,
        referred=referred,
    )


def _is_same(
    plan: Plan, route: Route, service: Service | None, plain: Chain, secure: Chain
) -> bool:
    return (
        plan.route is route
        and plan.service is service
        and _are_same(plan.plain, plain)
        and _are_same(plan.secure, secure)
    )


def _are_same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    return len(one) == len(other) and all(
        a is b for a, b in zip(one, other, strict=True)
    )


def _check_entries(draft: _Draft) -> Generator[None, None, None]:
    """See that the router will take the routes that are put."""
    for row in draft.puts.values():
        if isinstance(row, Route):
            build_entries(row, None)
            yield


def _reroute(
    builder: RouterBuilder,
    entries: dict[str, tuple[Entry, ...]],
    old: Plan | None,
    new: Plan | None,
    key: str,
) -> None:
    """Let the router know of a route as its plan is now."""
    if (
        old is not None
        and new is not None
        and (old.route is new.route and old.service is new.service)
    ):
        return
    for entry in entries.pop(key, ()):
        builder.remove(entry)
    if new is not None:
        made = entries[key] = build_entries(new.route, new.service)
        for entry in made:
            builder.add(entry)


def _change_people(
    draft: _Draft, workshop: Workshop
) -> Generator[None, None, Directory]:
    """The same directory while its rows are the same: remembered answers hang on it."""
    before = draft.previous.snapshot.consumers
    known = (before.self_service.has_portal, before.self_service.usual)
    node = (workshop.has_portal, workshop.self_service)
    if draft.of("workspaces") or known != node:
        before = before.serving(_read_self_service(draft, workshop))
    gone = [key for key in draft.gone if key[0] in OF_DIRECTORY]
    if not gone and not draft.people:
        return before
    return (yield from before.changed(draft.people, gone, draft.lines))


def _keep_cookies(previous: Compiled, handlers: Mapping[str, Instance]) -> CookieFilter:
    before = previous.snapshot.cookies
    if handlers is previous.handlers:
        return before
    keepers: Iterable[OwnCookies] = [
        found.handler.own_cookies for found in handlers.values()
    ]
    own = OwnCookies(
        names=frozenset(name for keeper in keepers for name in keeper.names),
        prefixes=tuple({p: None for keeper in keepers for p in keeper.prefixes}),
    )
    return before if before.own == own else CookieFilter(own)


def _read_self_service(draft: _Draft, workshop: Workshop) -> SelfService:
    """What workspaces say of credentials that developers make for themselves."""
    said = {
        "" if row.id == DEFAULT_WORKSPACE else row.id or "": frozenset(plugins)
        for row in draft.every(Workspace)
        if (plugins := row.config.portal_developer_credentials) is not None
    }
    return SelfService(
        has_portal=workshop.has_portal, usual=workshop.self_service, own=said
    )
