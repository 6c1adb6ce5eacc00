"""Resource servers and identity providers, to be looked at."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from ostiary.userpool.console.pools import load_shown_pool
from ostiary.userpool.console.visit import Visit

_PAGE: Final = 50


async def _show_list(
    visit: Visit, template: str, *, here: str, operation: str, member: str
) -> Response:
    pool = await load_shown_pool(visit)
    found = await visit.run(
        operation,
        UserPoolId=visit.pool_id,
        MaxResults=_PAGE,
        NextToken=visit.query("page"),
    )
    return visit.show(
        template,
        here=here,
        pool=pool,
        listed=found[member],
        **visit.page_links(f"/{here}", found.get("NextToken")),
    )


async def get_servers(visit: Visit) -> Response:
    """The pool's resource servers and their scopes."""
    return await _show_list(
        visit,
        "console-servers.html",
        here="resource-servers",
        operation="ListResourceServers",
        member="ResourceServers",
    )


async def get_providers(visit: Visit) -> Response:
    """The pool's identity providers."""
    return await _show_list(
        visit,
        "console-providers.html",
        here="identity-providers",
        operation="ListIdentityProviders",
        member="Providers",
    )
