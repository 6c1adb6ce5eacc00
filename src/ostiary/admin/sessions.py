"""
`/openid-connect/sessions`: who is signed in at the node's own sites, and ending that.

Sessions of the gateway's plugins are not among them: they lie in browsers' cookies, or in a Redis
under names that tell nobody whose they are.

Spec: decision D14 (an admin's end); decision 0047.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.admin import refusals
from ostiary.ports.shared import SharedUnavailable

PATHS = ("/openid-connect/sessions", "/openid-connect/sessions/{session_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSession:
    """
    One session. `id` opens nothing; times are Unix seconds.

    `who` is None where only the person's own cookie can tell: of portals where a provider signs in.
    `workspace` is a portal's.
    """

    id: str
    site: Literal["manager", "portal"]
    who: str | None = None
    workspace: str | None = None
    began_at: int | None = None
    seen_at: int | None = None
    ends_at: int | None = None


class SessionDesk(Protocol):
    """Knows the sessions of the node's sites. Both raise SharedUnavailable."""

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
        "began_at": session.began_at,
        "seen_at": session.seen_at,
        "ends_at": session.ends_at,
    }


@dataclass(frozen=True, slots=True)
class SessionEndpoints:
    """Lists and ends sessions."""

    desk: SessionDesk

    async def list_sessions(self, _: Request) -> Response:
        """`GET /openid-connect/sessions`."""
        try:
            found = await self.desk.find_all()
        except SharedUnavailable as error:
            raise refusals.say(503, "sessions cannot be listed now") from error
        rows = [_show(session) for session in found]
        return JSONResponse({"data": rows, "next": None})

    async def end_session(self, request: Request) -> Response:
        """`DELETE /openid-connect/sessions/{session_id}`."""
        try:
            is_done = await self.desk.end(request.path_params["session_id"])
        except SharedUnavailable as error:
            text = "the session may still be there: try again"
            raise refusals.say(503, text) from error
        if not is_done:
            raise refusals.not_found()
        return Response(status_code=204)
