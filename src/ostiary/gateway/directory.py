"""
The consumers of one configuration, their credentials and groups, found by any of their names.

A directory is a value: the next one shares with it what did not change. Rows stay the lines that
they came as until somebody asks for them: there may be hundreds of thousands.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from pydantic_core import from_json

from ostiary.gateway.changes import NO_LINES, Key, Lines, Puts
from ostiary.gateway.layered import EMPTY_MAP, Layered
from ostiary.model.applications import digest_key
from ostiary.model.declarative import dump_row
from ostiary.model.developer_credentials import CREDENTIAL_KINDS, build_name
from ostiary.model.kinds import OF_MODEL
from ostiary.model.portal import APPROVED
from ostiary.model.row import Row
from ostiary.ports.consumers import (
    Application,
    Consumer,
    Credential,
    CredentialKind,
)

# The workspace ("" for `default`), and what is named there.
Names = tuple[str, str]
Place = tuple[str, str]
Values = dict[str, Any]  # Any: a row's fields as Kong names them
# The fields whose values one row of a workspace alone has, and what is named so.
_NAMED = {
    "consumers": (("username", "username"), ("custom_id", "custom_id")),
    "keyauth_credentials": (("key", "keyauth_credentials"),),
    "basicauth_credentials": (("username", "basicauth_credentials"),),
    "jwt_secrets": (("key", "jwt_secrets"),),
    "applications": (("custom_id", "applications"),),
    "application_keys": (("digest", "application_keys"),),
    "developer_credentials": (("name", "developer_credentials"),),
}
_PLUGINS = {kind: plugin for plugin, kind in CREDENTIAL_KINDS.items()}
# Kinds that put somebody into groups: what the sets are called, the field that says whom, and
# the field of the group.
_GROUPS = {
    "acls": ("acls", "consumer", "group"),
    "consumer_group_consumers": ("memberships", "consumer", "consumer_group"),
    "application_instances": ("contracts", "application", "service"),
}
KINDS = frozenset({*_NAMED, *_GROUPS})
# One row takes a microsecond or two: that many are a step.
_STEP_ROWS = 32


def _read(line: bytes) -> Values:
    found: Values = from_json(line[line.index(b" ") + 1 :])
    return found


def _fold(row: Values) -> Place | None:
    """The username without case where that is another: those that are alike are found so."""
    name: str | None = row["username"]
    if name is None or (name.isascii() and name.islower()):
        return None
    folded = name.casefold()
    return None if folded == name else (row.get("ws_id") or "", folded)


def _is_good(row: Values) -> bool:
    """Whether requests pass by a contract, as `ApplicationInstance.is_good` has it."""
    return bool(row["status"] == APPROVED and not row["suspended"] and not row["held"])


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfService:
    """
    Of which plugins developers may make credentials for themselves; others of theirs open nothing.

    `own` is what workspaces say ("" is `default`), `usual` what holds for all others. Where the
    node has no portal nobody could take any back: none of theirs opens anything, whoever made it.
    """

    has_portal: bool = True
    usual: frozenset[str] = frozenset()
    own: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def has(self, workspace: str, plugin: str) -> bool:
        """Whether developers of a workspace may make some of a plugin."""
        return plugin in self.own.get(workspace, self.usual)


NO_SELF_SERVICE = SelfService()


@dataclass(frozen=True, slots=True)
class Directory:
    """
    Everybody by id, username, custom_id, key; each workspace sees its own.

    `rows` are lines by kind and id, `named` ids by name. `folded` are usernames with capitals by
    what they are without; with two that differ in case only, nobody is found so (T-J18).
    """

    rows: Mapping[str, Layered[str, bytes]] = field(default_factory=dict, repr=False)
    named: Mapping[Names, Layered[str, str]] = field(default_factory=dict, repr=False)
    folded: Layered[Place, tuple[str, ...]] = field(default=EMPTY_MAP, repr=False)
    sets: Layered[Place, tuple[tuple[str, str], ...]] = field(
        default=EMPTY_MAP, repr=False
    )
    self_service: SelfService = NO_SELF_SERVICE
    _views: dict[tuple[str | None, bool], People] = field(
        default_factory=dict, repr=False, compare=False
    )

    def of(self, workspace: str | None, *, applications: bool = False) -> People:
        """
        Whom a workspace knows, the same object each time; None is `default`.

        Credentials of developers themselves are among those that are found, after all others. With
        `applications` also the applications of its developers.
        """
        view = (workspace, applications)
        found = self._views.get(view)
        if found is None:
            # Of a copy without views: a circle would have to wait for the collector, which does
            # not look at what was built for good.
            alone = replace(self, _views={})
            found = People(alone, workspace or "", applications=applications)
            self._views[view] = found
        return found

    def serving(self, self_service: SelfService) -> Directory:
        """The same where developers may make other credentials than before."""
        if self_service == self.self_service:
            return self
        return replace(self, self_service=self_service, _views={})

    def row(self, kind: str, identity: str) -> Values | None:
        """A row by its id."""
        line = self.rows.get(kind, EMPTY_MAP).get(identity)
        return None if line is None else _read(line)

    def name(self, names: Names, name: str) -> str | None:
        """Whose a name is."""
        return self.named.get(names, EMPTY_MAP).get(name)

    def alike(self, workspace: str, folded: str) -> tuple[str, ...]:
        """Those whose username is this one without case."""
        exact = self.name((workspace, "username"), folded)
        others = self.folded.get((workspace, folded)) or ()
        return others if exact is None else (exact, *others)

    def changed(
        self, puts: Puts, gone: Iterable[Key], lines: Lines
    ) -> Generator[None, None, Directory]:
        """
        The next directory, step by step; `lines` are those of the whole configuration.

        Raises:
            ValueError: A line is no row.
        """
        draft = _Draft(self)
        for kind, identity in gone:
            draft.drop(kind, identity)
            yield
        for kind, rows in puts.items():
            if kind in self.rows:
                for identity in rows:
                    draft.drop(kind, identity)
                    yield
            places = iter(rows.items())
            while some := [*islice(places, _STEP_ROWS)]:
                draft.put(kind, some)
                yield
        return draft.finish(lines)


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The consumers port over a directory, for the routes of one workspace ("" is `default`)."""

    directory: Directory = field(repr=False)
    workspace: str
    applications: bool = field(default=False, kw_only=True)

    def find(
        self, value: str, *, by: Sequence[str], ignore_case: bool = False
    ) -> Consumer | None:
        """As the port says."""
        for name in by:
            known, here = self.directory, self.workspace
            found = value if name == "id" else known.name((here, name), value)
            if found is None and ignore_case and name == "username":
                alike = known.alike(here, value.casefold())
                found = alike[0] if len(alike) == 1 else None
            consumer = None if found is None else self._consumer(found)
            if consumer is not None:
                return consumer
        # Last: an application may be called like somebody whom an operator has entered.
        may_be = self.applications and "custom_id" in by
        return self._find_application(value) if may_be else None

    def _find_application(self, custom_id: str) -> Consumer | None:
        names = (self.workspace, "applications")
        identity = self.directory.name(names, custom_id)
        return None if identity is None else self._application(identity, custom_id)

    def _application(
        self, identity: str, custom_id: str | None = None
    ) -> Consumer | None:
        """An application as a consumer; with its `custom_id` where that is what was shown."""
        row = self.directory.row("applications", identity)
        if row is None or (row.get("ws_id") or "") != self.workspace:
            return None
        held = self.directory.sets.get(("contracts", identity)) or ()
        services = frozenset(service for _, service in held)
        known = Application(name=row["name"], services=services)
        return Consumer(id=identity, custom_id=custom_id, application=known)

    def _consumer(self, identity: str) -> Consumer | None:
        row = self.directory.row("consumers", identity)
        if row is None or (row.get("ws_id") or "") != self.workspace:
            return None
        return Consumer(
            id=identity, username=row["username"], custom_id=row["custom_id"]
        )

    def credential(self, kind: CredentialKind, name: str) -> Credential | None:
        """As the port says."""
        known = self.directory
        identity = known.name((self.workspace, kind), name)
        row = None if identity is None else known.row(kind, identity)
        if row is None or identity is None:
            return self._of_portal(kind, name)
        consumer = self._consumer(row["consumer"])
        if consumer is None:
            return None
        ttl = row.get("ttl")
        return Credential(
            id=identity,
            consumer=consumer,
            values=row,
            expires_at=float((row["created_at"] or 0) + ttl) if ttl else None,
        )

    def _of_portal(self, kind: CredentialKind, name: str) -> Credential | None:
        """What no consumer has: an application's key, or a credential of a developer's own."""
        if self.applications and kind == "keyauth_credentials":
            found = self._application_key(name)
            if found is not None:
                return found
        if not self.directory.self_service.has_portal:
            return None
        names = (self.workspace, "developer_credentials")
        # Where no developer has any, a wrong key costs no digest.
        if names not in self.directory.named:
            return None
        plugin = _PLUGINS[kind]
        identity = self.directory.name(names, build_name(plugin, name))
        return None if identity is None else self._of_developer(identity, plugin, name)

    def _of_developer(self, identity: str, plugin: str, name: str) -> Credential | None:
        known = self.directory
        row = known.row("developer_credentials", identity)
        if row is None or row["held"]:
            return None
        if row["self_made"] and not known.self_service.has(self.workspace, plugin):
            return None
        developer = row["developer"]
        # An id that an operator gave to a consumer is that one's, with all that hangs on it.
        if known.row("consumers", developer) is not None:
            return None
        # Without a name: whatever a developer is called, nobody has checked it.
        return Credential(
            id=identity,
            consumer=Consumer(id=developer),
            values={**row, "key": name},
            expires_at=row["expires_at"],
        )

    def _application_key(self, key: str) -> Credential | None:
        names = (self.workspace, "application_keys")
        identity = self.directory.name(names, digest_key(key))
        if identity is None:
            return None
        row = self.directory.row("application_keys", identity)
        consumer = None if row is None else self._application(row["application"])
        if row is None or consumer is None:
            return None
        return Credential(
            id=identity, consumer=consumer, values=row, expires_at=row["expires_at"]
        )

    def acl_groups(self, consumer_id: str) -> tuple[str, ...]:
        """As the port says."""
        found = self.directory.sets.get(("acls", consumer_id)) or ()
        return tuple(group for _, group in found)

    def memberships(self, consumer_id: str) -> tuple[str, ...]:
        """As the port says."""
        found = self.directory.sets.get(("memberships", consumer_id)) or ()
        return tuple(group for _, group in found)


class _Draft:
    """A directory that is being changed."""

    def __init__(self, before: Directory) -> None:
        self._before = before
        self._named: dict[Names, dict[str, str | None]] = {}
        self._folded: dict[Place, tuple[str, ...] | None] = {}
        self._sets: dict[Place, tuple[tuple[str, str], ...] | None] = {}

    def _names(self, names: Names) -> dict[str, str | None]:
        return self._named.setdefault(names, {})

    def _owner(self, names: Names, name: str) -> str | None:
        changed = self._names(names)
        return changed[name] if name in changed else self._before.name(names, name)

    def _alike(self, place: Place) -> tuple[str, ...]:
        known = place in self._folded
        return (self._folded[place] if known else self._before.folded.get(place)) or ()

    def _set(self, place: Place) -> tuple[tuple[str, str], ...]:
        known = place in self._sets
        return (self._sets[place] if known else self._before.sets.get(place)) or ()

    def drop(self, kind: str, identity: str) -> None:
        """Forget a row's names, unless another has taken them meanwhile."""
        row = self._before.row(kind, identity)
        if row is None:
            return
        workspace = row.get("ws_id") or ""
        for field_name, what in _NAMED.get(kind, ()):
            names, name = (workspace, what), row[field_name]
            if name is not None and self._owner(names, name) == identity:
                self._names(names)[name] = None
        if kind == "consumers" and (folded := _fold(row)) is not None:
            rest = tuple(i for i in self._alike(folded) if i != identity)
            self._folded[folded] = rest or None
        if kind in _GROUPS:
            what, member, _ = _GROUPS[kind]
            place = (what, row[member])
            left = tuple(pair for pair in self._set(place) if pair[0] != identity)
            self._sets[place] = left or None

    def put(self, kind: str, rows: Iterable[tuple[str, bytes]]) -> None:
        """Know rows under their names."""
        known: dict[str | None, list[tuple[str, dict[str, str | None]]]] = {}
        for identity, line in rows:
            row = _read(line)
            workspace = row.get("ws_id")
            named = known.get(workspace)
            if named is None:
                named = known[workspace] = [
                    (field_name, self._names((workspace or "", what)))
                    for field_name, what in _NAMED.get(kind, ())
                ]
            for field_name, names in named:
                name = row[field_name]
                if name is not None:
                    names[name] = identity
            if kind == "consumers" and (folded := _fold(row)) is not None:
                self._folded[folded] = (*self._alike(folded), identity)
            if kind in _GROUPS:
                self._join(kind, identity, row)

    def _join(self, kind: str, identity: str, row: Values) -> None:
        what, member, group = _GROUPS[kind]
        if what == "contracts" and not _is_good(row):
            return
        place = (what, row[member])
        self._sets[place] = (*self._set(place), (identity, row[group]))

    def finish(self, lines: Lines) -> Directory:
        """What it has become."""
        before = self._before
        named = {
            names: before.named.get(names, EMPTY_MAP).changed(changed)
            for names, changed in self._named.items()
        }
        return Directory(
            rows={kind: lines.kinds[kind] for kind in KINDS & lines.kinds.keys()},
            named={**before.named, **named},
            folded=before.folded.changed(self._folded),
            sets=before.sets.changed(self._sets),
            self_service=before.self_service,
        )


EMPTY_DIRECTORY = Directory()


def build_directory(
    rows: Iterable[Row], self_service: SelfService = NO_SELF_SERVICE
) -> Directory:
    """A directory from nothing."""
    kinds = ((OF_MODEL[type(row)], row) for row in rows)
    lines, changes = NO_LINES.put(dump_row(row, kind) for kind, row in kinds)
    steps = EMPTY_DIRECTORY.changed(changes.puts, (), lines)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: Directory = end.value
            return made.serving(self_service)
