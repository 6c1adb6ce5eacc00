"""
What operators' own layouts may name: the data of Kong's templates, as plain values. Pure.

Spec: portal §3.5 (names of data).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from ostiary.portal.chrome import Chrome
from ostiary.portal.content.finding import Page
from ostiary.portal.content.links import build_route_url
from ostiary.portal.content.markdown import MAX_TOIL, render_markdown, weigh_markdown
from ostiary.portal.content.site import Entry

MAX_MARKDOWN_CHARS: Final = 100_000
_PER_CALL: Final = 1000
Json = dict[str, Any]  # Any: plain values


def build_data(page: Page, chrome: Chrome, body: Markup) -> Json:
    """Everything that a layout of a page may name."""
    site, entry, reader = page.site, page.entry, page.reader
    specs = [_show_spec(spec, chrome) for spec in site.specs(reader)]
    locale = entry.head.extra.get("locale")
    words: Mapping[str, Any] = locale if isinstance(locale, dict) else {}

    def specs_by_tag(tag: str) -> list[Json]:
        return [spec for spec in specs if tag in spec["tags"]]

    def has_role(role: str) -> bool:
        return reader.is_authenticated and role in reader.roles

    def translate(key: str, fallback: str = "") -> str:
        return str(words.get(key, fallback))

    left, toil = [MAX_MARKDOWN_CHARS], [MAX_TOIL]

    def write(text: str) -> Markup:
        # It takes longer than what else a layout may do.
        left[0] -= len(str(text)) + _PER_CALL
        toil[0] -= weigh_markdown(str(text))
        if left[0] < 0 or toil[0] < 0:
            raise ValueError("markdown() is given too much")
        return render_markdown(str(text), base=chrome.base).html

    return {
        "portal": {
            "name": site.conf.name, "workspace": site.workspace, "url": chrome.base,
            "auth": site.has_auth, "redirect": {**site.conf.redirects}, "specs": specs,
            "specs_by_tag": specs_by_tag,
            "menu": [{"title": item.title, "url": item.url, "is_current": item.is_current} for item in chrome.menu],
        },
        "page": {
            **entry.head.extra,
            "title": entry.title, "route": entry.route, "path": entry.path, "body": body,
            "url": build_route_url(entry.route, chrome.base), "description": entry.head.description or "",
            "breadcrumbs": _crumbs(entry.route), "content": entry.body,
        },
        "user": {"is_authenticated": reader.is_authenticated, "has_role": has_role, "name": reader.name or ""},
        "theme": {
            "colors": {**site.theme.colors}, "fonts": {**site.theme.fonts},
            "images": {**site.theme.images},
            "color": lambda name: site.theme.colors.get(name, ""),
            "font": lambda name: site.theme.fonts.get(name, ""),
        },
        "l": translate,
        "markdown": write,
        "json_encode": lambda value: json.dumps(value, default=str),
    }  # fmt: skip


def _show_spec(entry: Entry, chrome: Chrome) -> Json:
    api = entry.api
    return {
        "title": entry.title,
        "path": entry.path,
        "route": entry.route,
        "url": build_route_url(entry.route, chrome.base),
        "version": "" if api is None else api.version,
        "description": "" if api is None else api.summary or api.description,
        "tags": [] if api is None else [*api.tags],
    }


def _crumbs(route: str) -> list[Json]:
    steps = [step for step in route.split("/") if step]
    return [
        {
            "path": "/".join(steps[:count]),
            "display_name": steps[count - 1].replace("-", " "),
            "is_first": count == 1,
            "is_last": count == len(steps),
        }
        for count in range(1, len(steps) + 1)
    ]
