"""Whatever files there are, there is a site, and every page of it can be drawn."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.portal.content.finding import Page, SearchPage, build_llms, find_page
from ostiary.portal.content.rendering import (
    render_denied,
    render_missing,
    render_page,
    render_search,
)
from ostiary.portal.content.search import build_index
from tests.unit.portal.content.site_kit import ADA, BASE, frame, show, site_of

WORDS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12
)
VALUES = st.one_of(
    WORDS.map(repr), st.sampled_from(["7", "true", "[a, b]", "{a: 1}", "~", "[]", "'*'", "-1.5", "/a/b", "javascript:x"])
)  # fmt: skip
KEYS = st.sampled_from(["title", "layout", "route", "readable_by", "output", "private", "hero", "actions", "order", "tags", "description", "stub", "locale", "catalog_tag", "spec_url"])  # fmt: skip
HEADS = st.dictionaries(KEYS, VALUES, max_size=4).map(
    lambda d: "".join(f"{k}: {v}\n" for k, v in d.items())
)
LAYOUTS = st.sampled_from(["homepage.html", "catalog.html", "guides.html", "own.html", ""])  # fmt: skip
PAGES = st.tuples(HEADS, LAYOUTS, WORDS).map(
    lambda t: (
        f"---\n{t[0]}{'layout: ' + t[1] if t[1] and 'layout' not in t[0] else ''}\n---\n# {t[2]}\n{t[2]}"
    )
)
PATHS = st.sampled_from([
    "content/index.md", "content/a.md", "content/a/index.txt", "content/a/b.html", "content/_posts/x.md",
    "content/d.json", "specs/s.yaml", "specs/t.json", "portal.conf.yaml", "router.conf.yaml",
    "themes/base/theme.conf.yaml", "themes/base/layouts/own.html", "themes/base/assets/a.css",
])  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(PATHS, PAGES | HEADS | WORDS, max_size=8))
def test_any_files_make_a_site_whose_pages_can_be_drawn(files: dict[str, str]) -> None:
    site = site_of(files)
    index = build_index(site)
    build_llms(site, ADA).encode()
    for route in [*site.routes, "/", "/a/b", "/search", "/documentation/s"]:
        found = find_page(site, route, ADA)
        chrome = frame(site, ADA, route)
        if isinstance(found, Page):
            assert b"</" in render_page(found, chrome, {"tag": "a", "q": "b"}).body
        elif isinstance(found, SearchPage):
            render_search(found, index, "a b", chrome)
    render_missing(frame(site))
    render_denied(frame(site, ADA))


def test_links_of_the_frame_and_of_pages_stay_below_the_workspace() -> None:
    site = site_of(
        {
            "portal.conf.yaml": "menu: [{title: A, url: a}, {title: H, url: ''}]",
            "content/a.md": "[x](b) ![y](assets/c.png)",
        }
    )
    html = show(site, "/a")

    for part in (
        f'href="{BASE}/a" aria-current="page"', f'href="{BASE}/b"', f'src="{BASE}/assets/c.png"',
        f'action="{BASE}/search"', f'href="{BASE}"',
    ):  # fmt: skip
        assert part in html, part


def test_an_article_has_its_neighbours_its_contents_and_the_way_up() -> None:
    site = site_of(
        {
            "content/guides/index.md": "---\ntitle: All guides\nlayout: guides.html\n---\n",
            "content/guides/two.md": "---\ntitle: Two\norder: 2\n---\n## A\n## B\n",
            "content/guides/one.md": "---\ntitle: One\norder: 1\n---\nx",
            "content/guides/hidden.md": "---\ntitle: Hidden\nprivate: true\n---\nx",
        }
    )
    article, cards = show(site, "/guides/two"), show(site, "/guides")

    assert article.index(">One</a>") < article.index(">Two</a>")
    assert f'<a href="{BASE}/guides/two" aria-current="page">Two</a>' in article
    assert '<a href="#a">A</a>' in article
    assert f'<li><a href="{BASE}/guides">All guides</a></li>' in article
    assert "Hidden" not in article + cards
    assert cards.index(">One</a>") < cards.index(">Two</a>")


def test_names_of_files_may_have_blanks_and_any_letters() -> None:
    site = site_of(
        {
            "content/guides/index.md": "---\nlayout: guides.html\n---\n",
            "content/guides/über uns.md": "words",
            "specs/my api.yaml": "openapi: 3.0.0\ninfo: {title: Mine}\npaths: {}\n",
        }
    )

    assert "words" in show(site, "/guides/über uns")
    assert f'href="{BASE}/guides/%C3%BCber%20uns"' in show(site, "/guides")
    assert f'href="{BASE}/_specs/my%20api.yaml"' in show(site, "/documentation/my api")
    assert f"({BASE}/_specs/my%20api.yaml)" in build_llms(site, ADA)
