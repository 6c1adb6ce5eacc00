"""
What happened: the audit log with its filters, and why sign-ins were decided as they were.

Spec: portal §4.4; gateway §1.17; decision 0022.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from starlette.responses import Response

from ostiary.manager.forms import Form, Sheet
from ostiary.manager.visit import Refused, Visit
from ostiary.pages.rendering import DEBUGGER_DESIGN

_PAGE: Final = "25"
_REQUESTS: Final = ("method", "path", "status", "rbac_user_name", "workspace", "request_id")  # fmt: skip
_OBJECTS: Final = ("dao_name", "operation", "entity_key", "request_id")
_TIMES: Final = ("after", "before")


def read_moment(text: str) -> str:
    """A date and time of a form, in UTC, as Unix seconds; as it is where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return str(int(found.replace(tzinfo=found.tzinfo or UTC).timestamp()))


async def get_audit(visit: Visit) -> Response:
    """The records of requests, or of rows, newest first."""
    what = "objects" if visit.query("of") == "objects" else "requests"
    names = (_OBJECTS if what == "objects" else _REQUESTS) + _TIMES
    asked = {name: visit.query(name) for name in names if visit.query(name)}
    query = {n: read_moment(v) if n in _TIMES else v for n, v in asked.items()}
    query |= {"size": _PAGE}
    if visit.query("page"):
        query["offset"] = visit.query("page")
    reply = await visit.call("GET", "audit", what, query=query)
    if reply.status in {401, 403}:
        raise Refused(reply)
    found: Any = reply.value if reply.is_good else {"data": [], "total": 0}
    following = found.get("offset") or ""
    return visit.show(
        "manager-audit.html",
        here="audit",
        what=what,
        records=found["data"],
        total=found["total"],
        is_off=reply.status == 404,
        problem="" if reply.is_good or reply.status == 404 else reply.message,
        is_filtered=bool(asked),
        sheet=Sheet(form=Form({name: (value,) for name, value in asked.items()})),
        next_url=visit.url("audit", of=what, **asked, page=following)
        if following
        else "",
        first_url=visit.url("audit", of=what, **asked) if visit.query("page") else "",
        all_url=visit.url("audit", of=what),
        other_url=visit.url("audit"),
        objects_url=visit.url("audit", of="objects"),
        pretty=_pretty,
    )


def _pretty(text: object) -> str:
    """JSON that was kept as a text, to be read by people."""
    if not isinstance(text, str):
        return json.dumps(text, indent=2, ensure_ascii=False)
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


async def get_flows(visit: Visit) -> Response:
    """The latest sign-in decisions."""
    found = await visit.get("openid-connect", "flows")
    return visit.show("manager-flows.html", here="flows", flows=found["data"])


async def get_flow(visit: Visit) -> Response:
    """Why one request was decided as it was."""
    found = await visit.get("openid-connect", "flows", visit.param("request_id"))
    debugger = visit.config.debugger
    return visit.show(
        "manager-flow.html",
        here="flows",
        flow=found,
        as_json=_pretty(found),
        debug=None if debugger is None else debugger.replay(found),
        designs=(DEBUGGER_DESIGN,),
    )
