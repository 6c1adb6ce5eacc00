"""
The debugger as a site of its own, for whoever is at this machine: `ostiary debugger serve`, and the demo.

It answers to loopback names only and to forms of its own pages only: a page elsewhere must not make it ask
anybody anything (DNS rebinding, cross-site forms).

Spec: decision 0051; Fetch Metadata Request Headers §2.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.http.forms import MalformedForm, Pairs, parse_form
from ostiary.pages import render, render_error
from ostiary.pages.rendering import CONSOLE_DESIGN, DEBUGGER_DESIGN
from ostiary.ports.debugging import (
    FLOW_COOKIE,
    DebugCall,
    DebugFile,
    Debugger,
    DebugPage,
)
from ostiary.web import csrf
from ostiary.web.body import FORM_TYPE, BodyTooLarge, read_body
from ostiary.web.cookies import delete_cookie, read_cookie, set_cookie
from ostiary.web.replies import page

CALLBACK: Final = "/callback"
FORM_LIMIT: Final = 1024 * 1024
FLOW_S: Final = 900
MAX_FLOWS: Final = 24
LOOPBACK_HOSTS: Final = ("127.0.0.1", "localhost", "*.localhost")


class _Unreadable(Exception):
    """The form cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DebuggerSite:
    """
    What the site is made of.

    `admin` is the Admin API's address for lines to copy, `home_url` the page that leads here, if one does.
    """

    debugger: Debugger
    admin: str = "http://127.0.0.1:8001"
    home_url: str = ""

    async def show(self, request: Request) -> Response:
        """The debugger: empty, filled in by a link, or after a step."""
        form: Pairs | None = None
        if request.method == "POST":
            if not csrf.is_own_form(request, cookie=None, field=None, home=None):
                return _refuse(403, "Please try again", "This form was not sent from a page of the debugger.")  # fmt: skip
            try:
                form = await _read_form(request)
            except _Unreadable:
                return _refuse(400, "This form cannot be read", "It is too large, or was changed on the way. Begin again.")  # fmt: skip
        return await self._answer(request, form=form)

    async def take_back(self, request: Request) -> Response:
        """The redirect URI: a provider sends people back to it."""
        return await self._answer(request, is_answer=True)

    async def _answer(
        self, request: Request, *, form: Pairs | None = None, is_answer: bool = False
    ) -> Response:
        try:
            query = parse_form(request.url.query)
        except MalformedForm:
            query = ()
        name = self.debugger.flow_cookie(query) if is_answer else None
        origin = f"{request.url.scheme}://{request.headers['host']}"
        found = await self.debugger.answer(
            DebugCall(
                form=form,
                query=query,
                redirect_uri=f"{origin}{CALLBACK}",
                origin=origin,
                admin=self.admin,
                flow=None if name is None else read_cookie(request, name),
                others=_read_flows(request) if is_answer else {},
                is_answer=is_answer,
                is_foreign=request.headers.get("sec-fetch-site") == "cross-site",
            )
        )
        return self._reply(request, found)

    def _reply(self, request: Request, found: DebugPage | DebugFile) -> Response:
        if isinstance(found, DebugFile):
            return _save(found)
        body = render("debugger.html", debug=found.values, action="/", home_url=self.home_url)  # fmt: skip
        response = page(body, status=found.status, styles=(CONSOLE_DESIGN, DEBUGGER_DESIGN), has_own_referrer=True)  # fmt: skip
        secure = request.url.scheme == "https"
        if found.flow is not None:
            name, value = found.flow
            set_cookie(response, name, value, path=CALLBACK, max_age_s=FLOW_S, secure=secure)  # fmt: skip
        if found.done is not None:
            delete_cookie(response, found.done, path=CALLBACK, secure=secure)
        return response


def _read_flows(request: Request) -> dict[str, str]:
    names = [name for name in request.cookies if name.startswith(FLOW_COOKIE)]
    return {name: read_cookie(request, name) or "" for name in names[:MAX_FLOWS]}


def _save(file: DebugFile) -> Response:
    return Response(
        file.body,
        media_type=file.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            # A picture that is opened by itself may bring its own style, and nothing else.
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        },
    )


def _refuse(status: int, title: str, message: str) -> Response:
    body = render_error(
        status=status,
        title=title,
        message=message,
        action_url="/",
        action_label="Open the debugger",
        request_id="",
    )
    return page(body, status=status)


async def _read_form(request: Request) -> Pairs:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM_TYPE:
        raise _Unreadable
    try:
        return parse_form(await read_body(request, FORM_LIMIT))
    except (BodyTooLarge, MalformedForm) as error:
        raise _Unreadable from error


async def _not_found(_request: Request, _error: Exception) -> Response:
    return _refuse(404, "There is no such page", "The debugger has one page.")


def debugger_app(site: DebuggerSite) -> Starlette:
    """The debugger's site."""
    return Starlette(
        routes=[
            Route("/", site.show, methods=["GET", "POST"]),
            Route(CALLBACK, site.take_back, methods=["GET"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK_HOSTS))
        ],
        exception_handlers={404: _not_found},
    )
