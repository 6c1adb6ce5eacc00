"""
The consumers of one configuration, their credentials and groups, found by any of their names.

A directory is a value: the next one shares with it what did not change.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace

from ostiary.gateway.changes import Key
from ostiary.gateway.layered import EMPTY_MAP, Layered
from ostiary.model.credentials import Acl, BasicAuth, JwtSecret, KeyAuth
from ostiary.model.gateway import Consumer as ConsumerRow
from ostiary.model.gateway import Membership
from ostiary.model.kinds import OF_MODEL
from ostiary.model.row import Row
from ostiary.ports.consumers import Consumer, Credential, CredentialKind

KINDS = frozenset(
    {
        "consumers", "keyauth_credentials", "basicauth_credentials", "jwt_secrets", "acls",
        "consumer_group_consumers",
    }
)  # fmt: skip
Name = tuple[str, str]
_Row = ConsumerRow | KeyAuth | BasicAuth | JwtSecret | Acl | Membership


def _names(row: Row) -> tuple[Name, ...]:
    """The names that one row alone has: (what, name)."""
    match row:
        case ConsumerRow():
            said = (("username", row.username), ("custom_id", row.custom_id))
            return tuple((what, name) for what, name in said if name is not None)
        case KeyAuth():
            return (("keyauth_credentials", row.key),)
        case BasicAuth():
            return (("basicauth_credentials", row.username),)
        case JwtSecret():
            return (("jwt_secrets", row.key),)
        case _:
            return ()


def _groups(row: Row) -> tuple[str, str, str] | None:
    """Whose group a row tells: (what, consumer, group)."""
    match row:
        case Acl():
            return "acls", row.consumer, row.group
        case Membership():
            return "memberships", row.consumer, row.consumer_group
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Directory:
    """
    Look-ups by id, username, custom_id, key.

    `folded` are usernames without case; with two that differ in case only, nobody (T-J18).
    """

    rows: Layered[Key, _Row] = field(default=EMPTY_MAP, repr=False)
    named: Layered[Name, str] = field(default=EMPTY_MAP, repr=False)
    folded: Layered[str, tuple[str, ...]] = field(default=EMPTY_MAP, repr=False)
    sets: Layered[Name, tuple[tuple[str, str], ...]] = field(
        default=EMPTY_MAP, repr=False
    )

    def changed(
        self, puts: Iterable[tuple[Key, Row]], gone: Iterable[Key]
    ) -> Generator[None, None, Directory]:
        """The next directory, step by step."""
        draft = _Draft(self)
        for key in gone:
            draft.drop(key)
            yield
        for key, row in puts:
            draft.drop(key)
            draft.put(key, row)
            yield
        return draft.finish()

    def find(
        self, value: str, *, by: Sequence[str], ignore_case: bool = False
    ) -> Consumer | None:
        """As the port says."""
        for name in by:
            found = value if name == "id" else self.named.get((name, value))
            if found is None and ignore_case and name == "username":
                alike = self.folded.get(value.casefold()) or ()
                found = alike[0] if len(alike) == 1 else None
            consumer = None if found is None else self._consumer(found)
            if consumer is not None:
                return consumer
        return None

    def _consumer(self, identity: str) -> Consumer | None:
        row = self.rows.get(("consumers", identity))
        if not isinstance(row, ConsumerRow):
            return None
        return Consumer(id=identity, username=row.username, custom_id=row.custom_id)

    def credential(self, kind: CredentialKind, name: str) -> Credential | None:
        """As the port says."""
        identity = self.named.get((kind, name))
        row = None if identity is None else self.rows.get((kind, identity))
        if not isinstance(row, KeyAuth | BasicAuth | JwtSecret):
            return None
        consumer = self._consumer(row.consumer)
        if consumer is None or row.id is None:
            return None
        expires_at = None
        if isinstance(row, KeyAuth) and row.ttl:
            expires_at = float((row.created_at or 0) + row.ttl)
        return Credential(
            id=row.id,
            consumer=consumer,
            values=row.__dict__,
            expires_at=expires_at,
        )

    def acl_groups(self, consumer_id: str) -> tuple[str, ...]:
        """As the port says."""
        return tuple(group for _, group in self.sets.get(("acls", consumer_id)) or ())

    def memberships(self, consumer_id: str) -> tuple[str, ...]:
        """As the port says."""
        found = self.sets.get(("memberships", consumer_id)) or ()
        return tuple(group for _, group in found)


class _Draft:
    """A directory that is being changed."""

    def __init__(self, before: Directory) -> None:
        self._before = before
        self._rows: dict[Key, _Row | None] = {}
        self._named: dict[Name, str | None] = {}
        self._folded: dict[str, tuple[str, ...] | None] = {}
        self._sets: dict[Name, tuple[tuple[str, str], ...] | None] = {}

    def _row(self, key: Key) -> _Row | None:
        return self._rows[key] if key in self._rows else self._before.rows.get(key)

    def _alike(self, name: str) -> tuple[str, ...]:
        found = (
            self._folded[name]
            if name in self._folded
            else self._before.folded.get(name)
        )
        return found or ()

    def _set(self, name: Name) -> tuple[tuple[str, str], ...]:
        found = self._sets[name] if name in self._sets else self._before.sets.get(name)
        return found or ()

    def _owner(self, name: Name) -> str | None:
        return (
            self._named[name] if name in self._named else self._before.named.get(name)
        )

    def drop(self, key: Key) -> None:
        """Forget a row and its names, unless another has taken them meanwhile."""
        row = self._row(key)
        if row is None:
            return
        self._rows[key] = None
        for name in _names(row):
            if self._owner(name) == key[1]:
                self._named[name] = None
        if isinstance(row, ConsumerRow) and row.username is not None:
            name_folded = row.username.casefold()
            rest = tuple(i for i in self._alike(name_folded) if i != key[1])
            self._folded[name_folded] = rest or None
        if (told := _groups(row)) is not None:
            what, consumer, _ = told
            left = tuple(p for p in self._set((what, consumer)) if p[0] != key[1])
            self._sets[what, consumer] = left or None

    def put(self, key: Key, row: Row) -> None:
        """Know a row under its names."""
        assert isinstance(row, _Row)
        self._rows[key] = row
        for name in _names(row):
            self._named[name] = key[1]
        if isinstance(row, ConsumerRow) and row.username is not None:
            name_folded = row.username.casefold()
            self._folded[name_folded] = (*self._alike(name_folded), key[1])
        if (told := _groups(row)) is not None:
            what, consumer, group = told
            self._sets[what, consumer] = (*self._set((what, consumer)), (key[1], group))

    def finish(self) -> Directory:
        """What it has become."""
        before = self._before
        return replace(
            before,
            rows=before.rows.changed(self._rows),
            named=before.named.changed(self._named),
            folded=before.folded.changed(self._folded),
            sets=before.sets.changed(self._sets),
        )


EMPTY_DIRECTORY = Directory()


def build_directory(rows: Iterable[Row]) -> Directory:
    """A directory from nothing."""
    puts = [((OF_MODEL[type(row)].name, row.id or ""), row) for row in rows]
    steps = EMPTY_DIRECTORY.changed(puts, ())
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: Directory = end.value
            return made
