"""
The user pool as one ASGI app: API, discovery, OAuth endpoints, hosted pages, health.

Everything is on one listener; host and path choose (see `site`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.oidc.op.discovery import build_discovery, build_jwks
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.userpool import messages, oauth, rates
from ostiary.userpool.api.wire import answer_api
from ostiary.userpool.config import UserPoolConfig
from ostiary.userpool.console.routes import build_console_routes
from ostiary.userpool.cors import Cors
from ostiary.userpool.failures import show_failure
from ostiary.userpool.hosted import (
    codes,
    enrolling,
    leaving,
    new_password,
    reset,
    sign_in,
    sign_up,
)
from ostiary.userpool.hosted.visit import Visit, open_visit
from ostiary.userpool.import_upload import receive_file
from ostiary.userpool.look_files import get_file
from ostiary.userpool.rates import Rate, refuse_haste
from ostiary.userpool.services import Services, build_services
from ostiary.userpool.site import DomainRouting, UnknownSite
from ostiary.userpool.testing.endpoints import build_testing_routes
from ostiary.web.replies import json_reply

_log: Final = logging.getLogger(__name__)
Handler = Callable[[Services, Request], Awaitable[Response]]
PageHandler = Callable[[Visit], Awaitable[Response]]

_PAGES: Final[tuple[tuple[str, PageHandler | None, PageHandler | None], ...]] = (
    ("/login", sign_in.get_login, sign_in.post_login),
    ("/startOver", None, sign_in.post_start_over),
    ("/changePassword", new_password.get_new_password, new_password.post_new_password),
    ("/mfa", codes.get_code, codes.post_code),
    ("/mfa/resend", None, codes.post_resend),
    ("/mfa/choose", codes.get_choice, codes.post_choice),
    ("/mfa/other", None, codes.post_other),
    ("/mfa/setup", enrolling.get_set_up, enrolling.post_set_up),
    ("/signup", sign_up.get_signup, sign_up.post_signup),
    ("/confirm", sign_up.get_confirm, sign_up.post_confirm),
    ("/resendcode", None, sign_up.post_resend),
    ("/forgotPassword", reset.get_forgot, reset.post_forgot),
    ("/confirmforgotPassword", reset.get_reset, reset.post_reset),
    ("/confirmForgotPassword", reset.get_reset, reset.post_reset),
)
# The API counts its own calls: an operation's input names the client.
_ENDPOINTS: Final[tuple[tuple[str, tuple[str, ...], Handler, Rate | None], ...]] = (
    ("/oauth2/authorize", ("GET",), oauth.authorize, rates.PAGES),
    ("/oauth2/token", ("POST",), oauth.exchange, rates.CLIENTS),
    ("/oauth2/userInfo", ("GET", "POST"), oauth.userinfo, rates.BEARERS),
    ("/oauth2/revoke", ("POST",), oauth.revoke, rates.CLIENTS),
    ("/logout", ("GET",), leaving.logout, None),
    ("/error", ("GET",), leaving.show_error, None),
    ("/confirmUser", ("GET",), leaving.confirm_by_link, rates.PAGES),
    ("/confirmUser/", ("GET",), leaving.confirm_by_link, rates.PAGES),
    ("/", ("POST",), answer_api, None),
)


async def _discovery(services: Services, request: Request) -> Response:
    pool = await services.config.store.load_pool(request.path_params["pool_id"])
    if pool is None:
        return _no_pool(request)
    config = services.config
    home = config.domain_url(pool.domain or pool.custom_domain)
    body = build_discovery(config.issuer(pool.id), home)
    return Response(body, media_type="application/json;charset=UTF-8")


async def _jwks(services: Services, request: Request) -> Response:
    pool = await services.config.store.load_pool(request.path_params["pool_id"])
    if pool is None:
        return _no_pool(request)
    keys = await services.key_ring.load(pool.id)
    body = build_jwks(keys.public_jwks)
    return Response(body, media_type="application/json;charset=UTF-8")


def _no_pool(request: Request) -> Response:
    text = messages.POOL_MISSING.format(request.path_params["pool_id"])
    return json_reply({"message": text}, status=400)


async def _health(services: Services, _request: Request) -> Response:
    await services.config.store.ping()
    return json_reply({"status": "ok"}, media_type="application/json")


def _bind(
    services: Services, handler: Handler, rate: Rate | None = None
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        refusal = await refuse_haste(services, request, rate) if rate else None
        return refusal or await handler(services, request)

    return endpoint


def _bind_page(
    services: Services, get: PageHandler | None, post: PageHandler | None
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        # A page that is only looked at tries nothing, and is not counted.
        if request.method == "POST" and (
            refusal := await refuse_haste(services, request, rates.PAGES)
        ):
            return refusal
        visit = await open_visit(services, request)
        if isinstance(visit, Response):
            return visit
        handler = post if request.method == "POST" else get
        return await handler(visit) if handler else Response(status_code=405)

    return endpoint


def _routes(services: Services) -> list[Route]:
    well_known = "/{pool_id}/.well-known"
    routes = [
        Route("/health", _bind(services, _health), methods=["GET"]),
        Route(f"{well_known}/openid-configuration", _bind(services, _discovery)),
        Route(f"{well_known}/jwks.json", _bind(services, _jwks)),
        Route("/_look/{pool_id}/{owner}/{digest}", _bind(services, get_file)),
    ]
    routes.append(
        Route("/_import/{token}", _bind(services, receive_file), methods=["PUT"])
    )
    for path, allowed, handler, rate in _ENDPOINTS:
        route = Route(path, _bind(services, handler, rate), methods=list(allowed))
        # A HEAD, as link scanners send it, must neither issue a code nor sign anyone out.
        (route.methods or set()).discard("HEAD")
        routes.append(route)
    if services.config.testing is not None:
        routes += build_testing_routes(services, services.config.testing)
    if services.config.console is not None:
        routes += build_console_routes(services, services.config.console)
    for path, get, post in _PAGES:
        methods = [m for m, h in (("GET", get), ("POST", post)) if h]
        routes.append(Route(path, _bind_page(services, get, post), methods=methods))
    return routes


def create_app(config: UserPoolConfig) -> Starlette:
    """
    The site of all user pools in a store.

    Its `state.errands` are to be closed before the store is.
    """
    services = build_services(config)

    failed = partial(show_failure, config)

    async def unknown_site(_request: Request, _error: Exception) -> Response:
        return failed(
            status=404,
            title="Nothing is served here",
            message="No user pool has this address.",
        )

    async def not_found(_request: Request, _error: Exception) -> Response:
        return failed(
            status=404,
            title="Nothing is served here",
            message="There is no page at this address.",
        )

    async def wrong_method(_request: Request, error: Exception) -> Response:
        headers = error.headers if isinstance(error, HTTPException) else None
        return Response(status_code=405, headers=headers)

    async def unavailable(_request: Request, error: Exception) -> Response:
        _log.error("the pool store is unavailable: %s", error)
        response = failed(
            status=503,
            title="Not available just now",
            message="Please try again in a moment.",
        )
        response.headers["Retry-After"] = "5"
        return response

    async def broken(_request: Request, _error: Exception) -> Response:
        return failed(
            status=500, title="Something went wrong", message="Please try again."
        )

    app = Starlette(
        routes=_routes(services),
        middleware=[
            Middleware(DomainRouting, suffix=config.domain_suffix),
            Middleware(Cors),
        ],
        exception_handlers={
            UnknownSite: unknown_site,
            StoreUnavailable: unavailable,
            404: not_found,
            405: wrong_method,
            500: broken,
        },
    )
    app.state.errands = services.errands
    app.state.services = services
    return app
