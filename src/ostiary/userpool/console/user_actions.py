"""What an operator may do to users: make, confirm, reset, disable, delete them, and group them."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from ostiary.userpool.api.caller import Shape
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.console.forms import Form, Sheet, place_error
from ostiary.userpool.console.pools import ask_to_delete, load_shown_pool
from ostiary.userpool.console.users import load_user, show_user
from ostiary.userpool.console.visit import Visit

_ACTIONS: Final = {
    "confirm": "AdminConfirmSignUp",
    "reset": "AdminResetUserPassword",
    "disable": "AdminDisableUser",
    "enable": "AdminEnableUser",
}
_GROUPING: Final = {
    "join": "AdminAddUserToGroup",
    "leave": "AdminRemoveUserFromGroup",
}
_FIELDS: Final = {
    "username": "username",
    "User account already exists": "username",
    "An account with the": "username",
    "temporaryPassword": "password",
    "Password did not": "password",
    "Invalid phone number": "phone_number",
    "Invalid email": "email",
}
_ATTRIBUTES: Final = ("email", "phone_number")


def _usual() -> Form:
    return Form({"invite": ("on",), "email_verified": ("on",)})


def build_user_input(pool_id: str, form: Form) -> dict[str, Any]:
    """The input of AdminCreateUser; Any: JSON."""
    attributes = []
    for name in _ATTRIBUTES:
        if form.get(name):
            is_verified = form.has(f"{name}_verified")
            attributes += [
                {"Name": name, "Value": form.get(name)},
                {"Name": f"{name}_verified", "Value": str(is_verified).lower()},
            ]
    given: dict[str, Any] = {
        "UserPoolId": pool_id,
        "Username": form.get("username"),
        "UserAttributes": attributes,
        "DesiredDeliveryMediums": ["EMAIL"],
    }
    if not form.has("invite"):
        given["MessageAction"] = "SUPPRESS"
    if form.text("password"):
        given["TemporaryPassword"] = form.text("password")
    return given


def _show_new(visit: Visit, pool: Shape, sheet: Sheet, status: int = 200) -> Response:
    visit.calls.clear()
    visit.note("AdminCreateUser", build_user_input(visit.pool_id, sheet.form))
    return visit.show(
        "console-user-new.html",
        status=status,
        here="users",
        pool=pool,
        sheet=sheet,
        email_names="email" in pool.get("UsernameAttributes", ()),
    )


async def get_new(visit: Visit) -> Response:
    """The form for a new user."""
    return _show_new(visit, await load_shown_pool(visit), Sheet(form=_usual()))


async def post_new(visit: Visit) -> Response:
    """Make a user, who is sent a temporary password."""
    pool = await load_shown_pool(visit)
    form = visit.form
    if "email" in pool.get("UsernameAttributes", ()) and not form.get("email"):
        form = Form({**form.values, "email": (form.get("username"),)})
    try:
        made = await visit.run_as_given(
            "AdminCreateUser", build_user_input(visit.pool_id, form)
        )
    except ApiError as error:
        errors = place_error(error.message, _FIELDS)
        return _show_new(visit, pool, Sheet(form=visit.form, errors=errors), 400)
    return visit.go("/users/user", name=made["User"]["Username"], done="user-created")


async def post_action(visit: Visit) -> Response:
    """Carry out what a button of a user's page says."""
    name, action = visit.form.get("name"), visit.form.get("go")
    members = {"UserPoolId": visit.pool_id, "Username": name}
    if action in _GROUPING:
        operation, extra = _GROUPING[action], {"GroupName": visit.form.get("group")}
    elif action in _ACTIONS:
        operation, extra = _ACTIONS[action], {}
    else:
        return await show_user(visit, name)
    try:
        await visit.run(operation, **members, **extra)
    except ApiError as error:
        sheet = Sheet(errors={"": error.message})
        return await show_user(visit, name, sheet=sheet, status=400)
    return visit.go("/users/user", name=name, done="user-changed")


async def get_delete(visit: Visit) -> Response:
    """Ask before a user is deleted."""
    pool = await load_shown_pool(visit)
    user = await load_user(visit, visit.query("name"))
    members = {"UserPoolId": visit.pool_id, "Username": user["Username"]}
    visit.note("AdminDeleteUser", members)
    return ask_to_delete(
        visit,
        pool,
        here="users",
        title="Delete this user?",
        text=f"{user['Username']} and all sign-ins of this user end. This cannot be undone.",
        label="Delete user",
        hidden=("name", user["Username"]),
        back_url=visit.url("/users/user", name=user["Username"]),
    )


async def post_delete(visit: Visit) -> Response:
    """Delete a user."""
    await visit.run(
        "AdminDeleteUser", UserPoolId=visit.pool_id, Username=visit.form.get("name")
    )
    return visit.go("/users", done="user-deleted")
