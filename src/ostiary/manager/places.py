"""Workspaces, the overview of one, and what the node says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from ostiary.manager.forms import Form, Sheet
from ostiary.manager.placing import place_problems
from ostiary.manager.schema import Field, pick, read_fields
from ostiary.manager.traffic import CLASSES, RANGES, build_chart, read_minutes
from ostiary.manager.values import build_new, read_values
from ostiary.manager.visit import Refused, Visit
from ostiary.web.replies import redirect

_MANY: Final = "1000"
_COUNTED: Final = (
    ("services", "services", "Services"), ("routes", "routes", "Routes"),
    ("consumers", "consumers", "Consumers"), ("plugins", "plugins", "Plugins"),
    ("upstreams", "upstreams", "Upstreams"), ("certificates", "certificates", "Certificates"),
)  # fmt: skip


async def _count(visit: Visit, name: str) -> Mapping[str, int]:
    told = await visit.look("workspaces", name, "meta") or {}
    found: Mapping[str, int] = told.get("counts", {})
    return found


async def get_workspaces(visit: Visit) -> Response:
    """A card for each workspace that whoever asks may see."""
    rows = await _load_workspaces(visit)
    rows.sort(key=lambda row: (row["name"] != "default", row["name"]))
    cards = []
    for row in rows:
        counts = await _count(visit, row["name"])
        cards.append(
            {
                "name": row["name"],
                "comment": row.get("comment"),
                "portal": (row.get("config") or {}).get("portal"),
                "counts": [
                    (label, counts.get(kind, 0)) for _, kind, label in _COUNTED[:4]
                ],
            }
        )
    return visit.show("manager-workspaces.html", here="workspaces", cards=cards)


async def _load_workspaces(visit: Visit) -> list[dict[str, Any]]:
    """All of them; for who may not see that, those that they are known in. Raises Refused."""
    reply = await visit.call("GET", "workspaces", query={"size": _MANY})
    if reply.status == 403:
        places = visit.person.places if visit.person is not None else ()
        found = [
            await visit.config.admin.call(visit.operator(), "GET", path)
            for name in places
            for path in (f"/{quote(name, safe='')}/workspaces/{quote(name, safe='')}",)
        ]
        if seen := [told.value for told in found if told.is_good]:
            return seen
        return [await visit.get("workspaces", visit.workspace)]
    if not reply.is_good:
        raise Refused(reply)
    rows: list[dict[str, Any]] = reply.value["data"]
    return rows


async def _fields(visit: Visit) -> tuple[Field, ...]:
    return pick(read_fields(await visit.schema("workspaces")), "name", "comment")


async def get_new_workspace(visit: Visit) -> Response:
    """The form for one more."""
    return _show_new(visit, await _fields(visit), Sheet())


def _show_new(
    visit: Visit, fields: tuple[Field, ...], sheet: Sheet, status: int = 200
) -> Response:
    return visit.show(
        "manager-workspace-new.html",
        status=status,
        here="workspaces",
        fields=fields,
        sheet=sheet,
    )


async def post_new_workspace(visit: Visit) -> Response:
    """Make a workspace."""
    fields = await _fields(visit)
    errors: dict[str, tuple[str, ...]] = {}
    body = build_new(fields, read_values(fields, visit.form, errors))
    reply = await visit.call("POST", "workspaces", body=body)
    if reply.status in {401, 403}:
        raise Refused(reply)
    if not reply.is_good:
        sheet = Sheet(form=visit.form, errors=place_problems(reply, fields))
        return _show_new(visit, fields, sheet, reply.status)
    return redirect("/workspaces?done=workspace-created")


def _show_delete(visit: Visit, sheet: Sheet, status: int = 200) -> Response:
    return visit.show(
        "manager-workspace-delete.html", status=status, here="workspace", sheet=sheet
    )


async def get_delete_workspace(visit: Visit) -> Response:
    """Ask whether a workspace may go, with everything in it."""
    await visit.get("workspaces", visit.workspace)
    return _show_delete(visit, Sheet(form=Form()))


async def post_delete_workspace(visit: Visit) -> Response:
    """Let a workspace go."""
    name = visit.workspace
    if visit.form.get("typed") != name:
        errors = {"typed": ("This is not the workspace's name.",)}
        return _show_delete(visit, Sheet(form=visit.form, errors=errors), 400)
    query = {"cascade": "true"} if visit.form.has("cascade") else {}
    reply = await visit.call("DELETE", "workspaces", name, query=query)
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    if not reply.is_good:
        errors = {"": (reply.message,)}
        return _show_delete(visit, Sheet(form=visit.form, errors=errors), reply.status)
    return redirect("/workspaces?done=workspace-deleted")


async def get_overview(visit: Visit) -> Response:
    """What a workspace holds, and how the node is."""
    # Whoever may not see the workspace sees no overview of it.
    row = await visit.get("workspaces", visit.workspace)
    counts = await _count(visit, visit.workspace)
    status = await visit.look("status")
    issuers = await visit.look("openid-connect", "issuers")
    info = await visit.look()
    minutes = read_minutes(visit.query("range"))
    path = ("vitals", "status_codes", "by_workspace")
    told = await visit.look(*path, minutes=str(minutes))
    now = int(visit.config.clock.now())
    return visit.show(
        "manager-overview.html",
        chart=None if told is None else build_chart(told, minutes, now=now),
        ranges=RANGES,
        classes=CLASSES,
        here="overview",
        row=row,
        counts=[
            (label, counts.get(kind, 0), visit.url(path))
            for path, kind, label in _COUNTED
        ],
        state=status,
        workers=_read_workers(status),
        issuers=None if issuers is None else issuers["data"],
        info=info,
    )


def _read_workers(status: Any) -> list[dict[str, Any]]:  # Any: JSON
    if not isinstance(status, Mapping):
        return []
    memory = status["memory"]["workers_lua_vms"]
    revision = status["configuration_hash"]
    return [
        {
            "number": number,
            "is_current": found == revision,
            "revision": found,
            **(memory[place] if place < len(memory) else {"pid": "", "http_allocated_gc": ""}),
        }
        for place, (number, found) in enumerate(status["workers"].items())
    ]  # fmt: skip


async def get_kconfig(visit: Visit) -> Response:
    """`/kconfig.js`, by which scripts that were made for Kong Manager find the Admin API."""
    told = json.dumps({**visit.config.kconfig}, indent=2)
    return Response(
        f"window.K_CONFIG = {told}\n",
        media_type="text/javascript",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


async def get_info(visit: Visit) -> Response:
    """The node: version, addresses, plugins, and every setting that is no secret."""
    info = await visit.get()
    settings = [
        (name, _say(value)) for name, value in sorted(info["configuration"].items())
    ]
    return visit.show(
        "manager-info.html", here="info", info=info, settings=settings, say=_say
    )


def _say(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_say, value)) or "–"
    if isinstance(value, Mapping):
        # A listener.
        return value.get("listener") or " ".join(str(v) for v in value.values())
    if isinstance(value, bool):
        return "on" if value else "off"
    return "–" if value is None or value == "" else str(value)
