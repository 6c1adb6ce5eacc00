"""
The Manager's addresses, each with the checks at the door.

Spec: portal §4; decision 0041.
"""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.manager.addresses import build_own_url
from ostiary.manager.config import ManagerConfig, Person
from ostiary.manager.entering import get_answer
from ostiary.manager.forms import Form, UnreadableForm, read_manager_form
from ostiary.manager.gate import Gate, NotAdmitted
from ostiary.manager.pages import PAGES, Handler
from ostiary.manager.visit import CSRF, Refused, Visit
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.ports.shared import SharedUnavailable
from ostiary.web import csrf
from ostiary.web.cookies import read_cookie
from ostiary.web.replies import redirect

_LOG: Final = logging.getLogger(__name__)
OPEN: Final = (
    "/auth/sign-in", "/auth/provider", "/auth/callback", "/auth/register", "/auth/debugger",
    "/kconfig.js",
)  # fmt: skip
STALE: Final = "This form was not sent from a page of ours, or the page is old. Go back, reload, and try again."


def _build_visit(
    gate: Gate, request: Request, person: Person | None, form: Form
) -> Visit:
    cookie = read_cookie(request, CSRF)
    known = cookie if cookie is not None and csrf.is_token(cookie) else None
    token = known or str(uuid.UUID(bytes=gate.config.entropy.bytes(16)))
    return Visit(
        config=gate.config,
        request=request,
        gate=gate,
        csrf_token=token,
        person=person,
        form=form,
    )


def _show_error(
    visit: Visit, *, status: int, title: str, message: str, url: str = "/workspaces"
) -> Response:
    labels = {"/workspaces": "All workspaces", "/auth/sign-in": "Sign in"}
    return visit.show(
        "manager-error.html",
        status=status,
        number=status,
        title=title,
        message=message,
        action_url=url,
        action_label=labels.get(url, "Open it here"),
    )


def _lead_to_sign_in(request: Request, **more: str) -> Response:
    wanted = request.scope["path"]
    said = "".join(f"&{name}={value}" for name, value in more.items())
    return redirect(f"/auth/sign-in?next={quote(wanted, safe='/')}{said}")


def _show_refusal(visit: Visit, refused: Refused) -> Response:
    reply = refused.reply
    if reply.status == 401:
        return _lead_to_sign_in(visit.request, done="ended")
    titles = {403: "You may not do this", 404: "Not found"}
    message = reply.message
    if reply.status == 404:
        message = "There is nothing here: it was deleted, or is in another workspace."
    return _show_error(
        visit,
        status=reply.status,
        title=titles.get(reply.status, "The Admin API refuses"),
        message=message,
    )


async def _answer(gate: Gate, request: Request, handler: Handler) -> Response:
    bare = _build_visit(gate, request, None, Form())
    try:
        gate.check(request)
        person = await gate.knows(request)
        form = await read_manager_form(request) if request.method == "POST" else Form()
    except NotAdmitted as error:
        own = build_own_url(request.scope["path"])
        url = own if error.can_follow else "/workspaces"
        return _show_error(
            bare, status=403, title="Not from here", message=str(error), url=url
        )
    except UnreadableForm:
        return _show_error(bare, status=400, title="Not a form of ours", message=STALE)
    visit = _build_visit(gate, request, person, form)
    if gate.is_answer(request):
        # Whatever page is at that address: before Kong 3.6 it was that of a workspace.
        handler = get_answer
    elif gate.asks and person is None and request.scope["path"] not in OPEN:
        return _lead_to_sign_in(request)
    if request.method == "POST" and not csrf.is_own_form(
        request,
        cookie=read_cookie(request, CSRF),
        field=form.get("_csrf"),
        home=gate.config.home,
        takes_null=False,
    ):
        return _show_error(visit, status=403, title="Please try again", message=STALE)
    try:
        return await handler(visit)
    except Refused as refused:
        return _show_refusal(visit, refused)


def _fail(gate: Gate, request: Request, error: Exception) -> Response:
    # Without its text: errors of validators quote what was typed, which may be a secret.
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames[-4:]))
    _LOG.error("a page failed: %s in %s", type(error).__name__, places)
    return _show_error(
        _build_visit(gate, request, None, Form()),
        status=500,
        title="Something went wrong",
        message="It is our fault, and the error log says where. What you did may not have been saved.",
    )


def _bind(
    gate: Gate, get: Handler | None, post: Handler | None
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        handler = post if request.method == "POST" else get
        if handler is None:
            return Response(status_code=405)
        try:
            return await _answer(gate, request, handler)
        except (SharedUnavailable, StoreUnavailable) as error:
            what = "database" if isinstance(error, StoreUnavailable) else "shared state"
            _LOG.error("the Manager: the node's %s is away", what)
            return Response(
                f"The node's {what} is away. Try again in a moment.",
                503,
                {"Retry-After": "1", "Cache-Control": "no-store"},
                "text/plain",
            )
        except Exception as error:  # noqa: BLE001 - the next request may be better
            return _fail(gate, request, error)

    return endpoint


def create_manager(config: ManagerConfig) -> Starlette:
    """The Manager over a node's Admin API."""
    gate = Gate(config)

    async def not_found(request: Request, _: Exception) -> Response:
        async def say(visit: Visit) -> Response:
            return _show_error(
                visit,
                status=404,
                title="Not found",
                message="There is no such page.",
            )

        return await _answer(gate, request, say)

    return Starlette(
        routes=[
            Route(
                path,
                _bind(gate, get, post),
                methods=[m for m, h in (("GET", get), ("POST", post)) if h],
            )
            for path, get, post in PAGES
        ],
        exception_handlers={404: not_found},
    )
