"""
One request for a page of a portal, what stands around the page, and how it is drawn.

Spec: portal §§1.3, 3.5, 3.6.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from ostiary.http.cookies import CookieAttributes
from ostiary.pages import render
from ostiary.portal.accounts import TooOften
from ostiary.portal.chrome import Chrome, MenuItem
from ostiary.portal.config import Portal
from ostiary.portal.content.finding import Found
from ostiary.portal.people import Visitor
from ostiary.portal.places import NEXT_FOR_S, base_of, read_next
from ostiary.portal.replies import frame_page
from ostiary.portal.site import Site


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

    def signed_out(self, chrome: Chrome) -> Chrome:
        """The same frame for somebody who has just signed out."""
        return replace(
            chrome,
            account_menu=(),
            developer_name=None,
            sign_out_url=None,
            sign_in_url=f"{self.base}/login",
            register_url=f"{self.base}/register",
        )


class Content(Protocol):
    """What a workspace's files say."""

    async def frame(self, asked: Asked) -> Chrome:
        """What stands around every page."""
        ...

    async def spec_routes(self, portal: Portal, visitor: Visitor) -> Mapping[str, str]:
        """Where the specifications that somebody may read are shown, by their paths."""
        ...

    async def find(self, asked: Asked, path: str) -> Found:
        """What stands at a path for whoever asks."""
        ...

    async def show(self, asked: Asked, chrome: Chrome) -> Response:
        """The page of a path, or why there is none for whoever asks."""
        ...


Page = Callable[[Asked], Awaitable[Response]]


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
            MenuItem(title="Applications", url=f"{base}/applications"),
            *(
                (MenuItem(title="Credentials", url=f"{base}/credentials"),)
                if asked.portal.credentials
                else ()
            ),
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
        tries=asked.site.trying is not None and asked.portal.has_sign_in,
    )


def _form_homes(asked: Asked) -> tuple[str, ...]:
    """This workspace's pages, by the address they are known by and by the one they were asked at."""
    homes = [f"{asked.portal.gui}/"]
    host = asked.request.headers.get("host", "")
    if _HOST.fullmatch(host):
        homes.append(f"{asked.request.scope['scheme']}://{host}{asked.base}/")
    return tuple(dict.fromkeys(homes))


_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")


def draw(
    template: str, chrome: Chrome, *, status: int = 200, **values: Any
) -> Response:
    """A page from a template."""
    body = render(template, chrome=chrome, **values)
    return frame_page(body, chrome, status=status)


def is_tls(portal: Portal) -> bool:
    """Whether a portal is reached over TLS."""
    return portal.gui.startswith("https:")


def next_attributes(asked: Asked) -> CookieAttributes:
    """Those of the cookie that keeps where somebody wanted to go."""
    return CookieAttributes(
        path=asked.base, max_age_s=NEXT_FOR_S, secure=is_tls(asked.portal)
    )


def go(location: str) -> Response:
    """Another page, asked for with GET."""
    return Response(
        status_code=303,
        headers={
            "Location": location,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        },
    )


def stop(asked: Asked) -> Response | None:
    """Send away whoever may not see a developer's page; None for those who may."""
    if asked.visitor.is_approved:
        return None
    if asked.visitor.signed_in is not None:
        return go(f"{asked.base}/unauthorized")
    wanted = quote(f"{asked.base}/{asked.path}", safe="/")
    return go(f"{asked.base}/login?next={wanted}")


def wanted_by(asked: Asked) -> str | None:
    """Where somebody who is to sign in wanted to go, if it is a page of this portal."""
    return read_next(asked.request.query_params.get("next"), asked.portal.name)


def too_often(error: TooOften) -> str:
    """What is said to whoever asks too often."""
    return f"You have tried often. Please wait {error.wait_s} seconds."
