"""
Every address of the Manager, and who answers there.

What is no row comes first: names of kinds are fixed, and ids look like none of these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.responses import Response

from ostiary.manager import (
    access,
    admins,
    appearance,
    applications,
    debugging,
    developers,
    devportal,
    editing,
    entering,
    members,
    places,
    plugins,
    portal_files,
    registering,
    rows,
    session_list,
    signing_in,
    watching,
)
from ostiary.manager.visit import Visit
from ostiary.web.replies import redirect

Handler = Callable[[Visit], Awaitable[Response]]
_WS: Final = "/{workspace}"
_ROW: Final = f"{_WS}/{{kind}}/{{id}}"
_BELOW: Final = f"{_ROW}/{{below}}"
_USER: Final = f"{_WS}/rbac/users/{{user}}"
_ROLE: Final = f"{_WS}/rbac/roles/{{role}}"
_ADMIN: Final = f"{_WS}/admins/{{admin}}"
_GROUP: Final = f"{_WS}/groups/{{group}}"


async def _go_home(_: Visit) -> Response:
    return redirect(signing_in.HOME)


PAGES: Final[tuple[tuple[str, Handler | None, Handler | None], ...]] = (
    ("/", _go_home, None),
    ("/kconfig.js", places.get_kconfig, None),
    ("/auth/sign-in", signing_in.get_sign_in, signing_in.post_sign_in),
    ("/auth/provider", entering.get_provider, None),
    ("/auth/callback", entering.get_answer, None),
    ("/auth/register", registering.get_register, registering.post_register),
    (debugging.CALLBACK, debugging.get_answer, None),
    ("/auth/sign-out", signing_in.get_sign_out, signing_in.post_sign_out),
    ("/workspaces", places.get_workspaces, None),
    ("/workspaces/new", places.get_new_workspace, places.post_new_workspace),
    (_WS, places.get_overview, None),
    (f"{_WS}/delete", places.get_delete_workspace, places.post_delete_workspace),
    (f"{_WS}/info", places.get_info, None),
    (f"{_WS}/sessions", session_list.get_sessions, session_list.post_sessions),
    (f"{_WS}/audit", watching.get_audit, None),
    (f"{_WS}/debugger", debugging.get_debugger, debugging.post_debugger),
    (f"{_WS}/flows", watching.get_flows, None),
    (f"{_WS}/flows/{{request_id}}", watching.get_flow, None),
    (f"{_WS}/rbac/users", access.get_users, None),
    (f"{_WS}/rbac/users/new", access.get_new_user, access.post_new_user),
    (_USER, access.get_user, access.post_user),
    (f"{_USER}/delete", access.get_delete, access.post_delete),
    (f"{_WS}/rbac/roles", access.get_roles, None),
    (f"{_WS}/rbac/roles/new", access.get_new_role, access.post_new_role),
    (_ROLE, access.get_role, access.post_role),
    (f"{_ROLE}/delete", access.get_delete, access.post_delete),
    (f"{_WS}/admins", admins.get_admins, None),
    (f"{_WS}/admins/invite", admins.get_invite, admins.post_invite),
    (_ADMIN, admins.get_admin, admins.post_admin),
    (f"{_ADMIN}/delete", admins.get_delete, admins.post_delete),
    (f"{_WS}/groups", admins.get_groups, None),
    (f"{_WS}/groups/new", admins.get_new_group, admins.post_new_group),
    (_GROUP, admins.get_group, admins.post_group),
    (f"{_GROUP}/delete", admins.get_delete, admins.post_delete),
    (f"{_WS}/portal", devportal.get_overview, devportal.post_overview),
    (f"{_WS}/portal/settings", devportal.get_settings, devportal.post_settings),
    (f"{_WS}/portal/appearance", appearance.get_appearance, appearance.post_appearance),
    (f"{_WS}/portal/files", portal_files.get_files, None),
    (f"{_WS}/portal/files/new", portal_files.get_new, portal_files.post_new),
    (f"{_WS}/portal/files/edit", portal_files.get_file, portal_files.post_file),
    (f"{_WS}/developer-roles", developers.get_roles, developers.post_roles),
    (f"{_WS}/developers", developers.go_to_requests, None),
    (f"{_WS}/developers/invite", developers.get_invite, developers.post_invite),
    (f"{_WS}/developers/export", developers.get_export, None),
    (f"{_WS}/developers/{{tab}}", developers.get_tab, developers.post_developer),
    (f"{_WS}/applications", applications.get_list, None),
    (f"{_WS}/applications/requested", applications.get_requested, None),
    (
        f"{_WS}/applications/{{id}}",
        applications.get_application,
        applications.post_application,
    ),
    (f"{_WS}/plugins/select", plugins.get_select, None),
    (f"{_WS}/plugins/new", plugins.get_new, plugins.post_new),
    (f"{_WS}/plugins/{{id}}", plugins.get_row, None),
    (f"{_WS}/plugins/{{id}}/edit", plugins.get_edit, plugins.post_edit),
    (f"{_WS}/plugins/{{id}}/toggle", None, plugins.post_toggle),
    (f"{_WS}/plugins/{{id}}/test", None, plugins.post_test),
    (f"{_WS}/{{kind}}/new", editing.get_new, editing.post_new),
    (f"{_WS}/consumer_groups/{{id}}", members.get_group, None),
    (f"{_WS}/consumer_groups/{{id}}/members", None, members.post_members),
    (f"{_WS}/{{kind}}", rows.get_list, None),
    (_ROW, rows.get_row, None),
    (f"{_ROW}/edit", editing.get_edit, editing.post_edit),
    (f"{_ROW}/delete", editing.get_delete, editing.post_delete),
    (f"{_BELOW}/new", editing.get_new, editing.post_new),
    (f"{_BELOW}/{{child}}/edit", editing.get_edit, editing.post_edit),
    (f"{_BELOW}/{{child}}/delete", editing.get_delete, editing.post_delete),
)
