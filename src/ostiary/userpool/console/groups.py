"""Groups of a pool, and who is in them."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.console.forms import Sheet, place_error
from ostiary.userpool.console.pools import load_shown_pool
from ostiary.userpool.console.users import list_row
from ostiary.userpool.console.visit import Visit

_PAGE: Final = 20
_FIELDS: Final = {
    "groupName": "group_name",
    "A group with the name": "group_name",
    "description": "description",
}


async def _show(visit: Visit, sheet: Sheet, status: int = 200) -> Response:
    pool = await load_shown_pool(visit)
    found = await visit.run(
        "ListGroups",
        UserPoolId=visit.pool_id,
        Limit=_PAGE,
        NextToken=visit.query("page"),
    )
    return visit.show(
        "console-groups.html",
        status=status,
        here="users",
        pool=pool,
        groups=found["Groups"],
        sheet=sheet,
        **visit.page_links("/groups", found.get("NextToken")),
    )


async def get_groups(visit: Visit) -> Response:
    """The pool's groups, and the form for one more."""
    return await _show(visit, Sheet())


async def post_groups(visit: Visit) -> Response:
    """Make a group."""
    given = {"UserPoolId": visit.pool_id, "GroupName": visit.form.get("group_name")}
    if visit.form.get("description"):
        given["Description"] = visit.form.get("description")
    try:
        await visit.run_as_given("CreateGroup", given)
    except ApiError as error:
        errors = place_error(error.message, _FIELDS)
        return await _show(visit, Sheet(form=visit.form, errors=errors), 400)
    return visit.go("/groups", done="group-created")


async def get_group(visit: Visit) -> Response:
    """A group with its members."""
    pool = await load_shown_pool(visit)
    name = visit.query("name")
    members = {"UserPoolId": visit.pool_id, "GroupName": name}
    group = (await visit.run("GetGroup", **members))["Group"]
    found = await visit.run(
        "ListUsersInGroup", **members, Limit=_PAGE, NextToken=visit.query("page")
    )
    return visit.show(
        "console-group.html",
        here="users",
        pool=pool,
        group=group,
        users=[list_row(user) for user in found["Users"]],
        **visit.page_links("/groups/group", found.get("NextToken"), name=name),
    )


async def post_group(visit: Visit) -> Response:
    """Take somebody out of a group."""
    name = visit.form.get("group")
    await visit.run(
        "AdminRemoveUserFromGroup",
        UserPoolId=visit.pool_id,
        GroupName=name,
        Username=visit.form.get("name"),
    )
    return visit.go("/groups/group", name=name, done="group-changed")
