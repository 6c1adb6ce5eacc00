"""
What the audit log hears of a portal's door: who came, and who went.

As of the Manager's: `GET …/auth` for who came, `DELETE …/auth` for who went, below the developer's
own path. Whoever the provider knows and the portal does not is below no name. Nothing of a
request is told but its client's address: no claim, no token, no cookie.

Spec: portal §4.4.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from starlette.requests import Request

from ostiary.model.portal import Developer
from ostiary.portal.config import Portal
from ostiary.portal.site import Site, client_ip
from ostiary.ports.admin_client import Operator


async def tell_coming(
    site: Site, request: Request, portal: Portal, developer: Developer | None
) -> None:
    """Have the audit log say that somebody has signed in."""
    await _tell(site, request, portal, developer, "GET")


async def tell_going(
    site: Site, request: Request, portal: Portal, developer: Developer | None
) -> None:
    """Have the audit log say that somebody has signed out."""
    await _tell(site, request, portal, developer, "DELETE")


async def _tell(
    site: Site,
    request: Request,
    portal: Portal,
    developer: Developer | None,
    method: Literal["GET", "DELETE"],
) -> None:
    operator = Operator(site="portal", client_ip=client_ip(request))
    whose = "" if developer is None else f"/{developer.id}"
    place = f"/{quote(portal.name, safe='')}/developers{whose}/auth"
    await site.admin.call(operator, method, place)
