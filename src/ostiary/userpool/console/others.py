"""Resource servers and identity providers, to be looked at."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from ostiary.userpool.console.pools import load_shown_pool
from ostiary.userpool.console.visit import Visit

_PAGE: Final = 50


async def get_servers(visit: Visit) -> Response:
    """The pool's resource servers and their scopes."""
    pool = await load_shown_pool(visit)
    token = visit.query("page")
    found = await visit.run(
        "ListResourceServers",
        UserPoolId=visit.pool_id,
        MaxResults=_PAGE,
        NextToken=token,
    )
    following = found.get("NextToken")
    return visit.show(
        "console-servers.html",
        here="resource-servers",
        pool=pool,
        servers=found["ResourceServers"],
        next_url=visit.url("/resource-servers", page=following) if following else "",
        first_url=visit.url("/resource-servers") if token else "",
    )


async def get_providers(visit: Visit) -> Response:
    """The pool's identity providers."""
    pool = await load_shown_pool(visit)
    token = visit.query("page")
    found = await visit.run(
        "ListIdentityProviders",
        UserPoolId=visit.pool_id,
        MaxResults=_PAGE,
        NextToken=token,
    )
    following = found.get("NextToken")
    return visit.show(
        "console-providers.html",
        here="identity-providers",
        pool=pool,
        providers=found["Providers"],
        next_url=visit.url("/identity-providers", page=following) if following else "",
        first_url=visit.url("/identity-providers") if token else "",
    )
