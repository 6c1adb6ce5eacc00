"""
Teams: the admins of a workspace, how they come in, and what they may do; groups of the provider.

Spec: portal §2.7, §4.1 (Teams: invite, registration link, roles per workspace, map groups).
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from ostiary.manager.forms import Form, Sheet
from ostiary.manager.placing import place_problems
from ostiary.manager.schema import Field
from ostiary.manager.stamps import CHANGED, build_stamp
from ostiary.manager.visit import DEFAULT, Refused, Visit
from ostiary.ports.admin_client import AdminReply

Json = dict[str, Any]  # Any: JSON
_MANY: Final = "1000"
_INVITED: Final = 4
_LINK: Final = {"generate_register_url": "true"}
# What the Admin API says to whoever could have a link and asks for none.
_NOT_BY_HEAD: Final = 405
STATUS: Final = {
    0: ("Active", "good"),
    1: ("Pending", "note"),
    2: ("Rejected", "bad"),
    3: ("Revoked", "bad"),
    4: ("Invited", "note"),
    5: ("Unverified", "note"),
}
# The statuses that an admin can be given, by the one that they have: (status, button).
_ACTS: Final = {
    0: ((3, "Revoke"),),
    2: ((0, "Let in again"),),
    3: ((0, "Let in again"),),
    4: ((2, "Withdraw the invitation"),),
}


def _field(name: str, label: str, hint: str = "", **more: Any) -> Field:
    told: Json = {"kind": "string", "widget": "text", **more}
    return Field(path=(name,), label=label, hint=hint, **told)


_EMAIL: Final = _field(
    "email", "E-mail address", "Where a provider signs admins in: the one that it has verified.", required=True,
)  # fmt: skip
_USERNAME: Final = _field("username", "Name", "How pages and the audit log call them; for a provider whose claim is no address, what it says.", required=True)  # fmt: skip
_CUSTOM_ID: Final = _field("custom_id", "Custom ID")
_TOKEN: Final = _field(
    "rbac_token_enabled", "May have an RBAC token", "Without it there is none for the Admin API.",
    kind="boolean", widget="switch", default=True,
)  # fmt: skip
_INVITE: Final = (_EMAIL, _USERNAME, _CUSTOM_ID, _TOKEN)
_GROUP: Final = (
    _field("name", "Name", "As the provider says it.", required=True),
    _field("comment", "Comment"),
)


async def get_admins(visit: Visit) -> Response:
    """The admins of this workspace; of `default` everybody."""
    more = {"all_workspaces": "true"} if visit.workspace == DEFAULT else {}
    found = await visit.get("admins", size=_MANY, **more)
    return visit.show(
        "manager-admins.html", here="admins", admins=found["data"], status_of=STATUS
    )


def _show_invite(visit: Visit, sheet: Sheet, status: int = 200) -> Response:
    return visit.show(
        "manager-admin-invite.html",
        status=status,
        here="admins",
        fields=_INVITE,
        sheet=sheet,
    )


async def get_invite(visit: Visit) -> Response:
    """The form for somebody who may come."""
    values = {"rbac_token_enabled": ("on",)}
    return _show_invite(visit, Sheet(form=Form(values)))


def _read_fields(visit: Visit) -> Json:
    body: Json = {
        name: visit.form.get(name) or None
        for name in ("email", "username", "custom_id")
    }
    return {**body, "rbac_token_enabled": visit.form.has("rbac_token_enabled")}


async def post_invite(visit: Visit) -> Response:
    """Invite somebody, without roles yet."""
    body = {k: v for k, v in _read_fields(visit).items() if v is not None}
    reply = await visit.call("POST", "admins", body=body)
    if not reply.is_good:
        return _show_invite(visit, _problems(visit, reply, _INVITE), reply.status)
    return visit.go("admins", str(reply.value["admin"]["id"]), done="invited")


def _problems(visit: Visit, reply: AdminReply, fields: tuple[Field, ...]) -> Sheet:
    """The form with what is wrong. Raises Refused where that is nothing of the form's."""
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    return Sheet(form=visit.form, errors=place_problems(reply, fields))


async def _load(visit: Visit) -> tuple[Json, Json]:
    """An admin, and what stands beside them. Raises Refused."""
    row: Json = await visit.get("admins", visit.param("admin"))
    held = await visit.get("admins", row["id"], "roles")
    there = await visit.look("rbac", "roles", size=_MANY) or {"data": []}
    places = await visit.look("admins", row["id"], "workspaces") or []
    return row, {
        "offers_link": row["status"] == _INVITED and await _offers_link(visit, row),
        "held": sorted(str(role["name"]) for role in held["roles"]),
        "roles": sorted(str(role["name"]) for role in there["data"]),
        "places": sorted(str(place["name"]) for place in places),
    }


async def _offers_link(visit: Visit, row: Json) -> bool:
    """Whether this person may make a link for an admin: asked without making one."""
    reply = await visit.call("HEAD", "admins", row["id"], query=_LINK)
    return reply.status == _NOT_BY_HEAD


def _stamp(row: Json, beside: Json) -> str:
    return build_stamp([row, beside["held"]])


async def _show(
    visit: Visit, sheet: Sheet | None = None, status: int = 200
) -> Response:
    row, beside = await _load(visit)
    if sheet is None:
        values = {
            name: (str(row[name] or ""),) for name in ("email", "username", "custom_id")
        }
        on = ("on",) if row["rbac_token_enabled"] else ()
        sheet = Sheet(form=Form({**values, "rbac_token_enabled": on}))
    return visit.show(
        "manager-admin.html",
        status=status,
        here="admins",
        row=row,
        state=STATUS[row["status"]],
        acts=_ACTS.get(row["status"], ()),
        fields=_INVITE,
        sheet=sheet,
        stamp=_stamp(row, beside),
        **beside,
    )


async def get_admin(visit: Visit) -> Response:
    """One admin: who they are, their roles here, and how they come in."""
    return await _show(visit)


async def post_admin(visit: Visit) -> Response:
    """Change one: their status, their roles, what they are known by; or make a link."""
    row, beside = await _load(visit)
    go = visit.form.get("go")
    if go == "link":
        return await _show_link(visit, row)
    if visit.form.get("stamp") != _stamp(row, beside):
        return await _show(visit, Sheet(form=visit.form, errors={"": (CHANGED,)}), 409)
    if go == "roles":
        await _set_roles(visit, row["id"], {*beside["held"]})
        return visit.go("admins", row["id"], done="saved")
    body: Json
    if go == "status":
        said = visit.form.get("status")
        body = {"status": int(said) if said.isdecimal() and len(said) == 1 else -1}
    else:
        typed = _read_fields(visit)
        body = {k: v for k, v in typed.items() if v != row[k]}
    if not body:
        return visit.go("admins", row["id"], done="same")
    reply = await visit.call("PATCH", "admins", row["id"], body=body)
    if not reply.is_good:
        return await _show(visit, _problems(visit, reply, _INVITE), reply.status)
    return visit.go("admins", row["id"], done="saved")


async def _set_roles(visit: Visit, admin: str, before: set[str]) -> None:
    """Give and take roles of this workspace. Raises Refused."""
    wanted = set(visit.form.all("roles"))
    for method, names in (("POST", wanted - before), ("DELETE", before - wanted)):
        if names:
            body = {"roles": ",".join(sorted(names))}
            reply = await visit.call(method, "admins", admin, "roles", body=body)
            if not reply.is_good:
                raise Refused(reply)


async def _show_link(visit: Visit, row: Json) -> Response:
    """A registration link, once; the ones before it are worth nothing."""
    reply = await visit.call("GET", "admins", row["id"], query=_LINK)
    if not reply.is_good:
        return await _show(visit, _problems(visit, reply, _INVITE), reply.status)
    return visit.show(
        "manager-once.html",
        here="admins",
        kind=None,
        sheet=Sheet(),
        shown={f"Link for {row['username']}": reply.value["register_url"]},
        back_url=visit.url("admins", row["id"]),
    )


async def get_delete(visit: Visit) -> Response:
    """Ask whether an admin or a group may go."""
    what, row = await _load_one(visit)
    return visit.show(
        "manager-team-delete.html",
        here=what,
        what=what.removesuffix("s"),
        name=row.get("username") or row["name"],
        action=visit.url(what, row["id"], "delete"),
        back_url=visit.url(what, row["id"]),
    )


async def _load_one(visit: Visit) -> tuple[str, Json]:
    what = "admins" if "admin" in visit.request.path_params else "groups"
    row: Json = await visit.get(what, visit.param(what.removesuffix("s")))
    return what, row


async def post_delete(visit: Visit) -> Response:
    """Let an admin or a group go."""
    what, row = await _load_one(visit)
    reply = await visit.call("DELETE", what, row["id"])
    if not reply.is_good:
        raise Refused(reply)
    return visit.go(what, done="deleted")


# Groups of the provider.


async def get_groups(visit: Visit) -> Response:
    """What the provider calls groups."""
    found = await visit.get("groups", size=_MANY)
    rows = sorted(found["data"], key=lambda row: str(row["name"]))
    return visit.show("manager-groups.html", here="groups", groups=rows)


def _show_group_form(visit: Visit, sheet: Sheet, status: int = 200) -> Response:
    return visit.show(
        "manager-group-new.html",
        status=status,
        here="groups",
        fields=_GROUP,
        sheet=sheet,
    )


async def get_new_group(visit: Visit) -> Response:
    """The form for one more group."""
    return _show_group_form(visit, Sheet())


async def post_new_group(visit: Visit) -> Response:
    """Name a group."""
    body = {
        name: visit.form.get(name)
        for name in ("name", "comment")
        if visit.form.get(name)
    }
    reply = await visit.call("POST", "groups", body=body)
    if not reply.is_good:
        return _show_group_form(visit, _problems(visit, reply, _GROUP), reply.status)
    return visit.go("groups", str(reply.value["id"]), done="created")


_GROUP_ROLE: Final = (
    _field("workspace_id", "Workspace", "A workspace's name.", required=True),
    _field("rbac_role_id", "Role", "The name of a role of that workspace.", required=True),
)  # fmt: skip


async def _show_group(
    visit: Visit, sheet: Sheet | None = None, status: int = 200
) -> Response:
    row = await visit.get("groups", visit.param("group"))
    told = await visit.get("groups", row["id"], "roles")
    usual = Sheet(form=Form({"workspace_id": (visit.workspace,)}))
    return visit.show(
        "manager-group.html",
        status=status,
        here="groups",
        row=row,
        roles=told["data"],
        fields=_GROUP_ROLE,
        sheet=sheet or usual,
    )


async def get_group(visit: Visit) -> Response:
    """A group and the roles of whoever is in it."""
    return await _show_group(visit)


async def post_group(visit: Visit) -> Response:
    """Give a group a role, or take one."""
    group = visit.param("group")
    method = "DELETE" if visit.form.get("go") == "remove" else "POST"
    body = {
        name: visit.form.get(name)
        for name in ("workspace_id", "rbac_role_id")
        if visit.form.get(name)
    }
    reply = await visit.call(method, "groups", group, "roles", body=body)
    if not reply.is_good:
        sheet = _problems(visit, reply, _GROUP_ROLE)
        return await _show_group(visit, sheet, reply.status)
    return visit.go("groups", group, done="saved")
