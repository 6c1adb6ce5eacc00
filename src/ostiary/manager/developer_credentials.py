"""
A developer's own credentials in the Manager: those there are, a new one, none any more.

What is secret of a new one is shown on the page that answers its making, and nowhere else.

Spec: portal §§1.7, 4.1; decision 0049.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from ostiary.manager.visit import Visit
from ostiary.model.developer_credentials import (
    BASIC_AUTH,
    CREDENTIAL_PLUGINS,
    JWT,
    KEY_AUTH,
)
from ostiary.ports.admin_client import AdminReply

Json = dict[str, Any]  # Any: JSON
LABELS: Final[Mapping[str, str]] = {
    KEY_AUTH: "Key",
    BASIC_AUTH: "Username and password",
    JWT: "Signing key (JWT)",
}


async def read_credentials(visit: Visit, developer: str) -> list[Json]:
    """All of them, by plugin; none of those that cannot be seen."""
    found: list[Json] = []
    for plugin in CREDENTIAL_PLUGINS:
        told = await visit.look("developers", developer, "credentials", plugin)
        for row in [] if told is None else told["data"]:
            name = row["username"] if plugin == BASIC_AUTH else row["key"]
            shown = f"{name.strip('*')}…" if plugin == KEY_AUTH else name
            found.append({**row, "plugin": plugin, "name": shown})
    return found


async def change_credentials(visit: Visit, developer: str) -> AdminReply:
    """Make one, or let one go."""
    form = visit.form
    plugin = form.get("plugin")
    steps = ("developers", developer, "credentials", plugin)
    if form.get("go") == "delete-credential":
        return await visit.call("DELETE", *steps, form.get("credential"))
    return await visit.call("POST", *steps, body={})


def show_new(visit: Visit, owner: Json, row: Json) -> Response:
    """A new one, with what is secret of it."""
    return visit.show(
        "manager-developer-credential.html",
        here="developers",
        owner=owner,
        row=row,
        plugin=visit.form.get("plugin"),
        labels=LABELS,
    )
