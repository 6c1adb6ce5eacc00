"""The console's addresses, each with the checks at the door."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.userpool import messages
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.config import ConsoleConfig
from ostiary.userpool.console import (
    client_settings,
    clients,
    domain,
    groups,
    others,
    pools,
    signing_in,
    user_actions,
    users,
    wizard,
)
from ostiary.userpool.console.forms import Form, UnreadableForm, read_console_form
from ostiary.userpool.console.gate import Gate, Refused
from ostiary.userpool.console.visit import HOME, Visit
from ostiary.userpool.identifiers import new_uuid
from ostiary.userpool.services import Services
from ostiary.userpool.site import BASE, DOMAIN
from ostiary.web import csrf
from ostiary.web.cookies import read_cookie
from ostiary.web.replies import redirect

Handler = Callable[[Visit], Awaitable[Response]]
_OPEN: Final = (f"{HOME}/sign-in",)
_POOL: Final = "/pools/{pool_id}"
_PAGES: Final[tuple[tuple[str, Handler | None, Handler | None], ...]] = (
    ("", pools.get_pools, None),
    ("/", pools.get_pools, None),
    ("/sign-in", signing_in.get_sign_in, signing_in.post_sign_in),
    ("/sign-out", signing_in.get_sign_out, signing_in.post_sign_out),
    ("/mail", signing_in.get_mail, None),
    ("/create-pool", wizard.get_wizard, wizard.post_wizard),
    (_POOL, pools.get_general, None),
    (f"{_POOL}/delete", pools.get_delete, pools.post_delete),
    (f"{_POOL}/clients", clients.get_clients, None),
    (f"{_POOL}/clients/new", clients.get_new, clients.post_new),
    (f"{_POOL}/clients/delete", clients.get_delete, clients.post_delete),
    (f"{_POOL}/client-settings", client_settings.get_list, None),
    (
        f"{_POOL}/client-settings/{{client_id}}",
        client_settings.get_settings,
        client_settings.post_settings,
    ),
    (f"{_POOL}/domain", domain.get_domain, domain.post_domain),
    (f"{_POOL}/domain/delete", domain.get_delete, domain.post_delete),
    (f"{_POOL}/users", users.get_users, None),
    (f"{_POOL}/users/new", user_actions.get_new, user_actions.post_new),
    (f"{_POOL}/users/user", users.get_user, user_actions.post_action),
    (f"{_POOL}/users/delete", user_actions.get_delete, user_actions.post_delete),
    (f"{_POOL}/groups", groups.get_groups, groups.post_groups),
    (f"{_POOL}/groups/group", groups.get_group, groups.post_group),
    (f"{_POOL}/resource-servers", others.get_servers, None),
    (f"{_POOL}/identity-providers", others.get_providers, None),
)


async def _open_visit(gate: Gate, request: Request) -> tuple[Visit, bool]:
    """The visit, and whether its form is ours."""
    cookie = read_cookie(request, csrf.COOKIE)
    form, is_own = Form(), True
    if request.method == "POST":
        form = await read_console_form(request)
        is_own = csrf.is_own_form(
            request, cookie=cookie, field=form.get("_csrf"), home=None
        )
    token = cookie if cookie is not None and csrf.is_token(cookie) else None
    visit = Visit(
        services=gate.services,
        request=request,
        gate=gate,
        csrf_token=token or new_uuid(gate.services.config.entropy),
        is_known=await gate.knows(request),
        form=form,
    )
    return visit, is_own


def _show_error(
    visit: Visit, *, status: int, title: str, message: str, url: str = HOME
) -> Response:
    label = "All user pools" if url == HOME else "Open it here"
    return visit.show(
        "console-error.html",
        status=status,
        number=status,
        title=title,
        message=message,
        action_url=url,
        action_label=label,
    )


async def _answer(gate: Gate, request: Request, handler: Handler) -> Response:
    bare = Visit(
        services=gate.services,
        request=request,
        gate=gate,
        csrf_token=new_uuid(gate.services.config.entropy),
    )
    try:
        gate.check(request)
        visit, is_own = await _open_visit(gate, request)
    except Refused as error:
        url = request.scope["path"] if error.can_follow else HOME
        return _show_error(
            bare, status=403, title="Not from here", message=str(error), url=url
        )
    except UnreadableForm:
        return _show_error(
            bare, status=400, title="Not a form of ours", message=messages.FORM_STALE
        )
    if request.scope["path"] not in _OPEN and not visit.is_known:
        wanted = quote(request.scope["path"], safe="/")
        return redirect(f"{HOME}/sign-in?next={wanted}")
    if not is_own:
        return _show_error(
            visit, status=403, title="Please try again", message=messages.FORM_STALE
        )
    try:
        return await handler(visit)
    except ApiError as error:
        is_missing = error.code in {
            "ResourceNotFoundException",
            "UserNotFoundException",
        }
        return _show_error(
            visit,
            status=404 if is_missing else error.status,
            title="Not found" if is_missing else "The API refuses",
            message=error.message,
        )


def _bind(
    gate: Gate, get: Handler | None, post: Handler | None
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        # A pool's own pages have no console below them, whatever path leads there.
        if request.scope[DOMAIN] is not None or request.scope[BASE]:
            raise HTTPException(404)
        handler = post if request.method == "POST" else get
        return (
            await _answer(gate, request, handler)
            if handler
            else Response(status_code=405)
        )

    return endpoint


def build_console_routes(services: Services, config: ConsoleConfig) -> list[Route]:
    """Every page of the console."""
    gate = Gate(services, config)
    return [
        Route(
            f"{HOME}{path}",
            _bind(gate, get, post),
            methods=[m for m, h in (("GET", get), ("POST", post)) if h],
        )
        for path, get, post in _PAGES
    ]
