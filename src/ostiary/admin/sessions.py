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
from ostiary.ports.shared import SharedUnavailable

PATHS = ("/openid-connect/sessions", "/openid-connect/sessions/{session_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSession:
    """
    One session. `id` opens nothing; times are Unix seconds.

    `who` is what its owner is called, None where only their own cookie can tell: of portals where a
    provider signs in. `subject` is who they are to the provider, where it is known. `workspace` is
    the name of the one it is of, None where that is gone; `plugin` is the row that signed somebody
    in at a route.
    """

    id: str
    site: Literal["manager", "portal", "gateway"]
    who: str | None = None
    subject: str | None = None
    workspace: str | None = None
    plugin: str | None = None
    began_at: int | None = None
    seen_at: int | None = None
    ends_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsFound:
    """Sessions, and why they may not be all."""

    rows: Sequence[SiteSession]
    incomplete: str | None = None


class SessionDesk(Protocol):
    """
    Knows who is signed in at the routes and the sites of a workspace, by its id.

    Both raise SharedUnavailable.
    """

    async def find_all(self, place: str) -> SessionsFound:
        """Those that have not ended."""
        ...

    async def end(self, identity: str, place: str) -> bool:
        """End one for its next request; tell whether it was there."""
        ...


def _show(session: SiteSession) -> dict[str, Any]:
    return {
        "id": session.id,
        "site": session.site,
        "who": session.who,
        "subject": session.subject,
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
        try:
            found = await self.desk.find_all(scoped(request).workspace)
        except SharedUnavailable as error:
            raise refusals.say(503, "sessions cannot be listed now") from error
        rows = [_show(session) for session in found.rows]
        return JSONResponse(
            {"data": rows, "next": None, "incomplete": found.incomplete}
        )

    async def end_session(self, request: Request) -> Response:
        """`DELETE /openid-connect/sessions/{session_id}`."""
        identity = request.path_params["session_id"]
        try:
            is_done = await self.desk.end(identity, scoped(request).workspace)
        except SharedUnavailable as error:
            text = f"the session may still be there: {error}; try again"
            raise refusals.say(503, text) from error
        if not is_done:
            raise refusals.not_found()
        return Response(status_code=204)
