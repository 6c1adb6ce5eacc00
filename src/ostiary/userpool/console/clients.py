"""App clients: what there is, one more, one fewer."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from ostiary.model.pool_settings import VERIFIED_ATTRIBUTES
from ostiary.userpool.api.caller import Shape
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.console.forms import Form, Sheet, place_error, read_number
from ostiary.userpool.console.pools import ask_to_delete, load_shown_pool
from ostiary.userpool.console.visit import Visit

_PAGE: Final = 20
FLOWS: Final = (
    (
        "ALLOW_ADMIN_USER_PASSWORD_AUTH",
        "Enable username password auth for admin APIs for authentication",
    ),
    ("ALLOW_CUSTOM_AUTH", "Enable lambda trigger based custom authentication"),
    ("ALLOW_USER_PASSWORD_AUTH", "Enable username password based authentication"),
    ("ALLOW_USER_SRP_AUTH", "Enable SRP (secure remote password) based authentication"),
    ("ALLOW_REFRESH_TOKEN_AUTH", "Enable refresh token based authentication"),
)
_FIELDS: Final = {
    "clientName": "client_name",
    "refreshTokenValidity": "refresh_days",
    "Invalid range for token validity": "refresh_days",
    "Refresh token validity": "refresh_days",
    "explicitAuthFlows": "flows",
    "readAttributes": "attributes",
    "writeAttributes": "attributes",
    "Invalid read attributes": "attributes",
    "Invalid write attributes": "attributes",
}


def read_attributes(pool: Shape) -> tuple[tuple[str, bool], ...]:
    """A pool's attributes by name, each with whether clients may write it."""
    return tuple(
        (a["Name"], a["Name"] not in VERIFIED_ATTRIBUTES | {"sub"})
        for a in pool["SchemaAttributes"]
        if not a["Name"].startswith("dev:")
    )


def _usual(pool: Shape) -> Form:
    attributes = read_attributes(pool)
    return Form(
        {
            "refresh_days": ("30",),
            "hides_users": ("ENABLED",),
            "read": tuple(name for name, _ in attributes),
            "write": tuple(name for name, can_write in attributes if can_write),
        }
    )


def _only_required(pool: Shape, form: Form) -> Form:
    required = tuple(
        a["Name"]
        for a in pool["SchemaAttributes"]
        if a.get("Required") and a["Name"] != "sub"
    )
    return Form({**form.values, "read": required, "write": required})


def build_client_input(pool_id: str, pool: Shape, form: Form) -> dict[str, Any]:
    """
    The input of CreateUserPoolClient; Any: JSON.

    All boxes ticked is what the API means by no list at all.
    """
    usual = _usual(pool)
    given: dict[str, Any] = {
        "UserPoolId": pool_id,
        "ClientName": form.get("client_name"),
        "RefreshTokenValidity": read_number(form, "refresh_days"),
        "GenerateSecret": form.has("secret"),
        "PreventUserExistenceErrors": form.get("hides_users") or "LEGACY",
    }
    if form.all("flows"):
        given["ExplicitAuthFlows"] = list(form.all("flows"))
    for name, member in (("read", "ReadAttributes"), ("write", "WriteAttributes")):
        if set(form.all(name)) != set(usual.all(name)):
            given[member] = sorted(form.all(name))
    return given


async def get_clients(visit: Visit) -> Response:
    """The pool's clients, each with its details behind a word."""
    pool = await load_shown_pool(visit)
    found = await visit.run(
        "ListUserPoolClients",
        UserPoolId=visit.pool_id,
        MaxResults=_PAGE,
        NextToken=visit.query("page"),
    )
    details = [
        await visit.run(
            "DescribeUserPoolClient",
            UserPoolId=visit.pool_id,
            ClientId=client["ClientId"],
        )
        for client in found["UserPoolClients"]
    ]
    return visit.show(
        "console-clients.html",
        here="clients",
        pool=pool,
        clients=[found["UserPoolClient"] for found in details],
        **visit.page_links("/clients", found.get("NextToken")),
    )


def _show_new(visit: Visit, pool: Shape, sheet: Sheet, status: int = 200) -> Response:
    given = build_client_input(visit.pool_id, pool, sheet.form)
    visit.calls.clear()
    visit.note("CreateUserPoolClient", given)
    usual = _usual(pool)
    return visit.show(
        "console-client-new.html",
        status=status,
        here="clients",
        pool=pool,
        sheet=sheet,
        attributes=read_attributes(pool),
        flows=FLOWS,
        opens_attributes=bool(sheet.error("attributes"))
        or sheet.form.all("read") != usual.all("read"),
    )


async def get_new(visit: Visit) -> Response:
    """The form for one more client, with the console's defaults."""
    pool = await load_shown_pool(visit)
    return _show_new(visit, pool, Sheet(form=_usual(pool)))


async def post_new(visit: Visit) -> Response:
    """Add a client."""
    pool = await load_shown_pool(visit)
    if visit.form.get("go") == "only-required":
        return _show_new(visit, pool, Sheet(form=_only_required(pool, visit.form)))
    given = build_client_input(visit.pool_id, pool, visit.form)
    if given["RefreshTokenValidity"] is None:
        wrong = {"refresh_days": "This must be a whole number of days."}
        return _show_new(visit, pool, Sheet(form=visit.form, errors=wrong), 400)
    try:
        made = await visit.run_as_given("CreateUserPoolClient", given)
    except ApiError as error:
        errors = place_error(error.message, _FIELDS)
        return _show_new(visit, pool, Sheet(form=visit.form, errors=errors), 400)
    client_id = made["UserPoolClient"]["ClientId"]
    return visit.go("/clients", done="client-created", client=client_id)


async def get_delete(visit: Visit) -> Response:
    """Ask before a client is deleted."""
    pool = await load_shown_pool(visit)
    client_id = visit.query("client")
    members = {"UserPoolId": visit.pool_id, "ClientId": client_id}
    found = await visit.run("DescribeUserPoolClient", **members)
    visit.note("DeleteUserPoolClient", members)
    return ask_to_delete(
        visit,
        pool,
        here="clients",
        title=f"Delete {found['UserPoolClient']['ClientName']}?",
        text="Applications that use it can no longer sign anybody in, and its tokens end.",
        label="Delete app client",
        hidden=("client", client_id),
    )


async def post_delete(visit: Visit) -> Response:
    """Delete a client."""
    await visit.run(
        "DeleteUserPoolClient",
        UserPoolId=visit.pool_id,
        ClientId=visit.form.get("client"),
    )
    return visit.go("/clients", done="client-deleted")
