"""
Who is signed in, and ending that.

Spec: decisions D14, 0047, 0050.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from ostiary.manager.oidc import NAME as OPENID_CONNECT
from ostiary.manager.visit import Refused, Visit

_MANY: Final = "1000"


async def get_sessions(visit: Visit) -> Response:
    """The sessions of the Manager, of the workspace's portal, and at its routes."""
    told = await visit.get("openid-connect", "sessions")
    rows: list[dict[str, Any]] = told["data"]
    plugins = await _name_plugins(visit)
    return visit.show(
        "manager-sessions.html",
        here="sessions",
        managers=[row for row in rows if row["site"] == "manager"],
        portals=[row for row in rows if row["site"] == "portal"],
        routes=[
            {**row, "plugin_name": plugins.get(row["plugin"]["id"])}
            for row in rows
            if row["site"] == "gateway"
        ],
        signs_in=bool(plugins),
        incomplete=told["incomplete"],
        asks=visit.gate.asks,
        own=visit.gate.name_session(visit.request),
    )


async def _name_plugins(visit: Visit) -> dict[str, str]:
    """What the plugins that sign people in are called, by id; nothing where nobody may see them."""
    told = await visit.look("plugins", size=_MANY)
    return {
        row["id"]: row.get("instance_name") or f"openid-connect {row['id'][:8]}"
        for row in ([] if told is None else told["data"])
        if row["name"] == OPENID_CONNECT
    }


async def post_sessions(visit: Visit) -> Response:
    """End a session; one that has ended meanwhile has ended."""
    reply = await visit.call(
        "DELETE", "openid-connect", "sessions", visit.form.get("session")
    )
    if not reply.is_good and reply.status != 404:
        raise Refused(reply)
    return visit.go("sessions", done="session-ended")
