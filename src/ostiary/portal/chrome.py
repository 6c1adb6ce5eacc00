"""
What stands around every page of a portal: its name, its menu, who is signed in. Pure.

`templates/portal-base.html` draws it. Every page of the portal takes a `Chrome` as `chrome`, be it
about content or about accounts.

Spec: portal §§3.5, 3.6 (menus).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ostiary.pages import PORTAL_DESIGN

# For `portal.replies.frame_page`: the policy names the sheet by its hash, and the theme's sheet and
# pictures come from the site itself.
STYLES: Final = (PORTAL_DESIGN,)


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuItem:
    """One entry of a menu; `url` is ready for an `href`."""

    title: str
    url: str
    is_current: bool = False
    children: tuple[MenuItem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chrome:
    """
    What a page is framed with.

    Every URL is ready for an `href`; None leaves the thing out. `base` is the path of the
    workspace's portal, without a slash at its end: `/default`. `developer_name` is who is signed
    in. `theme_url` is the operator's style sheet, from the site's own origin. `account_menu` is
    shown to those who are signed in, under their name. `form_homes` is where its forms may end, as
    the policy says it: in this workspace, and not in others of the same origin. `tries` says that requests can be sent from pages
    of operations.
    """

    site_name: str
    base: str
    menu: tuple[MenuItem, ...] = ()
    footer_menu: tuple[MenuItem, ...] = ()
    account_menu: tuple[MenuItem, ...] = ()
    developer_name: str | None = None
    sign_in_url: str | None = None
    register_url: str | None = None
    sign_out_url: str | None = None
    search_url: str | None = None
    search_text: str = ""
    theme_url: str | None = None
    logo_url: str | None = None
    favicon_url: str | None = None
    form_homes: tuple[str, ...] = ("'self'",)
    tries: bool = False

    @property
    def home_url(self) -> str:
        """The portal's first page."""
        return self.base or "/"
