"""
What stands at an address of the portal, for somebody. Pure.

Spec: portal §§3.3, 3.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from ostiary.portal.content.access import Reader
from ostiary.portal.content.links import build_route_url
from ostiary.portal.content.media import media_type_of
from ostiary.portal.content.openapi.document import Operation
from ostiary.portal.content.site import Entry, Site

RAW_PREFIX: Final = "/_specs/"
ASSET_PREFIX: Final = "/assets/"
THEME_SHEET: Final = "/_theme.css"
SEARCH: Final = "/search"
TRY_END: Final = "/try"
EXPLORE_END: Final = "/explore"
LLMS: Final = "/llms.txt"
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page to be drawn; `operation` is one of a specification's."""

    site: Site = field(repr=False)
    entry: Entry
    reader: Reader
    operation: Operation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """The page of results."""

    site: Site = field(repr=False)
    reader: Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """
    A file as it is, to be sent with `nosniff` and with `policy` as its Content-Security-Policy.

    `filename` is what a browser saves it as; None is shown.
    """

    body: bytes = field(repr=False)
    media_type: str
    filename: str | None = None
    policy: str = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """It stands elsewhere: a path of the portal, without the workspace."""

    path: str


@dataclass(frozen=True, slots=True)
class NeedsSignIn:
    """Who is signed in might read it."""


@dataclass(frozen=True, slots=True)
class Denied:
    """This developer may not."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing is there."""


Found = Page | SearchPage | Raw | Redirect | NeedsSignIn | Denied | Missing


def find_page(site: Site, path: str, reader: Reader) -> Found:
    """
    What a path shows to somebody.

    Args:
        path: Decoded, below the workspace: `/guides/start`.
    """
    if not path.startswith("/") or _UNSAFE.search(path) or "//" in path:
        return Missing()
    if path != "/" and path.endswith("/"):
        plain = find_page(site, path.rstrip("/") or "/", reader)
        return plain if isinstance(plain, Missing) else Redirect(path=path.rstrip("/"))
    if path.startswith(ASSET_PREFIX):
        return _find_asset(site, path.removeprefix(ASSET_PREFIX))
    if path.startswith(RAW_PREFIX):
        return _find_raw(site, path.removeprefix(RAW_PREFIX), reader)
    if path == THEME_SHEET:
        return Raw(body=site.style_sheet.encode(), media_type="text/css")
    found = _find_entry(site, path)
    if found is None and path == SEARCH:
        return SearchPage(site=site, reader=reader)
    if found is None:
        return _answer_llms(site, reader) if path == LLMS else Missing()
    entry, operation = found
    return _judge(site, entry, reader) or Page(
        site=site, entry=entry, reader=reader, operation=operation
    )


def _judge(site: Site, entry: Entry, reader: Reader) -> NeedsSignIn | Denied | None:
    match site.judge(entry, reader):
        case "needs_sign_in":
            return NeedsSignIn()
        case "denied":
            return Denied()
        case "allowed":
            return None


def _find_entry(site: Site, path: str) -> tuple[Entry, Operation | None] | None:
    entry = site.routes.get(path)
    if entry is not None:
        return entry, None
    above, _, slug = path.rpartition("/")
    entry = site.routes.get(above)
    if entry is not None and entry.api is not None:
        operation = entry.api.find(slug)
        if operation is not None:
            return entry, operation
    for prefix, wild in site.wild:
        if path.startswith(prefix) or path == prefix.rstrip("/"):
            return wild, None
    return None


def _find_asset(site: Site, name: str) -> Raw | Missing:
    asset = site.assets.get(name)
    if asset is None:
        return Missing()
    kind = media_type_of(name)
    # Pictures may be SVG, which is a document; a page that shows one runs nothing of it.
    return Raw(body=asset.body, media_type=kind)


def _find_raw(site: Site, name: str, reader: Reader) -> Found:
    path = f"specs/{name}"
    entries = [*site.routes.values(), *(entry for _, entry in site.wild)]
    entry = next((e for e in entries if e.path == path), None)
    if entry is None:
        return Missing()
    refused = _judge(site, entry, reader)
    if refused is not None:
        return refused
    kind = "application/json" if path.endswith(".json") else "application/yaml"
    return Raw(
        body=entry.body.encode(),
        media_type=kind,
        filename=path.rpartition("/")[2],
    )


def _answer_llms(site: Site, reader: Reader) -> Raw:
    return Raw(body=build_llms(site, reader).encode(), media_type="text/plain")


def build_llms(site: Site, reader: Reader) -> str:
    """
    `llms.txt`: what somebody may read here, for programs that read.

    Spec: llmstxt.org (a title, a sentence, lists of links).
    """
    home = site.routes.get("/")
    lines = [f"# {_line(site.conf.name)}"]
    if home is not None and home.head.description and home in site.listed(reader):
        lines += ["", f"> {_line(home.head.description)}"]
    pages = [e for e in site.listed(reader) if e.api is None]
    specs = site.specs(reader)
    base = site.base
    if specs:
        lines += ["", "## APIs", ""]
        lines += [
            f"- [{_line(e.title)}]({build_route_url(RAW_PREFIX + e.path.removeprefix('specs/'), base)})"
            f"{_about(e.api.summary or e.api.description if e.api else '')}"
            for e in specs
        ]
    if pages:
        lines += ["", "## Pages", ""]
        lines += [
            f"- [{_line(e.title)}]({build_route_url(e.route, base)})"
            f"{_about(e.head.description or '')}"
            for e in pages
        ]
    return "\n".join(lines) + "\n"


def _line(text: str) -> str:
    return " ".join(text.replace("[", "(").replace("]", ")").split())[:200]


def _about(text: str) -> str:
    first = text.strip().split("\n\n")[0]
    return f": {_line(first)}" if first else ""
