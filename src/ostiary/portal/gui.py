"""
The portal's pages about accounts: sign in, register, wait, and say something else of oneself.

Every page works without JavaScript. Whoever may not see a page is told why and what to do next;
nobody is sent in circles. What is not about accounts is `Content`'s.

Spec: portal §§1.3, 2.2-2.5, 3.6; security T-R, T-K.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import quote

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
from ostiary.model.portal import APPROVED
from ostiary.pages import render, render_error
from ostiary.portal.accounts import Registered, TooOften
from ostiary.portal.chrome import Chrome, MenuItem
from ostiary.portal.config import Portal
from ostiary.portal.door import DoorClosed
from ostiary.portal.people import Visitor
from ostiary.portal.places import NEXT_COOKIE, NEXT_FOR_S, base_of, read_next
from ostiary.portal.replies import add_fields, frame_page
from ostiary.portal.site import NoPortal, Site, client_ip
from ostiary.portal.standing import explain
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.web import csrf
from ostiary.web.body import BodyTooLarge, NotAForm, read_form
from ostiary.web.cookies import read_cookie
from ostiary.web.replies import page

_VERBS: Final = ("GET", "POST", "HEAD")
_META: Final = "meta."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request for a page: whose portal, who asks, and the token of their forms."""

    site: Site
    portal: Portal
    request: Request
    visitor: Visitor
    csrf_token: str = field(repr=False)

    @property
    def base(self) -> str:
        """The path that this portal's pages begin with."""
        return base_of(self.portal.name)

    @property
    def path(self) -> str:
        """What follows the workspace, without slashes around it."""
        return str(self.request.path_params.get("path", "")).strip("/")


class Content(Protocol):
    """What a workspace's files say."""

    async def frame(self, asked: Asked) -> Chrome:
        """What stands around every page."""
        ...

    async def show(self, asked: Asked, chrome: Chrome) -> Response:
        """The page of a path, or why there is none for whoever asks."""
        ...


def build_chrome(asked: Asked, *, site_name: str, menu: tuple[MenuItem, ...]) -> Chrome:
    """The frame with what an account has to do with: who is signed in, and how to be."""
    visitor, base = asked.visitor, asked.base
    developer = visitor.developer if visitor.is_approved else None
    has_session = visitor.signed_in is not None
    can_sign_in = asked.portal.has_sign_in and not has_session
    name: str | None = None
    if developer is not None:
        name = developer.name
    elif visitor.signed_in is not None:
        name = visitor.signed_in.name or visitor.signed_in.value or "Signed in"
    account = (
        (
            MenuItem(title="Dashboard", url=f"{base}/dashboard"),
            MenuItem(title="Settings", url=f"{base}/settings"),
        )
        if developer is not None
        else (MenuItem(title="Your access", url=f"{base}/unauthorized"),)
    )
    return Chrome(
        site_name=site_name,
        base=base,
        menu=menu,
        account_menu=account if has_session else (),
        developer_name=name,
        sign_in_url=f"{base}/login" if can_sign_in else None,
        register_url=f"{base}/register" if can_sign_in else None,
        sign_out_url=f"{base}/logout" if has_session else None,
        form_homes=_form_homes(asked),
    )


def _form_homes(asked: Asked) -> tuple[str, ...]:
    """This workspace's pages, by the address they are known by and by the one they were asked at."""
    homes = [f"{asked.portal.gui}/"]
    host = asked.request.headers.get("host", "")
    if _HOST.fullmatch(host):
        homes.append(f"{asked.request.scope['scheme']}://{host}{asked.base}/")
    return tuple(dict.fromkeys(homes))


_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")


class Gui:
    """The pages of every workspace's portal."""

    def __init__(self, site: Site, content: Content) -> None:
        self._site = site
        self._content = content
        self._pages: Mapping[str, Callable[[Asked], Awaitable[Response]]] = {
            "login": self.login,
            "register": self.register,
            "unauthorized": self.unauthorized,
            "logout": self.logout,
            "dashboard": self.dashboard,
            "settings": self.settings,
            "settings/delete": self.delete,
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
        handler = self._pages.get(asked.path)
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
        response = _go(wanted)
        attributes = _next_attributes(asked)
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
        attributes = CookieAttributes(path=asked.base, max_age_s=None, secure=_is_tls(asked.portal))  # fmt: skip
        token = build_set_cookie(csrf.COOKIE, asked.csrf_token, attributes)
        return add_fields(response, [*asked.visitor.fields, (b"set-cookie", token)])

    def _draw(
        self, template: str, chrome: Chrome, *, status: int = 200, **values: Any
    ) -> Response:
        body = render(template, chrome=chrome, **values)
        return frame_page(body, chrome, status=status)

    # Pages.

    async def login(self, asked: Asked) -> Response:
        """One button that leads to the provider."""
        if not asked.portal.has_sign_in:
            return await self._show_content(asked)
        if asked.visitor.signed_in is not None:
            ending = "dashboard" if asked.visitor.is_approved else "unauthorized"
            return _go(f"{asked.base}/{ending}")
        chrome = await self._content.frame(asked)
        response = self._draw(
            "portal-login.html",
            chrome,
            auth_url=f"{asked.portal.api}/auth",
            is_open=asked.portal.oidc is not None,
            is_next=self._wanted(asked) is not None,
        )
        wanted = self._wanted(asked) or f"{asked.base}/dashboard"
        cookie = build_set_cookie(NEXT_COOKIE, wanted, _next_attributes(asked))
        return add_fields(response, [(b"set-cookie", cookie)])

    def _wanted(self, asked: Asked) -> str | None:
        return read_next(asked.request.query_params.get("next"), asked.portal.name)

    async def register(self, asked: Asked) -> Response:
        """The form of a registration, and what comes of it."""
        portal, visitor = asked.portal, asked.visitor
        if not portal.has_sign_in:
            return await self._show_content(asked)
        if visitor.developer is not None:
            ending = "dashboard" if visitor.is_approved else "unauthorized"
            return _go(f"{asked.base}/{ending}")
        if asked.request.method != "POST":
            return await self._registration(asked, {}, Registered())
        form = dict(await read_form(asked.request))
        try:
            asked.site.accounts.count(asked.portal, client_ip(asked.request))
        except TooOften as error:
            response = await self._registration(
                asked, form, Registered(problem=f"You have tried often. Please wait {error.wait_s} seconds."), status=429,
            )  # fmt: skip
            response.headers["Retry-After"] = str(error.wait_s)
            return response
        done = await asked.site.accounts.register(
            portal,
            visitor,
            email=form.get("email", "").strip(),
            meta=_read_meta(portal, form),
            client_ip=client_ip(asked.request),
        )
        if done.status is None:
            return await self._registration(asked, form, done, status=400)
        chrome = await self._content.frame(asked)
        return self._draw(
            "portal-registered.html",
            chrome,
            is_approved=done.status == APPROVED,
            is_signed_in=visitor.signed_in is not None,
            login_url=f"{asked.base}/login",
        )

    async def _registration(
        self,
        asked: Asked,
        form: Mapping[str, str],
        done: Registered,
        *,
        status: int = 200,
    ) -> Response:
        chrome = await self._content.frame(asked)
        locked = asked.visitor.email if asked.portal.is_by_email else None
        known = asked.visitor.signed_in
        filled = {"meta.full_name": known.name} if known and known.name else {}
        return self._draw(
            "portal-register.html",
            chrome,
            status=status,
            csrf_token=asked.csrf_token,
            action=f"{asked.base}/register",
            login_url=f"{asked.base}/login",
            locked_email=locked,
            form={**filled, **form},
            errors=done.errors,
            problem=done.problem,
            fields=asked.portal.meta_fields,
        )

    async def unauthorized(self, asked: Asked) -> Response:
        """Why somebody may not go on, and what they can do about it."""
        chrome = await self._content.frame(asked)
        told = explain(asked.visitor, asked.portal, base=asked.base)
        return self._draw(
            "portal-message.html", chrome, status=told.status, title=told.title,
            text=told.text, action_url=told.action_url, action_label=told.action_label,
        )  # fmt: skip

    async def logout(self, asked: Asked) -> Response:
        """Leave: here, and at the provider."""
        if asked.visitor.signed_in is None:
            return _go(asked.base)
        site = asked.request.headers.get("sec-fetch-site")
        if site == "cross-site":
            chrome = await self._content.frame(asked)
            # A link of ours is the person's own wish, wherever it leads on to.
            return self._draw(
                "portal-message.html", chrome, status=403,
                title="Do you want to sign out?",
                text="Another site asked to sign you out here. Nothing has happened yet.",
                action_url=f"{asked.base}/logout", action_label="Sign out",
            )  # fmt: skip
        oidc = asked.portal.oidc
        argument = (oidc.logout_query_arg if oidc is not None else None) or "logout"
        return _go(f"{asked.portal.api}/auth?{quote(argument)}=true")

    async def dashboard(self, asked: Asked) -> Response:
        """A developer's own account."""
        if (stopped := self._stop(asked)) is not None:
            return stopped
        developer = asked.visitor.developer
        assert developer is not None
        chrome = await self._content.frame(asked)
        return self._draw(
            "portal-dashboard.html", chrome, developer=developer, base=asked.base
        )

    async def settings(self, asked: Asked) -> Response:
        """What a developer tells of themselves."""
        if (stopped := self._stop(asked)) is not None:
            return stopped
        developer = asked.visitor.developer
        assert developer is not None
        said = {f"{_META}{k}": str(v) for k, v in developer.read_meta().items()}
        done = Registered()
        if asked.request.method == "POST":
            said = dict(await read_form(asked.request))
            meta = json.dumps(_read_meta(asked.portal, said))
            done = await asked.site.accounts.set_meta(
                asked.portal, developer, meta, client_ip(asked.request)
            )
        chrome = await self._content.frame(asked)
        return self._draw(
            "portal-settings.html",
            chrome,
            status=200 if not (done.errors or done.problem) else 400,
            csrf_token=asked.csrf_token,
            base=asked.base,
            developer=developer,
            form=said,
            errors=done.errors,
            problem=done.problem,
            is_saved=done.status is not None,
            fields=asked.portal.meta_fields,
        )

    async def delete(self, asked: Asked) -> Response:
        """Delete one's own account, after a question."""
        if (stopped := self._stop(asked)) is not None:
            return stopped
        developer = asked.visitor.developer
        assert developer is not None
        chrome = await self._content.frame(asked)
        if asked.request.method != "POST":
            return self._draw(
                "portal-confirm.html", chrome,
                title="Delete your account?",
                text="Your registration at this portal and everything that belongs to it are deleted at once. "
                "Your account at the identity provider stays.",
                action=f"{asked.base}/settings/delete", label="Delete my account",
                csrf_token=asked.csrf_token, back_url=f"{asked.base}/settings",
            )  # fmt: skip
        ip = client_ip(asked.request)
        if not await asked.site.accounts.leave(asked.portal, developer, ip):
            raise StoreUnavailable("the account was not deleted")
        return self._draw(
            "portal-message.html", chrome,
            title="Your account was deleted",
            text="You are still signed in at the identity provider. Sign out there as well if this is not your device.",
            action_url=f"{asked.base}/logout", action_label="Sign out",
        )  # fmt: skip

    def _stop(self, asked: Asked) -> Response | None:
        """Send away whoever may not see a developer's page; None for those who may."""
        if asked.visitor.is_approved:
            return None
        if asked.visitor.signed_in is not None:
            return _go(f"{asked.base}/unauthorized")
        wanted = quote(f"{asked.base}/{asked.path}", safe="/")
        return _go(f"{asked.base}/login?next={wanted}")


def _read_meta(portal: Portal, form: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for known in portal.meta_fields:
        said = form.get(f"{_META}{known.title}", "").strip()
        if said:
            found[known.title] = said
    return found


def _new_token(random: bytes) -> str:
    text = random.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _is_tls(portal: Portal) -> bool:
    return portal.gui.startswith("https:")


def _next_attributes(asked: Asked) -> CookieAttributes:
    return CookieAttributes(
        path=asked.base, max_age_s=NEXT_FOR_S, secure=_is_tls(asked.portal)
    )


def _go(location: str) -> Response:
    return Response(
        status_code=303,
        headers={
            "Location": location,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        },
    )


def _plain(status: int, title: str, text: str) -> Response:
    """A page without a portal around it."""
    body = render_error(
        status=status, title=title, message=text, action_url=None, action_label=None,
        request_id="",
    )  # fmt: skip
    return page(body, status=status)


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
            Route("/{workspace}/{path:path}", gui.answer, methods=[*_VERBS]),
        ]
    )
    app.router.redirect_slashes = False
    return app
