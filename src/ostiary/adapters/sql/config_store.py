"""
The configuration in an SQL database: one code path for SQLite and PostgreSQL.

Who writes holds the one row of the revision first, so that writes come one after the other and
what is judged inside a write is still so when it ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from ostiary.adapters.sql.audit_store import SqlAuditLog
from ostiary.adapters.sql.config_rows import EVERYWHERE, Sealer
from ostiary.adapters.sql.config_tables import (
    CHANGES,
    NAMES,
    REFERENCES,
    REVISIONS,
    ROWS,
    TAGS,
)
from ostiary.adapters.sql.config_writes import Ledger, Write
from ostiary.adapters.sql.engine import Database
from ostiary.adapters.sql.session_store import SqlSessionStore
from ostiary.adapters.sql.usage_store import SqlUsageStore
from ostiary.model.kinds import EVERY_KIND, KINDS, OF_MODEL, SERVED_KINDS
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT_WORKSPACE
from ostiary.ports.clock import Clock
from ostiary.ports.config_store import Page, Tagged, Wanted, Written

STEPS: Final = "config_migrations"
WITHIN_S: Final = 10.0
# Whoever is further behind reads everything.
_KEPT_REVISIONS: Final = 10_000
_PRUNE_EVERY: Final = 500
_IDS_AT_ONCE: Final = 500
# The row of config_revisions that counts changes of portals' files.
_OF_FILES: Final = 2
# What files say; nobody who reads them hears who may use the Admin API.
_IN_FILES: Final = ROWS.c.kind.in_([*KINDS])


class Reads:
    """What can be asked about one workspace on one connection."""

    def __init__(self, db: AsyncConnection, sealer: Sealer, workspace: str) -> None:
        self.db = db
        self.sealer = sealer
        self.workspace = workspace

    def within(self, workspace: str) -> Reads:
        return Reads(self.db, self.sealer, workspace)

    def _where(self, kind: str) -> ColumnElement[bool]:
        """Rows of a kind that there are for the workspace."""
        in_workspace = EVERY_KIND[kind].in_workspace
        here = self.workspace if in_workspace else DEFAULT_WORKSPACE
        return and_(ROWS.c.kind == kind, ROWS.c.workspace == here)

    async def get(self, kind: str, identity: str) -> Row | None:
        return await self._one(
            select(ROWS).where(self._where(kind), ROWS.c.id == identity)
        )

    async def find(self, kind: str, values: Mapping[str, str]) -> Row | None:
        known = EVERY_KIND[kind]
        here = self.workspace if known.in_workspace else DEFAULT_WORKSPACE
        fields = next(names for names in known.unique if set(names) == set(values))
        value = self.sealer.name_value(
            known,
            tuple(values[name] for name in fields),
            secret=any(name in known.sealed for name in fields),
        )
        named = and_(
            NAMES.c.kind == kind,
            NAMES.c.workspace == (EVERYWHERE if known.everywhere else here),
            NAMES.c.field == ",".join(fields),
            NAMES.c.value == value,
        )
        wanted = select(NAMES.c.id).where(named).scalar_subquery()
        return await self._one(
            select(ROWS).where(self._where(kind), ROWS.c.id == wanted)
        )

    async def _one(self, query: Select[Any]) -> Row | None:
        found = (await self.db.execute(query)).mappings().first()
        return self.sealer.read_row(found) if found else None

    async def page(self, wanted: Wanted, *, after: str = "", size: int) -> Page:
        query = select(ROWS).where(self._where(wanted.kind), ROWS.c.id > after)
        for field, identity in wanted.where.items():
            refers = select(REFERENCES.c.id).where(
                REFERENCES.c.kind == wanted.kind,
                REFERENCES.c.field == field,
                REFERENCES.c.to_id == identity,
            )
            query = query.where(ROWS.c.id.in_(refers))
        if wanted.tags:
            query = query.where(ROWS.c.id.in_(_tagged(wanted)))
        rows = await self.db.execute(query.order_by(ROWS.c.id).limit(size + 1))
        found = [self.sealer.read_row(row) for row in rows.mappings().all()]
        more = len(found) > size
        kept = tuple(found[:size])
        return Page(rows=kept, after=kept[-1].id if more else None)

    async def tags(
        self, tag: str | None, *, after: tuple[str, str, str] | None, size: int
    ) -> tuple[Tagged, ...]:
        row = and_(ROWS.c.kind == TAGS.c.kind, ROWS.c.id == TAGS.c.id)
        # What a workspace is called is the business of `default`.
        is_home = self.workspace == DEFAULT_WORKSPACE
        everywhere = [
            kind.name
            for kind in KINDS.values()
            if not kind.in_workspace and (is_home or kind.name != "workspaces")
        ]
        query = (
            select(TAGS)
            .join(ROWS, row)
            .where(
                _IN_FILES,
                or_(ROWS.c.workspace == self.workspace, ROWS.c.kind.in_(everywhere)),
            )
        )
        if tag is not None:
            query = query.where(TAGS.c.tag == tag)
        if after is not None:
            query = query.where(tuple_(TAGS.c.tag, TAGS.c.kind, TAGS.c.id) > after)
        order = (TAGS.c.tag, TAGS.c.kind, TAGS.c.id)
        rows = await self.db.execute(query.order_by(*order).limit(size))
        return tuple(Tagged(**row) for row in rows.mappings().all())

    async def counts(self) -> Mapping[str, int]:
        count = func.count(literal_column("*"))
        query = select(ROWS.c.kind, count).where(ROWS.c.workspace == self.workspace)
        found = await self.db.execute(query.group_by(ROWS.c.kind))
        return {kind: number for kind, number in found if EVERY_KIND[kind].in_workspace}

    async def by_ids(self, wanted: Sequence[tuple[str, str]]) -> tuple[Row, ...]:
        """The rows of those (kind, id) that are there, in whatever workspace."""
        found: list[Row] = []
        for start in range(0, len(wanted), _IDS_AT_ONCE):
            some = wanted[start : start + _IDS_AT_ONCE]
            rows = await self.db.execute(
                select(ROWS).where(tuple_(ROWS.c.kind, ROWS.c.id).in_(some))
            )
            found += [self.sealer.read_row(row) for row in rows.mappings().all()]
        return tuple(found)


def _tagged(wanted: Wanted) -> Select[tuple[str]]:
    query = select(TAGS.c.id).where(
        TAGS.c.kind == wanted.kind, TAGS.c.tag.in_(wanted.tags)
    )
    if wanted.any_tag:
        return query
    every = func.count(literal_column("*")) == len(set(wanted.tags))
    return query.group_by(TAGS.c.id).having(every)


class SqlConfigStore:
    """The configuration store port on a database. Made by `open_config_store`."""

    def __init__(
        self, database: Database, sealer: Sealer, workspace: str = DEFAULT_WORKSPACE
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._workspace = workspace
        self.audit = SqlAuditLog(database)

    def open_usage(self) -> SqlUsageStore:
        """How much applications are used."""
        return SqlUsageStore(self._database)

    def open_sessions(self, clock: Clock) -> SqlSessionStore:
        """The sessions of the node's sites, in the same database."""
        return SqlSessionStore(self._database, clock)

    def within(self, workspace: str) -> SqlConfigStore:
        return SqlConfigStore(self._database, self._sealer, workspace)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reads]:
        """Several questions about one moment."""
        async with self._database.reading() as db:
            yield Reads(db, self._sealer, self._workspace)

    async def get(self, kind: str, identity: str) -> Row | None:
        async with self.reading() as reads:
            return await reads.get(kind, identity)

    async def find(self, kind: str, values: Mapping[str, str]) -> Row | None:
        async with self.reading() as reads:
            return await reads.find(kind, values)

    async def page(self, wanted: Wanted, *, after: str = "", size: int) -> Page:
        async with self.reading() as reads:
            return await reads.page(wanted, after=after, size=size)

    async def tags(
        self, tag: str | None, *, after: tuple[str, str, str] | None, size: int
    ) -> tuple[Tagged, ...]:
        async with self.reading() as reads:
            return await reads.tags(tag, after=after, size=size)

    async def counts(self) -> Mapping[str, int]:
        async with self.reading() as reads:
            return await reads.counts()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Write]:
        async with self._database.writing() as db:
            # In a statement of its own: what follows sees all that was written before.
            held = select(REVISIONS.c.revision).where(REVISIONS.c.id == 1)
            before = (await db.execute(held.with_for_update())).scalar_one()
            write = Write(db, self._sealer, Reads(db, self._sealer, self._workspace))
            yield write
            await write.flush()
            ledger = write.ledger
            if ledger.changed or ledger.replaced:
                await _advance(db, ledger, before + 1)
            if ledger.has_files:
                files = update(REVISIONS).where(REVISIONS.c.id == _OF_FILES)
                await db.execute(files.values(revision=REVISIONS.c.revision + 1))

    async def revision(self) -> int:
        async with self._database.reading() as db:
            return await _revision(db)

    async def files_revision(self) -> int:
        query = select(REVISIONS.c.revision).where(REVISIONS.c.id == _OF_FILES)
        async with self._database.reading() as db:
            return int((await db.execute(query)).scalar_one())

    async def load(self) -> Written:
        async with self._database.reading() as db:
            revision = await _revision(db)
            rows = await db.execute(select(ROWS).where(_IN_FILES))
            found = [self._sealer.read_row(row) for row in rows.mappings().all()]
        return Written(revision=revision, rows=tuple(found))

    async def lines(self) -> tuple[int, list[bytes]]:
        async with self._database.reading() as db:
            revision = await _revision(db)
            columns = (ROWS.c.kind, ROWS.c.id, ROWS.c.body, ROWS.c.sealed)
            # All of them: with a condition SQLite goes by the index, which takes twice as long.
            rows = await db.execute(select(*columns))
            read = self._sealer.read_line
            found = [read(*row) for row in rows.all() if row[0] in SERVED_KINDS]
        return revision, found

    async def since(self, revision: int) -> Written | None:
        async with self._database.reading() as db:
            held = select(REVISIONS).where(REVISIONS.c.id == 1)
            now = (await db.execute(held)).mappings().one()
            if not now["kept_from"] <= revision <= now["revision"]:
                return None
            query = select(CHANGES.c.kind, CHANGES.c.id).where(
                CHANGES.c.revision > revision
            )
            found = (await db.execute(query.distinct())).all()
            changed = [(str(kind), str(identity)) for kind, identity in found]
            rows = await Reads(db, self._sealer, self._workspace).by_ids(changed)
        there = {(row_kind(row), row.id or "") for row in rows}
        return Written(
            revision=int(now["revision"]),
            rows=rows,
            gone=tuple(key for key in changed if key not in there),
        )

    async def close(self) -> None:
        await self._database.close()


def row_kind(row: Row) -> str:
    """The name of a row's kind."""
    return OF_MODEL[type(row)].name


async def _revision(db: AsyncConnection) -> int:
    query = select(REVISIONS.c.revision).where(REVISIONS.c.id == 1)
    return int((await db.execute(query)).scalar_one())


async def _advance(db: AsyncConnection, ledger: Ledger, revision: int) -> None:
    values: dict[str, int] = {"revision": revision}
    if ledger.replaced:
        await db.execute(delete(CHANGES))
        values["kept_from"] = revision
    else:
        rows = [
            {"revision": revision, "kind": kind, "id": identity}
            for kind, identity in ledger.changed
        ]
        await db.execute(insert(CHANGES), rows)
        if revision % _PRUNE_EVERY == 0:
            oldest = max(0, revision - _KEPT_REVISIONS)
            await db.execute(delete(CHANGES).where(CHANGES.c.revision <= oldest))
            held = select(REVISIONS.c.kept_from).where(REVISIONS.c.id == 1)
            kept_from = (await db.execute(held)).scalar_one()
            values["kept_from"] = max(oldest, kept_from)
    await db.execute(update(REVISIONS).where(REVISIONS.c.id == 1).values(values))


async def open_config_store(
    url: str, key: bytes, *, within_s: float = WITHIN_S
) -> SqlConfigStore:
    """
    The store at a URL, its tables made or brought up to date.

    Args:
        key: 32 bytes; secrets are sealed with it.
        within_s: seconds after which a command is given up.

    Raises:
        StoreUnavailable: The database does not answer.
    """
    database = Database(url, within_s=within_s, steps=STEPS)
    try:
        await database.upgrade()
    except BaseException:
        await database.close()
        raise
    return SqlConfigStore(database, Sealer(key))
