"""
`portal.conf.yaml` and `router.conf.yaml`: name, theme, redirects, menus, collections, hard routes.

What is wrong is told and left out; the rest counts. Pure.

Spec: portal §§3.1, 3.3, 3.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ostiary.model.files import PORTAL_CONF, ROUTER_CONF
from ostiary.model.headmatter import check_route
from ostiary.model.safe_yaml import BadText, parse_yaml
from ostiary.portal.content.source import Trouble

DEFAULT_NAME: Final = "Developer Portal"
DEFAULT_THEME: Final = "base"
REDIRECTS: Final[Mapping[str, str]] = {
    "unauthenticated": "login",
    "unauthorized": "unauthorized",
    "login": "dashboard",
    "logout": "",
    "pending_approval": "",
    "pending_email_verification": "",
}
MAX_MENU_ITEMS: Final = 50
_FOOTER: Final = ("footer", "menu_footer")


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuEntry:
    """One entry as it is written: `url` is relative to the portal, or whole."""

    title: str
    url: str
    needs_auth: bool = False
    needs_role: tuple[str, ...] = ()
    hide_when_authenticated: bool = False
    children: tuple[MenuEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Pages of `content/_<name>/`, and the pattern of their routes."""

    name: str
    output: bool = True
    route: str = "/:collection/:name"
    layout: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conf:
    """`portal.conf.yaml`, complete."""

    name: str = DEFAULT_NAME
    theme: str = DEFAULT_THEME
    redirects: Mapping[str, str] = field(default_factory=lambda: {**REDIRECTS})
    menu: tuple[MenuEntry, ...] = ()
    menu_no_auth: tuple[MenuEntry, ...] | None = None
    footer: tuple[MenuEntry, ...] = ()
    collections: Mapping[str, Collection] = field(default_factory=dict)


def read_conf(text: str) -> tuple[Conf, tuple[Trouble, ...]]:
    """What a `portal.conf.yaml` says, and what is wrong with it."""
    try:
        found = parse_yaml(text)
    except BadText as error:
        return Conf(), (Trouble(path=PORTAL_CONF, text=str(error)),)
    if not isinstance(found, dict):
        return Conf(), ()
    told: list[Trouble] = []

    def tell(reason: str) -> None:
        told.append(Trouble(path=PORTAL_CONF, text=reason))

    theme = found.get("theme")
    name = theme.get("name") if isinstance(theme, dict) else theme
    menus = _read_menus(found, tell=tell)
    conf = Conf(
        name=_text(found.get("name")) or DEFAULT_NAME,
        theme=_text(name) or DEFAULT_THEME,
        redirects={**REDIRECTS, **_read_redirects(found.get("redirect"))},
        menu=menus.get("menu", ()),
        menu_no_auth=menus.get("menu_no_auth"),
        footer=menus.get("footer", ()),
        collections=_read_collections(found.get("collections"), tell=tell),
    )
    return conf, tuple(told)


def _text(value: object) -> str | None:
    if isinstance(value, str) and value.strip():
        return value.strip()
    return str(value) if isinstance(value, int | float) else None


def _read_redirects(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {
        name: text.strip().strip("/") if isinstance(text, str) else ""
        for name, text in value.items()
        if name in REDIRECTS
    }


def _read_menus(found: Mapping[str, Any], *, tell: Any) -> dict[str, Any]:
    menus: dict[str, Any] = {}
    value = found.get("menu")
    groups = value if isinstance(value, dict) else {"menu": value}
    for name, items in groups.items():
        key = "footer" if name in _FOOTER else "menu"
        if items is not None and key not in menus:
            menus[key] = tuple(_read_items(items, tell=tell, depth=0))
    for name in ("menu_no_auth", *_FOOTER):
        if found.get(name) is not None:
            key = "footer" if name in _FOOTER else name
            menus[key] = tuple(_read_items(found[name], tell=tell, depth=0))
    return menus


def _read_items(value: object, *, tell: Any, depth: int) -> Iterator[MenuEntry]:
    items = [*value.values()] if isinstance(value, dict) else value
    if not isinstance(items, list):
        tell("a menu must be a list of entries with title and url")
        return
    for item in items[:MAX_MENU_ITEMS]:
        if not isinstance(item, dict):
            tell("an entry of a menu must be a record with title and url")
            continue
        title = _text(item.get("title")) or _text(item.get("dynamic_title"))
        if title is None:
            tell("an entry of a menu has no title")
            continue
        roles = _read_roles(item.get("needs_role"))
        if roles is None:  # nobody sees it, rather than everybody
            tell(f"needs_role of {title[:80]!r} must be the name of a role, or a list of them")  # fmt: skip
            continue
        below = item.get("sub_menu") or item.get("items")
        yield MenuEntry(
            title=title,
            url=_text(item.get("url")) or "",
            needs_auth=item.get("needs_auth") is True,
            needs_role=roles,
            hide_when_authenticated=item.get("hide_when_authenticated") is True,
            children=tuple(_read_items(below, tell=tell, depth=depth + 1))
            if below and depth == 0
            else (),
        )


def _read_roles(value: object) -> tuple[str, ...] | None:
    names = [] if value is None else value if isinstance(value, list) else [value]
    roles = tuple(name for name in names if isinstance(name, str))
    return roles if len(roles) == len(names) else None


def _read_collections(value: object, *, tell: Any) -> dict[str, Collection]:
    found: dict[str, Collection] = {}
    if not isinstance(value, dict):
        return found
    for name, said in value.items():
        if not isinstance(said, dict):
            tell(f"the collection {name} must be a record")
            continue
        route = _text(said.get("route")) or Collection(name=name).route
        found[name] = Collection(
            name=name,
            output=said.get("output") is not False,
            route="/" + route.strip("/"),
            layout=_text(said.get("layout")),
        )
    return found


def read_router(text: str) -> tuple[Mapping[str, str], tuple[Trouble, ...]]:
    """The routes of a `router.conf.yaml`; a route that ends in `/*` takes all below it."""
    try:
        found = parse_yaml(text)
    except BadText as error:
        return {}, (Trouble(path=ROUTER_CONF, text=str(error)),)
    routes: dict[str, str] = {}
    told: list[Trouble] = []
    for route, path in (found if isinstance(found, dict) else {}).items():
        try:
            is_wild = route.endswith("/*")
            plain = check_route(route.removesuffix("/*") or "/", f"the route {route}")
        except BadText as error:
            told.append(Trouble(path=ROUTER_CONF, text=error.reason))
            continue
        if isinstance(path, str):
            routes[f"{plain.rstrip('/')}/*" if is_wild else plain] = path
        else:
            text = f"the route {route} must name a file"
            told.append(Trouble(path=ROUTER_CONF, text=text))
    return routes, tuple(told)
