"""
Pages of a site as bytes: which look a page has, and what its template needs. Pure.

Spec: portal §§3.5-3.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from markupsafe import Markup

from ostiary.pages import render
from ostiary.portal.chrome import Chrome
from ostiary.portal.content.data import build_data
from ostiary.portal.content.finding import (
    EXPLORE_END,
    LLMS,
    RAW_PREFIX,
    TRY_END,
    Page,
    SearchPage,
)
from ostiary.portal.content.highlight import highlight_code
from ostiary.portal.content.layouts import BadLayout
from ostiary.portal.content.links import build_route_url, build_url
from ostiary.portal.content.markdown import (
    MAX_CHARS,
    MAX_TOIL,
    Rendered,
    render_markdown,
    show_plainly,
    weigh_markdown,
)
from ostiary.portal.content.openapi.details import read_details
from ostiary.portal.content.openapi.lengths import LEFT_OUT
from ostiary.portal.content.search import (
    MAX_QUERY_CHARS,
    SearchIndex,
    read_words,
    search,
)
from ostiary.portal.content.site import Entry, Site
from ostiary.portal.content.source import Trouble

Look = Literal[
    "home", "catalogue", "guides", "article", "code", "spec", "operation", "own"
]
_LAYOUTS: Final[Mapping[str, Look]] = {
    "home": "home", "homepage": "home", "index": "home",
    "catalog": "catalogue", "catalogue": "catalogue", "service-catalog": "catalogue",
    "documentation": "catalogue",
    "guides": "guides", "guide-index": "guides", "knowledge-base": "guides",
}  # fmt: skip
_TEASED: Final = 6
# Of an API with more operations, those of other groups are not beside each page.
LISTED_BESIDE: Final = 80
_DATA_FILES: Final = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A page as it is sent; `trouble` is what its layout did wrong, for who keeps it."""

    body: bytes = field(repr=False)
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A specification in the catalogue."""

    title: str
    url: str
    initials: str
    version: str
    summary: str
    tags: tuple[str, ...]
    count: int
    is_private: bool


def decide_look(page: Page) -> Look:
    """How a page is drawn: by the operator's layout if there is one, else by ours."""
    layout = (page.entry.head.layout or "").removeprefix("layouts/")
    if page.operation is None and layout and page.site.layouts.has(layout):
        return "own"
    return _decide_ours(page)


def _decide_ours(page: Page) -> Look:
    entry = page.entry
    layout = (entry.head.layout or "").removeprefix("layouts/")
    if page.operation is not None:
        return "operation"
    if entry.api is not None:
        return "spec"
    stem = layout.rpartition("/")[2].removesuffix(".html")
    if stem in _LAYOUTS:
        return _LAYOUTS[stem]
    if not layout and entry.route in {"/", "/documentation", "/guides"}:
        return {"/": "home", "/documentation": "catalogue", "/guides": "guides"}[
            entry.route
        ]  # type: ignore[return-value]  # one of them
    return "code" if entry.path.endswith(_DATA_FILES) else "article"


def render_page(
    page: Page, chrome: Chrome, query: Mapping[str, str] | None = None
) -> Drawn:
    """
    A page that was found.

    Args:
        query: Of the address; the catalogue reads `tag` and `q`.
    """
    trouble = None
    look = decide_look(page)
    if look == "own":
        try:
            return Drawn(body=_render_own(page, chrome))
        except BadLayout as error:
            name = page.entry.head.layout or ""
            trouble = Trouble(path=f"layouts of {page.entry.path}: {name}", text=str(error))  # fmt: skip
            look = _decide_ours(page)
    return Drawn(body=_DRAW[look](page, chrome, query or {}), trouble=trouble)


def _context(page: Page, chrome: Chrome) -> dict[str, object]:
    left, toil = [MAX_CHARS], [MAX_TOIL]

    def write(text: str) -> Markup:
        # Each of hundreds of descriptions may be long, or slow: together they are as one page.
        room = left[0]
        left[0] -= len(text)
        if left[0] >= 0:
            cost = weigh_markdown(text)
            if cost > toil[0]:
                return show_plainly(text)
            toil[0] -= cost
            return render_markdown(text, base=chrome.base).html
        if room <= 0:
            return Markup("<p>{}</p>").format(LEFT_OUT)
        return Markup("<p>{} … ({})</p>").format(text[:room], LEFT_OUT)

    return {
        "chrome": chrome,
        "entry": page.entry,
        "page_title": page.entry.title,
        "description": page.entry.head.description or "",
        "md": write,
        "highlight": highlight_code,
        "link": lambda url: build_url(str(url), chrome.base),
    }


def _at(chrome: Chrome, route: str) -> str:
    return build_route_url(route, chrome.base)


def _body(page: Page, chrome: Chrome) -> Rendered:
    return render_markdown(page.entry.body, base=chrome.base)


def _render_own(page: Page, chrome: Chrome) -> bytes:
    layout = (page.entry.head.layout or "").removeprefix("layouts/")
    body = _body(page, chrome).html if page.entry.api is None else Markup()
    html = page.site.layouts.render(layout, build_data(page, chrome, body))
    if html.lstrip()[:9].lower().startswith(("<!doctype", "<html")):
        return html.encode()
    # What a layout writes was escaped by its own sandbox.
    inner = Markup(html)  # noqa: S704 - the operator's own template
    return render("portal-own.html", **_context(page, chrome), inner=inner)


def build_cards(site: Site, entries: Sequence[Entry], chrome: Chrome) -> list[Card]:
    """Specifications as the catalogue shows them."""
    cards = []
    for entry in entries:
        api = entry.api
        if api is None:
            continue
        told = api.summary or entry.head.description or _first(api.description)
        cards.append(
            Card(
                title=entry.title,
                url=_at(chrome, entry.route),
                initials=_initials(entry.title),
                version=api.version,
                summary=told,
                tags=api.tags,
                count=sum(1 for _ in api.operations),
                is_private=site.has_auth and entry.head.readable_by is not None,
            )
        )
    return cards


def _first(text: str) -> str:
    plain = " ".join(text.strip().split("\n\n")[0].split())
    return plain if len(plain) <= 180 else plain[:180].rpartition(" ")[0] + " …"


def _initials(title: str) -> str:
    words = [word for word in title.split() if word[:1].isalnum()]
    two = "".join(word[0] for word in words[:2]) if len(words) > 1 else title[:2]
    return two.upper()


def _home(page: Page, chrome: Chrome, _: Mapping[str, str]) -> bytes:
    entries = page.site.specs(page.reader)
    extra = page.entry.head.extra
    actions = extra.get("actions")
    return render(
        "portal-home.html",
        **_context(page, chrome),
        heading=extra.get("hero") or page.entry.title,
        actions=[a for a in actions if isinstance(a, dict) and a.get("title")]
        if isinstance(actions, list)
        else [],
        cards=build_cards(page.site, entries[:_TEASED], chrome),
        more=max(0, len(entries) - _TEASED),
        catalogue_url=_at(chrome, "/documentation"),
        content=_body(page, chrome).html,
    )


def _catalogue(page: Page, chrome: Chrome, query: Mapping[str, str]) -> bytes:
    cards = build_cards(page.site, page.site.specs(page.reader), chrome)
    only = page.entry.head.catalog_tag
    if only:
        cards = [card for card in cards if only in card.tags]
    tags: dict[str, int] = {}
    for card in cards:
        for tag in card.tags:
            tags[tag] = tags.get(tag, 0) + 1
    chosen = query.get("tag", "")
    asked = query.get("q", "")[:MAX_QUERY_CHARS]
    words = read_words(asked)
    shown = [
        card
        for card in cards
        if (not chosen or chosen in card.tags)
        and all(w in " ".join(read_words(f"{card.title} {card.summary} {' '.join(card.tags)}")) for w in words)
    ]  # fmt: skip
    return render(
        "portal-catalogue.html",
        **_context(page, chrome),
        cards=shown,
        total=len(cards),
        tags=[] if page.entry.head.hide_categories else sorted(tags.items()),
        chosen=chosen,
        asked=asked,
        has_filter=not page.entry.head.hide_filter and len(cards) > 3,
        here=_at(chrome, page.entry.route),
        content=_body(page, chrome).html,
    )


def _order(entry: Entry) -> tuple[float, str]:
    order = entry.head.extra.get("order")
    is_number = isinstance(order, int | float) and not isinstance(order, bool)
    return (float(order) if is_number else 1e9, entry.route)  # type: ignore[arg-type]  # judged


def _below(page: Page, route: str) -> list[Entry]:
    prefix = route.rstrip("/") + "/"
    found = [
        e
        for e in page.site.listed(page.reader)
        if e.route.startswith(prefix) and e.api is None
    ]
    return sorted(found, key=_order)


def _guides(page: Page, chrome: Chrome, _: Mapping[str, str]) -> bytes:
    pages = [
        {
            "title": e.title,
            "url": _at(chrome, e.route),
            "summary": e.head.description or "",
        }
        for e in _below(page, page.entry.route)
    ]
    return render(
        "portal-guides.html",
        **_context(page, chrome),
        pages=pages,
        content=_body(page, chrome).html,
    )


def _article(page: Page, chrome: Chrome, _: Mapping[str, str]) -> bytes:
    entry, body = page.entry, _body(page, chrome)
    steps = entry.route.strip("/").split("/")
    top = page.site.routes.get(f"/{steps[0]}")
    if top is not None and page.site.judge(top, page.reader) != "allowed":
        top = None  # not even its title is for everybody
    beside: list[Entry] = []
    if len(steps) > 1 or (top is not None and _below(page, f"/{steps[0]}")):
        beside = _below(page, f"/{steps[0]}")
    above = [
        {"title": found.title, "url": _at(chrome, found.route)}
        for count in range(1, len(steps))
        if (found := page.site.routes.get("/" + "/".join(steps[:count]))) is not None
        and page.site.judge(found, page.reader) == "allowed"
    ]
    return render(
        "portal-article.html",
        **_context(page, chrome),
        has_title=body.has_title,
        content=body.html,
        headings=body.headings if len(body.headings) > 1 else (),
        crumbs=above,
        section=top.title if top is not None else "",
        beside=[
            {"title": e.title, "url": _at(chrome, e.route), "is_here": e is entry}
            for e in beside
        ],
    )


def _code(page: Page, chrome: Chrome, _: Mapping[str, str]) -> bytes:
    language = "json" if page.entry.path.endswith(".json") else "yaml"
    return render(
        "portal-article.html",
        **_context(page, chrome),
        has_title=False,
        content=Markup('<div class="code-block"><pre><code>{}</code></pre></div>').format(
            highlight_code(page.entry.body, language)
        ),
        headings=(), crumbs=[], section="", beside=[],
    )  # fmt: skip


def _spec_context(page: Page, chrome: Chrome) -> dict[str, object]:
    assert page.entry.api is not None
    count = sum(1 for _ in page.entry.api.operations)
    raw = page.entry.path.removeprefix("specs/")
    return {
        **_context(page, chrome),
        "api": page.entry.api,
        "is_short": count <= LISTED_BESIDE,
        "spec_url": _at(chrome, page.entry.route),
        "raw_url": _at(chrome, f"{RAW_PREFIX}{raw}"),
        "raw_name": raw.rpartition("/")[2],
        "catalogue_url": _at(chrome, "/documentation"),
    }


def _spec(page: Page, chrome: Chrome, _: Mapping[str, str]) -> bytes:
    can_explore = page.entry.is_listed and chrome.tries
    own_url = _at(chrome, page.entry.route)
    return render(
        "portal-spec.html", **_spec_context(page, chrome), operation=None,
        explore_url=f"{own_url}{EXPLORE_END}" if can_explore else None,
    )  # fmt: skip


def _operation(page: Page, chrome: Chrome, _: Mapping[str, str]) -> bytes:
    assert page.operation is not None
    assert page.entry.api is not None
    can_try = page.operation.can_be_tried and page.entry.is_listed and chrome.tries
    own_url = f"{_at(chrome, page.entry.route)}/{page.operation.slug}"
    return render(
        "portal-operation.html",
        **_spec_context(page, chrome),
        operation=page.operation,
        details=read_details(page.entry.api, page.operation),
        try_url=f"{own_url}{TRY_END}" if can_try else None,
    )


_DRAW: Final[
    Mapping[Look, Callable[[Page, Chrome, Mapping[str, str]], bytes]]
] = {
    "home": _home, "catalogue": _catalogue, "guides": _guides, "article": _article,
    "code": _code, "spec": _spec, "operation": _operation,
}  # fmt: skip


def render_search(
    page: SearchPage, index: SearchIndex, query: str, chrome: Chrome
) -> bytes:
    """The page of results."""
    asked = query[:MAX_QUERY_CHARS].strip()
    hits = search(page.site, index, asked, page.reader)
    shown: list[dict[str, Any]] = [  # Any: values of a template
        {"hit": hit, "url": _at(chrome, hit.route)} for hit in hits
    ]
    return render(
        "portal-search.html", chrome=chrome, asked=asked, results=shown,
        llms_url=f"{chrome.base}{LLMS}", catalogue_url=_at(chrome, "/documentation"),
    )  # fmt: skip


def render_message(
    chrome: Chrome, *, title: str, text: str, action_url: str, action_label: str
) -> bytes:
    """A page that says one thing, and where to go from there."""
    return render(
        "portal-message.html", chrome=chrome, title=title, text=text,
        action_url=action_url, action_label=action_label,
    )  # fmt: skip


def render_missing(chrome: Chrome) -> bytes:
    """For 404: nothing is there."""
    return render_message(
        chrome,
        title="Page not found",
        text="There is no page at this address. It may have moved, or the link is wrong.",
        action_url=chrome.home_url,
        action_label="Go to the first page",
    )


def render_denied(chrome: Chrome) -> bytes:
    """For 403: this developer may not read it."""
    return render_message(
        chrome,
        title="This page is not for your account",
        text="You are signed in, but your account has none of the roles that may read this page. "
        "Ask whoever runs this portal for access.",
        action_url=chrome.home_url,
        action_label="Go to the first page",
    )
