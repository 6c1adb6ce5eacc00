"""Sites of a few files, and pages of them as texts."""

from __future__ import annotations

from collections.abc import Mapping

from ostiary.portal.chrome import Chrome
from ostiary.portal.content.access import ANONYMOUS, Reader
from ostiary.portal.content.finding import Page, find_page
from ostiary.portal.content.menus import build_chrome
from ostiary.portal.content.rendering import render_page
from ostiary.portal.content.site import Site, build_site
from ostiary.portal.content.source import SourceFile

BASE = "/team"
ADA = Reader(is_authenticated=True, name="Ada")
GOLD = Reader(is_authenticated=True, name="Gold", roles=frozenset({"gold"}))


def site_of(files: Mapping[str, str], *, has_auth: bool = True) -> Site:
    sources = [SourceFile(path=p, contents=c) for p, c in files.items()]
    return build_site(sources, workspace="team", has_auth=has_auth)


def frame(site: Site, reader: Reader = ANONYMOUS, path: str = "/") -> Chrome:
    return build_chrome(site, reader, Chrome(site_name="", base=BASE), path=path)


def show(
    site: Site,
    path: str,
    reader: Reader = ANONYMOUS,
    query: Mapping[str, str] | None = None,
) -> str:
    """The HTML at a path."""
    found = find_page(site, path, reader)
    assert isinstance(found, Page), found
    return render_page(found, frame(site, reader, path), query).body.decode()
