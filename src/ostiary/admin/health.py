"""
The health of upstreams: as the workers see it, and as an operator decrees it.

Spec: gateway §§1.7, 3.11.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.collections import Collections, allow
from ostiary.admin.entities import Entities, Parent
from ostiary.admin.paging import build_list, read_asked
from ostiary.admin.scope import shown_path
from ostiary.admin.shapes import Json
from ostiary.model.balancing import Target, Upstream
from ostiary.model.kinds import KINDS
from ostiary.ports.config_store import Wanted
from ostiary.ports.shared import SharedUnavailable

_UPSTREAMS, _TARGETS = KINDS["upstreams"], KINDS["targets"]
_READS = frozenset({"GET", "HEAD"})
_WORDS = {"healthy": True, "unhealthy": False}


class Health(Protocol):
    """What workers know of upstreams. Everything raises SharedUnavailable."""

    async def targets(self, upstream: Upstream, rows: Sequence[Json]) -> list[Json]:
        """Rows of targets with their health."""
        ...

    async def balancer(self, upstream: Upstream) -> Json:
        """The upstream as a whole."""
        ...

    async def decree(
        self, upstream: Upstream, target: Target, address: str | None, *, healthy: bool
    ) -> bool:
        """Say how a target, or one of its addresses, is; False where that is no address."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthEndpoints:
    """What is below `/upstreams/{u}` besides rows."""

    entities: Entities
    health: Health
    node_id: str

    async def answer(self, request: Request, key: str, rest: Sequence[str]) -> Response:
        """
        Answer `health`, `targets/all` and the decrees below a target.

        Raises:
            Refused: It cannot be done.
        """
        try:
            match rest:
                case ["health"] | ["targets", "all"] if request.method == "OPTIONS":
                    return allow(("GET",))
                case ["health"] | ["targets", "all"] if request.method not in _READS:
                    raise refusals.not_allowed(["GET"])
                case ["health"]:
                    return await self._show(request, await self._upstream(key))
                case ["targets", "all"]:
                    return await self._all(request, await self._upstream(key))
                case ["targets", target, word] if word in _WORDS:
                    return await self._decree(request, key, target, None, word)
                case ["targets", target, address, word] if word in _WORDS:
                    return await self._decree(request, key, target, address, word)
        except SharedUnavailable as error:
            raise refusals.say(503, "the workers cannot be asked now") from error
        raise refusals.not_found()

    async def _upstream(self, key: str) -> Upstream:
        row = await self.entities.find(self.entities.store, _UPSTREAMS, key)
        if not isinstance(row, Upstream):
            raise refusals.not_found()
        return row

    async def _all(self, request: Request, upstream: Upstream) -> Response:
        query = dict(request.query_params)
        return await Collections(entities=self.entities).list_rows(
            _TARGETS,
            read_asked(query),
            where={"upstream": upstream.id or ""},
            path=shown_path(request),
            query=query,
        )

    async def _show(self, request: Request, upstream: Upstream) -> Response:
        query = dict(request.query_params)
        if query.get("balancer_health") == "1":
            whole = await self.health.balancer(upstream)
            return JSONResponse({"data": whole, "next": None, "node_id": self.node_id})
        asked = read_asked(query)
        wanted = Wanted(kind="targets", where={"upstream": upstream.id or ""})
        after = asked.after[0] if asked.after else ""
        found = await self.entities.store.page(wanted, after=after, size=asked.size)
        seen = self.entities.visible(found.rows)
        rows = [await self.entities.show(_TARGETS, row) for row in seen]
        page = build_list(
            await self.health.targets(upstream, rows),
            after=None if found.after is None else (found.after,),
            path=shown_path(request),
            query=query,
        )
        return JSONResponse({**page, "node_id": self.node_id})

    async def _decree(
        self, request: Request, key: str, name: str, address: str | None, word: str
    ) -> Response:
        if request.method == "OPTIONS":
            return allow(("PUT", "POST"))
        if request.method not in {"PUT", "POST"}:
            raise refusals.not_allowed(["PUT", "POST"])
        upstream = await self._upstream(key)
        target = await self.entities.find(
            self.entities.store, _TARGETS, name, Parent(row=upstream, field="upstream")
        )
        if target is not None:
            self.entities.check("update", target)
        if not isinstance(target, Target) or not await self.health.decree(
            upstream, target, address, healthy=_WORDS[word]
        ):
            raise refusals.not_found()
        return Response(status_code=204)
