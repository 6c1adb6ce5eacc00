"""
Who is signed in, and ending that.

Spec: decisions D14, 0047.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from ostiary.manager.oidc import NAME as OPENID_CONNECT
from ostiary.manager.visit import Refused, Visit

_MANY: Final = "1000"


async def get_sessions(visit: Visit) -> Response:
    """The sessions of the Manager and of portals; of the gateway, why they cannot be listed."""
    told = await visit.get("openid-connect", "sessions")
    rows: list[dict[str, Any]] = told["data"]
    return visit.show(
        "manager-sessions.html",
        here="sessions",
        managers=[row for row in rows if row["site"] == "manager"],
        portals=[row for row in rows if row["site"] == "portal"],
        plugins=await _read_plugins(visit),
        asks=visit.gate.asks,
        own=visit.gate.name_session(visit.request),
    )


async def _read_plugins(visit: Visit) -> list[dict[str, Any]] | None:
    """The plugins that sign people in, and where their sessions lie; None where nobody may see."""
    told = await visit.look("plugins", size=_MANY)
    if told is None:
        return None
    return [
        {
            "id": row["id"],
            "name": row.get("instance_name") or f"openid-connect {row['id'][:8]}",
            "storage": row["config"].get("session_storage"),
        }
        for row in told["data"]
        if row["name"] == OPENID_CONNECT
    ]


async def post_sessions(visit: Visit) -> Response:
    """End a session; one that has ended meanwhile has ended."""
    reply = await visit.call(
        "DELETE", "openid-connect", "sessions", visit.form.get("session")
    )
    if not reply.is_good and reply.status != 404:
        raise Refused(reply)
    return visit.go("sessions", done="session-ended")
