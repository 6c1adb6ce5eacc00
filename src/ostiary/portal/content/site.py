"""
A workspace's files as one value: what stands at which address, and what is wrong. Pure.

What cannot be read is left out and told; nothing is shown that a broken rule might have hidden.

Spec: portal §§3.1-3.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from ostiary.model.files import PORTAL_CONF, ROUTER_CONF, read_binary
from ostiary.model.headmatter import (
    Headmatter,
    check_route,
    read_page,
    read_spec_headmatter,
)
from ostiary.model.safe_yaml import BadText, parse_json, parse_yaml
from ostiary.portal.content.access import Reader, Verdict, judge_reading
from ostiary.portal.content.conf import Collection, Conf, read_conf, read_router
from ostiary.portal.content.layouts import Layouts
from ostiary.portal.content.markdown import slugify
from ostiary.portal.content.openapi.document import Api, read_api
from ostiary.portal.content.source import Source, Trouble
from ostiary.portal.content.theme import Theme, build_style_sheet, read_theme

_STEM: Final = re.compile(r"\.[A-Za-z0-9]+$")
_DOCUMENTATION: Final = "/documentation"
_PLACEHOLDER: Final = re.compile(r":(title|name|collection|stub)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A page or a specification at its address. `api` is a specification's."""

    route: str
    path: str
    title: str
    head: Headmatter
    body: str = field(repr=False)
    api: Api | None = None

    @property
    def is_listed(self) -> bool:
        """Whether search and lists know of it."""
        return not self.head.private


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file of the theme that pages load."""

    path: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """
    Everything that a portal shows.

    `base` is the path that all of it is below. `wild` are routes that take everything below them,
    the longest first. `layouts` are the operator's own templates. `troubles` are what is left out.
    """

    workspace: str
    base: str
    has_auth: bool
    conf: Conf
    theme: Theme
    style_sheet: str
    routes: Mapping[str, Entry]
    wild: tuple[tuple[str, Entry], ...]
    assets: Mapping[str, Asset]
    layouts: Layouts = field(repr=False)
    troubles: tuple[Trouble, ...]

    def judge(self, entry: Entry, reader: Reader) -> Verdict:
        """Whether somebody may read an entry: for pages, lists and search alike."""
        return judge_reading(entry.head.readable_by, reader, has_auth=self.has_auth)

    def listed(self, reader: Reader) -> list[Entry]:
        """What somebody may read and should find, by address."""
        found = [
            entry
            for entry in self.routes.values()
            if entry.is_listed and self.judge(entry, reader) == "allowed"
        ]
        return sorted(found, key=lambda entry: entry.route)

    def specs(self, reader: Reader) -> list[Entry]:
        """The specifications among them, by title."""
        found = [entry for entry in self.listed(reader) if entry.api is not None]
        return sorted(found, key=lambda entry: (entry.title.lower(), entry.route))


def build_site(
    files: Iterable[Source], *, workspace: str, has_auth: bool, base: str | None = None
) -> Site:
    """
    The site of a workspace's files.

    Args:
        workspace: Its name.
        base: The path that it is served below, as in a frame; None is the workspace's name.
        has_auth: Developers can sign in; without that rules do not count.
    """
    by_path = {file.path: file for file in sorted(files, key=lambda f: f.path)}
    troubles: list[Trouble] = []
    conf, told = read_conf(_contents(by_path, PORTAL_CONF))
    troubles += told
    theme_path = f"themes/{conf.theme}/theme.conf.yaml"
    theme, told = read_theme(conf.theme, _contents(by_path, theme_path))
    troubles += told
    entries = [*_read_entries(by_path.values(), conf, troubles)]
    router, told = read_router(_contents(by_path, ROUTER_CONF))
    troubles += told
    routes, wild = _lay_out(entries, router, troubles)
    assets = dict(_read_assets(by_path.values(), conf.theme, troubles))
    sheets = [build_style_sheet(theme)]
    for name in theme.styles:
        if name in assets:
            sheets.append(assets[name].body.decode("utf-8", "replace"))
        else:
            troubles.append(Trouble(path=theme_path, text=f"there is no assets/{name}"))
    return Site(
        workspace=workspace,
        base=f"/{quote(workspace)}" if base is None else base,
        has_auth=has_auth,
        conf=conf,
        theme=theme,
        style_sheet="\n".join(sheet for sheet in sheets if sheet),
        routes=routes,
        wild=wild,
        assets=assets,
        layouts=Layouts(dict(_read_layouts(by_path.values(), conf.theme))),
        troubles=tuple(troubles),
    )


def _contents(files: Mapping[str, Source], path: str) -> str:
    return files[path].contents if path in files else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """An entry, and whether the route is its own word or follows from its path."""

    entry: Entry
    is_said: bool
    has_output: bool


def _read_entries(
    files: Iterable[Source], conf: Conf, troubles: list[Trouble]
) -> Iterator[_Made]:
    for file in files:
        try:
            if file.path.startswith("content/"):
                made = _read_page_entry(file, conf)
            elif file.path.startswith("specs/"):
                made = _read_spec_entry(file)
            else:
                continue
        except BadText as error:
            troubles.append(Trouble(path=file.path, text=str(error)))
            continue
        if made is not None:
            if made.entry.head.spec_url is not None:
                text = "spec_url is not fetched: put the specification into specs/"
                troubles.append(Trouble(path=file.path, text=text))
            yield made


def _read_page_entry(file: Source, conf: Conf) -> _Made | None:
    head, body = read_page(file.contents)
    stem = _STEM.sub("", file.path.removeprefix("content/"))
    steps = stem.split("/")
    has_output = head.output
    title = head.title or _title_of(steps, body)
    route = "/" + "/".join(steps[:-1] if steps[-1] == "index" else steps)
    if steps[0].startswith("_"):
        collection = conf.collections.get(steps[0][1:])
        if collection is None:
            return None
        has_output = has_output and collection.output
        filled = _fill(collection, steps[-1], title, head.stub or "")
        route = check_route(filled, "its address")
        if head.layout is None and collection.layout is not None:
            head = _with_layout(head, collection.layout)
    if head.route is not None:
        route = head.route
    entry = Entry(route=route, path=file.path, title=title, head=head, body=body)  # fmt: skip
    return _Made(entry=entry, is_said=head.route is not None, has_output=has_output)


def _with_layout(head: Headmatter, layout: str) -> Headmatter:
    values: dict[str, Any] = {
        name: getattr(head, name) for name in head.__dataclass_fields__
    }
    return Headmatter(**{**values, "layout": layout})


def _title_of(steps: list[str], body: str) -> str:
    first = next((line for line in body.splitlines() if line.startswith("# ")), "")
    if first:
        return first[2:].strip()[:200]
    name = steps[-1] if steps[-1] != "index" or len(steps) == 1 else steps[-2]
    return "Home" if name == "index" else name.replace("-", " ").replace("_", " ").capitalize()  # fmt: skip


def _fill(collection: Collection, name: str, title: str, stub: str) -> str:
    values = {
        "title": slugify(title),
        "name": name,
        "collection": collection.name,
        "stub": stub.strip("/"),
    }
    filled = _PLACEHOLDER.sub(lambda found: values[found[1]], collection.route)
    return re.sub(r"/{2,}", "/", filled)


def _read_spec_entry(file: Source) -> _Made:
    name = _STEM.sub("", file.path.removeprefix("specs/"))
    is_json = file.path.endswith(".json")
    document = parse_json(file.contents) if is_json else parse_yaml(file.contents)
    if not isinstance(document, dict):
        raise BadText("is no specification: it must be a record")
    head = read_spec_headmatter(document)
    api = read_api(document, fallback=name)
    route = head.route or f"{_DOCUMENTATION}/{name}"
    entry = Entry(
        route=route, path=file.path, title=head.title or api.title, head=head,
        body=file.contents, api=api,
    )  # fmt: skip
    return _Made(entry=entry, is_said=head.route is not None, has_output=head.output)


def _lay_out(
    made: Iterable[_Made], router: Mapping[str, str], troubles: list[Trouble]
) -> tuple[dict[str, Entry], tuple[tuple[str, Entry], ...]]:
    """Which entry stands where: hard routes alone, else those said before those that follow."""
    by_path = {one.entry.path: one.entry for one in made}
    routes: dict[str, Entry] = {}
    wild: list[tuple[str, Entry]] = []
    if router:
        for route, path in router.items():
            entry = by_path.get(path)
            if entry is None:
                text = f"{route} leads to {path}, which is not there or does not read"
                troubles.append(Trouble(path=ROUTER_CONF, text=text))
            elif route.endswith("/*"):
                wild.append((route[:-1], _at(entry, route[:-2] or "/")))
            else:
                routes[route] = _at(entry, route)
        wild.sort(key=lambda pair: -len(pair[0]))
        return routes, tuple(wild)
    outputs = [one for one in made if one.has_output]
    for one in sorted(outputs, key=lambda o: (not o.is_said, o.entry.path)):
        taken = routes.setdefault(one.entry.route, one.entry)
        if taken is not one.entry:
            text = f"is not shown: {taken.path} has its address {taken.route}"
            troubles.append(Trouble(path=one.entry.path, text=text))
    return routes, ()


def _at(entry: Entry, route: str) -> Entry:
    return Entry(route=route, path=entry.path, title=entry.title, head=entry.head, body=entry.body, api=entry.api)  # fmt: skip


def _read_assets(
    files: Iterable[Source], theme: str, troubles: list[Trouble]
) -> Iterator[tuple[str, Asset]]:
    prefix = f"themes/{theme}/assets/"
    for file in files:
        if not file.path.startswith(prefix):
            continue
        try:
            found = read_binary(file.contents)
        except ValueError as error:
            troubles.append(Trouble(path=file.path, text=str(error)))
            continue
        body = file.contents.encode() if found is None else found[1]
        name = file.path.removeprefix(prefix)
        yield name, Asset(path=name, body=body)


def _read_layouts(files: Iterable[Source], theme: str) -> Iterator[tuple[str, str]]:
    prefix = f"themes/{theme}/"
    for file in files:
        name = file.path.removeprefix(prefix)
        if file.path.startswith(prefix) and name.startswith(("layouts/", "partials/")):
            yield name, file.contents
