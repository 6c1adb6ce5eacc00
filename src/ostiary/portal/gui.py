"""
The portal's pages: whose a request is, whether a form is ours, and which page answers it.

Every page works without JavaScript. Whoever may not see a page is told why and what to do next;
nobody is sent in circles. What is not about accounts (`AccountPages`) is `Content`'s.

Spec: portal §§1.3, 2.3; security T-R, T-K.
"""

from __future__ import annotations

from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.http.cookies import (
    CookieAttributes,
    build_delete_cookie,
    build_set_cookie,
)
from ostiary.http.forms import MalformedForm, first
from ostiary.pages import render_error
from ostiary.portal.account_pages import AccountPages
from ostiary.portal.accounts import TooOften
from ostiary.portal.applications.pages import ApplicationPages
from ostiary.portal.asked import Asked, Content, go, is_tls, next_attributes, too_often
from ostiary.portal.config import Portal
from ostiary.portal.credentials.pages import CredentialPages
from ostiary.portal.door import DoorClosed
from ostiary.portal.places import NEXT_COOKIE, read_next
from ostiary.portal.replies import add_fields
from ostiary.portal.site import NoPortal, Site
from ostiary.portal.tryit.pages import TryPages
from ostiary.portal.tryit.vendored import PLACE, serve_file
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.web import csrf
from ostiary.web.body import BodyTooLarge, NotAForm, read_form
from ostiary.web.cookies import read_cookie
from ostiary.web.replies import page

_VERBS: Final = ("GET", "POST", "HEAD")


class Gui:
    """The pages of every workspace's portal."""

    def __init__(self, site: Site, content: Content) -> None:
        self._site = site
        self._content = content
        self._trying = TryPages(content)
        self._pages = {
            **AccountPages(content).pages,
            **ApplicationPages(content).pages,
            **CredentialPages(content).pages,
        }

    async def home(self, _: Request) -> Response:
        """`/`: the default workspace's portal, by a relative redirect."""
        return Response(status_code=302, headers={"Location": "default"})

    async def answer(self, request: Request) -> Response:
        """Any page of a portal."""
        try:
            portal = await self._site.find(request.path_params["workspace"])
        except NoPortal:
            return _plain(404, "There is no portal here", "The address may be mistyped, or the portal is switched off.")  # fmt: skip
        except StoreUnavailable:
            return _away()
        try:
            asked = await self._ask(request, portal)
            response = await self._answer(asked)
        except TooOften as error:
            return _later(error)
        except (DoorClosed, StoreUnavailable):
            return _away()
        return self._finish(response, asked)

    async def _ask(self, request: Request, portal: Portal) -> Asked:
        visitor = await self._site.meet(request, portal)
        cookie = read_cookie(request, csrf.COOKIE)
        token = cookie if cookie is not None and csrf.is_token(cookie) else None
        return Asked(
            site=self._site,
            portal=portal,
            request=request,
            visitor=visitor,
            csrf_token=token or _new_token(self._site.entropy.bytes(16)),
        )

    async def _answer(self, asked: Asked) -> Response:
        request = asked.request
        if request.method == "POST" and not await self._is_own_form(asked):
            return _plain(403, "This form was not filled in here", "Go back, reload the page and send it again.")  # fmt: skip
        moved = self._go_on(asked)
        if moved is not None:
            return moved
        handler = self._pages.get(asked.path) or await self._trying.find(asked)
        if handler is not None:
            return await handler(asked)
        if request.method == "POST":
            return _plain(405, "Nothing can be sent here", "Go back to the page that you came from.")  # fmt: skip
        return await self._show_content(asked)

    async def _show_content(self, asked: Asked) -> Response:
        return await self._content.show(asked, await self._content.frame(asked))

    def _go_on(self, asked: Asked) -> Response | None:
        """Where somebody who has just signed in wanted to go, once."""
        said = read_cookie(asked.request, NEXT_COOKIE)
        if asked.request.method != "GET" or said is None or asked.path == "login":
            return None
        if asked.visitor.signed_in is None:
            return None
        wanted = read_next(said, asked.portal.name) or asked.base
        if not asked.visitor.is_approved:
            wanted = f"{asked.base}/unauthorized"
        response = go(wanted)
        attributes = next_attributes(asked)
        return add_fields(
            response, [(b"set-cookie", build_delete_cookie(NEXT_COOKIE, attributes))]
        )

    async def _is_own_form(self, asked: Asked) -> bool:
        try:
            form = await read_form(asked.request)
        except (NotAForm, BodyTooLarge, MalformedForm):
            return False
        return csrf.is_own_form(
            asked.request,
            cookie=read_cookie(asked.request, csrf.COOKIE),
            field=first(form, "_csrf"),
            home="/".join(asked.portal.gui.split("/")[:3]),
            takes_null=False,
        )

    def _finish(self, response: Response, asked: Asked) -> Response:
        attributes = CookieAttributes(path=asked.base, max_age_s=None, secure=is_tls(asked.portal))  # fmt: skip
        token = build_set_cookie(csrf.COOKIE, asked.csrf_token, attributes)
        return add_fields(response, [*asked.visitor.fields, (b"set-cookie", token)])


def _new_token(random: bytes) -> str:
    text = random.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _plain(status: int, title: str, text: str) -> Response:
    """A page without a portal around it."""
    body = render_error(
        status=status, title=title, message=text, action_url=None, action_label=None,
        request_id="",
    )  # fmt: skip
    return page(body, status=status)


def _later(error: TooOften) -> Response:
    response = _plain(429, "Too many attempts", too_often(error))
    response.headers["Retry-After"] = str(error.wait_s)
    return response


def _away() -> Response:
    response = _plain(503, "The portal is not available right now", "Please try again in a few seconds.")  # fmt: skip
    response.headers["Retry-After"] = "5"
    return response


def create_gui(site: Site, content: Content) -> Starlette:
    """The portal's pages."""
    gui = Gui(site, content)
    app = Starlette(
        routes=[
            Route("/", gui.home, methods=["GET"]),
            Route("/{workspace}", gui.answer, methods=[*_VERBS]),
            Route(f"/{{workspace}}/{PLACE}/{{name}}", serve_file, methods=["GET"]),
            Route("/{workspace}/{path:path}", gui.answer, methods=[*_VERBS]),
        ]
    )
    app.router.redirect_slashes = False
    return app
