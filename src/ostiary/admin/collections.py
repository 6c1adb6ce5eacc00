"""
Requests about rows: which place, which verb, and the reply in Kong's form.

Spec: gateway §§1.10 (verbs), 1.12 (pages).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.bodies import Given, read_given
from ostiary.admin.entities import Entities, Parent, nothing_there
from ostiary.admin.paging import MAX_SIZE, Asked, build_list, read_asked
from ostiary.admin.places import Place, read_place
from ostiary.admin.rows import is_uuid
from ostiary.admin.scope import shown_path
from ostiary.model.kinds import Kind
from ostiary.model.row import Row
from ostiary.ports.config_store import Wanted

_OPERATIONS = {
    "POST": "create",
    "PATCH": "update",
    "PUT": "create or update",
    "DELETE": "remove",
}
_OF_LISTS = ("GET", "POST")
_OF_ROWS = ("GET", "PUT", "PATCH", "DELETE")
_OF_PARENTS = ("GET", "PUT", "PATCH")


def allow(methods: tuple[str, ...]) -> Response:
    """The answer to OPTIONS."""
    listed = refusals.list_verbs(methods)
    return Response(
        status_code=204,
        headers={
            "Allow": listed,
            "Access-Control-Allow-Methods": listed,
            "Access-Control-Allow-Headers": "Content-Type",
        },
    )


def list_verbs(place: Place) -> tuple[str, ...]:
    """What can be done at a place; HEAD goes with GET, and OPTIONS with everything."""
    if place.is_upward:
        return _OF_PARENTS
    return _OF_LISTS if place.key is None else _OF_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Collections:
    """Every path of rows."""

    entities: Entities

    async def answer(self, request: Request, steps: list[str]) -> Response:
        """
        Answer a request about rows.

        Raises:
            Refused: It cannot be done.
        """
        place = read_place(steps)
        if place is None:
            raise refusals.not_found()
        verbs = list_verbs(place)
        method = "GET" if request.method == "HEAD" else request.method
        if method == "OPTIONS":
            return allow(verbs)
        if method not in verbs:
            raise refusals.not_allowed(verbs)
        if method in _OPERATIONS and not self.entities.writable:
            named = place.key is not None and not is_uuid(place.key)
            by = place.kind.endpoint_key if named else None
            raise refusals.unsupported(_OPERATIONS[method], place.kind.name, by=by)
        if place.is_upward:
            return await self._answer_upward(request, place, method)
        parent = await self._parent(place)
        if place.key is None:
            return await self._answer_list(request, place.kind, parent, method)
        return await self._answer_row(request, place.kind, place.key, parent, method)

    async def _parent(self, place: Place) -> Parent | None:
        if place.parent is None or place.field is None:
            return None
        row = await self._find(place.parent, place.parent_key or "")
        return Parent(row=row, field=place.field)

    async def _find(self, kind: Kind, key: str) -> Row:
        row = await self.entities.find(self.entities.store, kind, key)
        if row is None:
            raise nothing_there(kind, key)
        return row

    async def _answer_list(
        self, request: Request, kind: Kind, parent: Parent | None, method: str
    ) -> Response:
        if method == "POST":
            given = await read_given(request)
            row = await self.entities.create(kind, given, parent)
            return JSONResponse(await self.entities.show(kind, row), status_code=201)
        query = dict(request.query_params)
        if kind.name == "consumers" and "custom_id" in query:
            return await self._by_custom_id(kind, query["custom_id"])
        where = {} if parent is None else {parent.field: parent.row.id or ""}
        path = shown_path(request)
        if kind.name == "targets" and parent is not None:
            return await self._list_targets(kind, parent, path=path, query=query)
        return await self.list_rows(
            kind, read_asked(query), where=where, path=path, query=query
        )

    async def _list_targets(
        self, kind: Kind, parent: Parent, *, path: str, query: Mapping[str, str]
    ) -> Response:
        """Kong shows the newest targets first."""
        asked = read_asked(query)
        wanted = Wanted(
            kind=kind.name, where={parent.field: parent.row.id or ""}, tags=asked.tags,
            any_tag=asked.any_tag,
        )  # fmt: skip
        rows: list[Row] = []
        after: str | None = ""
        while after is not None:
            page = await self.entities.store.page(wanted, after=after, size=MAX_SIZE)
            rows += page.rows
            after = page.after
        rows.sort(key=lambda row: (-(row.created_at or 0), row.id or ""))
        return await self.list_some(kind, rows, asked, path=path, query=query)

    async def list_some(
        self,
        kind: Kind,
        rows: Sequence[Row],
        asked: Asked,
        *,
        path: str,
        query: Mapping[str, str],
    ) -> Response:
        """A page of these rows, in their order."""
        rows = self.entities.visible(rows)
        seen = asked.after[0] if asked.after else None
        start = next((n for n, row in enumerate(rows, 1) if row.id == seen), 0)
        found = rows[start : start + asked.size]
        more = start + asked.size < len(rows)
        ends = (found[-1].id or "",) if more else None
        shown = [await self.entities.show(kind, row) for row in found]
        return JSONResponse(build_list(shown, after=ends, path=path, query=query))

    async def list_rows(
        self,
        kind: Kind,
        asked: Asked,
        *,
        where: Mapping[str, str],
        path: str,
        query: Mapping[str, str],
    ) -> Response:
        """A page of rows."""
        wanted = Wanted(
            kind=kind.name, where=where, tags=asked.tags, any_tag=asked.any_tag
        )
        after = asked.after[0] if asked.after else ""
        page = await self.entities.store.page(wanted, after=after, size=asked.size)
        seen = self.entities.visible(page.rows)
        rows = [await self.entities.show(kind, row) for row in seen]
        ends = None if page.after is None else (page.after,)
        return JSONResponse(build_list(rows, after=ends, path=path, query=query))

    async def _by_custom_id(self, kind: Kind, custom_id: str) -> Response:
        if not custom_id:
            raise refusals.say(400, "custom_id must be an unempty string")
        row = await self.entities.store.find("consumers", {"custom_id": custom_id})
        seen = [] if row is None else self.entities.visible([row])
        shown = [await self.entities.show(kind, one) for one in seen]
        return JSONResponse({"data": shown, "next": None})

    async def _answer_row(
        self,
        request: Request,
        kind: Kind,
        key: str,
        parent: Parent | None,
        method: str,
    ) -> Response:
        match method:
            case "DELETE":
                await self.entities.delete(kind, key, parent)
                return Response(status_code=204)
            case "PUT":
                given = await read_given(request)
                await self._refuse_new_target(kind, key, parent)
                row = await self.entities.put(kind, key, given, parent)
            case "PATCH":
                given = await read_given(request)
                row = await self.entities.update(kind, key, given, parent)
            case _:
                found = await self.entities.find(self.entities.store, kind, key, parent)
                if found is None:
                    raise nothing_there(kind, key)
                row = found
        return JSONResponse(await self.entities.show(kind, row))

    async def _refuse_new_target(
        self, kind: Kind, key: str, parent: Parent | None
    ) -> None:
        """Kong's targets are not made by PUT; decK counts on it."""
        if kind.name == "targets" and not await self.entities.find(
            self.entities.store, kind, key, parent
        ):
            raise refusals.not_found()

    async def _answer_upward(
        self, request: Request, place: Place, method: str
    ) -> Response:
        """The row that another one refers to."""
        assert place.parent is not None
        assert place.field is not None
        below = await self._find(place.parent, place.parent_key or "")
        identity = getattr(below, place.field)
        kind = place.kind
        if identity is None and method != "PUT":
            raise refusals.not_found()
        if method == "GET":
            row = await self._find(kind, identity)
        elif method == "PATCH":
            row = await self.entities.update(kind, identity, await read_given(request))
        elif identity is not None:
            row = await self.entities.put(kind, identity, await read_given(request))
        else:
            row = await self._link(request, place, below)
        return JSONResponse(await self.entities.show(kind, row))

    async def _link(self, request: Request, place: Place, below: Row) -> Row:
        """A new row that one without such a reference then refers to."""
        given = await read_given(request)
        assert place.parent is not None
        async with self.entities.writing() as write:
            row = await self.entities.add(write, place.kind, given)
            link = Given(data={place.field or "": {"id": row.id}})
            await self.entities.change(write, place.parent, link, below)
        return row
