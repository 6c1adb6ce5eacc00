"""
Which requests are counted for whom, and what is told who asks too often.

An address is counted before anything is done for it, and what it may not do is counted for no
client: one address alone cannot use up more of a client's rate than its own. A client is counted
by its name, before it has proven anything: whoever knows the name can use up its rate, as far
as their addresses' rates go. Names that no client has are not counted; they would take
memory, and push clients' buckets out of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ostiary.http.forms import MalformedForm
from ostiary.oidc.op.client_auth import read_credentials
from ostiary.oidc.op.errors import TokenRefused
from ostiary.oidc.op.parameters import parse_parameters
from ostiary.userpool import messages
from ostiary.userpool.failures import show_failure
from ostiary.userpool.presented_tokens import find_client_id, read_bearer
from ostiary.userpool.services import Services
from ostiary.userpool.site import BASE, raw_query, read_query
from ostiary.web.body import BodyTooLarge, NotAForm, read_form
from ostiary.web.replies import json_reply

STATUS: Final = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How requests of a kind are counted: what names their client, and how they are refused."""

    name_client: Callable[[Request], Awaitable[str | None]]
    refuse: Callable[[Services, Request], Response]


def read_address(request: Request) -> str:
    """Where a request comes from; empty where the server does not say."""
    return request.client.host if request.client else ""


def count_address(services: Services, address: str) -> int:
    """Count a request of an address; the seconds that it must wait, 0 for none."""
    buckets, now = services.config.limits.addresses, services.now()
    if not address or buckets.take(address, now=now):
        return 0
    return buckets.wait_s(address, now=now)


async def count_client(services: Services, client_id: str | None) -> int:
    """Count a request that names a client; the seconds that it must wait, 0 for none."""
    buckets, now = services.config.limits.clients, services.now()
    if client_id is None or not buckets.per_second:
        return 0
    if await services.config.store.load_client(client_id) is None:
        return 0
    return 0 if buckets.take(client_id, now=now) else buckets.wait_s(client_id, now=now)


async def refuse_haste(
    services: Services, request: Request, rate: Rate
) -> Response | None:
    """Count a request, and answer it if it came too early."""
    wait_s = count_address(services, read_address(request))
    if not wait_s and services.config.limits.clients.per_second:
        wait_s = await count_client(services, await rate.name_client(request))
    if not wait_s:
        return None
    refusal = rate.refuse(services, request)
    refusal.headers["Retry-After"] = str(wait_s)
    return refusal


async def _name_by_query(request: Request) -> str | None:
    return read_query(request).get("client_id")


async def _name_by_credentials(request: Request) -> str | None:
    try:
        parameters = parse_parameters(await read_form(request))
        given = read_credentials(request.headers.get("authorization"), parameters)
    except (NotAForm, BodyTooLarge, MalformedForm, TokenRefused):
        return None  # the endpoint says what is wrong with it
    return given.client_id


async def _name_by_token(request: Request) -> str | None:
    text = read_bearer(request.headers.get("authorization"))
    return find_client_id(text) if text else None


def _refuse_page(services: Services, request: Request) -> Response:
    # A click asks for the page again; a form that was posted is still behind "back".
    path = f"{request.scope[BASE]}{request.scope['path']}"
    query = raw_query(request)
    return show_failure(
        services.config,
        status=STATUS,
        title="Too many requests",
        message=messages.PAGE_TOO_OFTEN,
        retry_url=f"{path}?{query}" if request.method == "GET" else None,
    )


def _refuse_client(_services: Services, _request: Request) -> Response:
    # No specification names an error for this, and Cognito's is not documented.
    return json_reply({"error": "too_many_requests"}, status=STATUS)


def _refuse_bearer(_services: Services, _request: Request) -> Response:
    shape = {
        "error": "too_many_requests",
        "error_description": messages.RATE_EXCEEDED,
    }
    return json_reply(shape, status=STATUS)


PAGES: Final = Rate(name_client=_name_by_query, refuse=_refuse_page)
CLIENTS: Final = Rate(name_client=_name_by_credentials, refuse=_refuse_client)
BEARERS: Final = Rate(name_client=_name_by_token, refuse=_refuse_bearer)
