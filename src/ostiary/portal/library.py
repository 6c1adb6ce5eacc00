"""
A workspace's files as pages: read when they change, shown as far as somebody may read them.

Spec: portal §§3.1-3.7.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never
from urllib.parse import quote
from weakref import WeakValueDictionary

from starlette.responses import Response

from ostiary.model.files import File
from ostiary.portal.asked import Asked, build_chrome
from ostiary.portal.chrome import Chrome
from ostiary.portal.config import Portal
from ostiary.portal.content.access import Reader
from ostiary.portal.content.finding import (
    Denied,
    Found,
    Missing,
    NeedsSignIn,
    Page,
    Raw,
    Redirect,
    SearchPage,
    find_page,
)
from ostiary.portal.content.menus import build_chrome as add_menus
from ostiary.portal.content.rendering import (
    render_denied,
    render_missing,
    render_page,
    render_search,
)
from ostiary.portal.content.search import SearchIndex, build_index
from ostiary.portal.content.site import Site, build_site
from ostiary.portal.people import Visitor
from ostiary.portal.places import base_of
from ostiary.portal.replies import frame_page
from ostiary.ports.config_store import ConfigStore, Wanted
from ostiary.ports.pool_store import StoreUnavailable

_LOG: Final = logging.getLogger("ostiary.portal")
_KEPT: Final = 64
_MANY: Final = 100
_NOT_SHOWN: Final = "the portal's files cannot be shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A workspace's site, and what it was made of."""

    revision: int
    has_auth: bool
    files: tuple[File, ...] = field(repr=False)
    site: Site = field(repr=False)
    index: SearchIndex = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Broken:
    """
    Files that no site can be made of, by a fault of ours.

    The site before them does not stand in: it may show what they were changed to hide.
    """

    revision: int
    has_auth: bool


class Library:
    """The sites of every workspace, from a store."""

    def __init__(self, store: ConfigStore) -> None:
        self._store = store
        self._shelves: OrderedDict[str, Shelf | _Broken] = OrderedDict()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def load(self, portal: Portal) -> Shelf:
        """
        The site of a portal as it is now.

        Raises:
            StoreUnavailable: The database does not answer, or its files cannot be shown.
        """
        known = self._find(portal, await self._store.files_revision())
        if known is not None:
            return known
        # Whoever else asks meanwhile waits for the same work. Who waits keeps the lock alive.
        lock = self._locks.setdefault(portal.id, asyncio.Lock())
        async with lock:
            revision = await self._store.files_revision()
            known = self._find(portal, revision)
            return known or await self._make(portal, revision)

    def _find(self, portal: Portal, revision: int) -> Shelf | None:
        known = self._shelves.get(portal.id)
        if known is None or (known.revision, known.has_auth) != (
            revision,
            portal.has_sign_in,
        ):
            return None
        if isinstance(known, _Broken):
            raise StoreUnavailable(_NOT_SHOWN)
        return known

    async def _make(self, portal: Portal, revision: int) -> Shelf:
        files = await self._read(portal)
        try:
            site, index = await asyncio.to_thread(_build, portal, files)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing old is shown
            kind = type(error).__name__
            _LOG.error("portal of %s: its files cannot be shown: %s", portal.name, kind)
            self._keep(portal, _Broken(revision=revision, has_auth=portal.has_sign_in))
            raise StoreUnavailable(_NOT_SHOWN) from None
        for trouble in site.troubles:
            _LOG.warning(
                "portal of %s: %s: %s", portal.name, trouble.path, trouble.text
            )
        shelf = Shelf(
            revision=revision, has_auth=portal.has_sign_in, files=files, site=site,
            index=index,
        )  # fmt: skip
        self._keep(portal, shelf)
        return shelf

    def _keep(self, portal: Portal, shelf: Shelf | _Broken) -> None:
        self._shelves[portal.id] = shelf
        self._shelves.move_to_end(portal.id)
        while len(self._shelves) > _KEPT:
            self._shelves.popitem(last=False)

    async def _read(self, portal: Portal) -> tuple[File, ...]:
        rows = self._store.within(portal.id)
        found: list[File] = []
        after: str | None = ""
        while after is not None:
            some = await rows.page(Wanted(kind="files"), after=after, size=_MANY)
            found += [row for row in some.rows if isinstance(row, File)]
            after = some.after
        return tuple(sorted(found, key=lambda file: file.path))

    async def frame(self, asked: Asked) -> Chrome:
        """What stands around every page."""
        shelf = await self.load(asked.portal)
        return add_menus(
            shelf.site,
            read_reader(asked.visitor),
            build_chrome(asked, site_name=shelf.site.conf.name, menu=()),
            path=f"/{asked.path}",
            search_text=asked.request.query_params.get("q", ""),
        )

    async def find(self, asked: Asked, path: str) -> Found:
        """What stands at a path for whoever asks."""
        shelf = await self.load(asked.portal)
        return find_page(shelf.site, path, read_reader(asked.visitor))

    async def show(self, asked: Asked, chrome: Chrome) -> Response:
        """The page of a path, or why there is none for whoever asks."""
        shelf = await self.load(asked.portal)
        reader = read_reader(asked.visitor)
        found = find_page(shelf.site, f"/{asked.path}", reader)
        match found:
            case Page():
                query = dict(asked.request.query_params)
                drawn = await asyncio.to_thread(render_page, found, chrome, query)
                if drawn.trouble is not None:
                    told = drawn.trouble
                    _LOG.warning("portal of %s: %s: %s", asked.portal.name, told.path, told.text)  # fmt: skip
                return frame_page(drawn.body, chrome)
            case SearchPage():
                query_text = asked.request.query_params.get("q", "")
                body = await asyncio.to_thread(
                    render_search, found, shelf.index, query_text, chrome
                )
                return frame_page(body, chrome)
            case Raw():
                return _raw(found)
            case Redirect():
                return _go(f"{asked.base}{quote(found.path)}")
            case NeedsSignIn() if asked.visitor.signed_in is not None:
                return _go(f"{asked.base}/unauthorized")
            case NeedsSignIn():
                wanted = quote(f"{asked.base}/{asked.path}", safe="/")
                return _go(f"{asked.base}/login?next={wanted}")
            case Denied():
                return frame_page(render_denied(chrome), chrome, status=403)
            case Missing():
                return frame_page(render_missing(chrome), chrome, status=404)
            case _:
                assert_never(found)

    async def spec_routes(self, portal: Portal, visitor: Visitor) -> Mapping[str, str]:
        """Where the specifications that somebody may read are shown, by their paths."""
        shelf = await self.load(portal)
        base = base_of(portal.name)
        found = shelf.site.specs(read_reader(visitor))
        return {entry.path: f"{base}{quote(entry.route)}" for entry in found}

    async def readable(self, portal: Portal, visitor: Visitor) -> Sequence[File]:
        """The pages and specifications that somebody may read, as files."""
        shelf = await self.load(portal)
        reader = read_reader(visitor)
        paths = {entry.path for entry in shelf.site.listed(reader)}
        return [file for file in shelf.files if file.path in paths]


def read_reader(visitor: Visitor) -> Reader:
    """Who reads: nobody in particular, unless it is a developer in good standing."""
    developer = visitor.developer
    if not visitor.is_approved or developer is None:
        return Reader()
    return Reader(
        is_authenticated=True, roles=frozenset(developer.roles), name=developer.name
    )


def _build(portal: Portal, files: Sequence[File]) -> tuple[Site, SearchIndex]:
    site = build_site(files, workspace=portal.name, has_auth=portal.has_sign_in)
    return site, build_index(site)


def _raw(found: Raw) -> Response:
    headers = {
        "Content-Security-Policy": found.policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    if found.filename is not None:
        name = quote(found.filename)
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return Response(found.body, media_type=found.media_type, headers=headers)


def _go(location: str) -> Response:
    return Response(
        status_code=303, headers={"Location": location, "Cache-Control": "no-store"}
    )
