"""
One write to the configuration: rows come and go, and with them their names, references and tags.

What is unique and what is referred to is looked up here, by whoever holds the revision's row;
nobody else can change it meanwhile. Rows are judged and kept many at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Table, delete, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ostiary.adapters.sql.audit_store import keep_objects
from ostiary.adapters.sql.config_rows import EVERYWHERE, Sealer, Values, references
from ostiary.adapters.sql.config_tables import NAMES, REFERENCES, ROWS, TAGS
from ostiary.model.identity import DEFAULT_WORKSPACE
from ostiary.model.kinds import KINDS, OF_MODEL
from ostiary.model.row import Row
from ostiary.ports.audit import ObjectRecord
from ostiary.ports.config_store import (
    Deed,
    ForeignKeyMissing,
    Page,
    PrimaryKeyViolation,
    StillReferenced,
    Tagged,
    UniqueViolation,
    Wanted,
)

if TYPE_CHECKING:
    from ostiary.adapters.sql.config_store import Reads

Key = tuple[str, str]
_AT_ONCE: Final = 500


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:  # Any: rows of any shape
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]


def _key(row: Row) -> Key:
    return OF_MODEL[type(row)].name, row.id or ""


class Write:
    """One transaction. `changed` are the (kind, id) of all that came, went or became another."""

    def __init__(self, db: AsyncConnection, sealer: Sealer, reads: Reads) -> None:
        self._db = db
        self._sealer = sealer
        self._reads = reads
        self._owed: dict[tuple[str, str], tuple[str, str]] = {}
        # After a clearing there is nothing but what is here: nobody has to be asked.
        self._kept: set[Key] = set()
        self._named: set[tuple[str, ...]] = set()
        self.changed: dict[Key, None] = {}
        self.deeds: list[Deed] = []
        self.replaced = False

    async def get(self, kind: str, identity: str) -> Row | None:
        return await self._reads.get(kind, identity)

    async def find(self, kind: str, values: Mapping[str, str]) -> Row | None:
        return await self._reads.find(kind, values)

    async def page(self, wanted: Wanted, *, after: str = "", size: int) -> Page:
        return await self._reads.page(wanted, after=after, size=size)

    async def tags(
        self, tag: str | None, *, after: tuple[str, str, str] | None, size: int
    ) -> tuple[Tagged, ...]:
        return await self._reads.tags(tag, after=after, size=size)

    async def add(self, row: Row) -> None:
        kind, identity = _key(row)
        if await self.get(kind, identity) is not None:
            raise PrimaryKeyViolation(kind, identity)
        await self._keep([row])
        self.deeds.append(Deed(operation="create", row=row))
        await self.flush()

    async def put(self, row: Row) -> None:
        await self.put_all([row])
        await self.flush()

    async def put_all(self, rows: Sequence[Row]) -> None:
        """
        Keep some rows; what they refer to may come in a later call.

        Raises:
            UniqueViolation: Two rows want the same for themselves.
        """
        for some in _chunks(rows):
            keys = [_key(row) for row in some]
            there: set[Key] = set()
            if not self.replaced:
                there = await self._there(keys)
                await self._forget(there)
            await self._keep(some)
            for key, row in zip(keys, some, strict=True):
                self.deeds.append(
                    Deed(operation="update" if key in there else "create", row=row)
                )

    async def clear(self) -> None:
        """Let everything go."""
        for table in (ROWS, NAMES, REFERENCES, TAGS):
            await self._db.execute(delete(table))
        self.replaced = True

    async def flush(self) -> None:
        """
        Judge what was left open: that everything that is referred to is there.

        Raises:
            ForeignKeyMissing: It is not.
        """
        owed, self._owed = self._owed, {}
        if self.replaced:
            owed = {key: who for key, who in owed.items() if key not in self._kept}
        for some in _chunks([*owed]):
            there = await self._there(some)
            for key in some:
                if key not in there:
                    field, _ = owed[key]
                    raise ForeignKeyMissing(field, *key)

    async def delete(self, kind: str, identity: str) -> bool:
        row = await self.get(kind, identity)
        if row is None:
            return False
        await self._delete(row)
        return True

    async def _delete(self, row: Row) -> None:
        key = _key(row)
        found = await self._db.execute(
            select(REFERENCES.c.kind, REFERENCES.c.field, REFERENCES.c.id).where(
                REFERENCES.c.to_kind == key[0], REFERENCES.c.to_id == key[1]
            )
        )
        below = found.all()
        for kind, field, _ in below:
            reference = KINDS[kind].reference(field)
            if reference is not None and reference.on_delete == "restrict":
                raise StillReferenced(key[0], kind)
        for kind, _, identity in below:
            if (kind, identity) != key and (gone := await self.get(kind, identity)):
                await self._delete(gone)
        await self._forget({key})
        self.changed[key] = None
        self.deeds.append(Deed(operation="delete", row=row))

    async def note(self, records: Sequence[ObjectRecord]) -> None:
        """Keep records of the audit log, if the write is kept."""
        await keep_objects(self._db, records)

    async def _there(self, keys: Sequence[Key]) -> set[Key]:
        query = select(ROWS.c.kind, ROWS.c.id).where(
            tuple_(ROWS.c.kind, ROWS.c.id).in_(keys)
        )
        return {(kind, identity) for kind, identity in await self._db.execute(query)}

    async def _forget(self, keys: Iterable[Key]) -> None:
        for some in _chunks([*keys]):
            for table in (ROWS, NAMES, REFERENCES, TAGS):
                mine = tuple_(table.c.kind, table.c.id).in_(some)
                await self._db.execute(delete(table).where(mine))

    async def _keep(self, rows: Sequence[Row]) -> None:
        names = [name for row in rows for name in self._names(row)]
        await self._check_names(rows, names)
        links = [
            {"kind": kind, "id": identity, "field": field, "to_kind": to, "to_id": whom}
            for row in rows
            for kind, identity in (_key(row),)
            for field, to, whom in dict.fromkeys(references(row))
        ]
        for link in links:
            self._owed[link["to_kind"], link["to_id"]] = (link["field"], link["kind"])
        tags = [
            {"tag": tag, "kind": kind, "id": identity}
            for row in rows
            for kind, identity in (_key(row),)
            for tag in dict.fromkeys(row.tags or ())
        ]
        await self._insert(ROWS, [self._sealer.row_values(row) for row in rows])
        await self._insert(NAMES, names)
        await self._insert(REFERENCES, links)
        await self._insert(TAGS, tags)
        if self.replaced:
            self._kept |= set(map(_key, rows))
        else:
            self.changed |= dict.fromkeys(map(_key, rows))

    async def _insert(self, table: Table, rows: Sequence[Values]) -> None:
        if rows:
            await self._db.execute(insert(table), rows)

    def _names(self, row: Row) -> Iterable[Values]:
        kind = OF_MODEL[type(row)]
        for fields, value in self._sealer.names(row):
            yield {
                "kind": kind.name,
                "workspace": EVERYWHERE if kind.everywhere else DEFAULT_WORKSPACE,
                "field": ",".join(fields),
                "value": value,
                "id": row.id,
            }

    async def _check_names(self, rows: Sequence[Row], names: Sequence[Values]) -> None:
        columns = ("kind", "workspace", "field", "value")
        wanted: dict[tuple[str, ...], str] = {}
        for name in names:
            key = tuple(str(name[column]) for column in columns)
            if key in wanted or key in self._named:
                self._refuse(rows, key[2], name["id"])
            wanted[key] = name["id"]
        if self.replaced:
            self._named |= wanted.keys()
            return
        for some in _chunks([*wanted]):
            query = select(*(NAMES.c[column] for column in columns)).where(
                tuple_(*(NAMES.c[column] for column in columns)).in_(some)
            )
            for found in await self._db.execute(query):
                self._refuse(rows, found[2], wanted[tuple(found)])

    @staticmethod
    def _refuse(rows: Sequence[Row], fields: str, identity: str) -> None:
        row = next(row for row in rows if row.id == identity)
        kind = OF_MODEL[type(row)]
        shown: dict[str, object] = {}
        for name in fields.split(","):
            value = getattr(row, name)
            is_reference = kind.reference(name) is not None and value is not None
            shown[name] = {"id": value} if is_reference else value
        raise UniqueViolation(kind.name, shown)
