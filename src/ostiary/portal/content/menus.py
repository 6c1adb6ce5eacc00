"""
The frame of a page from a site: its menus as somebody sees them. Pure.

Spec: portal §3.6 (menu entries), §3.4: nothing leads where somebody may not go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from ostiary.portal.chrome import Chrome, MenuItem
from ostiary.portal.content.access import Reader
from ostiary.portal.content.conf import MenuEntry
from ostiary.portal.content.finding import SEARCH, THEME_SHEET
from ostiary.portal.content.links import build_route_url, build_url
from ostiary.portal.content.site import Site

_SHOWN_ALWAYS: Final = ("/", "/documentation", "/guides", "/about")


def build_chrome(
    site: Site, reader: Reader, frame: Chrome, *, path: str, search_text: str = ""
) -> Chrome:
    """
    A frame with what the site says of it: name, menus, theme, search.

    Args:
        frame: What the caller knows: the base, and the links about accounts.
        path: Of the page, below the workspace.
    """
    conf = site.conf
    entries = conf.menu
    if not site.has_auth and conf.menu_no_auth is not None:
        entries = conf.menu_no_auth
    base = frame.base
    items = [*_show(site, reader, entries, base=base, path=path)]
    if not conf.menu and conf.menu_no_auth is None:
        items = [*_usual(site, reader, base=base, path=path)]
    images = site.theme.images
    return replace(
        frame,
        site_name=conf.name,
        menu=tuple(items),
        footer_menu=tuple(_show(site, reader, conf.footer, base=base, path=path)),
        search_url=f"{base}{SEARCH}",
        search_text=search_text,
        theme_url=f"{base}{THEME_SHEET}" if site.style_sheet else None,
        logo_url=build_url(images["logo"], base) if "logo" in images else None,
        favicon_url=build_url(images["favicon"], base) if "favicon" in images else None,
    )


def _is_here(url: str, path: str, base: str) -> bool:
    own = url.removeprefix(base).rstrip("/") or "/"
    if not url.startswith(base):
        return False
    return path == own or (own != "/" and path.startswith(f"{own}/"))


def _may_see(site: Site, reader: Reader, entry: MenuEntry, base: str) -> bool:
    if entry.hide_when_authenticated and reader.is_authenticated:
        return False
    if (entry.needs_auth or entry.needs_role) and site.has_auth:
        if not reader.is_authenticated:
            return False
        if entry.needs_role and reader.roles.isdisjoint(entry.needs_role):
            return False
    target = site.routes.get(
        unquote(build_url(entry.url, base).removeprefix(base)) or "/"
    )
    # Who could read it once they signed in is shown the way.
    return target is None or site.judge(target, reader) != "denied"


def _show(
    site: Site, reader: Reader, entries: Iterable[MenuEntry], *, base: str, path: str
) -> Iterator[MenuItem]:
    for entry in entries:
        if not _may_see(site, reader, entry, base):
            continue
        children = tuple(_show(site, reader, entry.children, base=base, path=path))
        if entry.children and not children:
            continue
        url = build_url(entry.url, base)
        yield MenuItem(
            title=entry.title,
            url=url,
            is_current=not children and _is_here(url, path, base),
            children=children,
        )


def _usual(site: Site, reader: Reader, *, base: str, path: str) -> Iterator[MenuItem]:
    """The pages that most portals have, where nothing says what is in the menu."""
    for route in _SHOWN_ALWAYS:
        entry = site.routes.get(route)
        if entry is not None and site.judge(entry, reader) == "allowed":
            url = build_route_url(route, base)
            yield MenuItem(
                title=entry.title if route != "/" else "Home",
                url=url,
                is_current=_is_here(url, path, base),
            )
