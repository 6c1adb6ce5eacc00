"""
Where the rows of the configuration are kept.

A write and the revision it makes are one: both are there or neither, and revisions appear in
order, whoever writes. What must be unique and what rows refer to is judged inside the write, so
that two who write at once cannot both be right.

Spec: gateway §§1.9 (references), 1.11 (errors), 1.12 (paging and tags).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ostiary.model.row import Row
from ostiary.model.workspaces import Workspace
from ostiary.ports.audit import ObjectRecord


class UniqueViolation(Exception):
    """Another row has what this one wants for itself; `fields` are that, as written."""

    code = "unique_violation"

    def __init__(self, kind: str, fields: Mapping[str, object]) -> None:
        super().__init__(f"another row of {kind} has the same {', '.join(fields)}")
        self.kind = kind
        self.fields = fields


class PrimaryKeyViolation(Exception):
    """There is a row with this id already."""

    code = "primary_key_violation"

    def __init__(self, kind: str, identity: str) -> None:
        super().__init__(f"there is a row of {kind} with this id: {identity}")
        self.kind = kind
        self.identity = identity


class ForeignKeyMissing(Exception):
    """A row refers to one that is not there."""

    code = "foreign_key_missing"

    def __init__(self, field_name: str, kind: str, identity: str) -> None:
        super().__init__(f"{field_name} refers to a row of {kind} that is not there")
        self.field = field_name
        self.kind = kind
        self.identity = identity


class StillReferenced(Exception):
    """A row cannot go while others refer to it."""

    code = "still_referenced"

    def __init__(self, kind: str, by: str) -> None:
        super().__init__(f"rows of {by} refer to this row of {kind}")
        self.kind = kind
        self.by = by


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows, in the order of their ids; `after` continues, None ends."""

    rows: tuple[Row, ...]
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    Which rows of a kind: those of all (or any) of `tags`, and that refer as `where` says.

    `where` are fields that hold references, with ids.
    """

    kind: str
    where: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    any_tag: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """A tag of a row."""

    kind: str
    id: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What one or more writes changed: the revision after them, rows, and (kind, id) gone."""

    revision: int
    rows: tuple[Row, ...] = field(default=(), repr=False)
    gone: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What a write did to a row; one that went is told as it was."""

    operation: Literal["create", "update", "delete"]
    row: Row = field(repr=False)


class ConfigReads(Protocol):
    """
    What can be asked about one workspace: rows of others are not there.

    Everything raises StoreUnavailable.
    """

    def within(self, workspace: str) -> ConfigReads:
        """The same, seen from the workspace of an id."""
        ...

    async def get(self, kind: str, identity: str) -> Row | None:
        """The row with an id."""
        ...

    async def find(self, kind: str, values: Mapping[str, str]) -> Row | None:
        """The row with these values in fields that are unique together, all of them given."""
        ...

    async def page(self, wanted: Wanted, *, after: str = "", size: int) -> Page:
        """Rows in the order of their ids."""
        ...

    async def tags(
        self, tag: str | None, *, after: tuple[str, str, str] | None, size: int
    ) -> tuple[Tagged, ...]:
        """Tags by tag, kind and id."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """How many rows of each kind the workspace has; kinds without rows are left out."""
        ...


class ConfigWrites(ConfigReads, Protocol):
    """
    One write: all that is done in it happens, or nothing.

    Rows go where their `ws_id` says; they never leave their workspace, nor refer to another unless
    the reference may be `anywhere`.
    """

    def within(self, workspace: str) -> ConfigWrites:
        """The same write, seen from the workspace of an id."""
        ...

    @property
    def deeds(self) -> Sequence[Deed]:
        """What was done so far, row by row and in order; `clear` tells nothing."""
        ...

    async def note(self, records: Sequence[ObjectRecord]) -> None:
        """Keep records of the audit log, if the write is kept."""
        ...

    async def add(self, row: Row) -> None:
        """
        Keep a new row.

        Raises:
            PrimaryKeyViolation, UniqueViolation, ForeignKeyMissing: It cannot be.
        """
        ...

    async def put(self, row: Row) -> None:
        """
        Keep a row, in place of the one with its id if there is one.

        Raises:
            PrimaryKeyViolation: That one is in another workspace.
            UniqueViolation, ForeignKeyMissing: It cannot be.
        """
        ...

    async def delete(self, kind: str, identity: str) -> bool:
        """
        Let a row go, and those that go with it; tell whether it was there.

        Raises:
            StillReferenced: Others refer to it.
        """
        ...

    async def put_all(self, rows: Sequence[Row]) -> None:
        """
        As `put` for many; what they refer to may come in a later call of the same write.

        Raises:
            PrimaryKeyViolation: A row with one of the ids is in another workspace.
            UniqueViolation: Two rows want the same for themselves.
        """
        ...

    async def clear(self) -> None:
        """Let everything that requests are served by go, in every workspace."""
        ...

    async def prune(
        self, *, gone: Sequence[Workspace], new: Sequence[Workspace]
    ) -> None:
        """
        After a clearing: let go what is said of rows and workspaces that are not there.

        Args:
            gone: Workspaces that the clearing has let go.
            new: Those that were not there before it.
        """
        ...

    async def leave(self) -> None:
        """Let every row of the workspace go."""
        ...


class ConfigStore(ConfigReads, Protocol):
    """
    The rows of one configuration, for several processes and nodes at once.

    A store is about the workspace `default`, but for `load`, `lines` and `since`, which tell
    of whatever requests are served by.
    """

    def within(self, workspace: str) -> ConfigStore:
        """The same rows, seen from the workspace of an id."""
        ...

    def writing(self) -> AbstractAsyncContextManager[ConfigWrites]:
        """A write; it is kept when the block ends, with one revision, unless it raises."""
        ...

    async def revision(self) -> int:
        """The number of the last write."""
        ...

    async def files_revision(self) -> int:
        """A number that is another after every write that changed a portal's files."""
        ...

    async def load(self) -> Written:
        """Every row, as of one moment."""
        ...

    async def lines(self) -> tuple[int, list[bytes]]:
        """The number of the last write, and every row as a line of a configuration."""
        ...

    async def since(self, revision: int) -> Written | None:
        """What writes after a revision changed; None when that is too long ago."""
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...
