"""Search: beginnings of words, titles first, and an end to what it costs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.portal.content.access import ANONYMOUS
from ostiary.portal.content.defaults import load_shipped_files
from ostiary.portal.content.finding import SearchPage, find_page
from ostiary.portal.content.rendering import render_search
from ostiary.portal.content.search import Hit, build_index, search
from ostiary.portal.content.site import Site, build_site
from tests.unit.portal.content.site_kit import frame, site_of

SHIPPED = build_site(load_shipped_files(), workspace="team", has_auth=True)
INDEX = build_index(SHIPPED)


def find(site: Site, query: str) -> list[Hit]:
    return [*search(site, build_index(site), query, ANONYMOUS)]


def test_titles_count_more_than_tags_and_tags_more_than_text() -> None:
    site = site_of(
        {
            "content/body.md": "---\ntitle: One\n---\nkeyword " * 20,
            "content/tag.md": "---\ntitle: Two\ntags: [keyword]\n---\n",
            "content/title.md": "---\ntitle: Keyword\n---\n",
        }
    )

    assert [hit.route for hit in find(site, "keyword")] == ["/title", "/tag", "/body"]


def test_a_word_finds_those_that_begin_with_it_and_whole_words_first() -> None:
    site = site_of({"content/a.md": "---\ntitle: Ordering\n---\n", "content/b.md": "---\ntitle: Order\n---\n"})  # fmt: skip

    assert [hit.route for hit in find(site, "order")] == ["/b", "/a"]
    assert [hit.route for hit in find(site, "ORDERI")] == ["/a"]
    assert find(site, "rder") == []


def test_every_word_must_be_there_and_accents_do_not_matter() -> None:
    site = site_of({"content/a.md": "---\ntitle: Café\n---\nmenü"})

    assert [hit.route for hit in find(site, "cafe menu")] == ["/a"]
    assert find(site, "cafe tea") == []
    assert find(site, "") == find(site, "  ?!") == []


def test_operations_are_found_by_name_path_and_method() -> None:
    for query in ("cancel an order", "delete orders", "cancel"):
        hits = search(SHIPPED, INDEX, query, ANONYMOUS)
        assert "/documentation/bookshop/cancel-order" in [hit.route for hit in hits]


def test_a_result_shows_the_piece_where_the_word_is() -> None:
    site = site_of({"content/a.md": "x " * 500 + "needle here " + "y " * 500})

    assert "needle" in find(site, "needle")[0].fragment


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300))
def test_any_query_has_a_page_and_is_escaped_on_it(query: str) -> None:
    found = find_page(SHIPPED, "/search", ANONYMOUS)
    assert isinstance(found, SearchPage)
    html = render_search(found, INDEX, query, frame(SHIPPED)).decode()

    assert "<script" not in html
    assert html.count("<form") == 2


def test_a_query_cannot_break_out_of_the_page() -> None:
    found = find_page(SHIPPED, "/search", ANONYMOUS)
    assert isinstance(found, SearchPage)
    html = render_search(found, INDEX, '"><script>alert(1)</script>', frame(SHIPPED))

    assert b"<script>" not in html
