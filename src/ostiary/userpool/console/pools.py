"""The list of pools, a pool's general settings, and its end."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from ostiary.userpool.api.caller import Shape
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.console.forms import Sheet, place_error
from ostiary.userpool.console.hosted import find_launch_url
from ostiary.userpool.console.settings import build_parts
from ostiary.userpool.console.visit import HOME, Visit
from ostiary.web.replies import redirect

_PAGE: Final = 20


async def load_shown_pool(visit: Visit) -> Shape:
    """
    The pool that the path names, as DescribeUserPool answers it.

    Raises:
        ApiError: There is none.
    """
    found = await visit.run("DescribeUserPool", UserPoolId=visit.pool_id)
    pool: Shape = found["UserPool"]
    return pool


def ask_to_delete(
    visit: Visit,
    pool: Shape,
    *,
    here: str,
    title: str,
    text: str,
    label: str,
    hidden: tuple[str, str],
    back_url: str = "",
) -> Response:
    """
    Ask before something of a pool is deleted.

    Args:
        here: The section of the pages; the form is posted to its `delete`.
        hidden: What names the thing in the form.
        back_url: Where "Cancel" leads, when not to the section.
    """
    return visit.show(
        "console-confirm.html",
        here=here,
        pool=pool,
        title=title,
        text=text,
        action=visit.url(f"/{here}/delete"),
        label=label,
        back_url=back_url or visit.url(f"/{here}"),
        typed="",
        hidden=(hidden,),
    )


async def get_pools(visit: Visit) -> Response:
    """The pools of a region."""
    token = visit.query("page")
    found = await visit.run("ListUserPools", MaxResults=_PAGE, NextToken=token)
    store = visit.services.config.store
    pools = [
        {**pool, "EstimatedNumberOfUsers": await store.count_users(pool["Id"])}
        for pool in found["UserPools"]
    ]
    here = f"{HOME}?region={visit.region}"
    following = found.get("NextToken")
    return visit.show(
        "console-pools.html",
        region=visit.region,
        pools=pools,
        next_url=f"{here}&page={following}" if following else "",
        first_url=here if token else "",
    )


async def get_general(visit: Visit) -> Response:
    """A pool's general settings."""
    pool = await load_shown_pool(visit)
    mfa = await visit.run("GetUserPoolMfaConfig", UserPoolId=visit.pool_id)
    config = visit.services.config
    return visit.show(
        "console-general.html",
        here="general",
        pool=pool,
        issuer=config.issuer(visit.pool_id),
        domain_url=config.domain_url(pool.get("Domain") or pool.get("CustomDomain")),
        launch_url=await find_launch_url(visit, pool),
        parts=build_parts(pool, mfa),
    )


def _ask(visit: Visit, pool: Shape, sheet: Sheet, status: int = 200) -> Response:
    values: dict[str, Any] = {
        "title": f"Delete {pool['Name']}?",
        "text": "Its users, groups and app clients are deleted with it. This cannot be undone.",
        "action": visit.url("/delete"),
        "label": "Delete pool",
        "back_url": visit.url(),
        "typed": pool["Name"],
        "hidden": (),
    }
    return visit.show(
        "console-confirm.html",
        status=status,
        here="general-delete",
        pool=pool,
        sheet=sheet,
        **values,
    )


async def get_delete(visit: Visit) -> Response:
    """Ask before a pool is deleted."""
    pool = await load_shown_pool(visit)
    visit.note("DeleteUserPool", {"UserPoolId": visit.pool_id})
    return _ask(visit, pool, Sheet())


async def post_delete(visit: Visit) -> Response:
    """Delete a pool whose name was typed."""
    pool = await load_shown_pool(visit)
    if visit.form.get("typed") != pool["Name"]:
        wrong = {"typed": f"This is not the pool's name, {pool['Name']}."}
        return _ask(visit, pool, Sheet(form=visit.form, errors=wrong), 400)
    try:
        await visit.run("DeleteUserPool", UserPoolId=visit.pool_id)
    except ApiError as error:
        errors = place_error(error.message, {})
        return _ask(visit, pool, Sheet(form=visit.form, errors=errors), 400)
    return redirect(f"{HOME}?done=pool-deleted&region={visit.region}")
