"""Users: the list with its search, and one user with attributes, groups and factors."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from ostiary.userpool.api.caller import Shape
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.console.forms import Form, Sheet
from ostiary.userpool.console.pools import load_shown_pool
from ostiary.userpool.console.visit import Visit

_PAGE: Final = 20
SEARCHED: Final = (
    ("username", "Username"),
    ("email", "Email"),
    ("given_name", "Given name"),
    ("family_name", "Family name"),
    ("phone_number", "Phone number"),
    ("preferred_username", "Preferred username"),
    ("sub", "sub"),
    ("cognito:user_status", "Status"),
)


def build_filter(field: str, text: str) -> str:
    """A filter of ListUsers: values of this field that begin with the text."""
    if not text or field not in dict(SEARCHED):
        return ""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{field} ^= "{escaped}"'


def find_attribute(user: Shape, name: str) -> str:
    """An attribute's value; empty where the user has none."""
    listed = user.get("Attributes") or user.get("UserAttributes") or ()
    return next((str(a["Value"]) for a in listed if a["Name"] == name), "")


def list_row(user: Shape) -> dict[str, object]:
    """A user as lists show them."""
    names = (find_attribute(user, "given_name"), find_attribute(user, "family_name"))
    return {
        **user,
        "email": find_attribute(user, "email"),
        "is_verified": find_attribute(user, "email_verified") == "true",
        "name": find_attribute(user, "name") or " ".join(filter(None, names)),
    }


async def get_users(visit: Visit) -> Response:
    """A page of users, those that were searched for."""
    pool = await load_shown_pool(visit)
    usual = "email" if "email" in pool.get("UsernameAttributes", ()) else "username"
    field, text = visit.query("field") or usual, visit.query("text").strip()
    found = await visit.run(
        "ListUsers",
        UserPoolId=visit.pool_id,
        Limit=_PAGE,
        Filter=build_filter(field, text),
        PaginationToken=visit.query("page"),
    )
    search = {"field": field, "text": text} if text else {}
    return visit.show(
        "console-users.html",
        here="users",
        pool=pool,
        users=[list_row(user) for user in found["Users"]],
        searched=SEARCHED,
        text=text,
        sheet=Sheet(form=Form({"field": (field,), "text": (text,)})),
        **visit.page_links("/users", found.get("PaginationToken"), **search),
    )


async def load_user(visit: Visit, name: str) -> Shape:
    """
    A user as AdminGetUser answers.

    Raises:
        ApiError: There is none.
    """
    return await visit.run("AdminGetUser", UserPoolId=visit.pool_id, Username=name)


async def show_user(
    visit: Visit, name: str, *, sheet: Sheet | None = None, status: int = 200
) -> Response:
    """A user's page, with what may be done to them."""
    pool = await load_shown_pool(visit)
    user = await load_user(visit, name)
    members = {"UserPoolId": visit.pool_id, "Username": user["Username"]}
    groups = (await visit.run("AdminListGroupsForUser", **members))["Groups"]
    every = (await visit.run("ListGroups", UserPoolId=visit.pool_id))["Groups"]
    inside = {group["GroupName"] for group in groups}
    return visit.show(
        "console-user.html",
        status=status,
        here="users",
        pool=pool,
        user=user,
        heading=find_attribute(user, "email") or user["Username"],
        groups=groups,
        others=[g["GroupName"] for g in every if g["GroupName"] not in inside],
        sheet=sheet or Sheet(),
    )


async def get_user(visit: Visit) -> Response:
    """A user's page."""
    name = visit.query("name")
    if not name:
        raise ApiError("UserNotFoundException", "User does not exist.")
    return await show_user(visit, name)
