"""
Lists of rows and single rows, of whatever kind: seen, filtered, paged.

Spec: portal §4.1; gateway §1.12 (pages, tags).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from ostiary.manager.forms import Sheet
from ostiary.manager.hiding import hide, hide_value
from ostiary.manager.kinds import BELOW, KINDS, Kind, Row, name_of
from ostiary.manager.schema import Field, read_fields
from ostiary.manager.values import say_number
from ostiary.manager.visit import Refused, Visit
from ostiary.ports.admin_client import AdminReply

PAGE: Final = "25"
_RELATED: Final = "10"
_MANY: Final = "1000"
_SCOPES: Final = (
    ("route", "routes"), ("service", "services"), ("consumer", "consumers"),
    ("consumer_group", "consumer_groups"),
)  # fmt: skip
_TARGETS_OF: Final = {
    "service": "services", "route": "routes", "consumer": "consumers",
    "certificate": "certificates", "set": "key-sets", "consumer_group": "consumer_groups",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where rows are: of a kind, or below one row of another."""

    kind: Kind
    parent: Kind | None = None
    parent_id: str = ""

    @property
    def steps(self) -> tuple[str, ...]:
        """The path of the collection, in the Admin API and here."""
        if self.parent is None:
            return (self.kind.path,)
        return (self.parent.path, self.parent_id, self.kind.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table. `url` leads to what it names."""

    label: str
    show: str
    value: Any  # Any: JSON
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a table."""

    id: str
    name: str
    url: str
    delete_url: str
    cells: tuple[Cell, ...]
    row: Row


def missing() -> Refused:
    """What is said of what is not there."""
    return Refused(AdminReply(status=404, value={"message": "Not found"}))


def read_kind(visit: Visit) -> Kind:
    """
    The kind that the path names.

    Raises:
        Refused: There is none.
    """
    kind = KINDS.get(visit.param("kind"))
    if kind is None:
        raise missing()
    return kind


def read_place(visit: Visit) -> Place:
    """
    Where the path leads.

    Raises:
        Refused: Nowhere.
    """
    kind = read_kind(visit)
    if "below" not in visit.request.path_params:
        return Place(kind=kind)
    below = visit.param("below")
    if below not in kind.below:
        raise missing()
    return Place(kind=BELOW[below], parent=kind, parent_id=visit.param("id"))


async def load_fields(visit: Visit, kind: Kind) -> tuple[Field, ...]:
    """The fields of a kind. Raises Refused."""
    return read_fields(await visit.schema(kind.schema or kind.path.replace("-", "_")))


async def load_row(visit: Visit, *steps: str) -> Row:
    """
    One row.

    Raises:
        Refused: It is not there, or may not be seen.
    """
    found: dict[str, Any] = await visit.get(*steps)
    # Kong wraps a group together with its members.
    inner = found.get("consumer_group") if steps[0] == "consumer_groups" else None
    row = inner if isinstance(inner, dict) else found
    # Below some collections there are answers that are no rows, such as `/plugins/enabled`.
    if "id" not in row:
        raise missing()
    return row


def _endpoint(row: Row) -> str:
    path = row.get("path") or ""
    return f"{row.get('protocol')}://{row.get('host')}:{row.get('port')}{path}"


class Tables:
    """Rows as lines of tables, with the names of what they refer to."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._names: dict[tuple[str, str], str] = {}

    async def lines(self, place: Place, rows: Sequence[Row]) -> list[Line]:
        """Each row as a line."""
        return [await self._line(place, row) for row in rows]

    async def _line(self, place: Place, row: Row) -> Line:
        identity = str(row.get("id", ""))
        below = ("edit",) if place.parent is not None else ()
        name = name_of(row, place.kind.path)
        if place.kind.path == "plugins" and row.get("instance_name"):
            name = f"{row['name']} ({row['instance_name']})"
        return Line(
            id=identity,
            name=name,
            url=self._visit.url(*place.steps, identity, *below),
            delete_url=self._visit.url(*place.steps, identity, "delete"),
            cells=tuple([await self._cell(c, row) for c in place.kind.columns]),
            row=row,
        )

    async def _cell(self, column: tuple[str, str, str], row: Row) -> Cell:
        label, name, show = column
        value = row.get(name)
        match show:
            case "endpoint":
                value = _endpoint(row)
            case "reference":
                return await self.reference(label, _TARGETS_OF[name], value)
            case "scope":
                return await self._scope(label, row)
        return Cell(label=label, show=show, value=value)

    async def reference(
        self, label: str, kind: str, value: Any, said: str = ""
    ) -> Cell:
        """What a row refers to; Any: `{id}` or null."""
        identity = value.get("id") if isinstance(value, dict) else None
        if not identity:
            return Cell(label=label, show="text", value=None)
        if (kind, identity) not in self._names:
            found = await self._visit.look(kind, identity) or {}
            row: Row = found.get("consumer_group") or found
            self._names[kind, identity] = name_of(row, kind) or identity
        return Cell(
            label=label,
            show="reference",
            value=said + self._names[kind, identity],
            url=self._visit.url(kind, identity),
        )

    async def _scope(self, label: str, row: Row) -> Cell:
        for name, kind in _SCOPES:
            if row.get(name):
                said = name.replace("_", " ")
                return await self.reference(label, kind, row[name], f"{said} ")
        return Cell(label=label, show="text", value="Everything")


async def get_list(visit: Visit) -> Response:
    """The rows of a kind."""
    kind = read_kind(visit)
    named, tags = visit.query("name"), visit.query("tags")
    following = ""
    if named:
        reply = await visit.call("GET", kind.path, named)
        if not reply.is_good and reply.status != 404:
            raise Refused(reply)
        row = reply.value if reply.is_good else None
        row = row.get("consumer_group", row) if isinstance(row, dict) else None
        rows: list[Row] = [row] if isinstance(row, dict) and "id" in row else []
    else:
        query = {"size": PAGE, "tags": tags, "offset": visit.query("page")}
        reply = await visit.call(
            "GET", kind.path, query={k: v for k, v in query.items() if v}
        )
        if not reply.is_good and not tags:
            raise Refused(reply)
        found = reply.value if reply.is_good else {"data": []}
        rows, following = found["data"], found.get("offset") or ""
    # A page may be empty, and the next one not: rows that may not be seen are left out.
    return visit.show(
        "manager-list.html",
        here=kind.path,
        kind=kind,
        lines=await Tables(visit).lines(Place(kind=kind), rows),
        named=named,
        tags=tags,
        problem="" if reply.is_good or reply.status == 404 else reply.message,
        next_url=visit.url(kind.path, tags=tags, page=following) if following else "",
        first_url=visit.url(kind.path, tags=tags) if visit.query("page") else "",
        new_url=visit.url(*_new_steps(kind)),
    )


def _new_steps(kind: Kind) -> tuple[str, ...]:
    return ("plugins", "select") if kind.path == "plugins" else (kind.path, "new")


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Rows that belong to the one that is shown."""

    place: Place
    lines: list[Line]
    new_url: str
    has_more: bool = False


async def load_related(visit: Visit, kind: Kind, row: Row) -> list[Related]:
    """What refers to a row, as far as whoever asks may see it."""
    identity, found = str(row["id"]), []
    for path in kind.below:
        place = Place(kind=BELOW[path], parent=kind, parent_id=identity)
        steps = (kind.path, identity, "health" if path == "targets" else path)
        reply = await visit.look(*steps, size=_MANY) or await visit.look(*place.steps)
        found.append(
            Related(
                place=place,
                lines=await Tables(visit).lines(place, (reply or {}).get("data", ())),
                new_url=visit.url(*place.steps, "new"),
            )
        )
    field = {"key-sets": "set"}.get(kind.path, kind.path.removesuffix("s"))
    for path in kind.related:
        reply = await visit.look(kind.path, identity, path, size=_RELATED) or {}
        place = Place(kind=KINDS[path])
        found.append(
            Related(
                place=place,
                lines=await Tables(visit).lines(place, reply.get("data", ())),
                has_more=bool(reply.get("next")),
                new_url=visit.url(*_new_steps(place.kind), **{field: identity}),
            )
        )
    return found


def build_declarative(kind: Kind, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a declarative file has it: without what is null, or is the gateway's own to say. Any: JSON."""
    own = {"created_at", "updated_at"}
    kept = {k: _drop_nulls(v) for k, v in row.items() if v is not None and k not in own}
    if kind.path == "certificates":
        kept["snis"] = [{"name": name} for name in row.get("snis") or ()]
    return {
        "_format_version": "3.0",
        kind.schema or kind.path.replace("-", "_"): [kept],
    }


def _drop_nulls(value: Any) -> Any:  # Any: JSON
    if isinstance(value, dict):
        return {k: _drop_nulls(v) for k, v in value.items() if v is not None}
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A field of a row with what stands in it, or the fields of the record that it is."""

    label: str
    value: Any  # Any: JSON
    show: str = "text"
    facts: tuple[Fact, ...] = ()


def read_facts(
    fields: Sequence[Field], row: Row, *, brief: bool = False
) -> tuple[Fact, ...]:
    """
    A row field by field; those that hold nothing are left out.

    Args:
        brief: Leave out what is as it would be without anybody having said so.
    """
    found = []
    for field in fields:
        value = row.get(field.name)
        if value is None or value in ([], {}, "") or (brief and value == field.default):
            continue
        if field.widget == "record" and isinstance(value, dict):
            is_brief = brief or field.name == "config"
            inner = read_facts(field.fields, value, brief=is_brief)
            if inner:
                found.append(Fact(label=field.label, value=None, facts=inner))
        elif field.secret:
            found.append(Fact(label=field.label, value=None, show="hidden"))
        else:
            show = _choose_show(field, value)
            seen = hide_value(value, field)
            said = say_number(seen) if isinstance(seen, float) else seen
            found.append(Fact(label=field.label, value=said, show=show))
    return tuple(found)


def _choose_show(field: Field, value: Any) -> str:  # Any: JSON
    if isinstance(value, bool):
        return "switch"
    if field.widget == "foreign":
        return "id"
    if isinstance(value, list) and all(not isinstance(v, dict | list) for v in value):
        return "list"
    if isinstance(value, dict | list):
        return "json"
    return "area" if "\n" in str(value) else "text"


async def get_row(visit: Visit) -> Response:
    """One row: its fields, what belongs to it, and how it is written in JSON and YAML."""
    kind = read_kind(visit)
    row = await load_row(visit, kind.path, visit.param("id"))
    fields = await load_fields(visit, kind)
    return await show_row(visit, kind, row, fields)


async def show_row(
    visit: Visit,
    kind: Kind,
    row: Row,
    fields: Sequence[Field],
    *,
    redirects: Mapping[str, Any] | None = None,
    members: Sequence[tuple[str, str]] | None = None,
    sheet: Sheet | None = None,
    status: int = 200,
) -> Response:
    """
    The page of a row.

    Args:
        redirects: What to register at a provider; Any: JSON.
        members: The ids and names of those who are in a group.
        sheet: The form for one more of them.
    """
    seen = hide(row, fields)
    tables = Tables(visit)
    references = [
        await tables.reference(f.label, _TARGETS_OF[f.name], row[f.name])
        for f in fields
        if f.widget == "foreign" and row.get(f.name) and f.name in _TARGETS_OF
    ]
    shown = [f for f in fields if f.widget != "foreign" or f.name not in _TARGETS_OF]
    shown.sort(key=lambda f: (f.name == "config", f.name == "tags", f.name != "name"))
    return visit.show(
        "manager-row.html",
        here=kind.path,
        kind=kind,
        row=row,
        name=name_of(row, kind.path),
        references=references,
        facts=read_facts(shown, row),
        as_json=json.dumps(seen, indent=2, ensure_ascii=False),
        as_yaml=visit.config.dump_yaml(build_declarative(kind, seen)),
        related=await load_related(visit, kind, row),
        extra=redirects,
        members=members,
        sheet=sheet,
        status=status,
    )
