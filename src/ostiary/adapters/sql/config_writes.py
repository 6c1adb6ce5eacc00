"""
One write to the configuration: rows come and go, and with them their names, references and tags.

What is unique and what is referred to is looked up here, by whoever holds the revision's row;
nobody else can change it meanwhile. Rows are judged and kept many at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Table, delete, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ostiary.adapters.sql.audit_store import keep_objects
from ostiary.adapters.sql.config_rows import (
    EVERYWHERE,
    RULE_ABOUT,
    Sealer,
    Values,
    references,
)
from ostiary.adapters.sql.config_tables import NAMES, REFERENCES, ROWS, TAGS
from ostiary.model.kinds import EVERY_KIND, KINDS, OF_MODEL, SERVED_KINDS
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT_WORKSPACE, Workspace, workspace_of
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


@dataclass(slots=True, kw_only=True)
class Ledger:
    """
    What one transaction has done so far, in whatever workspace.

    `changed` are the (kind, id) of all that came, went or became another, and whoever serves
    requests must hear of. `owed` are (kind, id, workspace) of what is referred to, by which
    field; the workspace is EVERYWHERE where any will do. After a clearing there is nothing but what is `kept`: nobody has to be asked.
    """

    changed: dict[Key, None] = field(default_factory=dict)
    replaced: bool = False
    owed: dict[tuple[str, str, str], str] = field(default_factory=dict)
    kept: set[tuple[str, str, str]] = field(default_factory=set)
    named: set[tuple[str, ...]] = field(default_factory=set)
    deeds: list[Deed] = field(default_factory=list)
    has_files: bool = False


class Write:
    """One transaction, seen from one workspace."""

    def __init__(
        self,
        db: AsyncConnection,
        sealer: Sealer,
        reads: Reads,
        ledger: Ledger | None = None,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._reads = reads
        self.ledger = Ledger() if ledger is None else ledger

    @property
    def deeds(self) -> list[Deed]:
        """What was done to rows, in order."""
        return self.ledger.deeds

    def within(self, workspace: str) -> Write:
        reads = self._reads.within(workspace)
        return Write(self._db, self._sealer, reads, self.ledger)

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

    async def counts(self) -> Mapping[str, int]:
        return await self._reads.counts()

    async def add(self, row: Row) -> None:
        key = _key(row)
        if await self._there([key]):
            raise PrimaryKeyViolation(*key)
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
            PrimaryKeyViolation: A row with one of the ids is in another workspace.
            UniqueViolation: Two rows want the same for themselves.
        """
        for some in _chunks(rows):
            keys = [_key(row) for row in some]
            there: Mapping[Key, str] = {}
            if not self.ledger.replaced:
                there = await self._there(keys)
                for key, row in zip(keys, some, strict=True):
                    if there.get(key) not in {None, workspace_of(row)}:
                        raise PrimaryKeyViolation(*key)
                await self._forget(there)
            await self._keep(some)
            for key, row in zip(keys, some, strict=True):
                self.deeds.append(
                    Deed(operation="update" if key in there else "create", row=row)
                )

    async def clear(self) -> None:
        """Let everything that a file may say go, in every workspace."""
        for table in (ROWS, NAMES, REFERENCES, TAGS):
            served = table.c.kind.in_([*KINDS])
            await self._db.execute(delete(table).where(served))
        self.ledger.replaced = True

    async def leave(self) -> None:
        """Let every row of the workspace go, and what others say of them."""
        mine = ROWS.c.workspace == self._reads.workspace
        found = (await self._db.execute(select(ROWS).where(mine))).mappings().all()
        rows = [
            self._sealer.read_row(row)
            for row in found
            if EVERY_KIND[row["kind"]].in_workspace
        ]
        keys = [_key(row) for row in rows]
        await self._forget(await self._find_rules(keys))
        await self._forget(keys)
        self._change(keys)
        self.deeds.extend(Deed(operation="delete", row=row) for row in rows)

    async def _find_rules(self, keys: Sequence[Key]) -> list[Key]:
        """The rules about some rows, in whatever workspace."""
        found: list[Key] = []
        about = tuple_(REFERENCES.c.to_kind, REFERENCES.c.to_id)
        for some in _chunks(keys):
            query = select(REFERENCES.c.kind, REFERENCES.c.id).where(
                REFERENCES.c.field == RULE_ABOUT, about.in_(some)
            )
            found += [(k, i) for k, i in await self._db.execute(query)]
        return found

    async def flush(self) -> None:
        """
        Judge what was left open: that everything that is referred to is there.

        Raises:
            ForeignKeyMissing: It is not.
        """
        owed = self.ledger.owed.copy()
        self.ledger.owed.clear()
        if self.ledger.replaced:
            owed = {
                place: who
                for place, who in owed.items()
                if place not in self.ledger.kept
            }
        for some in _chunks([*owed]):
            there = await self._there([(kind, row) for kind, row, _ in some])
            for kind, row, workspace in some:
                found = there.get((kind, row))
                if found is None or workspace not in {EVERYWHERE, found}:
                    raise ForeignKeyMissing(owed[kind, row, workspace], kind, row)

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
        for kind, column, _ in below:
            reference = EVERY_KIND[kind].reference(column)
            if reference is not None and reference.on_delete == "restrict":
                raise StillReferenced(key[0], kind)
        others = [(kind, i) for kind, _, i in below if (kind, i) != key]
        for gone in await self._reads.by_ids(others):
            await self._delete(gone)
        if isinstance(row, Workspace):
            await self.within(row.id or "").leave()
            await self._forget_rules_of([row.name])
        await self._forget({key})
        self._change([key])
        self.deeds.append(Deed(operation="delete", row=row))

    async def _forget_rules_of(self, names: Sequence[str]) -> None:
        """Another workspace of a name must not be what roles of `default` say of this one."""
        home = self.within(DEFAULT_WORKSPACE)
        gone: list[Key] = []
        after: str | None = ""
        while after is not None:
            wanted = Wanted(kind="rbac_role_endpoints")
            page = await home.page(wanted, after=after, size=_AT_ONCE)
            gone += [
                _key(r) for r in page.rows if getattr(r, "workspace", None) in names
            ]
            after = page.after
        await self._forget(dict.fromkeys(gone))

    async def prune(
        self, *, gone: Sequence[Workspace], new: Sequence[Workspace]
    ) -> None:
        """
        After a clearing: let go what is said of rows and workspaces that are not there.

        Args:
            gone: Workspaces that the clearing has let go.
            new: Those that were not there before it.
        """
        await self._forget_rules_of([row.name for row in gone])
        await self._prune({row.id or "" for row in new})

    async def _prune(self, new: set[str]) -> None:
        about = (REFERENCES.c.to_kind, REFERENCES.c.to_id)
        rules = REFERENCES.c.field == RULE_ABOUT
        said = await self._db.execute(
            select(REFERENCES.c.kind, REFERENCES.c.id, *about).where(rules)
        )
        kept = {(kind, identity) for kind, identity, _ in self.ledger.kept}
        gone = [(kind, i) for kind, i, *key in said if tuple(key) not in kept]
        gone += await self._find_stranded(kept)
        access = ROWS.c.kind.not_in([*KINDS])
        found = await self._db.execute(
            select(ROWS.c.kind, ROWS.c.id, ROWS.c.workspace).where(access)
        )
        places = {i for kind, i in kept if kind == "workspaces"} - new
        places.add(DEFAULT_WORKSPACE)
        gone += [(kind, i) for kind, i, place in found if place not in places]
        await self._forget(dict.fromkeys(gone))

    async def _find_stranded(self, kept: set[Key]) -> list[Key]:
        """What a file does not say, of rows that were there before a clearing and are not now."""
        # What becomes of workspaces is told by `gone` and `new`.
        of_file = REFERENCES.c.to_kind.in_([k for k in KINDS if k != "workspaces"])
        outside = REFERENCES.c.kind.not_in([*KINDS])
        about = REFERENCES.c.field != RULE_ABOUT
        key = (REFERENCES.c.to_kind, REFERENCES.c.to_id)
        found = await self._db.execute(
            select(REFERENCES.c.kind, REFERENCES.c.id, *key).where(
                of_file, outside, about
            )
        )
        return [(kind, i) for kind, i, *whom in found if tuple(whom) not in kept]

    async def note(self, records: Sequence[ObjectRecord]) -> None:
        """Keep records of the audit log, if the write is kept."""
        await keep_objects(self._db, records)

    def _change(self, keys: Iterable[Key]) -> None:
        """Remember what whoever serves requests must hear of."""
        served = (key for key in keys if key[0] in SERVED_KINDS)
        self.ledger.changed |= dict.fromkeys(served)

    async def _there(self, keys: Sequence[Key]) -> dict[Key, str]:
        """The workspaces of those that are there."""
        query = select(ROWS.c.kind, ROWS.c.id, ROWS.c.workspace).where(
            tuple_(ROWS.c.kind, ROWS.c.id).in_(keys)
        )
        found = await self._db.execute(query)
        return {(kind, identity): place for kind, identity, place in found}

    async def _forget(self, keys: Iterable[Key]) -> None:
        keys = [*keys]
        self._note_files(keys)
        for some in _chunks(keys):
            for table in (ROWS, NAMES, REFERENCES, TAGS):
                mine = tuple_(table.c.kind, table.c.id).in_(some)
                await self._db.execute(delete(table).where(mine))

    def _note_files(self, keys: Iterable[Key]) -> None:
        """Remember that a portal's files are others now."""
        self.ledger.has_files |= any(kind == "files" for kind, _ in keys)

    async def _keep(self, rows: Sequence[Row]) -> None:
        self._note_files(map(_key, rows))
        names = [name for row in rows for name in self._names(row)]
        await self._check_names(rows, names)
        links = [
            {"kind": kind, "id": identity, "field": field, "to_kind": to, "to_id": whom}
            for row in rows
            for kind, identity in (_key(row),)
            for field, to, whom in dict.fromkeys(references(row))
        ]
        self._owe(rows)
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
        if self.ledger.replaced:
            self.ledger.kept |= {(*_key(row), workspace_of(row)) for row in rows}
        else:
            self._change(map(_key, rows))

    def _owe(self, rows: Sequence[Row]) -> None:
        """What rows refer to is to be there in the end, in their own workspace."""
        for row in rows:
            for column, kind, identity in references(row):
                if column == RULE_ABOUT:
                    continue  # whoever writes it knows that the row is there
                known = OF_MODEL[type(row)].reference(column)
                here = (
                    workspace_of(row)
                    if EVERY_KIND[kind].in_workspace
                    else DEFAULT_WORKSPACE
                )
                if known is not None and known.anywhere:
                    here = EVERYWHERE
                self.ledger.owed[kind, identity, here] = column

    async def _insert(self, table: Table, rows: Sequence[Values]) -> None:
        if rows:
            await self._db.execute(insert(table), rows)

    def _names(self, row: Row) -> Iterable[Values]:
        kind = OF_MODEL[type(row)]
        for fields, value in self._sealer.names(row):
            yield {
                "kind": kind.name,
                "workspace": EVERYWHERE if kind.everywhere else workspace_of(row),
                "field": ",".join(fields),
                "value": value,
                "id": row.id,
            }

    async def _check_names(self, rows: Sequence[Row], names: Sequence[Values]) -> None:
        columns = ("kind", "workspace", "field", "value")
        wanted: dict[tuple[str, ...], str] = {}
        for name in names:
            key = tuple(str(name[column]) for column in columns)
            if key in wanted or key in self.ledger.named:
                self._refuse(rows, key[2], name["id"])
            wanted[key] = name["id"]
        if self.ledger.replaced:
            self.ledger.named |= wanted.keys()
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
