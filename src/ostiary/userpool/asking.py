"""
What a browser brings from a client: an authorization request, judged by what the client may.

Spec: RFC 6749 §4.1.1; cognito §1.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from ostiary.model.pool import PoolClient
from ostiary.oidc.op.authorize import (
    AuthorizationRequest,
    build_error_redirect,
    check_authorization,
)
from ostiary.oidc.op.errors import RedirectError, ShowError
from ostiary.userpool.services import Services, load_clients
from ostiary.userpool.site import Site, load_site, read_query
from ostiary.web.replies import redirect


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that was found right, and whose it is."""

    site: Site
    client: PoolClient
    authorization: AuthorizationRequest


async def read_asked(services: Services, request: Request) -> Asked | Response:
    """The authorization request in a query, or where to send the browser instead."""
    site = await load_site(services, request)
    parameters = read_query(request)
    found = await load_clients(services, site.pool, parameters.get("client_id"))
    judged = check_authorization(parameters, found[1] if found else None)
    if isinstance(judged, ShowError) or found is None:
        code = judged.code if isinstance(judged, ShowError) else "invalid_request"
        shown = (("error", code), ("client_id", parameters.get("client_id") or ""))
        return redirect(site.url("/error", urlencode(shown)))
    if isinstance(judged, RedirectError):
        return redirect(build_error_redirect(judged))
    return Asked(site=site, client=found[0], authorization=judged)
