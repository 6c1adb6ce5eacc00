"""
Consumer groups, and who is in them.

Spec: gateway §1.4 (consumer groups).
"""

from __future__ import annotations

from starlette.responses import Response

from ostiary.manager.forms import Form, Sheet
from ostiary.manager.kinds import KINDS, name_of
from ostiary.manager.rows import load_fields, load_row, show_row
from ostiary.manager.visit import Refused, Visit

_GROUPS = KINDS["consumer_groups"]


async def _show(visit: Visit, sheet: Sheet, status: int = 200) -> Response:
    row = await load_row(visit, _GROUPS.path, visit.param("id"))
    found = await visit.look(_GROUPS.path, row["id"], "consumers") or {}
    members = [
        (str(one["id"]), name_of(one, "consumers")) for one in found.get("data", ())
    ]
    return await show_row(
        visit,
        _GROUPS,
        row,
        await load_fields(visit, _GROUPS),
        members=sorted(members, key=lambda pair: pair[1]),
        sheet=sheet,
        status=status,
    )


async def get_group(visit: Visit) -> Response:
    """A group with its members."""
    return await _show(visit, Sheet())


async def post_members(visit: Visit) -> Response:
    """Put a consumer into the group, or take one out."""
    identity, consumer = visit.param("id"), visit.form.get("consumer")
    steps = (_GROUPS.path, identity, "consumers")
    if visit.form.get("go") == "remove":
        reply = await visit.call("DELETE", *steps, consumer)
    else:
        reply = await visit.call("POST", *steps, body={"consumer": consumer or None})
    if reply.status in {401, 403}:
        raise Refused(reply)
    if not reply.is_good:
        said = reply.fields.get("consumer") or (
            "there is no such consumer" if reply.status == 404 else reply.message
        )
        sheet = Sheet(
            form=Form({"consumer": (consumer,)}), errors={"consumer": (str(said),)}
        )
        return await _show(visit, sheet, 400)
    return visit.go(_GROUPS.path, identity, done="saved")
