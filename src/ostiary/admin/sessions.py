"""
`/openid-connect/sessions`: who is signed in, at routes and at the node's own sites; ending that.

Of a workspace are the sessions at its routes and at its portal; `default` has the Manager's too.

Spec: decision D14 (an admin's end); decisions 0047, 0050.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.admin.scope import scoped
from ostiary.model.workspaces import DEFAULT_WORKSPACE
from ostiary.ports.shared import SharedUnavailable

PATHS = ("/openid-connect/sessions", "/openid-connect/sessions/{session_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSession:
    """
    One session. `id` opens nothing; times are Unix seconds.

    `who` is None where only the person's own cookie can tell: of portals where a provider signs in.
    `workspace` is the name and `place` the id of the workspace it is of; `plugin` is the row that
    signed somebody in at a route.
    """

    id: str
    site: Literal["manager", "portal", "gateway"]
    who: str | None = None
    workspace: str | None = None
    place: str | None = None
    plugin: str | None = None
    began_at: int | None = None
    seen_at: int | None = None
    ends_at: int | None = None


class SessionDesk(Protocol):
    """Knows who is signed in. Both raise SharedUnavailable."""

    async def find_all(self) -> Sequence[SiteSession]:
        """Those that have not ended."""
        ...

    async def end(self, identity: str) -> bool:
        """End one for its next request; tell whether it was there."""
        ...


def _show(session: SiteSession) -> dict[str, Any]:
    return {
        "id": session.id,
        "site": session.site,
        "who": session.who,
        "workspace": session.workspace,
        "plugin": None if session.plugin is None else {"id": session.plugin},
        "began_at": session.began_at,
        "seen_at": session.seen_at,
        "ends_at": session.ends_at,
    }


@dataclass(frozen=True, slots=True)
class SessionEndpoints:
    """Lists and ends sessions."""

    desk: SessionDesk

    async def list_sessions(self, request: Request) -> Response:
        """`GET /openid-connect/sessions`."""
        rows = [_show(session) for session in await self._find_all(request)]
        return JSONResponse({"data": rows, "next": None})

    async def _find_all(self, request: Request) -> list[SiteSession]:
        """Those of the request's workspace."""
        here = scoped(request).workspace
        try:
            found = await self.desk.find_all()
        except SharedUnavailable as error:
            raise refusals.say(503, "sessions cannot be listed now") from error
        return [one for one in found if (one.place or DEFAULT_WORKSPACE) == here]

    async def end_session(self, request: Request) -> Response:
        """`DELETE /openid-connect/sessions/{session_id}`."""
        identity = request.path_params["session_id"]
        if identity not in {one.id for one in await self._find_all(request)}:
            raise refusals.not_found()
        try:
            is_done = await self.desk.end(identity)
        except SharedUnavailable as error:
            text = "the session may still be there: try again"
            raise refusals.say(503, text) from error
        if not is_done:
            raise refusals.not_found()
        return Response(status_code=204)
