"""
The consumers of one configuration, their credentials and groups, found by any of their names.

A directory is a value: the next one shares with it what did not change. Rows stay the lines that
they came as until somebody asks for them: there may be hundreds of thousands.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from ostiary.gateway.changes import Key
from ostiary.gateway.layered import EMPTY_MAP, Layered
from ostiary.model.declarative import dump_row
from ostiary.model.kinds import OF_MODEL
from ostiary.model.row import Row
from ostiary.ports.consumers import Consumer, Credential, CredentialKind

# The workspace ("" for `default`), what is named, and the name.
Name = tuple[str, str, str]
Place = tuple[str, str]
Values = dict[str, Any]  # Any: a row's fields as Kong names them
_CREDENTIALS = {
    "keyauth_credentials": "key",
    "basicauth_credentials": "username",
    "jwt_secrets": "key",
}
# Kinds that put consumers into groups: what the sets are called, and the field of the group.
_GROUPS = {
    "acls": ("acls", "group"),
    "consumer_group_consumers": ("memberships", "consumer_group"),
}
KINDS = frozenset({"consumers", *_CREDENTIALS, *_GROUPS})


def _read(line: bytes) -> Values:
    found: Values = from_json(line[line.index(b" ") + 1 :])
    return found


def _names(kind: str, row: Values) -> tuple[Name, ...]:
    """The names that one row of a workspace alone has."""
    workspace = row.get("ws_id") or ""
    if kind == "consumers":
        return tuple(
            (workspace, what, row[what])
            for what in ("username", "custom_id")
            if row[what] is not None
        )
    field_name = _CREDENTIALS.get(kind)
    return () if field_name is None else ((workspace, kind, row[field_name]),)


def _fold(row: Values) -> Place:
    return row.get("ws_id") or "", row["username"].casefold()


@dataclass(frozen=True, slots=True)
class Directory:
    """
    Everybody by id, username, custom_id, key; each workspace sees its own.

    `folded` are usernames without case; with two that differ in case only, nobody (T-J18).
    """

    rows: Layered[Key, bytes] = field(default=EMPTY_MAP, repr=False)
    named: Layered[Name, str] = field(default=EMPTY_MAP, repr=False)
    folded: Layered[Place, tuple[str, ...]] = field(default=EMPTY_MAP, repr=False)
    sets: Layered[Place, tuple[tuple[str, str], ...]] = field(
        default=EMPTY_MAP, repr=False
    )
    _views: dict[str | None, People] = field(
        default_factory=dict, repr=False, compare=False
    )

    def of(self, workspace: str | None) -> People:
        """Whom a workspace knows, the same object each time; None is `default`."""
        found = self._views.get(workspace)
        if found is None:
            found = self._views[workspace] = People(self, workspace or "")
        return found

    def changed(
        self, puts: Iterable[tuple[Key, bytes]], gone: Iterable[Key]
    ) -> Generator[None, None, Directory]:
        """
        The next directory, step by step.

        Raises:
            ValueError: A line is no row.
        """
        draft = _Draft(self)
        for key in gone:
            draft.drop(key)
            yield
        for key, line in puts:
            draft.drop(key)
            draft.put(key, line)
            yield
        return draft.finish()


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The consumers port over a directory, for the routes of one workspace ("" is `default`)."""

    directory: Directory = field(repr=False)
    workspace: str

    def find(
        self, value: str, *, by: Sequence[str], ignore_case: bool = False
    ) -> Consumer | None:
        """As the port says."""
        for name in by:
            known, here = self.directory, self.workspace
            found = value if name == "id" else known.named.get((here, name, value))
            if found is None and ignore_case and name == "username":
                alike = known.folded.get((here, value.casefold())) or ()
                found = alike[0] if len(alike) == 1 else None
            consumer = None if found is None else self._consumer(found)
            if consumer is not None:
                return consumer
        return None

    def _consumer(self, identity: str) -> Consumer | None:
        line = self.directory.rows.get(("consumers", identity))
        if line is None:
            return None
        row = _read(line)
        if (row.get("ws_id") or "") != self.workspace:
            return None
        return Consumer(
            id=identity, username=row["username"], custom_id=row["custom_id"]
        )

    def credential(self, kind: CredentialKind, name: str) -> Credential | None:
        """As the port says."""
        known = self.directory
        identity = known.named.get((self.workspace, kind, name))
        line = None if identity is None else known.rows.get((kind, identity))
        if line is None or identity is None:
            return None
        row = _read(line)
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
        self._rows: dict[Key, bytes | None] = {}
        self._named: dict[Name, str | None] = {}
        self._folded: dict[Place, tuple[str, ...] | None] = {}
        self._sets: dict[Place, tuple[tuple[str, str], ...] | None] = {}

    def _alike(self, name: Place) -> tuple[str, ...]:
        known = name in self._folded
        return (self._folded[name] if known else self._before.folded.get(name)) or ()

    def _set(self, name: Place) -> tuple[tuple[str, str], ...]:
        known = name in self._sets
        return (self._sets[name] if known else self._before.sets.get(name)) or ()

    def drop(self, key: Key) -> None:
        """Forget a row and its names, unless another has taken them meanwhile."""
        known = key in self._rows
        line = self._rows[key] if known else self._before.rows.get(key)
        if line is None:
            return
        kind, identity = key
        row = _read(line)
        self._rows[key] = None
        for name in _names(kind, row):
            taken = name in self._named
            owner = self._named[name] if taken else self._before.named.get(name)
            if owner == identity:
                self._named[name] = None
        if kind == "consumers" and row["username"] is not None:
            folded = _fold(row)
            rest = tuple(i for i in self._alike(folded) if i != identity)
            self._folded[folded] = rest or None
        if kind in _GROUPS:
            place = (_GROUPS[kind][0], row["consumer"])
            left = tuple(pair for pair in self._set(place) if pair[0] != identity)
            self._sets[place] = left or None

    def put(self, key: Key, line: bytes) -> None:
        """Know a row under its names."""
        kind, identity = key
        row = _read(line)
        self._rows[key] = line
        for name in _names(kind, row):
            self._named[name] = identity
        if kind == "consumers" and row["username"] is not None:
            folded = _fold(row)
            self._folded[folded] = (*self._alike(folded), identity)
        if kind in _GROUPS:
            what, group = _GROUPS[kind]
            place = (what, row["consumer"])
            self._sets[place] = (*self._set(place), (identity, row[group]))

    def finish(self) -> Directory:
        """What it has become."""
        before = self._before
        return Directory(
            rows=before.rows.changed(self._rows),
            named=before.named.changed(self._named),
            folded=before.folded.changed(self._folded),
            sets=before.sets.changed(self._sets),
        )


EMPTY_DIRECTORY = Directory()


def build_directory(rows: Iterable[Row]) -> Directory:
    """A directory from nothing."""
    kinds = ((OF_MODEL[type(row)], row) for row in rows)
    puts = [((kind.name, row.id or ""), dump_row(row, kind)) for kind, row in kinds]
    steps = EMPTY_DIRECTORY.changed(puts, ())
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: Directory = end.value
            return made
