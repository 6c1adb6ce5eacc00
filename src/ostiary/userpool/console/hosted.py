"""Where a pool's own pages are: the link that shows them as an application would."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from ostiary.userpool.api.caller import Shape
from ostiary.userpool.console.visit import Visit

_PAGE: Final = 20


def build_launch_url(visit: Visit, pool: Shape, client: Shape) -> str:
    """The sign-in page of a client; empty where it has no callback URL or the pool no domain."""
    config = visit.services.config
    home = config.domain_url(pool.get("CustomDomain") or pool.get("Domain"))
    callbacks, flows = client.get("CallbackURLs"), client.get("AllowedOAuthFlows", ())
    kind = next(
        (k for f, k in (("code", "code"), ("implicit", "token")) if f in flows), ""
    )
    if not (home and callbacks and kind):
        return ""
    query = {
        "client_id": client["ClientId"],
        "response_type": kind,
        "scope": " ".join(client.get("AllowedOAuthScopes", ())),
        "redirect_uri": client.get("DefaultRedirectURI") or callbacks[0],
    }
    return f"{home}/login?{urlencode(query)}"


async def find_launch_url(visit: Visit, pool: Shape) -> str:
    """The sign-in page of the first client that has one; empty where none has."""
    store = visit.services.config.store
    for client in await store.list_clients(
        pool_id=visit.pool_id, after="", limit=_PAGE
    ):
        shape = {"ClientId": client.id, **client.settings.to_wire()}
        if found := build_launch_url(visit, pool, shape):
            return found
    return ""
