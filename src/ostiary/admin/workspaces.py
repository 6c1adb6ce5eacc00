"""
`/workspaces`: those there are, how many rows they have, and how they go.

Spec: gateway §1.15.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.application_clients import forget_clients
from ostiary.admin.collections import Collections, allow
from ostiary.admin.entities import Entities
from ostiary.admin.paging import MAX_SIZE, read_asked
from ostiary.admin.rows import read_every
from ostiary.admin.scope import scoped, shown_path
from ostiary.model.kinds import KINDS, PORTAL_KINDS
from ostiary.model.row import Row
from ostiary.model.workspaces import DEFAULT, DEFAULT_WORKSPACE
from ostiary.ports.app_clients import AppClients
from ostiary.ports.config_store import Wanted

_WORKSPACES = KINDS["workspaces"]
_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceEndpoints:
    """What of workspaces is not as with all other rows; `clients` are those of applications."""

    clients: AppClients | None = None

    async def answer(self, request: Request, steps: Sequence[str]) -> Response:
        """
        Answer a request about workspaces.

        Raises:
            Refused: It cannot be done.
        """
        entities = scoped(request)
        match [*steps]:
            case ["workspaces"] if request.method in _READS:
                return await self._list(request, entities)
            case ["workspaces", key, "meta"]:
                if request.method == "OPTIONS":
                    return allow(("GET",))
                if request.method not in _READS:
                    raise refusals.not_allowed(("GET",))
                return await self._count(entities, key)
            case ["workspaces", key] if request.method == "DELETE":
                return await self._delete(request, entities, key)
        return await Collections(entities=entities).answer(request, [*steps])

    async def _list(self, request: Request, entities: Entities) -> Response:
        """All of them, with the one that is there without anybody having made it."""
        query = dict(request.query_params)
        asked = read_asked(query)
        wanted = Wanted(kind="workspaces", tags=asked.tags, any_tag=asked.any_tag)
        found: dict[str, Row] = {} if asked.tags else {DEFAULT_WORKSPACE: DEFAULT}
        after: str | None = ""
        while after is not None:
            page = await entities.store.page(wanted, after=after, size=MAX_SIZE)
            found |= {row.id or "": row for row in page.rows}
            after = page.after
        rows = [found[identity] for identity in sorted(found)]
        return await Collections(entities=entities).list_some(
            _WORKSPACES, rows, asked, path=shown_path(request), query=query
        )

    async def _find(self, entities: Entities, key: str) -> Row:
        row = await entities.find(entities.store, _WORKSPACES, key)
        if row is None:
            raise refusals.not_found()
        return row

    async def _count(self, entities: Entities, key: str) -> Response:
        row = await self._find(entities, key)
        counts = await entities.store.within(row.id or "").counts()
        return JSONResponse({"counts": _served(counts)})

    async def _delete(self, request: Request, entities: Entities, key: str) -> Response:
        """An empty one goes; one with rows only with all of them."""
        if not entities.writable:
            raise refusals.unsupported("remove", "workspaces")
        row = await entities.find(entities.store, _WORKSPACES, key)
        if row is None:
            return Response(status_code=204)
        if row.id == DEFAULT_WORKSPACE:
            raise refusals.say(400, "Cannot delete the default workspace")
        inside = entities.within(row.id or "")
        async with inside.writing() as write:
            is_asked = request.query_params.get("cascade") == "true"
            if _served(await write.counts()) and not is_asked:
                raise refusals.say(400, "Workspace is not empty")
            applications = await read_every(write, "applications", {})
            await inside.remove(write, row)
        await forget_clients(self.clients, applications)
        return Response(status_code=204)


def _served(counts: Mapping[str, int]) -> dict[str, int]:
    """Without who may use the Admin API: every workspace has roles."""
    shown = {*KINDS, *PORTAL_KINDS}
    return {kind: counts[kind] for kind in sorted(counts) if kind in shown}
