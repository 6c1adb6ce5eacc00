"""
What is done to rows, whatever their kind: read, made, put, changed, let go.

Nothing here knows HTTP. A row is judged inside the write that keeps it, so that what it refers
to by name cannot change in between.

Spec: gateway §§1.1, 1.10, 1.11.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from ostiary.admin import refusals
from ostiary.admin.autofill import Autofill
from ostiary.admin.bodies import Given
from ostiary.admin.collisions import refuse_collision, refuse_identity, refuse_taken
from ostiary.admin.contracts import Extra, PluginRules, RowRights
from ostiary.admin.rows import (
    is_uuid,
    judge_protocols,
    judge_readers,
    needed_action,
    read_every,
)
from ostiary.admin.shapes import Json, drop_nulls, merge, show_row, validate
from ostiary.model.access import Action
from ostiary.model.certificates import Sni
from ostiary.model.files import File
from ostiary.model.gateway import Consumer, Plugin, Route
from ostiary.model.kinds import EVERY_KIND, KINDS, OF_MODEL, Kind, Reference, Shorthand
from ostiary.model.row import Row
from ostiary.model.words import Problem
from ostiary.model.workspaces import (
    DEFAULT,
    DEFAULT_NAME,
    DEFAULT_WORKSPACE,
    Workspace,
)
from ostiary.ports.config_store import (
    ConfigReads,
    ConfigStore,
    ConfigWrites,
    ForeignKeyMissing,
    PrimaryKeyViolation,
    StillReferenced,
    UniqueViolation,
)

_DEFAULT_KEYS = frozenset({DEFAULT_WORKSPACE, DEFAULT_NAME})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """Below which row a request works: children refer to it in `field`."""

    row: Row
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entities:
    """
    The rows of one workspace in a store.

    `changed` is called after every write; `extras` are by kind, and `record` keeps records of a
    write with it. Without `writable` nothing is written one by one: a file says what there is.
    `rights` say what of it may be done; `judge_portal` what is wrong with a workspace's portal, given
    what it was before. With `moves_rows` a row that is put below a parent is
    its from then on, wherever it was.
    """

    store: ConfigStore
    plugins: PluginRules
    autofill: Autofill
    changed: Callable[[], Any] = field(repr=False)
    record: Callable[[ConfigWrites], Awaitable[None]] | None = field(
        default=None, repr=False
    )
    writable: bool = True
    extras: Mapping[str, Extra] = field(default_factory=dict)
    workspace: str = DEFAULT_WORKSPACE
    keeps_routes_apart: bool = False
    rights: RowRights | None = field(default=None, repr=False)
    moves_rows: bool = True
    judge_portal: Callable[[Workspace, Workspace | None], Sequence[Problem]] = field(
        default=lambda _, __: (), repr=False
    )

    def visible(self, rows: Sequence[Row]) -> list[Row]:
        """Those of some rows that may be read."""
        rights = self.rights
        return [r for r in rows if rights is None or rights.may("read", r)]

    def check(self, action: Action, row: Row) -> None:
        """
        Let go on who may do this to a row.

        Raises:
            Refused: They may not.
        """
        if self.rights is not None and not self.rights.may(action, row):
            raise self.rights.refuse(action)

    def within(self, workspace: str) -> Entities:
        """The same of another workspace."""
        if workspace == self.workspace:
            return self
        return replace(self, store=self.store.within(workspace), workspace=workspace)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[ConfigWrites]:
        """
        A write, with what the store refuses in Kong's words.

        Raises:
            Refused: As the store says.
        """
        try:
            async with self.store.writing() as write:
                await self._check_workspace(write)
                yield write
                if self.record is not None:
                    await self.record(write)
        except UniqueViolation as error:
            raise refusals.unique_violation(error) from error
        except PrimaryKeyViolation as error:
            raise refusals.primary_key_violation(error) from error
        except ForeignKeyMissing as error:
            raise refusals.foreign_key_missing(error) from error
        except StillReferenced as error:
            raise refusals.still_referenced(error) from error
        await self.changed()

    async def _check_workspace(self, write: ConfigWrites) -> None:
        """It may have been deleted since the request was read."""
        if self.workspace != DEFAULT_WORKSPACE and not await write.get(
            "workspaces", self.workspace
        ):
            raise refusals.not_found()

    async def find(
        self, reads: ConfigReads, kind: Kind, key: str, parent: Parent | None = None
    ) -> Row | None:
        """
        The row of an id or endpoint key; below a parent only its children.

        Raises:
            Refused: It may not be read.
        """
        row = await self._look_up(reads, kind, key, parent)
        if row is not None:
            self.check("read", row)
        return row

    async def _look_up(
        self, reads: ConfigReads, kind: Kind, key: str, parent: Parent | None
    ) -> Row | None:
        if is_uuid(key):
            row = await reads.get(kind.name, key)
        elif kind.name == "acls" and parent is not None:
            row = await reads.find(
                "acls", {"consumer": parent.row.id or "", "group": key}
            )
        elif kind.name == "targets" and parent is not None:
            target = key if key.rpartition(":")[2].isdecimal() else f"{key}:8000"
            row = await reads.find(
                "targets", {"upstream": parent.row.id or "", "target": target}
            )
        elif kind.name == "certificates":
            sni = await reads.find("snis", {"name": key})
            row = (
                await reads.get("certificates", sni.certificate)
                if isinstance(sni, Sni)
                else None
            )
        elif kind.endpoint_key and (kind.endpoint_key,) in kind.unique:
            row = await reads.find(kind.name, {kind.endpoint_key: key})
        else:
            row = None
        if row is None and kind.name == "workspaces" and key in _DEFAULT_KEYS:
            row = DEFAULT
        if row is None or parent is None or getattr(row, parent.field) == parent.row.id:
            return row
        return None

    async def create(
        self, kind: Kind, given: Given, parent: Parent | None = None
    ) -> Row:
        """
        A new row.

        Raises:
            Refused: It cannot be.
        """
        async with self.writing() as write:
            return await self.add(write, kind, given, parent)

    async def add(
        self,
        write: ConfigWrites,
        kind: Kind,
        given: Given,
        parent: Parent | None = None,
    ) -> Row:
        """A new row, in a write that does more."""
        given, extra = self.take(kind, given)
        row = await self.build(write, kind, given, parent=parent)
        await self._judge_identity(write, row, given)
        await self._judge_place(write, row)
        await write.add(row)
        if self.rights is not None:
            await self.rights.own(write, row)
        await self._keep(kind, write, row, extra)
        return row

    async def put(
        self, kind: Kind, key: str, given: Given, parent: Parent | None = None
    ) -> Row:
        """
        The row of an id or endpoint key, made anew of what is given alone.

        Raises:
            Refused: It cannot be.
        """
        async with self.writing() as write:
            before = await self.find(write, kind, key, parent)
            beside = self.extras.get(kind.name)
            if beside is not None and before is None and not is_uuid(key):
                given = beside.name(given, key)
            given, extra = self.take(kind, given)
            fixed: Json
            if before is not None:
                fixed = {"id": before.id}
            elif is_uuid(key):
                fixed = {"id": key}
            else:
                fixed = {}
            if not is_uuid(key) and (name := _named_by(kind)):
                fixed[name] = key
            if before is not None:
                kept = given.data.get("created_at")
                fixed["created_at"] = before.created_at if kept is None else kept
            given = Given(data={**given.data, **fixed}, is_form=given.is_form)
            row = await self.build(write, kind, given, parent=parent)
            if before is not None:
                self.check("update", before)
            else:
                await self._judge_identity(write, row, given)
            await self._judge_place(write, row)
            if before is not None or (self.moves_rows and parent is not None):
                await write.put(row)
            else:
                # Not put: a row with this id that the path does not lead to is another's.
                await write.add(row)
                if self.rights is not None:
                    await self.rights.own(write, row)
            await self._keep(kind, write, row, extra)
        return row

    async def update(
        self, kind: Kind, key: str, given: Given, parent: Parent | None = None
    ) -> Row:
        """
        A row with some of it changed.

        Raises:
            Refused: It is not there, or cannot be.
        """
        given, extra = self.take(kind, given)
        async with self.writing() as write:
            before = await self.find(write, kind, key, parent)
            if before is None:
                raise _nothing_to_change(kind, key)
            row = await self.change(write, kind, given, before, parent)
            await self._keep(kind, write, row, extra)
        return row

    async def change(
        self,
        write: ConfigWrites,
        kind: Kind,
        given: Given,
        before: Row,
        parent: Parent | None = None,
    ) -> Row:
        """
        A row with some of it changed, in a write that does more.

        Raises:
            Refused: It cannot be, or may not.
        """
        self.check("update", before)
        row = await self.build(write, kind, given, before=before, parent=parent)
        await self._judge_place(write, row)
        await write.put(row)
        return row

    async def _judge_identity(
        self, write: ConfigWrites, row: Row, given: Given
    ) -> None:
        """
        Whose id a new row must not have; one that was not chosen is nobody's.

        Raises:
            PrimaryKeyViolation: It is a developer's.
        """
        if isinstance(row, Consumer) and given.data.get("id") is not None:
            await refuse_identity(write, row.id or "")

    async def _judge_place(self, write: ConfigWrites, row: Row) -> None:
        """
        What a row must not be to others, here and in other workspaces.

        Raises:
            Refused: It is.
            UniqueViolation: It is a credential that a developer has.
        """
        await refuse_taken(write, row)
        if isinstance(row, Route) and self.keeps_routes_apart:
            await refuse_collision(write, row)
        if isinstance(row, File) and (problems := await judge_readers(write, row)):
            raise refusals.schema_violation(problems)
        if isinstance(row, Workspace):
            found = await write.get("workspaces", row.id or "")
            before = found if isinstance(found, Workspace) else None
            if before is not None and before.name != row.name:
                raise refusals.say(400, "Cannot rename a workspace")
            is_default = row.id == DEFAULT_WORKSPACE
            if is_default != (row.name == DEFAULT_NAME):
                taken = UniqueViolation("workspaces", {"name": DEFAULT_NAME})
                raise refusals.unique_violation(taken)
            if wrong := self.judge_portal(row, before):
                raise refusals.schema_violation(wrong)

    def take(self, kind: Kind, given: Given) -> tuple[Given, object]:
        """What is given for the row itself, and what for beside it."""
        extra = self.extras.get(kind.name)
        return (given, None) if extra is None else extra.take(given)

    async def _keep(
        self, kind: Kind, write: ConfigWrites, row: Row, value: object
    ) -> None:
        extra = self.extras.get(kind.name)
        if extra is not None:
            await extra.keep(write, row, value)

    async def delete(self, kind: Kind, key: str, parent: Parent | None = None) -> None:
        """
        Let a row go, if it is there.

        Raises:
            Refused: Others refer to it.
        """
        async with self.writing() as write:
            row = await self.find(write, kind, key, parent)
            if row is not None:
                await self.remove(write, row)

    async def remove(self, write: ConfigWrites, row: Row) -> None:
        """
        Let a row go, in a write that does more.

        Raises:
            Refused: It may not.
        """
        self.check("delete", row)
        if self.rights is not None:
            await self._check_below(write, row)
        await write.delete(OF_MODEL[type(row)].name, row.id or "")

    async def _check_below(self, write: ConfigWrites, row: Row) -> None:
        """
        What goes along with a row must be allowed to go.

        Raises:
            Refused: Something of it must not.
        """
        above = OF_MODEL[type(row)].name
        for kind in KINDS.values():
            for reference in kind.references:
                if reference.kind != above or reference.on_delete != "cascade":
                    continue
                where = {reference.field: row.id or ""}
                for below in await read_every(write, kind.name, where):
                    self.check("delete", below)
                    await self._check_below(write, below)

    async def build(
        self,
        reads: ConfigReads,
        kind: Kind,
        given: Given,
        *,
        before: Row | None = None,
        parent: Parent | None = None,
    ) -> Row:
        """
        The row that is meant.

        Raises:
            Refused: It is wrong; everything that is wrong is told.
        """
        data, problems = await self._resolve(reads, kind, given.data, parent)
        if kind.shorthand is not None:
            data = _expand(kind.shorthand, data)
        if before is not None:
            data = self._merge(kind, before, data) | {"id": before.id}
        problems += self._place(kind, data)
        data = self._complete(kind, data)
        self.autofill.complete(kind, data, given.data)
        checked = validate(kind.model, data, lax=given.is_form)
        if isinstance(checked, tuple):
            told = {path[0] for path, _ in problems}
            problems += [p for p in checked if not told.intersection(p[0][:1])]
        elif isinstance(checked, Plugin):
            problems += await judge_protocols(reads, checked)
            judged = self.plugins.judge(checked, lax=given.is_form)
            if isinstance(judged, tuple):
                problems += judged
            else:
                checked = judged
        problems += self.autofill.judge(kind, data)
        if problems or not isinstance(checked, Row):
            raise refusals.schema_violation(problems)
        return checked

    def _place(self, kind: Kind, data: Json) -> list[Problem]:
        """Put a row into this workspace; whoever names another is told."""
        here = self.workspace if kind.in_workspace else None
        said = data.pop("ws_id", None)
        data["ws_id"] = None if here == DEFAULT_WORKSPACE else here
        if said is None or said == (here or DEFAULT_WORKSPACE):
            return []
        return [(("ws_id",), "must be the workspace of the path")]

    async def _resolve(
        self,
        reads: ConfigReads,
        kind: Kind,
        data: Mapping[str, Any],
        parent: Parent | None,
    ) -> tuple[Json, list[Problem]]:
        """Ids in place of references: a record of an id or of a unique name."""
        found: Json = {**data}
        problems: list[Problem] = []
        for reference in kind.references:
            name = reference.field
            if name not in found:
                continue
            value = found[name]
            if reference.is_list:
                await self._check_listed(reads, reference, value)
                continue
            if value is None:
                continue
            try:
                found[name] = await self._resolve_one(reads, reference, value)
            except _Wrong as wrong:
                del found[name]
                problems.append(((name, *wrong.path), wrong.text))
        if parent is not None:
            found[parent.field] = parent.row.id
        return found, problems

    async def _check_listed(
        self, reads: ConfigReads, reference: Reference, value: object
    ) -> None:
        """
        What is referred to must be there to be read.

        Raises:
            Refused: It may not be read.
        """
        for identity in value if isinstance(value, list | tuple) else ():
            if self.rights is None or not isinstance(identity, str):
                continue
            row = await reads.get(reference.kind, identity)
            if row is not None:
                self.check("read", row)

    async def _resolve_one(
        self, reads: ConfigReads, reference: Reference, value: object
    ) -> str:
        kind = EVERY_KIND[reference.kind]
        if not isinstance(value, Mapping):
            raise _Wrong((), "expected a record")
        if value.get("id") is not None:
            identity = value["id"]
            if not isinstance(identity, str):
                raise _Wrong(("id",), "expected a string")
            if not is_uuid(identity):
                raise _Wrong(("id",), "expected a valid UUID")
            if self.rights is not None and (
                row := await reads.get(kind.name, identity)
            ):
                self.check(needed_action(reference), row)
            return identity
        for name, *more in kind.unique:
            named = value.get(name)
            if more or not isinstance(named, str):
                continue
            row = await reads.find(kind.name, {name: named})
            if row is None or row.id is None:
                raise refusals.unresolved(reference.field, kind.name, {name: named})
            self.check(needed_action(reference), row)
            return row.id
        raise _Wrong((), "expected a record of an id or a name")

    def _merge(self, kind: Kind, before: Row, data: Json) -> Json:
        old = before.model_dump(mode="json")
        merged = merge(kind.model, old, data)
        config = data.get("config")
        if (
            isinstance(before, Plugin)
            and isinstance(config, Mapping)
            and data.get("name", before.name) == before.name
            and (schema := self.plugins.schema(before.name)) is not None
        ):
            merged["config"] = merge(schema, before.config, config)
        return merged

    def _complete(self, kind: Kind, data: Json) -> Json:
        """Without nulls that mean a default, and with what a plugin says for its rows."""
        found = drop_nulls(kind.model, data)
        name, config = found.get("name"), found.get("config")
        if kind.name != "plugins" or not isinstance(name, str):
            return found
        if found.get("protocols") is None and (own := self.plugins.protocols(name)):
            found["protocols"] = own
        schema = self.plugins.schema(name)
        if schema is not None and isinstance(config, dict):
            found["config"] = drop_nulls(schema, config)
        return found

    async def show(self, kind: Kind, row: Row) -> Json:
        """A row as JSON."""
        shown = show_row(row, kind)
        if isinstance(row, Plugin):
            judged = self.plugins.judge(row)
            if isinstance(judged, Plugin):
                shown["config"] = {**judged.config}
            if shown["config"].get("ostiary", 0) is None:
                del shown["config"]["ostiary"]
            # As Kong's open edition, where no plugin is for a group.
            if shown["consumer_group"] is None:
                del shown["consumer_group"]
            del shown["ordering"]
        extra = self.extras.get(kind.name)
        if extra is not None:
            shown |= await extra.show(self.store, row)
        return shown


class _Wrong(Exception):
    """A reference that is none."""

    def __init__(self, path: tuple[str, ...], text: str) -> None:
        super().__init__(text)
        self.path = path
        self.text = text


def _expand(shorthand: Shorthand, data: Json) -> Json:
    try:
        return shorthand(data)
    except ValidationError:
        return data  # told by the model


def nothing_there(kind: Kind, key: str) -> refusals.Refused:
    """What is said of a row that is asked for and is not there."""
    if kind.name == "certificates" and not is_uuid(key):
        return refusals.say(404, "SNI not found")
    return refusals.not_found()


def _nothing_to_change(kind: Kind, key: str) -> refusals.Refused:
    name = "id" if is_uuid(key) else _named_by(kind)
    return (
        nothing_there(kind, key)
        if name is None
        else refusals.row_not_found({name: key})
    )


def _named_by(kind: Kind) -> str | None:
    """The field that a key of a path is, when it is no id."""
    return "group" if kind.name == "acls" else kind.endpoint_key
