"""The pool's domain name: look whether it is free, take it, give it back."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from ostiary.userpool.api.caller import Shape
from ostiary.userpool.api.domains import check_name
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.console.forms import Form, Sheet, place_error
from ostiary.userpool.console.hosted import find_launch_url
from ostiary.userpool.console.pools import ask_to_delete, load_shown_pool
from ostiary.userpool.console.visit import Visit

_FIELDS: Final = {"domain": "domain", "User pool already has a domain": "domain"}
AVAILABLE: Final = "This domain is available"
TAKEN: Final = "This domain is not available"


async def _show(
    visit: Visit,
    pool: Shape,
    sheet: Sheet,
    *,
    free: str = "",
    status: int = 200,
) -> Response:
    config = visit.services.config
    domains = [d for d in (pool.get("Domain"), pool.get("CustomDomain")) if d]
    if not pool.get("Domain"):
        members = {"Domain": sheet.form.get("domain"), "UserPoolId": visit.pool_id}
        visit.note("CreateUserPoolDomain", members)
    return visit.show(
        "console-domain.html",
        status=status,
        here="domain",
        pool=pool,
        sheet=sheet,
        domains=[(name, config.domain_url(name)) for name in domains],
        suffix=(config.domain_url("x") or "").removeprefix("https://x"),
        free=free,
        launch_url=await find_launch_url(visit, pool),
    )


async def get_domain(visit: Visit) -> Response:
    """The domain, or the form for one."""
    return await _show(visit, await load_shown_pool(visit), Sheet())


async def _is_free(visit: Visit, name: str) -> bool:
    found = await visit.run("DescribeUserPoolDomain", Domain=name)
    if found["DomainDescription"]:
        return False
    # Describing a name that nobody may take finds nothing either.
    check_name(name, visit.services.config, is_custom=False)
    return True


async def post_domain(visit: Visit) -> Response:
    """Check availability, or save."""
    pool = await load_shown_pool(visit)
    name = visit.form.get("domain")
    form = Form({"domain": (name,)})
    try:
        if visit.form.get("go") != "check":
            given = {"Domain": name, "UserPoolId": visit.pool_id}
            await visit.run_as_given("CreateUserPoolDomain", given)
            return visit.go("/domain", done="domain-saved")
        if await _is_free(visit, name):
            return await _show(visit, pool, Sheet(form=form), free=AVAILABLE)
        errors = {"domain": TAKEN}
    except ApiError as error:
        errors = place_error(error.message, _FIELDS)
        errors = {"domain": errors.pop("", ""), **errors} if "" in errors else errors
    return await _show(visit, pool, Sheet(form=form, errors=errors), status=400)


async def get_delete(visit: Visit) -> Response:
    """Ask before a domain is given back."""
    pool = await load_shown_pool(visit)
    name = visit.query("domain")
    visit.note("DeleteUserPoolDomain", {"Domain": name, "UserPoolId": visit.pool_id})
    return ask_to_delete(
        visit,
        pool,
        here="domain",
        title=f"Delete the domain {name}?",
        text="The hosted pages stop answering at once, and the name is free for any pool.",
        label="Delete domain",
        hidden=("domain", name),
    )


async def post_delete(visit: Visit) -> Response:
    """Give a domain back."""
    await visit.run(
        "DeleteUserPoolDomain",
        Domain=visit.form.get("domain"),
        UserPoolId=visit.pool_id,
    )
    return visit.go("/domain", done="domain-deleted")
