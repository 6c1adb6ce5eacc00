"""
The Developer Portal of a workspace: on or off, how people sign in, and who registered.

Spec: portal §4.1 (Dev Portals), §4.3 (approving a developer).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.responses import Response

from ostiary.manager.forms import Form, Sheet
from ostiary.manager.placing import place_problems
from ostiary.manager.rows import missing
from ostiary.manager.schema import Field, Group, pick, read_fields, without
from ostiary.manager.values import build_changes, read_values, write_values
from ostiary.manager.visit import Refused, Visit
from ostiary.model.portal import (
    APPROVED,
    PENDING,
    REJECTED,
    REVOKED,
    STATUS_NAMES,
    TRANSITIONS,
    UNVERIFIED,
)

_PAGE: Final = "25"
_TABS: Final = (
    (PENDING, "Requested access"), (APPROVED, "Approved"), (REVOKED, "Revoked"),
    (REJECTED, "Rejected"), (UNVERIFIED, "Unverified"),
)  # fmt: skip
# What is done, to what status it leads, and how it is said where access was taken before.
_ACTIONS: Final = (
    ("approve", APPROVED, "Approve"), ("reject", REJECTED, "Reject"), ("revoke", REVOKED, "Revoke"),
)  # fmt: skip
_GROUPS: Final = (
    ("Authentication", (
        "portal_auth", "portal_auth_conf", "portal_auto_approve", "portal_oidc_auto_register",
        "portal_oidc_trust_email",
    )),
    ("What developers tell of themselves", ("portal_developer_meta_fields",)),
    ("Mail", (
        "portal_invite_email", "portal_access_request_email", "portal_approved_email",
        "portal_emails_from", "portal_emails_reply_to", "portal_smtp_admin_emails",
    )),
    ("Advanced", ("portal_cors_origins",)),
)  # fmt: skip
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "portal": ("Developer Portal", "Serve the pages of this workspace's portal."),
    "portal_auth": ("How developers sign in", "Without a choice as the node's settings say."),
    "portal_auth_conf": ("Auth Config (JSON)", "The configuration of the openid-connect plugin, as a JSON object."),
    "portal_auto_approve": ("Approve new developers at once", "Without a choice as the node's settings say."),
    "portal_oidc_auto_register": ("Register people at their first sign-in", ""),
    "portal_oidc_trust_email": ("Trust the provider's e-mail addresses", ""),
    "portal_developer_meta_fields": ("Developer meta fields (JSON)", "An array of fields: label, title, and validator with required and type."),
    "portal_invite_email": ("Mail those who are invited", ""),
    "portal_access_request_email": ("Mail admins when somebody asks for access", ""),
    "portal_approved_email": ("Mail developers when they are approved", ""),
    "portal_emails_from": ("Sender", "Without one as the node's settings say."),
    "portal_emails_reply_to": ("Reply to", ""),
    "portal_smtp_admin_emails": ("Admins' addresses", "One a line."),
    "portal_cors_origins": ("Origins that may call the portal's API", "One a line."),
}  # fmt: skip
_LONG: Final = frozenset({"portal_auth_conf", "portal_developer_meta_fields"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that can be made of a developer."""

    name: str
    label: str


def list_actions(status: int) -> tuple[Action, ...]:
    """What can be made of a developer with a status."""
    reachable = TRANSITIONS.get(status, frozenset())
    said = {APPROVED: "Approve again"} if status in {REVOKED, REJECTED} else {}
    return tuple(
        Action(name=name, label=said.get(to, label))
        for name, to, label in _ACTIONS
        if to in reachable
    )


async def _load_settings(visit: Visit) -> tuple[dict[str, Any], Field]:
    """The workspace, and the field that its configuration is. Raises Refused."""
    row = await visit.get("workspaces", visit.workspace)
    found = pick(read_fields(await visit.schema("workspaces")), "config")[0]
    dressed = tuple(
        replace(
            f,
            label=_WORDS.get(f.name, (f.label, ""))[0],
            hint=_WORDS.get(f.name, ("", f.hint))[1],
            widget="area" if f.name in _LONG else f.widget,
        )
        for f in found.fields
    )
    return row, replace(found, fields=dressed)


def _build_groups(config: Field) -> tuple[Group, ...]:
    named = [name for _, names in _GROUPS for name in names]
    groups = [
        Group(title=title, fields=pick(config.fields, *names))
        for title, names in _GROUPS
    ]
    rest = without(config.fields, "portal", *named)
    groups.append(Group(title="Other", fields=rest))
    return tuple(group for group in groups if group.fields)


async def _show_portal(
    visit: Visit, row: Mapping[str, Any], config: Field, sheet: Sheet, status: int = 200
) -> Response:
    pending = await visit.look("developers", size="1", status=str(PENDING)) or {}
    gui = visit.config.portal_gui
    return visit.show(
        "manager-portal.html",
        status=status,
        here="portal",
        sheet=sheet,
        is_on=bool(row["config"].get("portal")),
        is_served=gui is not None,
        portal_url=f"{gui}/{visit.url().removeprefix('/')}" if gui else "",
        pending=pending.get("total", 0),
        groups=_build_groups(config),
        stamp=str(row.get("updated_at") or ""),
    )


async def get_portal(visit: Visit) -> Response:
    """The portal of the workspace, and its settings."""
    row, config = await _load_settings(visit)
    form = write_values([config], row)
    return await _show_portal(visit, row, config, Sheet(form=form))


async def post_portal(visit: Visit) -> Response:
    """Switch the portal on or off, or change its settings."""
    row, config = await _load_settings(visit)
    errors: dict[str, tuple[str, ...]] = {}
    wanted = {"enable": True, "disable": False}.get(visit.form.get("go"))
    if wanted is not None:
        body = {"config": {"portal": wanted}}
    else:
        settings = replace(config, fields=without(config.fields, "portal"))
        values = read_values([settings], visit.form, errors)
        body = build_changes([settings], values, row)
    if errors or not body:
        if not errors:
            return visit.go("portal", done="same")
        sheet = Sheet(form=visit.form, errors=errors)
        return await _show_portal(visit, row, config, sheet, 400)
    reply = await visit.call("PATCH", "workspaces", visit.workspace, body=body)
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    if not reply.is_good:
        form = visit.form if wanted is None else write_values([config], row)
        sheet = Sheet(form=form, errors=place_problems(reply, [config]))
        return await _show_portal(visit, row, config, sheet, reply.status)
    return visit.go("portal", done="saved")


def _read_status(visit: Visit) -> int:
    text = visit.query("status")
    known = {str(status): status for status, _ in _TABS}
    return known.get(text, PENDING)


async def get_developers(visit: Visit) -> Response:
    """Who registered, by what became of it."""
    return await _show_developers(visit, Sheet())


async def _show_developers(
    visit: Visit, sheet: Sheet, status: int = 200, invited: str = ""
) -> Response:
    chosen = _read_status(visit)
    query = {"size": _PAGE, "status": str(chosen)}
    if visit.query("page"):
        query["offset"] = visit.query("page")
    found = await visit.get("developers", **query)
    following = found.get("offset") or ""
    at = {"status": str(chosen)}
    return visit.show(
        "manager-developers.html",
        status=status,
        here="developers",
        sheet=sheet,
        invited=invited,
        developers=[
            {**row, "actions": list_actions(row["status"]), "about": _read_meta(row)}
            for row in found["data"]
        ],
        tabs=[
            (label, visit.url("developers", status=str(number)), number == chosen)
            for number, label in _TABS
        ],
        tab=dict(_TABS)[chosen],
        next_url=visit.url("developers", **at, page=following) if following else "",
        first_url=visit.url("developers", **at) if visit.query("page") else "",
    )


def _read_meta(row: Mapping[str, Any]) -> dict[str, str]:
    """What a developer said of themselves."""
    try:
        found = json.loads(row.get("meta") or "{}")
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


async def post_developers(visit: Visit) -> Response:
    """Invite people."""
    text = visit.form.get("emails").replace(",", "\n")
    emails = [part.strip() for part in text.splitlines() if part.strip()]
    reply = await visit.call("POST", "developers", "invite", body={"emails": emails})
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    if not reply.is_good:
        field = Field(path=("emails",), kind="array", widget="lines", label="")
        sheet = Sheet(form=visit.form, errors=place_problems(reply, [field]))
        return await _show_developers(visit, sheet, reply.status)
    return await _show_developers(visit, Sheet(), invited=_say_invited(reply.value))


def _say_invited(told: Mapping[str, Any]) -> str:
    parts = [f"{told['sent']['count']} invited"]
    parts += [f"{email}: {why}" for email, why in told["error"]["emails"].items()]
    if told.get("smtp_mock"):
        parts.append("no mail was sent, because smtp_mock is on")
    return "; ".join(parts) + "."


async def _load_developer(visit: Visit) -> dict[str, Any]:
    found: dict[str, Any] = await visit.get("developers", visit.param("id"))
    if "email" not in found:
        raise missing()
    return found


async def _show_developer(visit: Visit, sheet: Sheet | None, status: int) -> Response:
    row = await _load_developer(visit)
    roles = await visit.look("developers", "roles") or {}
    names = sorted(str(role["name"]) for role in roles.get("data", ()))
    return visit.show(
        "manager-developer.html",
        status=status,
        here="developers",
        row=row,
        status_name=STATUS_NAMES.get(row["status"], ""),
        actions=list_actions(row["status"]),
        about=_read_meta(row),
        sheet=sheet or Sheet(form=Form({"roles": tuple(row.get("roles") or ())})),
        fields=[
            Field(
                path=("roles",), kind="set", widget="boxes", label="Roles",
                choices=tuple((name, name) for name in names),
            )
        ] if names else [],
    )  # fmt: skip


async def get_developer(visit: Visit) -> Response:
    """One developer."""
    return await _show_developer(visit, None, 200)


async def post_developer(visit: Visit) -> Response:
    """Approve, reject or revoke a developer, let them go, or change their roles."""
    row, wanted = await _load_developer(visit), visit.form.get("go")
    if wanted == "delete":
        reply = await visit.call("DELETE", "developers", row["id"])
        if not reply.is_good:
            raise Refused(reply)
        return visit.go("developers", status=str(row["status"]), done="deleted")
    statuses = {name: to for name, to, _ in _ACTIONS}
    body: dict[str, Any] = (
        {"status": statuses[wanted]}
        if wanted in statuses
        else {"roles": [*visit.form.all("roles")]}
    )
    reply = await visit.call("PATCH", "developers", row["id"], body=body)
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    if not reply.is_good:
        # What could be done may have changed since the page was made.
        said = tuple(
            text for texts in place_problems(reply, []).values() for text in texts
        )
        return await _show_developer(visit, Sheet(errors={"": said}), reply.status)
    if visit.form.get("from") == "list":
        return visit.go("developers", status=str(row["status"]), done="saved")
    return visit.go("developers", row["id"], done="saved")
