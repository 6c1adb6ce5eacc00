"""
The portal's API for browsers and scripts: signing in and out, and a developer's own account.

No reply holds a token. Nobody but the portal's own pages may use a developer's cookie.

Spec: portal §§1.6, 2.3, 2.5; security T-C12, T-K13.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ostiary.http.cookies import CookieAttributes, build_set_cookie
from ostiary.http.path import AmbiguousTarget
from ostiary.portal import api_own
from ostiary.portal.accounts import TooOften
from ostiary.portal.applications import api as applications
from ostiary.portal.call import (
    UNAUTHORIZED,
    Call,
    Handler,
    Refused,
    read_meta,
    refuse_wrong,
    say,
)
from ostiary.portal.comings import tell_coming, tell_going
from ostiary.portal.config import Portal
from ostiary.portal.credentials import api as credentials
from ostiary.portal.door import DoorClosed
from ostiary.portal.library import Library
from ostiary.portal.people import Visitor, meet
from ostiary.portal.places import NEXT_COOKIE, NEXT_FOR_S, base_of
from ostiary.portal.replies import add_fields, carry_out, looks_for_page
from ostiary.portal.site import NoPortal, Site, client_ip
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.signin.values import Allowed, Respond, SendAway, Step
from ostiary.web.cookies import read_cookie
from ostiary.web.csrf import is_own_call

_VERBS: Final = ("GET", "POST", "PATCH", "DELETE", "OPTIONS")
_FILE_FIELDS: Final = ("id", "path", "contents", "checksum", "created_at")
_MOST: Final = 1_000_000
_MOST_CONTENTS: Final = 100


async def enter(call: Call) -> Response:
    """`GET /auth`: sign in at the provider, come back from it, or sign out."""
    portal, request = call.portal, call.request
    wants_page = looks_for_page(request.method, request.headers.raw)
    if portal.own is not None:
        return await api_own.enter_own(call)
    if portal.oidc is None:
        raise say(404, "Not found")
    leaving = await _meet_leaving(call)
    try:
        step = await call.site.door.enter(request, portal)
    except AmbiguousTarget as error:
        raise say(400, "the request cannot be read") from error
    await _tell_audit(call, step, leaving)
    if isinstance(step, Allowed):
        if not wants_page:
            fields = [f for f in step.downstream_fields if f[0] == b"Set-Cookie"]
            return add_fields(JSONResponse({}), fields)
        location = _after_login(portal)
        step = SendAway(
            status=303,
            location=location,
            why="signed_in",
            fields=tuple(step.downstream_fields),
        )
    request_id = request.headers.get("x-request-id", "")[:64]
    response = carry_out(
        step, wants_page=wants_page, home=portal.gui, request_id=request_id
    )
    if isinstance(step, SendAway) and step.why in {"login_action", "signed_in"}:
        _keep_next(response, request, portal)
    return response


async def _meet_leaving(call: Call) -> Visitor | None:
    """Whose sign-out this may be, while it can be known; None for other requests."""
    request, oidc = call.request, call.portal.oidc
    argument = oidc.logout_query_arg if oidc is not None else None
    is_asked = argument is not None and argument in request.query_params
    if request.method == "GET" and not is_asked:
        return None
    read = await call.site.door.read(request, call.portal)
    return await meet(call.site.store, call.portal, read)


async def _tell_audit(call: Call, step: Step, leaving: Visitor | None) -> None:
    """Have the audit log say who came, and who went."""
    site, request, portal = call.site, call.request, call.portal
    match step:
        case SendAway(why="login_action" | "signed_in", fields=fields):
            visitor = Visitor()
            with suppress(DoorClosed, StoreUnavailable):  # they are in all the same
                read = await site.door.read_newcomer(request, portal, fields)
                visitor = await meet(site.store, portal, read)
            await tell_coming(site, request, portal, visitor.developer)
        case SendAway(why="logout") | Respond() if (
            leaving is not None and leaving.signed_in is not None
        ):
            await tell_going(site, request, portal, leaving.developer)


def _after_login(portal: Portal) -> str:
    said = portal.oidc.login_redirect_uri if portal.oidc is not None else None
    return said[0] if said else portal.gui


def _keep_next(response: Response, request: Request, portal: Portal) -> None:
    """Let the pages know that somebody has just signed in, unless they know where to go on."""
    if read_cookie(request, NEXT_COOKIE) is not None:
        return
    base = base_of(portal.name)
    attributes = CookieAttributes(
        path=base,
        max_age_s=NEXT_FOR_S,
        secure=portal.gui.startswith("https:"),
    )
    value = f"{base}/dashboard"
    add_fields(
        response, [(b"set-cookie", build_set_cookie(NEXT_COOKIE, value, attributes))]
    )


async def show_session(call: Call) -> Response:
    """`GET /session`: until when somebody is signed in; never a redirect, never a token."""
    visitor = await call.meet()
    if visitor.signed_in is None:
        raise say(401, UNAUTHORIZED)
    if call.portal.own is not None:
        ends_at = visitor.signed_in.expires_at or 0.0
        return JSONResponse(api_own.show_own_session(call.portal, ends_at))
    oidc = call.portal.oidc
    assert oidc is not None
    now = int(call.site.clock.now())
    idle = int(oidc.session_idling_timeout or oidc.session_rolling_timeout)
    shown = {
        "session": {
            "expires": now + idle,
            "cookie": {"lifetime": int(oidc.session_rolling_timeout), "renew": idle},
        }
    }
    return add_fields(JSONResponse(shown), visitor.fields)


async def show_developer(call: Call) -> Response:
    """`GET /developer`: one's own account."""
    visitor = await call.developer()
    row = visitor.developer
    assert row is not None
    shown = {
        "id": row.id,
        "email": row.email,
        "meta": row.meta,
        "status": row.status,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
    return add_fields(JSONResponse(shown), visitor.fields)


async def delete_developer(call: Call) -> Response:
    """`DELETE /developer`: leave."""
    visitor = await call.developer()
    assert visitor.developer is not None
    ip = client_ip(call.request)
    if not await call.site.accounts.leave(call.portal, visitor.developer, ip):
        raise say(503, "the account cannot be deleted now")
    return Response(status_code=204)


async def show_meta_fields(call: Call) -> Response:
    """`GET /developer/meta_fields`: what a registration asks for."""
    fields = [f.model_dump(mode="json") for f in call.portal.meta_fields]
    return JSONResponse(fields)


async def set_meta(call: Call) -> Response:
    """`PATCH /developer/meta`: say something else of oneself."""
    visitor = await call.developer()
    assert visitor.developer is not None
    meta = read_meta((await call.read()).get("meta"))
    done = await call.site.accounts.set_meta(
        call.portal, visitor.developer, json.dumps(meta), client_ip(call.request)
    )
    refuse_wrong(done)
    return JSONResponse({"developer": done.row})


async def list_files(call: Call) -> Response:
    """`GET /files`: the pages and specifications that whoever asks may read."""
    query = call.request.query_params
    fields = [f.strip() for f in query.get("fields", "").split(",") if f.strip()]
    if wrong := [name for name in fields if name not in _FILE_FIELDS]:
        raise say(400, f"unknown field {wrong[0]}")
    size, offset = _read_number(query.get("size"), 100), _read_number(query.get("offset"), 0)  # fmt: skip
    if "contents" in (fields or _FILE_FIELDS):
        size = min(size, _MOST_CONTENTS)
    visitor = await call.meet()
    files = await call.library.readable(call.portal, visitor)
    shown = [
        {name: getattr(file, name) for name in fields or _FILE_FIELDS}
        for file in files[offset : offset + size]
    ]
    ends = offset + size
    more: dict[str, str | None] = {"next": None}
    if ends < len(files):
        listed = f"&fields={','.join(fields)}" if fields else ""
        path = f"{base_of(call.portal.name)}/files"
        more = {
            "next": f"{path}?size={size}&offset={ends}{listed}",
            "offset": str(ends),
        }
    return add_fields(JSONResponse({"data": shown, **more}), visitor.fields)


def _read_number(text: str | None, usual: int) -> int:
    if text is None:
        return usual
    if not text.isascii() or not text.isdecimal() or not 0 <= int(text[:9]) <= _MOST:
        raise say(400, "invalid offset")
    return max(int(text[:9]), min(usual, 1))


_ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/auth": {"GET": enter, "POST": enter, "DELETE": enter},
    "/session": {"GET": show_session},
    "/register": {"POST": api_own.register},
    "/verify-account": {"POST": api_own.verify_account},
    "/resend-account-verification": {"POST": api_own.resend_verification},
    "/invalidate-account-verification": {"POST": api_own.invalidate_verification},
    "/forgot-password": {"POST": api_own.forgot_password},
    "/validate-reset": {"POST": api_own.validate_reset},
    "/reset-password": {"POST": api_own.reset_password},
    "/developer": {"GET": show_developer, "DELETE": delete_developer},
    "/developer/meta_fields": {"GET": show_meta_fields},
    "/developer/meta": {"PATCH": set_meta},
    "/developer/email": {"PATCH": api_own.set_email},
    "/developer/password": {"PATCH": api_own.set_password},
    **applications.ROUTES,
    **credentials.ROUTES,
    "/files": {"GET": list_files},
}


def _allow_origin(request: Request, portal: Portal) -> str | None:
    """
    The origin that may read the answer.

    Raises:
        Refused: A page of another origin asks, with whatever cookies its visitor has.
    """
    origin = request.headers.get("origin")
    # A provider posts the answer of a login (`form_post`); the flow's own cookie proves it.
    is_answer = request.method == "POST" and request.url.path.endswith("/auth")
    if origin is None or origin == "null":
        if request.method in {"GET", "HEAD"} or is_answer or is_own_call(request):
            return None
        raise say(403, "requests of other pages may not use this API")
    if origin in portal.cors or origin == _own_origin(portal):
        return origin
    if is_answer:
        return None
    raise say(403, "this Origin may not use this API; see portal_cors_origins")


def _own_origin(portal: Portal) -> str:
    return "/".join(portal.api.split("/")[:3])


def _build_endpoint(site: Site, library: Library, verbs: Mapping[str, Handler]) -> Any:
    async def endpoint(request: Request) -> Response:
        origin: str | None = None
        try:
            portal = await site.find(request.path_params["workspace"])
            origin = _allow_origin(request, portal)
            if request.method == "OPTIONS":
                return _allow(origin, verbs)
            method = "GET" if request.method == "HEAD" else request.method
            handler = verbs.get(method)
            if handler is None:
                response: Response = JSONResponse(
                    {"message": "Method not allowed"}, status_code=405
                )
                response.headers["Allow"] = ", ".join((*verbs, "OPTIONS"))
            else:
                call = Call(site=site, library=library, portal=portal, request=request)
                response = await handler(call)
        except Refused as error:
            response = JSONResponse(dict(error.body), status_code=error.status)
        except NoPortal:
            response = JSONResponse({"message": "Not found"}, status_code=404)
        except TooOften as error:
            response = JSONResponse({"message": "Too many requests"}, status_code=429)
            response.headers["Retry-After"] = str(error.wait_s)
        except (DoorClosed, StoreUnavailable):
            response = JSONResponse(
                {"message": "the portal is not available now"}, status_code=503
            )
            response.headers["Retry-After"] = "5"
        return _with_origin(response, origin)

    return endpoint


def _with_origin(response: Response, origin: str | None) -> Response:
    if origin is not None:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
    response.headers["Vary"] = "Origin, Cookie"
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response


def _allow(origin: str | None, verbs: Mapping[str, Handler]) -> Response:
    response = Response(status_code=204)
    if origin is not None:
        response.headers["Access-Control-Allow-Methods"] = ", ".join(verbs)
        response.headers["Access-Control-Allow-Headers"] = (
            "Content-Type, Authorization, apikey"
        )
    response.headers["Allow"] = ", ".join((*verbs, "OPTIONS"))
    return _with_origin(response, origin)


async def _not_found(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"message": "Not found"}, status_code=404)


def create_api(site: Site, library: Library) -> Starlette:
    """The portal's API."""
    routes = [
        Route(
            f"/{{workspace}}{path}",
            _build_endpoint(site, library, verbs),
            methods=[*_VERBS],
        )
        for path, verbs in _ROUTES.items()
    ]
    app = Starlette(routes=routes, exception_handlers={404: _not_found})
    app.router.redirect_slashes = False
    return app
