"""
The rows of a declarative file, to be asked as a database is; nothing is written one by one.

Spec: gateway §2.3 (nodes without a database).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import NoReturn

from ostiary.model.config import Config
from ostiary.model.declarative import dump_row, iterate_rows
from ostiary.model.kinds import EVERY_KIND, KINDS
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT_WORKSPACE, workspace_of
from ostiary.ports.config_store import ConfigWrites, Page, Tagged, Wanted, Written


class RowsOfFile:
    """The configuration store port over one configuration after another."""

    def __init__(self, workspace: str = DEFAULT_WORKSPACE) -> None:
        self._workspace = workspace
        self._number = 0
        self._rows: dict[str, dict[str, Row]] = {}
        self._tags: list[tuple[str, str, str]] = []

    def within(self, workspace: str) -> RowsOfFile:
        found = RowsOfFile(workspace)
        found._number, found._rows, found._tags = self._number, self._rows, self._tags
        return found

    def show(self, config: Config) -> None:
        """Answer from this configuration from now on."""
        rows: dict[str, dict[str, Row]] = {kind: {} for kind in KINDS}
        for kind, row in iterate_rows(config):
            rows[kind.name][row.id or ""] = row
        self._rows = {kind: dict(sorted(some.items())) for kind, some in rows.items()}
        self._tags = sorted(
            (tag, kind, identity)
            for kind, some in rows.items()
            for identity, row in some.items()
            for tag in row.tags or ()
        )
        self._number += 1

    def _is_here(self, kind: str, row: Row) -> bool:
        return not EVERY_KIND[kind].in_workspace or workspace_of(row) == self._workspace

    def _of(self, kind: str) -> Iterator[Row]:
        """The rows of a kind that there are for the workspace, in the order of their ids."""
        some = self._rows.get(kind, {}).values()
        return (row for row in some if self._is_here(kind, row))

    async def get(self, kind: str, identity: str) -> Row | None:
        found = self._rows.get(kind, {}).get(identity)
        return found if found is not None and self._is_here(kind, found) else None

    async def find(self, kind: str, values: Mapping[str, str]) -> Row | None:
        for row in self._of(kind):
            if all(getattr(row, name) == value for name, value in values.items()):
                return row
        return None

    async def page(self, wanted: Wanted, *, after: str = "", size: int) -> Page:
        found = [
            row
            for row in self._of(wanted.kind)
            if (row.id or "") > after and _fits(row, wanted)
        ]
        rows = tuple(found[:size])
        return Page(rows=rows, after=rows[-1].id if len(found) > size else None)

    async def tags(
        self, tag: str | None, *, after: tuple[str, str, str] | None, size: int
    ) -> tuple[Tagged, ...]:
        start = 0 if after is None else bisect_right(self._tags, after)
        found: Iterable[tuple[str, str, str]] = (
            row
            for row in self._tags[start:]
            if tag in {None, row[0]}
            and self._is_here(row[1], self._rows[row[1]][row[2]])
        )
        rows = [row for row, _ in zip(found, range(size), strict=False)]
        return tuple(Tagged(tag=t, kind=kind, id=i) for t, kind, i in rows)

    async def counts(self) -> Mapping[str, int]:
        found = {kind: sum(1 for _ in self._of(kind)) for kind in KINDS}
        return {k: n for k, n in found.items() if n and KINDS[k].in_workspace}

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[ConfigWrites]:
        _refuse()
        yield  # a generator, that never comes here

    async def revision(self) -> int:
        return self._number

    async def files_revision(self) -> int:
        return 0  # a declarative file has no portal

    async def load(self) -> Written:
        rows = tuple(row for some in self._rows.values() for row in some.values())
        return Written(revision=self._number, rows=rows)

    async def lines(self) -> tuple[int, list[bytes]]:
        lines = [
            dump_row(row, KINDS[kind])
            for kind, some in self._rows.items()
            for row in some.values()
        ]
        return self._number, lines

    async def since(self, revision: int) -> Written | None:
        return Written(revision=revision) if revision == self._number else None

    async def close(self) -> None:
        return None


def _fits(row: Row, wanted: Wanted) -> bool:
    if any(getattr(row, name) != value for name, value in wanted.where.items()):
        return False
    tags = set(row.tags or ())
    if not wanted.tags:
        return True
    asked = set(wanted.tags)
    return bool(tags & asked) if wanted.any_tag else asked <= tags


def _refuse() -> NoReturn:
    raise RuntimeError("rows of a file are not written one by one")
