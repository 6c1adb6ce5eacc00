"""
Who may use the Admin API and the Manager: users with tokens, roles, and what roles allow.

A token is seen once, when it is made; what is kept is a hash.

Spec: gateway §1.16; portal §4.1 (Teams).
"""

from __future__ import annotations

import base64
from typing import Any, Final

from starlette.responses import Response

from ostiary.manager.addresses import build_own_url
from ostiary.manager.forms import Form, Sheet
from ostiary.manager.placing import place_problems
from ostiary.manager.schema import Field
from ostiary.manager.stamps import CHANGED, build_stamp
from ostiary.manager.visit import Refused, Visit
from ostiary.ports.admin_client import AdminReply

_TOKEN_BYTES: Final = 32
_MANY: Final = "1000"
_ACTIONS: Final = ("read", "create", "update", "delete")


def _field(name: str, label: str, hint: str = "", **more: Any) -> Field:
    told: dict[str, Any] = {"kind": "string", "widget": "text", **more}
    return Field(path=(name,), label=label, hint=hint, **told)


_NAME: Final = _field("name", "Name", required=True)
_COMMENT: Final = _field("comment", "Comment")
_TOKEN: Final = _field(
    "user_token",
    "Token",
    "Leave empty to have one made; it is shown once.",
    secret=True,
)
_NEW_TOKEN: Final = _field(
    "user_token",
    "New token",
    "Leave empty to keep the one there is. A new one signs its user out everywhere.",
    secret=True,
)
_ENABLED: Final = _field(
    "enabled",
    "Enabled",
    "Without it the token is worth nothing.",
    kind="boolean",
    widget="switch",
    default=True,
)


def _roles_field(names: list[str]) -> Field:
    return _field(
        "roles", "Roles", kind="set", widget="boxes",
        choices=tuple((name, name) for name in names),
    )  # fmt: skip


_RULE: Final = (
    _field("workspace", "Workspace", "A workspace's name, or * for all."),
    _field(
        "endpoint",
        "Path",
        "Such as /services/*; * in a path is one segment, * alone every path.",
        required=True,
    ),
    _field(
        "actions", "Actions", kind="set", widget="boxes",
        choices=tuple((action, action.capitalize()) for action in _ACTIONS),
    ),
    _field(
        "negative",
        "Forbid instead of allow",
        kind="boolean",
        widget="switch",
    ),
)  # fmt: skip


async def _list(visit: Visit, what: str) -> list[dict[str, Any]]:
    found = await visit.get("rbac", what, size=_MANY)
    rows: list[dict[str, Any]] = found["data"]
    return sorted(rows, key=lambda row: str(row["name"]))


async def get_users(visit: Visit) -> Response:
    """The users of this workspace."""
    users = await _list(visit, "users")
    return visit.show("manager-rbac-users.html", here="users", users=users)


async def get_roles(visit: Visit) -> Response:
    """The roles of this workspace."""
    roles = await _list(visit, "roles")
    return visit.show("manager-rbac-roles.html", here="roles", roles=roles)


def _make_token(visit: Visit) -> str:
    made = visit.config.entropy.bytes(_TOKEN_BYTES)
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _refuse(
    visit: Visit, template: str, reply: AdminReply, fields: list[Field], **values: Any
) -> Response:
    """The form again; Any: values of the template."""
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    sheet = Sheet(form=visit.form, errors=place_problems(reply, fields))
    return visit.show(
        template, status=reply.status, fields=fields, sheet=sheet, **values
    )


async def _names_of_roles(visit: Visit) -> list[str]:
    return [str(row["name"]) for row in await _list(visit, "roles")]


async def get_new_user(visit: Visit) -> Response:
    """The form for somebody new."""
    fields = [_NAME, _COMMENT, _TOKEN, _roles_field(await _names_of_roles(visit))]
    return visit.show("manager-rbac-user-new.html", here="users", fields=fields)


async def post_new_user(visit: Visit) -> Response:
    """Make a user with a token and roles."""
    fields = [_NAME, _COMMENT, _TOKEN, _roles_field(await _names_of_roles(visit))]
    typed = visit.form.get("user_token")
    body = {"name": visit.form.get("name"), "user_token": typed or _make_token(visit)}
    if visit.form.get("comment"):
        body["comment"] = visit.form.get("comment")
    reply = await visit.call("POST", "rbac", "users", body=body)
    if not reply.is_good:
        return _refuse(visit, "manager-rbac-user-new.html", reply, fields, here="users")
    identity = str(reply.value["id"])
    wanted, note = set(visit.form.all("roles")), ""
    try:
        await _set_roles(visit, identity, before=set(), wanted=wanted)
    except Refused as refused:
        # The user is there, and nobody could see the token again.
        note = f"The user has no roles yet: {refused.reply.message}"
    if typed and not note:
        return visit.go("rbac", "users", identity, done="created")
    return visit.show(
        "manager-once.html",
        here="users",
        kind=None,
        sheet=Sheet(errors={"": (note,)} if note else {}),
        shown={} if typed else {f"Token of {body['name']}": body["user_token"]},
        back_url=visit.url("rbac", "users", identity),
    )


async def _set_roles(
    visit: Visit, user: str, *, before: set[str], wanted: set[str]
) -> None:
    """Give and take roles. Raises Refused."""
    for method, names in (("POST", wanted - before), ("DELETE", before - wanted)):
        if names:
            body = {"roles": ",".join(sorted(names))}
            reply = await visit.call(method, "rbac", "users", user, "roles", body=body)
            if not reply.is_good:
                raise Refused(reply)


async def _load_user(visit: Visit) -> tuple[dict[str, Any], set[str]]:
    """A user, and the names of their roles. Raises Refused."""
    found = await visit.get("rbac", "users", visit.param("user"), "roles")
    return found["user"], {str(role["name"]) for role in found["roles"]}


async def get_user(visit: Visit) -> Response:
    """A user, as a form."""
    user, roles = await _load_user(visit)
    values = {
        "comment": (user.get("comment") or "",),
        "enabled": ("on",) if user["enabled"] else (),
        "roles": tuple(roles),
        "stamp": (_stamp(user, roles),),
    }
    return visit.show(
        "manager-rbac-user.html",
        here="users",
        user=user,
        fields=await _user_fields(visit),
        sheet=Sheet(form=Form(values)),
    )


def _stamp(user: dict[str, Any], roles: set[str]) -> str:
    return build_stamp([user, sorted(roles)])


async def _user_fields(visit: Visit) -> list[Field]:
    roles = _roles_field(await _names_of_roles(visit))
    return [_ENABLED, _COMMENT, _NEW_TOKEN, roles]


async def post_user(visit: Visit) -> Response:
    """Change a user."""
    user, roles = await _load_user(visit)
    fields = await _user_fields(visit)
    if visit.form.get("stamp") != _stamp(user, roles):
        return visit.show(
            "manager-rbac-user.html",
            status=409,
            here="users",
            user=user,
            fields=fields,
            sheet=Sheet(form=visit.form, errors={"": (CHANGED,)}),
        )
    body: dict[str, Any] = {}
    if visit.form.has("enabled") != user["enabled"]:
        body["enabled"] = visit.form.has("enabled")
    if visit.form.get("comment") != (user.get("comment") or ""):
        body["comment"] = visit.form.get("comment") or None
    if visit.form.get("user_token"):
        body["user_token"] = visit.form.get("user_token")
    if body:
        reply = await visit.call("PATCH", "rbac", "users", user["id"], body=body)
        if not reply.is_good:
            return _refuse(
                visit, "manager-rbac-user.html", reply, fields, here="users", user=user
            )
    wanted = set(visit.form.all("roles"))
    await _set_roles(visit, user["id"], before=roles, wanted=wanted)
    return visit.go("rbac", "users", user["id"], done="saved")


async def get_new_role(visit: Visit) -> Response:
    """The form for one more role."""
    return visit.show(
        "manager-rbac-role-new.html", here="roles", fields=[_NAME, _COMMENT]
    )


async def post_new_role(visit: Visit) -> Response:
    """Make a role; what it allows is said afterwards."""
    body = {
        name: visit.form.get(name)
        for name in ("name", "comment")
        if visit.form.get(name) or name == "name"
    }
    reply = await visit.call("POST", "rbac", "roles", body=body)
    if not reply.is_good:
        fields = [_NAME, _COMMENT]
        return _refuse(visit, "manager-rbac-role-new.html", reply, fields, here="roles")
    return visit.go("rbac", "roles", str(reply.value["id"]), done="created")


async def _role_values(visit: Visit) -> dict[str, Any]:
    """What the page of a role shows. Raises Refused."""
    role = await visit.get("rbac", "roles", visit.param("role"))
    rules = await visit.get("rbac", "roles", role["id"], "endpoints", size=_MANY)
    entities = await visit.look("rbac", "roles", role["id"], "entities", size=_MANY)
    return {
        "here": "roles",
        "role": role,
        "rules": rules["data"],
        "entities": (entities or {}).get("data", []),
    }


async def get_role(visit: Visit) -> Response:
    """A role with its rules, and a form for one more."""
    values = {
        "workspace": (visit.workspace,),
        "actions": ("read",),
    }
    return visit.show(
        "manager-rbac-role.html",
        fields=[*_RULE],
        sheet=Sheet(form=Form(values)),
        **await _role_values(visit),
    )


async def post_role(visit: Visit) -> Response:
    """Add a rule, or take one away."""
    role = visit.param("role")
    if visit.form.get("go") == "remove":
        endpoint = visit.form.get("endpoint").removeprefix("/").split("/")
        reply = await visit.call(
            "DELETE", "rbac", "roles", role, "endpoints",
            visit.form.get("workspace"), *endpoint,
        )  # fmt: skip
        if not reply.is_good:
            raise Refused(reply)
        return visit.go("rbac", "roles", role, done="saved")
    body: dict[str, Any] = {
        "endpoint": visit.form.get("endpoint"),
        "actions": [a for a in _ACTIONS if visit.form.has("actions", a)],
        "negative": visit.form.has("negative"),
    }
    if visit.form.get("workspace"):
        body["workspace"] = visit.form.get("workspace")
    reply = await visit.call("POST", "rbac", "roles", role, "endpoints", body=body)
    if not reply.is_good:
        return _refuse(
            visit,
            "manager-rbac-role.html",
            reply,
            [*_RULE],
            **await _role_values(visit),
        )
    return visit.go("rbac", "roles", role, done="saved")


async def get_delete(visit: Visit) -> Response:
    """Ask whether a user or a role may go."""
    what, row = await _load(visit)
    return visit.show(
        "manager-rbac-delete.html",
        here=what,
        what=what.removesuffix("s"),
        name=row["name"],
        action=build_own_url(visit.request.scope["path"]),
        back_url=visit.url("rbac", what, str(row["id"])),
    )


async def _load(visit: Visit) -> tuple[str, dict[str, Any]]:
    what = "users" if "user" in visit.request.path_params else "roles"
    key = visit.param(what.removesuffix("s"))
    return what, await visit.get("rbac", what, key)


async def post_delete(visit: Visit) -> Response:
    """Let a user or a role go."""
    what, row = await _load(visit)
    reply = await visit.call("DELETE", "rbac", what, str(row["id"]))
    if not reply.is_good:
        raise Refused(reply)
    return visit.go("rbac", what, done="deleted")
