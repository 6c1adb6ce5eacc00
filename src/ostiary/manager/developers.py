"""
The developers of a workspace's portal: who waits, and what becomes of them.

Spec: portal §§1.5, 1.7, 4.1 (Dev Portal › Developers), 4.3 (the acceptance script).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from ostiary.manager.developer_credentials import (
    LABELS,
    change_credentials,
    read_credentials,
    show_new,
)
from ostiary.manager.forms import Sheet
from ostiary.manager.placing import flatten
from ostiary.manager.visit import Refused, Visit

Json = dict[str, Any]  # Any: JSON
PAGE: Final = "25"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What can be done to somebody: the status that they get, and the button's word."""

    status: int
    label: str
    is_quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """The developers of one status."""

    key: str
    label: str
    status: int
    acts: tuple[Act, ...]
    nobody: str


_APPROVE: Final = Act(status=0, label="Approve")
_REJECT: Final = Act(status=2, label="Reject", is_quiet=True)
TABS: Final[Mapping[str, Tab]] = {
    tab.key: tab
    for tab in (
        Tab(key="requested", label="Requested access", status=1, acts=(_APPROVE, _REJECT), nobody="Nobody waits for approval."),
        Tab(key="approved", label="Approved", status=0, acts=(Act(status=3, label="Revoke", is_quiet=True),), nobody="Nobody has been approved yet."),
        Tab(key="rejected", label="Rejected", status=2, acts=(_APPROVE,), nobody="Nobody has been rejected."),
        Tab(key="revoked", label="Revoked", status=3, acts=(Act(status=0, label="Approve again"),), nobody="Nobody's access has been revoked."),
        Tab(key="unverified", label="Unverified", status=5, acts=(_APPROVE, _REJECT), nobody="Nobody's address waits to be verified."),
    )
}  # fmt: skip
_OF_STATUS: Final = {tab.status: tab for tab in TABS.values()}


async def go_to_requests(visit: Visit) -> Response:
    """Who waits comes first."""
    return visit.go("developers", "requested")


async def get_tab(visit: Visit) -> Response:
    """The developers of one status."""
    tab = TABS.get(visit.param("tab"))
    if tab is None:
        return await get_developer(visit)
    told = await visit.get(
        "developers", status=str(tab.status), size=PAGE, **_offset(visit)
    )
    return visit.show(
        "manager-developers.html",
        here="developers",
        tab=tab,
        tabs=[*TABS.values()],
        counts=await _count(visit),
        rows=[_show(row) for row in told["data"]],
        next_url=visit.url("developers", tab.key, offset=told.get("offset") or ""),
        has_more=bool(told.get("offset")),
        first_url=visit.url("developers", tab.key) if visit.query("offset") else "",
    )


def _offset(visit: Visit) -> dict[str, str]:
    said = visit.query("offset")
    return {"offset": said} if said else {}


async def _count(visit: Visit) -> dict[str, int]:
    found: dict[str, int] = {}
    for tab in TABS.values():
        told = await visit.look("developers", status=str(tab.status), size="1")
        found[tab.key] = 0 if told is None else told["total"]
    return found


def _show(row: Json) -> Json:
    try:
        meta = json.loads(row["meta"])
    except ValueError:
        meta = {}
    said = meta.get("full_name") if isinstance(meta, dict) else None
    name = said if isinstance(said, str) and said.strip() else row["email"]
    tab = _OF_STATUS[row["status"]]
    return {**row, "name": name, "said": meta, "tab": tab}


async def get_developer(visit: Visit) -> Response:
    """One developer: what they said of themselves, and their roles."""
    row = await visit.get("developers", visit.param("tab"))
    return await _show_developer(visit, row, Sheet())


async def _show_developer(
    visit: Visit, row: Json, sheet: Sheet, status: int = 200
) -> Response:
    told = await visit.look("developers", "roles") or {"data": []}
    apps = await visit.look("developers", row["id"], "applications")
    return visit.show(
        "manager-developer.html",
        status=status,
        here="developers",
        row=_show(row),
        roles=[role["name"] for role in told["data"]],
        applications=[] if apps is None else apps["data"],
        credentials=await read_credentials(visit, row["id"]),
        labels=LABELS,
        sheet=sheet,
    )


async def post_developer(visit: Visit) -> Response:
    """Approve, reject, revoke, delete, or give roles."""
    key = visit.param("tab")
    row = await visit.get("developers", key)
    tab = _OF_STATUS[row["status"]]
    match visit.form.get("go"):
        case "add-credential" | "delete-credential":
            reply = await change_credentials(visit, row["id"])
            if reply.status == 201:
                return show_new(visit, _show(row), reply.value)
            done = "credential-deleted"
        case "delete":
            reply = await visit.call("DELETE", "developers", row["id"])
            done = "developer-deleted"
        case "roles":
            body: Json = {"roles": [*visit.form.all("roles")]}
            reply = await visit.call("PATCH", "developers", row["id"], body=body)
            done = "saved"
        case _:
            status = visit.form.get("status")
            body = {"status": int(status) if status.isdecimal() else status}
            reply = await visit.call("PATCH", "developers", row["id"], body=body)
            done = f"developer-{status}"
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    if not reply.is_good:
        texts = [text for _, text in flatten(reply.fields)] or [reply.message]
        return await _show_developer(visit, row, Sheet(errors={"": tuple(texts)}), 400)
    if visit.form.get("go") in {"roles", "delete-credential"}:
        return visit.go("developers", row["id"], done=done)
    return visit.go("developers", tab.key, done=done)


async def post_invite(visit: Visit) -> Response:
    """Mail the way to the registration to some addresses."""
    typed = visit.form.text("emails").replace("\n", ",").split(",")
    emails = [email.strip() for email in typed if email.strip()]
    reply = await visit.call("POST", "developers", "invite", body={"emails": emails})
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    errors: dict[str, tuple[str, ...]] = {}
    told: Json = {}
    if reply.is_good:
        told = reply.value
        failed = told["error"]["emails"]
        texts = tuple(f"{email}: {why}" for email, why in failed.items())
        errors = {"emails": texts} if texts else {}
    else:
        texts = tuple(_at(path, text, emails) for path, text in flatten(reply.fields))
        errors = {"emails": texts or (reply.message,)}
    return visit.show(
        "manager-developers-invite.html",
        status=200 if reply.is_good else 400,
        here="developers",
        sheet=Sheet(form=visit.form, errors=errors),
        told=told,
    )


def _at(path: tuple[str, ...], text: str, emails: list[str]) -> str:
    """A problem with one of several, by what was typed."""
    place = path[-1] if path else ""
    if place.isdecimal() and 0 < int(place) <= len(emails):
        return f"{emails[int(place) - 1]}: {text}"
    if place == "emails" and len(emails) == 1:
        return f"{emails[0]}: {text}"
    return text


async def get_invite(visit: Visit) -> Response:
    """The form for addresses."""
    return visit.show(
        "manager-developers-invite.html", here="developers", sheet=Sheet(), told={}
    )


async def get_export(visit: Visit) -> Response:
    """Addresses and statuses, as a file."""
    reply = await visit.call("GET", "developers", "export")
    if not reply.is_good:
        raise Refused(reply)
    headers = {
        "Content-Disposition": 'attachment; filename="developers.csv"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(reply.text, 200, headers, "text/csv")


async def get_roles(visit: Visit) -> Response:
    """The roles that pages can be for."""
    return await _show_roles(visit, Sheet())


async def _show_roles(visit: Visit, sheet: Sheet, status: int = 200) -> Response:
    told = await visit.get("developers", "roles")
    return visit.show(
        "manager-developer-roles.html",
        status=status,
        here="developer-roles",
        rows=told["data"],
        sheet=sheet,
    )


async def post_roles(visit: Visit) -> Response:
    """Make a role, or let one go."""
    form = visit.form
    if form.get("go") == "delete":
        reply = await visit.call("DELETE", "developers", "roles", form.get("role"))
    else:
        body = {"name": form.get("name"), "comment": form.get("comment") or None}
        reply = await visit.call("POST", "developers", "roles", body=body)
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    if not reply.is_good:
        errors = {path[0]: (text,) for path, text in flatten(reply.fields) if path}
        sheet = Sheet(form=form, errors=errors or {"": (reply.message,)})
        return await _show_roles(visit, sheet, reply.status)
    return visit.go("developer-roles", done="saved")
