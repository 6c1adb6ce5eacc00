"""
The files of a workspace's portal: a tree, and an editor for one of them.

Spec: portal §§3.1, 3.9 (Editor).
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from ostiary.manager.forms import Form, Sheet
from ostiary.manager.placing import flatten
from ostiary.manager.stamps import CHANGED, build_stamp
from ostiary.manager.visit import Refused, Visit
from ostiary.ports.admin_client import AdminReply

Json = dict[str, Any]  # Any: JSON
_MANY: Final = "1000"
_GROUPS: Final = (
    ("content/", "Content"), ("specs/", "Specs"), ("emails/", "Emails"), ("themes/", "Themes"), ("", "Configuration"),
)  # fmt: skip


async def get_files(visit: Visit) -> Response:
    """Every file by where it belongs."""
    told = await visit.get("files", fields="path,updated_at", size=_MANY)
    left = sorted(told["data"], key=lambda row: row["path"])
    groups = []
    for prefix, label in _GROUPS:
        mine = [row for row in left if row["path"].startswith(prefix)]
        left = [row for row in left if row not in mine]
        if mine:
            groups.append((label, mine))
    return visit.show("manager-files.html", here="portal-files", groups=groups)


async def get_new(visit: Visit) -> Response:
    """The form for one more."""
    form = Form({"path": (visit.query("path") or "content/",), "contents": ("---\ntitle: \n---\n",)})  # fmt: skip
    return _show_editor(visit, Sheet(form=form), is_new=True)


def _show_editor(
    visit: Visit, sheet: Sheet, *, is_new: bool, status: int = 200, url: str = ""
) -> Response:
    return visit.show(
        "manager-file.html",
        status=status,
        here="portal-files",
        sheet=sheet,
        is_new=is_new,
        is_binary=sheet.form.get("contents").startswith("data:"),
        page_url=url,
    )


async def post_new(visit: Visit) -> Response:
    """Make a file."""
    body = {
        "path": visit.form.get("path"),
        "contents": visit.form.text("contents"),
    }
    reply = await visit.call("POST", "files", body=body)
    if not reply.is_good:
        return _refuse(visit, reply, is_new=True)
    return visit.go("portal", "files", "edit", path=body["path"], done="saved")


async def get_file(visit: Visit) -> Response:
    """The editor of one file."""
    row = await visit.get("files", *visit.query("path").split("/"))
    values = {"path": row["path"], "contents": row["contents"], "stamp": build_stamp(row)}  # fmt: skip
    form = Form({name: (value,) for name, value in values.items()})
    return _show_editor(visit, Sheet(form=form), is_new=False)


async def post_file(visit: Visit) -> Response:
    """Save a file, or delete it."""
    path = visit.form.get("path")
    if visit.form.get("go") == "delete":
        reply = await visit.call("DELETE", "files", *path.split("/"))
        if not reply.is_good:
            raise Refused(reply)
        return visit.go("portal", "files", done="deleted")
    row = await visit.get("files", *path.split("/"))
    if visit.form.get("stamp") != build_stamp(row):
        sheet = Sheet(form=visit.form, errors={"": (CHANGED,)})
        return _show_editor(visit, sheet, is_new=False, status=409)
    body = {"path": path, "contents": visit.form.text("contents")}
    reply = await visit.call("PATCH", "files", *path.split("/"), body=body)
    if not reply.is_good:
        return _refuse(visit, reply, is_new=False)
    return visit.go("portal", "files", "edit", path=path, done="saved")


def _refuse(visit: Visit, reply: AdminReply, *, is_new: bool) -> Response:
    if reply.status in {401, 403, 404}:
        raise Refused(reply)
    errors: dict[str, tuple[str, ...]] = {}
    for place, text in flatten(reply.fields):
        name = place[0] if place else ""
        errors[name] = (*errors.get(name, ()), text)
    sheet = Sheet(form=visit.form, errors=errors or {"": (reply.message,)})
    return _show_editor(visit, sheet, is_new=is_new, status=reply.status)
